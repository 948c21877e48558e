"""Rendezvous keys: the order in which nodes are called to fetch a shard.

Weighted rendezvous hashing: ``key(j, s) = -ln((H64(salt | s | j) + 1) / 2^64) / w_j``, smallest first,
where w_j is the node's pledge in whole units of 100 GB.  A node with twice the weight comes first
twice as often, and every node computes the same order from the same records.
"""

import hashlib
import math
from typing import Final

from mirrord.core.records.ids import CollectionId, NodeId, ShardIndex

_WEIGHT_UNIT_BYTES: Final = 100 * 10**9
_DAY_SECONDS: Final = 86_400


def day_of(unix_seconds: float) -> int:
    """Return the number of the day, by which the order of the nodes changes."""
    return int(unix_seconds) // _DAY_SECONDS


def salt(collection: CollectionId, day: int, manifest_version: int) -> bytes:
    """Return the salt of a day: the same for all nodes, another one tomorrow."""
    tail = day.to_bytes(8, "big") + manifest_version.to_bytes(8, "big")
    return hashlib.blake2b(collection + tail, digest_size=16).digest()


def rank_key(day_salt: bytes, shard: ShardIndex, node: NodeId, pledge_bytes: int) -> float:
    """Return a node's key for a shard; the smaller, the earlier it is called."""
    digest = hashlib.blake2b(day_salt + shard.to_bytes(4, "big") + node, digest_size=8).digest()
    uniform = (int.from_bytes(digest, "big") + 1) / 2**64
    return -math.log(uniform) / max(1, pledge_bytes // _WEIGHT_UNIT_BYTES)
