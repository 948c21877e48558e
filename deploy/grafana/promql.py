"""PromQL as text.

Every daemon reports the whole network as it sees it, so what is about the network is ``highest`` or ``lowest`` over
the daemons, never a sum: a hundred daemons that all see one lost shard see one lost shard.  Where they disagree, the
dashboards show the worse opinion of what is bad, and the better one of what is covered.
"""

from collections.abc import Sequence
from typing import Final

SEEN_BY: Final = 'job=~"$job", instance=~"$instance"'
"""The daemons that are chosen at the top of a dashboard; part of every selector."""


def select(metric: str, **labels: str) -> str:
    """Return the series of ``metric`` of the chosen daemons.

    A value of ``labels`` is compared as it is, unless it begins with ``~`` (a regular expression) or ``!`` (anything
    else).
    """
    matchers = [SEEN_BY]
    for label, value in labels.items():
        operator = {"~": "=~", "!": "!="}.get(value[:1], "=")
        matchers.append(f'{label}{operator}"{value.lstrip("~!")}"')
    return f"{metric}{{{', '.join(matchers)}}}"


def ours(metric: str, **labels: str) -> str:
    """Return the series of ``metric`` of the chosen collection."""
    return select(metric, collection="$collection", **labels)


def _aggregated(operator: str, vector: str, by: Sequence[str]) -> str:
    return f"{operator} by ({', '.join(by)}) ({vector})" if by else f"{operator}({vector})"


def highest(vector: str, *by: str) -> str:
    """Return the largest of ``vector`` over the daemons, for each value of the labels ``by``."""
    return _aggregated("max", vector, by)


def lowest(vector: str, *by: str) -> str:
    """Return the smallest of ``vector`` over the daemons, for each value of the labels ``by``."""
    return _aggregated("min", vector, by)


def added(vector: str, *by: str) -> str:
    """Return the sum of ``vector`` for each value of ``by``: over bands, classes, collections, but never daemons."""
    return _aggregated("sum", vector, by)


def per_second(counter: str) -> str:
    """Return how fast a counter grows, over a window that suits the resolution of the panel."""
    return f"rate({counter}[$__rate_interval])"


def grown(counter: str) -> str:
    """Return by how much a counter grew between two points of a graph."""
    return f"increase({counter}[$__rate_interval])"


def in_range(counter: str) -> str:
    """Return by how much a counter grew in the time that the dashboard shows."""
    return f"increase({counter}[$__range])"


def largest(vector: str, count: int = 10) -> str:
    """Return the ``count`` largest series: a panel for a hundred daemons stays readable."""
    return f"topk({count}, {vector})"
