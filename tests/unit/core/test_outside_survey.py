"""The survey of outside seeders: polite to everybody whatever is answered, and fair to every shard."""

import hashlib
from collections.abc import Callable, Iterator, Set
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from making import COLLECTION, NOW, OTHER_COLLECTION

from mirrord.core.clock import Instant
from mirrord.core.effects import LookUpSwarm, ScrapeTracker
from mirrord.core.events import SwarmLookedUp, TrackerScraped
from mirrord.core.outside.bounds import ANSWER_SECONDS, SCRAPE_HASHES_MAX, SEEDERS_MAX
from mirrord.core.outside.survey import Survey
from mirrord.core.outside.types import (
    PACES,
    UNKNOWN,
    OutsideAnswers,
    OutsideSettings,
    OutsideSource,
    Swarms,
    swarm_hashes,
)
from mirrord.core.records.ids import Address, CollectionId, Sha256, ShardIndex, ShardKey
from mirrord.core.records.kinds import Shard
from mirrord.core.timing import WAN

PACE = PACES[WAN.name]
TRACKER, OTHER_TRACKER = "udp://tracker.example:1", "https://other.example/announce"
DHT, TRACKERS = OutsideSettings(dht=True), OutsideSettings(trackers=(TRACKER, OTHER_TRACKER))
STRANGER = Address("198.51.100.1", 6881)


def make_shard(index: int, hybrid: bool = False) -> Shard:
    seed = hashlib.sha256(b"%d" % index).digest()
    return Shard(
        index=ShardIndex(index),
        name=f"s{index}",
        info_hash_v2=seed,
        info_hash_v1=hashlib.sha256(seed).digest()[:20] if hybrid else b"",
        torrent_sha256=Sha256(seed),
        torrent_bytes=1,
        bytes=1,
        files=1,
        items=1,
        popularity_min=0,
        popularity_max=0,
        demand_ppb=0,
        rights="CC0-1.0",
    )


def swarms_of(
    count: int, below: Set[int] = frozenset(), hybrid: bool = False, collection: CollectionId = COLLECTION
) -> Swarms:
    return Swarms(
        collection,
        tuple(make_shard(index, hybrid) for index in range(count)),
        np.ones(count, dtype=np.bool_),
        np.array([index in below for index in range(count)], dtype=np.bool_),
    )


def nobody(_collection: CollectionId, _hosts: Set[str]) -> Set[str]:
    return set()


class Asked:
    """A survey, the time in our hands, and every question with its moment."""

    def __init__(self, whom: OutsideSettings, *swarms: Swarms) -> None:
        self.survey = Survey(whom, PACE)
        self.swarms = list(swarms)
        self.now = NOW
        self.log: list[tuple[float, LookUpSwarm | ScrapeTracker]] = []

    def ask(self) -> list[LookUpSwarm | ScrapeTracker]:
        questions = list(self.survey.ask(self.now, lambda: self.swarms))
        self.log += [(self.now.monotonic_seconds, question) for question in questions]
        return questions

    def wait(self, seconds: float) -> list[LookUpSwarm | ScrapeTracker]:
        """Let time pass, waking the survey when it wants to be; stop at its first questions."""
        end = self.now.monotonic_seconds + seconds
        while (at := max(self.survey.next_deadline, self.now.monotonic_seconds)) <= end:
            self.now = self.now.later(at - self.now.monotonic_seconds)
            if questions := self.ask():
                return questions
            assert self.survey.next_deadline > self.now.monotonic_seconds, "it would be woken at once, again and again"
        self.now = self.now.later(end - self.now.monotonic_seconds)
        return []

    def next(self) -> LookUpSwarm | ScrapeTracker:
        (question,) = self.wait(2 * PACE.backoff_max_seconds)
        return question

    def look(self, *members: Address) -> LookUpSwarm:
        """Answer the next lookup with these members at the end of its time."""
        question = self.next()
        assert isinstance(question, LookUpSwarm)
        self.now = self.now.later(question.seconds)
        self.survey.looked_up(SwarmLookedUp(question.shard, question.info_hash, members), nobody, self.now)
        return question

    def fail(self, question: LookUpSwarm | ScrapeTracker) -> None:
        if isinstance(question, LookUpSwarm):
            self.survey.looked_up(SwarmLookedUp(question.shard, question.info_hash, None), nobody, self.now)
        else:
            self.survey.scraped(TrackerScraped(question.tracker, shards_of(question), None), self.now)

    def tell(self, question: ScrapeTracker, seeders: Callable[[int], int]) -> None:
        told = tuple(seeders(key.index) for key in shards_of(question))
        self.survey.scraped(TrackerScraped(question.tracker, shards_of(question), told), self.now)

    def seeders(self, source: OutsideSource, shards: int, collection: CollectionId = COLLECTION) -> list[int]:
        return self.answers(source, shards, collection).seeders.tolist()

    def answers(self, source: OutsideSource, shards: int, collection: CollectionId = COLLECTION) -> OutsideAnswers:
        return self.survey.answers(collection, shards, self.now)[source]


