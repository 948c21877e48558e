"""A node that must not speak yet, or not with this clock, says nothing, and does not spin either."""

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.events import ListeningStarted, TimePassed
from mirrord.core.records.ids import Address
from tests.unit.core.scripted import HERE, SWARM, ScriptedNode, pushed


def test_a_node_that_asks_for_its_last_record_sleeps_until_something_else_is_due() -> None:
    node = ScriptedNode().join()
    node.meet(1)
    node.restart()
    node.meet(2)
    node.tell(ListeningStarted((HERE,), (SWARM,)))
    assert not pushed(node.tell(TimePassed(0.5)))
    assert node.node.next_deadline > node.now.monotonic_seconds


def test_a_node_whose_clock_is_contradicted_sleeps_too() -> None:
    node = ScriptedNode().join()
    for peer in range(1, limits.CLOCK_PEERS_MIN + 1):
        node.meet(peer, dialled=Address(f"198.51.{peer}.1", 7700))
    node.now = Instant(node.now.monotonic_seconds + 10_000, node.now.unix_seconds - 86_400)
    assert not pushed(node.tell(TimePassed(0.5)))
    assert node.node.next_deadline > node.now.monotonic_seconds
