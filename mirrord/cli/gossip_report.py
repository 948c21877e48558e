"""How ``mirrord simulate gossip`` answers: a table beside what is promised at 10,000 nodes, or JSON."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mirrord.cli.text import counted
from mirrord.simulation.gossip.result import GossipResult
from mirrord.simulation.gossip.wire import Sort
from mirrord.simulation.wishes import GOSSIP

SCHEMA: Final = 1
"""Of the JSON; it changes where a field changes its meaning."""

_KB: Final = 1_000
_SORTS: Final = {
    Sort.DIGESTS: "digests",
    Sort.LISTINGS: "lists of sequences",
    Sort.RECORDS: "records, asked for",
    Sort.PUSHES: "records, pushed",
    Sort.HANDSHAKES: "opening sessions",
}


def print_gossip(result: GossipResult, as_json: bool) -> None:
    """Print a run."""
    if as_json:
        facts = {"schema": SCHEMA, "scenario": GOSSIP, **asdict(result)}
        sys.stdout.write(json.dumps(facts, allow_nan=False) + "\n")
        return
    console = Console()
    console.print(_heading(result))
    console.print(_table(result))
    console.print(gossip_verdict(result))


def _heading(result: GossipResult) -> Text:
    nodes = (
        f"{counted(result.nodes, 'node')}, {result.reachable:.0%} of them reachable, {result.offline:.0%} offline, "
        f"{result.hostile:.0%} of the others hostile; seed {result.seed}; {counted(result.periods, 'period')} measured"
    )
    return Text.assemble((GOSSIP, "bold"), ": how records travel in a steady network\n", (nodes, "dim"))


def _table(result: GossipResult) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("figure")
    table.add_column("measured", justify="right", style="bold")
    table.add_column("promised at 10,000", justify="right", style="dim")
    for row in _rows(result):
        table.add_row(*row)
    return table


def _rows(result: GossipResult) -> Iterator[tuple[str, str, str]]:
    yield "an ordinary change reaches half after", _periods(result.periods_to_half), ""
    yield "99.9 % after, on average", _periods(result.periods_to_999), "≤ 7 periods"
    yield f"the slowest of {result.tracers}", _periods(result.periods_to_999_worst), ""
    yield "an urgent change reaches half after, median", _periods(result.urgent_periods_median), "≤ 2 periods"
    yield "99.9 % after, the slowest", _periods(result.urgent_periods_to_999), ""
    yield "its bytes for each node", _kilobytes(result.urgent_bytes_per_node), ""
    yield "in and out together, a node", _rate(result.bytes_per_second_per_node), "≤ 6.00 kB/s"
    for sort, words in _SORTS.items():
        yield f"  {words}", _rate(result.bytes_per_second_by_sort[sort]), ""
    yield "  every record in and out once", _rate(result.payload_bytes_per_second), ""
    yield "a node that can be dialled", _rate(result.bytes_per_second_reachable), ""
    yield "a node that cannot", _rate(result.bytes_per_second_unreachable), ""
    differences = counted(result.digest_differences, "difference")
    yield f"digest exchange with {differences}, one way", _kilobytes(result.digest_bytes), "≤ 35.0 kB"
    yield "the same with none", _kilobytes(result.digest_bytes_equal), "< 1.0 kB"
    yield "open sessions of a node", f"{result.sessions_per_node:.1f}", ""
    yield from _hostile_rows(result)


def _hostile_rows(result: GossipResult) -> Iterator[tuple[str, str, str]]:
    if not result.hostile:
        return
    slowdown = "never" if result.slowdown is None else f"{result.slowdown:.2f} x"
    yield "slower than without hostile nodes", slowdown, "≤ 1.50 x"
    yield "hostile messages", f"{sum(result.hostile_messages.values()):,}", ""
    yield "  judged", _counts(result.rejected), ""
    yield "  sessions ended for it", f"{sum(result.caught.values()):,}", ""
    yield "  contradictions proved", counted(result.equivocators_proven, "node"), ""
    yield "forged records accepted", f"{result.forged_accepted:,}", "0"


def _counts(counts: Mapping[str, int]) -> str:
    return "\n".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items()) or "nothing"


def _periods(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f} periods"


def _rate(bytes_per_second: float) -> str:
    return f"{bytes_per_second / _KB:.2f} kB/s"


def _kilobytes(size: float) -> str:
    return f"{size / _KB:.1f} kB"


def gossip_verdict(result: GossipResult) -> Text:
    """Return in a line what the run came to."""
    if result.forged_accepted:
        return Text(f"{counted(result.forged_accepted, 'forged record')} accepted", "bold red")
    if result.mismatches:
        rounds = counted(result.mismatches, "round")
        return Text(f"{rounds} of {result.exchanges_spoken:,} did not leave both ends with the newest", "bold red")
    if result.periods_to_999 is None or result.urgent_periods_to_999 is None:
        return Text("Not every change reached 99.9 % of the honest nodes online.", "bold yellow")
    text = f"An ordinary change reaches 99.9 % after {_periods(result.periods_to_999)}"
    if result.slowdown is not None:
        text += f", {result.slowdown:.2f} x as long as without hostile nodes, and no forged record was accepted"
    return Text(f"{text}; {_rate(result.bytes_per_second_per_node)} a node.", "bold green")
