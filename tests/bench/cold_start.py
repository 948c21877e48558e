"""How fast a new node takes in 10,000 announcements: the core alone, against bare Ed25519.

The core parses, verifies, checks, indexes and wants each record stored.
"""

import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Final

from nacl.signing import SigningKey as NaclSigningKey

from mirrord.core.announcing import NodeSettings
from mirrord.core.clock import Instant
from mirrord.core.effects import PersistRecord
from mirrord.core.events import CollectionJoined, MessageReceived, SessionOpened
from mirrord.core.limits import BATCH_MAX_BYTES
from mirrord.core.node import Node
from mirrord.core.records.ids import SessionId
from mirrord.core.records.signing import SigningKey
from mirrord.core.stored import Stored
from mirrord.core.timing import WAN
from mirrord.core.wire.messages import Hello, Records
from tests.bench.bench import Bench, say
from tests.bench.figures import Figure
from tests.bench.synthetic import COLLECTION, announcements, key_of

_RECORDS: Final = 10_000
_VERIFICATIONS: Final = 4_000


def measure(bench: Bench) -> Iterator[Figure]:
    say(f"cold start: signing {_RECORDS} announcements")
    envelopes = list(announcements(_RECORDS))
    rate = _RECORDS / _seconds_to_take_in(envelopes)
    bare = _bare_verifications_per_second(max(len(envelope) for envelope in envelopes))
    yield Figure("cold start of 10,000 records over bare Ed25519", rate / bare, "ratio", None, bare, "records/s")
    yield Figure("cold start of 10,000 records", _RECORDS / rate, "s")


def _seconds_to_take_in(envelopes: Sequence[bytes]) -> float:
    now = Instant(1_000.0, time.time())
    node = Node(SigningKey(b"bench node that knows nobody yet"), NodeSettings(WAN, 10**12), Stored(), {})
    node.start(now)
    session = SessionId(1)
    node.handle(CollectionJoined(COLLECTION, ()), now)
    node.handle(SessionOpened(session, key_of(0).public, None), now)
    node.handle(MessageReceived(session, Hello(1, 1, "bench", int(now.unix_seconds), (COLLECTION,))), now)
    batch = BATCH_MAX_BYTES // max(len(envelope) for envelope in envelopes)
    messages = [Records(COLLECTION, tuple(some)) for some in _batched(envelopes, batch)]
    began = time.perf_counter()
    kept = [effect for message in messages for effect in node.handle(MessageReceived(session, message), now)]
    seconds = time.perf_counter() - began
    assert sum(isinstance(effect, PersistRecord) for effect in kept) == len(envelopes)
    return seconds


def _batched(envelopes: Sequence[bytes], batch: int) -> Iterator[tuple[bytes, ...]]:
    remaining = iter(envelopes)
    while some := tuple(itertools.islice(remaining, batch)):
        yield some


def _bare_verifications_per_second(message_bytes: int) -> float:
    key = NaclSigningKey(bytes(range(32)))
    message = bytes(message_bytes)
    signature, verify = key.sign(message).signature, key.verify_key.verify
    began = time.perf_counter()
    for _ in range(_VERIFICATIONS):
        verify(message, signature)
    return _VERIFICATIONS / (time.perf_counter() - began)
