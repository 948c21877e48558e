"""What goes bad on a disk is found and repaired; what curator and operator take back goes away."""

from pathlib import Path

import pytest
from running_nodes import Nodes, RunningNode
from small_collection import SmallCollection, build, flip_byte, open_shop

from tests.command_line import mirrord

MIB = 1 << 20


@pytest.fixture
def collection(tmp_path: Path) -> SmallCollection:
    return build(tmp_path, shards=3, shard_bytes=MIB, target=2)


def shop_and_volunteer(
    nodes: Nodes, collection: SmallCollection, **settings: object
) -> tuple[RunningNode, RunningNode]:
    """Return an origin and a volunteer that has fetched everything that it may."""
    origin = nodes.make("origin", 10 * MIB).start()
    open_shop(origin, collection)
    volunteer = nodes.make("volunteer", 10 * MIB, **settings).start()
    volunteer.do("collection", "join", collection.invitation(origin))
    return origin, volunteer


def test_a_bad_byte_leaves_the_announcement_is_fetched_again_and_comes_back(
    nodes: Nodes, collection: SmallCollection
) -> None:
    origin, volunteer = shop_and_volunteer(nodes, collection)
    volunteer.wait_for_role("held", 0, 1, 2)
    # A limit slow enough that the repair can be watched from outside.
    volunteer.stop()
    volunteer.configure(download_limit=20_000)
    volunteer.start()
    origin.wait_until(lambda: origin.holdings_of(volunteer.id, collection.id) == {0, 1, 2}, "the peer sees all three")

    victim = volunteer.shard_folder(collection.id, collection.shards[1].name) / collection.files_of(1)[0]
    flip_byte(victim, 200_000)
    volunteer.do("shard", "verify", "small", "1")
    origin.wait_until(lambda: origin.holdings_of(volunteer.id, collection.id) == {0, 2}, "the bad one is not announced")
    volunteer.wait_for_role("held", 0, 1, 2)
    origin.wait_until(lambda: origin.holdings_of(volunteer.id, collection.id) == {0, 1, 2}, "it is announced again")

    assert collection.bad_files(volunteer, collection.indexes) == []
    torrent = collection.torrent(1)
    # One piece, and of a padded hybrid at most the blocks of padding that a re-read forgets.
    assert 0 < volunteer.status().transfer.downloaded_bytes <= 2 * torrent.piece_bytes + (torrent.wire_bytes - MIB)
    assert volunteer.status().counters.holdings_failed == 1


def test_a_withdrawn_shard_is_deleted_by_everybody_with_its_reason_kept(
    nodes: Nodes, collection: SmallCollection
) -> None:
    origin, volunteer = shop_and_volunteer(nodes, collection)
    volunteer.wait_for_role("held", 0, 1, 2)
    withdrawn = volunteer.shard_folder(collection.id, collection.shards[1].name)
    assert withdrawn.is_dir()

    published = mirrord("collection", "publish", str(collection.out), "--withdraw", "1", "--reason", "rights unclear")
    assert published.code == 0, published.err
    origin.do("collection", "join", str(collection.out))
    volunteer.wait_until(lambda: volunteer.held == {0, 2}, "the withdrawn shard is given up")
    volunteer.wait_until(lambda: not withdrawn.exists(), "its files are gone")
    plan = volunteer.plan()[1]
    assert plan.withdrawn_reason == "rights unclear"
    # The origin's own files, which only a link led to, are the curator's to delete.
    origin.wait_until(lambda: origin.held == {0, 2}, "the origin gives it up, too")
    assert all((collection.source / path).is_file() for path in collection.files_of(1))


@pytest.mark.parametrize("delete", [True, False])
def test_leaving_gives_everything_up_at_once(nodes: Nodes, collection: SmallCollection, delete: bool) -> None:
    origin, volunteer = shop_and_volunteer(nodes, collection)
    volunteer.wait_for_role("held", 0, 1, 2)
    volunteer.do("collection", "leave", "small", *(["--delete-files"] if delete else []))
    origin.wait_until(lambda: origin.holdings_of(volunteer.id, collection.id) == frozenset(), "nothing is announced")
    volunteer.wait_until(lambda: volunteer.status().node.used_bytes == 0, "the pledge is free again")
    files = [path for path in volunteer.data_folder.rglob("*") if path.is_file()]
    assert bool(files) is not delete


def test_what_the_operator_refuses_is_never_fetched_and_the_plan_says_why(
    nodes: Nodes, collection: SmallCollection
) -> None:
    _, volunteer = shop_and_volunteer(nodes, collection, refused_rights=["cc0"])
    volunteer.wait_until(
        lambda: len(volunteer.plan()) == 3 and all("refusal of cc0" in shard.reason for shard in volunteer.plan()),
        "the plan refuses all three",
    )
    assert volunteer.status().counters.claims_made == 0


def test_a_pledge_is_never_exceeded(nodes: Nodes, collection: SmallCollection) -> None:
    origin = nodes.make("origin", 10 * MIB).start()
    open_shop(origin, collection)
    pledge = 2 * MIB + MIB // 2
    volunteer = nodes.make("volunteer", pledge).start()
    volunteer.do("collection", "join", collection.invitation(origin))
    volunteer.wait_until(lambda: len(volunteer.held) == 2, "two of three shards fit")
    volunteer.wait_until(
        lambda: any("no room" in shard.reason for shard in volunteer.plan()), "the plan says that the third does not"
    )
    assert volunteer.status().node.used_bytes <= pledge
    assert sum(path.stat().st_size for path in volunteer.data_folder.rglob("*") if path.is_file()) <= pledge
