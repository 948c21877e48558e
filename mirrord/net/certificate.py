"""The certificate of a node, as a pure function of its Ed25519 public key.

THE AUTHORITY AUTHENTICATES NOTHING.  Its private key is published below, anybody can sign with it,
and that is on purpose: Python's ``ssl`` cannot ask a client for a certificate without
naming an authority that it must come from, so there is one that everybody shares.  A certificate
only carries a public key into TLS.  TLS proves that the peer holds the matching private key, and
the *program* compares that public key with the node id that it wants.

Rules:

- Every byte is fixed, except the public key and the signature: ``prefix + key + infix + signature``.
- A peer's certificate is accepted only where it equals, byte for byte, the one that we build
  ourselves from the 32 bytes at the template's fixed offset.  Nothing is searched for or parsed, so
  a stranger's key cannot hide in a name or an extension.
- DER is put together here and not by a library, because ``cryptography`` costs 8.5 MB of resident
  memory (measured) and this is all that we would use of it.  Tests read the result with it.

``proto/channel.md`` prints the bytes for other implementations.
"""

import base64
import hashlib
from typing import Final

from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.signing import SigningKey

from mirrord.core.errors import LocalProtocolError, RemoteProtocolError
from mirrord.core.records.ids import KEY_BYTES, NodeId

AUTHORITY_PHRASE: Final = b"mirrord/1 certificate authority. This key is published and authenticates nothing."
AUTHORITY_SEED: Final = hashlib.sha256(AUTHORITY_PHRASE).digest()
"""The private key of the authority.  Published: it protects nothing and is no secret."""

SIGNATURE_BYTES: Final = 64
SERVER_NAME: Final = "node.mirrord.invalid"
"""The one name in every certificate, for TLS libraries that cannot leave the name unchecked."""

_INTEGER: Final = 0x02
_BIT_STRING: Final = 0x03
_OCTET_STRING: Final = 0x04
_OID: Final = 0x06
_UTF8: Final = 0x0C
_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_TRUE: Final = b"\x01\x01\xff"
_UNUSED_BITS_NONE: Final = b"\x00"


def node_certificate(public_key: NodeId) -> bytes:
    """Return the DER of the one certificate that belongs to this key.  Deterministic."""
    if len(public_key) != KEY_BYTES:
        raise LocalProtocolError(f"a node id has {KEY_BYTES} bytes, not {len(public_key)}")
    signature = _AUTHORITY_KEY.sign(_BODY_HEAD + public_key + _BODY_TAIL).signature
    return NODE_PREFIX + public_key + NODE_INFIX + signature


def authority_certificate() -> bytes:
    """Return the DER of the authority's own certificate, the same for everybody."""
    return _AUTHORITY_CERTIFICATE


def node_id_of(certificate: bytes) -> NodeId:
    """Return the key that a peer's certificate (DER) stands for.

    Raises :class:`RemoteProtocolError` for anything but the exact certificate of a sound key.  That
    TLS has verified the peer's possession of the key is the caller's to know.
    """
    if len(certificate) != NODE_CERTIFICATE_BYTES:
        raise RemoteProtocolError(f"a certificate of {len(certificate)} bytes is not a mirrord node's")
    public_key = NodeId(bytes(certificate[len(NODE_PREFIX) : len(NODE_PREFIX) + KEY_BYTES]))
    if certificate != node_certificate(public_key):
        raise RemoteProtocolError("the certificate is not the one that belongs to its key")
    if not crypto_core_ed25519_is_valid_point(public_key):
        # For a point of small order everybody can make signatures: such a key proves nothing.
        raise RemoteProtocolError("the certificate's key is not a sound Ed25519 key")
    return public_key


def certificate_pem(certificate: bytes) -> bytes:
    """Wrap a certificate's DER as PEM."""
    return _pem("CERTIFICATE", certificate)


def private_key_pem(seed: bytes) -> bytes:
    """Wrap an Ed25519 seed of 32 bytes as PEM (PKCS #8, RFC 8410).  Secret: keep it off the disk."""
    if len(seed) != KEY_BYTES:
        raise LocalProtocolError(f"a node key's seed has {KEY_BYTES} bytes, not {len(seed)}")
    version = _der(_INTEGER, b"\x00")
    return _pem("PRIVATE KEY", _der(_SEQUENCE, version, _ED25519, _der(_OCTET_STRING, _der(_OCTET_STRING, seed))))


def _pem(label: str, der: bytes) -> bytes:
    text = base64.b64encode(der).decode("ascii")
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode("ascii")


