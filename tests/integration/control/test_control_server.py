"""The control interface over a real unix socket, with a real HTTP client and the kernel's word on who calls."""

import json
import os
import socket
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mirrord.control.server import LIMITS
from mirrord.core.errors import ConfigError, StorageError, UsageError
from mirrord.core.placement.outlook import Outlook
from mirrord.core.placement.verdicts import Verdict
from mirrord.core.records.ids import ShardIndex, to_text
from mirrord.core.records.invitation import parse_invitation
from mirrord.core.records.kinds import Grant
from mirrord.http.unix import socket_address
from tests.builders import (
    Room,
    ScriptedReasons,
    collection_id,
    make_collection,
    make_decision,
    make_shard,
    make_statistics,
)
from tests.control_server import ScriptedDaemon, UnixConnection, ask, control_server

NOBODY = 65534
OWN_ID = to_text(collection_id(1))
SIGN = {"collection": "open-books", "nodes": [OWN_ID], "says": "member", "expires_at": 9}


@pytest.fixture
def path() -> Iterator[Path]:
    """Yield a path for a socket that every user can walk to (pytest's own folders are private)."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "control.sock"


@pytest.mark.parametrize("target", ["status", "peers", "shards", "plan", "collections", "health"])
def test_everything_can_be_looked_at(path: Path, target: str) -> None:
    with control_server(path):
        status, fields = ask(path, "GET", f"/v1/{target}")
    assert status == 200
    assert fields["schema"] == 1


def test_a_query_chooses_collections_and_shards(path: Path) -> None:
    books, maps = make_collection([make_shard(0), make_shard(1)], "books", 1), make_collection([], "maps", 2)
    with control_server(path, ScriptedDaemon([make_statistics([books, maps])])):
        (collection,) = ask(path, "GET", "/v1/collections?collection=maps")[1]["collections"]
        assert parse_invitation(collection["invitation"]).collection == maps.collection
        assert len(ask(path, "GET", "/v1/shards")[1]["shards"]) == 2
        assert ask(path, "GET", "/v1/shards?collection=maps")[1]["shards"] == []
        (shard,) = ask(path, "GET", "/v1/plan?collection=books&shard=shard-00001")[1]["shards"]
        assert shard["index"] == 1
        status, fields = ask(path, "GET", "/v1/plan?shard=1")
        assert (status, fields["error"]["code"]) == (400, "usage")
        status, fields = ask(path, "GET", "/v1/shards?collection=ya")
        assert (status, fields["error"]["code"]) == (400, "ambiguous_collection")
        assert "books" in fields["error"]["message"] and "maps" in fields["error"]["message"]


def test_the_plan_is_asked_for_with_the_pledge_that_is_supposed(path: Path) -> None:
    claims = Outlook(claims=(ShardIndex(9),))
    reasons = {collection_id(1): ScriptedReasons([make_decision(9, Verdict.OUTRANKED)], Room(7, 0), claims)}
    with control_server(path, ScriptedDaemon(reasons_for=reasons)) as daemon:
        fields = ask(path, "GET", "/v1/plan?shard=9")[1]
        assert (fields["what_if"], fields["shards"][0]["verdict"]) == (None, "outranked")
        fields = ask(path, "GET", "/v1/plan?shard=9&pledge_bytes=4000000000000")[1]
        assert (fields["what_if"]["pledge_bytes"], fields["what_if"]["room_bytes"]) == (4_000_000_000_000, 7)
        assert (fields["what_if"]["claims"], fields["shards"][0]["verdict"]) == ([[OWN_ID, 9]], "claim")
        assert ask(path, "GET", "/v1/plan?pledge_bytes=0")[0] == 200
    assert daemon.supposed == [None, 4_000_000_000_000, 0]
    assert daemon.asked == [], "to suppose something changes nothing"


@pytest.mark.parametrize("pledge", ["4TB", "-1", "1.5", "9223372036854775808", "\u0664", "9" * 5_000])
def test_a_pledge_that_is_no_number_of_bytes_is_refused(path: Path, pledge: str) -> None:
    with control_server(path) as daemon:
        status, fields = ask(path, "GET", f"/v1/plan?pledge_bytes={quote(pledge)}")
    assert (status, fields["error"]["code"]) == (400, "usage")
    assert len(fields["error"]["message"]) < 100 and fields["error"]["hint"]
    assert daemon.supposed == []


def test_a_graceful_leave_says_until_when(path: Path) -> None:
    leaving = make_statistics([make_collection([make_shard(0)], leaving_by=1_800_604_800)])
    with control_server(path, ScriptedDaemon([make_statistics(), leaving])):
        body = {"collection": "open-books", "within_seconds": 604_800}
        fields = ask(path, "POST", "/v1/collections/leave", body)[1]
        assert (fields["done"], fields["leaving_by"]) == ("leaving", 1_800_604_800)
    with control_server(path):
        fields = ask(path, "POST", "/v1/collections/leave", {"collection": "open-books"})[1]
        assert (fields["done"], fields["leaving_by"]) == ("left", 0)


@pytest.mark.parametrize(
    ("target", "body", "asked"),
    [
        ("collections/join", {"invitation": "mirrord://x"}, ("join", "mirrord://x")),
        ("collections/import", {"path": "/a"}, ("import", Path("/a"), None)),
        ("collections/import", {"path": "/a", "adopt": "/b"}, ("import", Path("/a"), Path("/b"))),
        ("collections/leave", {"collection": "open-books"}, ("leave", collection_id(1), False, 0)),
        (
            "collections/leave",
            {"collection": OWN_ID[:9], "delete_files": True},
            ("leave", collection_id(1), True, 0),
        ),
        (
            "collections/leave",
            {"collection": "open-books", "within_seconds": 604_800},
            ("leave", collection_id(1), False, 604_800),
        ),
        (
            "collections/sign",
            {"collection": "open-books", "nodes": [OWN_ID], "says": "voucher", "expires_at": 9, "quota": 2},
            ("sign", collection_id(1), (collection_id(1),), Grant.VOUCHER, 9, 2),
        ),
        ("shards/verify", {}, ("verify", collection_id(1), (0, 5))),
        ("shards/verify", {"collection": "open-books"}, ("verify", collection_id(1), (0, 5))),
        ("shards/verify", {"collection": "open-books", "shards": [5]}, ("verify", collection_id(1), (5,))),
        ("shards/adopt", {"collection": "open-books", "folder": "/d"}, ("adopt", collection_id(1), Path("/d"))),
        ("pledge", {"pledge_bytes": 7}, ("pledge", 7)),
        ("port", {"coordination": 7800}, ("port", 7800, 0)),
        ("port", {"bittorrent": 7801}, ("port", 0, 7801)),
        ("stop", None, ("stop",)),
    ],
)
def test_a_wish_reaches_the_daemon(path: Path, target: str, body: object, asked: tuple[object, ...]) -> None:
    with control_server(path) as daemon:
        status, fields = ask(path, "POST", f"/v1/{target}", body)
    assert (status, fields["schema"]) == (200, 1), fields
    assert daemon.asked == [asked]


@pytest.mark.parametrize(
    ("target", "body", "status", "code"),
    [
        ("collections/join", {}, 400, "usage"),
        ("collections/join", {"invitation": 7}, 400, "usage"),
        ("collections/join", [], 400, "usage"),
        ("collections/import", {"path": "relative"}, 400, "usage"),
        ("collections/import", {"path": "/a\0b"}, 400, "usage"),
        ("collections/leave", {"collection": "none"}, 404, "unknown_collection"),
        ("collections/leave", {"collection": ""}, 404, "unknown_collection"),
        ("collections/leave", {"collection": "open-books", "within_seconds": -1}, 400, "usage"),
        ("collections/leave", {"collection": "open-books", "within_seconds": 400 * 86_400}, 400, "usage"),
        ("collections/leave", {"collection": "open-books", "within_seconds": "7d"}, 400, "usage"),
        ("collections/admit", {"envelopes": ["%%%"]}, 400, "usage"),
        ("collections/admit", {"envelopes": "AAAA"}, 400, "usage"),
        ("collections/sign", {**SIGN, "says": "curator"}, 400, "usage"),
        ("collections/sign", {**SIGN, "nodes": ["abc"]}, 400, "usage"),
        ("collections/sign", {**SIGN, "collection": "none"}, 404, "unknown_collection"),
        ("members", {}, 405, "wrong_method"),
        ("shards/verify", {"collection": "open-books", "shards": [1]}, 404, "unknown_shard"),
        ("shards/verify", {"collection": "open-books", "shards": [99]}, 404, "unknown_shard"),
        ("shards/verify", {"shards": [0]}, 400, "usage"),
        ("pledge", {"pledge_bytes": -1}, 400, "usage"),
        ("port", {}, 400, "usage"),
        ("port", {"coordination": "7800"}, 400, "usage"),
        ("stop", {"at_once": True}, 400, "usage"),
        ("nothing", {}, 404, "not_found"),
        ("status", {}, 405, "wrong_method"),
    ],
)
def test_a_wish_that_makes_no_sense_changes_nothing(
    path: Path, target: str, body: object, status: int, code: str
) -> None:
    with control_server(path) as daemon:
        answered, fields = ask(path, "POST", f"/v1/{target}", body)
    assert (answered, fields["error"]["code"]) == (status, code)
    assert fields["error"]["message"]
    assert daemon.asked == []


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UsageError("no", "do this"), 400, "usage"),
        (ConfigError("no", "do this"), 409, "bad_configuration"),
        (StorageError("no", "do this"), 503, "storage"),
    ],
)
def test_an_error_of_the_daemon_keeps_its_code_and_hint(path: Path, error: Exception, status: int, code: str) -> None:
    with control_server(path, ScriptedDaemon(raises=error)):
        answered, fields = ask(path, "POST", "/v1/collections/leave", {"collection": "open-books"})
    assert answered == status
    assert fields["error"] == {"code": code, "message": "no", "hint": "do this"}


def test_a_bug_is_called_internal_and_shows_nothing_of_itself(path: Path) -> None:
    with control_server(path, ScriptedDaemon(raises=ZeroDivisionError("secret"))) as daemon:
        status, fields = ask(path, "POST", "/v1/collections/leave", {"collection": "open-books"})
        assert (status, fields["error"]["code"]) == (500, "internal")
        assert "secret" not in json.dumps(fields)
        daemon.raises = None
        assert ask(path, "GET", "/v1/health")[0] == 200


def test_a_daemon_that_takes_too_long_is_not_waited_for(path: Path) -> None:
    with control_server(path, ScriptedDaemon(sleeps=True), limits=replace(LIMITS, handle_seconds=0.2)):
        status, fields = ask(path, "POST", "/v1/collections/join", {"invitation": "x"})
        assert (status, fields["error"]["code"]) == (503, "unavailable")


def as_user(uid: int, path: Path, method: str, target: str) -> tuple[int, Any]:
    """Connect as another user (the kernel takes down the effective one), in the daemon's group."""
    connection = UnixConnection(path)
    os.seteuid(uid)
    try:
        connection.connect()
    finally:
        os.seteuid(os.getuid())
    try:
        connection.request(method, target, "{}")
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_another_user_of_the_group_may_look_and_not_touch(path: Path) -> None:
    with control_server(path) as daemon:
        assert as_user(NOBODY, path, "GET", "/v1/status")[0] == 200
        for target in ("/v1/stop", "/v1/collections/join", "/v1/shards/verify"):
            status, fields = as_user(NOBODY, path, "POST", target)
            assert (status, fields["error"]["code"]) == (403, "denied")
            assert str(NOBODY) in fields["error"]["message"]
            assert fields["error"]["hint"]
        assert daemon.asked == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_root_and_the_daemons_own_user_may_change_things(path: Path) -> None:
    with control_server(path, admin_uid=NOBODY) as daemon:
        assert as_user(NOBODY, path, "POST", "/v1/shards/verify")[0] == 200
        assert ask(path, "POST", "/v1/shards/verify", {})[0] == 200
        assert len(daemon.asked) == 2


