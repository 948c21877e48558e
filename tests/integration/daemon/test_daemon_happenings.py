"""What a node says of itself to people: its last events, and ``mirrord top`` on a real daemon."""

import re
from pathlib import Path

import pytest
from running_nodes import Nodes, RunningNode
from small_collection import SmallCollection, build, open_shop

from mirrord.control.coverage_shapes import CoverageAnswer, Events
from tests.terminal_session import on_terminal

MIB = 1 << 20


@pytest.fixture
def collection(tmp_path: Path) -> SmallCollection:
    return build(tmp_path, shards=3, shard_bytes=MIB, target=2)


def events_of(node: RunningNode) -> list[str]:
    return [event.text for event in node.client.get("events", Events).events]


def test_events_tell_the_story_of_a_node(nodes: Nodes, collection: SmallCollection) -> None:
    origin = nodes.make("origin", 10 * MIB).start()
    open_shop(origin, collection)
    origin.wait_for_role("held", 0, 1, 2)
    told = events_of(origin)
    assert told[0].startswith("listening on 127.0.0.1:")
    assert "version 1 of small is here" in told
    names = [shard.name for shard in collection.shards]
    assert {f"{name} was read and is whole: 1.05 MB" for name in names} <= set(told)

    volunteer = nodes.make("volunteer", 10 * MIB).start()
    volunteer.do("collection", "join", collection.invitation(origin))
    volunteer.wait_for_role("held", 0, 1, 2)
    origin.wait_until(lambda: any("small: Safe" in text for text in events_of(origin)), "it is safe now")
    told = events_of(volunteer)
    for name in names:
        story = [text for text in told if name in text]
        assert re.fullmatch(rf"claimed {name}: [01] of 2 replicas", story[0]), story
        assert re.fullmatch(rf"holds {name} now: 1.05 MB fetched in \d+ s", story[-1]), story
        assert f"fetching {name}, 1.05 MB" in story

    volunteer.do("collection", "leave", "small")
    assert events_of(volunteer)[-1] == "left small"
    origin.wait_until(lambda: any("small: In danger" in text for text in events_of(origin)), "and that is over")
    assert len(events_of(origin)) < 30, "chatter among nodes is no event"


def test_coverage_is_told_as_the_network_is(nodes: Nodes, collection: SmallCollection) -> None:
    origin = nodes.make("origin", 10 * MIB).start()
    open_shop(origin, collection)
    origin.wait_for_role("held", 0, 1, 2)
    (told,) = origin.client.get("coverage", CoverageAnswer, collection="small", columns="2").collections
    assert (told.safety, told.kinds["claimed"].copies, told.kinds["verified"].copies) == ("danger", 3, 0)
    assert (told.here.shards, told.here.only_here) == (3, 3)
    assert told.backlog_bytes == collection.bytes
    assert sum(told.heat_map.cells[1]) == 3
    assert [shard.index for shard in told.worst] == [0, 1, 2]


def test_top_follows_a_real_daemon_over_its_restart(nodes: Nodes, collection: SmallCollection) -> None:
    origin = nodes.make("origin", 10 * MIB).start()
    open_shop(origin, collection)
    origin.wait_for_role("held", 0, 1, 2)
    with on_terminal("top", "--interval", "0.2s", folder=origin.folder) as session:
        session.wait_for("In danger: 3 shards have only one replica", "holds 3 shards", size=(80, 24))
        origin.stop()
        session.wait_for("daemon unreachable since")
        drawn = len(session.frames)
        origin.start()
        session.wait_until(
            lambda: any("unreachable" not in "".join(lines) for lines in session.frames[drawn + 5 : -1]), "it is back"
        )
        session.type("q")
        assert session.ended() == 0
