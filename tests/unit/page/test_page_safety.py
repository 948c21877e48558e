"""No stranger's word becomes part of the page's build, and no collection makes it too large."""

import base64
import hashlib
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from page_reading import Page, page_of

from mirrord.core.coverage.domains import Placed
from mirrord.core.outside.types import OutsideAnswers, OutsideSource
from mirrord.core.placement.pairs import Pairs
from mirrord.core.statistics import CollectionStatistics, Happening, ShardRole
from mirrord.core.wording import bounded
from mirrord.page.markup import NAME_MAX_CHARACTERS, tag, words
from mirrord.page.style import DARK, LIGHT, POLICY
from tests.builders import AT, make_collection, make_node, make_shard, make_statistics

BYTES_MAX = 150_000
CONTRAST_MIN = 4.5
HOSTILE = st.text(
    st.sampled_from("<>&\"'/=`;-! \n\t\0\x1b\u202e\u2066\u200f\u200d\ufeff\u2028\u0301ab")
) | st.sampled_from(
    ["</bdi></td><script>alert(1)</script>", "<!--", "]]>", "</style>", "&lt;b&gt;", "' onclick='x", "x" * 10_000]
)
NAME = st.text(st.characters(), min_size=1) | HOSTILE.filter(bool)


def page_by(collection: str, shard: str, operator: str, happening: str, reason: str) -> Page:
    shards = [
        make_shard(0, 1, name=shard),
        make_shard(1, 3, name=shard, role=ShardRole.FETCHING),
        make_shard(2, 0, name=shard, rights=shard),
    ]
    copies = Pairs(np.array([0, 0], dtype=np.int32), np.array([0, 1], dtype=np.int32))
    placed = Placed(copies, np.ones(1, dtype=np.bool_), [(operator, operator, operator, 7)])
    made = [make_collection(shards, name=collection, number=n, placed=placed) for n in range(4)]
    statistics = make_statistics(made, node=make_node(fetching_paused=reason))
    return page_of(statistics, [Happening(AT, happening)])


PLAIN = page_by("a", "b", "c", "d", "e")


@given(NAME, NAME, NAME, HOSTILE, NAME)
@example("\ud800", "\udfff<b>", "\x9b", "\U000e0001", "\u202e")
def test_strangers_words_are_text_whatever_they_are(
    collection: str, shard: str, operator: str, happening: str, reason: str
) -> None:
    page = page_by(collection, shard, operator, happening, reason)
    assert page.read.elements == PLAIN.read.elements
    assert page.read.others == []
    shown = {unicodedata.category(c) for c in page.html.decode() if c != "\n"}
    assert not shown & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.text(st.characters() | st.sampled_from("\u202e\0\n<")), st.integers(2, 80))
def test_words_are_bounded_and_begin_as_they_were_said(text: str, most: int) -> None:
    shown = bounded(text, most)
    assert len(shown) <= most
    if text.isascii() and text.isprintable():
        assert shown == text if len(text) <= most else shown == text[: most - 1] + "…"
    assert bounded(shown, most) == shown


def test_the_builder_escapes_everything_but_markup() -> None:
    made = tag("a", "<&>", words("<i>"), 7, title="\"'<", data_x=3, hidden=True, disabled=False)
    assert made.html == ('<a title="&quot;&#x27;&lt;" data-x="3" hidden>&lt;&amp;&gt;<bdi>&lt;i&gt;</bdi>7</a>')


def test_the_policy_lets_in_what_is_on_the_page_and_nothing_else() -> None:
    html = PLAIN.html.decode()
    for name, directive in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(f"<{name}>(.*?)</{name}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in POLICY
    assert "default-src 'none'" in POLICY
    icons = [dict(attributes)["href"] for name, attributes in PLAIN.read.elements if name == "link"]
    assert [icon[:20] for icon in icons] == ["data:image/svg+xml,%"[:20]], "or a browser would ask for one"
    assert "unsafe" not in POLICY
    inline = [
        name
        for _, attributes in PLAIN.read.elements
        for name, _ in attributes
        if name == "style" or name.startswith("on")
    ]
    assert inline == []
    outside = [value for name in ("src", "href") for value in PLAIN.read.values(name)]
    assert all(re.fullmatch(r"data:.*|metrics|", value) for value in outside)


def sick(count: int, name: str, number: int = 1) -> CollectionStatistics:
    """Return a collection of shards that all lack replicas, in as many classes as there are, with long names."""
    shards = [
        make_shard(i, i * 7 % 9, target=9, name=name, claims=99_999, stale=99_999, role=ShardRole.FETCHING)
        for i in range(count)
    ]
    answers = {source: OutsideAnswers(np.ones(count, dtype=np.int16), np.full(count, AT)) for source in OutsideSource}
    copies = Pairs(np.zeros(count, dtype=np.int32), np.arange(count, dtype=np.int32))
    placed = Placed(copies, np.ones(1, dtype=np.bool_), [(name, name, "NL", 4_200_000_000)])
    return make_collection(shards, name=name, number=number, outside_answers=answers, placed=placed)


@pytest.mark.parametrize(
    ("shards", "collections"), [(3_000, 1), (3_000, 2), (3_000, 3), (1_000, 4), (40, 64), (100_000, 1)]
)
@pytest.mark.parametrize("letter", ["&", "\u202e"], ids=["markup", "bidi"])
def test_the_page_stays_small_whatever_is_on_it(shards: int, collections: int, letter: str) -> None:
    name = letter * (NAME_MAX_CHARACTERS + 10)
    made = [sick(shards, name, number) for number in range(collections)]
    page = page_of(make_statistics(made), [Happening(AT, letter * 1_000)] * 200)
    assert len(page.html) < BYTES_MAX


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_text_stands_out_from_its_ground(palette: dict[str, tuple[str, str]]) -> None:
    weak = {name: ratio for name, pair in palette.items() if (ratio := contrast(*pair)) < CONTRAST_MIN}
    assert not weak


def contrast(ground: str, ink: str) -> float:
    """Return the contrast ratio of WCAG 2."""
    light, dark = sorted((luminance(ground), luminance(ink)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
