"""The shards of a collection at one moment, as columns: cheap to copy in the loop, read in any thread."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from mirrord.core.coverage.types import ReplicaKind, ShardRole, ShardStatus
from mirrord.core.placement.bands import Band, by_popularity
from mirrord.core.records.kinds import Shard

BANDS = tuple(Band)


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """What a manifest says of its shards, as columns by index; made once a manifest.

    ``band`` holds places in ``BANDS``; ``ranked`` the indexes of the standing shards, most popular first.
    """

    shards: tuple[Shard, ...]
    bytes: NDArray[np.int64]
    items: NDArray[np.int64]
    demand_ppb: NDArray[np.int64]
    band: NDArray[np.int8]
    standing: NDArray[np.bool_]
    ranked: NDArray[np.int32]
    standing_bytes: int

    @classmethod
    def of(cls, shards: tuple[Shard, ...], bands: Sequence[Band]) -> "ShardFacts":
        """Take the columns out of a manifest's list."""
        place = {band: number for number, band in enumerate(BANDS)}
        standing = np.array([not shard.withdrawn for shard in shards], dtype=np.bool_)
        sizes = np.array([shard.bytes for shard in shards], dtype=np.int64)
        ranked = np.array(by_popularity(shards), dtype=np.int32)
        return cls(
            shards=shards,
            bytes=sizes,
            items=np.array([shard.items for shard in shards], dtype=np.int64),
            demand_ppb=np.array([shard.demand_ppb for shard in shards], dtype=np.int64),
            band=np.array([place[band] for band in bands], dtype=np.int8),
            standing=standing,
            ranked=ranked[standing[ranked]],
            standing_bytes=int(sizes[standing].sum()),
        )


NO_FACTS = ShardFacts.of((), ())


@dataclass(frozen=True, slots=True)
class OwnPart:
    """What a shard is to this node.

    ``is_holding`` is whether it is announced as a copy: one that the operator has read again is, until a piece turns
    out to be wrong, but not one that cannot be read.
    """

    role: ShardRole
    percent: int
    verified_at: int
    is_holding: bool


_NOTHING = OwnPart(ShardRole.NONE, 0, 0, is_holding=False)


@dataclass(frozen=True, slots=True, eq=False)
class ShardTable(Sequence[ShardStatus]):
    """Every shard of a collection, by index.  Its columns are never written to again.

    ``own`` has the shards that are something to this node.
    """

    facts: ShardFacts
    targets: NDArray[np.int64]
    claims: NDArray[np.int64]
    replicas: Mapping[ReplicaKind, NDArray[np.int32]]
    own: Mapping[int, OwnPart]

    @property
    def claimed(self) -> NDArray[np.int32]:
        """Claimed replicas by shard."""
        return self.replicas[ReplicaKind.CLAIMED]

    def __len__(self) -> int:
        return len(self.facts.shards)

    @overload
    def __getitem__(self, index: int) -> ShardStatus: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[ShardStatus, ...]: ...

    def __getitem__(self, index: int | slice) -> ShardStatus | tuple[ShardStatus, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(len(self))))
        shard, own = self.facts.shards[index], self.own.get(range(len(self))[index], _NOTHING)
        kinds = self.replicas
        return ShardStatus(
            index=shard.index,
            name=shard.name,
            bytes=shard.bytes,
            band=BANDS[self.facts.band[index]],
            demand_ppb=shard.demand_ppb,
            rights=shard.rights,
            replicas=int(kinds[ReplicaKind.CLAIMED][index]),
            target=int(self.targets[index]),
            claims=int(self.claims[index]),
            withdrawn_reason=shard.withdrawn_reason,
            role=own.role,
            percent=own.percent,
            verified_at=own.verified_at,
            verified=int(kinds[ReplicaKind.VERIFIED][index]),
            stale=int(kinds[ReplicaKind.STALE][index]),
            disputed=int(kinds[ReplicaKind.DISPUTED][index]),
        )

    def __iter__(self) -> Iterator[ShardStatus]:
        return (self[index] for index in range(len(self)))

    def held(self) -> NDArray[np.int64]:
        """Return the indexes of this node's holdings."""
        return np.array([index for index, own in self.own.items() if own.is_holding], dtype=np.int64)

    def below_target(self) -> NDArray[np.int64]:
        """Return the indexes of the standing shards with too few claimed replicas, worst first."""
        below = np.flatnonzero(self.facts.standing & (self.claimed < self.targets))
        lacking = self.targets[below] - self.claimed[below]
        return below[np.lexsort((below, -lacking, self.claimed[below]))]
