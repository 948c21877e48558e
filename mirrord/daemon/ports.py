"""Where this daemon listens, and what of that it tells others; both can change while it runs.

``mirrord set-port`` and the port file of a VPN program come here.  What they set holds until the
daemon ends; the configuration is its operator's to change.
"""

from pathlib import Path
from typing import Final

import structlog
import trio

from mirrord.config import Config
from mirrord.core.errors import ConfigError, MirrordError, UsageError
from mirrord.core.events import ListeningStarted
from mirrord.core.limits import PORT_FILE_MAX_BYTES
from mirrord.core.records.ids import Address
from mirrord.daemon.addresses import addresses_to_announce
from mirrord.daemon.loop import NodeLoop
from mirrord.net.network import Network
from mirrord.torrents.engine import Engine

_LOOK_SECONDS: Final = 3.0
"""Between two looks at the port file: a VPN renews a port once in hours, and is not reached until we know."""

_PORT_MAX: Final = 65_535

_log: structlog.stdlib.BoundLogger = structlog.get_logger("mirrord")


class Ports:
    """The addresses that are listened on for peers (``coordination``) and for swarm members (``bittorrent``)."""

    def __init__(self, config: Config, network: Network, engine: Engine, loop: NodeLoop) -> None:
        self._network = network
        self._engine = engine
        self._loop = loop
        self._coordination = config.listen
        self._bittorrent = config.bittorrent_listen
        self._announced = config.announce_addresses
        self._announced_bittorrent = config.announce_bittorrent_addresses
        self._changing = trio.Lock()

    async def announce(self) -> None:
        """Have the node tell others where it can be reached now."""
        bittorrent = tuple(Address(a.host, self._engine.listening_port) for a in self._bittorrent)
        await self._loop.tell(
            ListeningStarted(
                addresses_to_announce(self._announced, self._network.listening),
                addresses_to_announce(self._announced_bittorrent, bittorrent),
                by_operator=bool(self._announced),
            )
        )

    async def set(self, *, coordination: int = 0, bittorrent: int = 0) -> None:
        """Listen on other ports of the same addresses, and tell others; 0 leaves a port as it is.

        Sessions and swarm members that are connected stay.  Addresses that the operator announces get the
        new port, too: who forwards another one changes the configuration.  Raises UsageError or ShellError
        where a port is not to be had; that one is then as it was.
        """
        for port in (coordination, bittorrent):
            check_port(port)
        if coordination and coordination == bittorrent:
            raise UsageError(f"port {coordination} cannot serve peers and swarm members both", "give two ports")
        async with self._changing:
            before = (self._coordination, self._bittorrent)
            try:
                if coordination:
                    await self._set_coordination(coordination)
                if bittorrent:
                    await self._set_bittorrent(bittorrent)
            finally:  # of two ports the first may have changed where the second could not
                if (self._coordination, self._bittorrent) != before:
                    await self.announce()

    async def _set_coordination(self, port: int) -> None:
        addresses = _with_port(self._coordination, port)
        if addresses == self._coordination:
            return
        try:
            await self._network.listen_on(addresses)
        except ConfigError as error:  # here it is not the configuration that is wrong
            raise UsageError(error.message, error.hint) from None
        self._coordination, self._announced = addresses, _with_port(self._announced, port)
        _log.info("listening for peers elsewhere", listening=[str(a) for a in self._network.listening])

    async def _set_bittorrent(self, port: int) -> None:
        addresses = _with_port(self._bittorrent, port)
        if addresses == self._bittorrent:
            return
        await self._engine.listen_on(interfaces_of(addresses))
        self._bittorrent, self._announced_bittorrent = addresses, _with_port(self._announced_bittorrent, port)
        _log.info("listening for swarm members elsewhere", listening=[str(a) for a in addresses])


def interfaces_of(addresses: tuple[Address, ...]) -> str:
    """Return addresses as the engine's settings write them."""
    return ",".join(str(address) for address in addresses)


def check_port(port: int) -> None:
    """Raise UsageError unless it is a port, or 0."""
    if not 0 <= port <= _PORT_MAX:
        raise UsageError(f"{port} is not a port", f"a port is a number from 1 to {_PORT_MAX}")


def _with_port(addresses: tuple[Address, ...], port: int) -> tuple[Address, ...]:
    return tuple(Address(address.host, port) for address in addresses)


async def follow_port_file(path: Path, ports: Ports, *, is_for_bittorrent: bool) -> None:
    """Listen on the port that a file names, now and whenever it changes, until cancelled.

    What is not a port, or cannot be had, is logged once and changes nothing; a port that cannot be
    had is tried again.
    """
    current, complaint = 0, ""
    while True:
        problem = ""
        try:
            port = await trio.to_thread.run_sync(read_port_file, path)
            if port != current:
                await (ports.set(bittorrent=port) if is_for_bittorrent else ports.set(coordination=port))
                current = port
        except MirrordError as error:
            problem = error.message
            if problem != complaint:
                _log.warning("the port stays as it is", detail=error.message, hint=error.hint)
        complaint = problem
        await trio.sleep(_LOOK_SECONDS)


def read_port_file(path: Path) -> int:
    """Return the port that a file holds, or raise UsageError.  Blocking."""
    try:
        with path.open("rb") as file:
            text = file.read(PORT_FILE_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"port_file {path}: {error.strerror}", "the VPN program has to write it") from None
    digits = text.strip()
    if not (digits.isdigit() and len(text) <= PORT_FILE_MAX_BYTES and 0 < int(digits) <= _PORT_MAX):
        shown = text[:PORT_FILE_MAX_BYTES].decode("ascii", "replace").strip()
        raise UsageError(f"port_file {path} holds {shown!r}", f"it must be one number from 1 to {_PORT_MAX}")
    return int(digits)
