"""Draws docs/pictures/demo.svg from a real run of the demo: ``python docs/pictures/make_demo_picture.py``."""

import io
import tempfile
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.text import Text

from mirrord.demo.network import Network, make_network
from mirrord.demo.scenario import Story
from mirrord.demo.source import build
from mirrord.demo.view import DemoView

WIDTH = 108
VOLUNTEERS = 5


def main() -> None:
    """Play the demo and keep the two moments that tell most: healing at its height, and the end."""
    picture = Path(__file__).with_name("demo.svg")
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory(prefix="mirrord-picture-") as root:
        collection = build(Path(root), None, "")
        network = make_network(Path(root), VOLUNTEERS, sum(collection.sizes))
        view = DemoView(network, console)
        best: tuple[int, RenderableType] = (0, Text())
        try:

            def show(line: str | None) -> None:
                nonlocal best
                view.tell(line)
                busy = _healing(network)
                if busy > best[0]:
                    best = busy, view.render()

            summary = Story(network, collection, show).run()
            end = view.render()
        finally:
            for machine in reversed(network.machines):
                machine.stop()
    if not summary.healed:
        raise SystemExit(f"the demo did not heal, so there is no picture: {summary.problems}")
    console.print(Group(Text("$ make demo", style="bold"), best[1], Text("\nand at the end:\n"), end))
    console.save_svg(str(picture), title="mirrord demo")


def _healing(network: Network) -> int:
    """Return how many shards are being fetched while the origin is dead."""
    if network.origin.alive:
        return 0
    seen = [machine.last for machine in network.machines if machine.last is not None]
    return sum(shard.role == "fetching" for snapshot in seen for shard in snapshot.shards)


if __name__ == "__main__":
    main()
