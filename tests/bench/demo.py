"""How long the demo's network takes to share and to heal, and what it fetches in vain."""

import json
import subprocess
from collections.abc import Iterator

from tests.bench.bench import Bench, say
from tests.bench.figures import Figure
from tests.command_line import COMMAND, ROOT, clean_environment


def measure(bench: Bench) -> Iterator[Figure]:
    say("demo: about a minute")
    done = subprocess.run(
        [*COMMAND, "demo", "--json"], cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    yield Figure("demo: every shard has its replicas", summary["seconds_to_full"], "s")
    yield Figure("demo: healed after two nodes are killed", summary["seconds_to_heal"], "s")
    yield Figure("demo: fetched in vain over needed", summary["waste_ratio"], "ratio")
