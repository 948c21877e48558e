"""The roster: every node's part in one collection, as columns, kept up to date record by record.

It holds what announcements say and nothing derived from it: :mod:`view` weighs it at a moment.  A node
has a row as long as it is known; rows are used again.  10,000 nodes with 20 shards each take about 6 MB.
"""

from collections.abc import Mapping
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from mirrord.core.placement.domains import Domains, Said, subnet_of
from mirrord.core.placement.pairs import Pairs
from mirrord.core.records.ids import NodeId
from mirrord.core.records.kinds import Announcement, CollectionState
from mirrord.core.records.shardset import NO_SHARDS, ShardSet

CLAIMS_COUNTED_MAX: Final = 4
"""Claims of one node that count: two fetches and two ahead.  What a node claims beyond is void."""

_NO_CLAIM: Final = -1
_FIRST_ROWS: Final = 64


class Roster:
    """Columns by row; ``ids[row]`` is None where a row is free."""

    def __init__(self) -> None:
        self.ids: list[NodeId | None] = []
        self.row_of: dict[NodeId, int] = {}
        self._free_rows: list[int] = []
        self._domains: list[Said | None] = []
        self._labels: Domains | None = None
        self._holdings: list[NDArray[np.int32]] = []
        self._declined: dict[int, ShardSet] = {}
        self._disputed: dict[int, ShardSet] = {}
        self._releases: dict[int, Mapping[int, int]] = {}
        self._bits: list[ShardSet] = []
        self._pairs: Pairs | None = None
        self._make_columns(_FIRST_ROWS)

    def _make_columns(self, rows: int) -> None:
        self.issued_at = np.zeros(rows)
        self.pledge_bytes = np.zeros(rows, dtype=np.int64)
        self.free_bytes = np.zeros(rows, dtype=np.int64)
        self.down_rate = np.zeros(rows)
        self.up_rate = np.zeros(rows)
        self.parting = np.zeros(rows, dtype=np.bool_)
        self.score = np.ones(rows)
        self.vetted = np.ones(rows, dtype=np.bool_)
        self.claims_total = np.zeros(rows, dtype=np.int32)
        self.finished = np.zeros(rows, dtype=np.int32)
        self.failed = np.zeros(rows, dtype=np.int32)
        shape = (rows, CLAIMS_COUNTED_MAX)
        self.claim_shard = np.full(shape, _NO_CLAIM, dtype=np.int32)
        self.claim_made = np.zeros(shape)
        self.claim_expires = np.zeros(shape)
        self.claim_percent = np.zeros(shape, dtype=np.int16)
        self.claim_fetching = np.zeros(shape, dtype=np.bool_)
        self.claim_moved = np.zeros(shape)

    def __len__(self) -> int:
        return len(self.row_of)

    @property
    def rows(self) -> int:
        """How many rows there are, free ones included."""
        return len(self.ids)

    # --- records in ------------------------------------------------------------------------------

    def put(self, node: NodeId, said: Announcement, part: CollectionState, now_unix: float) -> None:
        """Take over what a node announces; ``now_unix`` is when it came, by which stalled claims are known."""
        row = self.row_of.get(node)
        if row is None:
            row = self._new_row(node)
        self.issued_at[row] = said.issued_at
        self.pledge_bytes[row] = said.pledge_bytes
        self.free_bytes[row] = said.free_bytes
        self.down_rate[row] = said.down_bytes_per_second
        self.up_rate[row] = said.up_bytes_per_second
        self.parting[row] = part.parting
        self.claims_total[row] = sum(len(each.claims) for each in said.collections)
        self._put_domains(row, said)
        self._put_claims(row, part, now_unix)
        if part.holdings != self._bits[row]:
            self._put_holdings(row, part.holdings)
        _put_or_pop(self._declined, row, part.declined)
        releases: Mapping[int, int] = {int(release.shard): release.announced_at for release in part.releases}
        _put_or_pop(self._releases, row, releases)

    def renew(self, node: NodeId, issued_at: int) -> None:
        """Take over an announcement that says nothing new but that the node is there."""
        self.issued_at[self.row_of[node]] = issued_at

    def drop(self, node: NodeId) -> None:
        """Forget a node whose record is gone; unknown ones are no matter."""
        row = self.row_of.pop(node, None)
        if row is None:
            return
        self.ids[row] = None
        self._free_rows.append(row)
        self._put_holdings(row, NO_SHARDS)
        self._declined.pop(row, None)
        self._releases.pop(row, None)
        self._disputed.pop(row, None)
        self._domains[row], self._labels = None, None
        self.claim_shard[row] = _NO_CLAIM
        self.issued_at[row] = self.pledge_bytes[row] = self.free_bytes[row] = 0

    def judge(self, node: NodeId, score: float, vetted: bool, disputed: ShardSet = NO_SHARDS) -> None:
        """Take over what audits say of a node: its score (0 to 1), whether it is vetted, which copies are disputed."""
        row = self.row_of.get(node)
        if row is None:
            return
        self.score[row], self.vetted[row] = score, vetted
        if disputed != self._disputed.get(row, NO_SHARDS):
            _put_or_pop(self._disputed, row, disputed)
            self._put_holdings(row, self._bits[row])

    def _new_row(self, node: NodeId) -> int:
        if self._free_rows:
            row = self._free_rows.pop()
            self.ids[row] = node
        else:
            row = len(self.ids)
            self.ids.append(node)
            self._holdings.append(_NOTHING)
            self._bits.append(NO_SHARDS)
            self._domains.append(None)
            if row >= len(self.issued_at):
                self._grow()
        self._labels = None
        self.score[row], self.vetted[row] = 1.0, True
        self.finished[row] = self.failed[row] = 0
        self.row_of[node] = row
        return row

    def _grow(self) -> None:
        old = {name: column for name, column in vars(self).items() if isinstance(column, np.ndarray)}
        self._make_columns(2 * len(self.issued_at))
        for name, column in old.items():
            getattr(self, name)[: len(column)] = column

    def _put_domains(self, row: int, said: Announcement) -> None:
        subnet = subnet_of(said.bittorrent[0].host) if said.bittorrent else ""
        domains = (said.operator, subnet, said.country, said.asn)
        if domains != self._domains[row]:
            self._domains[row] = domains
            self._labels = None

    def _put_claims(self, row: int, part: CollectionState, now_unix: float) -> None:
        before = {
            int(shard): (int(percent), float(moved), bool(fetching))
            for shard, percent, moved, fetching in zip(
                self.claim_shard[row],
                self.claim_percent[row],
                self.claim_moved[row],
                self.claim_fetching[row],
                strict=True,
            )
            if shard != _NO_CLAIM
        }
        self.claim_shard[row] = _NO_CLAIM
        for column, claim in enumerate(part.claims[:CLAIMS_COUNTED_MAX]):
            was = before.pop(claim.shard, None)
            stands_still = was is not None and was[0] >= claim.percent and was[2] == claim.fetching
            self.claim_shard[row, column] = claim.shard
            self.claim_made[row, column] = claim.claimed_at
            self.claim_expires[row, column] = claim.expires_at
            self.claim_percent[row, column] = claim.percent
            self.claim_fetching[row, column] = claim.fetching
            self.claim_moved[row, column] = was[1] if was is not None and stands_still else now_unix
        for shard, (_, _, fetching) in before.items():
            self.finished[row] += shard in part.holdings
            self.failed[row] += fetching and shard not in part.holdings

    def _put_holdings(self, row: int, holdings: ShardSet) -> None:
        counted = holdings - self._disputed[row] if row in self._disputed else holdings
        self._bits[row], self._holdings[row] = holdings, counted.indexes()
        self._pairs = None

    # --- what is known ---------------------------------------------------------------------------

    def pairs(self) -> Pairs:
        """Return who holds what, disputed copies left out."""
        if self._pairs is None:
            self._pairs = Pairs.of(self._holdings)
        return self._pairs

    def domains(self) -> Domains:
        """Return the failure domains of every row."""
        if self._labels is None:
            self._labels = Domains.of(self._domains)
        return self._labels

    def said_of_domains(self) -> tuple[Said | None, ...]:
        """Return what every row says of its domains; None where it is free."""
        return tuple(self._domains)

    def holdings_of(self, row: int) -> ShardSet:
        """Return what a node says it holds."""
        return self._bits[row]

    def declined(self) -> dict[int, ShardSet]:
        """Return the shards that nodes said they will not fetch, by row; most decline none."""
        return dict(self._declined)

    def releases(self) -> dict[int, Mapping[int, int]]:
        """Return the announced intents to give copies up, by row: unix second of the announcement by shard."""
        return dict(self._releases)


_NOTHING: Final = np.zeros(0, dtype=np.int32)


K = TypeVar("K")
V = TypeVar("V")


def _put_or_pop(table: dict[K, V], key: K, value: V) -> None:
    """Keep only what is not empty: most nodes decline and release nothing."""
    if value:
        table[key] = value
    else:
        table.pop(key, None)
