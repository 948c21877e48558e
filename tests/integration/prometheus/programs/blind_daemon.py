"""``mirrord`` that cannot say how its connections are while there is a file called ``blind``: its pages fail."""

import os
import sys
from pathlib import Path

from mirrord.cli.main import main
from mirrord.core.statistics import NetworkStatistics
from mirrord.daemon.api import DaemonApi

MARKER = Path(os.environ["BLIND_WHILE_THERE_IS"])
_sees = DaemonApi.network


def network(self: DaemonApi) -> NetworkStatistics:
    if MARKER.exists():
        raise RuntimeError("blind, as a test wishes")
    return _sees(self)


if __name__ == "__main__":
    setattr(DaemonApi, "network", network)  # noqa: B010  # what a type checker must not follow
    sys.exit(main(sys.argv[1:]))
