"""Metrics of the joined collections themselves, and of what this node holds of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from prometheus_client.core import Metric

from mirrord.core.coverage.types import REPLICAS_SHOWN
from mirrord.core.records.ids import to_text
from mirrord.core.statistics import CollectionStatistics, ShardRole
from mirrord.metrics.durability_families import durability_families
from mirrord.metrics.families import Named, gauge, named, shown
from mirrord.metrics.outside_families import outside_families
from mirrord.metrics.replica_families import replica_families


def collection_families(collections: Sequence[CollectionStatistics], every_shard: bool = False) -> Iterator[Metric]:
    """Yield every family that is about collections; with ``every_shard`` a series for each shard."""
    everyone = named(collections)
    # Before its manifest has come, nothing is known of a collection; "no replicas" would be a lie.
    known = [(label, collection) for label, collection in everyone if collection.manifest_version]
    yield from _plain_families(everyone)
    yield from _own_families(everyone)
    yield from replica_families(known, every_shard)
    yield from durability_families(known)
    yield from outside_families(known)


def _plain_families(everyone: Sequence[Named]) -> Iterator[Metric]:
    def of_each(name: str, text: str, numbers: Iterable[float]) -> Metric:
        labels = ((label,) for label, _ in everyone)
        return gauge(name, text, ("collection",), zip(labels, numbers, strict=True))

    every = [collection for _, collection in everyone]
    yield gauge(
        "mirrord_collection_info",
        "A joined collection; always 1.",
        ("collection", "id", "name"),
        (((label, to_text(each.collection), shown(each.name)), 1) for label, each in everyone),
    )
    yield of_each(
        "mirrord_collection_manifest_version",
        "The newest version of the manifest that has arrived; 0 before the first.",
        (each.manifest_version for each in every),
    )
    yield of_each("mirrord_collection_shards", "Shards that stand.", (len(each.shards.facts.ranked) for each in every))
    yield of_each("mirrord_collection_bytes", "All shards that stand, together.", (each.bytes for each in every))
    yield of_each("mirrord_collection_held_bytes", "What this node holds.", (each.held_bytes for each in every))
    yield of_each("mirrord_collection_holders", "Nodes whose copies count, that have any.", (e.holders for e in every))
    yield of_each(
        "mirrord_collection_records", "Announcements that this node keeps for it.", (each.records for each in every)
    )
    yield of_each(
        "mirrord_collection_fingerprint",
        "48 bits of a hash of all records of it: two daemons that know the same have the same number.",
        (each.fingerprint for each in every),
    )
    yield of_each(
        "mirrord_collection_admitted",
        "1 where this node counts; 0 where a curator, or a voucher, would have to name it first.",
        (each.is_admitted for each in every),
    )
    yield of_each(
        "mirrord_claims_open", "Claims of all nodes that count now.", (int(each.shards.claims.sum()) for each in every)
    )


def _own_families(everyone: Sequence[Named]) -> Iterator[Metric]:
    yield gauge(
        "mirrord_own_shards",
        "Shards by what they are to this node.",
        ("collection", "role"),
        (((label, role.value), number) for label, each in everyone for role, number in _roles(each).items()),
    )
    yield gauge(
        "mirrord_own_held_shards",
        "Holdings of this node by how many claimed copies they have, this one included; 1: it has the only one.",
        ("collection", "replicas"),
        (
            ((label, f"{k}+" if k == REPLICAS_SHOWN else str(k)), number)
            for label, each in everyone
            for k, number in enumerate(_held_by_replicas(each), start=1)
        ),
    )


def _roles(collection: CollectionStatistics) -> Mapping[ShardRole, int]:
    often = Counter(own.role for own in collection.shards.own.values())
    often[ShardRole.NONE] = len(collection.shards) - often.total()
    return {role: often[role] for role in ShardRole}


def _held_by_replicas(collection: CollectionStatistics) -> list[int]:
    """Return how many holdings have one copy, two, and so on; the last class is open."""
    held = collection.shards.held()
    copies = np.clip(collection.shards.claimed[held] + (not collection.counts_here), 1, REPLICAS_SHOWN)
    return [int(count) for count in np.bincount(copies, minlength=REPLICAS_SHOWN + 1)[1:]]
