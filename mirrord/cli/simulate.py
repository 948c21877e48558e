"""``mirrord simulate``: what becomes of a simulated network, on this machine alone."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mirrord.cli.simulate_gossip import Exact, Hostile, Offline, Periods, Reachable, check_options, simulate_gossip
from mirrord.cli.status import DEGRADED
from mirrord.core.errors import UsageError
from mirrord.times import parse_duration

if TYPE_CHECKING:
    from mirrord.simulation.result import Result
    from mirrord.simulation.wishes import Wishes

_COUNT_MAX: Final = 100_000
_NODES_MIN: Final = 2
_COPIES_MAX: Final = 200
_CELLS_MAX: Final = 1_000_000_000
"""Nodes times shards: a gigabyte for each of the two tables of who holds what."""
_SEED_MAX: Final = 2**63 - 1
_LEAST_SHARD_BYTES: Final = 80 * 10**9
_GOSSIP: Final = "gossip"
_RULE_BROKEN: Final = 1

Scenario = Annotated[str, typer.Argument(metavar="SCENARIO", help="What befalls the network.", show_default=False)]
Nodes = Annotated[int | None, typer.Option(min=_NODES_MIN, max=_COUNT_MAX, help="How many nodes.", show_default=False)]
Shards = Annotated[
    int | None, typer.Option(min=1, max=_COUNT_MAX, help="How many shards of 80 to 120 GB.", show_default=False)
]
Copies = Annotated[
    int | None, typer.Option(min=1, max=_COPIES_MAX, help="The target of every shard.", show_default=False)
]
Staleness = Annotated[
    str | None,
    typer.Option(
        metavar="AGE",
        help="How old every view of the others is: 1h, 15min; or gossip, as records really travel.",
        show_default="what the scenario says",
    ),
]


def simulate(
    context: typer.Context,
    scenario: Scenario = "",
    policy: Annotated[str, typer.Option(help="What decides for the nodes.")] = "mirrord",
    nodes: Nodes = None,
    shards: Shards = None,
    copies: Copies = None,
    seed: Annotated[int, typer.Option(min=0, max=_SEED_MAX, help="The same seed, the same run.")] = 1,
    staleness: Staleness = None,
    known: Annotated[float, typer.Option(metavar="SHARE", help="The part of the members that a node knows.")] = 1.0,
    loss: Annotated[float, typer.Option(metavar="SHARE", help="The part of the records that get lost.")] = 0.0,
    hours: Annotated[float | None, typer.Option(help="Simulate so long at most.", show_default=False)] = None,
    reachable: Reachable = 0.3,
    offline: Offline = 0.2,
    hostile: Hostile = 0.0,
    periods: Periods = 20,
    exact: Exact = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw the run: .svg or .png.")] = None,
    no_oracle: Annotated[bool, typer.Option("--no-oracle", help="Do not run the oracle for comparison.")] = False,
    list_all: Annotated[bool, typer.Option("--list", help="List the scenarios and the policies.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Let a policy place shards in a simulated network, beside an oracle; or, with the scenario gossip, let records
    travel in one.

    Exit code 3: some shard is below its target at the end, or some record has not reached nearly everybody.
    """
    from mirrord.cli.simulation_report import print_listing, print_result
    from mirrord.simulation.gossip.wishes import GossipWishes
    from mirrord.simulation.wishes import Wishes

    if list_all:
        print_listing(as_json)
        return
    if not scenario:
        raise UsageError("which scenario?", "`mirrord simulate --list` shows them")
    check_options(context, about_gossip=scenario == _GOSSIP)
    if scenario == _GOSSIP:
        simulate_gossip(GossipWishes(nodes or 10_000, seed, reachable, offline, hostile, periods, exact), as_json)
        return
    wishes = Wishes(scenario, policy, seed, nodes, shards, copies, _age(staleness), known, loss, hours)
    _check(wishes, staleness, plot)
    result, oracle = _run(wishes, no_oracle)
    if plot is not None:
        from mirrord.simulation.plots import draw_run

        draw_run(plot, result, oracle)
    print_result(result, oracle, plot, as_json)
    if result.violations:
        raise typer.Exit(_RULE_BROKEN)
    if result.series[-1].below_target:
        raise typer.Exit(DEGRADED)


def _age(text: str | None) -> float | None:
    """Return the seconds that an age says, None for gossip."""
    if text is None or text == _GOSSIP:
        return None
    try:
        return parse_duration(text, "an age")
    except UsageError as error:
        raise UsageError(error.message, f"{error.hint}; or gossip") from None


def _check(wishes: "Wishes", staleness: str | None, plot: Path | None) -> None:
    """Raise :class:`UsageError` for whatever can be known to fail before a long run."""
    from mirrord.simulation.extra import check_can_simulate
    from mirrord.simulation.plot_paper import check_plot_path
    from mirrord.simulation.policy import policy_names
    from mirrord.simulation.scenarios import make_scenario
    from mirrord.simulation.wishes import unknown_name

    check_can_simulate()
    made = make_scenario(wishes)
    if wishes.policy not in policy_names():
        raise unknown_name("policy", wishes.policy, policy_names())
    if staleness == _GOSSIP and made.staleness_seconds is not None:
        raise UsageError(f"{wishes.scenario} is about views of one age", "name an age, as in 15min")
    if made.node_count * made.shard_count > _CELLS_MAX:
        raise UsageError(
            f"{made.node_count:,} nodes times {made.shard_count:,} shards do not fit into memory",
            f"nodes times shards can be at most {_CELLS_MAX:,}",
        )
    collection_bytes = made.shard_count * _LEAST_SHARD_BYTES
    pledged = sum(min(pledge, collection_bytes) for pledge in made.people(made.node_count).pledge_bytes.tolist())
    if pledged < made.copy_count * collection_bytes:
        raise UsageError(
            f"{made.node_count:,} nodes have no room for {made.copy_count} copies of {made.shard_count:,} shards",
            "ask for more nodes, fewer shards or fewer copies",
        )
    if plot is not None:
        check_plot_path(plot)


def _run(wishes: "Wishes", no_oracle: bool) -> "tuple[Result, Result | None]":
    from dataclasses import replace

    from mirrord.simulation.engine import run
    from mirrord.simulation.policy import ORACLE
    from mirrord.simulation.telling import telling_on

    with telling_on(sys.stderr) as telling:
        telling.far(0.0, f"{wishes.policy}: building the world")
        if no_oracle or wishes.policy == ORACLE:
            return run(wishes, telling.far), None
        result = run(wishes, lambda fraction, text: telling.far(fraction / 2, text))
        oracle = run(replace(wishes, policy=ORACLE), lambda fraction, text: telling.far((1 + fraction) / 2, text))
    return replace(result, oracle_hours_to_target=oracle.hours_to_target), oracle
