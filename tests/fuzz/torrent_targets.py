"""What strangers bencode: a .torrent, through libtorrent's own parser, and a tracker's answer to a scrape."""

from hashlib import sha1, sha256
from typing import Any, Final

import libtorrent as lt
from hypothesis import strategies as st

from mirrord.core.errors import EngineError
from mirrord.torrents.scraping import read_scrape
from mirrord.torrents.torrent_file import parse_torrent
from tests.fuzz.target import Target, decoder

_PIECE: Final = 16 * 1024
_NAMES: Final = st.sampled_from([b"a", b"README", b"readme", b"..", b".", b"", b"a/b", b"\xff", b"x" * 250, b"nul\0"])
_SIZES: Final = st.sampled_from([0, 1, 10, _PIECE, 2 * _PIECE, -1, 2**40])
_VALUES: Final = st.recursive(
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.binary(max_size=40)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_NAMES, inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def torrents(draw: st.DrawFn) -> bytes:
    """Return the bytes of a torrent, v1, v2 or both, that is mostly right."""
    info: dict[bytes, Any] = {b"name": draw(st.one_of(st.just(b"shard"), _NAMES)), b"piece length": _PIECE}
    paths = draw(st.lists(st.lists(_NAMES, min_size=1, max_size=3), min_size=1, max_size=3))
    if draw(st.booleans()):
        sizes = [draw(_SIZES) for _ in paths]
        info[b"files"] = [{b"length": size, b"path": path} for size, path in zip(sizes, paths, strict=True)]
        pieces = -(-sum(sizes) // _PIECE) if 0 < sum(sizes) < 2**30 else 1
        info[b"pieces"] = sha1(b"", usedforsecurity=False).digest() * pieces
    if draw(st.booleans()):
        info[b"meta version"] = 2
        info[b"file tree"] = {
            path[0]: {b"": {b"length": draw(_SIZES), b"pieces root": sha256(b"").digest()}} for path in paths
        }
    extra = draw(st.dictionaries(st.sampled_from([b"similar", b"collections", b"ssl-cert", b"attr"]), _VALUES))
    outside = draw(st.dictionaries(st.sampled_from([b"piece layers", b"announce", b"url-list", b"nodes"]), _VALUES))
    made: bytes = lt.bencode({b"info": {**info, **extra}, **outside})
    return made


_TOLD: Final = st.fixed_dictionaries({b"complete": st.integers(0, 2**40)}, optional={b"downloaded": _VALUES})
_SCRAPES: Final = st.dictionaries(st.binary(min_size=20, max_size=20), _TOLD, max_size=4).map(
    lambda files: lt.bencode({b"files": files})
)

TARGETS: Final = (
    Target(
        family="torrents",
        name="torrent",
        take=decoder(parse_torrent, EngineError),
        valid=torrents(),
        junk=_VALUES.map(lt.bencode),
        weight=200,
        input_max_bytes=8192,
    ),
    Target(
        family="torrents",
        name="scrape",
        take=decoder(read_scrape, EngineError),
        valid=_SCRAPES,
        junk=_VALUES.map(lt.bencode),
        input_max_bytes=8192,
    ),
)
