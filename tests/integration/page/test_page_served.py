"""The page over HTTP, without a browser."""

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.daemon.running_nodes import Nodes, RunningNode


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    made = Nodes(tmp_path)
    try:
        yield made
    finally:
        made.close()
    made.assert_no_traceback()


def ask(node: RunningNode, method: str, path: str = "/", token: str = "") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", node.metrics_port, timeout=10)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def test_it_is_read_only_and_told_to_stay_by_itself(nodes: Nodes) -> None:
    node = nodes.make("node", 1 << 20).start()
    status, fields, page = ask(node, "GET")
    assert status == 200
    assert fields["content-type"] == "text/html; charset=utf-8"
    assert page.startswith(b"<!DOCTYPE html>")
    assert b"No collection is joined" in page
    assert "default-src 'none'" in fields["content-security-policy"]
    assert fields["x-content-type-options"] == "nosniff"
    assert fields["referrer-policy"] == "no-referrer"
    assert fields["cache-control"] == "no-store"
    status, head, nothing = ask(node, "HEAD")
    assert (status, nothing) == (200, b"")
    assert head.keys() == fields.keys()
    assert ask(node, "POST")[0] == 405
    assert ask(node, "GET", "/?anything=1")[0] == 200
    assert ask(node, "GET", "/index.html")[0] == 404


def test_the_token_of_the_metrics_guards_it_too(nodes: Nodes, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("secret-word")
    node = nodes.make("node", 1 << 20, metrics_token_file=str(token)).start()
    status, fields, said = ask(node, "GET")
    assert status == 401
    assert "Basic" in fields["www-authenticate"], "a browser asks for it"
    assert b"html" not in said
    assert ask(node, "GET", token="wrong")[0] == 401
    assert ask(node, "GET", token="secret-word")[0] == 200
