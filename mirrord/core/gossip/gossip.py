"""The gossiping part of a node: its sessions, its records, its address book and its blobs.

It takes the events that concern the network and appends effects to an outbox.  What it learns for
the rest of the node (new records, whole blobs) it returns as :class:`News`.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import (
    CloseSession,
    Dial,
    Effect,
    ForgetRecord,
    PersistPeer,
    PersistRecord,
    ReadBlob,
    SendMessage,
)
from mirrord.core.errors import RecordError, RejectReason, RemoteProtocolError
from mirrord.core.events import DialFailed, SessionClosed, SessionOpened
from mirrord.core.gossip import reconcile
from mirrord.core.gossip.addressbook import AddressBook
from mirrord.core.gossip.allowance import Allowance
from mirrord.core.gossip.blobs import Ask, BlobFetches
from mirrord.core.gossip.fingerprints import Fingerprints
from mirrord.core.gossip.sessions import VERSION_MAX, VERSION_MIN, Session, Sessions, judge_hello
from mirrord.core.records.ids import Address, CollectionId, NodeId, SessionId, Sha256
from mirrord.core.records.kinds import Announcement, CollectionState, Kind
from mirrord.core.records.recordset import Record, RecordKey, RecordSet
from mirrord.core.timing import TimingProfile
from mirrord.core.wire import messages as m

_SESSIONS_WANTED: Final = 8
"""Sessions that a node tries to keep open; push reaches everybody over a few hops of eight."""

_ROTATE_ROUNDS: Final = 5
"""Every so many rounds a node with enough sessions trades one for a new peer.  Otherwise the graph
freezes: two halves of a network that was cut in two would each be content with itself for ever."""


@dataclass(slots=True)
class News:
    """What an event taught us: records that are new, and blobs that are whole."""

    records: list[Record] = field(default_factory=list)
    blobs: list[tuple[Sha256, bytes]] = field(default_factory=list)


class Gossip:
    """The network's side of a node's state."""

    def __init__(self, own: NodeId, agent: str, timing: TimingProfile) -> None:
        self._own = own
        self._agent = agent
        self._timing = timing
        self.records = RecordSet(timing.dead_band_seconds)
        self.sessions = Sessions(own)
        self.book = AddressBook(timing)
        self.blobs = BlobFetches()
        self.fingerprints: dict[CollectionId, Fingerprints] = {}
        self._next_round_at = 0.0
        self._rounds = 0
        self._relays: dict[RecordKey, Allowance] = {}
        self.counts: Counter[str] = Counter()
        self.rejected: Counter[RejectReason] = Counter()

    # --- collections ---------------------------------------------------------------------------

    def join(self, collection: CollectionId, now: Instant, out: list[Effect]) -> None:
        """Take part in a collection's gossip."""
        self.records.join(collection)
        index = self.fingerprints.setdefault(collection, Fingerprints())
        for record in self.records.offered(collection):
            index.put(record)
        self._next_round_at = now.monotonic_seconds
        self._greet_again(now, out)
        for session in self.sessions.greeted():
            self._share(session, out)

    def part(self, collection: CollectionId, now: Instant, out: list[Effect]) -> None:
        """Take no further part; records that only this collection kept are forgotten."""
        self.fingerprints.pop(collection, None)
        out.extend(ForgetRecord(r.key, self.records.highest(r.key)) for r in self.records.part(collection))
        self._greet_again(now, out)
        for session in self.sessions.greeted():
            self._share(session, out)
            if not session.shared:
                self._close(session, m.GoodbyeCode.NOTHING_SHARED, "we left the last collection in common", out)

    def _greet_again(self, now: Instant, out: list[Effect]) -> None:
        hello = self._hello(now)
        out.extend(SendMessage(s.session, hello) for s in self.sessions.greeted())

    def _hello(self, now: Instant) -> m.Hello:
        return m.Hello(VERSION_MIN, VERSION_MAX, self._agent, int(now.unix_seconds), tuple(sorted(self.fingerprints)))

    # --- sessions ------------------------------------------------------------------------------

    def opened(self, event: SessionOpened, now: Instant, out: list[Effect]) -> None:
        """Greet, and settle which of two sessions with the same peer stays."""
        self.counts["sessions_opened"] += 1
        if event.dialled is not None:
            self.book.answered(event.dialled, event.peer)
            out.append(PersistPeer(event.dialled, event.peer, int(now.unix_seconds)))
        session, loser = self.sessions.opened(event.session, event.peer, event.dialled, now)
        if loser is not session:
            out.append(SendMessage(session.session, self._hello(now)))
        if loser is not None:
            self._close(loser, m.GoodbyeCode.DUPLICATE, "we have another session", out)
        elif event.dialled is not None and len(self.sessions) > _SESSIONS_WANTED:
            oldest = self.sessions.oldest_dialled()
            if oldest is not None and oldest is not session:
                self._close(oldest, m.GoodbyeCode.UNSPECIFIED, "making room for another peer", out)

    def closed(self, event: SessionClosed, now: Instant) -> None:
        """Forget a session that is gone."""
        session = self.sessions.closed(event.session)
        self.blobs.closed(event.session)
        if session is not None and session.dialled is not None and not session.greeted:
            self.book.failed(session.dialled, now)

    def dial_failed(self, event: DialFailed, now: Instant) -> None:
        """Wait longer before that address is tried again."""
        self.counts["dials_failed"] += 1
        self.book.failed(event.address, now)

    def _close(self, session: Session, code: m.GoodbyeCode, reason: str, out: list[Effect]) -> None:
        self.sessions.closed(session.session)
        self.blobs.closed(session.session)
        out.append(CloseSession(session.session, code, reason))

    def close_all(self, out: list[Effect]) -> None:
        """Say goodbye to everybody: the daemon stops."""
        for session in list(self.sessions.greeted()):
            self._close(session, m.GoodbyeCode.STOPPING, "this node stops", out)

    # --- messages ------------------------------------------------------------------------------

    def received(self, session_id: SessionId, message: m.Message, now: Instant, out: list[Effect]) -> News:
        """Answer one message.  A peer that breaks the protocol is told so and loses its session."""
        news = News()
        session = self.sessions.get(session_id)
        if session is None:
            return news  # it was closed from our side and this was under way
        try:
            if not session.greeted and not isinstance(message, m.Hello | m.Goodbye):
                raise RemoteProtocolError("a message before Hello")
            self._answer(session, message, now, out, news)
        except (RemoteProtocolError, RecordError) as error:
            self.counts["sessions_ended_at_fault"] += 1
            code = m.GoodbyeCode.BAD_RECORD if isinstance(error, RecordError) else m.GoodbyeCode.PROTOCOL
            if session.dialled is not None:
                self.book.failed(session.dialled, now)
            self._close(session, code, error.message, out)
        return news

    def _answer(self, session: Session, message: m.Message, now: Instant, out: list[Effect], news: News) -> None:
        match message:
            case m.Hello():
                self._greeted(session, message, now, out)
            case m.Records():
                self._admit(session, message, now, out, news)
            case m.Summary() | m.Buckets() | m.Listing() | m.RecordRequest():
                if self._may_answer(session, message.collection, now):
                    self._reconcile(session, message, out)
            case m.BlobChunk():
                data, ask = self.blobs.received(session.session, message, now)
                if data is not None:
                    self.counts["blobs_fetched"] += 1
                    news.blobs.append((message.sha256, data))
                self._send_asks([ask] if ask else [], out)
            case m.BlobMissing():
                self.blobs.missing(session.session, message.sha256)
            case m.Goodbye():
                self._dismissed(session, message, now)
            case m.BlobRequest():
                out.append(ReadBlob(session.session, message.sha256, message.offset))

    def _dismissed(self, session: Session, goodbye: m.Goodbye, now: Instant) -> None:
        """The peer ends the session; its address is as good as before where another session is the reason."""
        self.sessions.closed(session.session)
        self.blobs.closed(session.session)
        if session.dialled is not None and goodbye.code is m.GoodbyeCode.DUPLICATE:
            self.book.welcomed(session.dialled)
        elif session.dialled is not None:
            self.book.failed(session.dialled, now)

    def _greeted(self, session: Session, hello: m.Hello, now: Instant, out: list[Effect]) -> None:
        verdict = judge_hello(hello, frozenset(self.fingerprints))
        if isinstance(verdict, m.Goodbye):
            if session.dialled is not None:
                self.book.failed(session.dialled, now)
            self._close(session, verdict.code, verdict.reason, out)
            return
        if session.dialled is not None:
            self.book.welcomed(session.dialled)
        session.greeted, session.joined = True, hello.collections
        self._share(session, out)

    def _share(self, session: Session, out: list[Effect]) -> None:
        """Work out what we have in common with a peer, and open a round on what is new to both."""
        before, session.shared = session.shared, tuple(c for c in session.joined if c in self.fingerprints)
        for collection in session.shared:
            if collection not in before:
                summary = reconcile.summarise(collection, self.fingerprints[collection])
                out.append(SendMessage(session.session, summary))

    def _may_answer(self, session: Session, collection: CollectionId, now: Instant) -> bool:
        """Whether a peer may ask that now; what is not answered, it asks again a period later."""
        if collection not in session.shared:
            return False
        allowance = session.rounds.get(collection)
        if allowance is None:
            each = self._timing.gossip_period_seconds / limits.ROUND_MESSAGES_BURST
            allowance = session.rounds[collection] = Allowance(limits.ROUND_MESSAGES_BURST, each, now)
        return allowance.take(now)

    def _reconcile(
        self, session: Session, message: m.Summary | m.Buckets | m.Listing | m.RecordRequest, out: list[Effect]
    ) -> None:
        ours = self.fingerprints[message.collection]
        answer: m.Message | None = None
        keys: tuple[RecordKey, ...] = ()
        match message:
            case m.Summary():
                answer = reconcile.answer_summary(message, ours)
            case m.Buckets():
                answer = reconcile.answer_buckets(message, ours, self._rounds)
            case m.Listing():
                keys, answer = reconcile.compare_listing(message, ours)
            case m.RecordRequest():
                keys = reconcile.requested_keys(message, ours)
        if answer is not None:
            out.append(SendMessage(session.session, answer))
        for batch in reconcile.batches(message.collection, keys, self.records):
            out.append(SendMessage(session.session, batch))

    # --- records -------------------------------------------------------------------------------

    def _admit(self, session: Session, message: m.Records, now: Instant, out: list[Effect], news: News) -> None:
        for envelope in message.envelopes:
            if self.records.is_known(envelope):
                continue
            try:
                record, older = self.records.admit(envelope, now)
            except RecordError as error:
                self.rejected[error.reason] += 1
                if error.reason.is_peers_fault:
                    raise
                continue
            self.counts["records_accepted"] += 1
            news.records.append(record)
            self._keep(record, out)
            self._index(record, older)
            if is_urgent(record, older) and self._may_relay(record.key, now):
                self._push(record, session.session, out)

    def _may_relay(self, author: RecordKey, now: Instant) -> bool:
        """Whether an author has not had too much passed on; the newest still travels by anti-entropy."""
        allowance = self._relays.get(author)
        if allowance is None:
            allowance = Allowance(limits.RELAYS_BURST, self._timing.publish_gap_seconds, now)
            self._relays[author] = allowance
        return allowance.take(now)

    def put(self, envelope: bytes, now: Instant, out: list[Effect]) -> Record:
        """Take a record of our own operator's making, and push it to everybody at once."""
        record, older = self.records.admit(envelope, now, is_ours=True)
        self._keep(record, out)
        self._index(record, older)
        self._push(record, None, out)
        return record

    def _keep(self, record: Record, out: list[Effect]) -> None:
        """Store an announcement; a manifest head is stored together with its body, by whoever takes that over."""
        if record.key.kind is Kind.ANNOUNCEMENT:
            out.append(PersistRecord(record.key, record.sequence, record.envelope))

    def _index(self, record: Record, older: Record | None) -> None:
        for collection, index in self.fingerprints.items():
            if record.is_about(collection):
                index.put(record)
            elif older is not None:
                index.drop(older.key)
        if isinstance(record.content, Announcement) and record.key.subject != self._own:
            for address in record.content.coordination:
                self.book.learn(address, NodeId(record.key.subject))

    def _push(self, record: Record, source: SessionId | None, out: list[Effect]) -> None:
        for session in self.sessions.greeted():
            collection = next((c for c in session.shared if record.is_about(c)), None)
            if session.session != source and collection is not None:
                out.append(SendMessage(session.session, m.Records(collection, (record.envelope,))))

    def restored(self, record: Record) -> None:
        """Index a record of an earlier run."""
        self._index(record, None)

    # --- time ----------------------------------------------------------------------------------

    def learn(self, addresses: tuple[Address, ...], pinned: bool) -> None:
        """Remember addresses to dial."""
        for address in addresses:
            self.book.learn(address, pinned=pinned)

    def passed(self, now: Instant, dice: float, out: list[Effect]) -> None:
        """Do what is due: drop what died, close who is silent, ask for blobs, open a round."""
        for session in self.sessions.silent(now):
            self._close(session, m.GoodbyeCode.PROTOCOL, "no Hello in time", out)
        self._relays = {key: relays for key, relays in self._relays.items() if not relays.is_whole(now)}
        expired = self.records.expire(now)
        for record in expired.retired + expired.dropped:
            for index in self.fingerprints.values():
                index.drop(record.key)
        out.extend(ForgetRecord(record.key, record.sequence) for record in expired.dropped)
        self.ask_for_blobs(now, out)
        if now.monotonic_seconds >= self._next_round_at and self.fingerprints:
            self._round(now, dice, out)

    def ask_for_blobs(self, now: Instant, out: list[Effect]) -> None:
        """Request what is wanted and not asked for yet."""
        self._send_asks(self.blobs.ask((s.session for s in self.sessions.greeted()), now), out)

    def _send_asks(self, asks: list[Ask], out: list[Effect]) -> None:
        out.extend(SendMessage(ask.session, ask.request) for ask in asks)

    def _round(self, now: Instant, dice: float, out: list[Effect]) -> None:
        self._rounds += 1
        self._next_round_at = now.monotonic_seconds + self._timing.gossip_period_seconds * (0.8 + 0.4 * dice)
        greeted = self.sessions.greeted()
        if greeted:
            self.counts["gossip_rounds"] += 1
            session = greeted[int(dice * len(greeted))]
            for collection in session.shared:
                out.append(SendMessage(session.session, reconcile.summarise(collection, self.fingerprints[collection])))
        wanted = _SESSIONS_WANTED - len(self.sessions)
        if self._rounds % _ROTATE_ROUNDS == 0:
            wanted = max(1, wanted)
        room = min(wanted, limits.DIALS_MAX) - self.book.dialling()
        for attempt in range(max(0, room)):
            turned = (dice + attempt / limits.DIALS_MAX) % 1.0
            address = self.book.choose(now, turned, self.sessions.peers() | {self._own})
            if address is None:
                break
            self.book.dialled(address)
            out.append(Dial(address))

    @property
    def next_deadline(self) -> float:
        """Monotonic seconds at which the next round is due; never, without a collection."""
        return self._next_round_at if self.fingerprints else float("inf")


def is_urgent(record: Record, older: Record | None) -> bool:
    """Whether a record changes what others would decide, so that it travels on at once."""
    if older is None or not isinstance(record.content, Announcement) or not isinstance(older.content, Announcement):
        return True
    return [_decisive(state) for state in record.content.collections] != [
        _decisive(state) for state in older.content.collections
    ]


def _decisive(state: CollectionState) -> tuple[object, ...]:
    claims = tuple((claim.shard, claim.fetching) for claim in state.claims)
    return (state.collection, state.holdings, claims, state.releases, state.parting)
