"""``mirrord shards``: every shard, and how many copies there are of it."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from mirrord.cli.client import client_for
from mirrord.cli.options import Folder, Json, Socket, SomeCollection
from mirrord.cli.output import print_json, print_lines, say
from mirrord.cli.status import DEGRADED
from mirrord.cli.table import Cell, Column, own_screen, table_lines
from mirrord.cli.text import format_share, printable
from mirrord.control.shapes import PlannedShardShape, Shards, ShardShape
from mirrord.sizes import format_size

_SHORT = 8
WITHDRAWN = Cell("withdrawn", "dim")
_ROLE_STYLES = {"held": "green", "fetching": "yellow", "checking": "yellow", "claimed": "yellow"}


def shards(
    collection: SomeCollection = "",
    below_target: Annotated[bool, typer.Option("--below-target", help="Only shards short of copies.")] = False,
    folder: Folder = None,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """List the shards of the joined collections with their copies.

    Exit code 3: some shard has fewer copies than its target.
    """
    answer = client_for(folder, socket).get("shards", Shards, collection=collection)
    chosen = [shard for shard in answer.shards if not below_target or _is_short(shard)]
    if as_json:
        shown = Shards(
            schema=answer.schema,
            at=answer.at,
            degraded=answer.degraded,
            collections=answer.collections,
            shards=tuple(chosen),
        )
        print_json(shown)
    elif chosen:
        print_lines(_shard_lines(chosen, answer.collections))
    else:
        say("no shard is short of copies" if answer.shards else "no shard is known yet")
    if answer.degraded:
        raise typer.Exit(DEGRADED)


def _is_short(shard: ShardShape) -> bool:
    return shard.replicas < shard.target and not shard.withdrawn_reason


def heading(identity: str, name: str) -> str:
    """Return the line above the shards of a collection."""
    return f"collection {printable(name) or '(no name yet)'}  {identity[:_SHORT]}"


def _shard_lines(chosen: Sequence[ShardShape], names: Mapping[str, str]) -> list[str]:
    screen, has_stale = own_screen(), any(shard.stale for shard in chosen)
    columns = [
        Column("shard", right=True),
        Column("name", flexible=True),
        Column("band"),
        Column("bytes", right=True),
        Column("demand", right=True),
        Column("copies", right=True),
        *([Column("stale", right=True)] if has_stale else []),
        Column("claims", right=True),
        Column("here"),
    ]
    lines: list[str] = []
    for identity, name in names.items():
        rows = [_shard_row(shard, has_stale) for shard in chosen if shard.collection == identity]
        if rows:
            lines += ["", screen.paint(heading(identity, name), "bold"), *table_lines(screen, columns, rows)]
    return lines[1:]


def _shard_row(shard: ShardShape, has_stale: bool) -> list[Cell | str]:
    return [
        str(shard.index),
        shard.name,
        shard.band,
        format_size(shard.bytes),
        format_share(shard.demand_share),
        _copies(shard),
        *([Cell(f"{shard.stale:,}", "yellow") if shard.stale else "-"] if has_stale else []),
        str(shard.claims or "-"),
        here(shard),
    ]


def _copies(shard: ShardShape) -> Cell:
    if shard.withdrawn_reason:
        return WITHDRAWN
    return Cell(f"{shard.replicas}/{shard.target}", style_of_copies(shard.replicas, shard.target))


def style_of_copies(replicas: float, target: int) -> str:
    """Return the colour of a number of copies."""
    return "red" if not replicas else "yellow" if replicas < target else "green"


def here(shard: ShardShape | PlannedShardShape) -> Cell:
    """Return what a shard is to this node."""
    if shard.role == "none":
        return Cell("-", "dim")
    progress = f" {shard.percent} %" if shard.role in ("fetching", "checking") else ""
    return Cell(shard.role + progress, _ROLE_STYLES.get(shard.role, ""))
