"""What is said of a collection's shards, one by one and summed up."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mirrord.core.placement.bands import Band
from mirrord.core.records.ids import ShardIndex

REPLICAS_SHOWN: Final = 5
"""``by_replicas`` counts 0 to 5 copies; the last place holds 5 or more."""

Covered = tuple[float, float, float, float]
"""The part of a whole, 0 to 1, whose shards have at least one, two, three and their target of replicas."""


class ShardRole(StrEnum):
    """What a shard is to this node."""

    NONE = "none"
    CLAIMED = "claimed"
    FETCHING = "fetching"
    CHECKING = "checking"
    HELD = "held"
    RELEASING = "releasing"


class ReplicaKind(StrEnum):
    """What is known of a copy that a node announced.

    ``claimed`` counts because its holder says so and is there; ``verified`` are those of the claimed that an audit
    has confirmed.  ``stale`` copies are on nodes that have been silent for so long that they do not count, of
    ``disputed`` ones audits say that they are not there: neither is claimed.
    """

    CLAIMED = "claimed"
    VERIFIED = "verified"
    STALE = "stale"
    DISPUTED = "disputed"


COUNTED_KINDS: Final = (ReplicaKind.CLAIMED, ReplicaKind.VERIFIED)
"""The kinds by which a collection may be called covered."""


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """One shard as this node sees the network.

    ``replicas`` counts the claimed copies, our own included, ``verified``, ``stale`` and ``disputed`` those of the
    other kinds; ``claims`` the valid claims, our own included; ``percent`` is our own fetch.
    """

    index: ShardIndex
    name: str
    bytes: int
    band: Band
    demand_ppb: int
    rights: str
    replicas: int
    target: int
    claims: int
    withdrawn_reason: str
    role: ShardRole
    percent: int
    verified_at: int
    verified: int = 0
    stale: int = 0
    disputed: int = 0


@dataclass(frozen=True, slots=True)
class BandCoverage:
    """The shards of one band.

    ``by_replicas[k]`` have k claimed copies, the last k or more; ``by_kind`` says the same of every kind.
    ``covered_bytes`` are those of shards with at least one, two, three and their target of claimed replicas.
    """

    band: Band
    shards: int
    bytes: int
    demand_ppb: int
    by_kind: Mapping[ReplicaKind, tuple[int, ...]]
    target_met_by_kind: Mapping[ReplicaKind, int]
    min_replicas: int
    covered_bytes: tuple[int, int, int, int]

    @property
    def by_replicas(self) -> tuple[int, ...]:
        """Shards by claimed replicas."""
        return self.by_kind[ReplicaKind.CLAIMED]

    @property
    def target_met(self) -> int:
        """Shards that have their target of claimed replicas."""
        return self.target_met_by_kind[ReplicaKind.CLAIMED]


@dataclass(frozen=True, slots=True)
class RankCoverage:
    """The shards of one range of popularity ranks, by claimed replicas.

    ``rank`` is where the range begins, in percent of all standing shards: 0 are the most popular.
    """

    rank: int
    shards: int
    by_replicas: tuple[int, ...]
    min_replicas: int
    below_target: int


@dataclass(frozen=True, slots=True)
class KindCoverage:
    """A collection by one kind of replicas: extremes, what is below its target, what is covered."""

    min_replicas: int
    max_replicas: int
    below_target: int
    bytes_below_target: int
    demand_covered: Covered
    items_covered: Covered
    bytes_covered: Covered


@dataclass(frozen=True, slots=True)
class Coverage:
    """How safe a collection is, withdrawn shards left out.

    ``backlog_bytes`` is what must be fetched until every shard has its target of claimed replicas,
    ``surplus_bytes`` what is held beyond the targets.
    """

    shards: int
    bands: tuple[BandCoverage, ...]
    ranks: tuple[RankCoverage, ...]
    by_kind: Mapping[ReplicaKind, KindCoverage]
    backlog_bytes: int
    surplus_bytes: int

    @property
    def _claimed(self) -> KindCoverage:
        return self.by_kind[ReplicaKind.CLAIMED]

    @property
    def min_replicas(self) -> int:
        """Claimed replicas of the rarest shard."""
        return self._claimed.min_replicas

    @property
    def max_replicas(self) -> int:
        """Claimed replicas of the commonest shard."""
        return self._claimed.max_replicas

    @property
    def below_target(self) -> int:
        """Shards with fewer claimed replicas than their target."""
        return self._claimed.below_target

    @property
    def bytes_below_target(self) -> int:
        """The bytes of these."""
        return self._claimed.bytes_below_target

    @property
    def demand_covered(self) -> Covered:
        """By demand; where nothing has been asked for yet, every shard alike."""
        return self._claimed.demand_covered

    @property
    def items_covered(self) -> Covered:
        """By items."""
        return self._claimed.items_covered

    @property
    def bytes_covered(self) -> Covered:
        """By bytes."""
        return self._claimed.bytes_covered


@dataclass(frozen=True, slots=True)
class Measures:
    """What was seen of a collection's nodes and repairs so far; the means start from a stated prior.

    ``detection_seconds`` is how long a node that fell silent is still counted, by the timing profile.
    ``node_lifetime_seconds`` is how long a node lasts in the mean, from ``nodes_lost`` in ``observed_seconds`` (of
    all nodes together); ``repair_seconds`` how long a shard stays below its target, from ``repairs``.
    ``repair_bytes_per_second`` is how fast missing copies appear, None where nothing was measured.
    """

    detection_seconds: float
    node_lifetime_seconds: float
    nodes_lost: int
    observed_seconds: float
    repair_seconds: float
    repairs: int
    repair_bytes_per_second: float | None


@dataclass(frozen=True, slots=True)
class DomainRisk:
    """What would go if the largest failure domain of a kind vanished: an operator, a subnet, an ASN or a country.

    ``name`` is what its ``nodes`` say of themselves, a stranger's words; ``share`` is its part of the bytes of all
    replicas.  ``lost_shards`` would be left without a replica, ``below_target_shards`` with too few.
    """

    kind: str
    name: str
    nodes: int
    share: float
    lost_shards: int
    lost_bytes: int
    below_target_shards: int


@dataclass(frozen=True, slots=True)
class Durability:
    """What may come of a collection.

    ``repair_eta_seconds`` is when everything has its target if repairs go on as measured, 0 where nothing is
    missing, None where nobody can tell.  ``expected_shard_losses`` is by the model of :mod:`durability`, in a year.
    """

    measures: Measures
    repair_eta_seconds: float | None
    expected_shard_losses: float
    domains: tuple[DomainRisk, ...]
