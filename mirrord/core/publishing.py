"""When this node announces itself, and the signing of what it says."""

from mirrord.core.announcing import Reachable, compose
from mirrord.core.clock import Instant
from mirrord.core.effects import Effect, PersistSequence, Warn
from mirrord.core.errors import RecordError
from mirrord.core.records.codec import decode_announcement, encode_announcement
from mirrord.core.records.kinds import Kind
from mirrord.core.records.signing import SigningKey, sign
from mirrord.core.state import NodeState

CLOCK_IS_WRONG = "this machine's clock is wrong, by what its peers say: nothing is claimed or announced until it is set"
CLOCK_IS_RIGHT = "this machine's clock agrees with its peers again"
KEY_IS_ELSEWHERE = (
    "another machine announces itself with this node's key, so the two contradict each other and will not count: "
    "stop one of them, and give it a key of its own with `mirrord init`"
)
TOO_LONG = "this node has more to announce than one record holds: leave a collection"


class Publisher:
    """Announces what has changed, no oftener than the profile's gap unless it is urgent, and all of it now and then."""

    def __init__(self, key: SigningKey, state: NodeState) -> None:
        self._key = key
        self._state = state
        self._timing = state.settings.timing
        self._next_at = 0.0
        self._refresh_at = 0.0
        self._must_be_silent = False
        self._announced = Reachable()
        self._others = 0
        self._warned_at = float("-inf")

    def own_record_came(self, sequence: int, now: Instant, out: list[Effect]) -> None:
        """Go on above a record of ours that we did not sign in this life, and soon, the first time.

        One may be a life that our disk forgot.  Once we have spoken, a second one is another machine with our key;
        to answer each of those at once would make the two of them shout each other down.
        """
        state = self._state
        state.sequence = max(state.sequence, sequence)
        self._others += state.counts["announcements_published"] > 0
        state.changed(urgent=self._others < 2)
        if self._others >= 2:
            self.key_is_elsewhere(now, out)

    def key_is_elsewhere(self, now: Instant, out: list[Effect]) -> None:
        """Tell the operator that two machines have one key, now and then as long as it lasts."""
        self._state.key_elsewhere_until = now.monotonic_seconds + 2 * self._timing.refresh_seconds
        if now.monotonic_seconds >= self._warned_at + self._timing.refresh_seconds:
            self._warned_at = now.monotonic_seconds
            out.append(Warn(KEY_IS_ELSEWHERE))

    def mind_clock(self, now: Instant, out: list[Effect]) -> None:
        """Notice that our clock is wrong by what many peers say, or right again, and tell the operator."""
        state, clock = self._state, self._state.gossip.clock
        if clock.is_wrong(now) != state.clock_wrong:
            state.clock_wrong = not state.clock_wrong
            out.append(Warn(CLOCK_IS_WRONG if state.clock_wrong else CLOCK_IS_RIGHT, clock.offset_seconds(now) or 0.0))
            state.changed()

    def publish_where_due(self, now: Instant, out: list[Effect]) -> None:
        """Sign and push an announcement, if one is due and may be made."""
        state = self._state
        self._must_be_silent = not state.gossip.may_speak(now)
        if self._must_be_silent or not self._has_something_to_say:
            return
        if state.announced != self._announced:
            state.changed(urgent=False)  # a peer got through to an address of ours, or none does any more
        is_due = (state.dirty and now.monotonic_seconds >= self._next_at) or state.urgent
        if is_due or now.monotonic_seconds >= self._refresh_at:
            self._publish(now, out)
            state.dirty = state.urgent = False
            self._announced = state.announced
            self._next_at = now.monotonic_seconds + self._timing.publish_gap_seconds
            self._refresh_at = now.monotonic_seconds + self._timing.refresh_seconds

    def _publish(self, now: Instant, out: list[Effect]) -> None:
        state = self._state
        state.sequence = max(state.sequence + 1, int(now.unix_seconds))
        announcement = compose(
            state.sequence,
            state.settings,
            state.announced,
            state.custody,
            state.admitted_memberships(),
            now,
            0 if state.paused else state.room_bytes,
            state.speed.bytes_per_second,
        )
        body = encode_announcement(announcement)
        try:
            envelope = sign(Kind.ANNOUNCEMENT, body, self._key)
            decode_announcement(body)  # what everybody would refuse must not be promised
        except RecordError:
            out.append(Warn(TOO_LONG))
            return
        out.append(PersistSequence(state.sequence))
        state.gossip.put(envelope, now, out)
        state.counts["announcements_published"] += 1

    @property
    def next_deadline(self) -> float:
        """Monotonic seconds at which an announcement is due; inf: none may be made.

        What is overdue but must not be said yet is looked at again when the next thing is due.
        """
        if self._must_be_silent or not self._has_something_to_say:
            return float("inf")
        return self._next_at if self._state.dirty else self._refresh_at

    @property
    def _has_something_to_say(self) -> bool:
        """Whether there is a collection to speak about, and an address to say it from."""
        return self._state.reachable is not None and bool(self._state.admitted_memberships())
