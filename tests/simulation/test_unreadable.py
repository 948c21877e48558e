"""A holding that cannot be read is neither announced nor given up."""

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core.records.ids import ShardIndex, ShardKey
from mirrord.core.records.kinds import Kind
from mirrord.core.records.record import RecordKey
from mirrord.core.statistics import ShardRole
from tests.simulation.virtual_network import Machine, VirtualNetwork, make_body


def watched(machine: Machine) -> list[ef.Effect]:
    """Return a list that grows with the effects of each event from now on."""
    seen: list[ef.Effect] = []

    def watch(event: ev.Event, effects: list[ef.Effect]) -> None:
        seen.extend(effects)

    machine.doomed = watch
    return seen


def origin_of_two_shards() -> tuple[VirtualNetwork, Machine, ShardKey]:
    network = VirtualNetwork()
    origin = network.add(10_000_000)
    network.publish(origin, make_body(2))
    key = ShardKey(network.collection, ShardIndex(1))
    assert network.run(10, lambda: len(announced(network, origin)) == 2)
    return network, origin, key


def announced(network: VirtualNetwork, machine: Machine) -> set[int]:
    record = machine.node.state.gossip.records.get(RecordKey(Kind.ANNOUNCEMENT, machine.key.public))
    if record is None:
        return set()
    part = record.content.part_in(network.collection)  # type: ignore[union-attr]
    return set(part.holdings) if part is not None else set()


def test_it_leaves_the_announcement_and_comes_back_when_it_can_be_read_again() -> None:
    network, origin, key = origin_of_two_shards()
    seen = watched(origin)
    network.tell(origin, ev.FetchFailed(key, "Input/output error"))
    assert announced(network, origin) == {0}
    assert network.run(10, lambda: announced(network, origin) == {0, 1})
    assert any(isinstance(effect, ef.CheckShard) and effect.shard == key for effect in seen)
    assert not any(isinstance(effect, ef.RemoveShard | ef.ForgetShard | ef.FetchShard) for effect in seen)


def test_a_database_never_forgets_it_meanwhile() -> None:
    network, origin, key = origin_of_two_shards()
    seen = watched(origin)
    network.tell(origin, ev.FetchFailed(key, "Input/output error"))
    states = [e for e in seen if isinstance(e, ef.PersistShard) and e.shard == key]
    assert [state.state for state in states] == [ef.ShardState.CHECKING]
    assert states[0].verified_at > 0


def test_what_was_whole_once_and_has_lost_pieces_is_fetched_again() -> None:
    network, origin, key = origin_of_two_shards()
    seen = watched(origin)
    network.tell(origin, ev.FetchFailed(key, "Input/output error"))
    network.tell(origin, ev.HoldingFailed(key, 3))
    own = origin.node.state.custody.get(key)
    assert own is not None and own.role is ShardRole.FETCHING
    assert any(isinstance(effect, ef.FetchShard) and effect.shard == key for effect in seen)
    network.tell(origin, ev.FetchFailed(key, "Input/output error"))
    assert own.role is ShardRole.CHECKING
    assert not any(isinstance(effect, ef.RemoveShard) for effect in seen)