def shards_of(question: LookUpSwarm | ScrapeTracker) -> tuple[ShardKey, ...]:
    return (question.shard,) if isinstance(question, LookUpSwarm) else tuple(each.shard for each in question.swarms)


# --- what is counted ------------------------------------------------------------------------------


def test_a_lookup_counts_hosts_that_are_no_nodes_and_is_forgotten_in_time() -> None:
    asked = Asked(DHT, swarms_of(1))
    assert asked.seeders(OutsideSource.DHT, 1) == [UNKNOWN]
    question = asked.next()
    assert isinstance(question, LookUpSwarm)
    assert question.info_hash == make_shard(0).info_hash_v2[:20]
    found = (STRANGER, STRANGER._replace(port=6882), Address("198.51.100.2", 1024), Address("192.0.2.9", 7701))
    event = SwarmLookedUp(question.shard, question.info_hash, found)
    asked.survey.looked_up(event, lambda _collection, hosts: hosts & {"192.0.2.9"}, asked.now)
    assert asked.seeders(OutsideSource.DHT, 1) == [2]
    asked.swarms = []
    assert not asked.wait(PACE.forget_seconds - 1)
    assert asked.seeders(OutsideSource.DHT, 1) == [2]
    assert not asked.wait(1)
    assert asked.seeders(OutsideSource.DHT, 1) == [UNKNOWN]


def test_both_hashes_of_a_hybrid_are_looked_up_in_turn_and_one_client_counts_once() -> None:
    asked = Asked(DHT, swarms_of(1, hybrid=True))
    first = asked.look(STRANGER)
    assert asked.seeders(OutsideSource.DHT, 1) == [UNKNOWN], "half of an answer is none"
    second = asked.look(STRANGER, Address("198.51.100.2", 6881))
    assert (first.info_hash, second.info_hash) == swarm_hashes(make_shard(0, hybrid=True))
    assert asked.seeders(OutsideSource.DHT, 1) == [2]
    assert asked.survey.asked == {OutsideSource.DHT: 2}


def test_a_machine_with_both_ips_counts_once() -> None:
    asked = Asked(DHT, swarms_of(1))
    asked.look(STRANGER, Address("2001:db8::1", 6881), Address("2001:db8::2", 6881))
    assert asked.seeders(OutsideSource.DHT, 1) == [2]


def test_of_several_trackers_counts_who_knows_most_and_a_lie_has_a_bound() -> None:
    asked = Asked(TRACKERS, swarms_of(3))
    one, other = asked.wait(PACE.scrape_gap_seconds)
    assert isinstance(one, ScrapeTracker) and isinstance(other, ScrapeTracker)
    assert {one.tracker, other.tracker} == {TRACKER, OTHER_TRACKER}
    asked.tell(one, lambda index: (0, 5, 2**31)[index])
    assert asked.seeders(OutsideSource.TRACKER, 3) == [0, 5, SEEDERS_MAX]
    asked.tell(other, lambda index: (1, 2, 0)[index])
    assert asked.seeders(OutsideSource.TRACKER, 3) == [1, 5, SEEDERS_MAX]


def test_what_is_told_is_summed_up_without_touching_a_replica() -> None:
    answers = OutsideAnswers(np.array([0, 1, 2, 3, 9, UNKNOWN, 4], dtype=np.int16), np.arange(7) + 100.0)
    standing = np.array([True] * 6 + [False])
    covered = answers.cover(standing, np.array([0, 0, 1, 0, 2, 0, 0], dtype=np.int32))
    assert covered.by_seeders == (1, 1, 1, 2)
    assert (covered.unknown, covered.only_outside, covered.oldest_answer_at) == (1, 2, 100.0)
    nothing = OutsideAnswers(np.full(2, UNKNOWN, dtype=np.int16), np.full(2, -np.inf))
    assert nothing.cover(np.ones(2, dtype=np.bool_), np.zeros(2, dtype=np.int32)).oldest_answer_at is None


def test_an_answer_says_when_it_was_given() -> None:
    asked = Asked(DHT, swarms_of(1))
    asked.look()
    answered_at = asked.now.unix_seconds
    asked.wait(100)
    assert abs(asked.answers(OutsideSource.DHT, 1).answered_at[0] - answered_at) < 1e-3
    assert asked.seeders(OutsideSource.DHT, 1) == [0]


# --- whom it asks, and when -----------------------------------------------------------------------


