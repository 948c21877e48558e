"""One network and one Prometheus for all tests of a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.prometheus.deployed import alert_names
from tests.integration.prometheus.excused import RESTLESS, UNCRAMMED, UNFIRED
from tests.integration.prometheus.network import scraped_network
from tests.integration.prometheus.running_prometheus import RunningPrometheus, require
from tests.integration.prometheus.story import NOTHING_WATCHED, Story


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The story, played to its end; its daemons and its Prometheus still run."""
    require("prometheus")
    root: Path = tmp_path_factory.mktemp("proof")
    prometheus = RunningPrometheus(root / "prometheus")
    try:
        with scraped_network(root) as network:
            excused = {NOTHING_WATCHED, *UNFIRED, *(() if network.can_cram else UNCRAMMED)}
            told = Story(prometheus, network, root)
            told.play([name for name in alert_names() if name not in excused], list(RESTLESS))
            yield told
    finally:
        prometheus.stop()
