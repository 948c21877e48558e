"""``python -m tests.bench``: measure each figure, print a row for it, write ``bench.json``."""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.bench import build, cold_start, coverage, demo, gossip, idle, placement, scrape, sixty, status, transfer
from tests.bench.bench import Bench
from tests.bench.figures import Figure
from tests.command_line import ROOT

_BENCHES: Final[dict[str, Callable[[Bench], Iterator[Figure]]]] = {
    "transfer": transfer.measure,
    "build": build.measure,
    "cold-start": cold_start.measure,
    "placement": placement.measure,
    "coverage": coverage.measure,
    "gossip": gossip.measure,
    "idle": idle.measure,
    "status": status.measure,
    "scrape": scrape.measure,
    "demo": demo.measure,
    "sixty": sixty.measure,
}
"""In this order: ``idle`` comes before what wakes its daemon up."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure what mirrord promises.")
    parser.add_argument("--only", action="append", choices=tuple(_BENCHES), help="measure this alone; repeatable")
    parser.add_argument("--json", action="store_true", help="print what goes into bench.json instead of rows")
    wishes = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us, the daemons end too
    figures = measure_all(wishes.only or tuple(_BENCHES), show=not wishes.json)
    text = json.dumps([figure.as_json() for figure in figures], indent=2) + "\n"
    (ROOT / "bench.json").write_text(text)
    if wishes.json:
        sys.stdout.write(text)
    return 1 if any(figure.holds is False for figure in figures) else 0


def measure_all(names: Sequence[str], *, show: bool) -> list[Figure]:
    """Measure in a folder that is gone afterwards; every process has ended by then."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="mirrord-bench-") as root, ExitStack() as ending:
        bench = Bench(Path(root), ending)
        for name, measure in _BENCHES.items():
            for figure in measure(bench) if name in names else ():
                figures.append(figure)
                if show:
                    sys.stdout.write(f"{figure.row()}\n")
                    sys.stdout.flush()
    return figures


if __name__ == "__main__":
    sys.exit(main())
