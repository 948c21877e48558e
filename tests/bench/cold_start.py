"""How fast a new node takes in 10,000 announcements, against bare Ed25519, and how much memory they take.

It is the core alone, on one core: it parses, verifies, checks, indexes and wants each record stored.
"""

import gc
import hashlib
import itertools
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from typing import Final

from nacl.signing import SigningKey as NaclSigningKey

from mirrord.core.announcing import NodeSettings
from mirrord.core.clock import Instant
from mirrord.core.effects import Effect, PersistRecord
from mirrord.core.events import (
    CollectionJoined,
    Event,
    ManifestImported,
    MessageReceived,
    SessionOpened,
    TimePassed,
)
from mirrord.core.limits import BATCH_MAX_BYTES
from mirrord.core.node import Node
from mirrord.core.records.codec import encode_manifest_body, encode_manifest_head
from mirrord.core.records.ids import SessionId, Sha256
from mirrord.core.records.kinds import Kind, ManifestHead
from mirrord.core.records.signing import SigningKey, sign
from mirrord.core.stored import Stored
from mirrord.core.timing import WAN
from mirrord.core.wire.messages import Hello, Records
from tests.bench.bench import Bench, say
from tests.bench.figures import Figure, Reach
from tests.bench.synthetic import COLLECTION, CURATOR, SHARDS, announcements, body_of, key_of

_RECORDS: Final = 10_000
_VERIFICATIONS: Final = 4_000
_SESSION: Final = SessionId(1)


def measure(bench: Bench) -> Iterator[Figure]:
    say(f"cold start: signing {_RECORDS} announcements")
    envelopes = list(announcements(_RECORDS))
    bare = _bare_verifications_per_second(max(len(envelope) for envelope in envelopes))
    newcomer = Newcomer()
    began = time.process_time()
    newcomer.take_in(envelopes)
    seconds = time.process_time() - began
    rate = _RECORDS / seconds
    yield Figure("cold start of 10,000 records over bare Ed25519", rate / bare, "ratio", Reach(0.8), bare, "records/s")
    yield Figure("cold start of 10,000 records", seconds, "s of a core", Reach(5, at_most=True))
    yield Figure("memory of the table", _bytes_each(envelopes, looks=False), "B/node", Reach(2_500, at_most=True))
    yield Figure("the same, with placement's roster and view", _bytes_each(envelopes, looks=True), "B/node")


class Newcomer:
    """A node that knows nobody yet, and a session with one that knows everybody."""

    def __init__(self) -> None:
        self.now = Instant(1_000.0, time.time())
        self.node = Node(SigningKey(b"bench node that knows nobody yet"), NodeSettings(WAN, 10**12), Stored(), {})
        self.node.start(self.now)
        self._tell(CollectionJoined(COLLECTION, ()))
        self._tell(SessionOpened(_SESSION, key_of(0).public, None))
        hello = Hello(1, 1, "bench", int(self.now.unix_seconds), (COLLECTION,))
        self._tell(MessageReceived(_SESSION, hello))

    def _tell(self, event: Event) -> list[Effect]:
        return self.node.handle(event, self.now)

    def import_manifest(self, shards: int = SHARDS) -> None:
        """Learn what the shards are, so that the node can look at the network as a whole."""
        body = body_of(shards)
        blob = encode_manifest_body(body)
        sha256 = Sha256(hashlib.sha256(blob).digest())
        head = ManifestHead(COLLECTION, 1, int(self.now.unix_seconds), sha256, len(blob))
        self._tell(ManifestImported(sign(Kind.MANIFEST_HEAD, encode_manifest_head(head), CURATOR), body, ()))

    def take_in(self, envelopes: Sequence[bytes]) -> None:
        """Hear of everybody, in messages as full as may be."""
        batch = BATCH_MAX_BYTES // max(len(envelope) for envelope in envelopes)
        kept = 0
        for some in _batched(envelopes, batch):
            effects = self._tell(MessageReceived(_SESSION, Records(COLLECTION, some)))
            kept += sum(isinstance(effect, PersistRecord) for effect in effects)
        assert kept == len(envelopes)

    def look_around(self) -> None:
        """Plan once, hours later, when nothing is held any more for the sake of fresh news."""
        self.now = self.now.later(7_200)
        self._tell(TimePassed(0.5))


def _bytes_each(envelopes: Sequence[bytes], *, looks: bool) -> float:
    """Return what a known node takes: its record and every index of it; where ``looks``, what placement keeps, too."""
    newcomer = Newcomer()
    if looks:
        newcomer.import_manifest()
    newcomer.look_around()
    gc.collect()
    tracemalloc.start()
    try:
        newcomer.take_in([bytes(bytearray(envelope)) for envelope in envelopes])  # as from the wire: of their own
        newcomer.look_around()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / len(envelopes)
    finally:
        tracemalloc.stop()


def _batched(envelopes: Sequence[bytes], batch: int) -> Iterator[tuple[bytes, ...]]:
    remaining = iter(envelopes)
    while some := tuple(itertools.islice(remaining, batch)):
        yield some


def _bare_verifications_per_second(message_bytes: int) -> float:
    key = NaclSigningKey(bytes(range(32)))
    message = bytes(message_bytes)
    signature, verify = key.sign(message).signature, key.verify_key.verify
    began = time.process_time()
    for _ in range(_VERIFICATIONS):
        verify(message, signature)
    return _VERIFICATIONS / (time.process_time() - began)
