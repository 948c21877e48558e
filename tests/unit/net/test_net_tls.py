"""The TLS contexts: what they demand, and that the key stays off the disk."""

import os
import ssl
from pathlib import Path

import pytest

from mirrord.net.certificate import authority_certificate, node_certificate
from mirrord.net.tls import client_context, node_id_from_seed, server_context

SEED = bytes(range(32))


@pytest.mark.parametrize("build", [server_context, client_context])
def test_a_context_demands_tls_1_3_and_a_certificate_of_our_authority_alone(build: object) -> None:
    assert callable(build)
    context: ssl.SSLContext = build(SEED)
    assert context.minimum_version is context.maximum_version is ssl.TLSVersion.TLSv1_3
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert not context.check_hostname
    assert context.get_ca_certs(binary_form=True) == [authority_certificate()]
    assert context.keylog_filename is None


def test_a_server_gives_no_session_tickets() -> None:
    assert server_context(SEED).num_tickets == 0


def handshake() -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """A handshake in memory: no socket, no loop."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context(SEED).wrap_bio(to_server, to_client, server_side=True)
    client = client_context(bytes(32)).wrap_bio(to_client, to_server)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return server, client


def test_each_side_sees_the_certificate_of_the_others_key() -> None:
    server, client = handshake()
    assert client.getpeercert(binary_form=True) == node_certificate(node_id_from_seed(SEED))
    assert server.getpeercert(binary_form=True) == node_certificate(node_id_from_seed(bytes(32)))
    assert server.version() == client.version() == "TLSv1.3"
    assert server.selected_alpn_protocol() == client.selected_alpn_protocol() == "mirrord/1"


def test_the_key_leaves_no_file_and_no_descriptor_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208
    handshake()
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    assert not list(tmp_path.iterdir())
