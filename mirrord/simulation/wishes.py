"""What the command line asked for, and what is wrong with it."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mirrord.core.errors import UsageError

GOSSIP: Final = "gossip"
"""The scenario that is about how records travel, and knows no policy."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """One run: None means what the scenario says.

    ``staleness_seconds`` is how old every view of others is; None lets the policy model how gossip
    delivers.  ``known_share`` (0 to 1] is the part of the members that a node knows, ``loss`` [0 to 1)
    the part of the deliveries of records that are lost and come with the next refresh.
    """

    scenario: str
    policy: str = "mirrord"
    seed: int = 1
    nodes: int | None = None
    shards: int | None = None
    copies: int | None = None
    staleness_seconds: float | None = None
    known_share: float = 1.0
    loss: float = 0.0
    hours: float | None = None


def check_wishes(wishes: Wishes) -> None:
    """Raise :class:`UsageError` for a number that no run can have."""
    if wishes.seed < 0:
        raise UsageError(f"a seed of {wishes.seed} is negative", "name 0 or more")
    for what, count in (("nodes", wishes.nodes), ("shards", wishes.shards), ("copies", wishes.copies)):
        if count is not None and count < 1:
            raise UsageError(f"{count} {what} are too few", "name 1 or more")
    if wishes.hours is not None and not 0 < wishes.hours < float("inf"):
        raise UsageError(f"{wishes.hours:g} hours are not a length of time", "name more than 0")
    if wishes.staleness_seconds is not None and not 0 <= wishes.staleness_seconds < float("inf"):
        raise UsageError(f"a view cannot be {wishes.staleness_seconds:g} seconds old", "name 0 or more")
    if not 0 < wishes.known_share <= 1:
        raise UsageError(f"a node cannot know {wishes.known_share:g} of the members", "name more than 0, at most 1")
    if not 0 <= wishes.loss < 1:
        raise UsageError(f"a loss of {wishes.loss:g} is not a part of the deliveries", "name 0 or more, less than 1")


def unknown_name(what: str, name: str, known: Iterable[str]) -> UsageError:
    """Return the error for a name that is not among ``known``, with the nearest one that is."""
    names = tuple(known)
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]}?" if nearest else f"one of: {', '.join(names)}"
    return UsageError(f"there is no {what} {name[:80]!r}", hint)
