"""How the offline ``mirrord collection`` commands answer: in words, in tables, in JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mirrord.collections.builder import BuildReport
from mirrord.collections.inspection import Inspection, Total
from mirrord.collections.reading import CollectionFolder
from mirrord.core.records.ids import to_text
from mirrord.core.records.invitation import Invitation, format_invitation
from mirrord.sizes import format_size

SCHEMA: Final = 1
"""Of the JSON; it changes where a field changes its meaning."""


def report_json(report: BuildReport, name: str, out: Path) -> str:
    """Return what was built or published as one JSON object."""
    facts = {
        "schema": SCHEMA,
        "collection": to_text(report.collection),
        "name": name,
        "folder": str(out),
        "version": report.version,
        "unchanged": report.unchanged,
        "shards": report.shards,
        "files": report.files,
        "items": report.items,
        "bytes": report.bytes,
        "hashed_bytes": report.hashed_bytes,
        "reused_shards": report.reused_shards,
        "seconds": round(report.seconds, 3),
        "notes": list(report.notes),
        "invitation": format_invitation(Invitation(report.collection, (), name)),
    }
    return json.dumps(facts)


def report_in_words(report: BuildReport, name: str) -> str:
    """Return what was built or published, and what to do with it."""
    what = "was there already" if report.unchanged else "is signed"
    sizes = f"{report.shards:,} shards, {report.files:,} files, {format_size(report.bytes)}"
    hashed = f"{format_size(report.hashed_bytes)} in {report.seconds:.1f} s"
    return f"""\
{name}, version {report.version}, {what}: {sizes}.
  hashed now  {hashed}; finished before: {report.reused_shards:,} shards
  collection  {to_text(report.collection)}
  invitation  {format_invitation(Invitation(report.collection, (), name))}
              (add bootstrap=HOST:PORT of a node that has joined)
The key that signed it speaks for the collection: keep a copy, and keep it secret."""


def inspection_json(folder: CollectionFolder, inspection: Inspection) -> str:
    """Return the inspection as one JSON object."""
    body = folder.body
    facts = {
        "schema": SCHEMA,
        "collection": to_text(folder.collection),
        "name": body.name,
        "description": body.description,
        "version": folder.head.version,
        "issued_at": folder.head.issued_at,
        "target_min_replicas": body.target_min_replicas,
        "target_max_replicas": body.target_max_replicas,
        "phases": inspection.phases,
        "largest_shard_bytes": inspection.largest_shard_bytes,
        "total": asdict(inspection.everything),
        "bands": [asdict(total) for total in inspection.bands],
        "rights": [asdict(total) for total in inspection.rights],
        "qualities": [asdict(total) for total in inspection.qualities],
        "withdrawn": [
            {"shard": shard.index, "name": shard.name, "reason": shard.withdrawn_reason}
            for shard in inspection.withdrawn
        ],
    }
    return json.dumps(facts)


def show_inspection(folder: CollectionFolder, inspection: Inspection) -> None:
    """Print the inspection on standard output."""
    body = folder.body
    console = Console()
    console.print(f"[bold]{escape(body.name)}[/bold], version {folder.head.version}; signature and hashes hold")
    if body.description:
        console.print(escape(body.description))
    console.print(f"collection {to_text(folder.collection)}", soft_wrap=True)
    console.print(
        f"wanted: {body.target_min_replicas} to {body.target_max_replicas} replicas; phases: {inspection.phases};"
        f" largest shard: {format_size(inspection.largest_shard_bytes)}\n"
    )
    console.print(_table("band", [*inspection.bands, inspection.everything]))
    console.print(_table("rights", inspection.rights))
    console.print(_table("quality", inspection.qualities))
    for shard in inspection.withdrawn:
        console.print(f"withdrawn: shard {shard.index} {shard.name}: {escape(shard.withdrawn_reason)}")


def _table(title: str, totals: Sequence[Total]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(title, overflow="fold")
    for column in ("shards", "files", "items", "size", "demand", "popularity"):
        table.add_column(column, justify="right", no_wrap=True)
    for total in totals:
        table.add_row(
            escape(total.label),
            f"{total.shards:,}",
            f"{total.files:,}",
            f"{total.items:,}",
            format_size(total.bytes),
            f"{total.demand_ppb / 10_000_000:.2f} %",
            f"{total.popularity_max:,} to {total.popularity_min:,}",
        )
    return table
