"""What becomes of a node's shards: claimed, fetched, held, doubted, spoiled, withdrawn, and never lost by mistake."""

from dataclasses import replace

import pytest

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core.records.ids import Address, ShardIndex
from mirrord.core.records.kinds import Claim, CollectionState, ManifestBody
from mirrord.core.records.shardset import ShardSet
from mirrord.core.statistics import ShardRole
from mirrord.core.timing import DEMO, LAN, TimingProfile
from tests.simulation.virtual_network import make_body, make_shard
from tests.unit.core.making import COLLECTION, announced, make_announcement, node_id
from tests.unit.core.scripted import MB, SWARM, ScriptedNode, only, pushed, shard

PATIENT = replace(LAN, refresh_seconds=10**6)
ROLE = ShardRole


def node_with(shards: int = 4, pledge: int = 100 * MB, timing: TimingProfile = PATIENT, **more: object) -> ScriptedNode:
    """Return a node that knows the manifest and holds nothing."""
    scripted = ScriptedNode(pledge, timing, **more).join()  # type: ignore[arg-type]
    scripted.import_manifest(make_body(shards, target=2))
    return scripted


def role(scripted: ScriptedNode, index: int) -> ShardRole:
    return scripted.node.role_of(shard(index))


def announced_holdings(scripted: ScriptedNode) -> list[int]:
    part = scripted.part()
    return list(part.holdings) if part is not None else []


def fetching(scripted: ScriptedNode) -> int:
    """Let a node claim and begin; return the index of a shard that it fetches."""
    effects = scripted.wait(6 * scripted.settings.timing.tick_seconds + scripted.settings.timing.settle_seconds)
    return only(effects, ef.FetchShard)[0].shard.index


# --- adoption ------------------------------------------------------------------------------------


def test_what_the_operator_has_is_read_before_it_counts() -> None:
    scripted = node_with()
    effects = scripted.tell(ev.AdoptionRequested(shard(2)))
    torrent = make_shard(2).torrent_sha256
    assert only(effects, ef.PersistShard) == [ef.PersistShard(shard(2), ef.ShardState.CHECKING, 0)]
    assert only(effects, ef.CheckShard) == [ef.CheckShard(shard(2), "shard-0002", torrent)]
    assert announced_holdings(scripted) == []
    effects = scripted.tell(ev.HoldingVerified(shard(2)))
    now = int(scripted.now.unix_seconds)
    assert only(effects, ef.PersistShard) == [ef.PersistShard(shard(2), ef.ShardState.HELD, now)]
    assert announced_holdings(scripted) == [2]


def test_a_place_elsewhere_is_linked_before_the_engine_hears_of_the_shard() -> None:
    scripted = node_with()
    effects = scripted.tell(ev.AdoptionRequested(shard(1), "/srv/music"))
    order = [type(effect) for effect in effects]
    assert order.index(ef.LinkShard) < order.index(ef.CheckShard)


def test_adoption_beyond_the_pledge_is_refused() -> None:
    scripted = node_with(pledge=2 * MB)
    scripted.adopt(0, 1)
    assert not only(scripted.tell(ev.AdoptionRequested(shard(2))), ef.CheckShard)
    assert role(scripted, 2) is ROLE.NONE
    assert scripted.used_bytes() == 2 * MB
    assert announced_holdings(scripted) == [0, 1]


def test_what_is_unknown_withdrawn_or_being_left_is_not_adopted() -> None:
    scripted = node_with()
    assert not only(scripted.tell(ev.AdoptionRequested(shard(99))), ef.CheckShard)
    scripted.import_manifest(withdrawing(1), 2)
    assert not only(scripted.tell(ev.AdoptionRequested(shard(1))), ef.CheckShard)
    scripted.tell(ev.CollectionLeft(COLLECTION, delete_files=False))
    assert not only(scripted.tell(ev.AdoptionRequested(shard(2))), ef.CheckShard)
    assert scripted.used_bytes() == 0


def test_what_turns_out_not_to_be_whole_is_let_go_and_its_files_stay() -> None:
    scripted = node_with()
    scripted.tell(ev.AdoptionRequested(shard(2)))
    (removal,) = only(scripted.tell(ev.HoldingFailed(shard(2), 3)), ef.RemoveShard)
    assert removal.delete_files is False
    assert scripted.used_bytes() == MB, "until the engine has let go"
    scripted.tell(ev.ShardRemoved(shard(2)))
    assert scripted.used_bytes() == 0
    assert scripted.memory.shards == {}


