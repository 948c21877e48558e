"""What a session's handshake takes on the wire, as the gossip simulator counts it."""

import pytest
import trio
from loopback import connected, running

from mirrord.simulation.gossip.wire import HANDSHAKE_BYTES


def test_the_simulator_counts_a_handshake_as_it_is() -> None:
    async def scenario() -> None:
        async with running(1) as caller, running(2) as called:
            await connected(caller, called)
            statistics = caller.network.statistics()
            both_ways = statistics.sent_bytes + statistics.received_bytes
            assert both_ways == pytest.approx(HANDSHAKE_BYTES, rel=0.05)

    trio.run(scenario)
