"""``mirrord status``: is this node well, and are the collections safe?"""

from collections.abc import Iterator

import typer

from mirrord.cli.client import client_for
from mirrord.cli.options import Folder, Json, Socket
from mirrord.cli.output import print_json, print_lines
from mirrord.cli.table import Cell, Column, Screen, own_screen, table_lines
from mirrord.cli.text import counted, cut, format_share, printable
from mirrord.control.shapes import (
    BandShape,
    CollectionShape,
    CountersShape,
    CoverageShape,
    NodeShape,
    OwnAddressShape,
    Status,
    TransferShape,
)
from mirrord.core.wording import format_small, format_wait
from mirrord.sizes import format_size
from mirrord.times import format_moment

DEGRADED = 3
_SHORT = 8
_NAME_COLUMNS = 40


def status(folder: Folder = None, socket: Socket = None, as_json: Json = False) -> None:
    """Show this node, its collections and how safe they are.

    Exit code 3: some shard has fewer copies than its target.
    """
    answer = client_for(folder, socket).get("status", Status)
    if as_json:
        print_json(answer)
    else:
        print_lines(status_lines(own_screen(), answer))
    if answer.degraded:
        raise typer.Exit(DEGRADED)


def status_lines(screen: Screen, answer: Status) -> Iterator[str]:
    """Yield the lines of the human form, at most 80 columns wide."""
    yield from _node_lines(screen, answer.node, answer.version)
    yield from _found_lines(answer.counters, answer.transfer)
    yield from _transfer_lines(answer.transfer)
    if not answer.collections:
        yield ""
        yield "no collection is joined: mirrord collection join INVITATION"
    for collection in answer.collections:
        yield ""
        yield from _collection_lines(screen, collection, answer.auditing)
        if not collection.is_admitted:
            yield from _not_admitted_lines(screen, collection, answer.node)


def _node_lines(screen: Screen, node: NodeShape, version: str) -> Iterator[str]:
    listening = ", ".join(node.coordination) or "listening nowhere yet"
    yield f"{screen.paint(f'node {node.id[:_SHORT]}', 'bold')}  mirrord {printable(version)}  {printable(listening)}"
    if node.stopping:
        yield screen.paint("  stopping", "yellow")
    used = f"{format_size(node.used_bytes)} used of {format_size(node.pledge_bytes)} pledged"
    share = f" ({format_share(node.used_bytes / node.pledge_bytes)})" if node.pledge_bytes else ""
    yield f"  disk      {used}{share}, {format_size(node.disk_free_bytes)} free"
    if node.clock_wrong and node.clock_offset_seconds is not None:
        way = "ahead of" if node.clock_offset_seconds > 0 else "behind"
        off = f"the clock is {abs(node.clock_offset_seconds) / 60:.0f} minutes {way} its peers'"
        yield "  " + screen.paint(f"{off}: nothing is claimed or announced until it is set (is NTP on?)", "red")
    if node.key_elsewhere:
        yield "  " + screen.paint("another machine announces itself with this node's key: stop one of the two", "red")
    if node.fetching_paused:
        yield "  " + screen.paint(f"fetching is paused: {printable(node.fetching_paused)}", "yellow")
    yield from _reach_lines(screen, node.own_addresses)
    known = f"{node.nodes_alive} alive, {node.nodes_away} away, {node.nodes_gone} gone"
    yield f"  peers     {known}; {counted(node.sessions, 'session')}"


def _reach_lines(screen: Screen, own: tuple[OwnAddressShape, ...]) -> Iterator[str]:
    """Yield what peers found that dialled back."""
    told = [each for each in own if each.finding != "local"]
    for each in told:
        address = printable(each.address)
        if each.finding == "reached":
            yield f"  reachable {screen.paint('yes', 'green')} ({counted(each.reached_by, 'peer')}): {address}"
        elif each.finding == "not_reached":
            yield f"  reachable {screen.paint('no', 'yellow')}: {address}"
            yield "            nobody gets through to it: is the port forwarded? It dials out all the same"
        else:
            yield f"  reachable not known yet: {address}"
    if own and not told:
        yield "  reachable in its own network; no public address is known"


def _found_lines(counters: CountersShape, transfer: TransferShape) -> Iterator[str]:
    """Yield how peers were found, by whom; nothing where nobody was."""
    found = [
        f"{number:,} {printable(source.replace('_', ' '))}"
        for source, number in counters.addresses_found.items()
        if number
    ]
    if transfer.dht_nodes:
        found.append(f"the DHT is there ({counted(transfer.dht_nodes, 'node')})")
    if found:
        yield f"  found     {', '.join(found)}"


