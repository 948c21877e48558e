"""The Node dashboard: what does my disk do, and is all well with it?"""

from deploy.grafana import layout, marks
from deploy.grafana.layout import Page, Section
from deploy.grafana.node_health import addresses, metrics_page, process, signs, state
from deploy.grafana.panels import AnyPanel, Frame, Query, bars, lines, number
from deploy.grafana.promql import added, grown, highest, in_range, per_second, select
from deploy.grafana.tables import Column, rows


def page() -> Page:
    """Return the dashboard."""
    return Page(
        name="node",
        title="mirrord / Node",
        description="What does my disk do for the collections, and is all well with it?",
        since="now-24h",
        variables=(layout.datasource(), layout.job(), layout.own_daemon()),
        sections=(
            Section("My disk", _disk()),
            Section("What it holds", (*_holdings(), *_collections())),
            Section("What it gave and took", _transfer()),
            Section("Claims and fetches", _claims()),
            Section("Is all well?", (*state(), *signs())),
            Section("Who reaches whom", addresses()),
            Section("The process and its metrics", (*process(), *metrics_page())),
        ),
    )


def _disk() -> tuple[AnyPanel, ...]:
    used, pledge = select("mirrord_used_bytes"), select("mirrord_pledge_bytes")
    return (
        number(
            Frame("Pledge", "What you give, for all collections together; never exceeded.", "decbytes", (4, 5)),
            Query(pledge, "{{instance}}"),
        ),
        number(
            Frame("Used", "Holdings and running fetches together.", "decbytes", (4, 5)),
            Query(used, "{{instance}}"),
        ),
        bars(
            Frame(
                "Used part of the pledge",
                "Full is fine: the node then changes common shards for rarer ones. Above 100 % only after you shrank "
                "the pledge and the network cannot spare the copies yet.",
                "percentunit",
                (4, 5),
            ),
            Query(f"{used} / {pledge}", "{{instance}}"),
            thresholds=marks.steps(marks.GREEN, (1.000001, marks.RED)),
            largest=1,
        ),
        number(
            Frame(
                "Free on the disk",
                "What the file system of the data folder still offers, to everybody. Near zero, fetching pauses: make "
                "room, or shrink the pledge.",
                "decbytes",
                (4, 5),
            ),
            Query(select("mirrord_disk_free_bytes"), "{{instance}}"),
            thresholds=marks.steps(marks.RED, (1e9, marks.ORANGE), (1e10, marks.GREEN)),
        ),
        lines(
            Frame(
                "Disk over time",
                "Pledged, used, and free on the file system.",
                "decbytes",
                (8, 5),
            ),
            Query(pledge, "{{instance}} pledge"),
            Query(used, "{{instance}} used"),
            Query(select("mirrord_disk_free_bytes"), "{{instance}} free on the disk"),
        ),
    )


def _holdings() -> tuple[AnyPanel, ...]:
    rare = select("mirrord_own_held_shards")
    return (
        number(
            Frame(
                "The only copy is here",
                "Shards of which this node holds the only copy that counts. If this disk dies, they are gone: keep the "
                "node running, and do not leave without '--within'.",
                "short",
                (5, 8),
            ),
            Query(added(select("mirrord_own_held_shards", replicas="1"), "instance"), "{{instance}}"),
            thresholds=marks.none_is_good(),
        ),
        bars(
            Frame(
                "Holdings by how rare they are",
                "The shards on this disk by how many copies the network has of them, this one included. The shorter "
                "the bars at 1 and 2, the better for everybody; the more they are, the more this disk matters.",
                "short",
                (7, 8),
            ),
            Query(added(rare, "instance", "replicas"), "{{instance}}: {{replicas}}"),
        ),
    )


