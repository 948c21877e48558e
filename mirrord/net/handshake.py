"""TLS with one peer, and who it turns out to be; each way to fail has a name that is counted."""

import ssl
from enum import StrEnum
from typing import Final

import trio

from mirrord.core.errors import RemoteProtocolError
from mirrord.core.records.ids import NodeId
from mirrord.net.certificate import node_id_of
from mirrord.net.meter import MeteredStream
from mirrord.net.tls import ALPN

SecureStream = trio.SSLStream[MeteredStream]


class HandshakeFailure(StrEnum):
    """Why a connection never became a session; also the ``reason`` label of the metric."""

    HUNG_UP = "hung_up"
    TOO_SLOW = "too_slow"
    NOT_TLS = "not_tls"
    TLS_VERSION = "tls_version"
    REFUSED_US = "refused_us"
    NO_CERTIFICATE = "no_certificate"
    FOREIGN_CERTIFICATE = "foreign_certificate"
    WRONG_CERTIFICATE = "wrong_certificate"
    OTHER_PROTOCOL = "other_protocol"
    OURSELVES = "ourselves"
    CROWDED_OUT = "crowded_out"
    TOO_OFTEN = "too_often"
    SESSIONS_FULL = "sessions_full"
    OVERSPENT = "overspent"


class HandshakeError(RemoteProtocolError):
    """A connection did not become a session.  Close it, count ``reason``, carry on."""

    def __init__(self, reason: HandshakeFailure, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


async def secure(
    transport: MeteredStream, context: ssl.SSLContext, *, server_side: bool, timeout_seconds: float
) -> SecureStream:
    """Do the TLS handshake; who the peer is remains to be asked with :func:`identify`.

    The caller closes ``transport`` where this raises :class:`HandshakeError`, else the stream that
    it returns.  A client learns only after this whether the server accepts its certificate: such is
    TLS 1.3.
    """
    # https_compatible: no close_notify is sent or waited for.  A session has its own last word, the
    # goodbye, and an end without one is a loss whatever TLS says of it.
    stream = trio.SSLStream(transport, context, server_side=server_side, https_compatible=True)
    try:
        with trio.fail_after(timeout_seconds):
            await stream.do_handshake()
    except trio.TooSlowError:
        detail = f"no TLS handshake within {timeout_seconds:g} s"
        raise HandshakeError(HandshakeFailure.TOO_SLOW, detail) from None
    except trio.BrokenResourceError as error:
        raise _explained(error.__cause__) from error
    return stream


def identify(stream: SecureStream, alpn: str = ALPN) -> NodeId:
    """Return the node id that the peer has proved; raise :class:`HandshakeError`.

    OpenSSL lets a handshake without a common ALPN through on both sides, so both find out here.
    """
    if stream.selected_alpn_protocol() != alpn:
        raise HandshakeError(HandshakeFailure.OTHER_PROTOCOL, f"peer does not speak {alpn}")
    certificate = stream.getpeercert(binary_form=True)
    if not certificate:
        raise HandshakeError(HandshakeFailure.NO_CERTIFICATE, "peer showed no certificate")
    try:
        return node_id_of(certificate)
    except RemoteProtocolError as error:
        raise HandshakeError(HandshakeFailure.WRONG_CERTIFICATE, error.message) from None


_BY_OPENSSL_REASON: Final = {
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": (HandshakeFailure.NO_CERTIFICATE, "peer showed no certificate"),
    "UNSUPPORTED_PROTOCOL": (HandshakeFailure.TLS_VERSION, "peer does not speak TLS 1.3"),
    "TLSV1_ALERT_PROTOCOL_VERSION": (HandshakeFailure.TLS_VERSION, "peer does not speak TLS 1.3"),
    "NO_APPLICATION_PROTOCOL": (HandshakeFailure.OTHER_PROTOCOL, f"peer does not speak {ALPN}"),
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": (HandshakeFailure.OTHER_PROTOCOL, f"peer does not speak {ALPN}"),
}


def _explained(cause: BaseException | None) -> HandshakeError:
    """Turn what OpenSSL or the socket said into one of our reasons."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        detail = f"peer's certificate is not a mirrord node's: {cause.verify_message}"
        return HandshakeError(HandshakeFailure.FOREIGN_CERTIFICATE, detail)
    # Which of the three an end of the stream raises depends on Python's patch level and OpenSSL's.
    hung_up = isinstance(cause, ssl.SSLEOFError | ssl.SSLSyscallError | ssl.SSLZeroReturnError)
    if hung_up or not isinstance(cause, ssl.SSLError):
        return HandshakeError(HandshakeFailure.HUNG_UP, "peer hung up during the TLS handshake")
    said = cause.reason or "unknown error"
    if said in _BY_OPENSSL_REASON:
        return HandshakeError(*_BY_OPENSSL_REASON[said])
    if "ALERT" in said:
        return HandshakeError(HandshakeFailure.REFUSED_US, f"peer refused the TLS handshake: {said}")
    return HandshakeError(HandshakeFailure.NOT_TLS, f"peer does not speak our TLS: {said}")
