"""``mirrord metrics targets``: where Prometheus finds daemons, as its file-based discovery reads it.

No daemon is asked: what is listened on stands in the configuration, and Prometheus finds out by itself what is up.
"""

import ipaddress
import json
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from mirrord.cli.options import Folder
from mirrord.cli.output import say
from mirrord.cli.text import counted, printable
from mirrord.config import CONFIG_FILE, Config, load_config
from mirrord.core.errors import ConfigError, UsageError
from mirrord.core.records.ids import Address, address_from_text, to_short_text
from mirrord.core.records.signing import SigningKey
from mirrord.node_folder import default_folder
from mirrord.store.durable import disk_error, sync_folder, write_new_file
from mirrord.store.keyfile import load_key

_FILE_MODE: Final = 0o644
"""Prometheus runs as a user of its own, and nothing in the file is secret."""


@dataclass(frozen=True, slots=True)
class Group:
    """Daemons with the same labels: one entry of a discovery file."""

    targets: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def node(self) -> str:
        """The short id of the one node that the group is about; empty where it is about others."""
        return self.labels.get("node", "")


def reachable_address(listen: Address, host: str) -> str:
    """Return where Prometheus reaches a daemon that listens on ``listen``, as HOST:PORT.

    ``host`` (empty: this machine's name) stands in for an address that means every interface, and for a specific one
    where it is given.  Raises UsageError where nobody elsewhere could come through.
    """
    address = ipaddress.ip_address(listen.host)
    if not host:
        return str(Address(socket.gethostname(), listen.port) if address.is_unspecified else listen)
    if address.is_loopback:
        raise UsageError(
            f"the daemon listens for Prometheus on {listen}, where other machines do not reach it as {host}",
            'set metrics_listen = "0.0.0.0:7780", better with a token and TLS; or leave --host out',
        )
    return str(target_address(f"[{host}]:{listen.port}" if ":" in host else f"{host}:{listen.port}"))


def target_address(text: str) -> Address:
    """Return the HOST:PORT of a daemon, or raise UsageError."""
    if "/" in text:
        raise UsageError(f"{printable(text[:80])!r} is not HOST:PORT", "leave out https:// and the path: nas:7780")
    address = address_from_text(text)
    with suppress(ValueError):
        if ipaddress.ip_address(address.host).is_unspecified:
            raise UsageError(f"nobody can reach {address}", "give the address or name that Prometheus sees")
    return address


def own_group(config: Config, host: str, node: str) -> Group:
    """Return the entry of the node that ``config`` is of; raise ConfigError where it serves no metrics."""
    if config.metrics_listen is None:
        raise ConfigError(
            f"{config.folder / CONFIG_FILE}: metrics are turned off: metrics_listen is empty",
            'set metrics_listen = "127.0.0.1:7780" and start the daemon again',
        )
    labels = {"node": node} if node else {}
    if config.metrics_tls is not None:
        labels["__scheme__"] = "https"  # Prometheus takes it for this target and keeps no such label
    return Group((reachable_address(config.metrics_listen, host),), labels)


def parse_groups(text: str) -> tuple[Group, ...]:
    """Return what a discovery file says; raise ValueError where it is none."""
    found = json.loads(text)
    if not isinstance(found, list):
        raise ValueError("not a list")
    return tuple(_parse_group(each) for each in found)


def _parse_group(entry: Any) -> Group:
    if not isinstance(entry, dict) or not entry.keys() <= {"targets", "labels"}:
        raise ValueError("an entry has targets and labels, and nothing else")
    targets, labels = entry.get("targets") or [], entry.get("labels") or {}
    if not isinstance(targets, list) or not isinstance(labels, dict):
        raise ValueError("targets are a list, labels a table")
    if not all(isinstance(text, str) for text in (*targets, *labels, *labels.values())):
        raise ValueError("targets and labels are text")
    return Group(tuple(targets), labels)


