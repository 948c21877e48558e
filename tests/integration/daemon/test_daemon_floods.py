"""Floods against a real daemon: memory and processor time stay bounded, and an honest peer is served meanwhile.

The daemon's budgets are cut down, so that seconds of flooding are beyond them; see ``programs/thrifty_daemon.py``.
"""

import hashlib
import itertools
import sys
import zlib
from collections import deque
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import trio
from besieging import (
    MIB,
    PEER_LIMITS,
    Besieged,
    Cost,
    flood,
    framed,
    seed_of,
    siege,
    sybil_records,
)
from hostile_peer import hostile_peer
from programs.thrifty_daemon import THRIFT
from running_nodes import Nodes
from small_collection import build, open_shop

from mirrord.core import limits
from mirrord.core.records import records_pb2 as pb
from mirrord.core.records.codec import encode_manifest_head
from mirrord.core.records.ids import Sha256
from mirrord.core.records.kinds import Kind, ManifestHead
from mirrord.core.records.signing import SigningKey, sign
from mirrord.core.wire.framing import frame
from mirrord.core.wire.messages import (
    BlobChunk,
    BlobRequest,
    GoodbyeCode,
    Listing,
    RecordRequest,
    Records,
    Summary,
)

THRIFTY_DAEMON = Path(__file__).with_name("programs") / "thrifty_daemon.py"


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
