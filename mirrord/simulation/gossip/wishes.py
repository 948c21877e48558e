"""What a run of the gossip simulator is asked for, and what is wrong with it."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from mirrord.core import limits
from mirrord.core.errors import UsageError
from mirrord.core.gossip.dialling import SESSIONS_WANTED

NODES_MIN: Final = 20
NODES_MAX: Final = 20_000
"""The matrix of editions has a byte for every two nodes: 400 MB."""

PERIODS_MIN: Final = 5
PERIODS_MAX: Final = 1_000
HOSTILE_MAX: Final = 0.9
_REACHABLE_MIN: Final = 10
_ONLINE_MIN: Final = 10


class Partner(Enum):
    """With which of its open sessions a node opens its round."""

    ANY = "any"
    """One at random."""
    DIALLED = "dialled"
    """One at random of those that it dialled itself; those that others dialled it only answers."""
    DIALLED_IN_TURN = "dialled in turn"
    """The one of those that it dialled itself in which nothing was said for longest."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What a node does where the protocol leaves it a choice; the defaults are those of the daemon.

    It keeps ``sessions_wanted`` sessions open that it dialled itself, and trades one for a new peer every
    ``rotate_rounds`` rounds.  Where a round brings it nothing, it opens the next one a quarter of a period later
    with another session, until one does or so many ``tries`` were made.  A session in which nothing was said for
    ``idle_seconds`` is closed.  ``greeting_rounds`` is how many of the two ends open a round with a new session.
    Where ``pushes_refresh``, a node sends its hourly refresh to all its sessions, which do not pass it on.  What
    is urgent is passed on to so many as ``relay_peers`` says, drawn at random; None: to all.
    """

    sessions_wanted: int = SESSIONS_WANTED
    rotate_rounds: int = 5
    partner: Partner = Partner.ANY
    tries: int = limits.ROUND_TRIES_MAX
    idle_seconds: float = limits.SESSION_IDLE_SECONDS
    greeting_rounds: int = 1
    pushes_refresh: bool = True
    relay_peers: int | None = limits.RELAY_SESSIONS_MAX


@dataclass(frozen=True, slots=True)
class GossipWishes:
    """One run.  Shares are from 0 to 1.

    ``reachable`` and ``offline`` are of all nodes, ``hostile`` of those online.  ``periods`` are simulated
    once the network runs steadily.  ``exact`` is the share of exchanges that are spoken message by message;
    None takes as many as give every figure to within a few per cent.
    """

    nodes: int = 10_000
    seed: int = 1
    reachable: float = 0.3
    offline: float = 0.2
    hostile: float = 0.0
    periods: int = 20
    exact: float | None = None
    habits: Habits = Habits()


def check_gossip_wishes(wishes: GossipWishes) -> None:
    """Raise :class:`UsageError` for what no run can have."""
    if not NODES_MIN <= wishes.nodes <= NODES_MAX:
        raise UsageError(
            f"gossip cannot be simulated with {wishes.nodes:,} nodes", f"name {NODES_MIN} to {NODES_MAX:,}"
        )
    if not PERIODS_MIN <= wishes.periods <= PERIODS_MAX:
        raise UsageError(f"{wishes.periods} periods cannot be simulated", f"name {PERIODS_MIN} to {PERIODS_MAX:,}")
    for what, share in (("reachable", wishes.reachable), ("offline", wishes.offline)):
        if not 0 <= share <= 1:
            raise UsageError(f"{share:g} is not a share of the nodes to be {what}", "name 0 to 1")
    if not 0 <= wishes.hostile <= HOSTILE_MAX:
        raise UsageError(f"{wishes.hostile:g} cannot be the hostile share", f"name 0 to {HOSTILE_MAX:g}")
    if wishes.exact is not None and not 0 < wishes.exact <= 1:
        raise UsageError(f"{wishes.exact:g} is not a share of the exchanges", "name more than 0, at most 1")
    honest = (1 - wishes.offline) * (1 - wishes.hostile) * wishes.nodes
    if honest < _ONLINE_MIN or honest * wishes.reachable < _REACHABLE_MIN / 2:
        raise UsageError(
            f"{honest:.0f} honest nodes online, {honest * wishes.reachable:.0f} of them reachable, are no network",
            "ask for more nodes, more of them reachable, or fewer offline",
        )