def _der(tag: int, *parts: bytes) -> bytes:
    """One DER value; the definite short and long forms up to 65,535 bytes are all that is needed."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        header = bytes([tag, size])
    elif size < 0x100:
        header = bytes([tag, 0x81, size])
    else:
        header = bytes([tag, 0x82]) + size.to_bytes(2, "big")
    return header + content


def _oid(hexadecimal: str) -> bytes:
    return _der(_OID, bytes.fromhex(hexadecimal))


def _name(common_name: str) -> bytes:
    attribute = _der(_SEQUENCE, _oid("550403"), _der(_UTF8, common_name.encode("utf-8")))
    return _der(_SEQUENCE, _der(_SET, attribute))


def _extension(oid: bytes, value: bytes, *, critical: bool = False) -> bytes:
    return _der(_SEQUENCE, oid, _TRUE if critical else b"", _der(_OCTET_STRING, value))


def _body(serial: int, subject: bytes, public_key: bytes, *extensions: bytes) -> bytes:
    """The part that is signed (RFC 5280, TBSCertificate)."""
    return _der(
        _SEQUENCE,
        _der(0xA0, _der(_INTEGER, b"\x02")),  # X.509 version 3
        _der(_INTEGER, bytes([serial])),
        _ED25519,
        _AUTHORITY_NAME,
        _VALIDITY,
        subject,
        _der(_SEQUENCE, _ED25519, _der(_BIT_STRING, _UNUSED_BITS_NONE, public_key)),
        _der(0xA3, _der(_SEQUENCE, *extensions)),
    )


def _signed(body: bytes, signature: bytes) -> bytes:
    return _der(_SEQUENCE, body, _ED25519, _der(_BIT_STRING, _UNUSED_BITS_NONE, signature))


_AUTHORITY_KEY: Final = SigningKey(AUTHORITY_SEED)
_AUTHORITY_PUBLIC: Final = bytes(_AUTHORITY_KEY.verify_key)
_ED25519: Final = _der(_SEQUENCE, _oid("2b6570"))
_AUTHORITY_NAME: Final = _name("mirrord published authority")
_NODE_NAME: Final = _name("mirrord node")
# A certificate must not depend on a clock, so it holds from the first moment to "no end" (RFC 5280).
_VALIDITY: Final = _der(_SEQUENCE, _der(_UTC_TIME, b"700101000000Z"), _der(_GENERALIZED_TIME, b"99991231235959Z"))
_AUTHORITY_KEY_ID: Final = hashlib.sha256(_AUTHORITY_PUBLIC).digest()[:20]  # RFC 7093, method 1

_BASIC_CONSTRAINTS: Final = _oid("551d13")
_KEY_USAGE: Final = _oid("551d0f")

_AUTHORITY_BODY: Final = _body(
    1,
    _AUTHORITY_NAME,
    _AUTHORITY_PUBLIC,
    _extension(_BASIC_CONSTRAINTS, _der(_SEQUENCE, _TRUE, _der(_INTEGER, b"\x00")), critical=True),
    _extension(_KEY_USAGE, _der(_BIT_STRING, b"\x02\x04"), critical=True),  # may sign certificates
    _extension(_oid("551d0e"), _der(_OCTET_STRING, _AUTHORITY_KEY_ID)),
)
_AUTHORITY_CERTIFICATE: Final = _signed(_AUTHORITY_BODY, _AUTHORITY_KEY.sign(_AUTHORITY_BODY).signature)

_PLACEHOLDER: Final = b"\xff" * KEY_BYTES
# All nodes share serial number 2 and one name: who a node is stands in its key alone.
_EMPTY_BODY: Final = _body(
    2,
    _NODE_NAME,
    _PLACEHOLDER,
    _extension(_BASIC_CONSTRAINTS, _der(_SEQUENCE), critical=True),
    _extension(_KEY_USAGE, _der(_BIT_STRING, b"\x07\x80"), critical=True),  # may sign handshakes
    _extension(_oid("551d25"), _der(_SEQUENCE, _oid("2b06010505070301"), _oid("2b06010505070302"))),
    _extension(_oid("551d11"), _der(_SEQUENCE, _der(0x82, SERVER_NAME.encode("ascii")))),
    _extension(_oid("551d23"), _der(_SEQUENCE, _der(0x80, _AUTHORITY_KEY_ID))),
)
_EMPTY_CERTIFICATE: Final = _signed(_EMPTY_BODY, bytes(SIGNATURE_BYTES))
NODE_CERTIFICATE_BYTES: Final = len(_EMPTY_CERTIFICATE)

# The placeholder stands once in our own template, and that is where the key goes.
_BODY_HEAD, _BODY_TAIL = _EMPTY_BODY.split(_PLACEHOLDER)
NODE_PREFIX, _EMPTY_END = _EMPTY_CERTIFICATE.split(_PLACEHOLDER)
NODE_INFIX: Final = _EMPTY_END[:-SIGNATURE_BYTES]
