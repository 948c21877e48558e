"""What can be simulated, with a line each for people."""

from typing import Final

from mirrord.simulation.policy import policy_names
from mirrord.simulation.scenarios import SCENARIOS

GOSSIP_SUMMARY: Final = "how records travel: a steady network in which some announce a change, and some mean harm"

_POLICIES: Final = {
    "mirrord": "the rule of this project, decided by the very core that the daemon runs",
    "one-shot": "a list by score, made once and as long as the disk, is worked down: how list pages are used",
    "score-list": "the same score, asked anew for every fetch, and only of shards below target",
    "random-below": "any shard below target, in an order of one's own (IA.BAK)",
    "rarest": "fewest copies first, ties at random: what volunteers are asked to do",
    "rarest-claims": "rarest first, and every fetch is announced and counts as a copy",
    "two-choices": "the rarer of two shards drawn at random; fetches count as copies",
    "rendezvous": "the first R nodes in a shard's weighted hash order are its homes",
    "nearest-key": "of those that could, the one node whose key is nearest to the shard's makes the next copy",
    "keepers-band": "any shard whose copies, averaged over 14 days, are too few (web-TLO)",
    "exponential-window": "random timers that run out ever faster (RFC 5401); who sees enough fetches stays silent",
    "oracle": "one planner that sees everything at once and decides for all: the yardstick",
}


def scenario_summaries() -> dict[str, str]:
    """Return a line for every scenario, by name."""
    return {name: scenario.summary for name, scenario in SCENARIOS.items()}


def policy_summaries() -> dict[str, str]:
    """Return a line for every policy, by name, ``mirrord`` first."""
    return {name: _POLICIES[name] for name in policy_names()}
