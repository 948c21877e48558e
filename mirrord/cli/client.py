"""Which daemon a command talks to, and how it names folders to it."""

import os
from pathlib import Path

from mirrord.cli.folder import control_socket
from mirrord.control.client import Client
from mirrord.core.errors import UsageError


def client_for(folder: Path | None, path: Path | None) -> Client:
    """Return a client of the daemon that the options name."""
    return Client(control_socket(folder, path))


def absolute_folder(path: Path) -> str:
    """Return a folder as the daemon must know it, or raise UsageError where there is none."""
    if not path.is_dir():
        raise UsageError(f"{path}: no such folder", "the daemon reads it, so it must be on this machine")
    return os.fspath(path.absolute())
