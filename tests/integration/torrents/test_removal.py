"""Letting go of a shard: its own files and nothing else."""

from pathlib import Path

import pytest
import trio
from running_engine import MadeShard, Member, make_shard, member, origin

from mirrord.core.events import FetchFailed, FetchProgressed, ShardRemoved

SIZES = {"one": 100_000, "sub/two": 50_000, "sub/deep/three": 10, "empty": 0}


@pytest.fixture
def shard(tmp_path: Path) -> MadeShard:
    return make_shard(tmp_path / "source", SIZES)


async def remove(keeper: Member, shard: MadeShard, *, delete_files: bool) -> None:
    after = await keeper.do(shard.remove(delete_files=delete_files))
    await keeper.wait_for(ShardRemoved, after=after)
    assert keeper.engine.statistics().shards == ()


def test_a_shard_is_removed_with_its_files_and_empty_folders(tmp_path: Path, shard: MadeShard) -> None:
    async def fetch_and_remove() -> None:
        async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as keeper:
            await keeper.until_verified(shard.fetch(holder))
            await remove(keeper, shard, delete_files=True)
            assert list(keeper.folder_of(shard).parent.iterdir()) == []
            await keeper.until_verified(shard.fetch(holder))
            assert shard.content(keeper.folder_of(shard)) == shard.content(shard.source)

    trio.run(fetch_and_remove)


def test_a_shard_is_removed_without_its_files(tmp_path: Path, shard: MadeShard) -> None:
    async def fetch_and_remove() -> None:
        async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as keeper:
            await keeper.until_verified(shard.fetch(holder))
            await remove(keeper, shard, delete_files=False)
            assert shard.content(keeper.folder_of(shard)) == shard.content(shard.source)
            await keeper.until_verified(shard.check())

    trio.run(fetch_and_remove)


def test_a_shard_of_an_earlier_run_is_removed_with_its_files(tmp_path: Path, shard: MadeShard) -> None:
    """A withdrawal may be the first thing that a started daemon hears; it was not asked to seed yet."""

    async def fetch_stop_and_remove() -> None:
        async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as keeper:
            await keeper.until_verified(shard.fetch(holder))
        async with member(tmp_path / "b", shard) as keeper:
            await remove(keeper, shard, delete_files=True)
            assert list(keeper.folder_of(shard).parent.iterdir()) == []

    trio.run(fetch_stop_and_remove)


def test_files_that_are_not_the_shards_stay(tmp_path: Path, shard: MadeShard) -> None:
    async def fetch_and_remove() -> None:
        async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as keeper:
            await keeper.until_verified(shard.fetch(holder))
            folder = keeper.folder_of(shard)
            await trio.Path(folder / "sub" / "notes.txt").write_text("mine")
            await remove(keeper, shard, delete_files=True)
            assert [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*"))] == [
                "sub",
                "sub/notes.txt",
            ]

    trio.run(fetch_and_remove)


def test_a_link_is_removed_and_what_it_leads_to_stays(tmp_path: Path, shard: MadeShard) -> None:
    before = shard.content(shard.source)

    async def adopt_and_remove() -> None:
        async with origin(tmp_path / "a", shard) as holder:
            await remove(holder, shard, delete_files=True)
            assert list(holder.folder_of(shard).parent.iterdir()) == []

    trio.run(adopt_and_remove)
    assert shard.content(shard.source) == before


def test_a_link_below_the_shards_folder_is_removed_and_what_it_leads_to_stays(tmp_path: Path, shard: MadeShard) -> None:
    before = shard.content(shard.source)

    async def adopt_and_remove() -> None:
        async with member(tmp_path / "a", shard) as keeper:
            folder = keeper.folder_of(shard)
            place_by_parts(folder, shard)
            await keeper.until_verified(shard.check())
            await remove(keeper, shard, delete_files=True)
            assert list(folder.parent.iterdir()) == []

    trio.run(adopt_and_remove)
    assert shard.content(shard.source) == before


def place_by_parts(folder: Path, shard: MadeShard) -> None:
    folder.mkdir(parents=True)
    (folder / "sub").symlink_to(shard.source / "sub")
    (folder / "one").symlink_to(shard.source / "one")
    (folder / "empty").write_bytes(b"")


def test_a_shard_is_removed_while_it_is_fetched(tmp_path: Path) -> None:
    shard = make_shard(tmp_path / "source", {"one": 8_000_000, "two": 8_000_000})

    async def fetch_and_remove() -> None:
        async with origin(tmp_path / "a", shard) as holder:
            async with member(tmp_path / "b", shard, download_rate_limit=4_000_000) as keeper:
                await keeper.do(shard.fetch(holder))
                await keeper.wait_for(FetchProgressed, where=lambda event: event.bytes_done > 0)
                await remove(keeper, shard, delete_files=True)
                assert list(keeper.folder_of(shard).parent.iterdir()) == []
            assert not list((keeper.folder / "data").rglob("*/*"))
            assert not (keeper.folder / "resume").exists()

    trio.run(fetch_and_remove)


@pytest.mark.parametrize("delete_files", [True, False])
def test_a_shard_that_the_engine_never_had_is_removed(tmp_path: Path, shard: MadeShard, delete_files: bool) -> None:
    async def remove_twice() -> None:
        async with member(tmp_path / "a", shard) as keeper:
            await remove(keeper, shard, delete_files=delete_files)
            await remove(keeper, shard, delete_files=delete_files)

    trio.run(remove_twice)


def test_orders_for_one_shard_are_carried_out_in_turn(tmp_path: Path, shard: MadeShard) -> None:
    """A removal is never skipped, however fast the next order comes."""

    async def hurry() -> None:
        async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as keeper:
            for _ in range(5):
                await keeper.do(shard.fetch(holder))
                await keeper.do(shard.remove(delete_files=True))
            await keeper.until_verified(shard.fetch(holder))
            assert [event for event in keeper.events if isinstance(event, ShardRemoved)]
            assert shard.content(keeper.folder_of(shard)) == shard.content(shard.source)

    trio.run(hurry)


def test_a_file_that_cannot_be_deleted_is_told_and_the_shard_let_go(tmp_path: Path, shard: MadeShard) -> None:
    async def fetch_and_remove() -> None:
        async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as keeper:
            await keeper.until_verified(shard.fetch(holder))
            put_a_folder_in_place(keeper.folder_of(shard) / "one")
            after = await keeper.do(shard.remove(delete_files=True))
            failure = await keeper.wait_for_any(FetchFailed, after=after)
            assert isinstance(failure, FetchFailed)
            assert str(keeper.folder_of(shard) / "one") in failure.detail
            await keeper.wait_for_any(ShardRemoved, after=after)

    trio.run(fetch_and_remove)


def put_a_folder_in_place(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "not ours").write_bytes(b"")
