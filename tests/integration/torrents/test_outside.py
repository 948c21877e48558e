"""Real trackers and a real DHT on loopback tell of a real seeder outside mirrord, and hear nothing of us."""

import secrets
import socket
import time
from collections.abc import Callable
from pathlib import Path

import libtorrent as lt
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from running_engine import MadeShard, Member, key_of, make_shard, member, origin

from mirrord.core.effects import LookUpSwarm, ScrapeTracker, SeekPeers, SwarmHashes
from mirrord.core.errors import EngineError
from mirrord.core.events import AddressesFound, SwarmLookedUp, TrackerScraped
from mirrord.core.outside.bounds import SCRAPE_REPLY_MAX_BYTES
from mirrord.core.records.ids import Address
from mirrord.http.fetch import FetchError, fetch
from mirrord.torrents.engine import DhtSettings
from mirrord.torrents.scraping import read_scrape, scrape, scrape_url
from tests.loopback_dht import loopback_dht
from tests.plain_seeder import plain_seeder
from tests.small_tracker import small_tracker

SECONDS = 1.0


def hashes_of(shard: MadeShard) -> tuple[bytes, bytes]:
    return shard.built.info_hash_v1, shard.built.info_hash_v2[:20]


def scrape_of(tracker: str, *shards: MadeShard) -> ScrapeTracker:
    return ScrapeTracker(tracker, tuple(SwarmHashes(shard.key, hashes_of(shard)) for shard in shards))


def files_of(shard: MadeShard) -> tuple[bytes, Path]:
    return shard.built.torrent, shard.source


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- trackers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["http", "udp"])
def test_a_tracker_tells_of_who_announced_to_it_and_never_hears_of_us(tmp_path: Path, way: str) -> None:
    seeded, alone = (
        make_shard(tmp_path / "a", {"a.bin": 100_000}),
        make_shard(tmp_path / "b", {"b.bin": 50_000}, index=1),
    )

    async def main(tracker: str) -> None:
        async with origin(tmp_path / "node", seeded, alone) as node:
            node.engine.ask_outside(scrape_of(tracker, seeded, alone))
            told = await node.wait_for(TrackerScraped)
            assert told == TrackerScraped(tracker, (seeded.key, alone.key), (1, 0))

    with small_tracker() as tracker:
        place = getattr(tracker, way)
        with plain_seeder(tmp_path / "seeder", [files_of(seeded)], trackers=[place]):
            wait_until(lambda: set(hashes_of(seeded)) <= set(tracker.announces))
            before = len(tracker.announces)
            trio.run(main, place)
            assert len(tracker.announces) == before, "a node announces nothing, neither what it holds"
        assert len(tracker.scrapes) == 1
        assert set(tracker.scraped) == {*hashes_of(seeded), *hashes_of(alone)}


def test_a_scrape_of_74_hashes_fits(tmp_path: Path) -> None:
    swarms = tuple(SwarmHashes(key_of(i), (secrets.token_bytes(20), secrets.token_bytes(20))) for i in range(37))
    with small_tracker() as tracker:
        for number, swarm in enumerate(swarms):
            tracker.seeders[swarm.hashes[number % 2]] = set(range(number))
        for place in (tracker.http, tracker.udp):
            assert trio.run(scrape, ScrapeTracker(place, swarms)) == tuple(range(37))


def test_where_a_tracker_is_scraped() -> None:
    assert scrape_url("https://t.example/announce") == "https://t.example/scrape"
    assert scrape_url("https://t.example/x/announce.php?key=1") == "https://t.example/x/scrape.php?key=1"
    assert scrape_url("https://t.example/scrape") == "https://t.example/scrape"


@pytest.mark.parametrize(
    ("status", "reply", "complaint"),
    [
        (200, b"<html>hello</html>", "not bencoded"),
        (200, b"i7e", "not a dictionary"),
        (200, lt.bencode({b"failure reason": b"go away"}), "says that it failed"),
        (200, lt.bencode({b"flags": 1}), "has no files"),
        (200, b"x" * (SCRAPE_REPLY_MAX_BYTES + 1), "more than"),
        (302, b"", "status 302"),
        (503, b"", "status 503"),
    ],
    ids=["html", "number", "failure", "no-files", "large", "redirect", "busy"],
)
def test_an_answer_of_no_use_is_a_failure(status: int, reply: bytes, complaint: str) -> None:
    with small_tracker() as tracker:
        tracker.status, tracker.reply = status, reply
        with pytest.raises(EngineError, match=complaint):
            trio.run(scrape, ScrapeTracker(tracker.http, (SwarmHashes(key_of(0), (bytes(20),)),)))


def test_a_tracker_that_is_not_there_is_a_failure_that_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: refused
        taken.bind(("127.0.0.1", 0))
        nowhere = f"127.0.0.1:{taken.getsockname()[1]}"

        async def main() -> None:
            async with member(tmp_path) as node:
                for tracker in (f"http://{nowhere}/announce", f"https://{nowhere}/announce", f"udp://{nowhere}"):
                    shards = SwarmHashes(key_of(3), (bytes(20),))
                    before = len(node.events)
                    node.engine.ask_outside(ScrapeTracker(tracker, (shards,)))
                    told = await node.wait_for(TrackerScraped, after=before)
                    assert (told.tracker, told.shards, told.seeders) == (tracker, (key_of(3),), None)
                    assert told.detail

        trio.run(main)


