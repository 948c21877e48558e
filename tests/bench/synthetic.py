"""Collections and nodes that were never there: signed by real keys, valid for every reader.

The .torrents are bytes of no meaning.  That is enough for a node that holds none of the shards: it
stores and serves them, and parses one only to fetch its shard.
"""

import hashlib
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mirrord.collections.layout import OutputFolder
from mirrord.collections.versions import Signer, with_demand, write_version
from mirrord.core.records.codec import encode_announcement
from mirrord.core.records.ids import Address, CollectionId, Sha256, ShardIndex
from mirrord.core.records.kinds import Announcement, Claim, CollectionState, Kind, ManifestBody, Shard
from mirrord.core.records.shardset import ShardSet
from mirrord.core.records.signing import SigningKey, sign
from mirrord.core.timing import WAN

SHARDS: Final = 3_000
SHARD_BYTES: Final = 100 * 10**9
RIGHTS: Final = "CC0-1.0: no rights reserved, https://creativecommons.org/publicdomain/zero/1.0/"
CURATOR: Final = SigningKey(b"bench curator of one collection!")
COLLECTION: Final = CollectionId(CURATOR.public)
_TORRENT_BYTES: Final = 1_000
_PLEDGE_BYTES: Final = 2_000 * 10**9
_HELD_EACH: Final = 19
_CLAIMED_EACH: Final = 1


def torrent_of(index: int) -> bytes:
    """Return what stands for a shard's .torrent."""
    return random.Random(index).randbytes(_TORRENT_BYTES)


def body_of(shards: int) -> ManifestBody:
    """Return a manifest's body with a long tail of demand: over 70 % of the shards have none."""
    demands = [10**9 // (rank + 1) ** 2 if rank < shards // 4 else 0 for rank in range(shards)]
    body = ManifestBody("open-music", "Measured, never listened to.", 3, 10, tuple(map(_shard, range(shards))))
    return with_demand(body, demands)


def _shard(index: int) -> Shard:
    torrent = torrent_of(index)
    return Shard(
        index=ShardIndex(index),
        name=f"open-music-{index:04d}",
        info_hash_v2=hashlib.sha256(b"v2 %d" % index).digest(),
        info_hash_v1=hashlib.sha1(b"v1 %d" % index, usedforsecurity=False).digest(),
        torrent_sha256=Sha256(hashlib.sha256(torrent).digest()),
        torrent_bytes=len(torrent),
        bytes=SHARD_BYTES,
        files=28_000,
        items=28_000,
        popularity_min=0,
        popularity_max=0,
        demand_ppb=0,
        rights=RIGHTS,
    )


def write_collection(folder: Path, shards: int = SHARDS) -> None:
    """Write a collection's folder, as `mirrord collection build` leaves it."""
    out = OutputFolder(folder)
    out.make()
    body = body_of(shards)
    for shard in body.shards:
        out.torrent(shard.name).write_bytes(torrent_of(shard.index))
    write_version(out, body, [0] * shards, Signer(CURATOR, 1, int(time.time())))


def announcements(nodes: int, shards: int = SHARDS) -> Iterator[bytes]:
    """Yield the signed announcements of that many nodes, each with 2 TB pledged and full."""
    dice = random.Random(nodes)
    now = int(time.time())
    for number in range(nodes):
        chosen = dice.sample(range(shards), _HELD_EACH + _CLAIMED_EACH)
        claims = tuple(
            Claim(ShardIndex(index), now - 60, now + int(WAN.lease_max_seconds), True, 40)
            for index in chosen[_HELD_EACH:]
        )
        state = CollectionState(COLLECTION, 1, ShardSet.of(chosen[:_HELD_EACH]), claims)
        # Nobody answers on these addresses of loopback, and each is refused at once.
        host = f"127.{1 + number // 65_536}.{number // 256 % 256}.{number % 256}"
        announcement = Announcement(
            sequence=now,
            issued_at=now,
            expires_at=now + int(WAN.lifetime_seconds),
            coordination=(Address(host, 9),),
            bittorrent=(Address(host, 10),),
            pledge_bytes=_PLEDGE_BYTES,
            free_bytes=dice.choice((0, 3 * SHARD_BYTES)),
            operator=f"operator-{number}",
            country="NL",
            asn=64_512,
            agent="mirrord/0.1.0",
            collections=(state,),
        )
        yield sign(Kind.ANNOUNCEMENT, encode_announcement(announcement), key_of(number))


def key_of(number: int) -> SigningKey:
    """Return the key of one of these nodes."""
    return SigningKey(hashlib.sha256(b"bench node %d" % number).digest())
