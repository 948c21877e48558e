"""Which folder is meant where none is named."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SYSTEM_FOLDER: Final = Path("/var/lib/mirrord")
"""Where the system service keeps its node."""


def default_folder(environment: Mapping[str, str]) -> Path:
    """Return MIRRORD_FOLDER, systemd's state folder, the user's own node, or the system's.

    The system's only where the user has none and may look into it; with neither there, the user's.
    """
    for name in ("MIRRORD_FOLDER", "STATE_DIRECTORY"):
        if folder := environment.get(name):
            return Path(folder.partition(":")[0])
    data_home = environment.get("XDG_DATA_HOME") or str(Path("~/.local/share").expanduser())
    own = Path(data_home) / "mirrord"
    if not own.exists() and os.access(SYSTEM_FOLDER, os.R_OK | os.X_OK):
        return SYSTEM_FOLDER
    return own
