"""The records that this node keeps, each collection's index of them, and what becomes of a new one."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mirrord.core.clock import Instant
from mirrord.core.effects import Effect, ForgetRecord, PersistRecord
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.gossip.allowance import Allowance
from mirrord.core.gossip.fingerprints import Fingerprints
from mirrord.core.gossip.urgency import is_urgent
from mirrord.core.limits import RELAYS_BURST
from mirrord.core.records.ids import KEY_BYTES, CollectionId
from mirrord.core.records.kinds import Admission, Kind
from mirrord.core.records.record import Record, RecordKey
from mirrord.core.records.recordset import ContradictionError, RecordSet, TableFullError
from mirrord.core.timing import TimingProfile


@dataclass(frozen=True, slots=True)
class Taken:
    """A record that is new to us; ``is_urgent``: others should hear of it at once."""

    record: Record
    is_urgent: bool


class Ledger:
    """The record set with its indexes; every record in or out of it goes through here.

    ``limits_reached`` counts how often a bound of this kind bit, by its name.
    """

    def __init__(self, timing: TimingProfile, limits_reached: Counter[str]) -> None:
        self._timing = timing
        self.records = RecordSet(timing.dead_band_seconds)
        self._indexes: dict[CollectionId, Fingerprints] = {}
        self._outdated: set[CollectionId] = set()
        self._is_unswept = False
        self.rejected: Counter[RejectReason] = Counter()
        self.limits_reached = limits_reached
        self._relays: dict[RecordKey, Allowance] = {}

    @property
    def indexes(self) -> Mapping[CollectionId, Fingerprints]:
        """The index of each joined collection.

        One whose admissions have changed is made anew when it is looked at, and not with each of thousands of them.
        """
        while self._outdated:
            collection = self._outdated.pop()
            self._indexes[collection] = Fingerprints()
            for record in self.records.offered(collection):
                self._indexes[collection].put(record)
        return self._indexes

    def join(self, collection: CollectionId) -> None:
        """Keep records about ``collection`` from now on, and index those that are here already."""
        self.records.join(collection)
        self._indexes.setdefault(collection, Fingerprints())
        self._outdated.add(collection)

    def part(self, collection: CollectionId, out: list[Effect]) -> None:
        """Keep none of its records that no other collection needs."""
        self._indexes.pop(collection, None)
        self._outdated.discard(collection)
        out.extend(ForgetRecord(r.key, self.records.highest(r.key)) for r in self.records.part(collection))

    def restored(self, record: Record) -> None:
        """Index a record of an earlier run."""
        self._index(record)

    def put(self, envelope: bytes, now: Instant, out: list[Effect]) -> Record:
        """Take a record of our own operator's making; raise :class:`RecordError` where it cannot be taken."""
        record, _ = self.records.admit(envelope, now, is_ours=True)
        self._keep(record, out)
        return record

    def take(self, envelopes: Iterable[bytes], now: Instant, out: list[Effect], taken: list[Taken]) -> None:
        """Take what a peer sent; what is new to us is appended to ``taken``.

        Raises :class:`RecordError` for what no honest peer could have sent; all that came before it is taken.
        """
        for envelope in envelopes:
            if self.records.is_known(envelope):
                continue
            try:
                record, older = self.records.admit(envelope, now)
            except ContradictionError as error:
                self.rejected[error.reason] += 1
                self.take((error.proof,), now, out, taken)
            except RecordError as error:
                self._reject(error)
            else:
                self._keep(record, out)
                urgent = is_urgent(record, older, now, self._timing) and self._may_relay(record, now)
                taken.append(Taken(record, urgent))

    def _reject(self, error: RecordError) -> None:
        self.rejected[error.reason] += 1
        if isinstance(error, TableFullError):
            self.limits_reached[error.limit] += 1
        if error.reason.is_peers_fault:
            raise error

    def _may_relay(self, record: Record, now: Instant) -> bool:
        """Whether an author has not had too much passed on; the newest still travels by anti-entropy."""
        author = RecordKey(record.key.kind, record.key.subject[:KEY_BYTES])
        allowance = self._relays.get(author)
        if allowance is None:
            allowance = self._relays[author] = Allowance(RELAYS_BURST, self._timing.publish_gap_seconds, now)
        may = allowance.take(now)
        self.limits_reached["RELAYS_BURST"] += not may
        return may

    def _keep(self, record: Record, out: list[Effect]) -> None:
        """Store and index a record; a manifest head is stored together with its body, by whoever takes that over."""
        if record.key.kind is not Kind.MANIFEST_HEAD:
            out.append(PersistRecord(record.key, record.sequence, record.envelope))
        self._index(record)

    def _index(self, record: Record) -> None:
        if isinstance(record.content, Admission):
            self._changed(record.content)
        for collection, index in self._indexes.items():
            if collection in self._outdated:
                continue
            if self.records.offers(record, collection):
                index.put(record)
            else:
                index.drop(record.identity)

    def _changed(self, admission: Admission) -> None:
        """Note that others may count now than before."""
        self._is_unswept = True
        if admission.collection in self._indexes:
            self._outdated.add(admission.collection)

    def expire(self, now: Instant, out: list[Effect]) -> None:
        """Offer no longer what is about to expire, drop what has, and what nobody counts any more."""
        self._relays = {key: relays for key, relays in self._relays.items() if not relays.is_whole(now)}
        expired = self.records.expire(now)
        for record in expired.retired + expired.dropped:
            for index in self._indexes.values():
                index.drop(record.identity)
        for record in expired.dropped:
            if isinstance(record.content, Admission):
                self._changed(record.content)
        uncounted = self.records.drop_uncounted() if self._is_unswept else ()
        self._is_unswept = False
        out.extend(ForgetRecord(r.key, self.records.highest(r.key)) for r in expired.dropped + uncounted)
