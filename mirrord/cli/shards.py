"""``mirrord shards`` and ``mirrord plan``: every shard, and why this node does with it what it does."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from mirrord.cli.client import client_for
from mirrord.cli.options import Folder, Json, Socket, SomeCollection
from mirrord.cli.output import print_json, print_lines, say
from mirrord.cli.status import DEGRADED
from mirrord.cli.table import Cell, Column, own_screen, table_lines
from mirrord.cli.text import format_share, printable
from mirrord.control.shapes import Plan, PlannedShardShape, Shards, ShardShape
from mirrord.sizes import format_size

_SHORT = 8
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


def plan(
    shard: Annotated[str, typer.Argument(metavar="SHARD", help="Its index or its name.", show_default=False)] = "",
    collection: SomeCollection = "",
    folder: Folder = None,
    socket: Socket = None,
    as_json: Json = False,
) -> None:
    """Say of every shard, or of one, why this node holds, claims, skips or waits."""
    answer = client_for(folder, socket).get("plan", Plan, collection=collection, shard=shard)
    if as_json:
        print_json(answer)
    elif answer.shards:
        print_lines(_plan_lines(answer.shards, answer.collections))
    else:
        say("no shard is known yet")


def _is_short(shard: ShardShape) -> bool:
    return shard.replicas < shard.target and not shard.withdrawn_reason


def _heading(identity: str, name: str) -> str:
    return f"collection {printable(name) or '(no name yet)'}  {identity[:_SHORT]}"


def _shard_lines(chosen: Sequence[ShardShape], names: Mapping[str, str]) -> list[str]:
    screen = own_screen()
    columns = [
        Column("shard", right=True),
        Column("name", flexible=True),
        Column("band"),
        Column("bytes", right=True),
        Column("demand", right=True),
        Column("copies", right=True),
        Column("claims", right=True),
        Column("here"),
    ]
    lines: list[str] = []
    for identity, name in names.items():
        rows = [_shard_row(shard) for shard in chosen if shard.collection == identity]
        if rows:
            lines += ["", screen.paint(_heading(identity, name), "bold"), *table_lines(screen, columns, rows)]
    return lines[1:]


def _shard_row(shard: ShardShape) -> list[Cell | str]:
    return [
        str(shard.index),
        shard.name,
        shard.band,
        format_size(shard.bytes),
        format_share(shard.demand_share),
        _copies(shard),
        str(shard.claims or "-"),
        _here(shard),
    ]


def _copies(shard: ShardShape | PlannedShardShape) -> Cell:
    if shard.withdrawn_reason:
        return Cell("withdrawn", "dim")
    style = "red" if not shard.replicas else "yellow" if shard.replicas < shard.target else "green"
    return Cell(f"{shard.replicas}/{shard.target}", style)


def _here(shard: ShardShape | PlannedShardShape) -> Cell:
    if shard.role == "none":
        return Cell("-", "dim")
    progress = f" {shard.percent} %" if shard.role in ("fetching", "checking") else ""
    return Cell(shard.role + progress, _ROLE_STYLES.get(shard.role, ""))


def _plan_lines(chosen: Sequence[PlannedShardShape], names: Mapping[str, str]) -> list[str]:
    screen = own_screen()
    columns = [
        Column("shard", right=True),
        Column("name", flexible=True),
        Column("copies", right=True),
        Column("here"),
        Column("why", wrapped=True),
    ]
    lines: list[str] = []
    for identity, name in names.items():
        rows: list[list[Cell | str]] = [
            [str(shard.index), shard.name, _copies(shard), _here(shard), _why(shard)]
            for shard in chosen
            if shard.collection == identity
        ]
        if rows:
            lines += ["", screen.paint(_heading(identity, name), "bold"), *table_lines(screen, columns, rows)]
    return lines[1:]


def _why(shard: PlannedShardShape) -> str:
    return f"withdrawn: {shard.withdrawn_reason}; {shard.reason}" if shard.withdrawn_reason else shard.reason
