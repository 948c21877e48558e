"""The demo on a terminal: bands by replicas, machines, and what happened; plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mirrord.demo.machines import Machine, Snapshot
from mirrord.demo.network import Network
from mirrord.sizes import format_size

_BANDS: Final = ("head", "upper", "middle", "tail", "zero")
_COLOURS: Final = ("red", "dark_orange", "yellow", "green", "green", "green")
_COLUMNS: Final = ("0", "1", "2", "3", "4", "5+")
_LINE_EVERY_SECONDS: Final = 2.0
_BAR_CELLS: Final = 16
_STORY_LINES: Final = 6

Show = Callable[[str | None], None]


class DemoView:
    """Draws the network as its first living volunteer sees it."""

    def __init__(self, network: Network, console: Console) -> None:
        self._network = network
        self._console = console
        self._began = time.monotonic()
        self._story: list[str] = []
        self._said_at = 0.0

    @contextmanager
    def showing(self) -> Iterator[Show]:
        """Yield the function to call with each line of the story, or None to redraw."""
        if not self._console.is_terminal:
            yield self._say
            return
        with Live(self.render(), console=self._console, auto_refresh=False, transient=False) as live:

            def show(line: str | None) -> None:
                self.tell(line)
                live.update(self.render(), refresh=True)

            yield show

    def tell(self, line: str | None) -> None:
        """Add a line to the story, with its second."""
        if line is not None:
            self._story.append(f"{time.monotonic() - self._began:5.1f} s  {line}")

    def _say(self, line: str | None) -> None:
        self.tell(line)
        if line is not None:
            self._console.print(self._story[-1], soft_wrap=True, highlight=False)
        elif time.monotonic() - self._said_at > _LINE_EVERY_SECONDS:
            self._said_at = time.monotonic()
            self._console.print(
                f"{self._said_at - self._began:5.1f} s  {self._in_a_line()}", soft_wrap=True, highlight=False
            )

    def _in_a_line(self) -> str:
        snapshot = self._witness()
        if snapshot is None or not snapshot.status.collections:
            return "starting"
        coverage = snapshot.status.collections[0].coverage
        met = coverage.shards - coverage.below_target
        fetching = sum(shard.role == "fetching" for m in self._network.machines if m.last for shard in m.last.shards)
        return (
            f"{met} of {coverage.shards} shards at target, fewest replicas {coverage.min_replicas}, "
            f"demand covered {coverage.demand_covered.target:.0%}, {fetching} fetches, "
            f"{format_size(self._network.fetched_bytes)} moved"
        )

    def _witness(self) -> Snapshot | None:
        seen = (machine.last for machine in [*self._network.volunteers, self._network.origin])
        return next((s for s in seen if s is not None and s.shards), None)

    def render(self) -> RenderableType:
        """Return the whole picture."""
        parts: list[RenderableType] = [self._headline(), self._bands(), self._machines()]
        parts += [Text(line) for line in self._story[-_STORY_LINES:]]
        return Group(*parts)

    def _headline(self) -> Text:
        snapshot = self._witness()
        if snapshot is None or not snapshot.status.collections:
            return Text("starting the machines", style="bold")
        collection = snapshot.status.collections[0]
        coverage = collection.coverage
        style = "bold green" if coverage.below_target == 0 else "bold yellow" if coverage.min_replicas else "bold red"
        return Text(
            f"{collection.name}: {coverage.shards} shards, {format_size(collection.bytes)}; "
            f"demand covered {coverage.demand_covered.target:.0%} at target, "
            f"fewest replicas {coverage.min_replicas}",
            style=style,
        )

    def _bands(self) -> Table:
        table = Table(title="shards by popularity band and replicas", title_justify="left", box=box.SIMPLE_HEAD)
        table.add_column("band")
        table.add_column("demand", justify="right")
        for column, colour in zip(_COLUMNS, _COLOURS, strict=True):
            table.add_column(column, justify="right", style=colour)
        for column in ("claims", "fetches", "bytes"):
            table.add_column(column, justify="right")
        snapshot = self._witness()
        for band in _BANDS:
            shards = [shard for shard in snapshot.shards if shard.band == band] if snapshot is not None else []
            if not shards:
                continue
            counts = [sum(min(shard.replicas, 5) == k for shard in shards) for k in range(6)]
            fetches = sum(
                shard.band == band and shard.role == "fetching"
                for machine in self._network.machines
                if machine.last is not None
                for shard in machine.last.shards
            )
            table.add_row(
                band,
                f"{sum(shard.demand_share for shard in shards):.1%}",
                *(str(count) if count else "·" for count in counts),
                str(sum(shard.claims for shard in shards)),
                str(fetches),
                format_size(sum(shard.bytes for shard in shards)),
            )
        return table

    def _machines(self) -> Table:
        table = Table(title="machines", title_justify="left", box=box.SIMPLE_HEAD)
        for column in ("machine", "state", "pledge used"):
            table.add_column(column)
        for column in ("shards", "fetched", "claims", "yields", "peers"):
            table.add_column(column, justify="right")
        for machine in self._network.machines:
            table.add_row(*_machine_row(machine))
        return table


def _machine_row(machine: Machine) -> tuple[RenderableType, ...]:
    made, yielded = machine.claims
    if machine.last is None:
        state = Text("killed" if machine.fetched_before or machine.folder.exists() else "to come", style="red")
        return machine.name, state, "", "", format_size(machine.fetched_bytes), str(made), str(yielded), ""
    node = machine.last.status.node
    share = node.used_bytes / node.pledge_bytes if node.pledge_bytes else 0.0
    filled = min(_BAR_CELLS, round(share * _BAR_CELLS))
    bar = Text("█" * filled + "░" * (_BAR_CELLS - filled) + f" {share:4.0%} of {format_size(node.pledge_bytes)}")
    return (
        machine.name,
        Text("alive", style="green"),
        bar,
        str(len(machine.last.held)),
        format_size(machine.fetched_bytes),
        str(made),
        str(yielded),
        str(node.nodes_alive),
    )
