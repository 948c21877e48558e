"""Shards of every shape go from one engine to another, and lie where they should."""

from functools import partial
from pathlib import Path

import pytest
import trio
from running_engine import PIECE, MadeShard, Member, key_of, make_shard, member, origin

from mirrord.core.events import FetchProgressed, HoldingVerified
from mirrord.torrents.builder import ShardFile, build_torrent
from mirrord.torrents.engine import TransferState
from mirrord.torrents.torrent_file import parse_torrent

SHAPES = {
    "one file": {"only.bin": 500_000},
    "one small file": {"only.bin": 3},
    "one file in a folder": {"sub/only.bin": 70_000},
    "many small files": {f"{number % 7}/{number}.txt": 10 + 97 * number for number in range(200)},
    "nested": {"a/b/c/d": 40_000, "a/b/x": 1, "a-b/x": 70_000, "a.txt": 33_000, "z": 32_768},
    "unicode": {"\u00fcber/\u4e2d\u6587.txt": 40_000, "e\u0301.txt": 10, "\u00e9.txt": 20, "\U0001f3b5": 33_000},
    "empty files": {"empty": 0, "sub/empty too": 0, "content": 100_000, "zz": 0},
    "whole pieces, so no padding": {"one": 32_768, "two": 65_536, "three": 131_072},
}


async def transfer(tmp_path: Path, shard: MadeShard) -> None:
    async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as fetcher:
        await fetcher.until_verified(shard.fetch(holder))
        folder = fetcher.folder_of(shard)
        assert shard.content(folder) == shard.content(shard.source)
        found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert found == {file.path for file in shard.files}
        assert [path.name for path in folder.parent.iterdir()] == [shard.name]
        await check_what_was_told(shard, fetcher)


async def check_what_was_told(shard: MadeShard, fetcher: Member) -> None:
    payload = shard.built.payload_bytes
    progress = [event for event in fetcher.events if isinstance(event, FetchProgressed)]
    assert progress[-1] == FetchProgressed(shard.key, payload, payload)
    assert [event.bytes_done for event in progress] == sorted(event.bytes_done for event in progress)
    assert [event for event in fetcher.events if not isinstance(event, FetchProgressed)] == [HoldingVerified(shard.key)]
    statistics = await fetcher.engine.wait_for_statistics()
    assert statistics.downloaded_payload_bytes == parse_torrent(shard.built.torrent).wire_bytes
    assert statistics.alerts_dropped == 0
    (line,) = statistics.shards
    assert (line.state, line.bytes_done, line.bytes_total) == (TransferState.SEEDING, payload, payload)


@pytest.mark.parametrize("sizes", SHAPES.values(), ids=SHAPES)
def test_a_shard_is_fetched_byte_for_byte(tmp_path: Path, sizes: dict[str, int]) -> None:
    trio.run(transfer, tmp_path, make_shard(tmp_path / "source", sizes))


def test_two_files_of_the_same_content_are_fetched(tmp_path: Path) -> None:
    """They have one v2 root and one piece layer between them."""
    (tmp_path / "source").mkdir()
    make_shard(tmp_path / "source", {"one": 200_000})
    (tmp_path / "source" / "two").write_bytes((tmp_path / "source" / "one").read_bytes())
    shard = make_shard_of_existing(tmp_path / "source", ["one", "two"])
    trio.run(transfer, tmp_path, shard)


def make_shard_of_existing(source: Path, paths: list[str]) -> MadeShard:
    files = tuple(ShardFile(path, (source / path).stat().st_size) for path in paths)
    return MadeShard(key_of(0), "shard 0", source, files, build_torrent("shard 0", files, source, piece_bytes=PIECE))


def test_a_fetched_shard_is_seeded_on(tmp_path: Path) -> None:
    shard = make_shard(tmp_path / "source", {"one": 300_000, "two": 10})

    async def pass_on() -> None:
        async with member(tmp_path / "b", shard) as second, member(tmp_path / "c", shard) as third:
            async with origin(tmp_path / "a", shard) as first:
                await second.until_verified(shard.fetch(first))
            await third.until_verified(shard.fetch(second))
            assert shard.content(third.folder_of(shard)) == shard.content(shard.source)

    trio.run(pass_on)


def test_a_swarm_member_named_later_is_fetched_from(tmp_path: Path) -> None:
    shard = make_shard(tmp_path / "source", {"one": 300_000})

    async def announce_late() -> None:
        async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as fetcher:
            await fetcher.do(shard.fetch())
            await fetcher.until_verified(shard.more(holder))

    trio.run(announce_late)


def test_a_member_that_comes_back_is_connected_again(tmp_path: Path) -> None:
    """Half of the shard comes before the holder restarts, on another port, and half after."""
    shard = make_shard(tmp_path / "source", {"one": 20 * 1024 * 1024})

    async def restart_holder() -> None:
        async with member(tmp_path / "b", shard) as fetcher:
            async with origin(tmp_path / "a", shard, upload_rate_limit=4_000_000) as holder:
                await fetcher.do(shard.fetch(holder))
                await fetcher.wait_for(FetchProgressed, where=lambda event: event.bytes_done > 0)
            async with origin(tmp_path / "a", shard) as holder:
                await fetcher.until_verified(shard.more(holder))
            assert fetcher.engine.statistics().downloaded_payload_bytes < 1.2 * shard.built.payload_bytes

    trio.run(restart_holder)


def test_a_member_that_comes_back_on_its_port_needs_no_telling(tmp_path: Path) -> None:
    shard = make_shard(tmp_path / "source", {"one": 20 * 1024 * 1024})

    async def restart_holder() -> None:
        async with member(tmp_path / "b", shard) as fetcher:
            async with origin(tmp_path / "a", shard, upload_rate_limit=4_000_000) as holder:
                listen = f"127.0.0.1:{holder.engine.listening_port}"
                await fetcher.do(shard.fetch(holder))
                await fetcher.wait_for(FetchProgressed, where=lambda event: event.bytes_done > 0)
            async with origin(tmp_path / "a", shard, listen_interfaces=listen):
                await fetcher.wait_for(HoldingVerified)

    trio.run(restart_holder)


def test_a_rate_limit_holds_on_loopback_too(tmp_path: Path) -> None:
    """libtorrent exempts local networks from limits unless it is told not to."""
    shard = make_shard(tmp_path / "source", {"one": 3_000_000})

    async def fetch_slowly() -> float:
        limited = member(tmp_path / "b", shard, download_rate_limit=1_000_000)
        async with origin(tmp_path / "a", shard) as holder, limited as fetcher:
            started = trio.current_time()
            await fetcher.until_verified(shard.fetch(holder))
            return trio.current_time() - started

    assert trio.run(fetch_slowly) > 2.0


def test_many_shards_at_once(tmp_path: Path) -> None:
    shards = [make_shard(tmp_path / f"source {n}", {"one": 40_000, f"{n}": 10}, index=n) for n in range(30)]

    async def fetch_all() -> None:
        async with origin(tmp_path / "a", *shards) as holder, member(tmp_path / "b", *shards) as fetcher:
            for shard in shards:
                await fetcher.do(shard.fetch(holder))
            for shard in shards:
                await fetcher.wait_for(HoldingVerified, where=partial(is_of, shard))

    trio.run(fetch_all)


def is_of(shard: MadeShard, event: HoldingVerified) -> bool:
    return event.shard == shard.key
