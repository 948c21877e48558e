"""The daemon as the control interface and the metrics see it."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import trio

from mirrord.collections.reading import CollectionFolder, read_collection_folder
from mirrord.core import events as ev
from mirrord.core.errors import RecordError, StorageError, UsageError
from mirrord.core.node import Node
from mirrord.core.planning import Reasons
from mirrord.core.records.ids import CollectionId, NodeId, Sha256, ShardIndex, ShardKey, to_short_text
from mirrord.core.records.invitation import parse_invitation
from mirrord.core.records.kinds import Grant, Shard
from mirrord.core.records.roll import Roll
from mirrord.core.statistics import Happening, NetworkStatistics, ShardRole, Statistics, Transfer
from mirrord.daemon.loop import NodeLoop, read_clocks
from mirrord.daemon.ports import Ports
from mirrord.net.network import Network
from mirrord.store.blobs import Blobs
from mirrord.torrents.adoption import may_link, place_of
from mirrord.torrents.engine import Engine


class DaemonApi:
    """Turns wishes into events, and waits until the node has taken them up."""

    def __init__(
        self,
        loop: NodeLoop,
        network: Network,
        engine: Engine,
        ports: Ports,
        blobs: Blobs,
        data_folder: Path,
        node: Node,
        request_stop: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._network = network
        self._engine = engine
        self._ports = ports
        self._blobs = blobs
        self._data_folder = data_folder
        self._node = node
        self._request_stop = request_stop

    def statistics(self) -> Statistics:
        """Return a snapshot of now."""
        return self._loop.statistics()

    def reasons(self, pledge_bytes: int | None = None) -> Mapping[CollectionId, Reasons]:
        """Return why every shard is as it is, or would be at once with another pledge."""
        return self._loop.reasons(pledge_bytes)

    def network(self) -> NetworkStatistics:
        """Return what the connections to peers cost and carry."""
        return self._network.statistics()

    def transfer(self) -> Transfer:
        """Return what the engine has moved, and how fast."""
        found = self._engine.statistics()
        return Transfer(
            uploaded_bytes=found.uploaded_payload_bytes,
            downloaded_bytes=found.downloaded_payload_bytes,
            failed_bytes=found.failed_bytes,
            redundant_bytes=found.redundant_bytes,
            upload_bytes_per_second=sum(shard.upload_rate for shard in found.shards),
            download_bytes_per_second=sum(shard.download_rate for shard in found.shards),
            dht_nodes=found.dht_nodes,
        )

    def happenings(self) -> Sequence[Happening]:
        """Return what happened here last, the newest last."""
        return self._loop.happenings.recent()

    async def join(self, invitation: str) -> CollectionId:
        """Join the collection of an invitation."""
        parsed = parse_invitation(invitation)
        await self._loop.tell(ev.CollectionJoined(parsed.collection, parsed.bootstrap))
        return parsed.collection

    async def import_collection(self, path: Path, adopt: Path | None) -> CollectionId:
        """Join the collection that was built in ``path``, and hold what lies in ``adopt``."""
        folder = await trio.to_thread.run_sync(read_collection_folder, path)
        blobs = await self._keep_blobs(folder)
        await self._loop.tell(ev.CollectionJoined(folder.collection, ()))
        try:
            await self._loop.tell(ev.ManifestImported(folder.envelope, folder.body, blobs))
        except RecordError as error:
            raise UsageError(f"{path}: the manifest was refused: {error.message}", "publish a newer version") from None
        if adopt is not None:
            await self.adopt(folder.collection, adopt)
        return folder.collection

    async def _keep_blobs(self, folder: CollectionFolder) -> tuple[Sha256, ...]:
        kept = [Sha256(hashlib.sha256(folder.body_blob).digest())]
        await self._blobs.write_blob(kept[0], folder.body_blob)
        for shard, path in zip(folder.body.shards, folder.torrents, strict=True):
            if not self._blobs.has(shard.torrent_sha256):
                await self._blobs.write_blob(shard.torrent_sha256, await _read(path))
            kept.append(shard.torrent_sha256)
        return tuple(kept)

    async def leave(self, collection: CollectionId, delete_files: bool, within_seconds: int = 0) -> None:
        """Leave; the holdings stop counting at once, and are seeded for so long at most."""
        leaving_by = int(read_clocks().unix_seconds) + within_seconds if within_seconds else 0
        await self._loop.tell(ev.CollectionLeft(collection, delete_files, leaving_by))

    def roll(self, collection: CollectionId) -> Roll | None:
        """Return who is who in a collection, None in one that was not joined."""
        return self._node.roll_of(collection)

    async def import_admissions(self, envelopes: tuple[bytes, ...]) -> None:
        """Take admissions that a curator or a voucher signed, and hand them on."""
        try:
            await self._loop.tell(ev.AdmissionsImported(envelopes))
        except RecordError as error:
            hint = "are the command line and the daemon of different ages?"
            raise UsageError(f"an admission was refused: {error.message}", hint) from None

    async def sign_admissions(
        self, collection: CollectionId, nodes: tuple[NodeId, ...], grant: Grant, expires_at: int, quota: int = 0
    ) -> None:
        """Say with the node's own key what these nodes are in a collection."""
        await self._loop.tell(ev.AdmissionRequested(collection, nodes, grant, expires_at, quota))

    async def verify(self, collection: CollectionId, shards: tuple[ShardIndex, ...]) -> None:
        """Read these holdings again."""
        for index in shards:
            await self._loop.tell(ev.VerificationRequested(ShardKey(collection, index)))

    async def adopt(self, collection: CollectionId, folder: Path) -> tuple[ShardIndex, ...]:
        """Take the shards that lie in ``folder`` in place; each is read whole before it counts."""
        if not await trio.Path(folder).is_dir():
            raise UsageError(f"{folder} is not a folder", "give the folder that holds the files or the shards")
        shards = self._node.shards_of(collection)
        if not shards:
            hint = "wait until `mirrord collection list` shows its version"
            raise UsageError(f"the manifest of {to_short_text(collection)} is not here yet", hint)
        found: list[ShardIndex] = []
        for shard in shards:
            if not shard.withdrawn and await self._adopt_one(ShardKey(collection, shard.index), shard, folder):
                found.append(shard.index)
        return tuple(found)

    async def _adopt_one(self, key: ShardKey, shard: Shard, folder: Path) -> bool:
        torrent = await self._blobs.read_blob(shard.torrent_sha256)
        place = await trio.to_thread.run_sync(place_of, torrent, shard.name, folder)
        if place is None or not await trio.to_thread.run_sync(may_link, self._data_folder, key, shard.name, place):
            return False
        await self._loop.tell(ev.AdoptionRequested(key, str(place)))
        return self._node.role_of(key) is ShardRole.CHECKING  # or the pledge has no room, or it is here already

    async def set_pledge(self, pledge_bytes: int) -> None:
        """Give more bytes, or fewer."""
        await self._loop.tell(ev.PledgeChanged(pledge_bytes))

    async def set_port(self, coordination: int, bittorrent: int) -> None:
        """Listen on other ports; 0 leaves one as it is."""
        await self._ports.set(coordination=coordination, bittorrent=bittorrent)

    async def stop(self) -> None:
        """Begin a clean stop."""
        self._request_stop()


async def _read(path: Path) -> bytes:
    try:
        return await trio.Path(path).read_bytes()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}", "is the collection's folder whole?") from None
