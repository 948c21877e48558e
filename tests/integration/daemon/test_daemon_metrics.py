"""Metrics of a running daemon: by HTTPS, for who has the token, with files that are renewed while it runs."""

import base64
import datetime
import os
import signal
import socket
import ssl
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from running_nodes import Nodes, RunningNode
from small_collection import build, open_shop

MIB = 1 << 20
BAD_CONFIGURATION = 78


def write_certificate(folder: Path, name: str = "localhost") -> tuple[Path, Path]:
    """Make a certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "metrics.pem", folder / "metrics.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return certificate, secret


def write_token(path: Path, token: str, mode: int = 0o600) -> Path:
    path.touch(mode=0o600)
    path.write_text(token)
    path.chmod(mode)
    return path


def get(node: RunningNode, path: str, authorization: str = "", trust: Path | None = None) -> tuple[int, str]:
    """Return the status and the text; ``trust`` is the certificate of a daemon that speaks HTTPS."""
    context = ssl.create_default_context(cafile=str(trust)) if trust is not None else None
    scheme = "https" if trust is not None else "http"
    request = urllib.request.Request(f"{scheme}://localhost:{node.metrics_port}{path}")
    if authorization:
        request.add_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def answer_to(node: RunningNode, garbage: bytes) -> bytes:
    """Return what comes back for bytes that are no TLS; mostly the connection is simply reset."""
    with socket.create_connection(("127.0.0.1", node.metrics_port), timeout=10) as plain, suppress(OSError):
        plain.sendall(garbage)
        plain.shutdown(socket.SHUT_WR)
        return plain.recv(65_536)
    return b""


def test_a_token_guards_the_metrics_and_is_taken_anew_by_a_reload(nodes: Nodes, tmp_path: Path) -> None:
    token = write_token(tmp_path / "token", "first-secret\n")
    node = nodes.make("node", MIB, metrics_token_file=str(token)).start()
    assert get(node, "/metrics")[0] == 401
    assert get(node, "/metrics", "Bearer wrong")[0] == 401
    assert get(node, "/metrics", "Bearer first-secret")[0] == 200
    basic = base64.b64encode(b"whoever:first-secret").decode()
    assert get(node, "/metrics", f"Basic {basic}")[0] == 200
    assert get(node, "/healthz") == (200, "ok\n")
    write_token(token, "second-secret")
    node.signal(signal.SIGHUP)
    node.wait_until(lambda: get(node, "/metrics", "Bearer second-secret")[0] == 200, "the new token is taken")
    assert get(node, "/metrics", "Bearer first-secret")[0] == 401
    write_token(token, "")
    node.signal(signal.SIGHUP)
    node.wait_for_log("stay as they are")
    assert get(node, "/metrics", "Bearer second-secret")[0] == 200, "a broken file opens nothing"


def test_https_with_a_certificate_that_is_renewed_while_the_daemon_runs(nodes: Nodes, tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    node = nodes.make("node", MIB, metrics_tls_certificate=str(certificate), metrics_tls_key=str(key)).start()
    assert "mirrord_build_info" in get(node, "/metrics", trust=certificate)[1]
    for garbage in (b"GET /metrics HTTP/1.0\r\n\r\n", b"\x16\x03\x01" + os.urandom(300), b"\0" * 70_000):
        assert b"mirrord_" not in answer_to(node, garbage)
    before = certificate.read_bytes()
    write_certificate(tmp_path)
    node.signal(signal.SIGHUP)
    node.wait_for_log("configuration reloaded")
    assert get(node, "/metrics", trust=certificate)[0] == 200
    old = tmp_path / "old.pem"
    old.write_bytes(before)
    with pytest.raises(urllib.error.URLError):
        get(node, "/metrics", trust=old)
    renewed = tmp_path / "renewed.pem"
    renewed.write_bytes(certificate.read_bytes())
    (tmp_path / "other").mkdir()
    certificate.write_bytes(write_certificate(tmp_path / "other")[0].read_bytes())  # and the key comes later
    node.signal(signal.SIGHUP)
    node.wait_for_log("stay as they are")
    assert get(node, "/metrics", trust=renewed)[0] == 200, "a reload that fails leaves it as it was"


@pytest.mark.parametrize("wrong", ["readable by others", "empty", "missing", "two words", "key of another", "half"])
def test_files_that_are_not_fit_stop_the_start_and_say_why(nodes: Nodes, tmp_path: Path, wrong: str) -> None:
    certificate, _ = write_certificate(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    _, other = write_certificate(elsewhere)
    settings, said = {
        "readable by others": (
            {"metrics_token_file": str(write_token(tmp_path / "open", "secret", 0o644))},
            "may be read by others",
        ),
        "empty": ({"metrics_token_file": str(write_token(tmp_path / "empty", "\n"))}, "one line of visible ASCII"),
        "missing": ({"metrics_token_file": str(tmp_path / "nowhere")}, "No such file"),
        "two words": ({"metrics_token_file": str(write_token(tmp_path / "two", "a b"))}, "one line of visible ASCII"),
        "key of another": (
            {"metrics_tls_certificate": str(certificate), "metrics_tls_key": str(other)},
            "metrics_tls_key",
        ),
        "half": ({"metrics_tls_certificate": str(certificate)}, "metrics_tls_key is missing"),
    }[wrong]
    ended = nodes.make("node", MIB, **settings).run_to_the_end()
    assert ended.code == BAD_CONFIGURATION
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_a_web_page_of_somebody_elses_cannot_have_a_browser_read_the_metrics(nodes: Nodes) -> None:
    node = nodes.make("node", MIB).start()

    def status(host: str) -> int:
        request = urllib.request.Request(f"http://127.0.0.1:{node.metrics_port}/metrics", headers={"Host": host})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    ours = ("127.0.0.1", f"localhost:{node.metrics_port}", "[::1]:1", "mirrord.localhost")
    theirs = ("evil.example", f"evil.example:{node.metrics_port}", "127.0.0.1.evil.example", "localhost.evil", "[x", "")
    assert [status(host) for host in ours] == [200] * len(ours)
    assert [status(host) for host in theirs] == [421] * len(theirs)


def test_every_shard_has_a_series_where_that_is_asked_for(nodes: Nodes, tmp_path: Path) -> None:
    collection = build(tmp_path, shards=3, shard_bytes=MIB // 4, target=1)
    node = nodes.make("node", 10 * MIB, metrics_all_shards=True).start()
    open_shop(node, collection)
    told = {name for name in node.metrics() if name.startswith("mirrord_shard_replicas{")}
    assert len(told) == 3
