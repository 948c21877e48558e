"""Why a node does with each shard what it does, and what it would do with another pledge."""

import re
from dataclasses import replace

import pytest

from mirrord.core import events as ev
from mirrord.core.placement.outlook import Outlook
from mirrord.core.placement.verdicts import Decision, Verdict, explain
from mirrord.core.planning import Reasons
from mirrord.core.records.ids import ShardIndex
from mirrord.core.records.kinds import Claim, CollectionState, ManifestBody
from mirrord.core.records.shardset import ShardSet
from mirrord.core.timing import LAN
from tests.simulation.virtual_network import make_body
from tests.unit.core.making import COLLECTION, UNIX, announced, make_announcement
from tests.unit.core.scripted import MB, ScriptedNode, shard

SHARDS = 6


def neighbour(author: int, *indexes: int, free_bytes: int = 0, claims: tuple[Claim, ...] = ()) -> bytes:
    """Return what another node announces: what it holds and claims."""
    part = CollectionState(COLLECTION, 1, ShardSet.of(indexes), claims)
    return announced(author, replace(make_announcement(free_bytes=free_bytes), collections=(part,)))


def node_among(*envelopes: bytes, pledge_bytes: int = 100 * MB, body: ManifestBody | None = None) -> ScriptedNode:
    """Return a node that has heard all of this, and has announced itself."""
    scripted = ScriptedNode(pledge_bytes, LAN).join()
    scripted.import_manifest(body or make_body(SHARDS, target=3))
    scripted.hear(scripted.meet(1), *envelopes)
    return scripted


def configure(scripted: ScriptedNode, **settings: object) -> None:
    scripted.node.state.settings = replace(scripted.node.state.settings, **settings)  # type: ignore[arg-type]


def reasons(scripted: ScriptedNode, pledge_bytes: int | None = None) -> Reasons:
    return scripted.node.reasons(scripted.now, pledge_bytes)[COLLECTION]


def decided(scripted: ScriptedNode, pledge_bytes: int | None = None) -> list[Decision]:
    why = reasons(scripted, pledge_bytes)
    return [why.decide(each) for each in why.shards]


def said(scripted: ScriptedNode, pledge_bytes: int | None = None) -> list[str]:
    return [explain(decision) for decision in decided(scripted, pledge_bytes)]


def outlook(scripted: ScriptedNode, pledge_bytes: int) -> Outlook:
    why = reasons(scripted, pledge_bytes)
    return why.look_ahead(why.own.room_bytes, why.own.excess_bytes)


# --- why ------------------------------------------------------------------------------------------


def test_a_sentence_says_the_number_that_decided() -> None:
    """These are promised word by word."""
    fetch = Decision(ShardIndex(123), Verdict.FETCH, 2.0, 4, 1, rank=1, candidates=37)
    better = Decision(ShardIndex(5), Verdict.BETTER_CLAIMS, 2.0, 4, 3, rank=3, candidates=37, better=2)
    refused = Decision(ShardIndex(6), Verdict.REFUSED, 2.0, 4, 0, detail="CC-BY-NC")
    keep = Decision(ShardIndex(7), Verdict.KEEP, 4.0, 4, 0, left=3.0)
    assert [explain(decision) for decision in (fetch, better, refused, keep)] == [
        "fetching 0123: 2 of 4 copies, your rank 1 of 37",
        "waiting: two better claims",
        "skipping: your refusal of CC-BY-NC",
        "keeping: release would leave 3 of 4",
    ]


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_a_sentence_without_holes(verdict: Verdict) -> None:
    sentence = explain(Decision(ShardIndex(0), verdict, 1.5, 3, 2, 4, 5, 6, 7, 0.5, "{detail}"))
    assert sentence.count("{") <= 1 and sentence == sentence.strip()
    assert sentence.partition(" ")[0].strip(":") in {
        *("keeping", "releasing", "fetching", "checking", "claimed", "claiming", "yielding"),
        *("waiting", "skipping", "nothing", "withdrawn"),
    }


