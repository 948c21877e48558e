"""``mirrord metrics targets``: what Prometheus is told, and what is never overwritten."""

import json
import os
import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from mirrord.cli.init import make_node
from mirrord.cli.main import main
from mirrord.cli.metrics import Group, merge_groups, parse_groups, reachable_address, render_groups, target_address
from mirrord.core.errors import UsageError
from mirrord.core.records.ids import Address, to_short_text

PROMETHEUS = Path(__file__).resolve().parents[3] / "deploy" / "prometheus"


@pytest.fixture(autouse=True)
def no_node_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("MIRRORD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


def make(folder: Path, metrics_listen: str = "127.0.0.1:7780", more: str = "") -> str:
    """Make a node in ``folder`` and return its short id."""
    made = make_node(folder, {}, {"pledge": "1GB", "metrics_listen": metrics_listen})
    with made.file.open("a") as file:
        file.write(more)
    return to_short_text(made.node)


def said(capsys: pytest.CaptureFixture[str], *line: str) -> list[dict[str, object]]:
    assert main(["metrics", "targets", *line]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: pytest.CaptureFixture[str], *line: str, code: int = 2) -> str:
    assert main(["metrics", "targets", *line]) == code
    captured = capsys.readouterr()
    assert not captured.out
    return captured.err


def test_the_own_node_has_its_key_as_a_label_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = make(tmp_path / "node")
    assert said(capsys, "--folder", str(tmp_path / "node")) == [
        {"targets": ["127.0.0.1:7780"], "labels": {"node": node}}
    ]


def test_others_stand_beside_it_once_and_without_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = make(tmp_path / "node")
    found = said(capsys, "nas:7780", "[2001:db8::1]:7780", "nas:7780", "--folder", str(tmp_path / "node"))
    assert found == [
        {"targets": ["127.0.0.1:7780"], "labels": {"node": node}},
        {"targets": ["nas:7780", "[2001:db8::1]:7780"]},
    ]


def test_where_no_node_is_only_the_named_ones_count(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "nas:7780") == [{"targets": ["nas:7780"]}]
    assert "is not a node's folder" in refused(capsys, code=78)


def test_a_folder_that_was_named_and_is_no_node_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "is not a node's folder" in refused(capsys, "nas:7780", "--folder", str(tmp_path), code=78)


def test_metrics_that_are_turned_off_are_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "node", metrics_listen="")
    assert "metrics are turned off" in refused(capsys, "--folder", str(tmp_path / "node"), code=78)
    assert main(["metrics", "targets", "nas:7780", "--folder", str(tmp_path / "node")]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == [{"targets": ["nas:7780"]}]
    assert "left out" in captured.err


def test_a_node_that_serves_https_is_asked_by_https(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    node = make(tmp_path / "node", more='metrics_tls_certificate = "c.pem"\nmetrics_tls_key = "k.pem"\n')
    assert said(capsys, "--folder", str(tmp_path / "node")) == [
        {"targets": ["127.0.0.1:7780"], "labels": {"node": node, "__scheme__": "https"}}
    ]


def test_a_key_that_is_elsewhere_costs_the_label_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "node")
    (tmp_path / "node" / "node.key").unlink()
    assert main(["metrics", "targets", "--folder", str(tmp_path / "node")]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == [{"targets": ["127.0.0.1:7780"]}]
    assert "no label" in captured.err


@pytest.mark.parametrize(
    ("listen", "host", "reached"),
    [
        ("127.0.0.1", "", "127.0.0.1:7780"),
        ("::1", "", "[::1]:7780"),
        ("192.0.2.7", "", "192.0.2.7:7780"),
        ("0.0.0.0", "", f"{socket.gethostname()}:7780"),
        ("::", "", f"{socket.gethostname()}:7780"),
        ("0.0.0.0", "nas.example.org", "nas.example.org:7780"),
        ("::", "2001:db8::1", "[2001:db8::1]:7780"),
        ("192.0.2.7", "nas", "nas:7780"),
    ],
)
def test_an_address_that_means_every_interface_becomes_one_that_is_reached(
    listen: str, host: str, reached: str
) -> None:
    assert reachable_address(Address(listen, 7780), host) == reached


@pytest.mark.parametrize(("listen", "host"), [("127.0.0.1", "nas"), ("::1", "nas"), ("0.0.0.0", "0.0.0.0")])
def test_what_nobody_could_reach_is_refused(listen: str, host: str) -> None:
    with pytest.raises(UsageError):
        reachable_address(Address(listen, 7780), host)


@pytest.mark.parametrize("text", ["nas", "nas:", "nas:0", "http://nas:7780", "nas:7780/metrics", "::1:7780", "a b:1"])
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        target_address(text)


@pytest.mark.parametrize("text", ["0.0.0.0:7780", "[::]:7780"])
def test_every_interface_is_no_target(text: str) -> None:
    with pytest.raises(UsageError, match="nobody can reach"):
        target_address(text)


def test_a_file_is_written_in_one_step_for_all_to_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "targets" / "local.json"
    file.parent.mkdir()
    assert main(["metrics", "targets", "nas:7780", "--write", str(file)]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"1 target in {file}\n")
    assert json.loads(file.read_text()) == [{"targets": ["nas:7780"]}]
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert main(["metrics", "targets", "seedbox:7780", "--write", str(file)]) == 0
    assert json.loads(file.read_text()) == [{"targets": ["seedbox:7780"]}]
    assert [path.name for path in file.parent.iterdir()] == ["local.json"]


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("[]")
    (tmp_path / "link.json").symlink_to("real.json")
    assert main(["metrics", "targets", "nas:7780", "--write", str(tmp_path / "link.json")]) == 0
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text()) == [{"targets": ["nas:7780"]}]


@pytest.mark.parametrize(
    "text",
    ["", "nothing of ours", "{}", '["nas:7780"]', '[{"targets": "nas:7780"}]', '[{"hosts": []}]', '[{"targets": [7]}]'],
)
@pytest.mark.parametrize("option", [(), ("--merge",)], ids=["write", "merge"])
def test_a_file_that_is_something_else_is_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, option: tuple[str, ...]
) -> None:
    file = tmp_path / "important.json"
    file.write_text(text)
    assert "it was not touched" in refused(capsys, "nas:7780", "--write", str(file), *option)
    assert file.read_text() == text
    assert len(list(tmp_path.iterdir())) == 1


