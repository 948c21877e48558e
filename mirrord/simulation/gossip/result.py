"""What a run of the gossip simulator came to: frozen, and ready for JSON by ``dataclasses.asdict``."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GossipResult:
    """One run.  Times are gossip periods; None stands for "not within the run".

    "All" are the honest nodes online.  Bytes are TCP payload in and out together, of honest nodes among each
    other: each byte between two of them counts for both.  ``periods_to_999`` is the mean over ordinary
    changes of how long one takes to 99.9 % of all, ``urgent_periods_median`` the median over urgent ones of
    how long one takes to half of all.  ``calm`` is the same network without hostile nodes, and ``slowdown``
    how much longer ``periods_to_999`` is than there.
    """

    nodes: int
    seed: int
    reachable: float
    offline: float
    hostile: float
    online_nodes: int
    honest_nodes: int
    periods: int
    tracers: int
    periods_to_999: float | None
    periods_to_999_worst: float | None
    periods_to_half: float | None
    urgent_tracers: int
    urgent_periods_median: float | None
    urgent_periods_to_999: float | None
    urgent_bytes_per_node: float
    bytes_per_second_per_node: float
    bytes_per_second_reachable: float
    bytes_per_second_unreachable: float
    bytes_per_second_by_sort: Mapping[str, float]
    payload_bytes_per_second: float
    record_bytes: float
    digest_differences: int
    digest_bytes: int
    digest_bytes_equal: int
    sessions_per_node: float
    sessions_opened_per_second: float
    exchanges: int
    exchanges_spoken: int
    mismatches: int
    hostile_messages: Mapping[str, int]
    rejected: Mapping[str, int]
    caught: Mapping[str, int]
    equivocators_proven: int
    records_accepted_from_hostile: int
    forged_accepted: int
    table_growth_max: int
    slowdown: float | None
    calm: "GossipResult | None"
    wall_seconds: float