def test_nobody_is_asked_where_the_operator_lets_nobody_be_asked() -> None:
    asked = Asked(OutsideSettings(), swarms_of(3))
    assert asked.survey.next_deadline == float("inf")
    assert not asked.wait(10 * PACE.lookup_again_seconds)
    assert asked.survey.answers(COLLECTION, 3, asked.now) == {}
    assert asked.survey.asked == {}


def test_shards_below_their_target_come_first_and_withdrawn_ones_never() -> None:
    swarms = swarms_of(9, below={3, 7})
    standing = swarms.standing.copy()
    standing[[0, 1]] = False
    asked = Asked(DHT, replace(swarms, standing=standing))
    order = [asked.look().shard.index for _ in range(7)]
    assert set(order[:2]) == {3, 7}
    assert sorted(order) == [2, 3, 4, 5, 6, 7, 8]


def test_where_too_many_are_below_their_target_the_others_still_get_their_turn() -> None:
    many = int(PACE.lookup_again_seconds / PACE.lookup_gap_seconds) + 100
    asked = Asked(DHT, swarms_of(many, below=set(range(many - 3))))
    seen = [asked.look().shard.index for _ in range(5 * many)]
    assert set(seen) == set(range(many))


def test_a_scrape_has_as_many_shards_as_fit_and_all_collections_share_it() -> None:
    one, other = swarms_of(30, hybrid=True), swarms_of(30, hybrid=True, collection=OTHER_COLLECTION)
    asked = Asked(OutsideSettings(trackers=(TRACKER,)), one, other)
    seen: list[ShardKey] = []
    while len(seen) < 60:
        question = asked.next()
        assert isinstance(question, ScrapeTracker)
        assert sum(len(swarm.hashes) for swarm in question.swarms) <= SCRAPE_HASHES_MAX
        assert all(swarm.hashes == swarm_hashes(make_shard(swarm.shard.index, True)) for swarm in question.swarms)
        seen += shards_of(question)
        asked.tell(question, lambda index: index)
    assert len(asked.log) == 2
    assert asked.seeders(OutsideSource.TRACKER, 30, OTHER_COLLECTION) == list(range(30))


def test_each_failure_doubles_the_pause_up_to_a_day_and_an_answer_ends_it() -> None:
    asked = Asked(DHT, swarms_of(50))
    for _ in range(16):
        asked.fail(asked.next())
    pauses = np.diff([at for at, _ in asked.log])
    expected = [min(PACE.lookup_gap_seconds * 2**n, PACE.backoff_max_seconds) for n in range(1, 16)]
    assert np.allclose(pauses, expected)
    assert pauses[-1] == 86_400
    assert asked.survey.failed == {OutsideSource.DHT: 16}
    asked.look()
    asked.next()
    assert asked.log[-1][0] - asked.log[-2][0] == PACE.lookup_gap_seconds


def test_a_question_that_is_never_answered_is_given_up_and_its_late_answer_is_no_matter() -> None:
    for whom in (DHT, OutsideSettings(trackers=(TRACKER,))):
        asked = Asked(whom, swarms_of(1))
        (source,) = whom.sources
        lost = asked.next()
        assert not asked.wait(ANSWER_SECONDS)
        again = asked.next()
        assert asked.survey.failed == {source: 1}
        assert shards_of(again) == shards_of(lost)
        asked.fail(again)
        if isinstance(lost, LookUpSwarm):
            asked.survey.looked_up(SwarmLookedUp(lost.shard, lost.info_hash, (STRANGER,)), nobody, asked.now)
        else:
            asked.tell(lost, lambda _index: 1)
        assert asked.seeders(source, 1) == [UNKNOWN]


def test_a_shard_whose_question_always_fails_does_not_keep_the_others_waiting() -> None:
    asked = Asked(OutsideSettings(trackers=(TRACKER,)), swarms_of(200))
    seen: set[int] = set()
    for _ in range(40):
        question = asked.next()
        assert isinstance(question, ScrapeTracker)
        seen |= {key.index for key in shards_of(question)}
        if any(key.index == 0 for key in shards_of(question)):
            asked.fail(question)
        else:
            asked.tell(question, lambda _index: 1)
    assert seen == set(range(200))


def test_a_collection_that_was_left_is_forgotten_and_a_newer_manifest_may_have_more_shards() -> None:
    asked = Asked(DHT, swarms_of(1))
    asked.look(STRANGER)
    asked.swarms = [swarms_of(3)]
    assert asked.seeders(OutsideSource.DHT, 3) == [1, UNKNOWN, UNKNOWN]
    asked.look(STRANGER)
    question = asked.next()
    asked.swarms = []
    asked.survey.part(COLLECTION)
    assert isinstance(question, LookUpSwarm)
    asked.survey.looked_up(SwarmLookedUp(question.shard, question.info_hash, (STRANGER,)), nobody, asked.now)
    assert asked.seeders(OutsideSource.DHT, 3) == [UNKNOWN] * 3
    asked.swarms = [swarms_of(3)]
    assert asked.look(STRANGER).shard in {ShardKey(COLLECTION, ShardIndex(index)) for index in range(3)}


