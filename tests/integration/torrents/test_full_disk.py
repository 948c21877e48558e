"""A full disk stops fetching and nothing else, and no verified piece is fetched twice because of it."""

import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import trio
from running_engine import MadeShard, Member, make_shard, member, origin

from mirrord.core.effects import PauseFetching, ResumeFetching
from mirrord.core.events import DiskFilled, FetchFailed, FetchProgressed, HoldingVerified
from mirrord.torrents.engine import TransferState
from mirrord.torrents.torrent_file import parse_torrent

DISK_BYTES = 12 * 1024 * 1024
RATE = 10_000_000
"""Slow enough for the disk: otherwise everything is in memory before the first write fails."""

ON_THE_WAY_BYTES = 8 * 1024 * 1024
"""Blocks that a member had been asked for, or that were in memory, when the disk filled up."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount program")
    if mounted.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", f"remount,size={8 * DISK_BYTES}", str(folder)], check=True)


def is_of(shard: MadeShard, event: HoldingVerified) -> bool:
    return event.shard == shard.key


async def fill_the_disk(keeper: Member) -> None:
    told = await keeper.wait_for(DiskFilled)
    assert os.strerror(28) in told.detail
    await keeper.do(PauseFetching())
    statistics = await keeper.engine.wait_for_statistics()
    assert statistics.fetching_paused


def test_a_fetch_that_fills_the_disk_goes_on_when_there_is_room(tmp_path: Path, small_disk: Path) -> None:
    small = make_shard(tmp_path / "small", {"one": 2_000_000}, index=1)
    large = make_shard(tmp_path / "large", {"one": 20_000_000, "two": 5_000_000}, index=2)

    async def fill_and_go_on() -> None:
        async with (
            origin(tmp_path / "a", small, large) as holder,
            member(
                small_disk / "b", small, large, download_rate_limit=RATE, resume_folder=tmp_path / "resume"
            ) as keeper,
            member(tmp_path / "c", small) as third,
        ):
            await keeper.until_verified(small.fetch(holder))
            await keeper.do(large.fetch(holder))
            await fill_the_disk(keeper)
            await third.until_verified(small.fetch(keeper))  # seeding goes on
            assert keeper.transfer(large).state in (TransferState.FETCHING, TransferState.WAITING)
            first = (await keeper.engine.wait_for_statistics()).downloaded_payload_bytes
            await trio.to_thread.run_sync(enlarge, small_disk)
            after = await keeper.do(ResumeFetching())
            await keeper.wait_for(HoldingVerified, after=after, where=partial(is_of, large))
            assert len([event for event in keeper.events if isinstance(event, DiskFilled)]) == 1
            assert large.content(keeper.folder_of(large)) == large.content(large.source)
            total = (await keeper.engine.wait_for_statistics()).downloaded_payload_bytes
            needed = sum(parse_torrent(shard.built.torrent).wire_bytes for shard in (small, large))
            assert first < needed
            assert total <= needed + ON_THE_WAY_BYTES

    trio.run(fill_and_go_on)


def test_a_disk_that_stays_full_is_told_again_after_each_try(tmp_path: Path, small_disk: Path) -> None:
    large = make_shard(tmp_path / "large", {"one": 20_000_000})

    async def try_twice() -> None:
        async with (
            origin(tmp_path / "a", large) as holder,
            member(small_disk / "b", large, download_rate_limit=RATE, resume_folder=tmp_path / "resume") as keeper,
        ):
            await keeper.do(large.fetch(holder))
            await fill_the_disk(keeper)
            after = await keeper.do(ResumeFetching())
            await keeper.wait_for(DiskFilled, after=after)
            assert not [event for event in keeper.events if isinstance(event, FetchFailed | HoldingVerified)]

    trio.run(try_twice)


def test_a_stop_on_a_full_disk_loses_nothing_that_was_verified(tmp_path: Path, small_disk: Path) -> None:
    large = make_shard(tmp_path / "large", {"one": 20_000_000})

    async def fill_stop_and_go_on() -> None:
        async with origin(tmp_path / "a", large) as holder:
            run = partial(member, small_disk / "b", large, download_rate_limit=RATE, resume_folder=tmp_path / "resume")
            async with run() as keeper:
                await keeper.do(large.fetch(holder))
                await fill_the_disk(keeper)
                told = max(event.bytes_done for event in keeper.events if isinstance(event, FetchProgressed))
            await trio.to_thread.run_sync(enlarge, small_disk)
            async with run() as keeper:
                await keeper.until_verified(large.fetch(holder))
                downloaded = (await keeper.engine.wait_for_statistics()).downloaded_payload_bytes
                # libtorrent counts a block as done that waits in memory for the write that will fail (measured: it
                # told 13,008,896 bytes on a disk of 12,582,912, about once in ten runs).
                assert downloaded <= large.built.payload_bytes - min(told, DISK_BYTES)
                assert large.content(keeper.folder_of(large)) == large.content(large.source)

    trio.run(fill_stop_and_go_on)


def test_there_is_no_room_even_for_an_empty_file(tmp_path: Path, small_disk: Path) -> None:
    """The disk is full before the shard is added; it is added again when there is room."""
    shard = make_shard(tmp_path / "source", {"empty": 0, "one": 100_000})
    filler = small_disk / "filler"

    async def add_without_room() -> None:
        async with (
            origin(tmp_path / "a", shard) as holder,
            member(small_disk / "b", shard, download_rate_limit=RATE, resume_folder=tmp_path / "resume") as keeper,
        ):
            await trio.to_thread.run_sync(use_every_inode, small_disk, filler)
            await keeper.do(shard.fetch(holder))
            await keeper.wait_for(DiskFilled)
            await trio.to_thread.run_sync(enlarge_inodes, small_disk)
            after = await keeper.do(ResumeFetching())
            await keeper.wait_for(HoldingVerified, after=after)

    trio.run(add_without_room)


def use_every_inode(disk: Path, filler: Path) -> None:
    subprocess.run(["mount", "-o", "remount,nr_inodes=8", str(disk)], check=True)
    filler.mkdir()
    with pytest.raises(OSError, match="No space"):
        for number in range(100):
            (filler / str(number)).touch()


def enlarge_inodes(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,nr_inodes=1000", str(disk)], check=True)


def test_paused_fetching_fetches_nothing_and_seeds_on(tmp_path: Path) -> None:
    held = make_shard(tmp_path / "held", {"one": 500_000}, index=1)
    wanted = make_shard(tmp_path / "wanted", {"one": 500_000}, index=2)

    async def pause() -> None:
        async with (
            origin(tmp_path / "a", wanted) as holder,
            origin(tmp_path / "b", held) as keeper,
            member(tmp_path / "c", held) as third,
        ):
            keeper.know(wanted)
            await keeper.do(PauseFetching())
            await keeper.do(wanted.fetch(holder))
            await third.until_verified(held.fetch(keeper))
            await keeper.engine.wait_for_statistics()
            assert (await keeper.engine.wait_for_statistics()).downloaded_payload_bytes == 0
            after = await keeper.do(ResumeFetching())
            await keeper.wait_for(HoldingVerified, after=after)

    trio.run(pause)