def test_many_adoptions_are_read_two_at_a_time() -> None:
    scripted = node_with(shards=40)
    orders = [e for i in range(40) for e in only(scripted.tell(ev.AdoptionRequested(shard(i))), ef.CheckShard)]
    assert [order.shard.index for order in orders] == [0, 1]
    (following,) = only(scripted.tell(ev.HoldingVerified(shard(0))), ef.CheckShard)
    assert following.shard.index == 2
    scripted.tell(ev.HoldingFailed(shard(1), 1))
    assert sum(1 for i in range(40) if role(scripted, i) is ROLE.CHECKING) == 38


# --- holdings that go bad ------------------------------------------------------------------------


def test_a_spoiled_holding_leaves_the_announcement_at_once_and_comes_back_when_it_is_whole() -> None:
    scripted = node_with()
    scripted.adopt(0, 1)
    peer = scripted.meet(1)
    (check,) = only(scripted.tell(ev.VerificationRequested(shard(1))), ef.CheckShard)
    assert check.shard == shard(1)
    assert announced_holdings(scripted) == [0, 1], "it counts until a piece turns out to be wrong"
    assert not only(scripted.tell(ev.VerificationRequested(shard(1))), ef.CheckShard), "asked twice, read once"

    effects = scripted.tell(ev.HoldingFailed(shard(1), 2))
    assert announced_holdings(scripted) == [0]
    assert [list(a.collections[0].holdings) for a in pushed(effects)[peer]] == [[0]], "and says so at once"
    assert scripted.node.statistics(scripted.now).counters.holdings_failed == 1
    (persisted,) = only(effects, ef.PersistShard)
    assert persisted.state is ef.ShardState.FETCHING and persisted.verified_at > 0

    scripted.tell(ev.HoldingVerified(shard(1)))
    assert announced_holdings(scripted) == [0, 1]


def test_a_spoiled_holding_is_told_whom_to_fetch_from() -> None:
    scripted = node_with()
    scripted.adopt(1)
    session = scripted.meet(1)
    part = CollectionState(COLLECTION, 1, ShardSet.of([1]))
    scripted.hear(session, announced(2, replace(make_announcement(1, bittorrent=(SWARM,)), collections=(part,))))
    effects = scripted.tell(ev.HoldingFailed(shard(1), 1))
    assert only(effects, ef.AddSwarmMembers) == [ef.AddSwarmMembers(shard(1), (SWARM,))]


def test_a_holding_is_told_who_fetches_it_because_its_holder_may_be_where_nobody_can_call() -> None:
    scripted = node_with()
    scripted.adopt(1)
    now = int(scripted.now.unix_seconds)
    part = CollectionState(COLLECTION, 1, claims=(Claim(ShardIndex(1), now, now + 60, True, 0),))
    session = scripted.meet(1)
    scripted.hear(session, announced(2, replace(make_announcement(1, bittorrent=(SWARM,)), collections=(part,))))
    effects = scripted.wait(2 * scripted.settings.timing.tick_seconds)
    assert ef.AddSwarmMembers(shard(1), (SWARM,)) in effects


@pytest.mark.parametrize("restarted", [False, True])
def test_what_was_whole_once_is_never_deleted_because_a_fetch_fails_or_stalls_or_better_claims_stand(
    restarted: bool,
) -> None:
    scripted = node_with()
    scripted.adopt(1)
    scripted.tell(ev.HoldingFailed(shard(1), 1))
    effects: list[ef.Effect] = []
    if restarted:
        effects += scripted.restart() + scripted.join().wait(1)
    session = scripted.meet(1)
    for holder in (2, 3, 4):  # enough copies elsewhere, so that nobody needs ours
        part = CollectionState(COLLECTION, 1, ShardSet.of([1]))
        scripted.hear(session, announced(holder, replace(make_announcement(9), collections=(part,))))
    effects += scripted.tell(ev.FetchProgressed(shard(1), 1, 100))
    effects += scripted.wait(3 * PATIENT.claim_stall_seconds)
    effects += scripted.tell(ev.FetchFailed(shard(1), "a file cannot be opened"))
    effects += scripted.wait(PATIENT.claim_stall_seconds)
    assert not [e for e in only(effects, ef.RemoveShard) if e.shard == shard(1)]
    assert scripted.memory.shards[shard(1)].verified_at > 0
    assert scripted.used_bytes() >= MB


# --- fetches -------------------------------------------------------------------------------------


def test_a_claim_settles_becomes_a_fetch_and_then_a_holding() -> None:
    scripted = node_with(shards=1, timing=DEMO)
    index = fetching(scripted)
    part = scripted.part()
    assert part is not None and [(c.shard, c.fetching, c.percent) for c in part.claims] == [(index, True, 0)]
    assert scripted.memory.shards[shard(index)].state is ef.ShardState.FETCHING
    scripted.tell(ev.FetchProgressed(shard(index), 55, 100))
    scripted.wait(1)
    part = scripted.part()
    assert part is not None and part.claims[0].percent == 55
    assert part.claims[0].expires_at > scripted.now.unix_seconds
    scripted.tell(ev.HoldingVerified(shard(index)))
    part = scripted.part()
    assert part is not None and not part.claims and list(part.holdings) == [index]
    counters = scripted.node.statistics(scripted.now).counters
    assert (counters.claims_made, counters.claims_won, counters.fetches_finished) == (1, 1, 1)


