"""A node among hostile peers, with one honest friend: what each says reaches the other as bytes, or not at all.

The victim is told what its shells would tell it; whatever it answers is checked, and what it sends to its
friend waits in the mail, where it may be lost, doubled, damaged or late.
"""

import hashlib
import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.errors import RecordError, RejectReason, RemoteProtocolError
from mirrord.core.records.ids import Address, SessionId
from mirrord.core.records.kinds import ManifestBody
from mirrord.core.records.record import open_record
from mirrord.core.timing import DEMO
from mirrord.core.wire import messages as m
from mirrord.core.wire.encoding import decode_message, encode_message
from mirrord.core.wire.framing import frame
from tests.fuzz.signed import check_signed
from tests.unit.core.making import COLLECTION, key_of, node_id, signing_key
from tests.unit.core.scripted import MB, OWN, ScriptedNode

FRIEND: Final = 7
PLEDGE_BYTES: Final = 20 * MB
FRIEND_AT: Final = Address("198.51.100.7", 7700)

EFFECTS_MAX: Final = 200
"""Of one event, with two nodes, at most eight sessions and five shards: three records persisted and pushed to
all are 27.  A storm of effects would be work that strangers order and we pay."""

WAKES_PER_SECOND_MAX: Final = 20
"""The demo's profile has ten deadlines a second at most; more is a node that spins."""

SESSIONS_MAX: Final = 8
HEARD_MAX: Final = 30
SETTLE_SECONDS: Final = 5
"""Until friends have told each other all: a few of the demo's gossip periods of one second, its refresh of two."""


