"""What goes wrong is told in the system's own words, and the rest goes on."""

import socket
from pathlib import Path

import pytest
import trio
from running_engine import PIECE, WAIT_SECONDS, MadeShard, loopback_settings, make_folders, make_shard, member, origin

from mirrord.core.effects import PauseFetching
from mirrord.core.errors import EngineError
from mirrord.core.events import FetchFailed, FetchProgressed, HoldingFailed, HoldingVerified, ShardRemoved
from mirrord.torrents.alerts import AlertsLost, TorrentFailed
from mirrord.torrents.engine import Engine, TransferState
from mirrord.torrents.libtorrent_engine import LibtorrentEngine
from mirrord.torrents.torrent_file import load_torrent


@pytest.fixture
def shard(tmp_path: Path) -> MadeShard:
    return make_shard(tmp_path / "source", {"one": 400_000, "sub/two": 100_000})


def test_a_file_in_the_way_of_a_folder_fails_that_shard_alone(tmp_path: Path, shard: MadeShard) -> None:
    other = make_shard(tmp_path / "other", {"one": 50_000}, index=1)

    async def fetch_both() -> None:
        async with origin(tmp_path / "a", shard, other) as holder, member(tmp_path / "b", shard, other) as fetcher:
            put_file_in_the_way(fetcher.folder_of(shard) / "sub")
            await fetcher.do(shard.fetch(holder))
            failure = await fetcher.wait_for(FetchFailed)
            assert failure.shard == shard.key
            assert str(fetcher.folder_of(shard) / "sub") in failure.detail
            assert "Not a directory" in failure.detail
            assert fetcher.transfer(shard).state is TransferState.FAILED
            fetcher.events.clear()
            await fetcher.until_verified(other.fetch(holder))
            remove_file(fetcher.folder_of(shard) / "sub")
            await fetcher.until_verified(shard.fetch(holder))

    trio.run(fetch_both)


def put_file_in_the_way(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"in the way")


def remove_file(path: Path) -> None:
    path.unlink()


def test_a_file_that_vanishes_while_it_is_seeded_is_fetched_again(tmp_path: Path, shard: MadeShard) -> None:
    copy = make_shard(tmp_path / "copy", {"one": 400_000, "sub/two": 100_000})

    async def vanish() -> None:
        async with (
            origin(tmp_path / "a", shard) as holder,
            origin(tmp_path / "b", copy) as keeper,
            member(tmp_path / "c", shard) as fetcher,
        ):
            remove_file(copy.source / "sub/two")
            await fetcher.do(shard.fetch(keeper))
            assert await keeper.wait_for(HoldingFailed) == HoldingFailed(shard.key, 4)
            await keeper.until_verified(shard.more(holder))
            await fetcher.wait_for(HoldingVerified)

    trio.run(vanish)
    assert copy.content(copy.source) == shard.content(shard.source)


def test_a_folder_in_place_of_a_seeded_file_fails_the_shard(tmp_path: Path, shard: MadeShard) -> None:
    async def spoil() -> None:
        async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as fetcher:
            remove_file(shard.source / "sub/two")
            (shard.source / "sub/two").mkdir()
            await fetcher.do(shard.fetch(holder))
            failure = await holder.wait_for_any(FetchFailed)
            assert isinstance(failure, FetchFailed)
            assert str(holder.folder_of(shard) / "sub/two") in failure.detail

    trio.run(spoil)


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    async def no_torrent(_sha256: object) -> None:
        return None

    async def nobody(_event: object) -> None:
        raise AssertionError

    async def listen() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            listen = f"127.0.0.1:{taken.getsockname()[1]}"
            make_folders(tmp_path)
            engine = LibtorrentEngine(loopback_settings(tmp_path, listen_interfaces=listen), no_torrent, nobody)
            with pytest.raises(EngineError, match=f"{listen}.*Address already in use"):
                await engine.run()

    trio.run(listen)


def test_a_stop_ends_in_time_with_a_fetch_that_nobody_answers(tmp_path: Path, shard: MadeShard) -> None:
    async def stop() -> float:
        async with member(tmp_path / "a", shard) as fetcher:
            await fetcher.do(shard.fetch())
            await fetcher.wait_for(FetchProgressed)
            started = trio.current_time()
        return trio.current_time() - started

    assert trio.run(stop) < 4


def test_a_cancelled_engine_writes_down_what_it_has(tmp_path: Path) -> None:
    shard = make_shard(tmp_path / "source", {"one": 8_000_000})

    async def cancel() -> None:
        async with origin(tmp_path / "a", shard) as holder:
            async with member(tmp_path / "b", shard, download_rate_limit=3_000_000) as fetcher:
                await fetcher.do(shard.fetch(holder))
                await fetcher.wait_for(FetchProgressed, where=lambda event: event.bytes_done > 1_000_000)
                fetcher.cancel()
            assert len(list((tmp_path / "b" / "resume").iterdir())) == 1

    trio.run(cancel)


