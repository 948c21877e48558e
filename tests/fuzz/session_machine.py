"""Any order of valid, stale, malformed and hostile messages, opens, closes, restarts, waits and clock jumps.

Hypothesis drives this machine in the test suite, atheris by raw bytes: both choose the rules and what they say.
"""

from typing import Any
from unittest import mock

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test, initialize, invariant, precondition, rule

from mirrord.core import events as ev
from mirrord.core import limits
from mirrord.core.wire import messages as m
from mirrord.core.wire.encoding import encode_message
from tests.fuzz.hostile import damaged, envelopes, messages, protobuf
from tests.fuzz.siege import HEARD_MAX, Siege
from tests.simulation.virtual_network import make_body
from tests.unit.core.making import COLLECTION
from tests.unit.core.scripted import MB, shard

STRANGERS = range(1, 6)
"""Whose records the hostile peers can sign: not the victim's, nor its friend's."""

SAID = messages(STRANGERS).map(encode_message)
PEERS = st.sampled_from(STRANGERS)
PLACES = st.integers(0, 7)
FLIPS: st.SearchStrategy[list[tuple[int, int]]] = st.one_of(
    st.just([]), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 7)), max_size=3)
)

SMALL_LIMITS: dict[str, Any] = {
    "ADDRESS_BOOK_MAX": 6,
    "SEQUENCES_REMEMBERED_MAX": 4,
    "BUCKET_TARGET_RECORDS": 2,
    "LISTING_MAX_ENTRIES": 3,
    "BATCH_MAX_RECORDS": 2,
    "BATCH_MAX_BYTES": 1_500,
    "ANSWER_MAX_BYTES": 4_000,
    "BLOB_CHUNK_BYTES": 300,
}
"""So that a siege of a dozen records gets as far as the bounds that hold a hundred thousand."""


def has_strangers(machine: "SiegeMachine") -> bool:
    return bool(machine.siege.hostile)


def has_mail(machine: "SiegeMachine") -> bool:
    return bool(machine.siege.mail)


