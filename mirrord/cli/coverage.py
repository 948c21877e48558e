"""``mirrord coverage``: how safe are the collections, once, as ``mirrord top`` shows it all the time?"""

import sys
from typing import Annotated

import typer

from mirrord.cli.client import client_for
from mirrord.cli.options import Folder, Json, Socket
from mirrord.cli.output import print_json, say
from mirrord.cli.status import DEGRADED
from mirrord.control.coverage_shapes import CoverageAnswer


def coverage(
    collection: Annotated[
        str,
        typer.Argument(metavar="COLLECTION", help="Its name, its id, or the beginning of its id; all without it."),
    ] = "",
    folder: Folder = None,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Show how safe the collections are: replicas by popularity, worst shards, what may come.

    Exit code 3: some shard has fewer copies than its target.
    """
    from mirrord.cli.frames.frame import report
    from mirrord.cli.frames.heat import columns_that_fit
    from mirrord.cli.screen import canvas_of, console_of, print_frame, width_of_output

    width = width_of_output()
    columns = {} if as_json else {"columns": str(columns_that_fit(width))}
    answer = client_for(folder, socket).get("coverage", CoverageAnswer, collection=collection, **columns)
    if as_json:
        print_json(answer)
    else:
        console = console_of(sys.stdout, width)
        for place, each in enumerate(answer.collections):
            if place:
                sys.stdout.write("\n")
            print_frame(console, report(answer, each, canvas_of(console, width)))
        if not answer.collections:
            say("no collection is joined: mirrord collection join INVITATION")
    if answer.degraded:
        raise typer.Exit(DEGRADED)
