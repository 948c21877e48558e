"""The tables of a collection: by popularity, the worst shards, what is covered, kinds of replicas, failure domains."""

from collections.abc import Iterator
from typing import Final

from mirrord.core.coverage.heatmap import Heat
from mirrord.core.coverage.types import REPLICAS_SHOWN
from mirrord.core.outside.types import SEEDERS_SHOWN
from mirrord.core.statistics import CollectionStatistics, DomainRisk, OutsideSource, ReplicaKind, ShardStatus
from mirrord.core.wording import format_share, format_size
from mirrord.page.markup import NOTHING, Content, Markup, join, table, tag, wide_only, words

_PPB: Final = 1_000_000_000
_DOMAINS: Final = {"operator": "Operator", "subnet": "Subnet", "asn": "ASN", "country": "Country"}
_KINDS: Final = {
    ReplicaKind.CLAIMED: ("Claimed", "they count: their holders say so"),
    ReplicaKind.VERIFIED: ("Verified", "no audits yet"),
    ReplicaKind.STALE: ("Stale", "on nodes that fell silent: not counted"),
    ReplicaKind.DISPUTED: ("Disputed", "no audits yet"),
}
_SOURCES: Final = {OutsideSource.TRACKER: "trackers", OutsideSource.DHT: "the DHT, at most"}
_LEVELS: Final = ("1 or more", "2 or more", "3 or more", "target")


def bands(collection: CollectionStatistics, name: str) -> Markup:
    """Return shards by popularity and replicas."""
    shown = [band for band in collection.coverage.bands if band.shards]
    classes = [*map(str, range(REPLICAS_SHOWN)), f"{REPLICAS_SHOWN}+"]
    heads: list[Content] = ["band", "shards", wide_only("demand", "th"), *classes, "at target"]
    is_one_few = bool((collection.shards.targets[collection.shards.facts.standing] > 1).any())
    rows = (
        [
            band.band.value,
            f"{band.shards:,}",
            wide_only(format_share(band.demand_ppb / _PPB)),
            *(_shards(k, number, is_one_few) for k, number in enumerate(band.by_replicas)),
            _hot(Heat.BELOW if band.target_met < band.shards else None, f"{band.target_met:,}"),
        ]
        for band in shown
    )
    return table("Bands of popularity, by claimed replicas", heads, rows, name=f"{name}-bands", wide=True)


def _shards(replicas: int, shards: int, is_one_few: bool) -> Markup:
    heat = {0: Heat.NONE, 1: Heat.ONE if is_one_few else None}.get(replicas)
    return _hot(heat if shards else None, f"{shards:,}" if shards else "·")


def _hot(heat: Heat | None, text: str) -> Markup:
    return tag("td", tag("span", text), class_=heat.value) if heat is not None else tag("td", text)


def worst_shards(collection: CollectionStatistics, name: str, count: int) -> Markup:
    """Return the shards below target that have the fewest replicas; nothing where there is none."""
    below = collection.shards.below_target()
    if not len(below):
        return NOTHING
    heads: list[Content] = ["shard", "replicas", wide_only("size", "th"), "claims", "stale"]
    rows = (_shard_row(collection.shards[int(index)]) for index in below[:count])
    caption = "Worst shards" if len(below) <= count else f"Worst shards: {count} of {len(below):,} below target"
    return table(caption, heads, rows, name=f"{name}-worst", wide=True)


def _shard_row(shard: ShardStatus) -> list[Content]:
    heat = {0: Heat.NONE, 1: Heat.ONE}.get(shard.replicas, Heat.BELOW)
    return [
        words(shard.name),
        _hot(heat, f"{shard.replicas} of {shard.target}"),
        wide_only(format_size(shard.bytes)),
        f"{shard.claims:,}" if shard.claims else "·",
        f"{shard.stale:,}" if shard.stale else "·",
    ]


def weights(collection: CollectionStatistics, name: str) -> Markup:
    """Return which part of all demand, items and bytes has how many replicas."""
    coverage = collection.coverage
    covered = (
        ("demand", coverage.demand_covered),
        ("items", coverage.items_covered),
        ("bytes", coverage.bytes_covered),
    )
    rows = ([what, *map(format_share, shares)] for what, shares in covered)
    return table(
        "Covered by so many claimed replicas", ["part of all", *_LEVELS], rows, name=f"{name}-covered", wide=True
    )


def kinds(collection: CollectionStatistics, name: str) -> Markup:
    """Return how many replicas of which kind there are."""
    standing = collection.shards.facts.standing
    rows: Iterator[list[Content]] = (
        [title, f"{int(collection.shards.replicas[kind][standing].sum()):,}", tag("td", means, class_="says")]
        for kind, (title, means) in _KINDS.items()
    )
    heads: list[Content] = ["kind", "replicas", tag("th", "which are", scope="col", class_="says")]
    return table("Replicas by kind", heads, rows, name=f"{name}-kinds")


def domains(collection: CollectionStatistics, name: str) -> Markup:
    """Return what would be lost with the largest failure domains; nothing where nobody declares any."""
    rows = [*_domain_rows(collection.durability.domains)]
    if not rows:
        return NOTHING
    heads: list[Content] = ["the largest", wide_only("nodes", "th"), "of all", "lost", "below"]
    caption = "Shards lost, and below target, if it vanished"
    return table(caption, heads, rows, name=f"{name}-domains", wide=True)


def _domain_rows(risks: tuple[DomainRisk, ...]) -> Iterator[list[Content]]:
    for risk in risks:
        yield [
            join((_DOMAINS.get(risk.kind, "Domain"), " ", words(risk.name))),
            wide_only(f"{risk.nodes:,}"),
            format_share(risk.share),
            _hot(Heat.NONE if risk.lost_shards else None, f"{risk.lost_shards:,}"),
            f"{risk.below_target_shards:,}",
        ]


def outside(collection: CollectionStatistics, name: str) -> Markup:
    """Return how many shards have seeders outside mirrord; nothing where nobody is asked."""
    if not collection.outside:
        return NOTHING
    rows = (
        [
            _SOURCES[source],
            *(f"{shards:,}" for shards in told.by_seeders),
            f"{told.unknown:,}",
            f"{told.only_outside:,}",
        ]
        for source, told in collection.outside.items()
    )
    counts = [*map(str, range(SEEDERS_SHOWN)), f"{SEEDERS_SHOWN}+"]
    heads: list[Content] = ["shards, say", *counts, "not known", "only there"]
    return table(
        "Seeders outside mirrord: unverified, and in no other number", heads, rows, name=f"{name}-outside", wide=True
    )
