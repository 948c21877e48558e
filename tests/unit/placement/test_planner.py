"""The planner: claim, settle, yield, within the pledge, and never against the operator's will."""

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.placement.decisions import Plan, Verdict, explain
from mirrord.core.placement.deficits import DeficitAges, needs, valid_claims, with_margin
from mirrord.core.placement.keys import rank_key
from mirrord.core.placement.planner import CLAIMS_AHEAD_MAX, CLAIMS_PER_TICK_MAX, FETCHES_MAX, Planner
from mirrord.core.placement.view import NodeView, OwnClaim, OwnState, View
from mirrord.core.records.ids import CollectionId, NodeId, ShardIndex
from mirrord.core.records.kinds import Claim, Shard
from mirrord.core.records.shardset import NO_SHARDS, ShardSet
from mirrord.core.timing import WAN
from tests.simulation.virtual_network import make_shard

SIZE = 1_000_000
SALT = b"s" * 16
ME = NodeId(b"\x00" * 32)
LONG_AGO, NOW = 0.0, 1_000_000.0


def node_id(number: int) -> NodeId:
    return NodeId(number.to_bytes(32, "big"))


def make_node(number: int, holdings: Iterable[int] = (), claims: Iterable[int] = (), **changes: object) -> NodeView:
    view = NodeView(
        node=node_id(number),
        presence=1.0,
        eligible=True,
        holdings=ShardSet.of(holdings),
        claims=tuple(Claim(ShardIndex(s), 0, 10**10) for s in claims),
        pledge_bytes=100 * SIZE,
        free_bytes=100 * SIZE,
    )
    return replace(view, **changes)


def make_own(**changes: object) -> OwnState:
    own = OwnState(NO_SHARDS, (), NO_SHARDS, 100 * SIZE, 100 * SIZE, 0, 0, {}, (), True)
    return replace(own, **changes)


def make_view(nodes: list[NodeView], shards: int | tuple[Shard, ...] = 1, target: int = 3) -> View:
    listed = tuple(make_shard(i, SIZE) for i in range(shards)) if isinstance(shards, int) else shards
    return View(CollectionId(b"c" * 32), SALT, ME, listed, (target,) * len(listed), tuple(nodes))


def make_plan(view: View, own: OwnState, since: float = NOW, now: float = NOW) -> Plan:
    found = needs(view)
    ages = {ShardIndex(i): since for i in range(len(view.shards))}
    return Planner(view, own, found, ages, now, WAN).plan()


def me(**changes: object) -> NodeView:
    return make_node(0, **changes)  # type: ignore[arg-type]


def others_by_rank(shard: int, count: int) -> tuple[list[int], list[int]]:
    """Return node numbers that come before us and after us for a shard, so many of each."""
    mine = rank_key(SALT, ShardIndex(shard), ME, 100 * SIZE)
    before: list[int] = []
    after: list[int] = []
    number = 1
    while len(before) < count or len(after) < count:
        is_before = rank_key(SALT, ShardIndex(shard), node_id(number), 100 * SIZE) < mine
        (before if is_before else after).append(number)
        number += 1
    return before[:count], after[:count]


def test_a_shard_at_its_target_is_left_alone() -> None:
    plan = make_plan(make_view([me(), *(make_node(i, [0]) for i in (1, 2, 3))]), make_own())
    assert plan.claims == ()
    assert plan.decisions[0].verdict is Verdict.ENOUGH


def test_only_the_first_by_rank_claim_what_is_missing() -> None:
    before, after = others_by_rank(0, 3)
    holder = make_node(10_000, [0], eligible=False)
    # two copies are missing: with two better candidates it is not our turn, with one it is
    out_of_window = make_plan(make_view([me(), holder, *map(make_node, before[:2] + after)]), make_own())
    assert out_of_window.decisions[0].verdict is Verdict.OUTRANKED
    in_window = make_plan(make_view([me(), holder, *map(make_node, before[:1] + after)]), make_own())
    assert in_window.claims == (0,)


def test_the_window_grows_while_nobody_delivers() -> None:
    before, _ = others_by_rank(0, 8)
    view = make_view([me(), make_node(10_000, [0, 1], eligible=False), *map(make_node, before)])
    assert make_plan(view, make_own(), since=NOW).claims == ()
    quiet = 2 * WAN.gossip_delay_seconds + WAN.tick_seconds
    # rank 9, two copies missing: the window 2 x (1 + age / T_w) reaches 9 after 3.5 T_w
    almost = NOW - quiet - 3.4 * WAN.window_growth_seconds
    enough = NOW - quiet - 3.6 * WAN.window_growth_seconds
    assert make_plan(view, make_own(), since=almost).claims == ()
    assert make_plan(view, make_own(), since=enough).claims == (0,)


