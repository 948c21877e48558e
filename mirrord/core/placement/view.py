"""The view: everything the planner reads of one collection, frozen at one moment.

What it says of others comes from their announcements, as old as gossip delivered them; what it
says of this node is exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mirrord.core.records.ids import CollectionId, NodeId, ShardIndex
from mirrord.core.records.kinds import Claim, Shard
from mirrord.core.records.shardset import ShardSet


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node that takes part in the collection, ourselves included.

    ``presence`` (p_j, 0 to 1) weighs its holdings; ``claims`` are only the valid ones; ``eligible``
    says that its announcement is fresh and that it is not leaving.
    """

    node: NodeId
    presence: float
    eligible: bool
    holdings: ShardSet
    claims: tuple[Claim, ...]
    pledge_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class View:
    """One collection: its shards, their targets, and its nodes in the order of their ids."""

    collection: CollectionId
    day_salt: bytes
    own: NodeId
    shards: tuple[Shard, ...]
    targets: tuple[int, ...]
    nodes: tuple[NodeView, ...]


@dataclass(frozen=True, slots=True)
class OwnClaim:
    """A claim of ours.  ``since`` is monotonic seconds; ``percent`` is how much is fetched."""

    shard: ShardIndex
    since: float
    fetching: bool
    percent: int


@dataclass(frozen=True, slots=True)
class OwnState:
    """What only we know of ourselves.

    ``room_bytes`` is what the pledge and the disk both still allow, over all collections;
    ``pledge_bytes`` the pledge itself.  ``banned`` maps shards that failed us to the monotonic
    second at which we may claim them again.
    """

    holdings: ShardSet
    claims: tuple[OwnClaim, ...]
    busy: ShardSet
    pledge_bytes: int
    room_bytes: int
    fetches_elsewhere: int
    claims_elsewhere: int
    banned: Mapping[ShardIndex, float]
    refused_rights: tuple[str, ...]
    may_claim: bool
