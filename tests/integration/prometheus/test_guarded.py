"""A daemon that serves HTTPS, and only to who has the token, as Prometheus gets to see it."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.daemon.running_nodes import Nodes
from tests.integration.prometheus.deployed import guarded_config
from tests.integration.prometheus.running_prometheus import RunningPrometheus, require

TOKEN = "0123456789abcdef"


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[RunningPrometheus]:
    require("prometheus")
    running = RunningPrometheus(tmp_path / "prometheus")
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    made = Nodes(tmp_path)
    try:
        yield made
    finally:
        made.close()
    made.assert_no_traceback()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Return a certificate for loopback, which signs itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl command")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(key), "-out", str(certificate), "-days", "2"),
            *("-subj", "/CN=mirrord", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def write_token(path: Path, token: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(f"{token}\n")
    return path


def test_a_wrong_token_shows_as_401_and_the_right_one_lets_prometheus_in(
    tmp_path: Path, nodes: Nodes, prometheus: RunningPrometheus
) -> None:
    certificate, key = make_certificate(tmp_path)
    node = nodes.make(
        "node",
        1 << 20,
        metrics_token_file=str(write_token(tmp_path / "token", TOKEN)),
        metrics_tls_certificate=str(certificate),
        metrics_tls_key=str(key),
    ).start()
    targets, token = tmp_path / "targets.json", write_token(tmp_path / "prometheus-token", TOKEN[::-1])
    node.do("metrics", "targets", "--write", str(targets))
    prometheus.start(guarded_config(targets, token, certificate))

    prometheus.wait_until(lambda: any(target.error for target in prometheus.targets()), "a scrape has failed")
    (target,) = prometheus.targets()
    assert not target.up and "401" in target.error

    write_token(token, TOKEN)
    prometheus.wait_until(lambda: prometheus.targets()[0].up, "it is let in")
    assert [sample.labels["job"] for sample in prometheus.query("mirrord_build_info")] == ["mirrord"]
