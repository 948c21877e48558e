"""Any order of valid, stale, malformed and hostile messages, opens, closes, restarts, waits and clock jumps.

Hypothesis drives this machine in the test suite, atheris by raw bytes: both choose the rules and what they say.
"""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, get_state_machine_test, invariant, rule

from mirrord.core import events as ev
from mirrord.core.wire import messages as m
from mirrord.core.wire.encoding import encode_message
from tests.fuzz.hostile import damaged, messages, protobuf
from tests.fuzz.siege import Siege
from tests.simulation.virtual_network import make_body
from tests.unit.core.making import COLLECTION
from tests.unit.core.scripted import MB, shard

STRANGERS = range(1, 6)
"""Whose records the hostile peers can sign: not the victim's, nor its friend's."""

SAID = messages(STRANGERS).map(encode_message)
PEERS = st.sampled_from(STRANGERS)
PLACES = st.integers(0, 7)


class SiegeMachine(RuleBasedStateMachine):
    """One siege; its rules are what hostile peers, friends, clocks and shells may do."""

    def __init__(self) -> None:
        super().__init__()
        self.siege = Siege()

    @rule(peer=PEERS, greets=st.booleans())
    def a_stranger_comes(self, peer: int, greets: bool) -> None:
        session = self.siege.intrude(peer)
        if greets:
            self.siege.say(session, encode_message(m.Hello(1, 1, "x", 1_800_000_000, (COLLECTION,))))

    @rule(place=PLACES, payload=SAID)
    def a_stranger_says_what_fits(self, place: int, payload: bytes) -> None:
        self._say(place, payload)

    @rule(place=PLACES, payload=st.one_of(damaged(SAID), protobuf(), st.binary(max_size=60)))
    def a_stranger_says_anything(self, place: int, payload: bytes) -> None:
        self._say(place, payload)

    @rule(place=PLACES, at=st.integers(0, 29), flips=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 7))))
    def a_stranger_repeats_what_it_heard(self, place: int, at: int, flips: list[tuple[int, int]]) -> None:
        heard = self.siege.heard
        if heard:
            envelope = flipped(heard[at % len(heard)], flips)
            self._say(place, encode_message(m.Records(COLLECTION, (envelope,))))

    def _say(self, place: int, payload: bytes) -> None:
        """Speak in one of the newest sessions, which may be closed already: messages are under way then."""
        if self.siege.hostile:
            self.siege.say(self.siege.hostile[place % len(self.siege.hostile)], payload)

    @rule(place=PLACES)
    def a_stranger_goes(self, place: int) -> None:
        if self.siege.hostile:
            self.siege.close(self.siege.hostile[place % len(self.siege.hostile)])

    @rule(peer=st.one_of(st.none(), PEERS))
    def a_dial_ends(self, peer: int | None) -> None:
        self.siege.answer_dial(peer)

    @rule()
    def the_friend_calls(self) -> None:
        self.siege.connect()

    @rule(count=st.integers(1, 20))
    def the_mail_comes(self, count: int) -> None:
        self.siege.deliver(count)

    @rule(fate=st.sampled_from(["lost", "doubled", "late", "damaged"]), at=st.integers(0, 400), bit=st.integers(0, 7))
    def the_mail_suffers(self, fate: str, at: int, bit: int) -> None:
        if not self.siege.mail:
            return
        node, payload = self.siege.mail.popleft()
        match fate:
            case "doubled":
                self.siege.mail.extendleft([(node, payload)] * 2)
            case "late":
                self.siege.mail.append((node, payload))
            case "damaged" if payload:
                self.siege.mail.appendleft((node, flipped(payload, [(at, bit)])))

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
        self.siege.settle()


def flipped(data: bytes, bits: list[tuple[int, int]]) -> bytes:
    """Return ``data`` with some of its bits turned over."""
    changed = bytearray(data)
    for at, bit in bits:
        if changed:
            changed[at % len(changed)] ^= 1 << bit
    return bytes(changed)


SETTINGS = settings(max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
besiege = get_state_machine_test(SiegeMachine, settings=SETTINGS)
"""One whole siege after the other; ``besiege.hypothesis.fuzz_one_input`` plays the one that some bytes stand for."""
