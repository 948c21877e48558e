"""HTML from text: whatever is not :class:`Markup` is escaped, and strangers' words are made harmless first.

Names of shards, collections and operators come from other people's nodes.  :func:`words` bounds them, shows every
control and format character (such as one that turns the direction of the text around) as an escape, and keeps
them apart from what stands beside them.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from mirrord.core.wording import bounded

NAME_MAX_CHARACTERS: Final = 48
"""Of a stranger's words, after what cannot be shown was written as escapes."""


@dataclass(frozen=True, slots=True)
class Markup:
    """HTML that this package made itself."""

    html: str


Content = Markup | str | int
"""Text and numbers become text; only Markup becomes HTML."""

NOTHING: Final = Markup("")


def tag(name: str, /, *children: Content, **attributes: str | int | bool) -> Markup:
    """Return an element.

    Of the attributes' names ``_`` becomes ``-`` and goes at the end, as in ``class_``; True stands without a value,
    False not at all.
    """
    return Markup(f"<{name}{_attributes(attributes)}>{join(children).html}</{name}>")


def void(name: str, /, **attributes: str | int | bool) -> Markup:
    """Return an element that has no content in HTML, such as ``meta``."""
    return Markup(f"<{name}{_attributes(attributes)}>")


def drawn(name: str, /, **attributes: str | int | bool) -> Markup:
    """Return an empty element of an SVG picture."""
    return Markup(f"<{name}{_attributes(attributes)}/>")


def join(parts: Iterable[Content]) -> Markup:
    """Return one after the other."""
    return Markup("".join(part.html if isinstance(part, Markup) else escape(str(part), quote=False) for part in parts))


def words(text: str, characters_max: int = NAME_MAX_CHARACTERS) -> Markup:
    """Return a stranger's words."""
    return tag("bdi", bounded(text, characters_max))


def figures(entries: Iterable[tuple[str, str, str]], marked: Collection[str] = ()) -> Markup:
    """Return numbers in large print: of each what it is, the number, and what it means; some ``marked`` as alarming."""
    made = (
        tag(
            "div", tag("dt", what), tag("dd", tag("strong", figure), more), class_="marked" if what in marked else False
        )
        for what, figure, more in entries
    )
    return tag("dl", *made)


def table(
    caption: str, heads: Sequence[Content], rows: Iterable[Sequence[Content]], *, name: str, wide: bool = False
) -> Markup:
    """Return a table; the first of every row heads it, the others are numbers or cells that are made already.

    ``name`` is its id on the page.  A ``wide`` one scrolls by itself where the window is narrow, by keyboard too.
    """
    head = tag("tr", *(each if _is(each, "th") else tag("th", each, scope="col") for each in heads))
    body = (
        tag("tr", tag("th", first, scope="row"), *(each if _is(each, "td") else tag("td", each) for each in others))
        for first, *others in rows
    )
    made = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))
    if not wide:
        return made
    return tag("div", made, class_="scroll", tabindex="0", role="region", aria_label=caption, id=name)


def wide_only(content: Content, element: str = "td") -> Markup:
    """Return a cell that narrow windows leave out; ``th`` for the head of its column."""
    return tag(element, content, class_="wideonly", scope="col" if element == "th" else False)


def _is(content: Content, name: str) -> bool:
    return isinstance(content, Markup) and content.html.startswith(f"<{name}")


def _attributes(attributes: dict[str, str | int | bool]) -> str:
    said = []
    for key, value in attributes.items():
        if value is False:
            continue
        name = key.rstrip("_").replace("_", "-")
        said.append(f" {name}" if value is True else f' {name}="{escape(str(value))}"')
    return "".join(said)
