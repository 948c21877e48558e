"""Records on their way: rounds of anti-entropy that a node opens or answers, and what it pushes at once."""

from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b
from heapq import nsmallest

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import Effect, SendMessage
from mirrord.core.gossip import reconcile
from mirrord.core.gossip.allowance import Allowance
from mirrord.core.gossip.ledger import Ledger
from mirrord.core.gossip.sessions import Session, Sessions
from mirrord.core.records.ids import CollectionId, NodeId, SessionId
from mirrord.core.records.kinds import Kind
from mirrord.core.records.record import Record, RecordKey, record_id
from mirrord.core.timing import TimingProfile
from mirrord.core.wire import messages as m

Question = m.Summary | m.Buckets | m.Listing | m.RecordRequest


class Exchange:
    """What this node sends of its ledger."""

    def __init__(
        self,
        own: NodeId,
        ledger: Ledger,
        sessions: Sessions,
        timing: TimingProfile,
        limits_reached: Counter[str],
        counts: Counter[str],
    ) -> None:
        self._own = own
        self._ledger = ledger
        self._sessions = sessions
        self._timing = timing
        self._limits_reached = limits_reached
        self._counts = counts
        self._answered = 0

    def open(self, session: Session, collections: Iterable[CollectionId], out: list[Effect]) -> None:
        """Open a round on each collection."""
        for collection in collections:
            summary = reconcile.summarise(collection, self._ledger.indexes[collection])
            out.append(SendMessage(session.session, summary))

    def ask_for_own(self, session: Session, collections: Iterable[CollectionId], out: list[Effect]) -> None:
        """Ask a peer for this node's own newest record."""
        own = record_id(RecordKey(Kind.ANNOUNCEMENT, self._own))
        out.extend(SendMessage(session.session, m.RecordRequest(collection, (own,))) for collection in collections)

    def answer(self, session: Session, question: Question, now: Instant, out: list[Effect]) -> None:
        """Answer a message of anti-entropy, to a peer's measure; what is not answered, it asks again a period later."""
        if not self._may_answer(session, question.collection, now):
            return
        ours = self._ledger.indexes[question.collection]
        answer: m.Message | None = None
        keys: tuple[RecordKey, ...] = ()
        match question:
            case m.Summary():
                answer = reconcile.answer_summary(question, ours)
                self._counts["gossip_rounds_answered"] += 1
                self._counts["gossip_rounds_agreed"] += answer is None
            case m.Buckets():
                self._answered += 1
                answer = reconcile.answer_buckets(question, ours, self._answered)
            case m.Listing():
                keys, answer = reconcile.compare_listing(question, ours)
            case m.RecordRequest():
                keys = reconcile.requested_keys(question, ours)
        if answer is not None:
            out.append(SendMessage(session.session, answer))
        batches = list(reconcile.batches(question.collection, keys, self._ledger.records))
        self._limits_reached["ANSWER_MAX_BYTES"] += sum(len(batch.envelopes) for batch in batches) < len(keys)
        if isinstance(question, m.RecordRequest) and not batches:
            batches = [m.Records(question.collection, ())]  # who asks may be waiting for it, to speak
        out.extend(SendMessage(session.session, batch) for batch in batches)

    def _may_answer(self, session: Session, collection: CollectionId, now: Instant) -> bool:
        if collection not in session.shared:
            return False
        allowance = session.rounds.get(collection)
        if allowance is None:
            each = self._timing.gossip_period_seconds / limits.ROUND_MESSAGES_BURST
            allowance = session.rounds[collection] = Allowance(limits.ROUND_MESSAGES_BURST, each, now)
        may = allowance.take(now)
        self._limits_reached["ROUND_MESSAGES_BURST"] += not may
        return may

    def push(self, records: Iterable[Record], out: list[Effect]) -> None:
        """Send records of our own at once to all who share their collections."""
        pushed = list(records)
        for session in self._sessions.greeted() if pushed else ():
            self._send(session, pushed, out)

    def relay(self, records: Iterable[Record], source: Session, out: list[Effect]) -> None:
        """Pass records on at once: each to ``RELAY_SESSIONS_MAX`` sessions, but for whom it came from.

        Each hop goes to other peers, so that after a few of them nearly everybody has it; to pass it on to all would
        tell everybody everything as often as there are sessions.  Rounds reach the rest.
        """
        others = [session for session in self._sessions.greeted() if session is not source]
        passed_on: dict[SessionId, list[Record]] = {}
        for record in records:
            for session in self._chosen(others, record):
                passed_on.setdefault(session.session, []).append(record)
        for session in others:
            self._send(session, passed_on.get(session.session, []), out)

    @staticmethod
    def _chosen(sessions: list[Session], record: Record) -> list[Session]:
        """Return the sessions that a record goes to: others for each record, by a hash instead of dice."""
        if len(sessions) <= limits.RELAY_SESSIONS_MAX:
            return sessions
        salt = record.fingerprint.to_bytes(8, "big")
        return nsmallest(
            limits.RELAY_SESSIONS_MAX,
            sessions,
            key=lambda session: blake2b(session.peer, digest_size=8, key=salt).digest(),
        )

    def _send(self, session: Session, records: list[Record], out: list[Effect]) -> None:
        for collection in session.shared if records else ():
            keys = [record.key for record in records if record.is_about(collection)]
            for batch in reconcile.batches(collection, keys, self._ledger.records):
                out.append(SendMessage(session.session, batch))
