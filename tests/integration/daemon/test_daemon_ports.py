"""The ports of a daemon change while it runs: by command, and by a VPN program's file."""

import socket
from pathlib import Path

import pytest
from running_nodes import Nodes, RunningNode, free_port
from small_collection import build, open_shop

from mirrord.control.shapes import PeerShape

MIB = 1 << 20


def addresses_of(peer: PeerShape | None) -> tuple[str, ...]:
    return peer.addresses if peer is not None else ()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_for_port(node: RunningNode, kind: str, port: int) -> None:
    node.wait_until(lambda: getattr(node.status().node, kind) == (f"127.0.0.1:{port}",), f"its {kind} port is {port}")
    assert is_open(port)


def test_peers_stay_learn_the_new_port_and_fetch_from_it(nodes: Nodes, tmp_path: Path) -> None:
    collection = build(tmp_path, shards=2, target=3)
    origin, node, late = (nodes.make(name, 20 * MIB) for name in ("origin", "node", "late"))
    origin.start()
    node.start()
    open_shop(origin, collection)
    node.do("collection", "join", collection.invitation(origin))
    node.wait_until(lambda: node.held == collection.indexes, "it holds everything")
    sessions = node.metrics()["mirrord_sessions_opened_total"]
    port, bittorrent = free_port(), free_port()
    said = origin.do("set-port", str(port), "--bittorrent", str(bittorrent))
    assert f"peers on port {port}" in said and f"members on port {bittorrent}" in said
    assert origin.status().node.coordination == (f"127.0.0.1:{port}",)
    assert is_open(port) and is_open(bittorrent)
    assert not is_open(origin.port) and not is_open(origin.bittorrent_port)
    node.wait_until(lambda: addresses_of(node.peer(origin)) == (f"127.0.0.1:{port}",), "it knows the new address")
    assert node.metrics()["mirrord_sessions_opened_total"] == sessions, "the session that was open did"
    node.kill()  # so that only the origin has what the third one needs
    origin.port = port
    late.start()
    late.do("collection", "join", collection.invitation(origin))
    late.wait_until(lambda: late.held == collection.indexes, "it fetched from the new port")


def test_a_port_that_cannot_be_had_is_explained_and_nothing_changes(nodes: Nodes) -> None:
    node = nodes.make("node", MIB).start()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = str(other.getsockname()[1])
        for line in (("set-port", taken), ("set-port", "--bittorrent", taken)):
            ended = node.command(*line)
            assert ended.code == 1
            assert "in use" in ended.err and "hint: " in ended.err
    one = str(free_port())
    for line, words in (
        (("set-port",), "no port was given"),
        (("set-port", "0"), "0 is not a port"),
        (("set-port", "--bittorrent", "65536"), "a number from 1 to 65535"),
        (("set-port", "many"), "should be a valid integer"),
        (("set-port", one, "--bittorrent", one), "cannot serve peers and swarm members both"),
    ):
        ended = node.command(*line)
        assert ended.code == 2, line
        assert words in ended.err, ended.err
    assert node.status().node.coordination == (f"127.0.0.1:{node.port}",)
    assert node.status().node.bittorrent == (f"127.0.0.1:{node.bittorrent_port}",)
    assert is_open(node.port) and is_open(node.bittorrent_port)


@pytest.mark.parametrize("kind", ["bittorrent", "coordination"])
def test_a_port_file_is_followed_and_nonsense_in_it_is_not(nodes: Nodes, tmp_path: Path, kind: str) -> None:
    file, first, second = tmp_path / "forwarded_port", free_port(), free_port()
    node = nodes.make("node", MIB, port_file=str(file), port_file_for=kind)
    file.write_text(f"{first}\n")
    node.start()
    wait_for_port(node, kind, first)
    file.write_text("no port yet")
    node.wait_for_log("holds 'no port yet'")
    file.unlink()
    node.wait_for_log("No such file")
    wait_for_port(node, kind, first)
    file.write_text(str(second))
    wait_for_port(node, kind, second)
    other = {"bittorrent": ("coordination", node.port), "coordination": ("bittorrent", node.bittorrent_port)}[kind]
    wait_for_port(node, *other)


def test_a_forwarded_port_that_is_announced_changes_with_it(nodes: Nodes) -> None:
    node = nodes.make("node", MIB, announce_addresses=["203.0.113.7:7700"]).start()
    port = free_port()
    node.do("set-port", str(port))
    assert node.status().node.coordination == (f"203.0.113.7:{port}",)
