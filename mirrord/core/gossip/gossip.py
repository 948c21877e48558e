"""The gossiping part of a node: what it answers to its peers, and when it speaks by itself.

It takes the events that concern the network and appends effects to an outbox.  What it learns for
the rest of the node (new records, whole blobs) it returns as :class:`News`.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import CloseSession, Effect, PersistPeer, ReadBlob, SendMessage
from mirrord.core.errors import RecordError, RejectReason, RemoteProtocolError
from mirrord.core.events import (
    AddressesFound,
    AddressSource,
    DialFailed,
    ListeningStarted,
    SessionClosed,
    SessionOpened,
)
from mirrord.core.gossip.addressbook import AddressBook
from mirrord.core.gossip.blobs import BlobFetches
from mirrord.core.gossip.clockwatch import ClockWatch
from mirrord.core.gossip.dialling import Dialling
from mirrord.core.gossip.exchange import Exchange
from mirrord.core.gossip.ledger import Ledger, Taken
from mirrord.core.gossip.probing import Probing
from mirrord.core.gossip.reach import Reach
from mirrord.core.gossip.reached import counts_from_zero
from mirrord.core.gossip.recall import Recall
from mirrord.core.gossip.rendezvous import Rendezvous
from mirrord.core.gossip.rounds import Rounds
from mirrord.core.gossip.scopes import canonical_host
from mirrord.core.gossip.sessions import VERSION_MAX, VERSION_MIN, Session, Sessions, judge_hello
from mirrord.core.records.ids import CollectionId, NodeId, SessionId, Sha256
from mirrord.core.records.kinds import Announcement
from mirrord.core.records.record import Record
from mirrord.core.records.recordset import RecordSet
from mirrord.core.timing import TimingProfile
from mirrord.core.wire import messages as m


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
        self.counts: Counter[str] = Counter()
        self.limits_reached = counts_from_zero()
        self.ledger = Ledger(timing, self.limits_reached)
        self.sessions = Sessions(own)
        self.exchange = Exchange(own, self.ledger, self.sessions, timing, self.limits_reached, self.counts)
        self.dialling = Dialling(own, self.sessions, timing, self.limits_reached)
        self.reach = Reach(timing)
        self.probing = Probing(self.sessions, self.dialling, timing, self.limits_reached)
        self.rendezvous = Rendezvous(timing)
        self.blobs = BlobFetches(self.limits_reached)
        self.clock = ClockWatch()
        self.recall = Recall(min(timing.gossip_period_seconds, limits.RECALL_SECONDS))
        self.rounds = Rounds(timing)

    @property
    def records(self) -> RecordSet:
        """The newest record of everybody."""
        return self.ledger.records

    @property
    def rejected(self) -> Counter[RejectReason]:
        """How many records changed nothing, by reason."""
        return self.ledger.rejected

    @property
    def book(self) -> AddressBook:
        """The addresses to dial."""
        return self.dialling.book

    # --- collections ---------------------------------------------------------------------------

    def join(self, collection: CollectionId, now: Instant, out: list[Effect]) -> None:
        """Take part in a collection's gossip."""
        self.ledger.join(collection)
        self.rendezvous.join(collection)
        self.rounds.hurry(now)
        self._greet_again(now, out)
        for session in self.sessions.greeted():
            self._share(session, out)

    def part(self, collection: CollectionId, now: Instant, out: list[Effect]) -> None:
        """Take no further part; records that only this collection kept are forgotten."""
        self.ledger.part(collection, out)
        self.rendezvous.part(collection)
        self._greet_again(now, out)
        for session in self.sessions.greeted():
            self._share(session, out)
            if not session.shared:
                self._close(session, m.GoodbyeCode.NOTHING_SHARED, "we left the last collection in common", out)

    def _greet_again(self, now: Instant, out: list[Effect]) -> None:
        out.extend(SendMessage(s.session, self._hello(s, now)) for s in self.sessions.greeted())

    def _hello(self, session: Session, now: Instant) -> m.Hello:
        joined = tuple(sorted(self.ledger.indexes))
        seen_at = canonical_host(session.remote.host) if session.remote is not None else ""
        return m.Hello(VERSION_MIN, VERSION_MAX, self._agent, int(now.unix_seconds), joined, seen_at)

    # --- sessions ------------------------------------------------------------------------------

    def opened(self, event: SessionOpened, now: Instant, out: list[Effect]) -> None:
        """Greet, and settle which of two sessions with the same peer stays."""
        self.counts["sessions_opened"] += 1
        if event.dialled is not None:
            self.book.answered(event.dialled, event.peer)
        session, loser = self.sessions.opened(event, now)
        if loser is not session:
            out.append(SendMessage(session.session, self._hello(session, now)))
        if loser is not None:
            self._close(loser, m.GoodbyeCode.DUPLICATE, "we have another session", out)
        elif event.dialled is not None and (surplus := self.dialling.surplus(session)) is not None:
            self._close(surplus, m.GoodbyeCode.UNSPECIFIED, "making room for another peer", out)

    def closed(self, event: SessionClosed, now: Instant) -> None:
        """Forget a session that is gone."""
        session = self._forget(event.session)
        if session is not None and session.dialled is not None and not session.greeted:
            self.book.failed(session.dialled, now)

    def listening(self, event: ListeningStarted) -> None:
        """Take the addresses at which others reach us."""
        self.dialling.listening(event.coordination + event.bittorrent)
        self.reach.listening(event.coordination, event.by_operator)
        self.rendezvous.listens_at(event.coordination[0].port if event.coordination else 0)

    def dial_failed(self, event: DialFailed, now: Instant, out: list[Effect]) -> None:
        """Wait longer before that address is tried again, and try another where sessions are lacking."""
        self.counts["dials_failed"] += 1
        self.book.failed(event.address, now)
        self.dialling.dial_again(now, out)

    def found(self, event: AddressesFound, now: Instant) -> None:
        """Remember what a rendezvous told us, and dial at once where nobody is there yet."""
        taken = self.rendezvous.take(event, now)
        self.limits_reached["ADDRESSES_FOUND_BURST"] += len(taken) < len(event.addresses)
        before = self.book.found.total()
        self.dialling.learn(taken, event.source)
        if self.book.found.total() > before and not self.sessions.greeted():
            self.rounds.hurry(now)

    def _forget(self, session_id: SessionId) -> Session | None:
        """Take a session out, and whatever was asked of it; return what it was."""
        self.blobs.closed(session_id)
        self.reach.closed(session_id)
        return self.sessions.closed(session_id)

    def _close(self, session: Session, code: m.GoodbyeCode, reason: str, out: list[Effect]) -> None:
        self._forget(session.session)
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
        session.heard_at = now.monotonic_seconds
        try:
            if not session.greeted and not isinstance(message, m.Hello | m.Goodbye):
                raise RemoteProtocolError("a message before Hello")
            self._answer(session, message, now, out, news)
        except (RemoteProtocolError, RecordError) as error:
            self._fault(session, error, now, out)
        return news

    def _fault(
        self, session: Session, error: RemoteProtocolError | RecordError, now: Instant, out: list[Effect]
    ) -> None:
        """End a session whose peer broke the protocol, and leave its address alone for a while."""
        self.counts["sessions_ended_at_fault"] += 1
        code = m.GoodbyeCode.BAD_RECORD if isinstance(error, RecordError) else m.GoodbyeCode.PROTOCOL
        if session.dialled is not None:
            self.book.failed(session.dialled, now)
        self._close(session, code, error.message, out)

    def _answer(self, session: Session, message: m.Message, now: Instant, out: list[Effect], news: News) -> None:
        match message:
            case m.Hello():
                self._greeted(session, message, now, out)
            case m.Records():
                self._take(session, message, now, out, news)
            case m.Summary() | m.Buckets() | m.Listing() | m.RecordRequest():
                self.exchange.answer(session, message, now, out)
            case m.BlobChunk():
                self._chunk(session, message, now, out, news)
            case m.BlobMissing():
                self.blobs.missing(session.session, message.sha256)
            case m.Goodbye():
                self._dismissed(session, message, now)
            case m.BlobRequest():
                out.append(ReadBlob(session.session, message.sha256, message.offset))
            case m.Probe():
                self.probing.asked(session, message, now, out)
            case m.ProbeResult():
                self.reach.answered(session, message, now)

    def _chunk(self, session: Session, message: m.BlobChunk, now: Instant, out: list[Effect], news: News) -> None:
        got = self.blobs.received(session.session, message)
        if got.data is not None:
            self.counts["blobs_fetched"] += 1
            news.blobs.append((message.sha256, got.data))
        for liar in filter(None, map(self.sessions.get, got.liars)):
            self._fault(liar, RemoteProtocolError("bytes that do not hash to what was asked for"), now, out)
        self.ask_for_blobs(now, out)

    def _dismissed(self, session: Session, goodbye: m.Goodbye, now: Instant) -> None:
        """The peer ends the session; what that says of its address depends on why."""
        self._forget(session.session)
        if session.dialled is None:
            return
        match goodbye.code:
            case m.GoodbyeCode.DUPLICATE:
                self.book.welcomed(session.dialled, now)
            case m.GoodbyeCode.OVERLOADED | m.GoodbyeCode.STOPPING:
                self.book.busy(session.dialled, now)
            case _:
                self.book.failed(session.dialled, now)

    def _greeted(self, session: Session, hello: m.Hello, now: Instant, out: list[Effect]) -> None:
        verdict = judge_hello(hello, frozenset(self.ledger.indexes))
        if isinstance(verdict, m.Goodbye):
            if session.dialled is not None:
                self.book.failed(session.dialled, now)
            self._close(session, verdict.code, verdict.reason, out)
            return
        session.seen_at = canonical_host(hello.seen_at)
        if session.dialled is not None:
            if (contact := self.book.welcomed(session.dialled, now)) is not None:
                seen_at = int(now.unix_seconds)
                out.append(PersistPeer(session.dialled, session.peer, seen_at, contact.first_seen_at))
            self.clock.note(session.peer, hello.unix_seconds, now)
        session.greeted, session.joined = True, hello.collections
        self._share(session, out)

    def _share(self, session: Session, out: list[Effect]) -> None:
        """Work out what we have in common with a peer, and open a round on what is new to both."""
        before, session.shared = session.shared, tuple(c for c in session.joined if c in self.ledger.indexes)
        new = [collection for collection in session.shared if collection not in before]
        if session.dialled is not None:  # one round is enough, and the dialler is known to both
            self.exchange.open(session, new, out)
        self.exchange.ask_for_own(session, new, out)

    # --- records -------------------------------------------------------------------------------

    def _take(self, session: Session, message: m.Records, now: Instant, out: list[Effect], news: News) -> None:
        self.recall.answered()
        taken: list[Taken] = []
        try:
            self.ledger.take(message.envelopes, now, out, taken)
        finally:
            self._took(session, taken, now, out, news)

    def _took(self, session: Session, taken: list[Taken], now: Instant, out: list[Effect], news: News) -> None:
        """Note what is new, also where a bad record ends the session behind it."""
        self.counts["records_accepted"] += len(taken)
        if any(new.record.key.subject != session.peer for new in taken):
            self.rounds.brought_something(session.session)
        for new in taken:
            news.records.append(new.record)
            self._learn_addresses(new.record)
            content = new.record.content
            if session.dialled is not None and isinstance(content, Announcement) and self._is_fresh(session, new):
                self.clock.note(session.peer, content.issued_at, now)
        urgent = [new.record for new in taken if new.is_urgent]
        passed_on = [record for record in urgent if session.relays.take(now)]
        self.limits_reached["SESSION_RELAYS_BURST"] += len(passed_on) < len(urgent)
        self.exchange.relay(passed_on, session, out)

    def _is_fresh(self, session: Session, new: Taken) -> bool:
        """Whether its author sent us this the moment it was signed."""
        return new.is_urgent and new.record.key.subject == session.peer

    def put(self, envelope: bytes, now: Instant, out: list[Effect]) -> Record:
        """Take a record of our own operator's making, and push it to everybody at once."""
        return self.put_all((envelope,), now, out)[0]

    def put_all(self, envelopes: Iterable[bytes], now: Instant, out: list[Effect]) -> list[Record]:
        """Take records of our own operator's making, and push them to everybody at once, as few messages."""
        records = [self.ledger.put(envelope, now, out) for envelope in envelopes]
        self.exchange.push(records, out)
        return records

    def _learn_addresses(self, record: Record) -> None:
        if isinstance(record.content, Announcement) and record.key.subject != self._own:
            author = NodeId(record.key.subject)
            self.dialling.learn(record.content.coordination, AddressSource.ANNOUNCEMENT, author)

    def restored(self, record: Record) -> None:
        """Index a record of an earlier run."""
        self.ledger.restored(record)
        self._learn_addresses(record)

    def may_speak(self, now: Instant) -> bool:
        """Whether this node may sign an announcement: it knows its last one, and its clock is right."""
        may_ask = len(self.sessions) > 0 or len(self.book) > 0
        return self.recall.is_over(now, may_ask) and not self.clock.is_wrong(now)

    # --- time ----------------------------------------------------------------------------------

    def passed(self, now: Instant, dice: float, out: list[Effect]) -> None:
        """Do what is due: drop what died, close who is silent, ask for blobs, open a round."""
        for session in self.sessions.silent(now):
            self._close(session, m.GoodbyeCode.PROTOCOL, "no Hello in time", out)
        self.ledger.expire(now, out)
        self.ask_for_blobs(now, out)
        out.extend(self.rendezvous.seek(now, dice, self._accompanied()))
        if now.monotonic_seconds >= self.rounds.next_at and self.ledger.indexes:
            self._round(now, dice, out)

    def ask_for_blobs(self, now: Instant, out: list[Effect]) -> None:
        """Request what is wanted and not asked for yet, first of whom we heard last: another may have vanished."""
        latest_first = sorted(self.sessions.greeted(), key=lambda session: -session.heard_at)
        asks = self.blobs.ask((session.session for session in latest_first), now)
        out.extend(SendMessage(ask.session, ask.request) for ask in asks)

    def _round(self, now: Instant, dice: float, out: list[Effect]) -> None:
        """Open a round; where a period begins, look after the sessions as well."""
        greeted, begins_period = self.sessions.greeted(), self.rounds.begins_period(now, dice)
        session = self.rounds.choose(greeted, now, dice)
        if session is not None:
            self.counts["gossip_rounds"] += 1
            self.exchange.open(session, session.shared, out)
        if begins_period:
            self.reach.look(greeted, now, dice, out)
            self.dialling.dial(self.rounds.periods, now, dice, out)

    @property
    def next_deadline(self) -> float:
        """Monotonic seconds at which a round, a look for peers or a blob is due; never, without a collection."""
        if not self.ledger.indexes:
            return float("inf")
        looks_at = self.rendezvous.next_deadline(self._accompanied())
        return min(self.rounds.next_at, looks_at, self.blobs.next_deadline)

    def _accompanied(self) -> frozenset[CollectionId]:
        """Return the collections of which a peer is there."""
        return frozenset(collection for session in self.sessions.greeted() for collection in session.shared)
