"""What has become of a shard here, as a sentence."""

from typing import assert_never

from mirrord.core.effects import ReportShard, ShardTurn
from mirrord.core.wording import counted, format_wait
from mirrord.daemon.naming import Names


def tell_turn(told: ReportShard, names: Names) -> str:
    """Return the sentence for people."""
    name = names.shard(told.shard)
    match told.turn:
        case ShardTurn.CLAIMED:
            return f"claimed {name}: {told.replicas} of {counted(told.target, 'replica')}"
        case ShardTurn.YIELDED:
            return f"yielded {name}: others fetch it"
        case ShardTurn.FETCHED:
            took = "" if told.seconds is None else f" in {format_wait(told.seconds)}"
            return f"holds {name} now: {names.size(told.shard)} fetched{took}"
        case ShardTurn.MENDED:
            return f"{name} is whole again"
        case ShardTurn.CHECKED:
            return f"{name} was read and is whole: {names.size(told.shard)}"
        case ShardTurn.STALLED:
            return f"gave {name} up: its fetch stood still"
        case ShardTurn.RELEASED:
            return f"released {name}: {told.replicas} replicas, {told.target} wanted"
        case ShardTurn.WITHDRAWN:
            return f"gave {name} up: its curator has withdrawn it"
        case _:
            assert_never(told.turn)
