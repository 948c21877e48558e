"""What the daemon asks of a BitTorrent engine, and nothing about how one works.

An engine carries out the effects of :data:`mirrord.core.effects.EngineEffect` and answers with
events.  A shard's files live at ``data_folder/<collection>/<shard name>/<path>``, where
``<collection>`` is the first 16 characters of the collection's key as text.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

import trio

from mirrord.core.effects import EngineEffect, OutsideEffect, SeekPeers
from mirrord.core.records.ids import Address, CollectionId, ShardKey, to_text

FOLDER_CHARACTERS: Final = 16
"""Of a collection's key, in the name of its folder: 80 bits, and short enough for people to read."""


@dataclass(frozen=True, slots=True)
class DhtSettings:
    """How the engine takes part in the mainline DHT.

    ``routers`` are asked for others where the file at ``state`` does not know any (still).  The DHT's
    UDP sockets are those of BitTorrent.
    """

    routers: tuple[Address, ...]
    state: Path


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What an engine is started with.  Rates are bytes a second, 0 for no limit, and hold on every network.

    ``listen_interfaces`` is libtorrent's: ``address:port`` separated by commas, port 0 for any.
    ``several_members_per_address`` lets members behind one NAT, or on one machine, be told apart by
    their port.  A member that cannot be reached is tried again after ``reconnect_seconds``, and each
    time that much later.  Without ``dht`` there is none.
    """

    data_folder: Path
    resume_folder: Path
    listen_interfaces: str = "0.0.0.0:6881,[::]:6881"
    enable_utp: bool = True
    download_rate_limit: int = 0
    upload_rate_limit: int = 0
    several_members_per_address: bool = True
    reconnect_seconds: int = 10
    dht: DhtSettings | None = None


class TransferState(StrEnum):
    """What the engine is doing with a shard."""

    WAITING = "waiting"
    CHECKING = "checking"
    FETCHING = "fetching"
    SEEDING = "seeding"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ShardTransfer:
    """One shard in the engine.  Bytes leave padding out; rates are payload bytes a second."""

    shard: ShardKey
    state: TransferState
    bytes_done: int
    bytes_total: int
    members: int
    download_rate: int
    upload_rate: int


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """A snapshot, at most a second old.  Totals count since the engine started.

    Of the downloaded bytes ``failed_bytes`` did not hash right, ``redundant_bytes`` were here already.
    ``dht_nodes`` is how many nodes of the DHT are in its routing tables: 0 where it does not work.
    """

    downloaded_payload_bytes: int = 0
    uploaded_payload_bytes: int = 0
    failed_bytes: int = 0
    redundant_bytes: int = 0
    shards: tuple[ShardTransfer, ...] = ()
    alerts_dropped: int = 0
    listening_port: int = 0
    fetching_paused: bool = False
    dht_nodes: int = 0


class Engine(Protocol):
    """A BitTorrent engine as the daemon sees it."""

    async def run(self, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Work until cancelled or stopped; report started when it listens.  Takes up to 8 s to close."""
        ...

    async def stop(self) -> None:
        """Close: what is partly fetched is remembered.  Returns when ``run`` is about to return."""
        ...

    async def carry_out(self, effect: EngineEffect) -> None:
        """Start on an effect and return at once; what comes of it comes back as events."""
        ...

    def seek(self, effect: SeekPeers) -> None:
        """Look for a collection's nodes in the DHT, if there is one; what is found comes back as events."""
        ...

    def ask_outside(self, effect: OutsideEffect) -> None:
        """Ask about outside seeders and return at once; the answer comes as an event."""
        ...

    async def listen_on(self, interfaces: str) -> None:
        """Listen elsewhere from now on (as ``EngineSettings.listen_interfaces``); connections over TCP stay.

        Raises EngineError where that cannot be; then it listens where it did.
        """
        ...

    def statistics(self) -> EngineStatistics:
        """Return the newest snapshot."""
        ...

    @property
    def listening_port(self) -> int:
        """The TCP port that other swarm members connect to; 0 before ``run`` has started."""
        ...


def collection_folder(data_folder: Path, collection: CollectionId) -> Path:
    """Return the folder in which a collection's shards lie."""
    return data_folder / to_text(collection)[:FOLDER_CHARACTERS]


def places_of(interfaces: str) -> tuple[Address, ...]:
    """Return the addresses in ``EngineSettings.listen_interfaces``; a port may be 0."""
    parts = (text.rpartition(":") for text in interfaces.split(","))
    return tuple(Address(host.strip("[]"), int(port)) for host, _, port in parts)
