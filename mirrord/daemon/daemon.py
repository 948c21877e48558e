"""``mirrord run``: the composition root.

It makes the shells, hands each its plain values, and ties them to the node.  Order of the start:
lock, key, memory, engine, network, control, metrics; the stop goes the other way within ten
seconds, and a second signal does not wait for it.
"""

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import structlog
import trio

from mirrord import __version__
from mirrord.config import Config
from mirrord.control.server import serve_control
from mirrord.core import events as ev
from mirrord.core.announcing import NodeSettings
from mirrord.core.errors import ConfigError, RecordError
from mirrord.core.node import Node
from mirrord.core.outside.types import OutsideSettings
from mirrord.core.records.codec import decode_manifest_body
from mirrord.core.records.ids import Sha256, to_text
from mirrord.core.records.kinds import ManifestBody, ManifestHead
from mirrord.core.records.record import open_record
from mirrord.core.records.signing import SigningKey
from mirrord.core.stored import Stored
from mirrord.daemon.api import DaemonApi
from mirrord.daemon.disk import check_data_folder, watch_disk
from mirrord.daemon.guard import MetricsGuard
from mirrord.daemon.loop import NodeLoop, read_clocks
from mirrord.daemon.memory import trim_heap_forever
from mirrord.daemon.ports import Ports, follow_port_file, interfaces_of
from mirrord.discovery.local_network import LocalNetwork
from mirrord.metrics.server import MetricsOptions, open_metrics_listeners, serve_metrics
from mirrord.net.network import Network
from mirrord.net.settings import NetworkSettings
from mirrord.page.server import StatusPage
from mirrord.service import ServiceSupervisor
from mirrord.store.folder_lock import lock_folder
from mirrord.store.keyfile import load_key
from mirrord.store.store import Store, open_store
from mirrord.torrents.engine import DhtSettings, EngineSettings
from mirrord.torrents.libtorrent_engine import LibtorrentEngine

AGENT: Final = f"mirrord/{__version__}"
_STOP_SECONDS: Final = 9.0
"""The promise is ten; the rest is for the interpreter to end."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("mirrord")


async def run_daemon(load: Callable[[], Config], supervisor: ServiceSupervisor) -> None:
    """Run one node until SIGTERM, SIGINT or a request to stop.

    ``load`` reads the configuration; it is called again on SIGHUP.  Raises :class:`ConfigError`
    where the folder, the key or the database is not fit, and :class:`ShellError` where an address
    cannot be listened on.
    """
    config = load()
    if not config.folder.is_dir():
        raise ConfigError(f"{config.folder} is not a node's folder", "make one with: mirrord init --pledge 2TB")
    with lock_folder(config.folder):
        seed = load_key(config.key_file)
        async with open_store(config.folder) as store:
            await trio.to_thread.run_sync(check_data_folder, config.data_folder, store.stored)
            await _Daemon(load, config, supervisor, seed, store).run()


class _Daemon:
    def __init__(
        self,
        load: Callable[[], Config],
        config: Config,
        supervisor: ServiceSupervisor,
        seed: bytes,
        store: Store,
    ) -> None:
        self._load = load
        self._config = config
        self._supervisor = supervisor
        self._store = store
        self._stop = trio.Event()
        self._reload = trio.Event()
        self._starting = trio.CancelScope()
        self._started = False
        self._seed = seed
        self._metrics = MetricsGuard()

    async def run(self) -> None:
        config, store = self._config, self._store
        await trio.to_thread.run_sync(self._metrics.load, config)
        node = Node(SigningKey(self._seed), _node_settings(config), store.stored, await _bodies(store))
        store.stored = Stored()
        first = node.start(read_clocks())
        loop = NodeLoop(node, store, self._supervisor.alive)
        network = Network(NetworkSettings(config.listen), self._seed, loop.emit, loop.deliver)
        engine = LibtorrentEngine(_engine_settings(config), partial(_read_torrent, store, loop), loop.emit)
        local = LocalNetwork(tuple(address.host for address in config.listen), loop.emit)
        seekers = (engine.seek, local.seek) if config.local_discovery else (engine.seek,)
        loop.connect(network, engine, config.data_folder, seekers)
        ports = Ports(config, network, engine, loop)
        api = DaemonApi(loop, network, engine, ports, store.blobs, config.data_folder, node, self._request_stop)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._heed_signals)
            nursery.start_soon(self._reload_when_told, loop)
            with self._starting:
                await nursery.start(engine.run)
                await nursery.start(network.run)
                await nursery.start(loop.run, first)
                if config.local_discovery:
                    await nursery.start(local.run)
                async with self._interfaces(api):
                    await ports.announce()
                    self._say_ready(network)
                    await self._serve(nursery, loop, ports)
            if self._started:
                await self._stop_in_time(loop, engine)
            nursery.cancel_scope.cancel()
        _log.info("stopped")

    async def _serve(self, nursery: trio.Nursery, loop: NodeLoop, ports: Ports) -> None:
        """Be a node until told to stop."""
        config = self._config
        self._started = True
        nursery.start_soon(watch_disk, config.data_folder, loop)
        nursery.start_soon(trim_heap_forever)
        if config.port_file is not None:
            is_for_bittorrent = config.port_file_for == "bittorrent"
            nursery.start_soon(partial(follow_port_file, config.port_file, ports, is_for_bittorrent=is_for_bittorrent))
        if self._supervisor.watchdog_seconds is not None:
            nursery.start_soon(self._keep_turning, loop, self._supervisor.watchdog_seconds / 3)
        await self._stop.wait()

    def _request_stop(self) -> None:
        """Stop, also where the start is not over yet."""
        self._stop.set()
        if not self._started:
            self._starting.cancel()

    @asynccontextmanager
    async def _interfaces(self, api: DaemonApi) -> AsyncIterator[None]:
        """Serve control and metrics; the last thing to start and the first to stop."""
        stop = trio.Event()
        async with trio.open_nursery() as serving:

            async def control(task_status: trio.TaskStatus[None]) -> None:
                path = self._config.control_socket
                await serve_control(path, api, version=__version__, stop=stop, task_status=task_status)

            await serving.start(control)
            if (address := self._config.metrics_listen) is not None:
                listeners = await open_metrics_listeners(address.host, address.port)
                guarded = self._metrics.listeners(listeners)
                pages = {"/": StatusPage(api, __version__).handle}
                options = MetricsOptions(__version__, self._metrics.access, self._config.metrics_all_shards, pages)

                async def metrics(task_status: trio.TaskStatus[None]) -> None:
                    await serve_metrics(guarded, api, options, stop=stop, task_status=task_status)

                await serving.start(metrics)
            try:
                yield
            finally:
                stop.set()

    def _say_ready(self, network: Network) -> None:
        status = f"listening on {', '.join(str(a) for a in network.listening)}"
        _log.info("ready", node=to_text(network.node_id), listening=[str(a) for a in network.listening])
        self._supervisor.ready(status)

    async def _keep_turning(self, loop: NodeLoop, seconds: float) -> None:
        """Wake the loop often enough for the watchdog, which the loop itself feeds."""
        while True:
            await trio.sleep(seconds)
            await loop.emit(ev.TimePassed(0.5))

    async def _heed_signals(self) -> None:
        """Take signals as they come; nothing here may wait, or a stop would wait behind it."""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            async for number in signals:
                if number == signal.SIGHUP:
                    self._reload.set()
                elif self._stop.is_set():
                    _log.warning("told twice to stop: going at once")
                    os._exit(1)
                else:
                    self._request_stop()

    async def _reload_when_told(self, loop: NodeLoop) -> None:
        """Take the pledge again, and the metrics' token and certificate; everything else needs a restart."""
        while True:
            await self._reload.wait()
            self._reload = trio.Event()
            try:
                fresh = self._load()
            except ConfigError as error:
                _log.error("configuration not reloaded", detail=error.message, hint=error.hint)
                continue
            try:
                await trio.to_thread.run_sync(self._metrics.load, fresh)
            except ConfigError as error:
                _log.error("the metrics' token and certificate stay as they are", detail=error.message, hint=error.hint)
            await loop.tell(ev.PledgeChanged(fresh.pledge_bytes))
            _log.info("configuration reloaded", pledge_bytes=fresh.pledge_bytes)

    async def _stop_in_time(self, loop: NodeLoop, engine: LibtorrentEngine) -> None:
        _log.info("stopping")
        self._supervisor.stopping("saying goodbye, saving what is half fetched")
        with trio.move_on_after(_STOP_SECONDS) as scope:
            await loop.stop()
            await engine.stop()
        if scope.cancelled_caught:
            _log.warning("the stop took too long; half-fetched shards will be read again at the next start")


