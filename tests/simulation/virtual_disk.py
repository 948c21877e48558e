"""A node's data folder and its BitTorrent engine, under virtual time.

The folder survives a kill, the engine does not.  A fetch moves on a quarter of the shard at a time,
where some member that it was told of is reachable and seeds the whole shard.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core.records.ids import Address, Sha256, ShardKey

STEPS = 4
CHECK_SECONDS = 0.05
RETRY_SECONDS = 0.2


@dataclass(slots=True)
class Folder:
    """What lies on disk: how many of a shard's ``STEPS`` parts are there and right."""

    parts: dict[ShardKey, int] = field(default_factory=dict)
    full: bool = False
    parts_written: int = 0
    parts_deleted: int = 0

    def is_whole(self, key: ShardKey) -> bool:
        return self.parts.get(key) == STEPS


class VirtualEngine:
    """Carries out engine effects on one folder.  ``later`` runs a step after so many seconds of this life."""

    def __init__(
        self,
        folder: Folder,
        later: Callable[[float, Callable[[], None]], None],
        emit: Callable[[ev.Event], None],
        seeds: Callable[[Address, ShardKey], bool],
        blobs: Iterable[Sha256],
        fetch_seconds: float,
    ) -> None:
        self._folder = folder
        self._later = later
        self._emit = emit
        self._seeds = seeds
        self._blobs = blobs
        self._fetch_seconds = fetch_seconds
        self._members: dict[ShardKey, set[Address]] = {}
        self._orders: dict[ShardKey, int] = {}
        self._paused = False
        self.seeding: set[ShardKey] = set()

    def carry_out(self, effect: ef.EngineEffect) -> None:
        match effect:
            case ef.FetchShard(key, _, torrent, members):
                assert torrent in self._blobs, "a fetch without its .torrent"
                self._members[key] = set(members)
                self._fetch(key, self._begin(key))
            case ef.SeedShard(key, _, torrent):
                assert torrent in self._blobs, "seeding without the .torrent"
                self._begin(key)
                self.seeding.add(key)
            case ef.CheckShard(key, _, torrent):
                assert torrent in self._blobs, "a check without the .torrent"
                order = self._begin(key)
                self._later(CHECK_SECONDS, lambda: self._checked(key, order))
            case ef.AddSwarmMembers(key, members):
                self._members.setdefault(key, set()).update(members)
            case ef.RemoveShard(key, _, _, delete_files):
                order = self._begin(key)
                self._later(CHECK_SECONDS, lambda: self._removed(key, order, delete_files))
            case ef.PauseFetching():
                self._paused = True
            case ef.ResumeFetching():
                self._paused = False

    def _begin(self, key: ShardKey) -> int:
        """Start a new order for a shard; what was under way for it stops."""
        self.seeding.discard(key)
        self._orders[key] = self._orders.get(key, 0) + 1
        return self._orders[key]

    def _fetch(self, key: ShardKey, order: int) -> None:
        if self._orders[key] != order:
            return
        folder = self._folder
        if folder.is_whole(key):
            self._later(CHECK_SECONDS, lambda: self._checked(key, order))
            return
        reachable = any(self._seeds(member, key) for member in sorted(self._members.get(key, ())))
        if self._paused or not reachable:
            self._later(RETRY_SECONDS, lambda: self._fetch(key, order))
            return
        self._later(self._fetch_seconds / STEPS, lambda: self._wrote(key, order))

    def _wrote(self, key: ShardKey, order: int) -> None:
        if self._orders[key] != order:
            return
        folder = self._folder
        if folder.full:
            if not self._paused:
                self._emit(ev.DiskFilled("no space left on device"))
        elif not folder.is_whole(key):
            folder.parts[key] = folder.parts.get(key, 0) + 1
            folder.parts_written += 1
            self._emit(ev.FetchProgressed(key, folder.parts[key], STEPS))
        self._fetch(key, order)

    def _checked(self, key: ShardKey, order: int) -> None:
        if self._orders[key] != order:
            return
        if self._folder.is_whole(key):
            self.seeding.add(key)
            self._emit(ev.HoldingVerified(key))
        else:
            missing = STEPS - self._folder.parts.get(key, 0)
            self._emit(ev.HoldingFailed(key, missing))
            self._fetch(key, order)

    def _removed(self, key: ShardKey, order: int, delete_files: bool) -> None:
        if self._orders[key] != order:
            return
        if delete_files:
            self._folder.parts_deleted += self._folder.parts.pop(key, 0)
        self._emit(ev.ShardRemoved(key))