def test_neither_is_what_is_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is not a file" in refused(capsys, "nas:7780", "--write", str(tmp_path / "pipe"))
    assert "is not a file" in refused(capsys, "nas:7780", "--write", str(tmp_path))


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "nowhere" / "local.json"
    assert "No such file or directory" in refused(capsys, "nas:7780", "--write", str(file), code=1)


def test_merging_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--write FILE" in refused(capsys, "nas:7780", "--merge")


def test_merging_keeps_the_others_and_moves_the_own_node(tmp_path: Path) -> None:
    node = make(tmp_path / "node")
    kept = {"targets": ["seedbox:7780"], "labels": {"room": "attic"}}
    old = {"targets": ["127.0.0.1:9999"], "labels": {"node": node}}
    file = tmp_path / "local.json"
    file.write_text(json.dumps([old, kept]))
    line = ["metrics", "targets", "nas:7780", "seedbox:7780", "--folder", str(tmp_path / "node"), "--merge", "--write"]
    assert main([*line, str(file)]) == 0
    once = file.read_text()
    assert json.loads(once) == [
        {"targets": ["127.0.0.1:7780"], "labels": {"node": node}},
        kept,
        {"targets": ["nas:7780"]},
    ]
    assert main([*line, str(file)]) == 0
    assert file.read_text() == once


def test_a_target_without_a_node_becomes_the_nodes_once_it_is_known() -> None:
    kept = (Group(("nas:7780", "seedbox:7780")),)
    own = Group(("nas:7780",), {"node": "abcdefgh"})
    assert merge_groups(kept, (own,)) == (Group(("seedbox:7780",)), own)


def test_what_is_rendered_is_read_again() -> None:
    groups = (Group(("a:1", "b:2")), Group(("c:3",), {"node": "abcdefgh"}))
    assert parse_groups(render_groups(groups)) == groups


def test_prometheus_takes_it(tmp_path: Path) -> None:
    """The deployed configuration, beside a file that this command wrote."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    node = make(tmp_path / "node", metrics_listen="[::1]:7780")
    shutil.copy(PROMETHEUS / "prometheus.yml", tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "mirrord").mkdir()
    file = tmp_path / "mirrord" / "local.json"
    line = ["metrics", "targets", "nas:7780", "--folder", str(tmp_path / "node"), "--write", str(file)]
    assert main(line) == 0
    for command in (["check", "config"], ["check", "service-discovery"]):
        # It reads the file at once, and waits for all of that time whether more comes.
        more = ["mirrord", "--timeout=5s"] if command[1] == "service-discovery" else []
        done = subprocess.run(
            ["promtool", *command, "prometheus.yml", *more],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    found = [each["labels"] for each in json.loads(done.stdout)]
    assert {(each["instance"], each["job"], each.get("node")) for each in found} == {
        ("[::1]:7780", "mirrord", node),
        ("nas:7780", "mirrord", None),
    }
