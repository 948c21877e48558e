"""What is on a disk already: found good, found bad, repaired, adopted, or left alone."""

import os
from dataclasses import replace
from pathlib import Path

import libtorrent as lt
import pytest
import trio
from running_engine import PIECE, MadeShard, flip_byte, key_of, make_shard, member, origin

from mirrord.core.effects import FetchShard
from mirrord.core.events import Event, FetchFailed, FetchProgressed, HoldingFailed, HoldingVerified
from mirrord.core.records.ids import CollectionId, Sha256
from mirrord.torrents.engine import TransferState

SIZES = {"one": 400_000, "sub/two": 100_000, "sub/three": 10, "empty": 0}


def snapshot(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    """Return what would show any write below ``folder``: size, inode, times."""
    return {
        str(path.relative_to(folder)): (found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
        for path in sorted(folder.rglob("*"))
        for found in [path.lstat()]
    }


@pytest.fixture
def shard(tmp_path: Path) -> MadeShard:
    return make_shard(tmp_path / "source", SIZES)


def test_a_folder_that_is_linked_in_is_adopted_without_a_byte_fetched_or_written(
    tmp_path: Path, shard: MadeShard
) -> None:
    before = snapshot(shard.source)

    async def adopt() -> None:
        async with member(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as fetcher:
            holder.place(shard)
            await holder.until_verified(shard.check())
            assert holder.events == [HoldingVerified(shard.key)]
            assert (await holder.engine.wait_for_statistics()).downloaded_payload_bytes == 0
            await fetcher.until_verified(shard.fetch(holder))

    trio.run(adopt)
    assert snapshot(shard.source) == before


def spoil_a_byte(source: Path) -> None:
    flip_byte(source / "one", 100_000)


def spoil_the_size(source: Path) -> None:
    os.truncate(source / "one", 399_999)


def spoil_by_growing(source: Path) -> None:
    os.truncate(source / "sub/three", 11)


def spoil_by_removing(source: Path) -> None:
    (source / "sub/two").unlink()


def spoil_an_empty_file(source: Path) -> None:
    (source / "empty").unlink()


@pytest.mark.parametrize(
    ("spoil", "bad_pieces"),
    [(spoil_a_byte, 1), (spoil_the_size, 13), (spoil_by_growing, 1), (spoil_by_removing, 4), (spoil_an_empty_file, 1)],
)
def test_a_folder_that_differs_is_not_adopted_and_not_touched(
    tmp_path: Path, shard: MadeShard, spoil: object, bad_pieces: int
) -> None:
    assert callable(spoil)
    spoil(shard.source)
    before = snapshot(shard.source)

    async def adopt() -> list[Event]:
        async with member(tmp_path / "a", shard) as holder:
            holder.place(shard)
            after = await holder.do(shard.check())
            await holder.wait_for(HoldingFailed, after=after)
            assert holder.engine.statistics().shards == ()
            return holder.events

    assert trio.run(adopt) == [HoldingFailed(shard.key, bad_pieces)]
    assert snapshot(shard.source) == before


def test_nothing_is_adopted_where_there_is_nothing(tmp_path: Path, shard: MadeShard) -> None:
    async def adopt() -> None:
        async with member(tmp_path / "a", shard) as holder:
            await holder.do(shard.check())
            await holder.wait_for(HoldingFailed)

    trio.run(adopt)
    assert list((tmp_path / "a" / "data").iterdir()) == []


def test_what_differs_can_be_fetched_into_the_linked_folder(tmp_path: Path, shard: MadeShard) -> None:
    """A mirror of the operator's own, with a bad byte in it: only that piece is fetched."""
    mirror = make_shard(tmp_path / "mirror", SIZES)
    flip_byte(mirror.source / "one", 100_000)

    async def repair() -> None:
        async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as fetcher:
            fetcher.place(mirror)
            await fetcher.until_verified(shard.fetch(holder))
            assert (await fetcher.engine.wait_for_statistics()).downloaded_payload_bytes == PIECE

    trio.run(repair)
    assert shard.content(mirror.source) == shard.content(shard.source)


@pytest.mark.parametrize("seeded_after_restart", [False, True])
def test_a_flipped_byte_in_a_holding_is_found_and_its_piece_fetched_again(
    tmp_path: Path, shard: MadeShard, seeded_after_restart: bool
) -> None:
    copy = make_shard(tmp_path / "copy", SIZES)

    async def verify() -> None:
        async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as keeper:
            keeper.place(copy)
            if seeded_after_restart:
                await keeper.do(shard.seed())
                await keeper.wait_until(lambda now: [line.state for line in now.shards] == [TransferState.SEEDING])
            else:
                await keeper.until_verified(shard.check())
            keeper.events.clear()
            flip_byte(copy.source / "one", 70_000)
            flip_byte(copy.source / "sub/three", 3)
            await keeper.do(shard.check())
            await keeper.wait_for(HoldingFailed)
            await keeper.until_verified(shard.more(holder))
            assert [event for event in keeper.events if not isinstance(event, FetchProgressed)] == [
                HoldingFailed(shard.key, 2),
                HoldingVerified(shard.key),
            ]
            assert (await keeper.engine.wait_for_statistics()).downloaded_payload_bytes <= 2 * PIECE

    trio.run(verify)
    assert copy.content(copy.source) == shard.content(shard.source)


def test_a_repair_calls_whom_it_was_fetched_from_long_ago(tmp_path: Path, shard: MadeShard) -> None:
    """libtorrent knows that member as whole, and calls no such member for a torrent that it takes for whole."""

    async def verify() -> None:
        async with member(tmp_path / "b", shard) as keeper:
            async with origin(tmp_path / "a", shard) as holder:
                await keeper.until_verified(shard.fetch(holder))
                port = holder.address.port
            for _ in range(2):  # so long that libtorrent has looked for members to call, as it does each second
                await keeper.engine.wait_for_statistics()
            flip_byte(keeper.folder_of(shard) / "one", 70_000)
            after = await keeper.do(shard.check())
            await keeper.wait_for(HoldingFailed, after=after)
            async with origin(tmp_path / "a", shard, listen_interfaces=f"127.0.0.1:{port}") as holder:
                await keeper.do(shard.more(holder))
                await keeper.wait_for(HoldingVerified, after=after)
            assert shard.content(keeper.folder_of(shard)) == shard.content(shard.source)

    trio.run(verify)


def test_a_holding_that_is_good_is_verified_again(tmp_path: Path, shard: MadeShard) -> None:
    async def verify() -> None:
        async with origin(tmp_path / "a", shard) as holder:
            await holder.until_verified(shard.check())
            await holder.until_verified(shard.check())
            assert holder.events == [HoldingVerified(shard.key)] * 2

    trio.run(verify)


def test_a_missing_file_of_a_holding_is_found_and_fetched_again(tmp_path: Path, shard: MadeShard) -> None:
    copy = make_shard(tmp_path / "copy", SIZES)

    async def verify() -> None:
        async with origin(tmp_path / "a", shard) as holder, origin(tmp_path / "b", copy) as keeper:
            (copy.source / "sub/two").unlink()
            await keeper.do(shard.check())
            assert await keeper.wait_for(HoldingFailed) == HoldingFailed(shard.key, 4)
            await keeper.until_verified(shard.more(holder))

    trio.run(verify)
    assert copy.content(copy.source) == shard.content(shard.source)


def test_a_holding_is_seeded_after_a_restart_without_reading_it(tmp_path: Path, shard: MadeShard) -> None:
    """The flipped byte is not found because nobody reads it; a member that asks for it gets nothing wrong."""
    flip_byte(shard.source / "one", 70_000)

    async def restart() -> None:
        async with member(tmp_path / "a", shard) as holder:
            holder.place(shard)
            await holder.do(shard.seed())
            await holder.wait_until(lambda now: [line.state for line in now.shards] == [TransferState.SEEDING])
            assert holder.events == []

    trio.run(restart)


def test_a_seeded_shard_with_a_missing_file_is_reported_and_repaired(tmp_path: Path, shard: MadeShard) -> None:
    copy = make_shard(tmp_path / "copy", SIZES)
    (copy.source / "sub/two").unlink()

    async def restart() -> None:
        async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as keeper:
            keeper.place(copy)
            await keeper.do(shard.seed())
            assert await keeper.wait_for(HoldingFailed) == HoldingFailed(shard.key, 4)
            await keeper.until_verified(shard.more(holder))

    trio.run(restart)
    assert copy.content(copy.source) == shard.content(shard.source)


def test_a_bad_byte_found_while_seeding_is_reported_and_repaired(tmp_path: Path, shard: MadeShard) -> None:
    """After a restart libtorrent hashes a piece when a member first asks for it."""
    copy = make_shard(tmp_path / "copy", SIZES)
    flip_byte(copy.source / "one", 70_000)

    async def seed_and_be_asked() -> None:
        async with (
            origin(tmp_path / "a", shard) as holder,
            member(tmp_path / "b", copy) as keeper,
            member(tmp_path / "c", shard) as fetcher,
        ):
            keeper.place(copy)
            await keeper.do(shard.seed())
            await keeper.wait_until(lambda now: [line.state for line in now.shards] == [TransferState.SEEDING])
            await fetcher.do(shard.fetch(keeper))
            await keeper.wait_for(HoldingFailed)
            await keeper.until_verified(shard.more(holder))
            await fetcher.wait_for(HoldingVerified)

    trio.run(seed_and_be_asked)
    assert copy.content(copy.source) == shard.content(shard.source)


def test_a_file_that_is_too_long_is_cut_when_it_is_fetched_over(tmp_path: Path, shard: MadeShard) -> None:
    async def fetch_over() -> None:
        async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as fetcher:
            folder = fetcher.folder_of(shard)
            (folder / "sub").mkdir(parents=True)
            (folder / "one").write_bytes(bytes(500_000))
            (folder / "empty").write_bytes(b"not")
            await fetcher.until_verified(shard.fetch(holder))
            assert shard.content(folder) == shard.content(shard.source)

    trio.run(fetch_over)


def test_a_file_that_is_too_long_behind_a_link_is_left_alone(tmp_path: Path, shard: MadeShard) -> None:
    other = make_shard(tmp_path / "other", {**SIZES, "one": 500_000}, index=0)
    before = snapshot(other.source)

    async def fetch_over() -> None:
        async with origin(tmp_path / "a", shard) as holder, member(tmp_path / "b", shard) as fetcher:
            fetcher.place(other)
            await fetcher.do(shard.fetch(holder))
            assert "behind a link" in (await fetcher.wait_for(FetchFailed)).detail

    trio.run(fetch_over)
    assert snapshot(other.source) == before


def test_a_link_that_leads_nowhere_is_told_and_nothing_is_fetched_in_its_place(
    tmp_path: Path, shard: MadeShard
) -> None:
    async def unmounted() -> None:
        async with member(tmp_path / "a", shard) as holder:
            holder.place(shard)
            shard.source.rename(tmp_path / "away")
            for effect in (shard.seed(), shard.fetch(), shard.check()):
                after = await holder.do(effect)
                assert "is its disk mounted?" in (await holder.wait_for(FetchFailed, after=after)).detail
            (tmp_path / "away").rename(shard.source)
            await holder.until_verified(shard.check())

    trio.run(unmounted)


def test_the_same_torrent_for_a_second_collection_is_refused(tmp_path: Path, shard: MadeShard) -> None:
    other = key_of(0, CollectionId(bytes(32)))

    async def fetch_twice() -> None:
        async with origin(tmp_path / "a", shard) as holder:
            await holder.do(FetchShard(other, shard.name, shard.sha256, ()))
            assert "very same torrent" in (await holder.wait_for(FetchFailed)).detail

    trio.run(fetch_twice)


def test_a_torrent_of_another_name_is_refused(tmp_path: Path, shard: MadeShard) -> None:
    async def fetch_under_another_name() -> None:
        async with member(tmp_path / "a", shard) as holder:
            for name in ("other", "..", "a/b", ""):
                after = await holder.do(FetchShard(shard.key, name, shard.sha256, ()))
                await holder.wait_for(FetchFailed, after=after)
            assert list((holder.folder / "data").iterdir()) == []

    trio.run(fetch_under_another_name)


def test_a_torrent_that_is_not_stored_or_is_rubbish_fails(tmp_path: Path, shard: MadeShard) -> None:
    rubbish = replace(shard, key=key_of(1), built=replace(shard.built, torrent=b"rubbish", sha256=Sha256(b"r" * 32)))

    async def fetch_them() -> None:
        async with member(tmp_path / "a", rubbish) as fetcher:
            await fetcher.do(shard.fetch())
            assert "not stored" in (await fetcher.wait_for(FetchFailed)).detail
            after = await fetcher.do(rubbish.fetch())
            assert "not a usable .torrent" in (await fetcher.wait_for(FetchFailed, after=after)).detail
            states = {line.state for line in fetcher.engine.statistics().shards}
            assert states == {TransferState.FAILED}

    trio.run(fetch_them)


def test_a_torrent_whose_v1_and_v2_hashes_disagree_is_never_held(tmp_path: Path) -> None:
    """Its curator cannot be trusted: clients of either version would hold different content."""
    good = make_shard(tmp_path / "source", {"one": 100_000, "two": 50_000})
    other = make_shard(tmp_path / "liar", {"one": 100_000, "two": 50_000}, index=7)
    mixed = lt.bdecode(good.built.torrent)
    mixed[b"info"][b"pieces"] = lt.bdecode(other.built.torrent)[b"info"][b"pieces"]
    forged = replace(good, built=replace(good.built, torrent=lt.bencode(mixed)))

    async def check() -> None:
        async with member(tmp_path / "a", forged) as holder:
            holder.place(forged)
            await holder.do(forged.check())
            assert await holder.wait_for(HoldingFailed) == HoldingFailed(forged.key, 6)

    trio.run(check)