def _node_settings(config: Config) -> NodeSettings:
    return NodeSettings(
        timing=config.timing,
        pledge_bytes=config.pledge_bytes,
        agent=AGENT,
        operator=config.operator,
        country=config.country,
        asn=config.asn,
        refused_rights=config.refused_rights,
        refused_shards=config.refused_shards,
        pinned_shards=config.pinned_shards,
        obey_withdrawals=config.obey_withdrawals,
        bootstrap=config.bootstrap,
        outside=OutsideSettings(config.dht, config.outside_trackers)
        if config.count_outside_seeders
        else OutsideSettings(),
    )


def _engine_settings(config: Config) -> EngineSettings:
    return EngineSettings(
        data_folder=config.data_folder,
        resume_folder=config.folder / "resume",
        listen_interfaces=interfaces_of(config.bittorrent_listen),
        enable_utp=config.utp,
        download_rate_limit=config.download_limit_bytes_per_second,
        upload_rate_limit=config.upload_limit_bytes_per_second,
        dht=DhtSettings(config.dht_bootstrap, config.folder / "dht.state") if config.dht else None,
    )


async def _read_torrent(store: Store, loop: NodeLoop, sha256: Sha256) -> bytes | None:
    """Return a .torrent; one that turns out to be damaged is fetched again from peers."""
    data = await store.blobs.read_blob(sha256)
    if data is None:
        await loop.emit(ev.BlobLost(sha256))
    return data


async def _bodies(store: Store) -> dict[Sha256, ManifestBody]:
    """Read the manifest bodies that the stored heads name; one that is missing is fetched again."""
    bodies: dict[Sha256, ManifestBody] = {}
    for stored in store.stored.records:
        try:
            content = open_record(stored.envelope).content if stored.envelope else None
            if isinstance(content, ManifestHead):
                blob = await store.blobs.read_blob(content.body_sha256)
                if blob is not None:
                    bodies[content.body_sha256] = decode_manifest_body(blob)
        except RecordError as error:
            _log.warning("a stored record is of no use", detail=error.message)
    return bodies
