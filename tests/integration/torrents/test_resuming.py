"""A fetch that is cut off, cleanly or by SIGKILL, goes on where it was."""

import json
import random
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import trio
from running_engine import MadeShard, Member, flip_byte, make_shard, member, origin

from mirrord.core.events import FetchProgressed, HoldingVerified
from mirrord.torrents.torrent_file import parse_torrent

SIZES = {"big": 8_000_000, "sub/middle": 1_000_000, **{f"small/{n}": 1_000 + n for n in range(20)}}
PROGRAM = Path(__file__).with_name("programs") / "fetching_member.py"
KILLS = 6
RATE = 4_000_000
PART = 3_000_000
ROUNDING = 23 * 16 * 1024
"""Padding is fetched with the last block of a file, and progress does not count it."""


@pytest.fixture
def shard(tmp_path: Path) -> MadeShard:
    return make_shard(tmp_path / "source", SIZES)


def wire_bytes(shard: MadeShard) -> int:
    return parse_torrent(shard.built.torrent).wire_bytes


async def fetch_a_part(tmp_path: Path, shard: MadeShard, holder: Member) -> None:
    """Fetch until a good part is there, and stop cleanly."""
    async with member(tmp_path / "b", shard, download_rate_limit=RATE) as fetcher:
        await fetcher.do(shard.fetch(holder))
        await fetcher.wait_for(FetchProgressed, where=lambda event: event.bytes_done > PART)


def test_a_clean_stop_is_resumed_without_reading_or_fetching_again(tmp_path: Path, shard: MadeShard) -> None:
    async def stop_and_go_on() -> None:
        async with origin(tmp_path / "a", shard) as holder:
            await fetch_a_part(tmp_path, shard, holder)
            assert len(list((tmp_path / "b" / "resume").iterdir())) == 1
            async with member(tmp_path / "b", shard) as fetcher:
                await fetcher.do(shard.fetch())
                progress = await fetcher.wait_for(FetchProgressed)
                assert progress.bytes_done > 0
                assert list((tmp_path / "b" / "resume").iterdir()) == []
                await fetcher.until_verified(shard.more(holder))
                second = (await fetcher.engine.wait_for_statistics()).downloaded_payload_bytes
            assert 0 < second <= wire_bytes(shard) - progress.bytes_done + ROUNDING
            assert shard.content(fetcher.folder_of(shard)) == shard.content(shard.source)

    trio.run(stop_and_go_on)


def test_what_a_clean_stop_wrote_is_checked_before_the_shard_counts(tmp_path: Path, shard: MadeShard) -> None:
    """The disk changes between stop and start: the resume data is believed, the final read finds it."""

    async def stop_spoil_and_go_on() -> None:
        async with origin(tmp_path / "a", shard) as holder:
            await fetch_a_part(tmp_path, shard, holder)
            async with member(tmp_path / "b", shard) as fetcher:
                await trio.to_thread.run_sync(spoil_what_is_there, fetcher.folder_of(shard) / "big")
                await fetcher.until_verified(shard.fetch(holder))
                assert shard.content(fetcher.folder_of(shard)) == shard.content(shard.source)

    trio.run(stop_spoil_and_go_on)


def spoil_what_is_there(path: Path) -> None:
    for position in range(0, path.stat().st_size, 300_000):
        flip_byte(path, position)


@pytest.mark.parametrize("damage", [b"", bytes(3_000)])
def test_damaged_resume_data_is_not_believed(tmp_path: Path, shard: MadeShard, damage: bytes) -> None:
    async def damage_and_go_on() -> None:
        async with origin(tmp_path / "a", shard) as holder:
            await fetch_a_part(tmp_path, shard, holder)
            (path,) = (tmp_path / "b" / "resume").iterdir()
            await trio.Path(path).write_bytes(damage)
            async with member(tmp_path / "b", shard) as fetcher:
                await fetcher.until_verified(shard.fetch(holder))
                assert list((tmp_path / "b" / "resume").iterdir()) == []
                downloaded = (await fetcher.engine.wait_for_statistics()).downloaded_payload_bytes
                assert downloaded < wire_bytes(shard) - PART // 2

    trio.run(damage_and_go_on)


def run_fetcher(tmp_path: Path, shard: MadeShard, port: int, kill_at: int | None) -> list[dict[str, int]]:
    """Run the program, kill it once it has told of that much, and return what it printed."""
    torrent = tmp_path / "shard.torrent"
    torrent.write_bytes(shard.built.torrent)
    rate = 0 if kill_at is None else RATE
    command = [sys.executable, str(PROGRAM), str(tmp_path / "b"), str(torrent), shard.name, str(port), str(rate)]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.endswith("\n"):
                break
            lines.append(json.loads(line))
            if kill_at is not None and (lines[-1].get("progress", 0) >= kill_at or "verified" in lines[-1]):
                process.kill()
    assert process.returncode == (0 if kill_at is None else -signal.SIGKILL)
    assert not [line for line in lines if "strange" in line]
    return lines


def test_no_verified_piece_is_fetched_again_after_sigkill(tmp_path: Path, shard: MadeShard) -> None:
    """Killed at random points; each start finds at least what the run before had told."""
    dice = random.Random(4)
    total = shard.built.payload_bytes

    async def kill_again_and_again() -> None:
        told = 0
        async with origin(tmp_path / "a", shard) as holder:
            run = partial(run_fetcher, tmp_path, shard, holder.engine.listening_port)
            for _ in range(KILLS):
                lines = await trio.to_thread.run_sync(run, dice.randint(min(told + 1, total), (told + total + 1) // 2))
                progress = [line.get("progress", total) for line in lines]
                assert progress[0] >= told
                told = progress[-1]
                assert not (tmp_path / "b" / "resume").exists()
            last = (await trio.to_thread.run_sync(run, None))[-1]
            assert last["downloaded"] <= wire_bytes(shard) - told + ROUNDING

    trio.run(kill_again_and_again)
    folder = next((tmp_path / "b" / "data").rglob(shard.name))
    assert shard.content(folder) == shard.content(shard.source)


def test_a_kill_after_the_last_piece_costs_a_read_and_no_byte(tmp_path: Path, shard: MadeShard) -> None:
    async def kill_and_go_on() -> None:
        async with origin(tmp_path / "a", shard) as holder:
            run = partial(run_fetcher, tmp_path, shard, holder.engine.listening_port)
            await trio.to_thread.run_sync(run, shard.built.payload_bytes)
            async with member(tmp_path / "b", shard) as fetcher:
                await fetcher.until_verified(shard.fetch(holder))
                assert (await fetcher.engine.wait_for_statistics()).downloaded_payload_bytes == 0
                assert fetcher.events[-1] == HoldingVerified(shard.key)

    trio.run(kill_and_go_on)
