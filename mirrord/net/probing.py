"""Dialling a peer back, to see whether others reach it: a TLS handshake, a look at its key, and gone.

A probe names itself in ALPN, so that the peer does not take it for a session, which would replace the one
that it asked through.
"""

import ssl

import trio

from mirrord.core.records.ids import Address, NodeId
from mirrord.net.endpoints import ConnectError, connect
from mirrord.net.handshake import HandshakeError, SecureStream, identify, secure
from mirrord.net.meter import MeteredStream, Traffic
from mirrord.net.session import drain
from mirrord.net.tls import PROBE_ALPN


async def answers(
    address: Address,
    node: NodeId,
    context: ssl.SSLContext,
    source_address: str | None,
    timeout_seconds: float,
    traffic: Traffic,
) -> bool:
    """Return whether ``node`` answers at ``address`` in time.  Never raises for what is found there.

    ``context`` is that of a prober, see :func:`mirrord.net.tls.probe_context`.
    """
    deadline = trio.current_time() + timeout_seconds
    try:
        tcp = await connect(address, source_address, timeout_seconds)
    except ConnectError:
        return False
    transport = MeteredStream(tcp, traffic)
    try:
        left_seconds = max(deadline - trio.current_time(), 0.0)
        stream = await secure(transport, context, server_side=False, timeout_seconds=left_seconds)
        return identify(stream, PROBE_ALPN) == node
    except HandshakeError:
        return False
    finally:
        await trio.aclose_forcefully(transport)


def is_probe(stream: SecureStream) -> bool:
    """Whether who dialled us wants to know no more than that we are here."""
    return bool(stream.selected_alpn_protocol() == PROBE_ALPN)


async def let_go(stream: SecureStream, timeout_seconds: float) -> None:
    """Wait until a prober has seen enough and hangs up; does not close the stream."""
    with trio.move_on_after(timeout_seconds):
        await drain(stream)
