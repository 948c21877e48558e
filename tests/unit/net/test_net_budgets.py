"""Budgets: who has used up its part waits, whoever it calls itself, and nobody else does."""

from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from mirrord.core import limits
from mirrord.core.records.ids import NodeId
from mirrord.net.budgets import Budgets, Resource
from mirrord.net.gate import NetworkName
from mirrord.net.reached import NetLimit

NETWORK = NetworkName("198.51.100.0/24")
BURSTS = {
    Resource.RECEIVED_BYTES: limits.PEER_RECEIVED_BURST_BYTES,
    Resource.SENT_BYTES: limits.PEER_SENT_BURST_BYTES,
    Resource.WORK_SECONDS: limits.PEER_WORK_BURST_SECONDS,
}
RATES = {
    Resource.RECEIVED_BYTES: limits.PEER_RECEIVED_BYTES_PER_SECOND,
    Resource.SENT_BYTES: limits.PEER_SENT_BYTES_PER_SECOND,
    Resource.WORK_SECONDS: limits.PEER_WORK_SECONDS_PER_SECOND,
}
LIMIT = {
    Resource.RECEIVED_BYTES: NetLimit.PEER_RECEIVED_BYTES_PER_SECOND,
    Resource.SENT_BYTES: NetLimit.PEER_SENT_BYTES_PER_SECOND,
    Resource.WORK_SECONDS: NetLimit.PEER_WORK_SECONDS_PER_SECOND,
}


def peer(number: int) -> NodeId:
    return NodeId(number.to_bytes(32, "big"))


def in_virtual_time(scenario: Callable[[], Awaitable[None]]) -> None:
    trio.run(scenario, clock=trio.testing.MockClock(autojump_threshold=0))


async def waited(budgets: Budgets, number: int, network: NetworkName | None = None) -> float:
    """Return the seconds that a peer waits for its next frame."""
    began = trio.current_time()
    await budgets.of(peer(number), network).wait_until_even()
    return trio.current_time() - began


@pytest.mark.parametrize("resource", Resource)
def test_a_burst_costs_no_time_and_what_is_above_it_is_waited_for(resource: Resource) -> None:
    async def scenario() -> None:
        reached: Counter[NetLimit] = Counter()
        budgets = Budgets(reached)
        budget = budgets.of(peer(1), NETWORK)
        budget.charge(resource, BURSTS[resource])
        assert await waited(budgets, 1, NETWORK) == 0
        assert not reached
        budget.charge(resource, 3 * RATES[resource])
        assert await waited(budgets, 1, NETWORK) == pytest.approx(3)
        assert reached == {LIMIT[resource]: 1}
        assert await waited(budgets, 1, NETWORK) == 0

    in_virtual_time(scenario)


def test_one_peer_in_debt_holds_up_no_other() -> None:
    async def scenario() -> None:
        budgets = Budgets(Counter())
        budgets.of(peer(1), NETWORK).charge(Resource.WORK_SECONDS, 2 * limits.PEER_WORK_BURST_SECONDS)
        assert await waited(budgets, 2, NETWORK) == 0
        assert await waited(budgets, 3) == 0

    in_virtual_time(scenario)


def test_time_pays_debts_and_fills_no_more_than_a_burst() -> None:
    async def scenario() -> None:
        budgets = Budgets(Counter())
        budget = budgets.of(peer(1), None)
        budget.charge(Resource.SENT_BYTES, 2 * limits.PEER_SENT_BURST_BYTES)
        await trio.sleep(100 * limits.PEER_SENT_BURST_BYTES / limits.PEER_SENT_BYTES_PER_SECOND)
        assert await waited(budgets, 1) == 0
        budget.charge(Resource.SENT_BYTES, limits.PEER_SENT_BURST_BYTES + limits.PEER_SENT_BYTES_PER_SECOND)
        assert await waited(budgets, 1) == pytest.approx(1)

    in_virtual_time(scenario)


