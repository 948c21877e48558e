"""``mirrord set-port``: listen elsewhere, without a restart."""

from typing import Annotated, Final

import typer

from mirrord.cli.client import client_for
from mirrord.cli.options import Folder, Json, Socket
from mirrord.cli.output import print_json, print_lines
from mirrord.control.wishes import PortWish
from mirrord.core.errors import UsageError

_PORT_MAX: Final = 65_535


def set_port(
    port: Annotated[
        int | None,
        typer.Argument(help="The port for peers (TCP).", show_default=False),
    ] = None,
    bittorrent: Annotated[
        int | None,
        typer.Option(help="The port for swarm members (TCP and UDP).", show_default=False),
    ] = None,
    folder: Folder = None,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Listen on other ports at once, and tell others; until the daemon is started again.

    Sessions stay open. For good, change `listen` and `bittorrent_listen` in mirrord.toml.
    """
    for given in (port, bittorrent):
        if given is not None and not 0 < given <= _PORT_MAX:
            raise UsageError(f"{given} is not a port", f"a port is a number from 1 to {_PORT_MAX}")
    done = client_for(folder, socket).post("port", PortWish(coordination=port or 0, bittorrent=bittorrent or 0))
    if as_json:
        print_json(done)
        return
    lines = []
    if port:
        lines.append(f"listening for peers on port {port}")
    if bittorrent:
        lines.append(f"listening for swarm members on port {bittorrent}")
    print_lines([*lines, "until the daemon is started again: mirrord.toml says where it listens then"])
