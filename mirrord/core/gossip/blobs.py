"""Fetching blobs (manifest bodies, .torrents) by their SHA-256, chunk by chunk, from open sessions.

A blob is asked of one session at a time.  One that lacks it, is silent for ``BLOB_WAIT_SECONDS``,
or whose bytes do not hash right is not asked for that blob again while it stays open; then the
next is.  At most ``BLOB_FETCHES_MAX`` are assembled at once; the others wait in order.  A blob that
nobody has goes to the end of the queue, so that it never keeps the others waiting.

Every chunk but the last is ``BLOB_CHUNK_BYTES`` long, or a peer that dribbles would hold a place for ever.
A peer with chunks of another length is not at fault: the curator may have signed for a wrong size.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.errors import RemoteProtocolError
from mirrord.core.records.ids import SessionId, Sha256
from mirrord.core.wire.messages import BlobChunk, BlobRequest


@dataclass(slots=True)
class _Fetch:
    """One blob under way; ``source`` is None while nobody is being asked."""

    sha256: Sha256
    size: int
    data: bytearray = field(default_factory=bytearray)
    source: SessionId | None = None
    asked_at: float = 0.0
    useless: set[SessionId] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to send."""

    session: SessionId
    request: BlobRequest


class BlobFetches:
    """The blobs that this node lacks and wants."""

    def __init__(self) -> None:
        self._fetches: dict[Sha256, _Fetch] = {}

    def want(self, sha256: Sha256, size: int) -> None:
        """Start wanting a blob of ``size`` bytes; wanting it twice is no matter."""
        if 0 < size <= limits.BLOB_MAX_BYTES:
            self._fetches.setdefault(sha256, _Fetch(sha256, size))

    def forget(self, sha256: Sha256) -> None:
        """Stop wanting a blob."""
        self._fetches.pop(sha256, None)

    def wanted(self) -> frozenset[Sha256]:
        """Return what is still missing."""
        return frozenset(self._fetches)

    def ask(self, sessions: Iterable[SessionId], now: Instant) -> list[Ask]:
        """Return requests for blobs that nobody is being asked for, or whose source fell silent."""
        open_sessions = list(sessions)
        asks: list[Ask] = []
        for fetch in list(self._fetches.values())[: limits.BLOB_FETCHES_MAX]:
            if fetch.source is not None:
                if now.monotonic_seconds < fetch.asked_at + limits.BLOB_WAIT_SECONDS:
                    continue
                self._give_up_on(fetch)
            fetch.useless.intersection_update(open_sessions)
            source = next((s for s in open_sessions if s not in fetch.useless), None)
            if source is None and fetch.useless:
                fetch.useless.clear()  # everybody failed once: begin again when its turn comes
                self._fetches[fetch.sha256] = self._fetches.pop(fetch.sha256)
            elif source is not None:
                asks.append(self._request(fetch, source, now))
        return asks

    def received(self, session: SessionId, chunk: BlobChunk, now: Instant) -> tuple[bytes | None, Ask | None]:
        """Take a chunk; return the whole blob where this was its last, or the request for the next.

        Raises :class:`RemoteProtocolError` where the bytes do not hash to what was asked for.
        """
        fetch = self._fetches.get(chunk.sha256)
        if fetch is None or fetch.source != session or chunk.offset != len(fetch.data):
            return None, None  # late, or asked of another meanwhile
        if len(chunk.data) != min(limits.BLOB_CHUNK_BYTES, fetch.size - len(fetch.data)):
            self._give_up_on(fetch)
            return None, None
        fetch.data += chunk.data
        if len(fetch.data) < fetch.size:
            return None, self._request(fetch, session, now)
        data = bytes(fetch.data)
        if hashlib.sha256(data).digest() != fetch.sha256:
            self._give_up_on(fetch)
            raise RemoteProtocolError("bytes that do not hash to what was asked for")
        del self._fetches[chunk.sha256]
        return data, None

    def missing(self, session: SessionId, sha256: Sha256) -> None:
        """The peer does not have it."""
        fetch = self._fetches.get(sha256)
        if fetch is not None and fetch.source == session:
            self._give_up_on(fetch)

    def closed(self, session: SessionId) -> None:
        """A session is gone; others take over from the start of the blob."""
        for fetch in self._fetches.values():
            if fetch.source == session:
                self._give_up_on(fetch)

    def _request(self, fetch: _Fetch, session: SessionId, now: Instant) -> Ask:
        fetch.source, fetch.asked_at = session, now.monotonic_seconds
        return Ask(session, BlobRequest(fetch.sha256, len(fetch.data)))

    def _give_up_on(self, fetch: _Fetch) -> None:
        if fetch.source is not None:
            fetch.useless.add(fetch.source)
        fetch.source = None
        fetch.data.clear()  # whose bytes were wrong cannot be told apart, so none are kept
