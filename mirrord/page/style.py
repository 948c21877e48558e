"""How the page looks, in light and in dark, and the policy that lets nothing else in.

Colours are told apart by who sees no red or no green, too: blue is enough, and yellow, orange and a dark red grow both
redder and stronger.  A test holds every pair of text and ground to a contrast of 4.5.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Final

from mirrord.page.script import SCRIPT

Palette = Mapping[str, tuple[str, str]]
"""A ground and the text on it, by name."""

LIGHT: Final[Palette] = {
    "page": ("#f3f5f7", "#15191e"),
    "card": ("#ffffff", "#15191e"),
    "soft": ("#ffffff", "#515b66"),
    "faint": ("#f3f5f7", "#515b66"),
    "safe": ("#dcebf8", "#0a3d66"),
    "waiting": ("#e6e9ed", "#333b44"),
    "below": ("#f6c445", "#15191e"),
    "danger": ("#e8702a", "#15191e"),
    "lost": ("#8c1236", "#ffffff"),
    "enough1": ("#dcebf8", "#15191e"),
    "enough2": ("#aed2f0", "#15191e"),
    "enough3": ("#6fb0e0", "#15191e"),
    "enough4": ("#1565a5", "#ffffff"),
}
DARK: Final[Palette] = {
    "page": ("#0d1116", "#e4eaf0"),
    "card": ("#161b22", "#e4eaf0"),
    "soft": ("#161b22", "#9fabb8"),
    "faint": ("#0d1116", "#9fabb8"),
    "safe": ("#12304a", "#bfe0fb"),
    "waiting": ("#2a313a", "#d5dce3"),
    "below": ("#e5b53c", "#15191e"),
    "danger": ("#ee7d35", "#15191e"),
    "lost": ("#ff9fb8", "#2a0410"),
    "enough1": ("#142c42", "#e4eaf0"),
    "enough2": ("#1c456b", "#e4eaf0"),
    "enough3": ("#2b6ba3", "#ffffff"),
    "enough4": ("#7cc0f4", "#15191e"),
}
_LINES: Final = ("#cfd6dd", "#303944")
_FOCUS: Final = ("#0b57d0", "#8ab8ff")


def _variables(palette: Palette, place: int) -> str:
    said = [f"--{name}:{ground};--{name}-ink:{ink}" for name, (ground, ink) in palette.items()]
    return ";".join([*said, f"--line:{_LINES[place]}", f"--focus:{_FOCUS[place]}"])


_HEATS: Final = {
    "none": "lost",
    "one": "danger",
    "below": "below",
    **{name: name for name in LIGHT if name.startswith("enough")},
}
"""The class of a cell and the colour that it has."""

_RULES: Final = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--page-ink);
 font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;overflow-wrap:break-word}
bdi{overflow-wrap:anywhere}
header,main,footer{max-width:1180px;margin:0 auto;padding:0 16px}
header{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 16px;padding-top:16px}
h1,h2,h3{line-height:1.25;margin:0}
h1{font-size:22px}
h2{font-size:20px}
h3{font-size:15px;margin:0 0 6px}
p{margin:0}
a{color:inherit}
header p,footer p,footer a{color:var(--faint-ink);font-size:13px}
footer{padding-bottom:24px}
section,.trouble,#old{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px;margin:16px 0}
.quiet{color:var(--soft-ink);font-size:13px}
.head{display:flex;flex-wrap:wrap;align-items:baseline;gap:0 12px}
.judgement{display:flex;gap:10px;align-items:center;font-size:18px;font-weight:600;line-height:1.3;
 border-radius:8px;padding:10px 12px;margin:10px 0}
.judgement b,.badge b{flex:none;display:inline-grid;place-items:center;width:1.5em;height:1.5em;border-radius:50%;
 border:2px solid;line-height:1}
.badge{display:inline-flex;gap:6px;align-items:center;border-radius:6px;padding:1px 8px 1px 3px;font-weight:600}
.badge b{border-width:1px;width:1.4em;height:1.4em;font-size:12px}
.badge span{padding:0}
dl{display:grid;gap:8px;grid-template-columns:repeat(auto-fit,minmax(148px,1fr));margin:12px 0}
dl div{border:1px solid var(--line);border-radius:8px;padding:8px 10px}
dl .marked{background:var(--below);border-color:var(--below)}
dl .marked *{color:var(--below-ink)}
dt{color:var(--soft-ink);font-size:13px}
dd{margin:0;color:var(--soft-ink);font-size:13px;line-height:1.4}
dd strong{display:block;color:var(--card-ink);font-size:22px;line-height:1.3;font-variant-numeric:tabular-nums}
figure{margin:16px 0}
figcaption{font-size:13px;color:var(--soft-ink);margin-bottom:8px}
figcaption strong{display:block;font-size:15px;color:var(--card-ink)}
svg.lying,svg.standing{display:block;width:100%;height:auto}
svg.standing{display:none;max-width:460px}
svg text{font-size:12px;text-anchor:middle;dominant-baseline:central;font-variant-numeric:tabular-nums}
svg rect{rx:2px}
svg .axis{fill:var(--soft-ink)}
svg .end{text-anchor:end}
svg .start{text-anchor:start}
.aim{fill:none;stroke:var(--card-ink);stroke-width:1.6;stroke-dasharray:5 3}
.key{height:12px;vertical-align:-1px}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;list-style:none;margin:8px 0 0;padding:0;
 font-size:13px;color:var(--soft-ink)}
.pair{display:grid;gap:0 24px;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr))}
.pair>*{min-width:0}
.pair>*>*{margin-top:16px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;font-size:15px;padding-bottom:4px}
th,td{padding:4px 6px;border-top:1px solid var(--line);vertical-align:baseline}
thead th{border-top:0;color:var(--soft-ink);font-size:13px;font-weight:400;vertical-align:bottom}
tbody th{font-weight:400}
th:first-child{text-align:left;padding-left:0}
th,td{text-align:right}
td,thead th{overflow-wrap:normal}
td{white-space:nowrap}
td.says,th.says{text-align:left;white-space:normal}
td.none,td.one,td.below{font-weight:600}
td span{border-radius:4px;padding:0 5px}
ul.plain,ol.plain{list-style:none;margin:0;padding:0}
ol.plain li{display:flex;gap:12px;border-top:1px solid var(--line);padding:3px 0}
ol.plain time{flex:none;color:var(--soft-ink);font-variant-numeric:tabular-nums}
.trouble{background:var(--below);color:var(--below-ink);font-weight:600}
#old{background:var(--lost);color:var(--lost-ink);font-weight:600;flex-basis:100%}
[hidden]{display:none!important}
meter{width:100%;height:16px;display:block}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px}
@media(max-width:640px){
header,main,footer{padding-left:8px;padding-right:8px}
section,.trouble,#old{padding:12px 10px;margin:10px 0}
dl{grid-template-columns:1fr 1fr}
dd strong{font-size:19px}
svg.lying{display:none}
svg.standing{display:block}
table{font-size:13px}
.scroll table{font-size:12px}
td span{padding:0 3px}
th,td{padding:4px 3px}
th:last-child,td:last-child{padding-right:0}
.wideonly{display:none}
}
"""


def _style() -> str:
    heats = "".join(
        f".{name} rect,td.{name} span{{fill:var(--{colour});background:var(--{colour})}}"
        f".{name} text,td.{name} span{{fill:var(--{colour}-ink);color:var(--{colour}-ink)}}"
        for name, colour in _HEATS.items()
    )
    judgements = "".join(
        f".is-{name}{{background:var(--{name});color:var(--{name}-ink)}}"
        for name in ("safe", "waiting", "below", "danger", "lost")
    )
    return (
        f":root{{color-scheme:light dark;{_variables(LIGHT, 0)}}}"
        f"@media(prefers-color-scheme:dark){{:root{{{_variables(DARK, 1)}}}}}"
        f"{_RULES}{heats}{judgements}"
    )


STYLE: Final = _style()


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_hash(STYLE)}",
        f"script-src {_hash(SCRIPT)}",
        "connect-src 'self'",  # the script asks for the page again
        "img-src data:",  # the icon, without which a browser would ask for one
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
