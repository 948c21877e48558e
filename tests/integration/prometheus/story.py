"""What happens to the network while Prometheus watches: it is made, is whole, gets into trouble, and heals."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.integration.daemon.running_nodes import RunningNode, TookTooLongError
from tests.integration.prometheus.deployed import SCRAPE_SECONDS, derived_config, write_shortened_rules
from tests.integration.prometheus.network import ScrapedNetwork, metrics_address
from tests.integration.prometheus.running_prometheus import RunningPrometheus

PHASE_SECONDS: Final = 90.0
"""How long an alert may take to fire or to resolve; the longest wait of a shortened rule is half a minute."""

NOTHING_WATCHED: Final = "MirrordNothingWatched"

_SEEN_FOR_SCRAPES: Final = 8
"""How many scrapes of a phase there are at least, so that every shortened rate has something to see."""


@dataclass(repr=False)
class Story:
    """Plays once.  What did not come is kept in words, for the tests to complain of; empty where all did.

    ``moments`` are the unix seconds at which each phase had lasted for a while: a query can be asked for any.
    """

    prometheus: RunningPrometheus
    network: ScrapedNetwork
    folder: Path
    began: float = 0.0
    moments: dict[str, float] = field(default_factory=dict)
    silent_at_first: str = ""
    loud_while_whole: str = ""
    silent_in_trouble: str = ""
    loud_at_the_end: str = ""

    @property
    def targets(self) -> Path:
        """The file that tells Prometheus of the daemons."""
        return self.folder / "targets.json"

    def play(self, expected: Sequence[str], tolerated: Sequence[str]) -> None:
        """Wait in trouble until all of ``expected`` fire, and before and after it until only ``tolerated`` do."""
        network, prometheus = self.network, self.prometheus
        self.began = time.time()
        prometheus.start(derived_config(self.targets, write_shortened_rules(self.folder / "rules")))
        network.begin()
        self.silent_at_first = _complaint(lambda: prometheus.wait_for_alerts([NOTHING_WATCHED], PHASE_SECONDS))
        self._let_scrape(network.resident)
        self._look("whole")
        self.loud_while_whole = _complaint(lambda: prometheus.wait_for_silence(PHASE_SECONDS, tolerated))
        self._look("whole")

        network.suffer()
        self._let_scrape([network.hermit])
        self.silent_in_trouble = _complaint(lambda: prometheus.wait_for_alerts(expected, PHASE_SECONDS))
        self._look("trouble")

        network.heal()
        self.loud_at_the_end = _complaint(lambda: prometheus.wait_for_silence(PHASE_SECONDS, tolerated))
        self._look("healed")

    def _let_scrape(self, nodes: Sequence[RunningNode]) -> None:
        """Tell Prometheus of these daemons, with the operator's own command; it needs no reload."""
        for node in nodes:
            node.do("metrics", "targets", "--merge", "--write", str(self.targets))

    def _look(self, moment: str) -> None:
        """Remember when it was, once everybody that lives has been scraped a few times in a row."""
        wanted = {metrics_address(node) for node in self.network.everybody if node.alive}
        span = f"{_SEEN_FOR_SCRAPES * SCRAPE_SECONDS + 1}s"
        self.prometheus.wait_until(
            lambda: wanted <= self._instances(f"count_over_time(mirrord_build_info[{span}]) >= {_SEEN_FOR_SCRAPES}"),
            f"{len(wanted)} daemons have been scraped {_SEEN_FOR_SCRAPES} times in a row",
        )
        self.moments[moment] = time.time()

    def _instances(self, expression: str) -> set[str]:
        return {sample.labels["instance"] for sample in self.prometheus.query(expression)}


def _complaint(wait: Callable[[], None]) -> str:
    """Wait; return what did not come."""
    try:
        wait()
    except TookTooLongError as error:
        return str(error)
    return ""
