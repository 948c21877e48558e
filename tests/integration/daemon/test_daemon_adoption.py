"""Data that is on the disk already: held in place, neither fetched nor copied, and never written to by mistake."""

import os
import shutil
from pathlib import Path

import pytest
from running_nodes import Nodes, RunningNode
from small_collection import SmallCollection, build, flip_byte, open_shop

MIB = 1 << 20


@pytest.fixture
def collection(tmp_path: Path) -> SmallCollection:
    return build(tmp_path, shards=4, shard_bytes=MIB, target=3)


def fingerprint(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return what would show that somebody wrote to a folder: names, inodes, times, bytes."""
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def links_of(node: RunningNode) -> list[Path]:
    return [path for path in node.data_folder.rglob("*") if path.is_symlink()]


def test_an_origin_serves_its_files_in_place(nodes: Nodes, collection: SmallCollection) -> None:
    before = fingerprint(collection.source)
    origin = nodes.make("origin", 10 * MIB).start()
    open_shop(origin, collection)
    assert origin.downloaded_bytes() == 0
    assert fingerprint(collection.source) == before
    links = [origin.shard_folder(collection.id, shard.name) for shard in collection.shards]
    assert all(link.is_symlink() and link.resolve() == collection.source.resolve() for link in links)
    assert sum(path.stat(follow_symlinks=False).st_size for path in links) < 10_000  # no copy
    origin.stop()
    origin.start()
    assert origin.held == collection.indexes  # at once: what was verified before is believed
    assert collection.bad_files(origin, collection.indexes) == []


def test_a_shard_with_a_differing_file_is_refused_and_left_alone(nodes: Nodes, collection: SmallCollection) -> None:
    mine = collection.source.parent / "mine"
    shutil.copytree(collection.source, mine)
    flip_byte(mine / collection.files_of(2)[0], 100_000)
    before = fingerprint(mine)
    node = nodes.make("node", 10 * MIB).start()
    node.do("collection", "join", str(collection.out), "--adopt", str(mine))
    node.wait_until(lambda: node.held == {0, 1, 3}, "three shards are adopted")
    node.wait_until(lambda: node.with_role("none") == {2}, "the fourth is refused")
    assert fingerprint(mine) == before
    refused = node.shard_folder(collection.id, collection.shards[2].name)
    assert not refused.is_symlink() and not refused.exists()

    origin = nodes.make("origin", 10 * MIB).start()
    open_shop(origin, collection)
    node.do("collection", "join", collection.invitation(origin))
    node.wait_until(lambda: node.held == collection.indexes, "the refused shard is fetched")
    assert fingerprint(mine) == before  # and not into the operator's folder
    assert not refused.is_symlink()
    assert collection.bad_files(node, collection.indexes) == []


def test_only_what_is_missing_is_fetched(nodes: Nodes, collection: SmallCollection) -> None:
    origin = nodes.make("origin", 10 * MIB, upload_limit=200_000).start()  # so that nothing is fetched before we look
    open_shop(origin, collection)
    mine = collection.source.parent / "mine"
    for index in (1, 3):
        for path in collection.files_of(index):
            (mine / path).parent.mkdir(parents=True, exist_ok=True)
            os.link(collection.source / path, mine / path)
    node = nodes.make("node", 10 * MIB).start()
    node.do("collection", "join", str(collection.out), "--adopt", str(mine))
    node.wait_until(lambda: node.held == {1, 3}, "two shards are adopted")
    assert node.downloaded_bytes() == 0
    origin.stop()
    origin.configure(upload_limit=0)
    origin.start()
    node.do("collection", "join", collection.invitation(origin))
    node.wait_until(lambda: node.held == collection.indexes, "the others are fetched")
    missing = sum(collection.shards[index].bytes for index in (0, 2))
    node.wait_until(lambda: node.downloaded_bytes() >= missing, "the counters have caught up")
    assert node.downloaded_bytes() <= missing + 4 * 16_384
    assert collection.bad_files(node, collection.indexes) == []


def test_adopting_with_no_room_in_the_pledge_leaves_nothing_behind(nodes: Nodes, collection: SmallCollection) -> None:
    node = nodes.make("node", 2 * MIB).start()
    node.do("collection", "join", str(collection.out), "--adopt", str(collection.source))
    node.wait_until(lambda: len(node.held) == 2, "as many as the pledge allows")
    assert node.status().node.used_bytes <= 2 * MIB
    assert len(links_of(node)) == 2


def test_what_is_held_stays_where_it_is_when_another_folder_is_offered(
    nodes: Nodes, collection: SmallCollection
) -> None:
    other = collection.source.parent / "other"
    shutil.copytree(collection.source, other)
    flip_byte(other / collection.files_of(0)[0], 5)
    origin = nodes.make("origin", 10 * MIB).start()
    open_shop(origin, collection)
    assert "no shard" in origin.command("shard", "adopt", "small", str(other)).err
    assert origin.held == collection.indexes
    assert {link.resolve() for link in links_of(origin)} == {collection.source.resolve()}


def test_a_claim_gives_way_to_what_is_there_already(nodes: Nodes, collection: SmallCollection) -> None:
    origin = nodes.make("origin", 10 * MIB, upload_limit=50_000).start()
    open_shop(origin, collection)
    mine = collection.source.parent / "mine"
    for shard in collection.shards:
        (mine / shard.name).mkdir(parents=True)
        for path in collection.files_of(shard.index):
            shutil.copy(collection.source / path, mine / shard.name / path)
    node = nodes.make("node", 10 * MIB).start()
    node.do("collection", "join", collection.invitation(origin))
    node.wait_until(lambda: len(node.with_role("fetching")) == 2, "it fetches")
    node.wait_until(lambda: node.with_role("claimed"), "it claims more")
    fetching = node.with_role("fetching")
    assert "found 2 shards" in node.do("shard", "adopt", "small", str(mine))
    node.wait_until(lambda: node.held == collection.indexes - fetching, "all but what it fetches is adopted")
    links = {link.name for link in links_of(node)}
    assert links == {collection.shards[index].name for index in collection.indexes - fetching}


def test_leaving_takes_the_links_away_and_nothing_else(nodes: Nodes, collection: SmallCollection) -> None:
    before = fingerprint(collection.source)
    origin = nodes.make("origin", 10 * MIB).start()
    for flags in ((), ("--delete-files",)):
        open_shop(origin, collection)
        origin.do("collection", "leave", "small", *flags)
        origin.wait_until(lambda: not links_of(origin), "the links are gone")
        origin.wait_until(lambda: not origin.status().node.used_bytes, "the shards are released")
        assert fingerprint(collection.source) == before