def test_no_wait_is_longer_than_a_peers_patience() -> None:
    assert limits.BUDGET_WAIT_MAX_SECONDS < limits.SEND_TIMEOUT_SECONDS

    async def scenario() -> None:
        budgets = Budgets(Counter())
        budgets.of(peer(1), None).charge(Resource.WORK_SECONDS, 1_000)
        assert await waited(budgets, 1) == limits.BUDGET_WAIT_MAX_SECONDS

    in_virtual_time(scenario)


def test_fresh_keys_of_one_network_share_what_it_has() -> None:
    async def scenario() -> None:
        reached: Counter[NetLimit] = Counter()
        budgets = Budgets(reached)
        for number in range(limits.NETWORK_BUDGETS_MAX):
            budgets.of(peer(number), NETWORK).charge(Resource.WORK_SECONDS, limits.PEER_WORK_BURST_SECONDS)
        assert await waited(budgets, 100, NETWORK) == 0
        budgets.of(peer(100), NETWORK).charge(Resource.WORK_SECONDS, 0.5)
        assert await waited(budgets, 101, NETWORK) > 1
        assert reached == {NetLimit.NETWORK_BUDGETS_MAX: 1}
        assert await waited(budgets, 102, NetworkName("203.0.113.0/24")) == 0

    in_virtual_time(scenario)


def test_who_is_in_debt_at_each_frame_for_too_long_is_overspent_until_it_has_paid() -> None:
    async def scenario() -> None:
        budgets = Budgets(Counter())
        budget = budgets.of(peer(1), NETWORK)
        budget.charge(Resource.WORK_SECONDS, limits.PEER_WORK_BURST_SECONDS + 1)
        began = trio.current_time()
        while not budget.is_overspent:
            await budget.wait_until_even()
            budget.charge(Resource.WORK_SECONDS, 0.5)  # fifty times what the wait paid for
        assert trio.current_time() - began == pytest.approx(limits.PEER_OVERSPENT_SECONDS, abs=30)
        assert budgets.of(peer(1), None).is_overspent  # calling again, from wherever
        assert not budgets.of(peer(2), NETWORK).is_overspent
        await trio.sleep(20 * limits.PEER_OVERSPENT_SECONDS)
        assert not budget.is_overspent

    in_virtual_time(scenario)


def test_who_pays_between_its_frames_is_never_overspent() -> None:
    async def scenario() -> None:
        reached: Counter[NetLimit] = Counter()
        budget = Budgets(reached).of(peer(1), None)
        budget.charge(Resource.WORK_SECONDS, limits.PEER_WORK_BURST_SECONDS)
        for _ in range(1_000):
            assert not budget.is_overspent
            await budget.wait_until_even()
            budget.charge(Resource.WORK_SECONDS, 0.1)
            await trio.sleep(0.11 / limits.PEER_WORK_SECONDS_PER_SECOND)
        assert not reached

    in_virtual_time(scenario)


def test_the_memory_of_budgets_is_bounded_and_forgets_the_quietest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PEERS_TRACKED_MAX", 100)
    monkeypatch.setattr(limits, "NETWORKS_TRACKED_MAX", 10)

    async def scenario() -> None:
        reached: Counter[NetLimit] = Counter()
        budgets = Budgets(reached)
        for number in range(1_000):
            budgets.of(peer(0), NETWORK).charge(Resource.WORK_SECONDS, 1.0)
            budgets.of(peer(number), NetworkName(str(number))).charge(Resource.RECEIVED_BYTES, 100)
        assert budgets.tracked == 110
        assert reached[NetLimit.PEERS_TRACKED_MAX] == 900
        assert reached[NetLimit.NETWORKS_TRACKED_MAX] == 991
        assert await waited(budgets, 0) > 0  # the noisy one is still known

    in_virtual_time(scenario)


def test_the_sessions_that_wait_are_counted_while_they_do() -> None:
    async def scenario() -> None:
        budgets = Budgets(Counter())
        budgets.of(peer(1), None).charge(Resource.WORK_SECONDS, limits.PEER_WORK_BURST_SECONDS + 1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(budgets.of(peer(1), None).wait_until_even)
            await trio.testing.wait_all_tasks_blocked()
            assert budgets.slowed == 1
            nursery.cancel_scope.cancel()
        assert budgets.slowed == 0

    in_virtual_time(scenario)