def test_a_full_or_leaving_node_takes_no_place_in_the_order() -> None:
    before, _ = others_by_rank(0, 2)
    holders = [make_node(10_000 + i, [0], eligible=False) for i in range(2)]
    full = [make_node(before[0], free_bytes=SIZE), make_node(before[1], eligible=False)]
    assert make_plan(make_view([me(), *holders, *full]), make_own()).claims == (0,)


def test_a_claim_is_withdrawn_where_enough_better_ones_stand() -> None:
    before, after = others_by_rank(0, 2)
    holder = make_node(10_000, [0])
    own = make_own(claims=(OwnClaim(ShardIndex(0), NOW, False, 0),))
    with_claim = me(claims=[0])
    one_better = [make_node(before[0], claims=[0]), make_node(after[0], claims=[0])]
    assert make_plan(make_view([with_claim, holder, *one_better]), own).yields == ()
    two_better = [make_node(number, claims=[0]) for number in before]
    assert make_plan(make_view([with_claim, holder, *two_better]), own).yields == (0,)


def test_a_fetch_past_a_quarter_is_not_thrown_away() -> None:
    before, _ = others_by_rank(0, 2)
    nodes = [me(claims=[0]), make_node(10_000, [0]), *(make_node(number, claims=[0]) for number in before)]
    for percent, yields in ((24, (0,)), (25, ())):
        own = make_own(claims=(OwnClaim(ShardIndex(0), LONG_AGO, True, percent),))
        assert make_plan(make_view(nodes), own).yields == yields


def test_a_claim_settles_before_it_becomes_a_fetch() -> None:
    view = make_view([me(claims=[0]), make_node(1, [0]), make_node(2, [0])])
    early = make_own(claims=(OwnClaim(ShardIndex(0), NOW - WAN.settle_seconds + 1, False, 0),))
    assert make_plan(view, early).starts == ()
    settled = make_own(claims=(OwnClaim(ShardIndex(0), NOW - WAN.settle_seconds, False, 0),))
    assert make_plan(view, settled).starts == (0,)


def test_a_shard_with_one_copy_left_settles_within_ten_minutes() -> None:
    view = make_view([me(claims=[0]), make_node(1, [0])])
    own = make_own(claims=(OwnClaim(ShardIndex(0), NOW - 600, False, 0),))
    assert make_plan(view, own).starts == (0,)


def test_the_rarest_shards_come_first_and_no_more_than_two_a_tick() -> None:
    nodes = [me(), make_node(1, [0, 1, 2, 3], eligible=False), make_node(2, [0, 1], eligible=False)]
    plan = make_plan(make_view(nodes, shards=4), make_own())
    assert len(plan.claims) == CLAIMS_PER_TICK_MAX
    assert set(plan.claims) == {2, 3}
    assert plan.decisions[0].verdict is Verdict.BUSY


def test_fetches_and_claims_of_other_collections_take_slots() -> None:
    view = make_view([me(), make_node(1, [0], eligible=False)])
    own = make_own(fetches_elsewhere=FETCHES_MAX, claims_elsewhere=CLAIMS_AHEAD_MAX)
    assert make_plan(view, own).claims == ()


def test_what_the_operator_refused_is_never_claimed() -> None:
    shards = (make_shard(0, SIZE, rights="CC-BY-NC-4.0"), make_shard(1, SIZE))
    view = make_view([me(), make_node(1, [0, 1], eligible=False)], shards)
    plan = make_plan(view, make_own(refused_rights=("by-nc",)))
    assert plan.claims == (1,)
    assert explain(plan.decisions[0]) == "skipping: your refusal of by-nc"


def test_a_withdrawn_shard_is_never_claimed() -> None:
    shards = (make_shard(0, SIZE, withdrawn_reason="rights unclear"),)
    plan = make_plan(make_view([me()], shards), make_own())
    assert plan.claims == ()
    assert explain(plan.decisions[0]) == "withdrawn by the curator: rights unclear"


def test_a_ban_a_pause_and_a_full_pledge_each_say_so() -> None:
    view = make_view([me(), make_node(1, [0], eligible=False)])
    banned = make_plan(view, make_own(banned={ShardIndex(0): NOW + 3_600}))
    paused = make_plan(view, make_own(may_claim=False))
    full = make_plan(view, make_own(room_bytes=SIZE))
    assert [p.decisions[0].verdict for p in (banned, paused, full)] == [Verdict.BANNED, Verdict.PAUSED, Verdict.NO_ROOM]
    assert "60 min" in explain(banned.decisions[0])
    assert banned.claims == paused.claims == full.claims == ()


