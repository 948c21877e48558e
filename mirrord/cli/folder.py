"""Where the node lives, and with it the socket to talk to."""

import os
import tomllib
from pathlib import Path
from typing import Final

from mirrord.core.errors import ConfigError

SYSTEM_FOLDER: Final = Path("/var/lib/mirrord")
SOCKET: Final = "control.sock"
_CONFIG: Final = "mirrord.toml"


def default_folder() -> Path:
    """Return the user's own node, or else the one of the system where this user may look into it."""
    data_home = os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    own = Path(data_home) / "mirrord"
    if not own.exists() and os.access(SYSTEM_FOLDER, os.R_OK | os.X_OK):
        return SYSTEM_FOLDER
    return own


def control_socket(folder: Path | None, socket: Path | None) -> Path:
    """Return the control socket of the node that the options name.

    Whoever may use the socket need not be allowed to read the configuration, so one that cannot be
    read counts as one that says nothing.  Raises ConfigError where it can be read and makes no sense.
    """
    if socket is not None:
        return socket.absolute()
    folder = (folder or default_folder()).absolute()
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
