"""Our certificates, read by programs that we did not write."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from nacl.signing import SigningKey

from mirrord.core import limits
from mirrord.core.errors import LocalProtocolError, RemoteProtocolError
from mirrord.core.records.ids import NodeId
from mirrord.core.wire.messages import GoodbyeCode
from mirrord.net.certificate import (
    AUTHORITY_PHRASE,
    AUTHORITY_SEED,
    NODE_CERTIFICATE_BYTES,
    NODE_INFIX,
    NODE_PREFIX,
    SERVER_NAME,
    authority_certificate,
    certificate_pem,
    node_certificate,
    node_id_of,
    private_key_pem,
)

SEED = bytes(range(32))
NODE = NodeId(bytes(SigningKey(SEED).verify_key))
CHANNEL = Path(__file__).parents[3] / "proto" / "channel.md"


def test_a_certificate_is_a_pure_function_of_the_key() -> None:
    assert node_certificate(NODE) == node_certificate(NodeId(bytes(NODE)))
    assert node_certificate(NODE) != node_certificate(NodeId(bytes(SigningKey(bytes(32)).verify_key)))
    assert len(node_certificate(NODE)) == NODE_CERTIFICATE_BYTES
    assert node_id_of(node_certificate(NODE)) == NODE


def test_another_library_reads_the_same_key_names_and_dates() -> None:
    leaf = x509.load_der_x509_certificate(node_certificate(NODE))
    authority = x509.load_der_x509_certificate(authority_certificate())
    assert leaf.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) == NODE
    assert leaf.subject.rfc4514_string() == "CN=mirrord node"
    assert leaf.issuer == authority.subject == authority.issuer
    assert (leaf.serial_number, authority.serial_number) == (2, 1)
    for certificate in (leaf, authority):
        certificate.verify_directly_issued_by(authority)
        assert certificate.version is x509.Version.v3
        assert certificate.not_valid_before_utc.year == 1970
        assert certificate.not_valid_after_utc.isoformat() == "9999-12-31T23:59:59+00:00"
        assert certificate.public_bytes(Encoding.DER) in (node_certificate(NODE), authority_certificate())
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [SERVER_NAME]


def test_the_authority_is_the_published_phrase_and_nothing_else() -> None:
    authority = x509.load_der_x509_certificate(authority_certificate())
    published = Ed25519PrivateKey.from_private_bytes(AUTHORITY_SEED).public_key()
    assert authority.public_key() == published
    assert b"authenticates nothing" in AUTHORITY_PHRASE


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")
@pytest.mark.parametrize("purpose", [["sslclient"], ["sslserver", "-verify_hostname", SERVER_NAME]])
def test_the_openssl_command_verifies_the_chain_by_its_strict_rules(purpose: list[str], tmp_path: Path) -> None:
    leaf, authority = tmp_path / "leaf.pem", tmp_path / "authority.pem"
    leaf.write_bytes(certificate_pem(node_certificate(NODE)))
    authority.write_bytes(certificate_pem(authority_certificate()))
    command = ["openssl", "verify", "-x509_strict", "-purpose", *purpose, "-CAfile", str(authority), str(leaf)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_private_key_is_readable_elsewhere_and_belongs_to_the_certificate() -> None:
    key = load_pem_private_key(private_key_pem(SEED), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    assert key.private_bytes_raw() == SEED
    leaf = x509.load_pem_x509_certificate(certificate_pem(node_certificate(NODE)))
    assert leaf.public_key() == key.public_key()


def test_a_certificate_with_any_bit_changed_is_refused() -> None:
    sound = node_certificate(NODE)
    for place in range(len(sound)):
        for bit in range(8):
            changed = bytearray(sound)
            changed[place] ^= 1 << bit
            with pytest.raises(RemoteProtocolError):
                node_id_of(bytes(changed))


@pytest.mark.parametrize(
    "certificate",
    [b"", bytes(NODE_CERTIFICATE_BYTES), node_certificate(NODE)[:-1], node_certificate(NODE) + b"\0", NODE * 100],
    ids=["empty", "zeros", "short", "long", "keys"],
)
def test_what_is_no_node_certificate_is_refused(certificate: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        node_id_of(certificate)


@pytest.mark.parametrize("low_order", [bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f"])
def test_a_key_for_which_anybody_can_sign_is_refused(low_order: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="sound"):
        node_id_of(node_certificate(NodeId(low_order)))


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_the_wrong_size_is_our_own_fault(size: int) -> None:
    with pytest.raises(LocalProtocolError):
        node_certificate(NodeId(bytes(size)))
    with pytest.raises(LocalProtocolError):
        private_key_pem(bytes(size))


def published(title: str) -> bytes:
    """The bytes that ``proto/channel.md`` prints in hex below ``title``."""
    found = re.search(rf"^{re.escape(title)}.*?```hex\n(.*?)```", CHANNEL.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None, f"{CHANNEL.name} does not show {title!r}"
    return bytes.fromhex(found[1])


def test_the_protocol_in_prose_prints_the_bytes_that_we_use() -> None:
    assert AUTHORITY_PHRASE.decode() in CHANNEL.read_text()
    assert published("Authority seed") == AUTHORITY_SEED
    assert published("Authority certificate") == authority_certificate()
    assert published("Prefix") == NODE_PREFIX
    assert published("Infix") == NODE_INFIX
    assert published("Example seed") == SEED
    assert published("Example public key") == NODE
    assert published("Example certificate") == node_certificate(NODE)


def test_a_certificate_can_be_built_from_the_prose_alone() -> None:
    key = bytes(SigningKey(published("Example seed")).verify_key)
    prefix, infix = published("Prefix"), published("Infix")
    signed_part = (prefix + key + infix)[4:-10]  # as the prose says: behind the outer header, before the tail
    signature = SigningKey(published("Authority seed")).sign(signed_part).signature
    assert prefix + key + infix + signature == published("Example certificate")


def test_the_protocol_in_prose_names_every_goodbye_and_the_bounds_that_we_keep() -> None:
    prose = CHANNEL.read_text()
    for code in GoodbyeCode:
        assert re.search(rf"^\| {code.value} `(GOODBYE_)?{code.name}` \|", prose, re.MULTILINE)
    for row, value in {
        "TCP and TLS, for who dials; TLS, for who is dialled": f"{limits.HANDSHAKE_TIMEOUT_SECONDS:g} s",
        "from TLS to the first frame": f"{limits.HANDSHAKE_TIMEOUT_SECONDS:g} s",
        "one frame, from its first byte to its last": f"{limits.FRAME_RECEIVE_SECONDS:g} s",
        "a session without a frame either way": f"{limits.SESSION_IDLE_SECONDS:g} s",
        "from sending to TCP's acknowledgement": f"{limits.SEND_TIMEOUT_SECONDS:g} s",
        "a quiet connection, until TCP probes it": f"{limits.KEEPALIVE_SECONDS:g} s",
        "one frame": f"{limits.FRAME_MAX_BYTES:,} bytes",
        "waiting for one peer that reads too slowly": f"{limits.SESSION_QUEUE_MAX_FRAMES} frames, ",
        "sessions of one node": f"{limits.SESSIONS_MAX}, of which",
        "accepted from one /24 (IPv4) or /64 (IPv6)": f"{limits.SESSIONS_PER_NETWORK_MAX} sessions",
    }.items():
        assert f"| {row} | {value}" in prose