def test_a_silent_owners_claim_and_an_expired_one_do_not_count() -> None:
    claims = (Claim(ShardIndex(0), 0, 100), Claim(ShardIndex(1), 0, 300))
    assert valid_claims(claims, 0.0, 200.0, WAN) == claims[1:]
    assert valid_claims(claims, WAN.claim_silence_seconds + 1, 0.0, WAN) == ()


def test_a_lease_longer_than_any_that_could_be_made_now_does_not_count() -> None:
    longest = int(200 + WAN.lease_max_seconds + limits.FUTURE_SKEW_SECONDS)
    claims = (Claim(ShardIndex(0), 0, longest), Claim(ShardIndex(1), longest, longest + 1))
    assert valid_claims(claims, 0.0, 200.0, WAN) == claims[:1]


def test_a_holder_that_falls_silent_counts_less_and_less() -> None:
    for presence, lacking in ((1.0, 0), (0.6, 0), (0.4, 1), (0.0, 1)):
        view = make_view([make_node(1, [0]), make_node(2, [0]), make_node(3, [0], presence=presence)])
        assert needs(view)[0].lacking == lacking


def test_the_age_of_a_deficit_starts_again_when_it_changes() -> None:
    ages = DeficitAges()
    two = needs(make_view([make_node(1, [0])]))
    one = needs(make_view([make_node(1, [0]), make_node(2, [0])]))
    none = needs(make_view([make_node(i, [0]) for i in (1, 2, 3)]))
    assert ages.update(two, 10.0) == {0: 10.0}
    assert ages.update(two, 20.0) == {0: 10.0}
    assert ages.update(one, 30.0) == {0: 30.0}
    assert ages.update(none, 40.0) == {}
    assert ages.update(one, 50.0) == {0: 50.0}


@st.composite
def networks(draw: st.DrawFn) -> tuple[View, OwnState]:
    shards = tuple(
        make_shard(
            i,
            draw(st.integers(1, 20)) * SIZE,
            rights=draw(st.sampled_from(["CC0-1.0", "CC-BY-NC-4.0"])),
            withdrawn_reason=draw(st.sampled_from(["", "", "taken back"])),
        )
        for i in range(draw(st.integers(1, 8)))
    )
    indexes = st.sets(st.integers(0, len(shards) - 1))
    nodes = [
        make_node(
            number,
            draw(indexes),
            draw(indexes),
            presence=draw(st.floats(0, 1)),
            free_bytes=draw(st.integers(0, 40 * SIZE)),
        )
        for number in range(1, draw(st.integers(1, 6)))
    ]
    held = draw(indexes)
    claimed = sorted(draw(indexes) - held)[:4]
    own_claims = tuple(
        OwnClaim(ShardIndex(s), draw(st.floats(0, NOW)), draw(st.booleans()), draw(st.integers(0, 99))) for s in claimed
    )
    room = draw(st.integers(0, 60 * SIZE))
    own = make_own(
        holdings=ShardSet.of(held),
        claims=own_claims,
        room_bytes=room,
        refused_rights=draw(st.sampled_from([(), ("nc",)])),
        may_claim=draw(st.booleans()),
        banned={ShardIndex(s): NOW + 10 for s in draw(indexes)},
    )
    return make_view([me(holdings=held, claims=claimed), *nodes], shards, draw(st.integers(1, 5))), own


@given(networks())
@settings(max_examples=300, deadline=None)
def test_any_view_gives_a_plan_within_the_pledge_and_the_operators_will(network: tuple[View, OwnState]) -> None:
    view, own = network
    plan = make_plan(view, own, since=LONG_AGO)
    assert sum(with_margin(view.shards[i].bytes) for i in plan.claims) <= own.room_bytes
    assert len(plan.claims) <= CLAIMS_PER_TICK_MAX
    assert len(plan.claims) + len(own.claims) <= max(FETCHES_MAX + CLAIMS_AHEAD_MAX, len(own.claims))
    for index in plan.claims:
        shard = view.shards[index]
        assert not shard.withdrawn and own.may_claim
        assert index not in own.holdings and index not in own.banned
        assert not any(word in shard.rights.lower() for word in own.refused_rights)
        assert needs(view)[index].lacking > 0
    assert not set(plan.starts) & set(plan.yields)
    assert [decision.shard for decision in plan.decisions] == list(range(len(view.shards)))
    assert all(explain(decision) for decision in plan.decisions)
