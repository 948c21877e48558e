"""Pages over HTTPS, as a daemon fetches them: from whom this machine trusts, and from nobody else."""

import http.server
import os
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from mirrord.http.fetch import FetchError, fetch

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a page")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A folder of authorities with one in it, which signed for localhost itself; and its key beside the folder."""
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    where = ["-keyout", str(tmp_path / "key.pem"), "-out", str(trusted / "localhost.pem")]
    subprocess.run([str(OPENSSL), *made, *names, *where], check=True, capture_output=True)
    subprocess.run([str(OPENSSL), "rehash", str(trusted)], check=True, capture_output=True)
    return trusted / "localhost.pem"


@pytest.fixture
def port(certificate: Path, tmp_path: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, tmp_path / "key.pem")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield server.server_address[1]
        server.shutdown()


def get(port: int) -> bytes:
    return trio.run(lambda: fetch(f"https://127.0.0.1:{port}/", agent="test", seconds=30, body_bytes=100))


def test_whom_the_machine_trusts_is_believed_also_by_a_daemon(
    port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)  # as mirrord/daemon/memory.py has it
    monkeypatch.setenv("SSL_CERT_DIR", str(certificate.parent))
    assert get(port) == b"a page"


def test_nobody_else_is(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "empty"))
    with pytest.raises(FetchError, match="certificate"):
        get(port)
