"""The JSON of the control interface, version 1: coverage, and what happened.  The rules are those of :mod:`shapes`."""

from mirrord.control.shapes import Answer, Shape, ShardShape, SharesShape


class KindShape(Shape, frozen=True, kw_only=True):
    """A collection by one kind of replicas, "claimed" or "verified"; ``copies`` is how many there are in all."""

    copies: int
    min_replicas: int
    max_replicas: int
    below_target: int
    bytes_below_target: int
    demand_covered: SharesShape
    items_covered: SharesShape
    bytes_covered: SharesShape


class BandCoverageShape(Shape, frozen=True, kw_only=True):
    """The shards of one band.

    ``by_replicas`` and ``target_met`` count shards, by the kind of replicas; the last place of a list holds so many
    replicas or more.  ``covered_bytes`` are those of shards with one, two, three and their target of claimed replicas.
    """

    band: str
    shards: int
    bytes: int
    demand_share: float
    by_replicas: dict[str, tuple[int, ...]]
    target_met: dict[str, int]
    min_replicas: int
    covered_bytes: tuple[int, ...]


class RankShape(Shape, frozen=True, kw_only=True):
    """A range of popularity ranks, by claimed replicas; ``rank`` is where it begins, in percent, 0 the most popular."""

    rank: int
    shards: int
    by_replicas: tuple[int, ...]
    min_replicas: int
    below_target: int


class DomainShape(Shape, frozen=True, kw_only=True):
    """What would go if the largest operator, subnet, asn or country vanished; ``name`` is what its nodes say."""

    kind: str
    name: str
    nodes: int
    share: float
    lost_shards: int
    lost_bytes: int
    below_target_shards: int


class MeasuresShape(Shape, frozen=True, kw_only=True):
    """What was seen of nodes and repairs; ``repair_bytes_per_second`` is null where nothing was measured."""

    detection_seconds: float
    node_lifetime_seconds: float
    nodes_lost: int
    observed_seconds: float
    repair_seconds: float
    repairs: int
    repair_bytes_per_second: float | None


class HeatMapShape(Shape, frozen=True, kw_only=True):
    """Shards by popularity and replicas: ``cells[row][column]`` have ``row`` claimed ones, the last row or more.

    Column c holds the ranks from ``ends[c]`` to ``ends[c + 1] - 1``, 0 the most popular.  ``lacking`` are those of a
    cell that are below their target, ``targets`` the least and the greatest target of each column.
    """

    ends: tuple[int, ...]
    cells: tuple[tuple[int, ...], ...]
    lacking: tuple[tuple[int, ...], ...]
    targets: tuple[tuple[int, int], ...]


class OutsideShape(Shape, frozen=True, kw_only=True):
    """Seeders outside mirrord, as one source tells: nobody verified any, and they are in no other number.

    ``by_seeders[k]`` shards have k, the last k or more; of ``unknown`` ones nobody told.  ``only_outside`` shards have
    such a seeder and no replica.  ``oldest_answer_at`` is null where nobody has answered.
    """

    by_seeders: tuple[int, ...]
    unknown: int
    only_outside: int
    oldest_answer_at: float | None


class HereShape(Shape, frozen=True, kw_only=True):
    """This node's part: of ``shards`` held, ``only_here`` have no other replica; ``under_way`` is what is not held yet.

    Of more than twenty under way, the ones farthest on are listed, and ``under_way_total`` says how many there are.
    """

    shards: int
    bytes: int
    only_here: int
    under_way: tuple[ShardShape, ...]
    under_way_total: int


class CollectionCoverageShape(Shape, frozen=True, kw_only=True):
    """Everything about the safety of one collection, withdrawn shards left out.

    ``safety`` is lost, danger, below, waiting (for the manifest) or safe; ``judgement`` says it in a sentence.
    ``repair_eta_seconds`` is 0 where nothing is missing and null where nobody can tell.  ``worst`` are at most twenty
    of the shards below target, those with the fewest replicas first.
    """

    id: str
    name: str
    manifest_version: int
    safety: str
    judgement: str
    shards: int
    bytes: int
    holders: int
    records: int
    fingerprint: int
    backlog_bytes: int
    surplus_bytes: int
    repair_eta_seconds: float | None
    expected_shard_losses: float
    kinds: dict[str, KindShape]
    stale_copies: int
    disputed_copies: int
    bands: tuple[BandCoverageShape, ...]
    ranks: tuple[RankShape, ...]
    domains: tuple[DomainShape, ...]
    measures: MeasuresShape
    heat_map: HeatMapShape
    outside: dict[str, OutsideShape]
    worst: tuple[ShardShape, ...]
    here: HereShape


class CoverageAnswer(Answer, frozen=True, kw_only=True):
    """Answers ``GET /v1/coverage``.  While ``auditing`` is false nobody audits, so that nothing can be verified."""

    degraded: bool
    auditing: bool
    collections: tuple[CollectionCoverageShape, ...]


class HappeningShape(Shape, frozen=True, kw_only=True):
    """Something that happened on this node, in words for people."""

    at: float
    text: str


class Events(Answer, frozen=True, kw_only=True):
    """Answers ``GET /v1/events``: what happened on this node last, the newest last."""

    events: tuple[HappeningShape, ...]
