"""This node itself: what is wrong with it, what its disk does, what happened here last."""

from collections.abc import Iterator, Sequence
from typing import Final

from mirrord.core.statistics import Finding, Happening, NodeStatistics, ShardRole, Statistics, Transfer
from mirrord.core.wording import bounded, counted, format_share, format_size
from mirrord.page.markup import NOTHING, Markup, figures, table, tag, words
from mirrord.page.moments import moment

HAPPENINGS_SHOWN: Final = 20
_HAPPENING_MAX_CHARACTERS: Final = 160
_FETCHES_SHOWN: Final = 10
_REASON_MAX_CHARACTERS: Final = 200


def troubles(statistics: Statistics) -> Iterator[Markup]:
    """Yield what is wrong with this node, and what to do."""
    for text in _wrong(statistics):
        yield tag("p", text, class_="trouble")


def _wrong(statistics: Statistics) -> Iterator[str]:
    node = statistics.node
    if node.stopping:
        yield "This node is stopping."
    if node.key_elsewhere:
        yield "Another machine announces itself with this node's key: stop one of the two."
    if node.clock_wrong:
        yield f"The clock of this machine is wrong{_by(node)}: nothing is claimed or announced until it is set."
    if node.fetching_paused:
        yield f"Fetching is paused: {bounded(node.fetching_paused, _REASON_MAX_CHARACTERS)}"
    if node.used_bytes > node.pledge_bytes:
        yield "This node holds more than its pledge: it gives up what others have enough of."
    if statistics.collections and not node.nodes_alive:
        yield "No other node is heard: what this page says of the network is what was known before."
    if not statistics.collections:
        yield "No collection is joined: mirrord collection join INVITATION"


def _by(node: NodeStatistics) -> str:
    offset = node.clock_offset_seconds
    return "" if offset is None else f" by {abs(offset) / 60:.0f} minutes"


def node_section(statistics: Statistics, transfer: Transfer) -> Markup:
    """Return what this node does."""
    node = statistics.node
    held = sum(own.is_holding for each in statistics.collections for own in each.shards.own.values())
    pledge = tag(
        "p",
        tag("meter", min=0, max=max(node.pledge_bytes, 1), value=node.used_bytes, aria_labelledby="disk"),
        tag("span", _used(node), id="disk"),
        class_="disk",
    )
    known = f"{node.nodes_alive:,} alive, {node.nodes_away:,} away, {node.nodes_gone:,} gone"
    entries = (
        ("Holds", counted(held, "shard"), f"of {counted(len(statistics.collections), 'collection')}"),
        ("Uploaded", format_size(transfer.uploaded_bytes), f"{_rate(transfer.upload_bytes_per_second)} now"),
        ("Fetched", format_size(transfer.downloaded_bytes), f"{_rate(transfer.download_bytes_per_second)} now"),
        ("Other nodes", known.partition(",")[0], f"{known.partition(', ')[2]}; {counted(node.sessions, 'session')}"),
        ("Reached", *_reached(node)),
        ("Clock", *_clock(node)),
    )
    return tag(
        "section",
        tag("h2", "This node", id="node"),
        pledge,
        figures(entries),
        _fetches(statistics),
        aria_labelledby="node",
    )


def _used(node: NodeStatistics) -> str:
    share = f" ({format_share(node.used_bytes / node.pledge_bytes)})" if node.pledge_bytes else ""
    free = format_size(node.disk_free_bytes)
    return (
        f"{format_size(node.used_bytes)} used of {format_size(node.pledge_bytes)} pledged{share}; {free} free on disk"
    )


def _rate(bytes_per_second: int) -> str:
    return f"{format_size(bytes_per_second)}/s"


def _reached(node: NodeStatistics) -> tuple[str, str]:
    findings = {own.finding for own in node.own_addresses}
    if Finding.REACHED in findings:
        return "yes", "peers that dialled back got through"
    if Finding.NOT_REACHED in findings:
        return "no", "is the port forwarded? It dials out all the same"
    if Finding.NOT_PROBED in findings:
        return "not known", "no peer has dialled back yet"
    return "locally", "no public address is known"


def _clock(node: NodeStatistics) -> tuple[str, str]:
    offset = node.clock_offset_seconds
    if offset is None:
        return "not known", "too few peers to compare with"
    if abs(offset) < 1:
        return "right", "within a second of its peers'"
    way = "ahead of" if offset > 0 else "behind"
    return f"{abs(offset):,.0f} s", f"{way} its peers'"


def _fetches(statistics: Statistics) -> Markup:
    under_way = [
        (each.shards[index], own)
        for each in statistics.collections
        for index, own in each.shards.own.items()
        if own.role in (ShardRole.FETCHING, ShardRole.CHECKING)
    ]
    if not under_way:
        return NOTHING
    rows = (
        [words(shard.name), own.role.value, f"{own.percent} %", format_size(shard.bytes)]
        for shard, own in under_way[:_FETCHES_SHOWN]
    )
    more = f": {_FETCHES_SHOWN} of {len(under_way):,}" if len(under_way) > _FETCHES_SHOWN else ""
    return table(f"Under way{more}", ["shard", "does", "done", "size"], rows, name="under-way", wide=True)


def happenings_section(happenings: Sequence[Happening]) -> Markup:
    """Return what happened last, the newest first."""
    newest = [*reversed(happenings)][:HAPPENINGS_SHOWN]
    rows = (
        tag("li", moment(each.at, "%d %b %H:%M:%S"), words(each.text, _HAPPENING_MAX_CHARACTERS)) for each in newest
    )
    shown = tag("ol", *rows, class_="plain") if newest else tag("p", "Nothing yet since the start.", class_="quiet")
    return tag("section", tag("h2", "What happened last", id="last"), shown, aria_labelledby="last")
