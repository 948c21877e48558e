"""What every node has published: edition 1, 2, 3 ... of its announcement, each a real signed record.

Edition 0 stands for "none has arrived".  Envelopes are composed and signed when one is first carried by a
message, because most are not: what the matrix needs of an edition is its sequence and its fingerprint.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mirrord.core.records.codec import encode_announcement
from mirrord.core.records.ids import Address, CollectionId, ShardIndex
from mirrord.core.records.kinds import Announcement, Claim, CollectionState, Kind
from mirrord.core.records.record import Record, RecordKey, fingerprint, make_record
from mirrord.core.records.shardset import ShardSet
from mirrord.core.records.signing import SigningKey, sign
from mirrord.core.timing import DAY, HOUR, WAN
from mirrord.simulation.gossip.population import Population
from mirrord.simulation.seeds import Purpose, generator

START_UNIX: Final = 1_800_000_000
COLLECTION: Final = CollectionId(SigningKey(bytes(32)).public)
"""The one collection that all take part in, and that is simulated."""

_ANOTHER_COLLECTION: Final = CollectionId(SigningKey(bytes([1]) * 32).public)
_SHARDS: Final = 3_000
_HOLDINGS: Final = 20
"""What a pledge of 2 TB has room for."""

_FETCHES: Final = 2
_TB: Final = 10**12


class Edition(NamedTuple):
    """One edition as anti-entropy sees it."""

    key: RecordKey
    sequence: int


class Editions:
    """Rows are editions, columns nodes.  ``newest`` has one number for each node."""

    def __init__(self, population: Population, seed: int) -> None:
        rng = generator(seed, Purpose.PLACEMENT)
        count = len(population)
        self.newest = np.zeros(count, np.uint8)
        self.fingerprints: NDArray[np.uint64] = np.zeros((4, count), np.uint64)
        self.entries = np.empty((4, count), dtype=object)
        self._population = population
        self._holdings = rng.integers(0, _SHARDS, (count, _HOLDINGS))
        self._claims: dict[tuple[int, int], int] = {}
        self._records: dict[tuple[int, int], Record] = {}
        self._of: dict[bytes, tuple[int, int]] = {}
        ages = rng.integers(0, int(HOUR), count)
        ages[~population.online] += int(DAY)
        for node, age in enumerate(ages.tolist()):
            self.publish(node, START_UNIX - age)

    def publish(self, node: int, unix_seconds: int, claims: int = 0) -> int:
        """Let a node announce itself anew, with so many claims; return the edition's number."""
        last = int(self.newest[node])
        edition = last + 1
        if edition == len(self.fingerprints):
            self._grow()
        sequence = unix_seconds
        if last:
            sequence = max(self.sequence(node, last) + 1, sequence)
        self.newest[node] = edition
        self._claims[node, edition] = claims
        self.fingerprints[edition, node] = fingerprint(self._population.record_ids[node], sequence)
        self.entries[edition, node] = Edition(self._population.record_keys[node], sequence)
        return edition

    def _grow(self) -> None:
        self.fingerprints = np.concatenate([self.fingerprints, np.zeros_like(self.fingerprints)])
        self.entries = np.concatenate([self.entries, np.empty_like(self.entries)])

    def sequence(self, node: int, edition: int) -> int:
        """Return the sequence of an edition."""
        return int(self.entries[edition, node].sequence)

    def record(self, node: int, edition: int) -> Record:
        """Return an edition as the record that its author signed."""
        made = self._records.get((node, edition))
        if made is None:
            announcement = self._announcement(node, edition)
            envelope = sign(Kind.ANNOUNCEMENT, encode_announcement(announcement), self._population.keys[node])
            key = self._population.record_keys[node]
            made = make_record(key, announcement.sequence, envelope, announcement)
            self._records[node, edition] = made
            self._of[envelope] = (node, edition)
        return made

    def whose(self, envelope: bytes) -> tuple[int, int]:
        """Return the node and the number of an edition that was carried by a message."""
        return self._of[envelope]

    def _announcement(self, node: int, edition: int) -> Announcement:
        """What a busy volunteer says: two addresses of each kind, two collections, fetches under way."""
        sequence = self.sequence(node, edition)
        coordination = (
            Address(f"10.{node >> 16}.{node >> 8 & 255}.{node & 255}", 7_700),
            Address(f"fd00::{node + 1:x}", 7_700),
        )
        holdings = ShardSet.of(self._holdings[node].tolist())
        claims = tuple(
            Claim(ShardIndex(_SHARDS + shard), sequence, sequence + int(WAN.lease_max_seconds), fetching=shard < 2)
            for shard in range(_FETCHES + self._claims[node, edition])
        )
        parts = (CollectionState(COLLECTION, 1, holdings, claims), CollectionState(_ANOTHER_COLLECTION, 1, holdings))
        return Announcement(
            sequence=sequence,
            issued_at=sequence,
            expires_at=sequence + int(WAN.lifetime_seconds),
            coordination=coordination,
            bittorrent=tuple(address._replace(port=7_701) for address in coordination),
            pledge_bytes=2 * _TB,
            free_bytes=_TB // 10,
            down_bytes_per_second=31_250_000,
            up_bytes_per_second=12_500_000,
            operator="a volunteer",
            country="EO",
            asn=64_496,
            agent="mirrord/0.1.0",
            collections=tuple(sorted(parts, key=lambda part: part.collection)),
        )
