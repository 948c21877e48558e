"""Sockets: opening listeners, accepting without end, dialling.  TLS comes after all of this."""

import errno
import socket
from collections.abc import Callable
from typing import Final, NoReturn

import structlog
import trio

from mirrord.core import limits
from mirrord.core.errors import ConfigError, ShellError
from mirrord.core.gossip.scopes import canonical_host
from mirrord.core.records.ids import Address

_LOG: Final[structlog.stdlib.BoundLogger] = structlog.stdlib.get_logger(__name__)

_OUT_OF_CAPACITY: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_MAY_PASS: Final = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL, *_OUT_OF_CAPACITY})


class ConnectError(ShellError):
    """Nobody answers at an address, or this machine cannot ask."""

    code = "connect"


async def open_listeners(addresses: tuple[Address, ...]) -> list[trio.SocketListener]:
    """Listen at each address; the caller closes the listeners.

    Raises :class:`ConfigError` where the address can never work (a privileged port, no such host)
    and :class:`ShellError` where it may work later (in use, a VPN that is not up yet).
    """
    listeners: list[trio.SocketListener] = []
    try:
        for address in addresses:
            listeners += await trio.open_tcp_listeners(address.port, host=address.host)
    except (OSError, ValueError, OverflowError) as error:
        for listener in listeners:
            listener.socket.close()
        message = f"cannot listen on {address}: {_reason(error)}"
        if isinstance(error, OSError) and error.errno in _MAY_PASS:
            raise ShellError(message, "another program may have it, or the interface is down") from error
        raise ConfigError(message, "name an address of this machine and a port from 1024 to 65535") from error
    return listeners


def address_of(listener: trio.SocketListener) -> Address:
    """Return where a listener really listens, with the port that the system chose."""
    host, port = listener.socket.getsockname()[:2]
    return Address(host, port)


async def accept_forever(
    listener: trio.SocketListener, take: Callable[[trio.SocketStream], None], exhausted: Callable[[], None]
) -> NoReturn:
    """Hand every connection to ``take``, which must not wait and owns the stream.

    Closes the listener when cancelled.  Where the machine is out of descriptors or memory,
    ``exhausted`` is called, to make room, and accepting goes on after ``ACCEPT_RETRY_SECONDS``;
    connections wait in the kernel meanwhile.  Any other failure of the socket is a
    :class:`ShellError`.
    """
    capable = True
    async with listener:
        while True:
            try:
                stream = await listener.accept()
            except OSError as error:
                if error.errno not in _OUT_OF_CAPACITY:
                    raise ShellError(f"the listener on {address_of(listener)} failed: {_reason(error)}") from error
                if capable:  # once an episode: this can come ten times a second
                    _LOG.error("accept_failed", reason=_reason(error), hint="raise LimitNOFILE")
                capable = False
                exhausted()
                await trio.sleep(limits.ACCEPT_RETRY_SECONDS)
            else:
                capable = True
                take(stream)


async def connect(address: Address, source_address: str | None, timeout_seconds: float) -> trio.SocketStream:
    """Open a TCP connection; a host name's addresses are tried side by side (RFC 8305).

    Raises :class:`ConnectError` with a sentence for people.
    """
    try:
        with trio.fail_after(timeout_seconds):
            return await trio.open_tcp_stream(address.host, address.port, local_address=source_address)
    except trio.TooSlowError:
        raise ConnectError(f"{address} does not answer within {timeout_seconds:g} s") from None
    except (OSError, ValueError, OverflowError) as error:
        # ValueError and OverflowError: a host or a port that no socket call takes.
        raise ConnectError(f"cannot reach {address}: {_reason(error)}") from error


def expect_acknowledgements(stream: trio.SocketStream, within_seconds: float) -> None:
    """Have the kernel break a connection where what we sent is not acknowledged for so long, and probe a quiet one.

    A peer that vanished without a word (no power, another address, a cut line) would otherwise stay a session until
    TCP gives up, after 15 minutes: its send buffer takes all that a node says in that time, so no send ever waits.
    """
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(within_seconds * 1000))
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, int(limits.KEEPALIVE_SECONDS))
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, int(limits.HANDSHAKE_TIMEOUT_SECONDS))


async def wait_for_first_byte(stream: trio.SocketStream, timeout_seconds: float) -> bool:
    """Wait until the other end has said something or hung up; False where it does neither in time."""
    with trio.move_on_after(timeout_seconds) as silence:
        await trio.lowlevel.wait_readable(stream.socket)
    return not silence.cancelled_caught


def peer_address(stream: trio.SocketStream) -> Address | None:
    """Return where the other end's packets come from, as a canonical IP literal; None where it is gone already."""
    try:
        host, port = stream.socket.getpeername()[:2]
    except OSError:
        return None
    return Address(canonical_host(host), port)


def _reason(error: BaseException) -> str:
    """Say what the system said; trio wraps one failure for each address of a name."""
    cause: BaseException = error
    while isinstance(cause.__cause__, OSError | BaseExceptionGroup):
        cause = cause.__cause__
    if isinstance(cause, BaseExceptionGroup):
        return "; ".join(dict.fromkeys(_reason(part) for part in cause.exceptions))
    return (cause.strerror if isinstance(cause, OSError) else None) or str(cause)
