"""Floods against a real daemon: memory and processor time stay bounded, and an honest peer is served meanwhile.

The daemon's budgets are cut down, so that seconds of flooding are beyond them; see ``programs/thrifty_daemon.py``.
"""

import hashlib
import itertools
import os
import re
import sys
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
import trio
from hostile_peer import HostilePeer, hostile_peer
from programs.thrifty_daemon import THRIFT
from running_nodes import Nodes, RunningNode
from small_collection import SmallCollection, build, open_shop

from mirrord.core import limits
from mirrord.core.records import records_pb2 as pb
from mirrord.core.records.codec import encode_announcement, encode_manifest_head
from mirrord.core.records.ids import Sha256
from mirrord.core.records.kinds import Announcement, CollectionState, Kind, ManifestHead
from mirrord.core.records.shardset import ShardSet
from mirrord.core.records.signing import SigningKey, sign
from mirrord.core.wire.encoding import encode_message
from mirrord.core.wire.framing import frame
from mirrord.core.wire.messages import (
    BlobChunk,
    BlobRequest,
    Buckets,
    GoodbyeCode,
    Listing,
    Message,
    RecordRequest,
    Records,
    Summary,
)

MIB = 1 << 20
THRIFTY_DAEMON = Path(__file__).with_name("programs") / "thrifty_daemon.py"
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


