"""The options that every command has that talks to a daemon."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        envvar="MIRRORD_FOLDER",
        help="The node's folder; ~/.local/share/mirrord, or /var/lib/mirrord, without it.",
        show_default=False,
    ),
]
Socket = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        envvar="MIRRORD_CONTROL_SOCKET",
        help="The daemon's control socket, where it is not in the folder.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object (schema 1).")]
CollectionName = Annotated[
    str, typer.Argument(metavar="COLLECTION", help="Its name, its id, or the beginning of its id.")
]
SomeCollection = Annotated[
    str, typer.Option("--collection", metavar="COLLECTION", help="Only this collection.", show_default=False)
]
