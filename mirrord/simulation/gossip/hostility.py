"""What hostile nodes send, and what the real judge makes of it.

The messages are made with real keys and met by a real :class:`~mirrord.core.gossip.ledger.Ledger` that holds
what its node has of the authors concerned.  Hostile nodes never pass an honest record on.  Who is caught loses
the session, and is left alone for a while by whoever had dialled it; it may call again at once.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mirrord.core.clock import Instant
from mirrord.core.effects import Effect
from mirrord.core.errors import RecordError, RejectReason
from mirrord.core.gossip.ledger import Ledger, Taken
from mirrord.core.records.codec import encode_announcement, encode_manifest_head
from mirrord.core.records.ids import CollectionId, Sha256
from mirrord.core.records.kinds import Announcement, CollectionState, Kind, ManifestHead
from mirrord.core.records.record import Record
from mirrord.core.records.recordset import RecordSet
from mirrord.core.records.signing import SigningKey, sign
from mirrord.core.timing import HOUR, WAN
from mirrord.simulation.gossip.editions import COLLECTION, Editions
from mirrord.simulation.gossip.population import Population, Role

_REPLAYS: Final = 2
"""Old records that a replayer sends at once."""

_FLOODED_EACH: Final = 1
"""Of each useless record that a flooder sends, so many are judged; the rest would be judged alike."""

_SEQUENCE_BOAST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a victim took, and for which fault it ends the session."""

    taken: tuple[Record, ...]
    fault: RejectReason | None
    rejected: Counter[RejectReason]
    kept: int


Judge = Callable[[Ledger, Iterable[bytes], Instant], Judgement]


def judge(ledger: Ledger, envelopes: Iterable[bytes], now: Instant) -> Judgement:
    """Let the real ledger take a message of records."""
    out: list[Effect] = []
    taken: list[Taken] = []
    fault = None
    try:
        ledger.take(envelopes, now, out, taken)
    except RecordError as error:
        fault = error.reason
    return Judgement(tuple(t.record for t in taken), fault, ledger.rejected, held_by(ledger.records))


def held_by(records: RecordSet) -> int:
    """Return how many records a set holds about the simulated collection."""
    return sum(1 for _ in records.offered(COLLECTION))


@dataclass(frozen=True, slots=True)
class Attack:
    """One message, and the authors about whom its victim knows something already."""

    envelopes: tuple[bytes, ...]
    authors: tuple[int, ...]


