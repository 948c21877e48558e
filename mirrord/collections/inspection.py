"""Sums a collection up for people: by band, by rights, by quality tier.  Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mirrord.core.placement.bands import Band, band_of_shards
from mirrord.core.records.kinds import ManifestBody, Quality, Shard


@dataclass(frozen=True, slots=True)
class Total:
    """Some shards that stand together; withdrawn ones are counted apart."""

    label: str
    shards: int
    files: int
    items: int
    bytes: int
    demand_ppb: int
    popularity_min: int
    popularity_max: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """The sums of one manifest.  ``everything`` leaves withdrawn shards out, as all other totals do."""

    everything: Total
    bands: tuple[Total, ...]
    rights: tuple[Total, ...]
    qualities: tuple[Total, ...]
    phases: int
    withdrawn: tuple[Shard, ...]
    largest_shard_bytes: int


def inspect_manifest(body: ManifestBody) -> Inspection:
    """Sum ``body`` up; bands come most popular first, the rest most bytes first."""
    standing = [shard for shard in body.shards if not shard.withdrawn]
    band_by_index = {shard.index: band for shard, band in zip(body.shards, band_of_shards(body.shards), strict=True)}
    by_band = {band: [shard for shard in standing if band_by_index[shard.index] is band] for band in Band}
    return Inspection(
        everything=_total("all", standing),
        bands=tuple(_total(band.value, shards) for band, shards in by_band.items() if shards),
        rights=_totals(standing, lambda shard: shard.rights),
        qualities=_totals(standing, _tier),
        phases=len({shard.phase for shard in body.shards}),
        withdrawn=tuple(shard for shard in body.shards if shard.withdrawn),
        largest_shard_bytes=max((shard.bytes for shard in standing), default=0),
    )


def _tier(shard: Shard) -> str:
    quality = "unspecified" if shard.quality is Quality.UNSPECIFIED else shard.quality.name.lower()
    return f"{quality}, {shard.codec}" if shard.codec else quality


def _totals(shards: Iterable[Shard], label_of: Callable[[Shard], str]) -> tuple[Total, ...]:
    groups: dict[str, list[Shard]] = {}
    for shard in shards:
        groups.setdefault(label_of(shard), []).append(shard)
    totals = [_total(label, group) for label, group in groups.items()]
    return tuple(sorted(totals, key=lambda total: (-total.bytes, total.label)))


def _total(label: str, shards: list[Shard]) -> Total:
    return Total(
        label=label,
        shards=len(shards),
        files=sum(shard.files for shard in shards),
        items=sum(shard.items for shard in shards),
        bytes=sum(shard.bytes for shard in shards),
        demand_ppb=sum(shard.demand_ppb for shard in shards),
        popularity_min=min((shard.popularity_min for shard in shards), default=0),
        popularity_max=max((shard.popularity_max for shard in shards), default=0),
    )
