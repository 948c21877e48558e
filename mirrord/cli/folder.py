"""Where the node lives, and with it the socket to talk to."""

import os
import tomllib
from pathlib import Path
from typing import Final

from mirrord.core.errors import ConfigError, UsageError
from mirrord.node_folder import default_folder

SOCKET: Final = "control.sock"
_CONFIG: Final = "mirrord.toml"


def chosen_folder(argument: Path | None, option: Path | None) -> Path:
    """Return the node's folder, however it was named; raise UsageError where it was named twice."""
    if argument is not None and option is not None and argument.absolute() != option.absolute():
        raise UsageError(f"two folders: {argument} and {option}", "name one")
    return argument or option or default_folder(os.environ)


def control_socket(folder: Path | None, socket: Path | None) -> Path:
    """Return the control socket of the node that the options name.

    Whoever may use the socket need not be allowed to read the configuration, so one that cannot be
    read counts as one that says nothing.  Raises ConfigError where it can be read and makes no sense.
    """
    if socket is not None:
        return socket.absolute()
    folder = (folder or default_folder(os.environ)).absolute()
    file = folder / _CONFIG
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError:
        return folder / SOCKET
    except ValueError as error:
        raise ConfigError(f"{file}: not TOML: {error}", "mend it, or name the socket with --socket") from None
    named = table.get("control_socket", SOCKET)
    if not isinstance(named, str) or not named:
        raise ConfigError(f"{file}: control_socket: expected text", 'for example control_socket = "control.sock"')
    return folder / Path(named).expanduser()
