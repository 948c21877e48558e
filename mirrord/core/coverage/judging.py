"""Is a collection safe?  One word for machines and one sentence for whoever is woken up."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from mirrord.core.coverage.table import ShardTable
from mirrord.core.coverage.types import ReplicaKind
from mirrord.core.wording import counted


class Safety(StrEnum):
    """How safe a collection is, the worst first."""

    LOST = "lost"
    DANGER = "danger"
    BELOW = "below"
    WAITING = "waiting"
    SAFE = "safe"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The word and the sentence, which holds nobody's words but ours."""

    safety: Safety
    text: str


def judge(table: ShardTable, *, is_known: bool) -> Judgement:
    """Judge the claimed replicas of the standing shards; ``is_known`` is whether the manifest has arrived."""
    if not is_known:
        return Judgement(Safety.WAITING, "Waiting for the manifest: it says what there is to keep")
    standing = table.facts.standing
    claimed, targets = table.claimed[standing], table.targets[standing]
    shards = len(claimed)
    if not shards:
        return Judgement(Safety.SAFE, "Nothing to keep: no shard stands")
    none = int(np.count_nonzero((claimed == 0) & (targets > 0)))
    one = int(np.count_nonzero((claimed == 1) & (targets > 1)))
    below = int(np.count_nonzero(claimed < targets))
    if none:
        stale = table.replicas[ReplicaKind.STALE][standing]
        silent = int(np.count_nonzero((claimed == 0) & (targets > 0) & (stale > 0)))
        hope = f"; nodes that fell silent had {'it' if none == 1 else f'{silent:,} of them'}" if silent else ""
        more = f"; {counted(one, 'more has', 'more have')} only one" if one else ""
        text = f"Lost here: {counted(none, 'shard has', 'shards have')} no replica that we know of{more}{hope}"
        return Judgement(Safety.LOST, text)
    if one:
        more = f"; {below - one:,} more below target" if below > one else ""
        return Judgement(Safety.DANGER, f"In danger: {counted(one, 'shard has', 'shards have')} only one replica{more}")
    if below:
        least = int(claimed[claimed < targets].min())
        have = counted(below, "shard has", "shards have")
        return Judgement(Safety.BELOW, f"Not whole: {have} too few replicas, none fewer than {least}")
    least, most = int(targets.min()), int(targets.max())
    wanted = counted(most, "replica") if least == most else f"{least} to {most} replicas"
    return Judgement(Safety.SAFE, f"Safe: every shard has its {wanted}")
