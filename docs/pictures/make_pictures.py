"""Draws what a person looks at, from one real run of the demo: ``make pictures``.

While the network heals, at its height, it keeps what the demo shows, the status page of a volunteer and its
``mirrord top``; at the end the demo again, and how many copies there were of what at every moment.  Chromium draws
the page (Debian packages chromium and chromium-driver).
"""

import io
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import matplotlib.pyplot as plt
from rich.console import Console, Group, RenderableType
from rich.text import Text

from mirrord.demo.machines import Machine
from mirrord.demo.network import TARGET, Network, make_network
from mirrord.demo.scenario import Story, Summary
from mirrord.demo.source import build
from mirrord.demo.view import DemoView
from tests.browser import LACKING, screenshot

HERE: Final = Path(__file__).parent
WIDTH: Final = 108
VOLUNTEERS: Final = 5
TOP_LINES: Final = 36
_SHADES: Final = ("#b2182b", "#ef8a62", "#fddbc7", "#67a9cf")
"""None, one, two, and three copies or more: told apart by who does not see red and green, too."""


@dataclass
class Moment:
    """What one volunteer showed at one moment."""

    demo: RenderableType = field(default_factory=Text)
    page: bytes = b""
    top: str = ""


@dataclass
class Witness:
    """Looks on while the demo plays.  ``copies`` has, by second, how many shards had 0, 1, 2 and more replicas."""

    network: Network
    view: DemoView
    began: float = field(default_factory=time.monotonic)
    copies: list[tuple[float, list[int]]] = field(default_factory=list)
    said: list[tuple[float, str]] = field(default_factory=list)
    height: Moment = field(default_factory=Moment)
    busy: int = 0

    def show(self, line: str | None) -> None:
        """Take what the story shows."""
        self.view.tell(line)
        now = time.monotonic() - self.began
        if line is not None:
            self.said.append((now, line))
        volunteer = self.network.volunteers[0]
        if volunteer.last is not None and volunteer.last.shards:
            counts = [min(shard.replicas, TARGET) for shard in volunteer.last.shards]
            self.copies.append((now, [counts.count(number) for number in range(TARGET + 1)]))
        busy = healing(self.network)
        if busy > self.busy:
            self.busy, self.height = busy, look(self.view, volunteer)


def healing(network: Network) -> int:
    """Return how many shards are being fetched while the origin is dead."""
    if network.origin.alive:
        return 0
    seen = [machine.last for machine in network.machines if machine.last is not None]
    return sum(shard.role == "fetching" for snapshot in seen for shard in snapshot.shards)


def look(view: DemoView, machine: Machine) -> Moment:
    """Keep what is to be seen now."""
    with urllib.request.urlopen(f"http://127.0.0.1:{machine.metrics_port}/", timeout=10) as answer:
        page = answer.read()
    wide = {**os.environ, "COLUMNS": str(WIDTH), "LINES": "40", "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "mirrord", "top", "--once", "--folder", str(machine.folder)]
    top = subprocess.run(command, env=wide, capture_output=True, text=True, check=False).stdout
    return Moment(view.render(), page, top)


def play() -> tuple[Witness, Summary, RenderableType]:
    """Run the demo in a folder that is gone afterwards; return who looked on, how it went and what it ends with."""
    console = Console(width=WIDTH, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory(prefix="mirrord-picture-") as root:
        collection = build(Path(root), None, "")
        network = make_network(Path(root), VOLUNTEERS, sum(collection.sizes))
        witness = Witness(network, DemoView(network, console))
        try:
            summary = Story(network, collection, witness.show).run()
            return witness, summary, witness.view.render()
        finally:
            for machine in reversed(network.machines):
                machine.stop()


def draw_terminal(name: str, title: str, *shown: RenderableType) -> None:
    """Write a terminal as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Group(*shown))
    console.save_svg(str(HERE / name), title=title)


def draw_page(page: bytes) -> None:
    """Write the status page as PNG: on a desk by day, on a telephone by night."""
    with tempfile.TemporaryDirectory(prefix="mirrord-picture-") as root:
        path = Path(root) / "page.html"
        path.write_bytes(page)
        screenshot(path.as_uri(), HERE / "page.png", 1280, 960, dark=False, whole=False)
        screenshot(path.as_uri(), HERE / "page-phone.png", 390, 844, dark=True, whole=False)


def draw_copies(witness: Witness) -> None:
    """Draw how many shards had how many copies, as one volunteer saw it."""
    seconds = [at for at, _ in witness.copies]
    names = ["no replica", "one", "two", f"{TARGET} or more"]
    figure, axes = plt.subplots(figsize=(9, 3.2), layout="constrained")
    axes.stackplot(seconds, *zip(*(counts for _, counts in witness.copies), strict=True), labels=names, colors=_SHADES)
    for at, line in witness.said:
        axes.axvline(at, color="black", linewidth=0.7)
        is_late = at > (seconds[0] + 2 * seconds[-1]) / 3
        text = line.rpartition("; ")[2].removeprefix("now ")
        place, side = (max(at, seconds[0]), 1.03), "right" if is_late else "left"
        axes.annotate(text, place, xycoords=("data", "axes fraction"), fontsize=8, ha=side)
    axes.set(xlabel="seconds", ylabel="shards", xlim=(seconds[0], seconds[-1]))
    axes.margins(y=0)
    axes.legend(loc="lower right", fontsize=8, framealpha=0.9)
    figure.savefig(HERE / "copies.svg", metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    """Play the demo once, and draw all of it."""
    if LACKING:
        raise SystemExit(f"no pictures: {LACKING}")
    witness, summary, end = play()
    if not summary.healed:
        raise SystemExit(f"the demo did not heal, so there are no pictures: {summary.problems}")
    height = witness.height
    draw_terminal(
        "demo.svg",
        "mirrord demo",
        Text("$ make demo", style="bold"),
        height.demo,
        Text("\nand at the end:\n"),
        end,
    )
    draw_terminal("top.svg", "mirrord top", *map(Text.from_ansi, height.top.splitlines()[:TOP_LINES]))
    draw_page(height.page)
    draw_copies(witness)
    sys.stdout.write(f"wrote the pictures in {HERE}\n")


if __name__ == "__main__":
    main()
