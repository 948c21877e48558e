"""The scenarios, by name."""

from typing import Final

from mirrord.simulation.scenarios.bootstrap import Bootstrap
from mirrord.simulation.scenarios.churn import Churn
from mirrord.simulation.scenarios.domain_loss import DomainLoss
from mirrord.simulation.scenarios.full_scale import FullScale
from mirrord.simulation.scenarios.graceful_leave import GracefulLeave
from mirrord.simulation.scenarios.heal import Heal5, Heal15, Heal30
from mirrord.simulation.scenarios.liars import Liars
from mirrord.simulation.scenarios.one_node import JoinOne, LeaveOne
from mirrord.simulation.scenarios.partition import Partition
from mirrord.simulation.scenarios.phased_release import PhasedRelease
from mirrord.simulation.scenarios.scenario import Scenario
from mirrord.simulation.scenarios.single_shard import SingleShard
from mirrord.simulation.scenarios.storm import Storm
from mirrord.simulation.scenarios.withdrawal import Withdrawal
from mirrord.simulation.wishes import GOSSIP, Wishes, unknown_name

_ALL: Final[tuple[type[Scenario], ...]] = (
    SingleShard,
    Heal5,
    Heal15,
    Heal30,
    Bootstrap,
    Churn,
    JoinOne,
    LeaveOne,
    GracefulLeave,
    Partition,
    DomainLoss,
    PhasedRelease,
    Withdrawal,
    Storm,
    Liars,
    FullScale,
)

SCENARIOS: Final[dict[str, type[Scenario]]] = {scenario.name: scenario for scenario in _ALL}
"""Every scenario by name, in the order in which to list them."""


def make_scenario(wishes: Wishes) -> Scenario:
    """Return the scenario that ``wishes`` names, or raise :class:`UsageError`."""
    if wishes.scenario not in SCENARIOS:
        raise unknown_name("scenario", wishes.scenario, (*SCENARIOS, GOSSIP))
    return SCENARIOS[wishes.scenario](wishes)
