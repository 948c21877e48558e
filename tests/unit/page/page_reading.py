"""A page, read as a browser would: its elements in their order, its text, and what is wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

from mirrord.core.statistics import Happening, Statistics, Transfer
from mirrord.page.data import PageData
from mirrord.page.layout import render

VOID = frozenset({"meta", "link"})


class PageReader(HTMLParser):
    """Reads one page; elements that are not closed in turn are an error."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.texts: list[tuple[str, str]] = []
        self.others: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", data))

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)

    def unknown_decl(self, data: str) -> None:
        self.others.append(data)

    def within(self, *names: str) -> list[str]:
        """Return the texts that stand in elements of these names."""
        return [text for name, text in self.texts if name in names]

    @property
    def text(self) -> str:
        """What is there to read, scripts and styles left out."""
        return " ".join(" ".join(text for name, text in self.texts if name not in ("script", "style")).split())

    def values(self, attribute: str) -> list[str]:
        """Return every value of an attribute."""
        return [value or "" for _, attributes in self.elements for name, value in attributes if name == attribute]


@dataclass(frozen=True)
class Page:
    """The bytes of a page, and what was read in them."""

    html: bytes
    read: PageReader = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "read", PageReader(self.html.decode()))

    @property
    def text(self) -> str:
        return self.read.text


def page_of(
    statistics: Statistics,
    happenings: Sequence[Happening] = (),
    transfer: Transfer | None = None,
    version: str = "9.8.7",
) -> Page:
    return Page(render(PageData(statistics, transfer or Transfer(), happenings, version)))
