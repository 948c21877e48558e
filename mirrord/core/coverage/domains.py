"""What would be lost if the largest operator, subnet, ASN or country vanished.

"Largest" is by the bytes of its nodes' copies; of several as large, the one that would take most shards along.  Who
declares nothing belongs to no domain.  The copies are those that the planner saw at its last look: a domain does not
grow within a tick.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mirrord.core.coverage.table import ShardTable
from mirrord.core.coverage.types import DomainRisk
from mirrord.core.placement.domains import Said
from mirrord.core.placement.pairs import Pairs

DOMAINS: Final = ("operator", "subnet", "country", "asn")
"""The kinds, in the order in which a node's are kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Who held what at the last look: copies, which rows' copies count, and each row's domains (None: a free row)."""

    copies: Pairs
    counts: NDArray[np.bool_]
    said: Sequence[Said | None]


def domain_risks(table: ShardTable, placed: Placed) -> tuple[DomainRisk, ...]:
    """Return the risk of every kind of domain that anybody declares."""
    counts = placed.counts[placed.copies.nodes] & (placed.copies.shards < len(table))
    rows, shards = placed.copies.nodes[counts], placed.copies.shards[counts]
    standing = table.facts.standing[shards]
    copies = Pairs(rows[standing], shards[standing])
    found = (_risk(kind, place, table, copies, placed) for place, kind in enumerate(DOMAINS))
    return tuple(risk for risk in found if risk is not None)


def _risk(kind: str, place: int, table: ShardTable, copies: Pairs, placed: Placed) -> DomainRisk | None:
    names, labels = _numbered([said[place] if said is not None else "" for said in placed.said])
    sizes = table.facts.bytes[copies.shards]
    weights = np.bincount(labels[copies.nodes], weights=sizes, minlength=len(names))
    weights[0] = 0.0  # nobody's
    if not weights.any():
        return None
    largest_ones = np.flatnonzero(weights == weights.max())
    largest = _worst(largest_ones, names, labels, copies) if len(largest_ones) > 1 else int(largest_ones[0])
    elsewhere = copies.shards[labels[copies.nodes] != largest]
    total, left = (np.bincount(some, minlength=len(table)) for some in (copies.shards, elsewhere))
    lost = (total > 0) & (left == 0)
    return DomainRisk(
        kind=kind,
        name=names[largest],
        nodes=int(np.count_nonzero((labels == largest) & placed.counts[: len(labels)])),
        share=float(weights[largest] / sizes.sum()),
        lost_shards=int(np.count_nonzero(lost)),
        lost_bytes=int(table.facts.bytes[lost].sum()),
        below_target_shards=int(np.count_nonzero(table.facts.standing & (left < table.targets))),
    )


def _worst(some: NDArray[np.int64], names: list[str], labels: NDArray[np.int64], copies: Pairs) -> int:
    """Return which of some domains is alone with most shards, the first by name of several: as everybody would."""
    of_copies = labels[copies.nodes]
    shards = int(copies.shards.max(initial=0)) + 1
    least, greatest = np.full(shards, len(names)), np.zeros(shards, dtype=np.int64)
    np.minimum.at(least, copies.shards, of_copies)
    np.maximum.at(greatest, copies.shards, of_copies)
    alone = np.bincount(least[least == greatest], minlength=len(names))
    labelled: list[int] = some.tolist()
    return min(labelled, key=lambda label: (-int(alone[label]), names[label]))


def _numbered(values: Sequence[str | int]) -> tuple[list[str], NDArray[np.int64]]:
    """Give every name a number from 1 on, and 0 to who declares none."""
    numbers: dict[str | int, int] = {}
    labels = [numbers.setdefault(value, len(numbers) + 1) if value else 0 for value in values]
    return ["", *map(str, numbers)], np.array(labels, dtype=np.int64)
