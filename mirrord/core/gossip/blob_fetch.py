"""One blob under way: its chunks, from several sessions at once, until they hash to what was asked for.

Where they do not and all came from one session, that one lied.  Where several took part it cannot be
told who; so the blob is fetched again from one session alone, and once it is whole, each chunk of the
first time is compared with it.  A lie costs one more transfer, and its author the session.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.records.ids import SessionId, Sha256
from mirrord.core.wire.messages import BlobChunk, BlobRequest


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to send."""

    session: SessionId
    request: BlobRequest


@dataclass(frozen=True, slots=True)
class Got:
    """What a chunk led to: the whole blob, or who sent bytes that are not of it."""

    data: bytes | None = None
    liars: frozenset[SessionId] = frozenset()


class _Asked(NamedTuple):
    offset: int
    at_seconds: float


class _Chunk(NamedTuple):
    source: SessionId
    data: bytes


@dataclass(slots=True)
class BlobFetch:
    """The state of one blob.  ``useless`` are sessions that are not asked for it again."""

    sha256: Sha256
    size: int
    useless: set[SessionId] = field(default_factory=set)
    _asked: dict[SessionId, _Asked] = field(default_factory=dict)
    _chunks: dict[int, _Chunk] = field(default_factory=dict)
    _suspects: dict[int, _Chunk] = field(default_factory=dict)
    """Of each chunk of a first time that failed: the hash in place of the data, and who sent it."""

    def ask(self, sessions: Iterable[SessionId], now: Instant) -> list[Ask]:
        """Return requests for chunks that nobody is being asked for, each to another session."""
        asks: list[Ask] = []
        for session in sessions:
            offset = self._next_offset()
            if offset is None or len(self._asked) >= self._sources_max:
                break
            if session not in self.useless and session not in self._asked and self._may_give(session):
                self._asked[session] = _Asked(offset, now.monotonic_seconds)
                asks.append(Ask(session, BlobRequest(self.sha256, offset)))
        return asks

    def give_up_silent(self, now: Instant) -> int:
        """Give up the sessions that have been silent for ``BLOB_WAIT_SECONDS``; return how many."""
        waits = limits.BLOB_WAIT_SECONDS
        silent = [s for s, asked in self._asked.items() if now.monotonic_seconds >= asked.at_seconds + waits]
        for session in silent:
            self.give_up(session)
        return len(silent)

    @property
    def _sources_max(self) -> int:
        return 1 if self._suspects else limits.BLOB_SOURCES_MAX

    def _may_give(self, session: SessionId) -> bool:
        """The second time, all chunks come from one session."""
        return not self._suspects or all(chunk.source == session for chunk in self._chunks.values())

    def _next_offset(self) -> int | None:
        asked = {ask.offset for ask in self._asked.values()}
        offsets = range(0, self.size, limits.BLOB_CHUNK_BYTES)
        return next((offset for offset in offsets if offset not in self._chunks and offset not in asked), None)

    def received(self, session: SessionId, chunk: BlobChunk) -> Got:
        """Take a chunk; one that was not asked of this session is dropped."""
        asked = self._asked.get(session)
        if asked is None or asked.offset != chunk.offset:
            return Got()
        if len(chunk.data) != min(limits.BLOB_CHUNK_BYTES, self.size - chunk.offset):
            self.give_up(session)
            return Got()
        del self._asked[session]
        self._chunks[chunk.offset] = _Chunk(session, chunk.data)
        if sum(len(each.data) for each in self._chunks.values()) < self.size:
            return Got()
        data = b"".join(self._chunks[offset].data for offset in sorted(self._chunks))
        if hashlib.sha256(data).digest() != self.sha256:
            return Got(liars=self._doubt())
        return Got(data, self._unmasked())

    def _doubt(self) -> frozenset[SessionId]:
        """Begin again; return who lied, where that is certain."""
        chunks, self._chunks = self._chunks, {}
        sources = frozenset(chunk.source for chunk in chunks.values())
        if len(sources) == 1:
            self.useless |= sources
            return sources
        self._suspects = {offset: _Chunk(each.source, _digest(each.data)) for offset, each in chunks.items()}
        return frozenset()

    def _unmasked(self) -> frozenset[SessionId]:
        """Return whose chunks of the first time are not those of the blob."""
        return frozenset(
            suspect.source
            for offset, suspect in self._suspects.items()
            if suspect.data != _digest(self._chunks[offset].data)
        )

    def give_up(self, session: SessionId) -> None:
        """Do not ask a session for this blob again; what it gave stays, unless all must come from one."""
        if self._asked.pop(session, None) is not None:
            self.useless.add(session)
            if self._suspects:
                self._chunks.clear()

    @property
    def next_deadline(self) -> float:
        """Monotonic seconds at which a session that was asked has been silent for too long; inf: none was asked."""
        asked = (ask.at_seconds + limits.BLOB_WAIT_SECONDS for ask in self._asked.values())
        return min(asked, default=float("inf"))

    @property
    def is_idle(self) -> bool:
        """Whether nobody is being asked."""
        return not self._asked


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