def test_an_effect_before_the_start_is_an_error_and_after_the_stop_nothing(tmp_path: Path, shard: MadeShard) -> None:
    async def too_early_and_too_late() -> None:
        async with member(tmp_path / "a", shard) as fetcher:
            engine: Engine = fetcher.engine
        await engine.carry_out(shard.fetch())
        await engine.carry_out(PauseFetching())
        assert engine.statistics().shards[0].state is TransferState.WAITING
        idle = LibtorrentEngine(loopback_settings(tmp_path), fetcher.read_torrent, fetcher.emit)
        assert idle.listening_port == 0
        await idle.stop()
        with pytest.raises(EngineError, match="does not run"):
            await idle.carry_out(shard.fetch())

    trio.run(too_early_and_too_late)


def test_a_fetch_survives_the_loss_of_alerts(tmp_path: Path) -> None:
    """What libtorrent says when its queue overflows, in the middle of a fetch."""
    shard = make_shard(tmp_path / "source", {"one": 8_000_000})

    async def lose_alerts() -> None:
        async with (
            origin(tmp_path / "a", shard) as holder,
            member(tmp_path / "b", shard, download_rate_limit=5_000_000) as fetcher,
        ):
            after = await fetcher.do(shard.fetch(holder))
            await fetcher.wait_for(FetchProgressed, where=lambda event: event.bytes_done > 1_000_000)
            fetcher.engine._route(AlertsLost())
            await fetcher.wait_for(HoldingVerified, after=after)
            statistics = await fetcher.engine.wait_for_statistics()
            assert statistics.alerts_dropped == 1
            assert shard.content(fetcher.folder_of(shard)) == shard.content(shard.source)

    trio.run(lose_alerts)


@pytest.mark.parametrize(("times", "outcome"), [(1, HoldingVerified), (2, FetchFailed)])
def test_hashes_that_disagree_are_believed_the_second_time(
    tmp_path: Path, times: int, outcome: type[HoldingVerified] | type[FetchFailed]
) -> None:
    """libtorrent says so of good torrents too, when a write has failed: then a look at the disk helps."""
    shard = make_shard(tmp_path / "source", {"one": 8_000_000})
    doubt = TorrentFailed(load_torrent(shard.built.torrent).torrent, "the hashes disagree", in_doubt=True)

    async def throw_doubt() -> None:
        async with (
            origin(tmp_path / "a", shard) as holder,
            member(tmp_path / "b", shard, download_rate_limit=4_000_000) as fetcher,
        ):
            after = await fetcher.do(shard.fetch(holder))
            for _ in range(times):
                await fetcher.wait_for(FetchProgressed, after=after, where=lambda event: event.bytes_done > 500_000)
                after = len(fetcher.events)
                fetcher.engine._route(doubt)
            told = await fetcher.wait_for_any(HoldingVerified, FetchFailed, after=after)
            assert isinstance(told, outcome)

    trio.run(throw_doubt)


def test_a_slow_node_delays_only_what_it_is_told(tmp_path: Path, shard: MadeShard) -> None:
    """Events that nobody takes must not stop the engine from reading its alerts, or from stopping."""

    async def never_take() -> None:
        async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as fetcher:
            fetcher.deaf = True
            await fetcher.do(shard.fetch(holder))
            await fetcher.wait_until(lambda now: now.downloaded_payload_bytes >= shard.built.payload_bytes)

    trio.run(never_take)


def test_what_does_not_hash_right_is_counted_and_stays_counted(tmp_path: Path) -> None:
    """The holder seeds a file that has changed since it was read; another whole one helps out."""
    shard = make_shard(tmp_path / "source", {"one": 8 * PIECE})
    rotten = make_shard(tmp_path / "rotten", {"one": 8 * PIECE})
    changed = bytearray((rotten.source / "one").read_bytes())
    changed[3 * PIECE] ^= 1

    async def fetch_from_both() -> None:
        async with origin(tmp_path / "a", rotten) as liar, member(tmp_path / "b", shard) as fetcher:
            (rotten.source / "one").write_bytes(changed)
            await fetcher.do(shard.fetch(liar))
            with trio.fail_after(WAIT_SECONDS):
                while not (seen := await fetcher.engine.wait_for_statistics()).failed_bytes:
                    pass
            async with origin(tmp_path / "c", shard) as honest:
                await fetcher.until_verified(shard.more(honest))
            await fetcher.do(shard.remove(delete_files=True))
            await fetcher.wait_for(ShardRemoved)
            after = await fetcher.engine.wait_for_statistics()
            assert after.failed_bytes >= seen.failed_bytes >= PIECE
            assert after.downloaded_payload_bytes >= 9 * PIECE

    trio.run(fetch_from_both)