def test_the_story_of_a_shard_from_the_first_look_to_the_holding() -> None:
    scripted = node_among(neighbour(1, 0), neighbour(2, 0), body=make_body(1, target=3))
    scripted.wait(LAN.tick_seconds)
    (sentence,) = said(scripted)
    assert re.fullmatch(r"claimed: 2 of 3 copies, your rank 1 of 1; \d+ s left for better claims to show", sentence), (
        sentence
    )
    scripted.wait(LAN.settle_seconds + LAN.tick_seconds)
    (fetch,) = decided(scripted)
    assert explain(fetch) == "fetching 0000: 2 of 3 copies, your rank 1 of 1"
    assert (fetch.rank, fetch.candidates, fetch.claims, fetch.target) == (1, 1, 1, 3)
    scripted.tell(ev.HoldingVerified(shard(0)))
    assert said(scripted) == ["keeping: release would leave 2 of 3"]
    scripted.tell(ev.VerificationRequested(shard(0)))
    assert said(scripted) == ["keeping: release would leave 2 of 3"], "it is held while it is read again"


def test_what_is_refused_pinned_or_withdrawn_says_so() -> None:
    scripted = node_among(neighbour(1, *range(SHARDS)))
    names = [each.name for each in reasons(scripted).shards]
    scripted.adopt(2, 3)
    configure(scripted, refused_shards=(names[0],), refused_rights=("cc0",), pinned_shards=tuple(names[2:4]))
    assert said(scripted)[:4] == [
        f"skipping: your refusal of {names[0]}",
        "skipping: your refusal of cc0",
        "keeping: you pinned it",
        "keeping: you pinned it",
    ]
    newer = make_body(SHARDS, target=3)
    gone = tuple(replace(s, withdrawn_reason="rights unclear") if s.index in (1, 3) else s for s in newer.shards)
    scripted.import_manifest(replace(newer, shards=gone), version=2)
    assert scripted.node.role_of(shard(3)).value == "held", "not even its curator can take a pinned shard away"
    found = said(scripted)
    assert found[1] == "withdrawn by the curator: rights unclear"
    assert found[3] == "keeping: you pinned it, though its curator withdrew it: rights unclear"


def test_a_withdrawn_shard_that_is_kept_against_its_curators_will_says_so() -> None:
    scripted = node_among(neighbour(1, 0))
    configure(scripted, obey_withdrawals=False)
    scripted.adopt(0)
    newer = make_body(SHARDS, target=3)
    gone = (replace(newer.shards[0], withdrawn_reason="rights unclear"), *newer.shards[1:])
    scripted.import_manifest(replace(newer, shards=gone), version=2)
    assert said(scripted)[0] == "keeping: withdrawn by the curator (rights unclear), and you do not obey withdrawals"


def test_what_is_being_let_go_is_not_called_being_read() -> None:
    scripted = node_among(neighbour(1, 0))
    scripted.adopt(0)
    scripted.tell(ev.AdoptionRequested(shard(1)))
    assert [decision.verdict for decision in decided(scripted)[:2]] == [Verdict.KEEP, Verdict.CHECK]
    own = scripted.node.state.custody
    own.release(shard(0), True, [])
    assert said(scripted)[0] == "releasing: it counts no more, and is being let go"


