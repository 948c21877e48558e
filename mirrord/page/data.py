"""What the page is made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mirrord.core.statistics import Happening, Statistics, Transfer


@dataclass(frozen=True, slots=True)
class PageData:
    """One moment; ``happenings`` has the newest last."""

    statistics: Statistics
    transfer: Transfer
    happenings: Sequence[Happening]
    version: str


class PageSource(Protocol):
    """The daemon, as the page sees it; all are called in the loop and must be quick."""

    def statistics(self) -> Statistics:
        """Return a snapshot of now."""
        ...

    def transfer(self) -> Transfer:
        """Return what the engine has moved."""
        ...

    def happenings(self) -> Sequence[Happening]:
        """Return what happened last, the newest last."""
        ...
