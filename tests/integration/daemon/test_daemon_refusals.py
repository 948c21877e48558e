"""What a daemon refuses to start with: one line and a hint, a clear exit code, and nothing is overwritten."""

import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from running_nodes import Nodes, RunningNode
from small_collection import build, open_shop

from mirrord.store.store import DATABASE_NAME
from tests.command_line import Ended, mirrord

MIB = 1 << 20
CONFIGURATION = 78


def assert_refused(ended: Ended, code: int, *said: str) -> None:
    """The complaint is one line that says all of this, with at most one line of advice."""
    assert ended.code == code, ended.err
    complaint, *advice = ended.err.splitlines()
    assert complaint.startswith("error: ") and len(advice) <= 1, ended.err
    for words in said:
        assert words in ended.err, ended.err
    assert ended.out == ""


def test_a_bad_line_names_file_key_and_what_was_meant(nodes: Nodes) -> None:
    node = nodes.make("node", MIB)
    good = node.config.read_text()
    for line, said in {
        "pledg = 5": ("'pledg'", "did you mean 'pledge'?"),
        "download_limt = 5": ("'download_limt'", "did you mean 'download_limit'?"),
        'timing = "fast"': ("timing: there is no 'fast'", "wan, lan, demo"),
        'utp = "yes"': ("utp: ", "true"),
        'listen = ["127.0.0.1"]': ("listen: ",),
        "operator = five": ("not TOML",),
    }.items():
        key = line.partition(" =")[0]
        kept = "\n".join(text for text in good.splitlines() if text.partition(" =")[0] != key)
        node.config.write_text(f"{kept}\n{line}\n")
        assert_refused(node.run_to_the_end(), CONFIGURATION, str(node.config), *said)
    node.config.write_text(good)
    node.start().stop()


def test_a_folder_that_is_no_node_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert_refused(mirrord("run", str(tmp_path / "empty")), CONFIGURATION, "pledge is missing")
    assert_refused(mirrord("run", str(tmp_path / "nowhere")), CONFIGURATION)
    assert_refused(mirrord("run", "--no-such-flag"), 2, "--no-such-flag")


def test_a_key_that_is_missing_open_to_others_or_torn_is_refused(nodes: Nodes) -> None:
    node = nodes.make("node", MIB)
    key = node.folder / "node.key"
    content = key.read_bytes()
    if os.geteuid() == 0:
        os.chown(key, 0, 65_534)  # the group of root may read: so systemd hands a key to a service
    key.chmod(0o640)
    assert_refused(node.run_to_the_end(), CONFIGURATION, str(key), "0640", f"chmod 600 {key}")
    key.chmod(0o600)
    key.write_bytes(content[:-10])
    ended = node.run_to_the_end()
    assert_refused(ended, CONFIGURATION, str(key), "damaged")
    assert content.decode().split()[-1] not in ended.err
    assert key.read_bytes() == content[:-10]
    key.unlink()
    assert_refused(node.run_to_the_end(), CONFIGURATION, str(key))
    assert not key.exists()  # a new key would be another node


def test_a_port_that_is_taken_is_named(nodes: Nodes) -> None:
    node = nodes.make("node", MIB)
    for port in (node.port, node.bittorrent_port, node.metrics_port):
        with socket.socket() as other:
            other.bind(("127.0.0.1", port))
            other.listen()
            assert_refused(node.run_to_the_end(), 1, f"127.0.0.1:{port}", "in use")
    node.start().stop()


def test_a_file_where_the_control_socket_should_be_is_left_alone(nodes: Nodes) -> None:
    node = nodes.make("node", MIB)
    path = node.folder / "control.sock"
    path.write_text("mine")
    assert_refused(node.run_to_the_end(), CONFIGURATION, str(path), "in the way")
    assert path.read_text() == "mine"


def _tear(database: Path) -> None:
    os.truncate(database, database.stat().st_size // 2)


def _scribble(database: Path) -> None:
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x5a" * 4096)


def _replace(database: Path) -> None:
    database.write_bytes(b"this is somebody's letter, and no database " * 200)


def _make_newer(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()


@pytest.mark.parametrize("damage", [_tear, _scribble, _replace, _make_newer])
def test_a_database_that_is_torn_foreign_or_newer_is_refused_and_kept(
    nodes: Nodes, damage: Callable[[Path], None]
) -> None:
    node = nodes.make("node", MIB).start()
    node.stop()
    database = node.folder / DATABASE_NAME
    damage(database)
    before = database.read_bytes()
    ended = node.run_to_the_end()
    assert ended.code in (1, CONFIGURATION)
    assert_refused(ended, ended.code, str(database))
    assert database.read_bytes() == before
    database.rename(database.with_suffix(".torn"))  # as the hint says
    node.start().stop()


def test_an_empty_mount_point_in_place_of_the_data_is_refused(nodes: Nodes, tmp_path: Path) -> None:
    collection = build(tmp_path, shards=2)
    node = nodes.make("node", 10 * MIB).start()
    open_shop(node, collection)
    node.stop()
    node.data_folder.rename(node.folder / "elsewhere")
    node.data_folder.mkdir()
    assert_refused(node.run_to_the_end(), CONFIGURATION, str(node.data_folder), "mounted")
    node.data_folder.rmdir()
    (node.folder / "elsewhere").rename(node.data_folder)
    node.start()
    assert node.held == collection.indexes


def test_two_nodes_with_one_address_do_not_share_it(nodes: Nodes) -> None:
    node = nodes.make("node", MIB).start()
    twin = nodes.add(RunningNode(node.folder.parent / "twin", port=node.port)).init(MIB)
    assert_refused(twin.run_to_the_end(), 1, str(node.address))
    assert node.answers()