class SiegeMachine(RuleBasedStateMachine):
    """One siege; its rules are what hostile peers, friends, clocks and shells may do."""

    def __init__(self) -> None:
        super().__init__()
        self._limits = mock.patch.multiple(limits, **SMALL_LIMITS)
        self._limits.start()
        self.siege = Siege()

    @initialize(strangers=st.integers(0, 3), knows_friend=st.booleans())
    def it_begins(self, strangers: int, knows_friend: bool) -> None:
        if knows_friend:
            self.siege.connect()
            self.siege.deliver(40)
        for peer in STRANGERS[:strangers]:
            self._come(peer, greets=True)

    @rule(peer=PEERS, greets=st.booleans())
    def a_stranger_comes(self, peer: int, greets: bool) -> None:
        self._come(peer, greets)

    def _come(self, peer: int, greets: bool) -> None:
        session = self.siege.intrude(peer)
        if greets:
            unix_seconds = int(self.siege.victim.now.unix_seconds)
            self.siege.say(session, encode_message(m.Hello(1, 1, "x", unix_seconds, (COLLECTION,))))

    @precondition(has_strangers)
    @rule(place=PLACES, signed=st.lists(envelopes(STRANGERS), min_size=1, max_size=3), flips=FLIPS)
    def a_stranger_tells_of_records(self, place: int, signed: list[bytes], flips: list[tuple[int, int]]) -> None:
        told = (*signed[:-1], flipped(signed[-1], flips))
        self._say(place, encode_message(m.Records(COLLECTION, told)))

    @precondition(has_strangers)
    @rule(place=PLACES, payload=SAID)
    def a_stranger_says_what_fits(self, place: int, payload: bytes) -> None:
        self._say(place, payload)

    @precondition(has_strangers)
    @rule(place=PLACES, payload=st.one_of(damaged(SAID), protobuf(), st.binary(max_size=60)))
    def a_stranger_says_anything(self, place: int, payload: bytes) -> None:
        self._say(place, payload)

    @precondition(lambda self: self.siege.hostile and self.siege.heard)
    @rule(place=PLACES, at=st.integers(0, HEARD_MAX), flips=FLIPS)
    def a_stranger_repeats_what_it_heard(self, place: int, at: int, flips: list[tuple[int, int]]) -> None:
        heard = self.siege.heard
        self._say(place, encode_message(m.Records(COLLECTION, (flipped(heard[at % len(heard)], flips),))))

    def _say(self, place: int, payload: bytes) -> None:
        """Speak in an open session; or, now and then, in one that is closed already, as messages are under way then."""
        hostile = self.siege.hostile
        still_open = [session for session in hostile if session in self.siege.open]
        chosen = hostile if place == 0 or not still_open else still_open
        self.siege.say(chosen[place % len(chosen)], payload)

    @precondition(has_strangers)
    @rule(place=PLACES)
    def a_stranger_goes(self, place: int) -> None:
        self.siege.close(self.siege.hostile[place % len(self.siege.hostile)])

    @precondition(lambda self: self.siege.dials)
    @rule(peer=st.one_of(st.none(), PEERS))
    def a_dial_ends(self, peer: int | None) -> None:
        self.siege.answer_dial(peer)

    @precondition(lambda self: self.siege.line is None)
    @rule()
    def the_friend_calls(self) -> None:
        self.siege.connect()

    @precondition(has_mail)
    @rule(count=st.integers(1, 20))
    def the_mail_comes(self, count: int) -> None:
        self.siege.deliver(count)

    @precondition(lambda self: self.siege.line is not None)
    @rule(turns=st.integers(1, 8))
    def the_friends_talk_undisturbed(self, turns: int) -> None:
        for _ in range(turns):
            self.siege.deliver(50)
            self.siege.wait(0.3)

    @precondition(has_mail)
    @rule(fate=st.sampled_from(["lost", "doubled", "late", "damaged"]), at=st.integers(0, 400), bit=st.integers(0, 7))
    def the_mail_suffers(self, fate: str, at: int, bit: int) -> None:
        node, payload = self.siege.mail.popleft()
        match fate:
            case "doubled":
                self.siege.mail.extendleft([(node, payload)] * 2)
            case "late":
                self.siege.mail.append((node, payload))
            case "damaged" if payload:
                self.siege.mail.appendleft((node, flipped(payload, [(at, bit)])))

    @precondition(lambda self: self.siege.line is not None)
    @rule()
    def the_line_breaks(self) -> None:
        self.siege.cut()

    @rule(version=st.integers(1, 3))
    def the_friend_publishes(self, version: int) -> None:
        """The curator's own node: version 1 has three shards, each later one five."""
        self.siege.publish(make_body(3 if version == 1 else 5), version)

    @rule(index=st.integers(0, 2))
    def the_friend_holds(self, index: int) -> None:
        for event in (ev.AdoptionRequested(shard(index)), ev.HoldingVerified(shard(index))):
            self.siege.tell(self.siege.friend, event)

    @rule(index=st.integers(0, 4), free=st.sampled_from([0, 50 * MB]))
    def the_victims_shells_report(self, index: int, free: int) -> None:
        victim = self.siege.victim
        self.siege.tell(victim, ev.FetchProgressed(shard(index), 1, 4))
        self.siege.tell(victim, ev.HoldingVerified(shard(index)))
        self.siege.tell(victim, ev.DiskMeasured(free))

    @rule(seconds=st.floats(0.01, 8.0), dice=st.floats(0, 1, exclude_max=True))
    def time_passes(self, seconds: float, dice: float) -> None:
        self.siege.wait(seconds, dice)

    @rule(seconds=st.sampled_from([-2e9, -86_400.0, -700.0, -30.0, 30.0, 700.0, 86_400.0, 4e9]))
    def the_clock_jumps(self, seconds: float) -> None:
        self.siege.jump(seconds)

    @rule()
    def the_victim_is_killed(self) -> None:
        self.siege.restart()

    @invariant()
    def it_keeps_its_bounds(self) -> None:
        self.siege.look()

    def teardown(self) -> None:
        try:
            self.siege.settle()
        finally:
            self._limits.stop()


def flipped(data: bytes, bits: list[tuple[int, int]]) -> bytes:
    """Return ``data`` with some of its bits turned over."""
    changed = bytearray(data)
    for at, bit in bits:
        if changed:
            changed[at % len(changed)] ^= 1 << bit
    return bytes(changed)


SETTINGS = settings(max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))
besiege = get_state_machine_test(SiegeMachine, settings=SETTINGS)
"""One whole siege after the other; ``besiege.hypothesis.fuzz_one_input`` plays the one that some bytes stand for."""