@dataclass(slots=True)
class Siege:
    """The two honest nodes and what is between them and the hostile ones."""

    victim: ScriptedNode = field(default_factory=lambda: ScriptedNode(PLEDGE_BYTES, DEMO).join())
    friend: ScriptedNode = field(default_factory=lambda: _friend())
    line: SessionId | None = None
    mail: deque[tuple[ScriptedNode, bytes | None]] = field(default_factory=deque)
    heard: deque[bytes] = field(default_factory=lambda: deque(maxlen=HEARD_MAX))
    dials: deque[Address] = field(default_factory=lambda: deque(maxlen=limits.DIALS_MAX))
    hostile: deque[SessionId] = field(default_factory=lambda: deque(maxlen=SESSIONS_MAX))
    open: set[SessionId] = field(default_factory=set)
    jumped: bool = False
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    # --- what shells report ---------------------------------------------------------------------

    def tell(self, node: ScriptedNode, event: ev.Event) -> None:
        """Let a shell report something, carry out what the node wants, and look at it."""
        effects = node.tell(event)
        assert len(effects) <= EFFECTS_MAX, f"{type(event).__name__} led to {len(effects)} effects"
        for effect in effects:
            self._carry_out(node, effect)

    def wait(self, seconds: float, dice: float = 0.5) -> None:
        """Let time pass for both, waking each whenever it wants to be woken."""
        for node in (self.victim, self.friend):
            end = node.now.monotonic_seconds + seconds
            wakes = 0
            while node.node.next_deadline <= end:
                node.now = node.now.later(max(0.0, node.node.next_deadline - node.now.monotonic_seconds))
                self.tell(node, ev.TimePassed(dice))
                wakes += 1
                assert wakes <= 10 + WAKES_PER_SECOND_MAX * seconds, "it asks to be woken without end"
            node.now = node.now.later(max(0.0, end - node.now.monotonic_seconds))

    def jump(self, seconds: float) -> None:
        """Set the victim's wall clock, never before 1970."""
        self.jumped = True
        self.victim.now = Instant(self.victim.now.monotonic_seconds, max(0.0, self.victim.now.unix_seconds + seconds))

    def restart(self) -> None:
        """End the victim's life without a word and begin the next with what it had stored."""
        self.open.clear()
        self.dials.clear()
        self.cut()
        for effect in self.victim.restart():
            self._carry_out(self.victim, effect)
        self.tell(self.victim, ev.ListeningStarted((Address("192.0.2.100", 7700),), (Address("192.0.2.100", 7701),)))

    def answer_dial(self, peer: int | None) -> None:
        """Let the longest dial that is under way reach hostile peer number ``peer``, or nobody."""
        if not self.dials:
            return
        address = self.dials.popleft()
        if peer is None:
            self.tell(self.victim, ev.DialFailed(address, "refused"))
        else:
            self.intrude(peer, address)

    # --- hostile peers --------------------------------------------------------------------------

    def intrude(self, peer: int, dialled: Address | None = None) -> SessionId:
        """Open a session with a hostile peer."""
        session = SessionId(next(self._numbers))
        self.hostile.append(session)
        self.open.add(session)
        remote = dialled or Address(f"203.0.113.{peer}", 40_000 + session)
        self.tell(self.victim, ev.SessionOpened(session, node_id(peer), dialled, remote))
        return session

    def say(self, session: SessionId, payload: bytes) -> None:
        """Let a peer send one frame, as the network shell takes it: what does not parse ends the session."""
        try:
            message = decode_message(payload)
        except RemoteProtocolError as error:
            self.close(session, error.message)
        else:
            self.tell(self.victim, ev.MessageReceived(session, message))

    def close(self, session: SessionId, detail: str = "") -> None:
        """Let a session end; a shell says so at most once."""
        if session in self.open:
            self.open.discard(session)
            self.tell(self.victim, ev.SessionClosed(session, detail))

    # --- the honest friend ----------------------------------------------------------------------

    def connect(self) -> None:
        """Let the friend call, where it does not yet."""
        if self.line is None:
            self.line = line = SessionId(next(self._numbers))
            self.open.add(line)
            self.tell(self.victim, ev.SessionOpened(line, node_id(FRIEND), None, FRIEND_AT))
            self.tell(self.friend, ev.SessionOpened(line, node_id(OWN), Address("192.0.2.100", 7700), None))

    def cut(self) -> None:
        """Let the friends' session break, with all that is in the mail."""
        line, self.line = self.line, None
        self.mail.clear()
        if line is not None:
            self.close(line, "cut")
            self.tell(self.friend, ev.SessionClosed(line, "cut"))

    def deliver(self, count: int = 1) -> None:
        """Hand on what has waited longest."""
        while count > 0 and self.mail:
            count -= 1
            node, payload = self.mail.popleft()
            if payload is None:
                self.cut()
            elif self.line is not None:
                try:
                    message = decode_message(payload)
                except RemoteProtocolError:
                    self.cut()
                else:
                    self.tell(node, ev.MessageReceived(self.line, message))

    def publish(self, body: ManifestBody, version: int) -> None:
        """Let the friend's operator publish a version; one that contradicts another is refused, and changes nothing."""
        try:
            effects = self.friend.import_manifest(body, version)
        except RecordError as error:
            assert error.reason is RejectReason.EQUIVOCATION
            return
        for effect in effects:
            self._carry_out(self.friend, effect)

    # --- what it does ---------------------------------------------------------------------------

    def _carry_out(self, node: ScriptedNode, effect: ef.Effect) -> None:
        match effect:
            case ef.SendMessage(session, message):
                self._send(node, session, message)
            case ef.CloseSession(session):
                if session == self.line:
                    self.mail.append((self._other(node), None))
                elif node is self.victim:
                    self.close(session, "closed by us")
            case ef.ReadBlob(session, sha256, offset):
                blob = node.memory.blobs.get(sha256)
                chunk = blob[offset : offset + limits.BLOB_CHUNK_BYTES] if blob is not None else None
                self.tell(node, ev.BlobServed(session, sha256, offset, chunk or None))
            case ef.Dial(address):
                if node is self.victim:
                    self.dials.append(address)
                else:
                    self.tell(node, ev.DialFailed(address, "refused"))
            case ef.PersistRecord(key, sequence, envelope):
                check_signed(envelope)  # no forged record is stored
                record = open_record(envelope)
                assert (record.key, record.sequence) == (key, sequence)
            case ef.StoreBlob(sha256, data):
                assert hashlib.sha256(data).digest() == sha256, "a forged blob was stored"

    def _send(self, node: ScriptedNode, session: SessionId, message: m.Message) -> None:
        payload = encode_message(message)
        frame(payload)
        assert decode_message(payload) == message, "what we send, a peer takes"
        if isinstance(message, m.Records):
            for envelope in message.envelopes:
                check_signed(envelope)  # no forged record is passed on
            self.heard.extend(message.envelopes)
        if session == self.line:
            self.mail.append((self._other(node), payload))

    def _other(self, node: ScriptedNode) -> ScriptedNode:
        return self.friend if node is self.victim else self.victim

    def look(self) -> None:
        """Check what must hold whenever the victim is at rest."""
        node = self.victim.node
        assert len(node.state.gossip.sessions) <= len(self.open), "it keeps sessions that are gone"
        assert self.victim.used_bytes() <= PLEDGE_BYTES
        assert len(node.state.gossip.book) <= limits.ADDRESS_BOOK_MAX
        assert len(node.state.gossip.blobs.wanted()) <= 3 + 5, "a blob a head that is new, and one a shard"
        assert all(len(each.shards) in (0, 1, 3, 5) for each in node.statistics(self.victim.now).collections)

    def settle(self) -> None:
        """Leave the two alone: they must still find to each other, whatever was said to them before.

        Not after a jump of the clock: records from the future or long dead are rightly refused.
        """
        self.cut()
        for session in list(self.open):
            self.close(session)
        if self.jumped:
            return
        for _ in range(2 * SETTLE_SECONDS):
            self.connect()
            self.wait(0.5)
            self.deliver(EFFECTS_MAX)
        for node, other in ((self.victim, OWN), (self.friend, FRIEND)):
            told = self._other(node).node.state.gossip.records.get(key_of(other))
            assert told is not None, "an honest node was not heard"
            assert told.envelope == node.memory.records[key_of(other)].envelope, "the newest was not heard"


def _friend() -> ScriptedNode:
    friend = ScriptedNode(PLEDGE_BYTES, DEMO, key=signing_key(FRIEND))
    friend.tell(ev.CollectionJoined(COLLECTION, ()))
    friend.tell(ev.ListeningStarted((FRIEND_AT,), (Address("198.51.100.7", 7701),)))
    return friend
