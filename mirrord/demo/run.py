"""The whole demo: a folder, a collection, machines, the story, the end."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mirrord.core.errors import UsageError
from mirrord.demo.network import VOLUNTEERS_MIN, Network, make_network
from mirrord.demo.scenario import Story, Summary
from mirrord.demo.source import build
from mirrord.demo.view import DemoView

_VOLUNTEERS_MAX = 30


@dataclass(frozen=True, slots=True)
class DemoWishes:
    """What the operator asked for.  ``source`` None: the Python standard library."""

    volunteers: int
    source: Path | None
    rights: str
    keep: bool


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The summary, and what is left running or lying where with ``keep``, or after a failure."""

    summary: Summary
    root: Path
    network: Network


def run_demo(wishes: DemoWishes, console: Console) -> DemoResult:
    """Play the demo.  Whatever happens, the machines are stopped, unless ``keep`` and all went well."""
    if not VOLUNTEERS_MIN <= wishes.volunteers <= _VOLUNTEERS_MAX:
        hint = "one volunteer and the origin are killed, and three must be left for three copies"
        raise UsageError(f"--nodes {wishes.volunteers}: from {VOLUNTEERS_MIN} to {_VOLUNTEERS_MAX} volunteers", hint)
    root = Path(tempfile.mkdtemp(prefix="mirrord-demo-"))
    network: Network | None = None
    well = False
    try:
        with console.status("building the collection: reading, hashing, signing"):
            collection = build(root, wishes.source, wishes.rights)
        network = make_network(root, wishes.volunteers, sum(collection.sizes))
        with DemoView(network, console).showing() as show:
            summary = Story(network, collection, show).run()
        well = summary.healed
        return DemoResult(summary, root, network)
    except BaseException:
        if network is not None and any(machine.log.exists() for machine in network.machines):
            console.print(f"what each machine said is in {root}/*.log")
        else:
            shutil.rmtree(root, ignore_errors=True)
        raise
    finally:
        if network is not None and not (wishes.keep and well):
            for machine in reversed(network.machines):
                machine.stop()
        if well and not wishes.keep:
            shutil.rmtree(root, ignore_errors=True)
