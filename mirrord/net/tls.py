"""TLS as this network speaks it: version 1.3 alone, both sides show a certificate, ALPN ``mirrord/1``.

A probe has an ALPN of its own; it ends with the handshake, and no frame follows.

What OpenSSL checks here is little: that the peer holds the key of a certificate that the published
authority signed, and anybody can sign with that.  Who the peer *is* follows from
:func:`mirrord.net.handshake.identify`, which comes before the first frame.
"""

import os
import ssl
from typing import Final

from nacl.signing import SigningKey

from mirrord.core.errors import ShellError
from mirrord.core.records.ids import NodeId
from mirrord.net.certificate import (
    authority_certificate,
    certificate_pem,
    node_certificate,
    private_key_pem,
)

ALPN: Final = "mirrord/1"
PROBE_ALPN: Final = "mirrord-probe/1"


def node_id_from_seed(seed: bytes) -> NodeId:
    """Return the public key of a 32-byte Ed25519 seed: the node id."""
    return NodeId(bytes(SigningKey(seed).verify_key))


def server_context(seed: bytes) -> ssl.SSLContext:
    """Return the context for accepted connections, with this node's key in it."""
    context = _context(ssl.PROTOCOL_TLS_SERVER, seed, ALPN, PROBE_ALPN)
    # A resumed session would skip the certificates, and with them the only proof of who is there.
    context.num_tickets = 0
    return context


def client_context(seed: bytes) -> ssl.SSLContext:
    """Return the context for dialled connections, with this node's key in it."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, seed, ALPN)


def probe_context(seed: bytes) -> ssl.SSLContext:
    """Return the context for connections that only look who is there."""
    return _context(ssl.PROTOCOL_TLS_CLIENT, seed, PROBE_ALPN)


def _context(protocol: int, seed: bytes, *alpn: str) -> ssl.SSLContext:
    # Not create_default_context: that trusts the public authorities, follows SSLKEYLOGFILE, and its
    # verification flags differ between Python 3.12 and 3.13.
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_TICKET
    context.check_hostname = False  # the certificate names a key, not a host
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(list(alpn))
    context.load_verify_locations(cadata=authority_certificate())
    _load_identity(context, seed)
    return context


def _load_identity(context: ssl.SSLContext, seed: bytes) -> None:
    """Give the context our certificate and key.

    ``load_cert_chain`` takes nothing but the name of a file.  A memory file has such a name for as
    long as we hold it open, lives on no disk, and is gone with its descriptor even after SIGKILL.
    """
    pem = certificate_pem(node_certificate(node_id_from_seed(seed))) + private_key_pem(seed)
    try:
        descriptor = os.memfd_create("mirrord-tls", os.MFD_CLOEXEC)
    except OSError as error:
        raise ShellError(f"cannot make a memory file for the TLS key: {error.strerror}") from error
    with os.fdopen(descriptor, "wb", buffering=0) as memory:
        os.fchmod(descriptor, 0o600)
        memory.write(pem)
        try:
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError as error:
            raise ShellError("cannot load the TLS key", "mount /proc: the key is read through it") from error
