"""Every other node that a record is held of, and the tally of each joined collection, kept up record by record.

The record set notes who changed (:mod:`mirrord.core.records.changes`); :meth:`Census.update` takes that over, at
every tick and before every snapshot, so that neither ever finds much to do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mirrord.core.clock import Instant
from mirrord.core.coverage.tally import Tally
from mirrord.core.gossip.liveness import Liveness
from mirrord.core.records.ids import CollectionId, NodeId
from mirrord.core.records.kinds import Announcement
from mirrord.core.records.recordset import RecordSet
from mirrord.core.records.shardset import NO_SHARDS, ShardSet
from mirrord.core.timing import TimingProfile

_FIRST_ROWS: Final = 64


@dataclass(frozen=True, slots=True)
class Totals:
    """Some nodes together."""

    nodes: int = 0
    pledge_bytes: int = 0
    free_bytes: int = 0


class Census:
    """Nodes by row; a row that is free has None for an announcement.

    It is a copy of what the record set says, made for counting; :meth:`update` may be called at any time.
    """

    def __init__(self, own: NodeId, timing: TimingProfile) -> None:
        self._own = own
        self._timing = timing
        self._silent_max_seconds = timing.counted_until_seconds
        self._row_of: dict[NodeId, int] = {}
        self._free: list[int] = []
        self._ids: list[NodeId] = []
        self._said: list[Announcement | None] = []
        self._issued_at = np.zeros(_FIRST_ROWS)
        self._pledge_bytes = np.zeros(_FIRST_ROWS, dtype=np.int64)
        self._free_bytes = np.zeros(_FIRST_ROWS, dtype=np.int64)
        self._tallies: dict[CollectionId, Tally] = {}

    def __len__(self) -> int:
        """Return how many other nodes are known."""
        return len(self._row_of)

    def tally(self, collection: CollectionId) -> Tally:
        """Return the counts of a collection that :meth:`update` was told of."""
        return self._tallies[collection]

    def update(self, records: RecordSet, own: Mapping[CollectionId, ShardSet], now: Instant) -> None:
        """Take over what changed.  ``own`` are the joined collections, each with what this node lets count there."""
        changed = records.changes.take()
        for collection in self._tallies.keys() - own.keys():
            del self._tallies[collection]
        fresh = own.keys() - self._tallies.keys()
        for collection in fresh:
            self._tallies[collection] = Tally()
        if changed is None or fresh:
            changed = frozenset(self._row_of) | frozenset(node for node, _ in records.nodes())
        for node in changed:
            if node != self._own:
                self._look_at(node, records, now)
        present = self._presence(now)
        for collection, holdings in own.items():
            tally = self._tallies[collection]
            tally.put_own(holdings)
            tally.heed_presence(present)

    def _look_at(self, node: NodeId, records: RecordSet, now: Instant) -> None:
        said = records.announcement(node)
        if said is None:
            self._forget(node)
            return
        row = self._row(node)
        self._said[row], self._issued_at[row] = said, said.issued_at
        self._pledge_bytes[row], self._free_bytes[row] = said.pledge_bytes, said.free_bytes
        present = now.unix_seconds - said.issued_at <= self._silent_max_seconds
        for collection, tally in self._tallies.items():
            part = said.part_in(collection)
            if part is None or not records.counts(node, collection) or records.is_equivocator(node):
                tally.drop(row)
            else:
                tally.put(row, NO_SHARDS if part.parting else part.holdings, present)

    def _row(self, node: NodeId) -> int:
        row = self._row_of.get(node)
        if row is None:
            if self._free:
                row = self._free.pop()
                self._ids[row] = node
            else:
                row = len(self._ids)
                self._ids.append(node)
                self._said.append(None)
                if row >= len(self._issued_at):
                    self._grow()
            self._row_of[node] = row
        return row

    def _grow(self) -> None:
        for name in ("_issued_at", "_pledge_bytes", "_free_bytes"):
            column = getattr(self, name)
            setattr(self, name, np.concatenate([column, np.zeros_like(column)]))

    def _forget(self, node: NodeId) -> None:
        row = self._row_of.pop(node, None)
        if row is not None:
            for tally in self._tallies.values():
                tally.drop(row)
            self._said[row], self._issued_at[row] = None, 0.0
            self._free.append(row)

    def _presence(self, now: Instant) -> NDArray[np.bool_]:
        return np.asarray(now.unix_seconds - self._issued_at[: len(self._ids)] <= self._silent_max_seconds)

    # --- everybody ---------------------------------------------------------------------------------

    def by_liveness(self, now: Instant) -> Mapping[Liveness, Totals]:
        """Return what the other nodes that are alive, away and gone are together."""
        rows = len(self._ids)
        silent = now.unix_seconds - self._issued_at[:rows]
        is_known = np.fromiter((said is not None for said in self._said), dtype=np.bool_, count=rows)
        is_alive = is_known & (silent <= self._timing.alive_seconds)
        is_gone = is_known & ~is_alive & (silent >= self._timing.presence_zero_seconds)
        chosen = {Liveness.ALIVE: is_alive, Liveness.AWAY: is_known & ~is_alive & ~is_gone, Liveness.GONE: is_gone}
        return {
            state: Totals(
                int(np.count_nonzero(some)),
                _exact_sum(self._pledge_bytes[:rows][some]),
                _exact_sum(self._free_bytes[:rows][some]),
            )
            for state, some in chosen.items()
        }

    def everybody(self) -> tuple[tuple[NodeId, ...], tuple[Announcement | None, ...]]:
        """Return every row's node and announcement, for somebody else to read later."""
        return tuple(self._ids), tuple(self._said)


def _exact_sum(numbers: NDArray[np.int64]) -> int:
    """Sum up what strangers say, each up to the greatest number that a column holds."""
    return (int((numbers >> 32).sum()) << 32) + int((numbers & 0xFFFF_FFFF).sum())
