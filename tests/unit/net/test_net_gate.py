"""The gate: who gets a place, who makes room, and how often one may come."""

from collections import Counter

import pytest
import trio
import trio.testing

from mirrord.core import limits
from mirrord.net.gate import Gate, NetworkName, Place, network_of

NETWORK = NetworkName("198.51.100.0/24")


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("8.8.8.8", "8.8.8.0/24"),
        ("::ffff:8.8.8.8", "8.8.8.0/24"),
        ("2a00:1450:4001:80e::200e", "2a00:1450:4001:80e::/64"),
        ("127.0.0.1", None),
        ("::1", None),
        ("192.168.1.7", None),
        ("100.64.0.1", None),
        ("fe80::1%eth0", None),
        ("fd00::1", None),
        ("::ffff:10.0.0.1", None),
    ],
)
def test_a_network_is_what_one_customer_of_the_public_internet_gets(host: str, network: str | None) -> None:
    assert network_of(host) == network


def entered(gate: Gate, network: NetworkName | None, now_seconds: float = 0.0) -> Place:
    place = gate.enter(network, now_seconds)
    assert place is not None
    return place


def test_the_newest_always_gets_a_place_and_the_oldest_makes_room() -> None:
    async def scenario() -> None:
        gate = Gate(Counter())
        places = [entered(gate, None) for _ in range(limits.HANDSHAKES_MAX)]
        assert not any(place.scope.cancel_called for place in places)
        newest = entered(gate, None)
        assert [place.scope.cancel_called for place in places] == [True] + [False] * (limits.HANDSHAKES_MAX - 1)
        assert not newest.scope.cancel_called
        assert len(gate) == limits.HANDSHAKES_MAX

    trio.run(scenario)


def test_the_most_crowded_network_makes_room_and_not_whoever_came_first() -> None:
    async def scenario() -> None:
        gate = Gate(Counter())
        honest = entered(gate, NetworkName("203.0.113.0/24"))
        crowd = [entered(gate, NETWORK, float(second)) for second in range(limits.HANDSHAKES_MAX - 1)]
        late = entered(gate, NetworkName("192.0.2.0/24"))
        assert crowd[0].scope.cancel_called
        assert not any(place.scope.cancel_called for place in (honest, late, *crowd[1:]))

    trio.run(scenario)


def test_a_place_given_back_is_free() -> None:
    async def scenario() -> None:
        gate = Gate(Counter())
        for _ in range(limits.HANDSHAKES_MAX * 2):
            place = entered(gate, None)
            gate.leave(place)
            gate.leave(place)
            assert not place.scope.cancel_called
        assert len(gate) == 0
        gate.make_room()  # nobody is there, and that is no error

    trio.run(scenario)


def test_a_network_may_come_in_a_burst_and_then_at_its_rate() -> None:
    gate = Gate(Counter())
    for _ in range(limits.NETWORK_HANDSHAKES_BURST):
        gate.leave(entered(gate, NETWORK, 100.0))
    assert gate.enter(NETWORK, 100.0) is None
    assert gate.enter(NETWORK, 100.5) is None
    gate.leave(entered(gate, NetworkName("192.0.2.0/24"), 100.5))  # the others are not to blame
    gate.leave(entered(gate, NETWORK, 101.0))
    assert gate.enter(NETWORK, 101.0) is None
    for _ in range(limits.NETWORK_HANDSHAKES_BURST):
        gate.leave(entered(gate, NETWORK, 10_000.0))
    assert gate.enter(NETWORK, 10_000.0) is None


def test_addresses_of_no_network_have_no_rate() -> None:
    gate = Gate(Counter())
    for _ in range(1_000):
        gate.leave(entered(gate, None, 1.0))


def test_the_memory_of_rates_is_bounded_and_forgets_the_quietest() -> None:
    gate = Gate(Counter())
    for _ in range(limits.NETWORK_HANDSHAKES_BURST):
        gate.leave(entered(gate, NETWORK, 0.0))
    for number in range(limits.NETWORKS_TRACKED_MAX):
        gate.leave(entered(gate, NetworkName(str(number)), 0.0))
    assert len(gate._ready_at) == limits.NETWORKS_TRACKED_MAX
    assert gate.enter(NETWORK, 0.0) is not None


def test_handshakes_are_paced_after_a_burst() -> None:
    async def scenario() -> float:
        gate = Gate(Counter())
        for _ in range(limits.HANDSHAKES_BURST + 10 * limits.HANDSHAKES_PER_SECOND):
            await gate.wait_turn()
        return trio.current_time()

    clock = trio.testing.MockClock(autojump_threshold=0)
    began = clock.current_time()
    assert trio.run(scenario, clock=clock) - began == pytest.approx(10.0)


def test_who_gives_up_waiting_holds_nobody_up() -> None:
    async def scenario() -> float:
        gate = Gate(Counter())
        async with trio.open_nursery() as crowd:
            for _ in range(limits.HANDSHAKES_BURST + 1_000):
                crowd.start_soon(gate.wait_turn)
            await trio.testing.wait_all_tasks_blocked()
            crowd.cancel_scope.cancel()
        began = trio.current_time()
        await gate.wait_turn()
        return trio.current_time() - began

    waited = trio.run(scenario, clock=trio.testing.MockClock(autojump_threshold=0))
    assert waited <= 2.5 / limits.HANDSHAKES_PER_SECOND