def test_a_failed_fetch_is_deleted_banned_for_a_while_and_tried_again() -> None:
    scripted = node_with(shards=1, timing=DEMO)
    index = fetching(scripted)
    scripted.tell(ev.FetchProgressed(shard(index), 55, 100))
    effects = scripted.tell(ev.FetchFailed(shard(index), "a tracker said no"))
    (removal,) = only(effects, ef.RemoveShard)
    assert removal.delete_files
    assert scripted.node.statistics(scripted.now).node.given_up_bytes == MB * 55 // 100
    scripted.tell(ev.ShardRemoved(shard(index)))
    part = scripted.part()
    assert part is not None and not part.claims
    assert not only(scripted.wait(DEMO.ban_seconds - 1), ef.FetchShard)
    assert only(scripted.wait(6), ef.FetchShard)
    assert scripted.node.statistics(scripted.now).counters.fetches_failed == 1


def test_a_stalled_fetch_is_given_up_unless_the_disk_is_full() -> None:
    scripted = node_with(shards=1, timing=DEMO)
    index = fetching(scripted)
    paused = scripted.tell(ev.DiskFilled("no space left on device"))
    assert only(paused, ef.PauseFetching) and not only(scripted.tell(ev.DiskFilled("again")), ef.PauseFetching)
    assert not only(scripted.wait(3 * DEMO.claim_stall_seconds), ef.RemoveShard)
    assert not only(scripted.tell(ev.DiskMeasured(MB // 2)), ef.ResumeFetching), "half of what is to come"
    assert only(scripted.tell(ev.DiskMeasured(2 * MB)), ef.ResumeFetching)
    assert not only(scripted.wait(DEMO.claim_stall_seconds - 1), ef.RemoveShard), "the wait was not its fault"
    assert [e.shard.index for e in only(scripted.wait(2), ef.RemoveShard)] == [index]


def test_nothing_is_claimed_while_the_disk_is_full_or_the_rights_are_refused() -> None:
    full = node_with(timing=DEMO)
    full.tell(ev.DiskFilled("no space left on device"))
    assert not only(full.wait(20), ef.FetchShard)
    refusing = node_with(timing=DEMO, refused_rights=("cc0",))
    assert not only(refusing.wait(20), ef.FetchShard)


def test_claims_stay_within_the_pledge_and_the_disk() -> None:
    small = node_with(shards=30, pledge=3 * MB, timing=DEMO)
    for _ in range(12):
        for effect in only(small.wait(2), ef.FetchShard):
            small.tell(ev.HoldingVerified(effect.shard))
        assert small.used_bytes() <= 3 * MB
    assert small.used_bytes() >= 2 * MB
    no_disk = node_with(timing=DEMO)
    no_disk.tell(ev.DiskMeasured(MB))  # with the margin a shard needs 2 % more
    assert not only(no_disk.wait(20), ef.FetchShard)


def test_a_missing_torrent_holds_its_shard_back_until_it_has_come() -> None:
    scripted = node_with(shards=1, timing=DEMO)
    torrent = make_shard(0).torrent_sha256
    scripted.tell(ev.BlobLost(torrent))
    effects = scripted.wait(8)
    assert role(scripted, 0) is ROLE.FETCHING and not only(effects, ef.FetchShard)
    assert torrent in scripted.node.state.gossip.blobs.wanted()


def test_who_has_a_missing_torrent_is_dialled_for_it() -> None:
    scripted = node_with(shards=1, timing=DEMO)
    scripted.tell(ev.BlobLost(make_shard(0).torrent_sha256))
    part = CollectionState(COLLECTION, 1, ShardSet.of([0]))
    holder = announced(2, replace(make_announcement(1), collections=(part,)))
    scripted.hear(scripted.meet(1), holder)
    scripted.wait(8)
    assert scripted.node.state.gossip.dialling.sought == {node_id(2)}


# --- withdrawal, leaving, restart ----------------------------------------------------------------


def withdrawing(*indexes: int) -> ManifestBody:
    body = make_body(4, target=2)
    shards = tuple(make_shard(i, withdrawn_reason="asked to" if i in indexes else "") for i in range(4))
    return replace(body, shards=shards)


def test_a_withdrawn_holding_is_released_and_a_kill_half_way_announces_nothing_that_is_gone() -> None:
    scripted = node_with()
    scripted.adopt(0, 1)
    effects = scripted.import_manifest(withdrawing(1), 2)
    (removal,) = only(effects, ef.RemoveShard)
    assert removal.shard == shard(1) and removal.delete_files
    assert announced_holdings(scripted) == [0]
    assert scripted.memory.shards[shard(1)].state is ef.ShardState.CHECKING, "no longer stored as held"
    again = scripted.restart()
    assert [e.shard for e in only(again, ef.RemoveShard)] == [shard(1)]
    scripted.join().tell(ev.ShardRemoved(shard(1)))
    assert set(scripted.memory.shards) == {shard(0)}
    assert announced_holdings(scripted) == [0]


def test_an_operator_may_keep_what_a_curator_withdraws() -> None:
    scripted = node_with(obey_withdrawals=False)
    scripted.adopt(1)
    assert not only(scripted.import_manifest(withdrawing(1), 2), ef.RemoveShard)
    assert announced_holdings(scripted) == [1]


def test_leaving_gives_everything_up_says_so_and_is_gone_on_with_after_a_restart() -> None:
    scripted = node_with()
    scripted.adopt(0, 1)
    effects = scripted.tell(ev.CollectionLeft(COLLECTION, delete_files=True))
    assert sorted(e.shard.index for e in only(effects, ef.RemoveShard)) == [0, 1]
    part = scripted.part()
    assert part is not None and part.parting and not part.holdings
    again = scripted.restart()
    assert sorted(e.shard.index for e in only(again, ef.RemoveShard)) == [0, 1]
    assert not only(again, ef.SeedShard)
    scripted.tell(ev.CollectionJoined(COLLECTION, ()))
    assert announced_holdings(scripted) == [], "joined again: nothing counts before it was read"


def test_a_kill_while_files_are_deleted_does_not_leave_a_holding_behind() -> None:
    scripted = node_with()
    scripted.adopt(0)
    scripted.tell(ev.CollectionLeft(COLLECTION, delete_files=True))
    scripted.tell(ev.CollectionJoined(COLLECTION, ()))
    effects = scripted.restart()  # before the engine could say that the files are gone
    assert not only(effects, ef.SeedShard)
    assert [e.shard for e in only(effects, ef.CheckShard)] == [shard(0)], "it is read before it counts again"
    scripted.join()
    assert announced_holdings(scripted) == []


def test_a_restart_seeds_what_is_held_checks_what_was_not_and_goes_on_with_fetches() -> None:
    scripted = node_with(shards=3, timing=DEMO)
    scripted.adopt(0)
    scripted.tell(ev.AdoptionRequested(shard(1)))
    scripted.tell(ev.HoldingVerified(shard(1)))
    index = fetching(scripted)
    assert index == 2
    effects = scripted.restart()
    assert sorted(e.shard.index for e in only(effects, ef.SeedShard)) == [0, 1]
    assert [e.shard.index for e in only(effects, ef.FetchShard)] == [2]
    scripted.join()
    part = scripted.part()
    assert part is not None and list(part.holdings) == [0, 1]
    (claim,) = part.claims
    assert claim.shard == 2 and claim.expires_at > scripted.now.unix_seconds, "others need not fetch it too"


def test_a_pledge_that_shrinks_stops_claims_and_deletes_nothing() -> None:
    scripted = node_with(timing=DEMO)
    scripted.adopt(0, 1)
    effects = scripted.tell(ev.PledgeChanged(MB))
    effects += scripted.wait(20)
    assert not only(effects, ef.RemoveShard) and not only(effects, ef.FetchShard)
    assert announced_holdings(scripted) == [0, 1]
    own = next(a for node, a in scripted.node.state.gossip.records.nodes() if node == scripted.id)
    assert (own.pledge_bytes, own.free_bytes) == (MB, 0)


def test_a_fetch_of_an_earlier_run_is_told_its_members_once_the_node_knows_where_it_is_itself() -> None:
    """Whom one may call depends on that: nobody calls private addresses from the internet."""
    scripted = node_with(shards=1)
    home = Address("192.168.1.7", 7701)
    part = CollectionState(COLLECTION, 1, ShardSet.of([0]))
    holder = replace(make_announcement(1, bittorrent=(home,)), collections=(part,))
    scripted.hear(scripted.meet(1), announced(2, holder))
    fetching(scripted)
    scripted.restart()
    effects = scripted.tell(ev.ListeningStarted((Address("192.168.1.5", 7700),), (Address("192.168.1.5", 7701),)))
    assert only(effects, ef.AddSwarmMembers) == [ef.AddSwarmMembers(shard(0), (home,))]