def test_a_lost_packet_is_sent_again_and_silence_ends_in_time() -> None:
    """Virtual time, over real sockets: nobody answers, so nothing but the clock moves."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind(("127.0.0.1", 0))

        async def main() -> None:
            place = f"udp://127.0.0.1:{deaf.getsockname()[1]}"
            began = trio.current_time()
            with pytest.raises(EngineError, match="within 30 s"):
                await scrape(ScrapeTracker(place, (SwarmHashes(key_of(0), (bytes(20),)),)))
            assert trio.current_time() - began == pytest.approx(30)

        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
        deaf.setblocking(False)
        packets = [deaf.recv(100) for _ in range(3)]
        assert len(set(packets)) == 1, "the same question, three times"
        with pytest.raises(BlockingIOError):
            deaf.recv(100)


def test_an_https_tracker_without_a_certificate_that_holds_is_not_believed() -> None:
    with small_tracker() as tracker, pytest.raises(FetchError, match="no answer"):
        trio.run(lambda: fetch(f"https://127.0.0.1:{tracker.http_port}/scrape", agent="x", seconds=20, body_bytes=1))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_answer_of_a_tracker_does_more_than_fail(body: bytes) -> None:
    for text in (body, b"d5:filesd20:" + bytes(20) + body, b"l" * len(body) + body):
        try:
            said = read_scrape(text)
        except EngineError:
            continue
        assert all(isinstance(one, bytes) and seeders >= 0 for one, seeders in said.items())


def test_only_numbers_of_seeders_count() -> None:
    files = {b"a" * 20: {b"complete": 3}, b"b" * 20: {b"complete": -1}, b"c" * 20: {b"complete": b"9"}, b"d" * 20: 4}
    assert read_scrape(lt.bencode({b"files": files})) == {b"a" * 20: 3}  # type: ignore[arg-type]


# --- the DHT --------------------------------------------------------------------------------------


def dht_of(folder: Path, *routers: Address) -> DhtSettings:
    return DhtSettings(routers, folder / "dht.state")


async def look(node: Member, shard: MadeShard, info_hash: bytes) -> tuple[Address, ...] | None:
    before = len(node.events)
    node.engine.ask_outside(LookUpSwarm(shard.key, info_hash, SECONDS))
    told = await node.wait_for(SwarmLookedUp, after=before)
    assert (told.shard, told.info_hash) == (shard.key, info_hash)
    return told.members


def test_the_dht_tells_of_a_seeder_under_both_hashes_and_nobody_takes_it_for_a_node(tmp_path: Path) -> None:
    shard = make_shard(tmp_path / "source", {"a.bin": 100_000})

    async def main(seeder: Address) -> None:
        async with origin(tmp_path / "node", shard, dht=dht_of(tmp_path / "node", routers[1])) as node:
            await node.wait_until(lambda statistics: statistics.dht_nodes > 0)
            for info_hash in hashes_of(shard):
                with trio.fail_after(60):  # the seeder's own announcement takes its time, too
                    while not (members := await look(node, shard, info_hash)):
                        pass
                assert members == (seeder,), "the node holds this shard, and is not there"
            assert await look(node, shard, secrets.token_bytes(20)) == ()
            assert not [event for event in node.events if isinstance(event, AddressesFound)]

    with (
        loopback_dht() as routers,
        plain_seeder(tmp_path / "seeder", [files_of(shard)], dht=routers[:1]) as seeder,
    ):
        trio.run(main, seeder)


def test_what_is_found_under_a_rendezvous_is_still_told(tmp_path: Path) -> None:
    """A lookup of a swarm goes on at the same time, and neither takes the other's answers."""
    rendezvous, shard = secrets.token_bytes(20), make_shard(tmp_path / "source", {"a.bin": 1_000})

    async def main() -> None:
        one_dht, other_dht = dht_of(tmp_path / "a", routers[0]), dht_of(tmp_path / "b", routers[1])
        async with member(tmp_path / "a", dht=one_dht) as one, member(tmp_path / "b", dht=other_dht) as other:
            for node in (one, other):
                await node.wait_until(lambda statistics: statistics.dht_nodes > 0)
            one.engine.seek(SeekPeers(rendezvous, 7700, announce=True))
            with trio.fail_after(60):
                while not any(isinstance(event, AddressesFound) for event in other.events):
                    other.engine.seek(SeekPeers(rendezvous, 0, announce=False))
                    assert await look(other, shard, hashes_of(shard)[0]) == ()

    with loopback_dht() as routers:
        trio.run(main)


def test_without_a_dht_there_is_nobody_to_ask(tmp_path: Path) -> None:
    shard = make_shard(tmp_path / "source", {"a.bin": 1_000})

    async def main() -> None:
        async with member(tmp_path) as off:
            assert await look(off, shard, hashes_of(shard)[0]) is None
        async with member(tmp_path, dht=dht_of(tmp_path)) as lonely:
            assert await look(lonely, shard, hashes_of(shard)[0]) is None

    trio.run(main)