@pytest.mark.skipif(os.getuid() == 0, reason="root is always an admin")
def test_a_user_who_is_not_the_daemons_is_denied(path: Path) -> None:
    with control_server(path, admin_uid=os.getuid() + 1):
        assert ask(path, "GET", "/v1/status")[0] == 200
        assert ask(path, "POST", "/v1/stop")[0] == 403


def test_the_socket_is_for_user_and_group_whatever_the_umask_and_goes_at_the_end(path: Path) -> None:
    before = os.umask(0o077)
    try:
        with control_server(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
    finally:
        os.umask(before)
    assert not path.exists()


def test_the_socket_of_a_killed_daemon_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    assert path.is_socket()
    with control_server(path):
        assert ask(path, "GET", "/v1/health")[0] == 200


def test_the_socket_of_a_running_daemon_is_left_alone(path: Path) -> None:
    with control_server(path):
        with pytest.raises(ConfigError, match="another daemon"), control_server(path):
            pass
        assert ask(path, "GET", "/v1/health")[0] == 200


def test_a_file_in_the_way_is_left_alone(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(ConfigError, match="in the way"), control_server(path):
        pass
    assert path.read_text() == "precious"


def test_a_folder_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(StorageError, match="missing"), control_server(path.parent / "missing" / "control.sock"):
        pass


def test_a_folder_with_a_long_name_serves_as_well(path: Path) -> None:
    folder = path.parent / ("x" * 100) / ("y" * 100)
    folder.mkdir(parents=True)
    with control_server(folder / "control.sock"):
        assert ask(folder / "control.sock", "GET", "/v1/health")[0] == 200
    assert list(folder.iterdir()) == []


def test_garbage_and_greed_are_refused_in_json(path: Path) -> None:
    with control_server(path, limits=replace(LIMITS, receive_seconds=0.3)):
        for sent, status in (
            (b"\0\1\2\3\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 50_000 + b"\r\n\r\n", 431),
            (b"POST /v1/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999\r\n\r\n", 413),
            (b"POST /v1/stop HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{", 408),
        ):
            with socket.socket(socket.AF_UNIX) as client, socket_address(path) as address:
                client.settimeout(5)
                client.connect(address)
                client.sendall(sent)
                answer = b"".join(iter(partial(client.recv, 65536), b""))
            assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "bad_request"
        assert ask(path, "GET", "/v1/health")[0] == 200


def test_a_stop_is_answered_before_the_server_goes(path: Path) -> None:
    with control_server(path):
        assert ask(path, "POST", "/v1/stop", {}) == (
            200,
            {"schema": 1, "done": "stopping", "collection": "", "name": "", "shards": [], "leaving_by": 0},
        )
