"""Asking about outside seeders in turn, and taking what is answered.

Nothing here changes what is planned or announced; it only feeds the statistics.
"""

from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import assert_never

from mirrord.core.clock import Instant
from mirrord.core.effects import Effect
from mirrord.core.events import OutsideNews, SwarmLookedUp, TrackerScraped
from mirrord.core.outside.types import Swarms
from mirrord.core.records.ids import CollectionId
from mirrord.core.state import NodeState


def survey_where_due(state: NodeState, now: Instant, out: list[Effect]) -> None:
    """Ask what is due."""
    out.extend(state.survey.ask(now, lambda: _swarms(state)))


def heed_outside(state: NodeState, event: OutsideNews, now: Instant) -> None:
    """Take an answer."""
    match event:
        case SwarmLookedUp():
            if event.members is not None:  # anybody can put there what is no address of anybody
                event = replace(event, members=tuple(filter(state.gossip.dialling.may_aim_at, event.members)))
            state.survey.looked_up(event, lambda collection, hosts: _of_nodes(state, collection, hosts), now)
        case TrackerScraped():
            state.survey.scraped(event, now)
        case _:
            assert_never(event)


def _swarms(state: NodeState) -> list[Swarms]:
    """Return what may be asked about: the shards that stand, of the collections that are not given up."""
    found = []
    for collection, membership in state.memberships.items():
        facts = membership.facts
        if membership.manifest is not None and not membership.parting:
            claimed = state.census.tally(collection).claimed(len(facts.shards))
            below = claimed < membership.targets_column()
            found.append(Swarms(collection, facts.shards, facts.standing, below))
    return found


def _of_nodes(state: NodeState, collection: CollectionId, hosts: AbstractSet[str]) -> frozenset[str]:
    """Return which hosts are no outside seeders: those of the nodes of the collection, and our own.

    A plain client on a node's machine is taken to seed the very files of the node.
    """
    nodes = [*state.announced.bittorrent, *state.announced.coordination]
    for _, announcement in state.gossip.records.announcements(collection):
        nodes += announcement.bittorrent
        nodes += announcement.coordination
    return frozenset(address.host for address in nodes) & hosts
