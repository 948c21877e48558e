"""``mirrord init``: a folder becomes a node, with a key and a configuration; nothing is overwritten."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from mirrord.cli.folder import chosen_folder
from mirrord.config import CONFIG_FILE, Config, load_config, render_template
from mirrord.core.errors import UsageError
from mirrord.core.records.ids import to_short_text, to_text
from mirrord.core.records.signing import SigningKey
from mirrord.sizes import format_size
from mirrord.store.durable import disk_error, sync_folder, write_new_file
from mirrord.store.keyfile import create_key, load_key

SCHEMA: Final = 1
"""Of the JSON; it changes where a field changes its meaning."""
# The group may reach the control socket, which lies in the folder; the key file is closed by itself.
_FOLDER_MODE: Final = 0o750
_FILE_MODE: Final = 0o640


@dataclass(frozen=True, slots=True)
class MadeNode:
    """What ``init`` left behind; ``key_was_there`` where the folder held the node's key already."""

    node: bytes
    config: Config
    file: Path
    key_was_there: bool


def make_node(folder: Path, environment: Mapping[str, str], settings: Mapping[str, object]) -> MadeNode:
    """Make what a node lacks: its folder, configuration, key, data folder.

    ``settings`` maps configuration keys to values, None where not given.  Everything is checked
    before anything is written, and a half-made node is completed.  Raises UsageError where a setting
    is wrong or the folder is a whole node already, ConfigError where what is there is wrong, and
    StorageError where the disk refuses.
    """
    folder = folder.absolute()
    file = folder / CONFIG_FILE
    given = {key: value for key, value in settings.items() if value is not None}
    file_was_there = file.exists()
    if file_was_there and given:
        raise UsageError(f"{file} is there already, and is never overwritten", "change it with an editor")
    if not file_was_there and "pledge" not in given:
        raise UsageError("how much disk does this node give?", "say it with --pledge, for example --pledge 2TB")
    config = load_config(folder, None, environment, given)
    key_was_there = config.key_file.exists()
    if file_was_there and key_was_there:
        node = to_short_text(SigningKey(load_key(config.key_file)).public)
        raise UsageError(f"{folder} is a node already: {node}", f"start it with: mirrord run {folder}")

    for needed in (folder, config.data_folder, config.key_file.parent):
        _make_folder(needed)
    seed = load_key(config.key_file) if key_was_there else create_key(config.key_file)
    if not file_was_there:
        _write_config(file, render_template(given))
    return MadeNode(SigningKey(seed).public, config, file, key_was_there)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error("make the folder", folder, error) from error


def _write_config(file: Path, text: str) -> None:
    try:
        write_new_file(file, text.encode(), mode=_FILE_MODE)
        sync_folder(file.parent)
    except OSError as error:
        raise disk_error("write", file, error) from error


def _as_json(made: MadeNode) -> str:
    return json.dumps(
        {
            "schema": SCHEMA,
            "node": to_text(made.node),
            "folder": str(made.config.folder),
            "config": str(made.file),
            "key": str(made.config.key_file),
            "key_was_there": made.key_was_there,
            "data_folder": str(made.config.data_folder),
            "pledge_bytes": made.config.pledge_bytes,
        }
    )


def _in_words(made: MadeNode, is_default: bool) -> str:
    folder = "" if is_default else f" {made.config.folder}"
    option = "" if is_default else f" --folder {made.config.folder}"
    key = "Its key was there and was kept." if made.key_was_there else "Keep a copy of its key; it is the node's name."
    return f"""\
Node {to_short_text(made.node)} is made: it gives {format_size(made.config.pledge_bytes)} in {made.config.data_folder}.
  configuration  {made.file}
  key            {made.config.key_file}
{key}

Next:
  mirrord run{folder}
  mirrord collection join INVITATION{option}   (in another terminal; a curator gives you the invitation)
"""


def init(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="The node's folder; $MIRRORD_FOLDER or ~/.local/share/mirrord without it.", show_default=False
        ),
    ] = None,
    option: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="The same as FOLDER.", show_default=False)
    ] = None,
    pledge: Annotated[str | None, typer.Option(help="How much disk this node gives: 2TB, 500GiB.")] = None,
    data_folder: Annotated[Path | None, typer.Option(help="Where the shards lie; FOLDER/data without it.")] = None,
    listen: Annotated[list[str] | None, typer.Option(help="IP:PORT for peers; may be repeated.")] = None,
    bittorrent_listen: Annotated[
        list[str] | None, typer.Option(help="IP:PORT for swarm members; may be repeated.")
    ] = None,
    metrics_listen: Annotated[str | None, typer.Option(help="IP:PORT for Prometheus; empty for none.")] = None,
    operator: Annotated[str | None, typer.Option(help="Who runs this node.")] = None,
    country: Annotated[str | None, typer.Option(help="Where it stands, in two letters.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a node: its folder, its key, its configuration.  Nothing is ever overwritten."""
    settings = {
        "pledge": pledge,
        "data_folder": str(data_folder.absolute()) if data_folder else None,
        "listen": listen or None,
        "bittorrent_listen": bittorrent_listen or None,
        "metrics_listen": metrics_listen,
        "operator": operator,
        "country": country,
    }
    made = make_node(chosen_folder(folder, option), os.environ, settings)
    typer.echo(_as_json(made) if as_json else _in_words(made, folder is None and option is None), nl=as_json)