def _collections() -> tuple[AnyPanel, ...]:
    named = (
        f"{select('mirrord_collection_held_bytes')} * on (instance, collection) group_left (name) "
        f"{select('mirrord_collection_info')}"
    )
    held = added(select("mirrord_own_shards", role="held"), "instance", "collection")
    return (
        rows(
            Frame(
                "Collections",
                "What this node holds of each collection, and whether it counts there. 'Counts' is 0 where a curator "
                "would have to admit it: send the id from 'mirrord status'.",
                "none",
                (12, 8),
                "no collection is joined",
            ),
            Query(highest(named, "instance", "collection", "name")),
            Query(held),
            Query(highest(select("mirrord_collection_admitted"), "instance", "collection")),
            columns=(
                Column("instance", "Node"),
                Column("collection", "Id"),
                Column("name", "Collection"),
                Column("Value #A", "Held", "decbytes"),
                Column("Value #B", "Shards", "short"),
                Column("Value #C", "Counts", "none", marks.steps(marks.RED, (1, marks.GREEN))),
            ),
            sort="Held",
            descending=True,
        ),
        lines(
            Frame(
                "Shards by what they are to this node",
                "Claimed and fetching come and go; held should grow until the pledge is full. Releasing are given up "
                "because the network has enough others.",
                "short",
                (24, 7),
            ),
            Query(added(select("mirrord_own_shards", role="!none"), "instance", "role"), "{{instance}} {{role}}"),
        ),
    )


def _transfer() -> tuple[AnyPanel, ...]:
    wasted = added(in_range(select("mirrord_fetch_wasted_bytes_total")), "instance")
    fetched = f"({in_range(select('mirrord_fetch_bytes_total'))} > 0)"
    return (
        lines(
            Frame(
                "Uploaded and fetched",
                "Payload to and from swarm members, a second. Nothing uploaded for days while others fetch: is the "
                "port reached (below)?",
                "Bps",
                (10, 8),
            ),
            Query(per_second(select("mirrord_upload_bytes_total")), "{{instance}} up"),
            Query(per_second(select("mirrord_fetch_bytes_total")), "{{instance}} down"),
        ),
        number(
            Frame(
                "In the time shown",
                "Payload uploaded to and fetched from swarm members in the time that this page shows.",
                "decbytes",
                (4, 8),
            ),
            Query(in_range(select("mirrord_upload_bytes_total")), "{{instance}} up"),
            Query(in_range(select("mirrord_fetch_bytes_total")), "{{instance}} down"),
        ),
        lines(
            Frame(
                "Wasted, by reason",
                "Fetched for nothing, a second. bad: the hash did not agree; a swarm member sends garbage. redundant: "
                "it came twice. given_up: the fetch was withdrawn midway, as others were faster.",
                "Bps",
                (6, 8),
            ),
            Query(
                added(per_second(select("mirrord_fetch_wasted_bytes_total")), "instance", "reason"),
                "{{instance}} {{reason}}",
            ),
        ),
        number(
            Frame(
                "Wasted part",
                "The part of what was fetched in the time shown that was for nothing. A few percent are normal.",
                "percentunit",
                (4, 8),
                "nothing was fetched",
            ),
            Query(f"{wasted} / on (instance) {fetched}", "{{instance}}"),
            thresholds=marks.steps(marks.GREEN, (0.05, marks.YELLOW), (0.2, marks.RED)),
        ),
    )


def _claims() -> tuple[AnyPanel, ...]:
    return (
        lines(
            Frame(
                "Claims",
                "Claims that this node made, won and yielded to better ones. Mostly yielded is no fault: others were "
                "called first.",
                "short",
                (12, 8),
            ),
            *(
                Query(grown(select(f"mirrord_claims_{deed}_total")), f"{{{{instance}}}} {deed}")
                for deed in ("made", "won", "yielded")
            ),
        ),
        lines(
            Frame(
                "Fetches and holdings",
                "Fetches that became holdings or failed, holdings that were given up, and holdings in which a re-read "
                "found bad pieces. Failed holdings that repeat: the disk is dying.",
                "short",
                (12, 8),
            ),
            Query(grown(select("mirrord_fetches_finished_total")), "{{instance}} finished"),
            Query(grown(select("mirrord_fetches_failed_total")), "{{instance}} failed"),
            Query(grown(select("mirrord_holdings_released_total")), "{{instance}} released"),
            Query(grown(select("mirrord_holdings_failed_total")), "{{instance}} bad on disk"),
        ),
    )