def test_no_room_is_said_in_sizes() -> None:
    scripted = node_among(neighbour(1, 0), neighbour(2, 0), pledge_bytes=MB + MB // 2)
    scripted.adopt(1)
    assert said(scripted)[0] == "skipping: no room: it takes 1.02 MB, and 500 kB are free"


def test_nobody_acts_on_a_small_part_of_a_copy() -> None:
    scripted = node_among(*[neighbour(author, 0) for author in (1, 2, 3)], body=make_body(1, target=3))
    fading = 0.02 * (LAN.presence_zero_seconds - LAN.presence_full_seconds)
    scripted.now = scripted.now._replace(unix_seconds=UNIX + LAN.presence_full_seconds + fading)
    assert said(scripted) == ["nothing to do: 2.9 of 3 copies, and too little is missing to act on"]


def test_a_collection_without_a_manifest_or_that_is_being_left_has_no_reasons() -> None:
    assert ScriptedNode().join().node.reasons(ScriptedNode().now) == {}
    scripted = node_among(neighbour(1, 0))
    scripted.tell(ev.CollectionLeft(COLLECTION, delete_files=False, leaving_by=UNIX + 3_600))
    assert scripted.node.reasons(scripted.now) == {}
    scripted.join()
    assert COLLECTION in scripted.node.reasons(scripted.now), "joining again takes the leave back"
    scripted.tell(ev.CollectionLeft(COLLECTION, delete_files=False))
    assert scripted.node.reasons(scripted.now) == {}


# --- what if --------------------------------------------------------------------------------------


def seen_by(scripted: ScriptedNode) -> tuple[object, ...]:
    seen = scripted.node.statistics(scripted.now)
    shards = [shard for collection in seen.collections for shard in collection.shards]
    return seen.node, list(seen.peers), shards, seen.counters, scripted.part()


def test_to_suppose_a_pledge_changes_nothing() -> None:
    asked, left_alone = (node_among(neighbour(1, 0), neighbour(2, 0, 1), pledge_bytes=3 * MB) for _ in range(2))
    for scripted in (asked, left_alone):
        scripted.wait(3 * LAN.tick_seconds + 1)
    before = seen_by(asked)
    for pledge_bytes in (0, MB, 10**12, None):
        decided(asked, pledge_bytes)
        outlook(asked, 10**12)
    assert seen_by(asked) == before
    assert asked.node.next_deadline == left_alone.node.next_deadline
    for scripted in (asked, left_alone):
        scripted.wait(200 * LAN.tick_seconds)
    assert seen_by(asked) == seen_by(left_alone)


def test_a_larger_pledge_shows_everything_that_would_fall_to_us() -> None:
    """Far more than is claimed at a time: the neighbours have no room."""
    scripted = node_among(*[neighbour(author, *range(SHARDS)) for author in (1, 2)], pledge_bytes=MB // 2)
    scripted.wait(LAN.tick_seconds)
    assert {decision.verdict for decision in decided(scripted)} == {Verdict.NO_ROOM}
    assert outlook(scripted, MB // 2) == Outlook()
    assert sorted(outlook(scripted, 100 * MB).claims) == list(range(SHARDS))
    assert len(outlook(scripted, 2 * MB + MB // 2).claims) == 2, "two shards fit"
    verdicts = [decision.verdict for decision in decided(scripted, 100 * MB)]
    assert verdicts.count(Verdict.CLAIM) == 2, "at once no more than a tick's"


def test_what_others_would_be_called_for_is_not_ours() -> None:
    free = 1_000 * MB
    neighbours = [neighbour(author, *range(SHARDS)) for author in (1, 2)]
    idle = [neighbour(author, free_bytes=free) for author in (3, 4, 5)]
    scripted = node_among(*neighbours, *idle, pledge_bytes=MB // 2)
    scripted.wait(LAN.tick_seconds)
    assert 0 < len(outlook(scripted, 100 * MB).claims) < SHARDS


def test_the_rarest_is_claimed_first() -> None:
    scripted = node_among(neighbour(1, 0, 1, 3, 4, 5), neighbour(2, 0, 1, 3, 5), pledge_bytes=MB // 2)
    scripted.wait(LAN.tick_seconds)
    assert outlook(scripted, 100 * MB).claims[:2] == (2, 4)


def test_a_smaller_pledge_gives_up_only_what_the_network_can_spare() -> None:
    held_by_all = [neighbour(author, 0, 1, 2) for author in range(1, 6)]
    scripted = node_among(*held_by_all)
    scripted.adopt(*range(SHARDS))
    found = outlook(scripted, 2 * MB)
    assert found.releases == (0, 1, 2) and found.releases_bytes == 3 * MB
    assert (found.kept, found.pinned) == ((3, 4, 5), ())
    enough = outlook(scripted, 5 * MB)
    assert (enough.releases, enough.kept) == ((0,), ()), "one is enough, so the rest may stay"
    sentences = said(scripted, 2 * MB)
    assert sentences[0].startswith("keeping for now: 6 of 3 copies, so it may be given up; in ")
    assert sentences[3] == "keeping: release would leave 0 of 3"
    assert said(scripted)[0] == "keeping: 6 of 3 copies, and nothing rarer wants the space"


def test_a_pinned_shard_stays_whatever_the_pledge() -> None:
    scripted = node_among(*[neighbour(author, 0, 1) for author in range(1, 6)])
    scripted.adopt(0, 1)
    configure(scripted, pinned_shards=(reasons(scripted).shards[0].name,))
    found = outlook(scripted, 0)
    assert (found.releases, found.kept, found.pinned) == ((1,), (), (0,))


def test_copies_of_the_silent_do_not_count_where_ours_should_go() -> None:
    scripted = node_among(*[neighbour(author, 0) for author in range(1, 6)], body=make_body(1, target=3))
    scripted.adopt(0)
    scripted.now = scripted.now._replace(unix_seconds=UNIX + LAN.alive_seconds + 1)
    assert outlook(scripted, 0).kept == (0,)
    assert said(scripted, 0) == ["keeping: release would leave 0 of 3, as others are silent or go first"]


def test_a_surplus_of_one_is_too_little() -> None:
    scripted = node_among(*[neighbour(author, 0) for author in (1, 2, 3)], body=make_body(1, target=3))
    scripted.adopt(0)
    assert said(scripted, 0) == ["keeping: release would leave 3 of 3, too few to spare"]
    assert outlook(scripted, 0).kept == (0,)


def test_a_node_that_the_network_does_not_know_yet_looks_at_nothing() -> None:
    scripted = ScriptedNode(timing=LAN)
    scripted.tell(ev.CollectionJoined(COLLECTION, ()))
    scripted.import_manifest(make_body(2, target=3))
    assert outlook(scripted, 100 * MB) == Outlook()
    assert {decision.verdict for decision in decided(scripted)} <= {Verdict.PAUSED, Verdict.UNKNOWN_HERE}


# --- a graceful leave -----------------------------------------------------------------------------


def leave_by(scripted: ScriptedNode, seconds: float) -> None:
    by = int(scripted.now.unix_seconds + seconds)
    scripted.tell(ev.CollectionLeft(COLLECTION, delete_files=False, leaving_by=by))


def is_left(scripted: ScriptedNode) -> bool:
    return scripted.node.statistics(scripted.now).collections[0].parting


def test_nothing_is_adopted_into_a_collection_that_is_being_left() -> None:
    scripted = node_among(neighbour(1, 0))
    leave_by(scripted, 3_600)
    scripted.tell(ev.AdoptionRequested(shard(1)))
    assert scripted.node.role_of(shard(1)).value == "none"


def test_a_collection_whose_manifest_never_came_is_left_at_the_next_look() -> None:
    scripted = ScriptedNode(timing=LAN).join()
    leave_by(scripted, 3_600)
    scripted.wait(LAN.tick_seconds + 1)
    assert is_left(scripted)


def test_shards_that_wait_for_their_manifest_are_waited_for_until_the_time_is_over() -> None:
    scripted = node_among(neighbour(1, 0))
    scripted.adopt(1)
    leave_by(scripted, 600)
    scripted.memory.records.clear()  # a database that lost the manifest
    scripted.restart()
    scripted.tell(ev.ListeningStarted((), ()))
    scripted.wait(300)
    assert not is_left(scripted)
    scripted.wait(400)
    assert is_left(scripted)
