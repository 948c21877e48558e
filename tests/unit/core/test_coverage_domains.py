"""What the largest failure domain would take along, against a count by hand, and the same for everybody."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core.coverage.domains import DOMAINS, Placed, domain_risks
from mirrord.core.placement.domains import Said
from mirrord.core.placement.pairs import Pairs
from mirrord.core.statistics import DomainRisk
from tests.builders import make_shard, make_table

Node = tuple[Said, bool, frozenset[int]]
"""What a node says of its domains, whether its copies count, and what it holds."""

SHARDS, SIZE = 5, 100_000_000_000
NODES = st.lists(
    st.tuples(
        st.tuples(
            st.sampled_from(["", "Anna", "Bert"]),
            st.sampled_from(["", "10.0.0.0/24", "10.0.1.0/24"]),
            st.sampled_from(["", "DE", "NL"]),
            st.sampled_from([0, 64_500, 64_501]),
        ),
        st.booleans(),
        st.frozensets(st.integers(0, SHARDS - 1)),
    ),
    max_size=8,
)


def risks(nodes: list[Node], target: int = 2) -> dict[str, DomainRisk]:
    table = make_table([make_shard(i, target=target, withdrawn_reason="x" if not i else "") for i in range(SHARDS)])
    pairs = [(row, shard) for row, (_, _, held) in enumerate(nodes) for shard in sorted(held)]
    rows, shards = (np.array([pair[place] for pair in pairs], dtype=np.int32) for place in (0, 1))
    counts = np.array([counts for _, counts, _ in nodes], dtype=np.bool_)
    placed = Placed(Pairs(rows, shards), counts, [said for said, _, _ in nodes])
    return {risk.kind: risk for risk in domain_risks(table, placed)}


@given(NODES)
def test_the_largest_and_of_those_the_worst_is_what_counting_by_hand_finds(nodes: list[Node]) -> None:
    found = risks(nodes)
    there = [(said, held - {0}) for said, counts, held in nodes if counts]  # shard 0 is withdrawn
    for place, kind in enumerate(DOMAINS):
        names = {said[place] for said, held in there if said[place] and held}
        told = []
        for name in names:
            mine = [held for said, held in there if said[place] == name]
            left = [sum(i in held for said, held in there if said[place] != name) for i in range(1, SHARDS)]
            lost = sum(not left[i - 1] and any(i in held for held in mine) for i in range(1, SHARDS))
            told.append((sum(map(len, mine)), lost, str(name), len(mine), sum(count < 2 for count in left)))
        assert (kind in found) == bool(told)
        if told:
            copies, lost, name, members, below = min(told, key=lambda each: (-each[0], -each[1], each[2]))
            risk = found[kind]
            assert (risk.name, risk.nodes, risk.lost_shards, risk.below_target_shards) == (name, members, lost, below)
            assert risk.lost_bytes == lost * SIZE
            assert round(risk.share * sum(len(held) for _, held in there)) == copies


@given(NODES, st.randoms(use_true_random=False))
def test_every_node_says_the_same_in_whatever_order_it_knows_the_others(nodes: list[Node], dice: object) -> None:
    shuffled = list(nodes)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert risks(shuffled) == risks(nodes)
