"""What the control interface needs of a daemon.  The daemon implements it, tests fake it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from mirrord.core.planning import Reasons
from mirrord.core.records.ids import CollectionId, NodeId, ShardIndex
from mirrord.core.records.kinds import Grant
from mirrord.core.records.roll import Roll
from mirrord.core.statistics import Happening, Statistics, Transfer


class ControlApi(Protocol):
    """The daemon, as the control interface sees it.

    Every ``async`` method returns when the node has taken the wish up, so that the next
    ``statistics`` shows it, and raises a ``MirrordError`` where it cannot be done.  One that is
    cancelled (the client's time is up, the daemon stops) leaves everything as it was or as asked.
    """

    def statistics(self) -> Statistics:
        """Return a snapshot of now."""
        ...

    def reasons(self, pledge_bytes: int | None = None) -> Mapping[CollectionId, Reasons]:
        """Return why every shard is as it is here, or (with a pledge) would be at once; nothing is changed by it.

        Made in a moment; what takes time is worked out when it is asked, in any thread.
        """
        ...

    def transfer(self) -> Transfer:
        """Return what the engine has moved."""
        ...

    def happenings(self) -> Sequence[Happening]:
        """Return what happened here last, the newest last."""
        ...

    async def join(self, invitation: str) -> CollectionId:
        """Join the collection of an invitation's one line; joining twice changes nothing."""
        ...

    async def import_collection(self, path: Path, adopt: Path | None) -> CollectionId:
        """Join the collection that was built in folder ``path``, and hold what already lies in ``adopt``."""
        ...

    async def leave(self, collection: CollectionId, delete_files: bool, within_seconds: int = 0) -> None:
        """Leave: the holdings stop counting at once, and their files go where that is asked.

        With ``within_seconds`` they are seeded until the network has its copies without us, so long at most.
        """
        ...

    def roll(self, collection: CollectionId) -> Roll | None:
        """Return who is who in a collection, None in one that was not joined."""
        ...

    async def import_admissions(self, envelopes: tuple[bytes, ...]) -> None:
        """Take admissions that a curator or a voucher signed, and hand them on; all of them or none."""
        ...

    async def sign_admissions(
        self, collection: CollectionId, nodes: tuple[NodeId, ...], grant: Grant, expires_at: int, quota: int = 0
    ) -> None:
        """Say with the node's own key what these nodes are in a collection, until unix second ``expires_at``."""
        ...

    async def verify(self, collection: CollectionId, shards: tuple[ShardIndex, ...]) -> None:
        """Read these holdings again, one after the other; one that is being read already is left to it.

        Meanwhile their role is "checking".  A whole one is then "held" with a new ``verified_at``, one
        with bad pieces becomes a fetch until it is whole.
        """
        ...

    async def adopt(self, collection: CollectionId, folder: Path) -> tuple[ShardIndex, ...]:
        """Take the shards whose folders lie in ``folder`` in place; return those that were found."""
        ...

    async def set_pledge(self, pledge_bytes: int) -> None:
        """Give more bytes, or fewer, until the daemon is started again."""
        ...

    async def set_port(self, coordination: int, bittorrent: int) -> None:
        """Listen for peers, and for swarm members, on other ports until the daemon is started again; 0 changes nothing.

        Sessions that are open stay.  A port that cannot be had is as it was.
        """
        ...

    async def stop(self) -> None:
        """Begin a clean stop and return at once."""
        ...
