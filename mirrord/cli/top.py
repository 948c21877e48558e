"""``mirrord top``: watch the collections and this node; the status page's twin on a terminal."""

import os
import sys
from typing import Annotated, Final

import typer

from mirrord.cli.client import client_for
from mirrord.cli.options import Folder, Socket
from mirrord.cli.output import say
from mirrord.cli.status import DEGRADED
from mirrord.core.errors import UsageError
from mirrord.times import parse_duration

_INTERVAL_MIN_SECONDS: Final = 0.2
_INTERVAL_MAX_SECONDS: Final = 3_600.0


def top(
    collection: Annotated[
        str, typer.Option("--collection", metavar="COLLECTION", help="Begin with this one.", show_default=False)
    ] = "",
    interval: Annotated[str, typer.Option("--interval", metavar="TIME", help="How often to look.")] = "2s",
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end.")] = False,
    folder: Folder = None,
    socket: Socket = None,
) -> None:
    """Watch how safe the collections are and what this node does; q quits, Tab shows the next collection.

    With --once, and where the output is no terminal, one frame is printed; exit code 3 then says that some shard
    has fewer copies than its target.
    """
    seconds = parse_duration(interval, "an interval")
    if not _INTERVAL_MIN_SECONDS <= seconds <= _INTERVAL_MAX_SECONDS:
        raise UsageError(f"{interval!r} is no interval to look at", "give one from 0.2s to 1h")
    from mirrord.cli.watching import print_once, watch

    client = client_for(folder, socket)
    can_watch = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if once or not can_watch:
        if not once:
            say("the output is no terminal that can be drawn on: this is one frame, as with --once")
        if print_once(client, collection):
            raise typer.Exit(DEGRADED)
        return
    watch(client, collection, seconds)