# --- whatever happens -----------------------------------------------------------------------------


def places(asked: Asked) -> Iterator[tuple[str, float, list[tuple[float, tuple[ShardKey, ...], bytes]]]]:
    """Yield each place that was asked: its gap, and when it was asked about what."""
    for place in sorted({getattr(question, "tracker", "") for _, question in asked.log}):
        questions = [(at, q) for at, q in asked.log if getattr(q, "tracker", "") == place]
        gap = PACE.scrape_gap_seconds if place else PACE.lookup_gap_seconds
        yield place, gap, [(at, shards_of(q), getattr(q, "info_hash", b"")) for at, q in questions]


ANSWERS = st.sampled_from(("none", "fail", "answer", "answer", "answer", "late"))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_it_is_polite_whatever_time_does_and_whatever_is_answered(data: st.DataObject) -> None:
    """Never two questions within the gap, never two open ones, never the same shard too soon after an answer."""
    count = data.draw(st.integers(1, 60))
    below = frozenset(data.draw(st.sets(st.integers(0, count - 1))))
    hybrid = data.draw(st.booleans())
    asked = Asked(OutsideSettings(True, (TRACKER,)), swarms_of(count, below, hybrid))
    answered: dict[tuple[str, ShardKey], float] = {}
    open_since: dict[str, float] = {}
    waiting: list[LookUpSwarm | ScrapeTracker] = []
    for _ in range(data.draw(st.integers(1, 40))):
        asked.now = asked.now.later(data.draw(st.sampled_from((0.0, 1.0, 29.0, 31.0, 61.0, 5_000.0, 50_000.0))))
        for question in asked.ask():
            place = getattr(question, "tracker", "")
            if place in open_since:
                assert asked.now.monotonic_seconds - open_since[place] >= ANSWER_SECONDS
            open_since[place] = asked.now.monotonic_seconds
            again = PACE.scrape_again_seconds if place else PACE.lookup_again_seconds
            for key in shards_of(question):
                assert asked.now.monotonic_seconds - answered.get((place, key), -np.inf) >= again
            waiting.append(question)
        for question in list(waiting):
            match data.draw(ANSWERS):
                case "none":
                    continue
                case "late":
                    asked.now = asked.now.later(10 * ANSWER_SECONDS)
                case "fail":
                    asked.fail(question)
                    open_since.pop(getattr(question, "tracker", ""), None)
                    waiting.remove(question)
                case _:
                    before = asked.survey.answers(COLLECTION, count, asked.now)
                    place = getattr(question, "tracker", "")
                    if isinstance(question, LookUpSwarm):
                        event = SwarmLookedUp(question.shard, question.info_hash, (STRANGER,))
                        asked.survey.looked_up(event, nobody, asked.now)
                    else:
                        asked.tell(question, lambda _index: 1)
                    source = OutsideSource.TRACKER if place else OutsideSource.DHT
                    after = asked.survey.answers(COLLECTION, count, asked.now)[source].answered_at
                    for index in np.flatnonzero(after != before[source].answered_at).tolist():
                        answered[place, ShardKey(COLLECTION, ShardIndex(index))] = asked.now.monotonic_seconds
                    open_since.pop(place, None)
                    waiting.remove(question)
    for _, gap, questions in places(asked):
        moments = [at for at, _, _ in questions]
        assert all(np.diff(moments) >= gap - 1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 50), st.sets(st.integers(0, 49)), st.booleans(), st.lists(st.booleans(), max_size=30))
def test_everybody_is_asked_about_in_the_end(count: int, below: set[int], hybrid: bool, failures: list[bool]) -> None:
    asked = Asked(OutsideSettings(True, (TRACKER,)), swarms_of(count, below, hybrid))
    troubles = iter(failures)
    for _ in range(6 * count + 2 * len(failures) + 6):
        for question in asked.wait(2 * PACE.backoff_max_seconds):
            if next(troubles, False):
                asked.fail(question)
            elif isinstance(question, LookUpSwarm):
                asked.now = asked.now.later(question.seconds)
                event = SwarmLookedUp(question.shard, question.info_hash, ())
                asked.survey.looked_up(event, nobody, asked.now)
            else:
                asked.tell(question, lambda _index: 0)
    for source, answers in asked.survey.answers(COLLECTION, count, Instant(asked.now.monotonic_seconds, 0.0)).items():
        assert (answers.answered_at > -np.inf).all(), source
