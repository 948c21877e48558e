"""`mirrord init`: a whole node or a complaint, and never a byte overwritten."""

import json
import os
import stat
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mirrord.cli.init import init, make_node
from mirrord.config import CONFIG_FILE, load_config
from mirrord.core.errors import ConfigError, StorageError, UsageError
from mirrord.core.records.ids import Address, to_short_text, to_text
from mirrord.core.records.signing import SigningKey
from mirrord.store.keyfile import load_key


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_node_is_its_folder_its_key_and_its_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "node"
    made = make_node(folder, {}, {"pledge": "500GiB", "operator": "Zoë", "listen": ["127.0.0.1:1"], "country": None})

    config = load_config(folder, None, {}, {})
    assert config == made.config
    assert (config.pledge_bytes, config.operator) == (500 * 2**30, "Zoë")
    assert config.listen == (Address("127.0.0.1", 1),)
    assert made.node == SigningKey(load_key(config.key_file)).public
    assert not made.key_was_there
    assert config.data_folder.is_dir()
    assert (mode_of(folder), mode_of(config.key_file), mode_of(folder / CONFIG_FILE)) == (0o750, 0o600, 0o640)


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    made = make_node(tmp_path, {}, {"pledge": "1TB"})
    before = contents(tmp_path)
    with pytest.raises(UsageError, match="never overwritten"):
        make_node(tmp_path, {}, {"pledge": "2TB"})
    with pytest.raises(UsageError, match=to_short_text(made.node)):
        make_node(tmp_path, {}, {})
    assert contents(tmp_path) == before


def test_a_half_made_node_is_completed_and_keeps_its_key(tmp_path: Path) -> None:
    made = make_node(tmp_path, {}, {"pledge": "1TB"})
    (tmp_path / CONFIG_FILE).unlink()
    again = make_node(tmp_path, {}, {"pledge": "2TB"})
    assert again.node == made.node
    assert again.key_was_there

    (tmp_path / "node.key").unlink()
    text = (tmp_path / CONFIG_FILE).read_bytes()
    assert make_node(tmp_path, {}, {}).node != made.node
    assert (tmp_path / CONFIG_FILE).read_bytes() == text


@pytest.mark.parametrize(
    "settings",
    [{}, {"pledge": "2T"}, {"pledge": "1TB", "listen": ["here"]}, {"pledge": "1TB", "country": "Holland"}],
)
def test_a_wrong_flag_leaves_nothing_behind(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        make_node(tmp_path / "node", {}, settings)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_and_wrong_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_text('pledg = "1TB"')
    before = contents(tmp_path)
    with pytest.raises(ConfigError, match="pledg"):
        make_node(tmp_path, {}, {})
    assert contents(tmp_path) == before

    (tmp_path / CONFIG_FILE).unlink()
    (tmp_path / "node.key").write_text("not a key")
    (tmp_path / "node.key").chmod(0o600)
    with pytest.raises(ConfigError, match=r"node\.key"):
        make_node(tmp_path, {}, {"pledge": "1TB"})
    assert (tmp_path / "node.key").read_text() == "not a key"


def test_a_file_in_the_folder_s_place_is_a_complaint(tmp_path: Path) -> None:
    (tmp_path / "node").write_text("")
    with pytest.raises(ConfigError, match="node"):
        make_node(tmp_path / "node", {}, {"pledge": "1TB"})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_a_complaint(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="could not make the folder"):
        make_node(tmp_path / "node", {}, {"pledge": "1TB"})


def test_the_command_says_what_to_do_next(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(init)
    words = CliRunner().invoke(app, [str(tmp_path / "a"), "--pledge", "2TB"], env={"XDG_DATA_HOME": str(tmp_path)})
    assert words.exit_code == 0
    assert "it gives 2 TB" in words.stdout
    assert f"mirrord run {tmp_path / 'a'}" in words.stdout

    done = CliRunner().invoke(app, ["--pledge", "2TB", "--json"], env={"XDG_DATA_HOME": str(tmp_path)})
    answer = json.loads(done.stdout)
    assert answer["schema"] == 1
    assert answer["folder"] == str(tmp_path / "mirrord")
    assert answer["pledge_bytes"] == 2 * 10**12
    assert answer["node"] == to_text(SigningKey(load_key(Path(answer["key"]))).public)
    assert load_config(tmp_path / "mirrord", Path(answer["config"]), {}, {}).pledge_bytes == 2 * 10**12
