"""A daemon under a flood, what that costs it, and an honest peer that is served meanwhile."""

import hashlib
import itertools
import os
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import trio
from hostile_peer import HostilePeer, hostile_peer
from running_nodes import RunningNode
from small_collection import SmallCollection

from mirrord.core import limits
from mirrord.core.records.codec import encode_announcement
from mirrord.core.records.kinds import Announcement, CollectionState, Kind
from mirrord.core.records.shardset import ShardSet
from mirrord.core.records.signing import SigningKey, sign
from mirrord.core.wire.encoding import encode_message
from mirrord.core.wire.framing import frame
from mirrord.core.wire.messages import (
    BlobMissing,
    BlobRequest,
    Buckets,
    Message,
    Records,
    Summary,
)

MIB = 1 << 20
SERVED_WITHIN_SECONDS = 5.0
"""What an honest peer may wait for an answer while others flood, on a machine that runs other tests too."""

UNTIL_SECONDS = 30.0
"""What a flood may take to bite."""

ANSWERS_AFTERWARDS = 8
"""Answers to the honest peer, a tenth of a second apart, that the flood must outlast."""

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Besieged:
    """A running daemon and the collection that it has."""

    node: RunningNode
    collection: SmallCollection


@dataclass
class Cost:
    """What a daemon used during a flood: seconds of a core, and the most memory above what it had.

    ``changed`` is by how much its metrics grew, ``slowest_seconds`` what an honest peer had to wait at most.
    """

    wall_seconds: float = 0.0
    work_seconds: float = 0.0
    peak_bytes: int = 0
    slowest_seconds: float = 0.0
    served: trio.Event = field(default_factory=trio.Event)
    changed: dict[str, float] = field(default_factory=dict)

    def reached(self, *names: str) -> bool:
        """Whether one of these limits has bitten."""
        return any(self.changed[f'mirrord_limit_reached_total{{limit="{name}"}}'] for name in names)

    def __str__(self) -> str:
        limits_reached = {name: value for name, value in self.changed.items() if "limit_reached" in name and value}
        return (
            f"{self.work_seconds:.2f} of {self.wall_seconds:.2f} s, {self.peak_bytes / MIB:.1f} MiB more, "
            f"slowest answer {self.slowest_seconds:.2f} s, {limits_reached}"
        )


def work_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * _TICK_SECONDS


def memory_bytes(pid: int, line: str) -> int:
    found = re.search(rf"^{line}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


Attack = Callable[[], Awaitable[None]]


def siege(besieged: Besieged, attack: Attack, until: Callable[[Cost], bool]) -> Cost:
    """Let ``attack`` go on until the daemon's metrics show what they should; return what all of it cost.

    All the while an honest peer is served.
    """
    cost = trio.run(_besiege, besieged, attack, until)
    assert cost.slowest_seconds < SERVED_WITHIN_SECONDS, str(cost)
    return cost


async def _besiege(besieged: Besieged, attack: Attack, until: Callable[[Cost], bool]) -> Cost:
    node, cost = besieged.node, Cost()
    before = await trio.to_thread.run_sync(node.metrics)
    await trio.Path(f"/proc/{node.pid}/clear_refs").write_text("5")  # the peak begins anew
    before_bytes, before_seconds = memory_bytes(node.pid, "VmRSS"), work_seconds(node.pid)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_being_served, besieged, cost)
        nursery.start_soon(attack)
        with trio.fail_after(UNTIL_SECONDS):
            await cost.served.wait()
            while not cost.changed or not until(cost):
                after = await trio.to_thread.run_sync(node.metrics)
                cost.changed = {name: after[name] - before.get(name, 0.0) for name in after}
            for _ in range(ANSWERS_AFTERWARDS):  # the flood goes on, and so does the service
                cost.served = trio.Event()
                await cost.served.wait()
        nursery.cancel_scope.cancel()
    cost.wall_seconds = trio.current_time() - began
    cost.work_seconds = work_seconds(node.pid) - before_seconds
    cost.peak_bytes = memory_bytes(node.pid, "VmHWM") - before_bytes
    return cost


async def keep_being_served(besieged: Besieged, cost: Cost) -> None:
    """Call the daemon and open rounds of anti-entropy with it, again and again, and note the slowest answer."""
    collection = besieged.collection.id
    while True:
        began = trio.current_time()
        async with hostile_peer(besieged.node.address, seed_of(f"honest at {began}")) as peer:
            await peer.hello(collection)
            for _ in range(limits.ROUND_MESSAGES_BURST // 2):
                cost.slowest_seconds = max(cost.slowest_seconds, trio.current_time() - began)
                await trio.sleep(0.1)  # a pace, not a wait
                began = trio.current_time()
                await peer.say(Summary(collection, root=1, records=1))
                await peer.hear(Buckets)
                cost.served.set()
                for request in [each for each in peer.heard if isinstance(each, BlobRequest)]:
                    peer.heard.remove(request)  # to say nothing would have the daemon wait for us
                    await peer.say(BlobMissing(request.sha256))


def seed_of(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def framed(message: Message) -> bytes:
    return frame(encode_message(message))


async def flood(besieged: Besieged, name: str, messages: Iterable[bytes], reads: bool = True) -> None:
    """Say ``messages`` as fast as they are taken; where it is hung up on, call again with the same key."""
    remaining = iter(messages)
    while True:
        with suppress(trio.BrokenResourceError):  # hung up on, as it should be
            async with hostile_peer(besieged.node.address, seed_of(name), 2 * UNTIL_SECONDS) as peer:
                await peer.hello(besieged.collection.id)
                await say_all(peer, remaining, reads)


async def say_all(peer: HostilePeer, messages: Iterator[bytes], reads: bool) -> None:
    """Say ``messages`` and stay, until the daemon hangs up."""
    async with trio.open_nursery() as nursery:
        if reads:
            nursery.start_soon(drain, peer)
        with suppress(trio.BrokenResourceError):
            for message in messages:
                await peer.say_bytes(message)
            await trio.sleep_forever()
        nursery.cancel_scope.cancel()


async def drain(peer: HostilePeer) -> None:
    with suppress(trio.BrokenResourceError):
        while await peer.stream.receive_some():
            pass


# --- floods of good grammar ------------------------------------------------------------------------


PEER_LIMITS = ("peer_work_seconds_per_second", "peer_received_bytes_per_second", "peer_sent_bytes_per_second")


def sybil_records(besieged: Besieged) -> Iterator[bytes]:
    """Batches of valid announcements, each by a key of its own."""
    now = int(besieged.node.status().at)
    part = CollectionState(besieged.collection.id, 1, ShardSet.of([0, 1]))
    said = encode_announcement(Announcement(now, now, now + 3_600, pledge_bytes=MIB, collections=(part,)))
    for batch in itertools.count():
        numbers = range(batch * limits.BATCH_MAX_RECORDS, (batch + 1) * limits.BATCH_MAX_RECORDS)
        envelopes = (sign(Kind.ANNOUNCEMENT, said, SigningKey(seed_of(f"sybil {number}"))) for number in numbers)
        yield framed(Records(besieged.collection.id, tuple(envelopes)))