def merge_groups(kept: Sequence[Group], new: Sequence[Group]) -> tuple[Group, ...]:
    """Return ``kept`` with ``new`` added: a known node's entry is replaced, a known target of no node stays as it is.

    Merging the same again changes nothing.
    """
    own = {group.node: group for group in new if group.node}
    own_nodes, own_targets = set(own), {target for group in own.values() for target in group.targets}
    known = set(own_targets)
    merged: list[Group] = []
    for group in kept:
        if group.node in own:
            merged.append(own.pop(group.node))  # in its place, so that merging again changes nothing
            continue
        left = tuple(target for target in group.targets if target not in own_targets)
        if left and group.node not in own_nodes:
            merged.append(Group(left, group.labels))
            known.update(left)
    merged.extend(own.values())
    others = [Group(tuple(t for t in group.targets if t not in known), group.labels) for group in new if not group.node]
    return (*merged, *(group for group in others if group.targets))


def render_groups(groups: Sequence[Group]) -> str:
    """Return a discovery file's text, the same for the same groups."""
    entries = [
        {"targets": list(group.targets)} | ({"labels": dict(group.labels)} if group.labels else {}) for group in groups
    ]
    return json.dumps(entries, indent=2) + "\n"


def read_groups(file: Path) -> tuple[Group, ...]:
    """Return what ``file`` says, nothing where it is not there; raise UsageError where it is something else."""
    if file.exists() and not file.is_file():
        raise UsageError(f"{file} is not a file", "give --write the name of a file in a folder that Prometheus reads")
    try:
        return parse_groups(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise disk_error("read", file, error) from error
    except ValueError as error:
        raise UsageError(
            f"{file} is there and is no list of targets: {error}", "it was not touched; give --write another name"
        ) from None


def write_groups(file: Path, groups: Sequence[Group]) -> None:
    """Put ``groups`` into ``file`` in one step: Prometheus sees the old list or the new one."""
    file = file.resolve()  # a symbolic link stays one
    unfinished = file.with_name(f".{file.name}.{os.getpid()}")  # no pattern such as *.json matches it
    try:
        write_new_file(unfinished, render_groups(groups).encode(), mode=_FILE_MODE)
        try:
            unfinished.replace(file)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        sync_folder(file.parent)
    except OSError as error:
        raise disk_error("write", file, error) from error


def _node_of(config: Config) -> str:
    """Return the node's short id; empty, with a word on stderr, where this user cannot read the key."""
    if not os.access(config.key_file, os.R_OK):
        say(f"no label `node`: its key {config.key_file} is not there, or not for this user")
        return ""
    return to_short_text(SigningKey(load_key(config.key_file)).public)


def _own_groups(folder: Path | None, host: str, others: bool) -> tuple[Group, ...]:
    """Return the node's own entry; nothing where ``others`` are named and no node is here, or none that is read."""
    where = (folder or default_folder(os.environ)).absolute()
    if not (where / CONFIG_FILE).exists():
        if folder is None and others:
            return ()
        raise ConfigError(
            f"{where} is not a node's folder",
            "name it with --folder, or name daemons: mirrord metrics targets nas:7780",
        )
    config = load_config(where, None, os.environ, {})
    if config.metrics_listen is None and others:
        say(f"left out: {where}, where metrics_listen is empty")
        return ()
    return (own_group(config, host, _node_of(config)),)


def targets(
    others: Annotated[
        list[str] | None, typer.Argument(metavar="[HOST:PORT]...", help="Other daemons.", show_default=False)
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it there in one step, not to the terminal.", show_default=False),
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Keep the other targets that are in FILE.")] = False,
    host: Annotated[
        str,
        typer.Option(
            metavar="HOST", help="How Prometheus reaches this machine; its name without it.", show_default=False
        ),
    ] = "",
    folder: Folder = None,
) -> None:
    """Say where Prometheus finds this node's daemon, and others, as JSON for its file_sd_configs."""
    if merge and write is None:
        raise UsageError("--merge into which file?", "name it with --write FILE")
    named = tuple(dict.fromkeys(str(target_address(text)) for text in others or ()))
    new = (*_own_groups(folder, host, bool(named)), *([Group(named)] if named else ()))
    kept = read_groups(write) if write is not None else ()
    groups = merge_groups(kept if merge else (), new)
    if write is None:
        typer.echo(render_groups(groups), nl=False)
        return
    write_groups(write, groups)
    say(f"{counted(sum(len(group.targets) for group in groups), 'target')} in {write}")
