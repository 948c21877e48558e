"""Fetching blobs (manifest bodies, .torrents) by their SHA-256, chunk by chunk, from open sessions.

A blob is asked of up to ``BLOB_SOURCES_MAX`` sessions at once, a chunk each.  One that lacks it, is
silent for ``BLOB_WAIT_SECONDS``, or whose bytes do not hash right is not asked for that blob again
while it stays open.  At most ``BLOB_FETCHES_MAX`` are assembled at once; the others wait in order.  A
blob that nobody has goes to the end of the queue, so that it never keeps the others waiting.

Every chunk but the last is ``BLOB_CHUNK_BYTES`` long, or a peer that dribbles would hold a place for ever.
A peer with chunks of another length is not at fault: the curator may have signed for a wrong size.
"""

from collections import Counter
from collections.abc import Iterable

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.gossip.blob_fetch import Ask, BlobFetch, Got
from mirrord.core.records.ids import SessionId, Sha256
from mirrord.core.wire.messages import BlobChunk


class BlobFetches:
    """The blobs that this node lacks and wants."""

    def __init__(self, limits_reached: Counter[str]) -> None:
        self._limits_reached = limits_reached
        self._fetches: dict[Sha256, BlobFetch] = {}

    def want(self, sha256: Sha256, size: int) -> None:
        """Start wanting a blob of ``size`` bytes; wanting it twice is no matter."""
        if 0 < size <= limits.BLOB_MAX_BYTES:
            self._fetches.setdefault(sha256, BlobFetch(sha256, size))

    def forget(self, sha256: Sha256) -> None:
        """Stop wanting a blob."""
        self._fetches.pop(sha256, None)

    def wanted(self) -> frozenset[Sha256]:
        """Return what is still missing."""
        return frozenset(self._fetches)

    def ask(self, sessions: Iterable[SessionId], now: Instant) -> list[Ask]:
        """Return requests for chunks that nobody is being asked for, or whose source fell silent."""
        open_sessions = list(sessions)
        asks: list[Ask] = []
        for fetch in list(self._fetches.values())[: limits.BLOB_FETCHES_MAX]:
            fetch.useless.intersection_update(open_sessions)
            self._limits_reached["BLOB_WAIT_SECONDS"] += fetch.give_up_silent(now)
            asks += fetch.ask(open_sessions, now)
            if fetch.is_idle and fetch.useless:
                fetch.useless.clear()  # everybody failed once: begin again when its turn comes
                self._fetches[fetch.sha256] = self._fetches.pop(fetch.sha256)
        return asks

    @property
    def next_deadline(self) -> float:
        """Monotonic seconds at which :meth:`ask` must be called even if nothing happens."""
        return min((fetch.next_deadline for fetch in self._fetches.values()), default=float("inf"))

    def received(self, session: SessionId, chunk: BlobChunk) -> Got:
        """Take a chunk; return the whole blob where this was its last, and who turned out to have lied."""
        fetch = self._fetches.get(chunk.sha256)
        if fetch is None:
            return Got()  # late: another was quicker
        got = fetch.received(session, chunk)
        if got.data is not None:
            del self._fetches[chunk.sha256]
        return got

    def missing(self, session: SessionId, sha256: Sha256) -> None:
        """The peer does not have it."""
        fetch = self._fetches.get(sha256)
        if fetch is not None:
            fetch.give_up(session)

    def closed(self, session: SessionId) -> None:
        """A session is gone; others take over."""
        for fetch in self._fetches.values():
            fetch.give_up(session)
