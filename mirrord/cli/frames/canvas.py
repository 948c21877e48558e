"""What a terminal can show, and lines that fit it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from mirrord.core.coverage.heat import Heat

Styles = dict[str, Style]

_MANY: Final = {
    "lost": "bold #ffffff on #b3134b",
    "danger": "bold #15191e on #ee7d35",
    "below": "bold #15191e on #e5b53c",
    "waiting": "bold #d5dce3 on #2a313a",
    "safe": "bold #e3f2ff on #1c5a94",
    Heat.NONE.value: "#ffffff on #b3134b",
    Heat.ONE.value: "#15191e on #ee7d35",
    Heat.BELOW.value: "#15191e on #e5b53c",
    Heat.ENOUGH.value: "#e3f2ff on #1c456b",
    "block none": "#ff7aa5 on #5c0d2a",
    "block one": "#ff9a57 on #54290b",
    "block below": "#f6c445 on #4a3a08",
    "block enough": "#6fb0e0 on #142c42",
}
"""For terminals with 256 colours or more: both colours of a cell are set, so that any background will do."""

_FEW: Final = {
    "lost": "bold white on red",
    "danger": "bold black on yellow",
    "below": "bold yellow",
    "waiting": "bold",
    "safe": "bold green",
    Heat.NONE.value: "white on red",
    Heat.ONE.value: "black on yellow",
    Heat.BELOW.value: "yellow",
    Heat.ENOUGH.value: "cyan",
    "block none": "red",
    "block one": "bold yellow",
    "block below": "yellow",
    "block enough": "cyan",
}

_COMMON: Final = {
    "title": "bold",
    "dim": "dim",
    "quiet": "dim",
    "strong": "bold",
    "good": "green",
    "warn": "yellow",
    "bad": "bold red",
    "alert": "bold white on red",
    "bar": "cyan",
}


_LOW_BELOW: Final = 30


@dataclass(frozen=True, slots=True)
class Canvas:
    """``height`` is None where nothing limits it; without ``unicode`` only ASCII is sent.

    ``many_colours`` says whether the terminal has more than sixteen.
    """

    width: int
    height: int | None = None
    unicode: bool = True
    many_colours: bool = True

    @property
    def is_low(self) -> bool:
        """Whether every line counts."""
        return self.height is not None and self.height < _LOW_BELOW

    def style(self, name: str) -> Style:
        """Return a style by its name."""
        return _STYLES[self.many_colours][name]

    def text(self, text: str, style: str = "") -> Text:
        """Return a piece of a line."""
        return Text(text, self.style(style) if style else "", no_wrap=True, end="")

    def narrow(self, width: int) -> "Canvas":
        """Return a part of this that is so wide."""
        return Canvas(width, self.height, self.unicode, self.many_colours)


_STYLES: Final[dict[bool, Styles]] = {
    many: {name: Style.parse(said) for name, said in ({**_MANY, **_COMMON} if many else {**_FEW, **_COMMON}).items()}
    for many in (True, False)
}


def joined(pieces: Iterable[Text]) -> Text:
    """Return a line of these pieces."""
    line = Text(no_wrap=True, end="")
    for piece in pieces:
        line.append_text(piece)
    return line


def fitted(line: Text, width: int, pad: bool = False) -> Text:
    """Return a line in ``width`` columns at most; an ellipsis says that something is missing."""
    line = line.copy()
    line.truncate(width, overflow="ellipsis", pad=pad)
    return line


def spread(left: Text, right: Text, width: int) -> Text:
    """Return two texts at the two ends of a line; the left one gives way."""
    room = width - right.cell_len
    if room < 1:
        return fitted(left, width)
    return joined((fitted(left, room, pad=True), right))


def rule(canvas: Canvas, title: str, right: Text | None = None) -> Text:
    """Return a line across with a title in it, and something at its end where there is room."""
    dash = "─" if canvas.unicode else "-"
    head = joined((canvas.text(f"{dash}{dash} ", "quiet"), canvas.text(title, "title"), canvas.text(" ")))
    tail = Text(end="")
    if right is not None and head.cell_len + right.cell_len + 6 <= canvas.width:
        tail = joined((canvas.text(" "), right))
    middle = max(0, canvas.width - head.cell_len - tail.cell_len)
    return fitted(joined((head, canvas.text(dash * middle, "quiet"), tail)), canvas.width)


def flowed(canvas: Canvas, pieces: Sequence[Text], rows: int | None, gap: int = 3) -> list[Text]:
    """Return pieces one after the other, as many as go into ``rows`` lines; those that come first matter most."""
    lines: list[Text] = []
    for piece in pieces:
        if lines and lines[-1].cell_len + gap + piece.cell_len <= canvas.width:
            lines[-1] = joined((lines[-1], canvas.text(" " * gap), piece))
        elif rows is None or len(lines) < rows:
            lines.append(fitted(piece, canvas.width))
    return lines


def beside(left: Sequence[Text], right: Sequence[Text], width: int, gap: int = 3) -> list[Text]:
    """Return two blocks of lines side by side; the left one is ``width`` wide."""
    nothing = Text(end="")
    rows = max(len(left), len(right))
    return [
        joined(
            (
                fitted(left[row] if row < len(left) else nothing, width, pad=True),
                Text(" " * gap, end=""),
                right[row] if row < len(right) else nothing,
            )
        )
        for row in range(rows)
    ]


def bar(canvas: Canvas, share: float, width: int, style: str = "bar") -> Text:
    """Return a part of a whole as a bar; a part that is there is never drawn as nothing."""
    full, empty = ("█", "░") if canvas.unicode else ("#", ".")
    filled = min(width, max(1 if share > 0 else 0, round(share * width)))
    return joined((canvas.text(full * filled, style), canvas.text(empty * (width - filled), "quiet")))


def in_ascii(line: Text) -> Text:
    """Return a line for a terminal that knows no other characters; each other one keeps its place."""
    plain = "".join(c if c.isascii() else "~" if c == "…" else "?" * cell_len(c) for c in line.plain)
    if plain == line.plain:
        return line
    if len(plain) == len(line.plain):  # the styles still fit
        line = line.copy()
        line.plain = plain
        return line
    return Text(plain, no_wrap=True, end="")
