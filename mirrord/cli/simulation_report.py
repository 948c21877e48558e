"""How ``mirrord simulate`` answers: a table beside the oracle and the bounds, or JSON."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mirrord.cli.output import print_lines, say
from mirrord.cli.table import Column, own_screen, table_lines
from mirrord.cli.text import counted
from mirrord.simulation.listing import GOSSIP_SUMMARY, policy_summaries, scenario_summaries
from mirrord.simulation.report_figures import FIGURES, say_hours, say_percent
from mirrord.simulation.result import Result
from mirrord.simulation.scenarios import SCENARIOS
from mirrord.simulation.wishes import GOSSIP
from mirrord.sizes import format_size

SCHEMA: Final = 1
"""Of the JSON; it changes where a field changes its meaning."""

_ALWAYS: Final = ("overshoot", "peak", "claims", "yields", "beyond need", "below", "lowest", "final", "gini")
_WHERE_THERE_ARE: Final = ("releases", "left")
_NOTHING: Final = "-"


def print_listing(as_json: bool) -> None:
    """Print what can be simulated, and by which policies."""
    if as_json:
        scenarios = [
            {
                "name": name,
                "summary": scenario.summary,
                "nodes": scenario.nodes,
                "shards": scenario.shards,
                "copies": scenario.copies,
                "hours": scenario.hours,
                "staleness_seconds": scenario.staleness_seconds,
            }
            for name, scenario in SCENARIOS.items()
        ]
        policies = [{"name": name, "summary": summary} for name, summary in policy_summaries().items()]
        gossip = {"name": GOSSIP, "summary": GOSSIP_SUMMARY}
        _print_json({"schema": SCHEMA, "scenarios": scenarios, "gossip": gossip, "policies": policies})
        return
    screen = own_screen()
    scenarios_listed = {**scenario_summaries(), GOSSIP: GOSSIP_SUMMARY}
    for title, summaries in (("scenario", scenarios_listed), ("policy", policy_summaries())):
        columns = [Column(title), Column("what it is", wrapped=True)]
        print_lines(table_lines(screen, columns, list(summaries.items())))
        print_lines([""] if title == "scenario" else [])


def print_result(result: Result, oracle: Result | None, plot: Path | None, as_json: bool) -> None:
    """Print a run, beside the oracle's in the same world if there is one."""
    if as_json:
        _print_json({"schema": SCHEMA, **asdict(result), "oracle": None if oracle is None else asdict(oracle)})
    else:
        console = Console()
        console.print(_heading(result))
        console.print(_table(result, oracle))
        console.print(verdict(result, oracle))
    if plot is not None:
        say(f"{plot} is drawn")


def _print_json(facts: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(facts, allow_nan=False) + "\n")


def _heading(result: Result) -> Text:
    sizes = f"{counted(result.nodes, 'node')}, {counted(result.shards, 'shard')}, target {result.copies}"
    return Text.assemble(
        (result.scenario, "bold"),
        f": {SCENARIOS[result.scenario].summary}\n",
        (f"{sizes}, view: {result.view}, seed {result.seed}; {say_hours(result.hours)} h simulated", "dim"),
    )


def _table(result: Result, oracle: Result | None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("figure")
    table.add_column(result.policy, justify="right", style="bold")
    if oracle is not None:
        table.add_column("oracle", justify="right")
    table.add_column("bound", justify="right", style="dim")
    for name, ours, theirs, bound in _rows(result, oracle):
        table.add_row(name, ours, *([theirs] if oracle is not None else []), bound)
    return table


def _rows(result: Result, oracle: Result | None) -> Iterator[tuple[str, str, str, str]]:
    theirs = result if oracle is None else oracle
    bounds = result.bounds
    hours_min = f"≥ {say_hours(bounds.hours_min)} h"
    yield "all at target after", _hours(result.hours_to_target), _hours(theirs.hours_to_target), hours_min
    for level in ("1", "3", "5"):
        ours = result.hours_to_min[level]
        if ours != 0 and int(level) < result.copies:
            yield f"every shard at {level} or more after", _hours(ours), _hours(theirs.hours_to_min[level]), ""
    yield "bytes needed", format_size(result.bytes_needed), format_size(theirs.bytes_needed), ""
    yield "bytes fetched", format_size(round(result.bytes_fetched)), format_size(round(theirs.bytes_fetched)), ""
    yield "waste", say_percent(result.waste_ratio), say_percent(theirs.waste_ratio), "0 %"
    limits = {"lowest": "", "final": f"≤ {bounds.copies_max}", "overshoot": "0"}
    for name in (*_ALWAYS, *_WHERE_THERE_ARE):
        figure = FIGURES[name]
        own, others = figure.say(figure.of(result)), figure.say(figure.of(theirs))
        if name in _ALWAYS or own != "0" or others != "0":
            yield figure.title, own, others, limits.get(name, "")


def _hours(value: float | None) -> str:
    return "never" if value is None else f"{say_hours(value)} h"


def verdict(result: Result, oracle: Result | None) -> Text:
    """Return in a line what the run came to."""
    waste = f"waste {say_percent(result.waste_ratio)}"
    if result.violations:
        first = result.violation_examples[0]
        return Text(f"{counted(result.violations, 'rule')} broken, the first in {first}", "bold red")
    if result.hours_to_target is not None:
        return Text(
            f"All at target after {_hours(result.hours_to_target)}{_by_oracle(result, oracle)}; {waste}.", "bold green"
        )
    below = result.series[-1].below_target
    if below:
        why = f"; the pledges hold at most {result.bounds.copies_max} copies of all" if _is_full(result) else ""
        text = (
            f"{counted(below, 'shard')} of {result.shards:,} below target after {_hours(result.hours)}{why}; {waste}."
        )
        return Text(text, "bold yellow")
    if result.withdrawn_copies_left:
        left = counted(result.withdrawn_copies_left, "copy", "copies")
        return Text(f"{left} of withdrawn shards left after {_hours(result.hours)}; {waste}.", "bold yellow")
    return Text(f"All at target at the end, after {_hours(result.hours)}; {waste}.", "bold green")


def _is_full(result: Result) -> bool:
    return result.bounds.copies_max < result.copies


def _by_oracle(result: Result, oracle: Result | None) -> str:
    if oracle is None or oracle.hours_to_target is None or result.hours_to_target is None:
        return ""
    if not oracle.hours_to_target:
        return ""
    return f", {result.hours_to_target / oracle.hours_to_target:.2f} x the oracle's {_hours(oracle.hours_to_target)}"