class Hostility:
    """All hostile nodes.

    ``forged_accepted`` counts what the judge took of messages in which no record was signed by its author,
    ``accepted`` all that it took; ``proven`` are the nodes whose contradiction somebody proved, and
    ``growth_max`` is by how many records one message made a table grow at most.
    """

    def __init__(self, population: Population, editions: Editions, dice: Random, judge: Judge = judge) -> None:
        self._population = population
        self._editions = editions
        self._dice = dice
        self._judge = judge
        self._authors = np.flatnonzero(population.honest).tolist()
        self._old: dict[int, bytes] = {}
        self._signed: dict[int, int] = {}
        self.messages: Counter[Role] = Counter()
        self.rejected: Counter[RejectReason] = Counter()
        self.caught: Counter[RejectReason] = Counter()
        self.proven: set[bytes] = set()
        self.accepted = 0
        self.forged_accepted = 0
        self.growth_max = 0

    def attack(self, hostile: int, victim: int, row: NDArray[np.uint8], now: Instant) -> bool:
        """Let a hostile node do what it does to a victim whose row of the matrix is given; return whether the
        victim ends the session."""
        role = Role(int(self._population.role[hostile]))
        attack = self.compose(role, hostile, now)
        judged = self._judge(self.ledger_of(victim, attack.authors, row, now), attack.envelopes, now)
        self.messages[role] += 1
        self.rejected += judged.rejected
        self.accepted += len(judged.taken)
        self.forged_accepted += len(judged.taken) if role is Role.FORGER else 0
        self.proven |= {record.key.subject for record in judged.taken if record.key.kind is Kind.EQUIVOCATION}
        self.growth_max = max(self.growth_max, judged.kept - len(set(attack.authors) | {victim}))
        if judged.fault is None:
            return False
        self.caught[judged.fault] += 1
        return True

    def ledger_of(self, victim: int, authors: tuple[int, ...], row: NDArray[np.uint8], now: Instant) -> Ledger:
        """Return the victim's records, as far as they matter here."""
        ledger = Ledger(WAN, Counter())
        ledger.join(COLLECTION)
        for node in sorted({victim, *authors}):
            if row[node]:
                record = self._editions.record(node, int(row[node]))
                ledger.records.take(record, now)
                ledger.restored(record)
        return ledger

    # --- what they send --------------------------------------------------------------------------

    def compose(self, role: Role, hostile: int, now: Instant) -> Attack:
        """Return what a node of a role sends next."""
        match role:
            case Role.FORGER:
                author = self._dice.choice(self._authors)
                return Attack((self._forge(author, hostile, now),), (author,))
            case Role.REPLAYER:
                authors = tuple(self._dice.choice(self._authors) for _ in range(_REPLAYS))
                return Attack(tuple(self._old_record(author) for author in authors), authors)
            case Role.EQUIVOCATOR:
                return Attack(self._contradictions(hostile, now), ())
            case Role.FLOODER:
                return self._flood(hostile, now)
            case Role.HONEST:
                raise AssertionError("an honest node attacks nobody")

    def _forge(self, author: int, hostile: int, now: Instant) -> bytes:
        """Return what the author never signed, in one of four ways."""
        theirs = self._newest(author)
        ours = self._population.keys[hostile]
        match self._dice.randrange(4):
            case 0:  # the signature is off by a bit; it is the envelope's last field
                return theirs.envelope[:-1] + bytes([theirs.envelope[-1] ^ 1])
            case 1:  # the body says something else
                return theirs.envelope.replace(b"a volunteer", b"nobody here")
            case 2:  # a newer one, with our signature under their name
                boast = replace(self._said(theirs), sequence=theirs.sequence + _SEQUENCE_BOAST)
                made = sign(Kind.ANNOUNCEMENT, encode_announcement(boast), ours)
                return made.replace(ours.public, theirs.key.subject)
            case _:  # a new version of the collection, signed by us
                head = ManifestHead(COLLECTION, 2, int(now.unix_seconds), Sha256(bytes(32)), 1)
                return sign(Kind.MANIFEST_HEAD, encode_manifest_head(head), ours)

    def _newest(self, node: int) -> Record:
        return self._editions.record(node, int(self._editions.newest[node]))

    @staticmethod
    def _said(record: Record) -> Announcement:
        if not isinstance(record.content, Announcement):
            raise AssertionError("editions are announcements")
        return record.content

    def _old_record(self, author: int) -> bytes:
        """Return what the author signed an hour before the first edition that is simulated."""
        old = self._old.get(author)
        if old is None:
            first = self._said(self._editions.record(author, 1))
            then = first.sequence - int(HOUR)
            body = encode_announcement(replace(first, sequence=then, issued_at=then))
            old = self._old[author] = sign(Kind.ANNOUNCEMENT, body, self._population.keys[author])
        return old

    def _contradictions(self, hostile: int, now: Instant) -> tuple[bytes, ...]:
        """Return two announcements with one sequence."""
        key = self._population.keys[hostile]
        said = self._own_announcement(hostile, now)
        return tuple(
            sign(Kind.ANNOUNCEMENT, encode_announcement(replace(said, pledge_bytes=pledge)), key) for pledge in (1, 2)
        )

    def _own_announcement(self, hostile: int, now: Instant) -> Announcement:
        said = self._said(self._newest(hostile))
        sequence = max(int(now.unix_seconds), self._signed.get(hostile, said.sequence) + 1)
        self._signed[hostile] = sequence
        return replace(said, sequence=sequence, issued_at=int(now.unix_seconds))

    def _flood(self, hostile: int, now: Instant) -> Attack:
        """Return some of everything useless that no rule forbids: own announcements one after the other, old ones
        of others, and ones of new keys about a collection that nobody joined."""
        authors = tuple(self._dice.choice(self._authors) for _ in range(_FLOODED_EACH))
        key = self._population.keys[hostile]
        own = [
            sign(Kind.ANNOUNCEMENT, encode_announcement(self._own_announcement(hostile, now)), key)
            for _ in range(_FLOODED_EACH)
        ]
        masks = [self._foreign(now) for _ in range(_FLOODED_EACH)]
        return Attack((*own, *(self._old_record(author) for author in authors), *masks), authors)

    def _foreign(self, now: Instant) -> bytes:
        mask = SigningKey(self._dice.randbytes(32))
        issued = int(now.unix_seconds)
        elsewhere = CollectionState(CollectionId(mask.public))
        said = Announcement(issued, issued, issued + int(WAN.lifetime_seconds), collections=(elsewhere,))
        return sign(Kind.ANNOUNCEMENT, encode_announcement(said), mask)