@pytest.fixture(scope="module")
def besieged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    """One daemon for all floods: whoever floods comes with a key of its own."""
    root = tmp_path_factory.mktemp("floods")
    nodes = Nodes(root)
    try:
        node = nodes.make("origin", 10 * MIB)
        node.program = (sys.executable, str(THRIFTY_DAEMON))
        collection = build(root, shards=2, shard_bytes=MIB // 2, target=2)
        open_shop(node.start(), collection)
        yield Besieged(node, collection)
    finally:
        nodes.close()
    nodes.assert_no_traceback()


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


def bound_on_work(cost: Cost) -> float:
    """What the budget allows, as much again for the disk, and the honest, the scrapes and the machine."""
    allowed = THRIFT["PEER_WORK_BURST_SECONDS"] + THRIFT["PEER_WORK_SECONDS_PER_SECOND"] * cost.wall_seconds
    return 2 * allowed + 0.5 + 0.3 * cost.wall_seconds


@pytest.mark.parametrize("name", ["summaries", "listings", "record requests", "blob requests"])
def test_who_asks_without_end_gets_a_bounded_part(besieged: Besieged, name: str) -> None:
    collection = besieged.collection
    ids = tuple(number.to_bytes(8, "big") for number in range(limits.LISTING_MAX_ENTRIES))
    message = {
        "summaries": Summary(collection.id, root=1, records=1),
        "listings": Listing(collection.id, 0, (0,), tuple((identity, 1) for identity in ids)),
        "record requests": RecordRequest(collection.id, ids),
        "blob requests": BlobRequest(collection.shards[0].torrent_sha256, 0),
    }[name]
    endless = itertools.repeat(framed(message))

    cost = siege(besieged, lambda: flood(besieged, name, endless), lambda cost: cost.reached(*PEER_LIMITS))

    allowed = THRIFT["PEER_SENT_BURST_BYTES"] + THRIFT["PEER_SENT_BYTES_PER_SECOND"] * cost.wall_seconds
    assert cost.changed["mirrord_network_sent_bytes_total"] < allowed + 2 * MIB, str(cost)
    assert cost.work_seconds < bound_on_work(cost), str(cost)
    assert cost.peak_bytes < 40 * MIB, str(cost)


def test_who_asks_without_end_and_reads_nothing_fills_no_memory(besieged: Besieged) -> None:
    endless = itertools.repeat(framed(BlobRequest(besieged.collection.shards[0].torrent_sha256, 0)))

    cost = siege(
        besieged,
        lambda: flood(besieged, "deaf", endless, reads=False),
        lambda cost: cost.reached("session_queue_max_frames", "session_queue_max_bytes", *PEER_LIMITS),
    )

    assert cost.peak_bytes < 40 * MIB, str(cost)


# --- floods of bad grammar -------------------------------------------------------------------------


def test_garbage_at_line_rate_costs_its_sender_the_session_again_and_again(besieged: Besieged) -> None:
    garbage = itertools.repeat(frame(b"\xff" * (limits.FRAME_MAX_BYTES // 2)))

    async def attack() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(flood, besieged, f"garbage {number}", garbage)

    cost = siege(besieged, attack, lambda cost: cost.changed["mirrord_protocol_breaches_total"] >= 12)

    assert cost.work_seconds < 0.7 * cost.wall_seconds + 0.5, str(cost)
    assert cost.peak_bytes < 40 * MIB, str(cost)


def test_frames_that_never_end_hold_no_more_than_their_length(besieged: Besieged) -> None:
    sessions = 32
    torn = framed(BlobChunk(Sha256(bytes(32)), 0, bytes(limits.BLOB_CHUNK_BYTES)))[:-1]

    async def attack() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(sessions):
                nursery.start_soon(flood, besieged, f"torn {number}", [torn])

    cost = siege(
        besieged,
        attack,
        lambda cost: cost.changed["mirrord_network_received_bytes_total"] >= sessions * len(torn),
    )

    assert cost.peak_bytes < sessions * 2 * len(torn) + 20 * MIB, str(cost)


# --- before TLS ------------------------------------------------------------------------------------


def test_thousands_of_half_open_connections_cost_64_places(besieged: Besieged) -> None:
    connections = 1_000

    async def attack() -> None:
        open_ones: deque[trio.SocketStream] = deque()
        while True:
            open_ones.append(await trio.open_tcp_stream(*besieged.node.address))
            if len(open_ones) > 4 * limits.HANDSHAKES_MAX:
                await trio.aclose_forcefully(open_ones.popleft())
            await trio.sleep(0.001)  # a pace: an honest handshake from the same place must fit between 64 of these

    cost = siege(
        besieged,
        attack,
        lambda cost: cost.changed['mirrord_handshakes_failed_total{reason="crowded_out"}'] >= connections,
    )

    assert cost.reached("handshakes_max")
    assert cost.peak_bytes < 20 * MIB, str(cost)
    assert besieged.node.metrics()["mirrord_handshakes_pending"] <= limits.HANDSHAKES_MAX


# --- bombs -----------------------------------------------------------------------------------------


@cache
def bomb() -> bytes:
    """A quarter of a gibibyte of zeros in a megabyte of zlib."""
    return zlib.compress(bytes(256 * MIB), 1)


OVERSIZED = 'mirrord_records_rejected_total{reason="oversized"}'


def test_a_bomb_in_holdings_ends_the_session_and_takes_no_room(besieged: Besieged) -> None:
    now = int(besieged.node.status().at)
    parsed = pb.Announcement(sequence=now, issued_at=now, expires_at=now + 60, pledge_bytes=MIB)
    parsed.collections.add(collection=besieged.collection.id, manifest_version=1, holdings=b"\1" + bomb()[:60_000])
    envelope = sign(Kind.ANNOUNCEMENT, parsed.SerializeToString(), SigningKey(seed_of("bomber")))

    async def attack() -> None:
        async with hostile_peer(besieged.node.address, seed_of("bomber")) as peer:
            await peer.hello(besieged.collection.id)
            await peer.say(Records(besieged.collection.id, (envelope,)))
            assert (await peer.goodbye()).code is GoodbyeCode.BAD_RECORD

    cost = siege(besieged, attack, lambda cost: cost.changed[OVERSIZED] == 1)

    assert cost.peak_bytes < 10 * MIB, str(cost)


def test_a_bomb_in_a_manifest_s_body_is_bounded_and_changes_nothing(besieged: Besieged) -> None:
    """Only the curator can sign for it, and even the curator gets no more than the bound."""
    blob = bomb()
    collection, now = besieged.collection, int(besieged.node.status().at)
    head = ManifestHead(collection.id, 2, now, Sha256(hashlib.sha256(blob).digest()), len(blob))
    envelope = sign(Kind.MANIFEST_HEAD, encode_manifest_head(head), collection.curator)

    async def attack() -> None:
        async with hostile_peer(besieged.node.address, seed_of("bomber 2")) as peer:
            await peer.hello(collection.id)
            await peer.say(Records(collection.id, (envelope,)))
            while True:
                request = await peer.hear(BlobRequest)
                if request.sha256 == head.body_sha256:
                    part = blob[request.offset : request.offset + limits.BLOB_CHUNK_BYTES]
                    await peer.say(BlobChunk(request.sha256, request.offset, part))

    cost = siege(besieged, attack, lambda cost: cost.changed[OVERSIZED] == 1)

    assert cost.peak_bytes < 3 * limits.MANIFEST_BODY_MAX_BYTES, str(cost)
    assert besieged.node.status().collections[0].manifest_version == 1
    assert besieged.node.held == collection.indexes


# --- last, as its records stay ---------------------------------------------------------------------


def test_valid_records_of_fresh_keys_by_the_thousand_cost_a_bounded_part(besieged: Besieged) -> None:
    batches = sybil_records(besieged)

    cost = siege(
        besieged,
        lambda: flood(besieged, "sybil", batches),
        lambda cost: cost.reached("peer_work_seconds_per_second"),
    )

    accepted = cost.changed["mirrord_records_accepted_total"]
    assert accepted > limits.BATCH_MAX_RECORDS, str(cost)
    assert cost.work_seconds < bound_on_work(cost), str(cost)
    assert cost.peak_bytes < 20 * MIB + accepted * 4_096, str(cost)


def test_who_asks_for_all_records_again_and_again_gets_a_bounded_part(besieged: Besieged) -> None:
    """Forty bytes ask for everything that the flood before this one has left."""
    nothing_here = itertools.repeat(framed(Listing(besieged.collection.id, 0, (0,), ())))

    cost = siege(
        besieged,
        lambda: flood(besieged, "greedy", nothing_here),
        lambda cost: cost.reached("peer_sent_bytes_per_second"),
    )

    allowed = THRIFT["PEER_SENT_BURST_BYTES"] + THRIFT["PEER_SENT_BYTES_PER_SECOND"] * cost.wall_seconds
    assert cost.changed["mirrord_network_sent_bytes_total"] < allowed + 2 * MIB, str(cost)
    assert cost.peak_bytes < 40 * MIB, str(cost)
