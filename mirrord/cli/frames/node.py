"""This node: what is wrong with it, what its disk does, what happened on it last."""

import time
from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from mirrord.cli.frames.canvas import Canvas, bar, fitted, flowed, joined, spread
from mirrord.cli.text import counted, format_share, printable
from mirrord.control.coverage_shapes import CollectionCoverageShape, HappeningShape
from mirrord.control.shapes import NodeShape, ShardShape, Status
from mirrord.core.wording import format_size

_SHORT: Final = 8
_DAY_SECONDS: Final = 86_400


def header(status: Status, canvas: Canvas, clock: float) -> Text:
    """Return which node this is and whom it knows; ``clock`` is the unix second to show."""
    node = status.node
    left = joined(
        (
            canvas.text("mirrord", "title"),
            canvas.text(f" {printable(status.version)}  node {node.id[:_SHORT]}  ", "quiet"),
            canvas.text(f"{node.nodes_alive:,} alive", "" if node.nodes_alive else "warn"),
            canvas.text(f", {node.nodes_away:,} away, {node.nodes_gone:,} gone; {counted(node.sessions, 'session')}"),
        )
    )
    return spread(left, canvas.text(time.strftime("  %H:%M:%S UTC", time.gmtime(clock)), "quiet"), canvas.width)


def alerts(status: Status, identity: str, canvas: Canvas) -> list[Text]:
    """Return what is wrong and what to do, one a line; ``identity`` is the collection that is shown."""
    return [fitted(canvas.text(f" {text} ", "alert"), canvas.width) for text in _wrong(status, identity)]


def _wrong(status: Status, identity: str) -> Iterator[str]:
    node = status.node
    if node.stopping:
        yield "this node is stopping"
    if node.key_elsewhere:
        yield "another machine announces itself with this node's key: stop one of the two"
    if node.clock_wrong:
        yield "the clock is wrong: nothing is claimed or announced until it is set (is NTP on?)"
    if node.fetching_paused:
        yield f"fetching is paused: {printable(node.fetching_paused)}"
    if node.used_bytes > node.pledge_bytes:
        yield "more than the pledge is used: what others have enough of is given up"
    if status.collections and not node.nodes_alive:
        yield "no other node is heard: this is what was known before"
    shown = next((each for each in status.collections if each.id == identity), None)
    if shown is not None and not shown.is_admitted:
        yield f"this node does not count here, as the collection is {printable(shown.policy)}: it claims nothing"
    if shown is not None and (shown.leaving_by or shown.parting):
        yield "this node leaves the collection: its copies count no more"


def here_lines(status: Status, collection: CollectionCoverageShape | None, canvas: Canvas, rows: int) -> list[Text]:
    """Return what this disk does, and what it fetches now."""
    lines = [_disk(status.node, canvas), *_work(status, collection, canvas)]
    if collection is not None:
        lines += [_under_way(shard, canvas) for shard in collection.here.under_way]
    return [fitted(line, canvas.width) for line in lines[:rows]]


def _disk(node: NodeShape, canvas: Canvas) -> Text:
    share = node.used_bytes / node.pledge_bytes if node.pledge_bytes else 0.0
    said = f" {format_size(node.used_bytes)} used of {format_size(node.pledge_bytes)} pledged ({format_share(share)})"
    free = f", {format_size(node.disk_free_bytes)} free"
    width = max(8, min(24, canvas.width - 60))
    full = bar(canvas, share, width, "bad" if share > 1 else "bar")
    return joined((canvas.text(" "), full, canvas.text(said), canvas.text(free, "quiet")))


def _work(status: Status, collection: CollectionCoverageShape | None, canvas: Canvas) -> list[Text]:
    transfer = status.transfer
    up, down = ("↑", "↓") if canvas.unicode else ("up", "down")
    pieces = [
        _moved(canvas, up, transfer.upload_bytes_per_second, transfer.uploaded_bytes),
        _moved(canvas, down, transfer.download_bytes_per_second, transfer.downloaded_bytes),
    ]
    if collection is not None:
        here = collection.here
        pieces.append(canvas.text(f"holds {counted(here.shards, 'shard')}"))
        if here.only_here:
            pieces.append(canvas.text(f"{here.only_here:,} with no other copy", "warn"))
        if here.under_way_total:
            pieces.append(canvas.text(f"{here.under_way_total:,} under way"))
    return [joined((canvas.text(" "), line)) for line in flowed(canvas.narrow(canvas.width - 1), pieces, 2, gap=2)]


def _moved(canvas: Canvas, way: str, bytes_per_second: int, total_bytes: int) -> Text:
    style = "strong" if bytes_per_second else "quiet"
    rate = canvas.text(f"{way} {format_size(bytes_per_second)}/s", style)
    return joined((rate, canvas.text(f" ({format_size(total_bytes)})", "quiet")))


def _under_way(shard: ShardShape, canvas: Canvas) -> Text:
    has_bar = shard.role in ("fetching", "checking")
    done = bar(canvas, shard.percent / 100, 12) if has_bar else canvas.text(" " * 12)
    percent = f"{shard.percent:>3} %" if has_bar else "     "
    names = min(max(12, canvas.width - 45), 48)
    return joined(
        (
            canvas.text(f" {printable(shard.role):<9} "),
            fitted(canvas.text(printable(shard.name)), names, pad=True),
            canvas.text("  "),
            done,
            canvas.text(f" {percent}  {format_size(shard.bytes)}"),
        )
    )


def event_lines(events: Sequence[HappeningShape], at: float, canvas: Canvas, rows: int) -> list[Text]:
    """Return what happened last, the newest first."""
    if not events:
        return [canvas.text(" nothing yet since the start", "quiet")][:rows]
    newest = [*reversed(events)][:rows]
    return [
        fitted(
            joined((canvas.text(f" {_moment(each.at, at)}  ", "quiet"), canvas.text(printable(each.text)))),
            canvas.width,
        )
        for each in newest
    ]


def _moment(unix_seconds: float, now: float) -> str:
    form = "%H:%M:%S" if now - unix_seconds < _DAY_SECONDS else "%d %b %H:%M"
    return time.strftime(form, time.gmtime(unix_seconds))
