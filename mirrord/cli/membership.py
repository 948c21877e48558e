"""``mirrord collection join, list, invite``: which collections this node takes part in."""

from pathlib import Path
from typing import Annotated

import typer

from mirrord.cli.client import absolute_folder, client_for
from mirrord.cli.options import CollectionName, Folder, Json, Socket
from mirrord.cli.output import print_json, print_lines, say
from mirrord.cli.table import Cell, Column, own_screen, table_lines
from mirrord.cli.text import label, printable
from mirrord.control.shapes import Collections, CollectionShape, Done
from mirrord.control.wishes import ImportWish, JoinWish
from mirrord.core.errors import UsageError
from mirrord.sizes import format_size
from mirrord.times import format_moment

_SHORT = 8
_STATE_COLUMNS = 18
_SCHEME = "mirrord://"


def join(
    what: Annotated[
        str, typer.Argument(metavar="INVITATION|FOLDER", help="A curator's one line, or the folder of a collection.")
    ],
    adopt: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Hold what lies in here already, in place.", show_default=False),
    ] = None,
    folder: Folder = None,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Join a collection: by its invitation, or from the folder that `collection build` made."""
    client = client_for(folder, socket)
    if what.strip().lower().startswith(_SCHEME):
        if adopt is not None:
            hint = "join, wait for the manifest (`mirrord status`), then `mirrord shard adopt COLLECTION DIR`"
            raise UsageError("what is in a folder can be told only when the manifest is here", hint)
        done = client.post("collections/join", JoinWish(invitation=what.strip()))
    elif Path(what).is_dir():
        wish = ImportWish(path=absolute_folder(Path(what)), adopt=absolute_folder(adopt) if adopt else "")
        done = client.post("collections/import", wish)
    else:
        hint = "an invitation begins with mirrord://, and may need quotes for your shell"
        raise UsageError(f"{printable(what[:80])!r} is neither an invitation nor a folder", hint)
    _report(done, as_json, f"joined {label(done.name, done.collection)}; `mirrord status` shows how it goes")


def list_collections(folder: Folder = None, socket: Socket = None, as_json: Json = False) -> None:
    """List the joined collections."""
    answer = client_for(folder, socket).get("collections", Collections)
    if as_json:
        print_json(answer)
        return
    if not answer.collections:
        say("no collection is joined: mirrord collection join INVITATION")
        return
    columns = [
        Column("name", flexible=True),
        Column("id"),
        Column("version", right=True),
        Column("shards", right=True),
        Column("bytes", right=True),
        Column("here", right=True),
        Column("state", wrapped=True, least=_STATE_COLUMNS),
    ]
    print_lines(table_lines(own_screen(), columns, [_row(collection) for collection in answer.collections]))


def invite(collection: CollectionName, folder: Folder = None, socket: Socket = None) -> None:
    """Print the invitation to a collection, with this node as the one to ask first."""
    answer = client_for(folder, socket).get("collections", Collections, collection=collection)
    (found,) = answer.collections
    print_lines([found.invitation])
    if "bootstrap=" not in found.invitation:
        say("note: this node listens nowhere that others can reach, so the line names nobody to ask first")


def _row(collection: CollectionShape) -> list[Cell | str]:
    return [
        collection.name or "(no name yet)",
        collection.id[:_SHORT],
        str(collection.manifest_version or "-"),
        f"{collection.shards:,}",
        format_size(collection.bytes),
        format_size(collection.held_bytes),
        _state(collection),
    ]


def _state(collection: CollectionShape) -> Cell:
    if collection.parting:
        return Cell("being left", "dim")
    if collection.leaving_by:
        return Cell(f"leaving, seeds until {format_moment(collection.leaving_by)} at most", "yellow")
    if not collection.is_admitted:
        return Cell(f"does not count: {collection.policy}", "yellow")
    if not collection.manifest_version:
        return Cell("no manifest yet", "yellow")
    below = collection.coverage.below_target
    return Cell(f"{below:,} below target", "yellow") if below else Cell("at target", "green")


def _report(done: Done, as_json: bool, sentence: str) -> None:
    if as_json:
        print_json(done)
    else:
        print_lines([sentence])
