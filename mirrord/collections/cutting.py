"""Cuts a collection into shards.  Pure: items in, shard numbers out; only one number a shard is kept.

Items come most popular first, ties by path, so the same input gives the same shards on every
machine, and the many items at popularity zero stay together folder by folder.  A file is never
split.  A shard holds one kind of item (rights statement, quality, codec), so each kind fills a
shard of its own; a file that no shard could hold gets one to itself and leaves the open one open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mirrord.core import limits
from mirrord.core.errors import CollectionError
from mirrord.core.records.kinds import Quality

PPB: Final = 1_000_000_000

METADATA_MAX_BYTES: Final = limits.TORRENT_MAX_BYTES // 2
"""What the file list of one .torrent may come to, by the estimate below; the rest is for hashes."""

_METADATA_PER_FILE_BYTES: Final = 240
"""A file's two entries (v1 and v2), its padding file, its v2 root and a v1 piece hash, without its name."""


@dataclass(frozen=True, slots=True)
class ShardClass:
    """What all files of a shard have in common."""

    rights: str
    quality: Quality = Quality.UNSPECIFIED
    codec: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One file.  ``demand`` is in the catalogue's own unit; ``catalogued`` says whether it has a row."""

    path: str
    bytes: int
    popularity: int
    demand: int
    shard_class: ShardClass
    catalogued: bool = True


@dataclass(frozen=True, slots=True)
class CutRule:
    """Fill shards up to ``shard_bytes``; or, where ``parts`` is set, make about that many of equal size.

    ``total_bytes`` is the size of everything and matters only with ``parts``.
    """

    shard_bytes: int
    parts: int = 0
    total_bytes: int = 0


@dataclass(slots=True)
class Cut:
    """One shard as it fills.

    ``numbers`` are the provisional numbers that its files were given; ``oversize`` marks a single
    file that is larger than a shard should be.
    """

    numbers: list[int]
    shard_class: ShardClass
    first_path: str
    popularity_max: int
    popularity_min: int
    files: int = 0
    items: int = 0
    bytes: int = 0
    demand: int = 0
    metadata_bytes: int = 0
    oversize: bool = False

    def add(self, item: Item, metadata_bytes: int) -> None:
        """Count one more file in."""
        self.files += 1
        self.items += item.catalogued
        self.bytes += item.bytes
        self.demand += item.demand
        self.metadata_bytes += metadata_bytes
        self.popularity_min = item.popularity

    def absorb(self, other: "Cut") -> None:
        """Take over all files of ``other``."""
        self.numbers += other.numbers
        self.first_path = min(self.first_path, other.first_path)
        self.popularity_max = max(self.popularity_max, other.popularity_max)
        self.popularity_min = min(self.popularity_min, other.popularity_min)
        self.files += other.files
        self.items += other.items
        self.bytes += other.bytes
        self.demand += other.demand
        self.metadata_bytes += other.metadata_bytes


class Cutter:
    """Takes items in order and says, for each, the provisional number of its shard."""

    def __init__(self, rule: CutRule) -> None:
        self._rule = rule
        self._cuts: list[Cut] = []
        self._open: dict[ShardClass, Cut] = {}
        self._parts: dict[ShardClass, _Parts] = {}

    def place(self, item: Item) -> int:
        """Put ``item`` into a shard.  Items must come by falling popularity, ties by rising path."""
        metadata_bytes = _METADATA_PER_FILE_BYTES + 2 * len(item.path.encode("utf-8"))
        current = self._open.get(item.shard_class)
        if not self._rule.parts and item.bytes > self._rule.shard_bytes:
            cut = self._begin(item)
            cut.oversize = True
        elif self._begins_part(item) or current is None or not self._fits(current, item, metadata_bytes):
            cut = self._open[item.shard_class] = self._begin(item)
        else:
            cut = current
        cut.add(item, metadata_bytes)
        return cut.numbers[0]

    def finish(self) -> tuple[Cut, ...]:
        """Return the shards, most popular first; their place is their index."""
        filled = [cut for cut in self._cuts if cut.bytes]
        for cut in self._cuts:
            if not cut.bytes:
                _host_of(cut, filled).absorb(cut)
        return tuple(sorted(filled, key=lambda cut: (-cut.popularity_max, -cut.popularity_min, cut.first_path)))

    def _begin(self, item: Item) -> Cut:
        if len(self._cuts) == limits.SHARDS_MAX:
            raise CollectionError(
                f"the collection needs more than {limits.SHARDS_MAX} shards", "choose a larger --shard-size"
            )
        cut = Cut([len(self._cuts)], item.shard_class, item.path, item.popularity, item.popularity)
        self._cuts.append(cut)
        return cut

    def _begins_part(self, item: Item) -> bool:
        if not self._rule.parts:
            return False
        parts = self._parts.setdefault(item.shard_class, _Parts(self._rule))
        return parts.begins(item.bytes)

    def _fits(self, cut: Cut, item: Item, metadata_bytes: int) -> bool:
        if cut.metadata_bytes + metadata_bytes > METADATA_MAX_BYTES:
            return False
        return bool(self._rule.parts) or cut.bytes + item.bytes <= self._rule.shard_bytes


class _Parts:
    """Where equal parts end: an item belongs to the part that its middle byte falls into."""

    def __init__(self, rule: CutRule) -> None:
        self._rule = rule
        self._placed_bytes = 0
        self._part = 0

    def begins(self, size: int) -> bool:
        middle = 2 * self._placed_bytes + size
        part = middle * self._rule.parts // max(1, 2 * self._rule.total_bytes)
        self._placed_bytes += size
        if not size or part == self._part:
            return False
        self._part = part
        return True


def _host_of(empty: Cut, filled: Sequence[Cut]) -> Cut:
    """Return the nearest shard of the same class that has room in its file list."""
    hosts = [
        cut
        for cut in filled
        if cut.shard_class == empty.shard_class and cut.metadata_bytes + empty.metadata_bytes <= METADATA_MAX_BYTES
    ]
    if not hosts:
        raise CollectionError(
            f"{empty.files} empty files, {empty.first_path!r} first, would be a shard without a byte",
            "a torrent needs a byte: remove them, or give them the rights statement of other files",
        )
    return min(hosts, key=lambda cut: abs(cut.numbers[0] - empty.numbers[0]))


def demand_shares(demands: Sequence[int]) -> tuple[int, ...]:
    """Return each demand's share of their sum in parts of 10^9.

    Largest remainders are rounded up, lower places first, so the shares sum to exactly 10^9;
    where nothing is in demand, all are 0.
    """
    total = sum(demands)
    if not total:
        return (0,) * len(demands)
    shares = [demand * PPB // total for demand in demands]
    by_remainder = sorted(range(len(demands)), key=lambda place: (-(demands[place] * PPB % total), place))
    for place in by_remainder[: PPB - sum(shares)]:
        shares[place] += 1
    return tuple(shares)