def _transfer_lines(transfer: TransferShape) -> Iterator[str]:
    up = f"up {format_size(transfer.upload_bytes_per_second)}/s ({format_size(transfer.uploaded_bytes)})"
    down = f"down {format_size(transfer.download_bytes_per_second)}/s ({format_size(transfer.downloaded_bytes)})"
    yield f"  transfer  {up}, {down} since the start"


def _collection_lines(screen: Screen, collection: CollectionShape, auditing: bool) -> Iterator[str]:
    name = cut(printable(collection.name), _NAME_COLUMNS) or "(no name yet)"
    title = screen.paint(f"collection {name}", "bold")
    if not collection.manifest_version:
        yield f"{title}  {collection.id[:_SHORT]}  waiting for its manifest"
        return
    leaving = "  being left" if collection.parting else ""
    size = f"{counted(collection.shards, 'shard')}, {format_size(collection.bytes)}"
    yield f"{title}  {collection.id[:_SHORT]}  version {collection.manifest_version}  {size}{leaving}"
    fetching = f"; fetching {collection.fetching_shards}" if collection.fetching_shards else ""
    yield f"  here      {counted(collection.held_shards, 'shard')}, {format_size(collection.held_bytes)}{fetching}"
    if collection.leaving_by:
        until = format_moment(collection.leaving_by)
        yield "  " + screen.paint(f"leaving, seeds until {until} at most; its copies here count no more", "yellow")
    yield f"  network   {counted(collection.holders, 'holder')}"
    coverage = collection.coverage
    yield f"  copies    {_copies(screen, coverage)}"
    demand = coverage.demand_covered
    shares = "  ".join(
        f"{label} {format_share(share)}"
        for label, share in (("1+", demand.one), ("2+", demand.two), ("3+", demand.three), ("target", demand.target))
    )
    yield f"  demand    {shares}"
    yield from _outlook_lines(screen, collection, auditing)
    yield ""
    yield from (f"  {line}" for line in _band_lines(screen, coverage.bands))


def _outlook_lines(screen: Screen, collection: CollectionShape, auditing: bool) -> Iterator[str]:
    """Yield what is known of the copies, what is missing, and what may come."""
    if not auditing:
        yield "  verified  no audits yet: a copy counts because its holder says so"
    if collection.stale_copies:
        stale = f"{counted(collection.stale_copies, 'copy', 'copies')} on nodes that fell silent: not counted"
        yield f"  stale     {screen.paint(stale, 'yellow')}"
    if collection.coverage.backlog_bytes:
        eta = collection.repair_eta_seconds
        when = (
            "nobody can tell yet how long it takes" if eta is None else f"whole in {format_wait(eta)} if it goes on so"
        )
        yield f"  missing   {format_size(collection.coverage.backlog_bytes)}: {when}"
    if collection.expected_shard_losses is not None:
        losses = format_small(collection.expected_shard_losses)
        yield f"  losses    {losses} shards a year expected, by what was seen here so far"


def _not_admitted_lines(screen: Screen, collection: CollectionShape, node: NodeShape) -> Iterator[str]:
    """Say that this node does not count, and how it would."""
    yield "  " + screen.paint(f"this node does not count here, as the collection is {collection.policy}", "yellow")
    yield "  it reads and seeds, but claims nothing. For it to count, let a curator run"
    yield "  `mirrord collection admit`, with the id of this node:"
    yield f"    {node.id}"


def _copies(screen: Screen, coverage: CoverageShape) -> str:
    least = f"{coverage.min_replicas} to {coverage.max_replicas} of each shard; "
    if not coverage.below_target:
        return least + screen.paint("every shard has its target", "green")
    short = f"{counted(coverage.below_target, 'shard')} ({format_size(coverage.bytes_below_target)}) below target"
    return least + screen.paint(short, "yellow" if coverage.min_replicas else "red")


def _band_lines(screen: Screen, bands: tuple[BandShape, ...]) -> list[str]:
    shown = [band for band in bands if band.shards]
    classes = max((len(band.by_replicas) for band in shown), default=0)
    titles = [f"{k}+" if k == classes - 1 else str(k) for k in range(classes)]
    columns = [
        Column("band"),
        Column("shards", right=True),
        Column("bytes", right=True),
        Column("demand", right=True),
        *(Column(title, right=True) for title in titles),
        Column("at target", right=True),
    ]
    rows: list[list[Cell | str]] = [
        [
            band.band,
            f"{band.shards:,}",
            format_size(band.bytes),
            format_share(band.demand_share),
            *(_count(k, number) for k, number in enumerate(band.by_replicas)),
            Cell(f"{band.target_met:,}", "green" if band.target_met == band.shards else "yellow"),
        ]
        for band in shown
    ]
    return table_lines(screen, columns, rows)


def _count(replicas: int, shards: int) -> Cell:
    if not shards:
        return Cell("-", "dim")
    return Cell(f"{shards:,}", "red" if replicas == 0 else "yellow" if replicas == 1 else "")
