"""What the metrics need of a daemon.  The daemon implements it."""

from typing import Protocol

from mirrord.core.statistics import NetworkStatistics, Statistics, Transfer


class MetricsSource(Protocol):
    """The daemon, as the metrics see it; all are called in the loop and must be quick."""

    def statistics(self) -> Statistics:
        """Return a snapshot of now."""
        ...

    def network(self) -> NetworkStatistics:
        """Return what the connections to peers cost and carry."""
        ...

    def transfer(self) -> Transfer:
        """Return what the engine has moved."""
        ...
