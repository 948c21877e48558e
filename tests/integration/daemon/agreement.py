"""What a network of running nodes has to agree on, and how to wait until it does."""

from collections.abc import Iterable, Sequence

from mirrord.control.wishes import JoinWish
from mirrord.core.records.ids import NodeId
from tests.integration.daemon.running_nodes import WAIT_SECONDS, RunningNode


def start_all(nodes: Iterable[RunningNode]) -> None:
    """Start nodes side by side and wait until each answers."""
    starting = list(nodes)
    for node in starting:
        node.launch()
    for node in starting:
        node.wait_until(node.answers, "it answers")


def join_all(nodes: Iterable[RunningNode], invitation: str) -> None:
    """Let nodes join a collection."""
    for node in nodes:
        node.client.post("collections/join", JoinWish(invitation=invitation))


def connected(node: RunningNode, *others: RunningNode) -> bool:
    """Whether a node has a session with each of these."""
    peers = [node.peer(other) for other in others]
    return all(peer is not None and peer.connected for peer in peers)


def wait_until_one(nodes: Sequence[RunningNode], seconds: float = WAIT_SECONDS) -> None:
    """Wait until everybody has what everybody had announced when this was called, or newer."""
    sequences = {node.id: node.status().node.sequence for node in nodes}
    for node in nodes:
        for other, sequence in sequences.items():
            if other != node.id:
                _wait_for_announcement(node, other, sequence, seconds)


def _wait_for_announcement(node: RunningNode, other: NodeId, sequence: int, seconds: float) -> None:
    def is_here() -> bool:
        found = node.announcement_of(other)
        return found is not None and found.sequence >= sequence

    node.wait_until(is_here, f"it has announcement {sequence} of another", seconds)


def wait_until_safe(nodes: Sequence[RunningNode], shards: int, seconds: float = WAIT_SECONDS) -> None:
    """Wait until every node counts the target of so many shards."""
    for node in nodes:
        node.wait_until(
            lambda node=node: sum(shard.replicas >= shard.target for shard in node.shards()) == shards,
            f"it sees all {shards} shards at their targets",
            seconds,
        )


def wait_until_alike(nodes: Sequence[RunningNode], seconds: float = WAIT_SECONDS) -> None:
    """Wait until everybody counts the same copies."""
    nodes[0].wait_until(lambda: len({_coverage(node) for node in nodes}) == 1, "all count the same copies", seconds)


def _coverage(node: RunningNode) -> tuple[tuple[str, int, int, int], ...]:
    """Return (collection, shard, replicas, target) as a node counts them."""
    return tuple((shard.collection, shard.index, shard.replicas, shard.target) for shard in node.shards())
