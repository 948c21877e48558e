"""What a shard's worker can be told to do: the core's effects, and what the engine noticed itself."""

from dataclasses import dataclass

from mirrord.core.effects import CheckShard, FetchShard, RemoveShard, SeedShard


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """libtorrent found a held shard not as it should be, and has begun to read it."""


@dataclass(frozen=True, slots=True)
class StartOver:
    """What libtorrent knows of a torrent is not to be relied on: add it again, and believe the disk alone."""

    order: "Order"


TorrentOrder = FetchShard | SeedShard | CheckShard

Order = TorrentOrder | RemoveShard | ReadAgain | StartOver


def is_answered_by(order: Order, running: Order) -> bool:
    """Whether carrying out ``running`` to its end also answers ``order``."""
    match order, running:
        case FetchShard() | SeedShard(), FetchShard() | SeedShard():
            return order.torrent_sha256 == running.torrent_sha256
        case RemoveShard(), RemoveShard():
            return order == running
        case (ReadAgain() | StartOver(), _):
            return True  # whoever is at work on the shard sees it for himself
        case _:
            return False
