"""Where the command line looks for a daemon."""

import os
from pathlib import Path

import pytest

from mirrord import node_folder
from mirrord.cli.folder import chosen_folder, control_socket
from mirrord.core.errors import UsageError
from mirrord.node_folder import default_folder


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setattr(node_folder, "SYSTEM_FOLDER", tmp_path / "var")
    return tmp_path


def test_the_users_own_node_comes_before_the_systems(home: Path) -> None:
    own = home / ".local" / "share" / "mirrord"
    assert default_folder({}) == own
    (home / "var").mkdir()
    assert default_folder({}) == home / "var"
    own.mkdir(parents=True)
    assert default_folder({}) == own


def test_the_folder_is_named_or_systemd_s_or_the_desktop_s(home: Path) -> None:
    assert default_folder({"MIRRORD_FOLDER": "/a", "STATE_DIRECTORY": "/b"}) == Path("/a")
    assert default_folder({"STATE_DIRECTORY": "/var/lib/mirrord:/other"}) == Path("/var/lib/mirrord")
    assert default_folder({"XDG_DATA_HOME": str(home / "data")}) == home / "data" / "mirrord"


def test_a_folder_may_be_named_either_way_but_only_once() -> None:
    assert chosen_folder(Path("/a"), None) == chosen_folder(None, Path("/a")) == chosen_folder(Path("/a"), Path("/a"))
    with pytest.raises(UsageError, match="two folders"):
        chosen_folder(Path("/a"), Path("/b"))


def test_the_socket_is_where_the_configuration_says(tmp_path: Path) -> None:
    assert control_socket(tmp_path, None) == tmp_path / "control.sock"
    (tmp_path / "mirrord.toml").write_text('pledge = "1TB"\ncontrol_socket = "/run/m.sock"\n')
    assert control_socket(tmp_path, None) == Path("/run/m.sock")
    (tmp_path / "mirrord.toml").write_text('control_socket = "sub/m.sock"\n')
    assert control_socket(tmp_path, None) == tmp_path / "sub" / "m.sock"
    assert control_socket(tmp_path, Path("/other.sock")) == Path("/other.sock")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_configuration_that_may_not_be_read_does_not_bar_the_socket(tmp_path: Path) -> None:
    (tmp_path / "mirrord.toml").write_text('control_socket = "/run/m.sock"\n')
    (tmp_path / "mirrord.toml").chmod(0)
    assert control_socket(tmp_path, None) == tmp_path / "control.sock"
