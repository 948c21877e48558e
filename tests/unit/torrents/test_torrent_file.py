"""What a stranger's .torrent may not do."""

from hashlib import sha1, sha256

import libtorrent as lt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrord.core import limits
from mirrord.core.errors import EngineError
from mirrord.torrents.torrent_file import TorrentFile, load_torrent, parse_torrent

PIECE = 16 * 1024


def v1_torrent(*paths: list[bytes], name: bytes = b"shard", **extra: object) -> dict[bytes, object]:
    """Return the dictionary of a v1 torrent of files with ten bytes each."""
    files = [{b"length": 10, b"path": path} for path in paths]
    content = bytes(10 * len(paths))
    info = {b"files": files, b"name": name, b"piece length": PIECE, b"pieces": sha1(content).digest()}
    return {b"info": info, **{key.encode(): value for key, value in extra.items()}}


def v2_torrent(tree: dict[bytes, object], **extra: object) -> dict[bytes, object]:
    info = {b"file tree": tree, b"meta version": 2, b"name": b"shard", b"piece length": PIECE}
    return {b"info": info, **{key.encode(): value for key, value in extra.items()}}


def v2_file(size: int) -> dict[bytes, object]:
    return {b"": {b"length": size, b"pieces root": sha256(b"").digest()}}


def encoded(torrent: dict[bytes, object]) -> bytes:
    return lt.bencode(torrent)


def test_a_plain_torrent_is_described() -> None:
    info = parse_torrent(encoded(v1_torrent([b"one"], [b"sub", b"two"])))
    assert info.name == "shard"
    assert info.files == (TorrentFile("one", 10), TorrentFile("sub/two", 10))
    assert (info.piece_bytes, info.pieces, info.payload_bytes) == (PIECE, 1, 20)
    assert len(info.info_hash_v1) == 20
    assert info.info_hash_v2 == b""


@pytest.mark.parametrize(
    ("torrent", "complaint"),
    [
        ({b"info": {b"length": 10, b"name": b"shard", b"piece length": PIECE, b"pieces": bytes(20)}}, "outside"),
        ({b"magnet-uri": b"magnet:?xt=urn:btih:" + b"a" * 40}, "no list of files"),
        ({b"announce": b"http://tracker.example/"}, "not a usable .torrent"),
        (v1_torrent([b"README"], [b"readme"]), "would become"),
        (v1_torrent([b"a"], [b"a", b"b"]), "would become"),
        (v1_torrent([b"one"], similar=[bytes(20)]), "files of other torrents"),
        (v1_torrent([b"one"], collections=[b"books"]), "files of other torrents"),
        (v2_torrent({b"a": v2_file(2 * PIECE), b"b": v2_file(10)}), "piece layers"),
        (v2_torrent({b"shard": v2_file(10)}), "outside"),
        (v2_torrent({b"a": {b"": {b"length": 0}}}), "no content|not a usable"),
    ],
    ids=[
        *(
            "a bare file",
            "a magnet link",
            "no info",
            "names but for case",
            "a file and a folder",
            "similar torrents",
            "collections",
        ),
        *("no piece layers", "one file of the shard's name", "nothing in it"),
    ],
)
def test_a_torrent_that_breaks_the_rules_is_refused(torrent: dict[bytes, object], complaint: str) -> None:
    with pytest.raises(EngineError, match=complaint):
        parse_torrent(encoded(torrent))


@pytest.mark.parametrize(
    "extra", [{b"collections": [b"\x80"]}, {b"ssl-cert": b"\x80"}], ids=["collections", "ssl-cert"]
)
def test_text_that_is_not_utf_8_in_a_torrent_is_refused(extra: dict[bytes, object]) -> None:
    torrent = v1_torrent([b"one"])
    info = torrent[b"info"]
    assert isinstance(info, dict)
    info |= extra
    with pytest.raises(EngineError, match="not UTF-8"):
        parse_torrent(encoded(torrent))


def test_a_symbolic_link_in_a_torrent_is_refused() -> None:
    torrent = v1_torrent([b"one"], [b"link"])
    info = torrent[b"info"]
    assert isinstance(info, dict)
    info[b"files"][1] |= {b"attr": b"l", b"symlink path": [b"..", b"..", b"etc", b"passwd"], b"length": 0}
    with pytest.raises(EngineError, match="points out"):
        parse_torrent(encoded(torrent))


@pytest.mark.parametrize("path", [[b".."], [b"..", b"..", b"etc"], [b"/etc/passwd"], [b"a/../../b"], [b"."], [b""]])
def test_no_path_leaves_the_shards_folder(path: list[bytes]) -> None:
    try:
        info = parse_torrent(encoded(v1_torrent([b"one"], path)))
    except EngineError:
        return
    for file in info.files:
        assert not file.path.startswith("/")
        assert not {"", ".", ".."} & set(file.path.split("/"))


@pytest.mark.parametrize("name", [b"..", b"../up", b"/etc", b"a/b", b"", b"nul\0"])
def test_no_name_leaves_the_folder_of_shards(name: bytes) -> None:
    try:
        info = parse_torrent(encoded(v1_torrent([b"one"], name=name)))
    except EngineError:
        return
    assert "/" not in info.name
    assert info.name not in ("", ".", "..")


def test_trackers_web_seeds_and_nodes_are_dropped() -> None:
    torrent = v1_torrent([b"one"], announce=b"http://tracker.example/", nodes=[[b"192.0.2.1", 6881]])
    torrent[b"url-list"] = [b"http://127.0.0.1:8080/admin/"]
    params = load_torrent(encoded(torrent)).params
    assert (params.trackers, params.url_seeds, params.dht_nodes) == ([], [], [])


def test_a_torrent_over_the_limit_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(EngineError, match="is over"):
        parse_torrent(bytes(limits.TORRENT_MAX_BYTES + 1))


@given(st.binary(max_size=300))
def test_any_bytes_give_a_description_or_our_own_error(data: bytes) -> None:
    try:
        parse_torrent(data)
    except EngineError:
        return
    raise AssertionError(f"{data!r} is no torrent")


GOOD = encoded(v1_torrent([b"one"], [b"sub", b"two"], announce=b"http://tracker.example/"))


@given(position=st.integers(0, len(GOOD) - 1), replacement=st.binary(max_size=6), cut=st.integers(0, 6))
def test_a_damaged_torrent_gives_a_description_or_our_own_error(position: int, replacement: bytes, cut: int) -> None:
    data = GOOD[:position] + replacement + GOOD[position + cut :]
    try:
        info = parse_torrent(data)
    except EngineError:
        return
    assert all(".." not in file.path.split("/") for file in info.files)


def test_deep_nesting_is_our_own_error() -> None:
    for data in (b"l" * 100_000, b"d1:a" * 100_000, b"d4:info" + b"d1:a" * 5_000):
        with pytest.raises(EngineError):
            parse_torrent(data)
