"""The lower half of the Node dashboard: the state of the node, its addresses and its process."""

from deploy.grafana import marks
from deploy.grafana.panels import AnyPanel, Frame, Query, lines, number
from deploy.grafana.promql import per_second, select
from deploy.grafana.tables import Column, rows


def _flag(title: str, description: str, metric: str, *, zero: tuple[str, str], one: tuple[str, str]) -> AnyPanel:
    """Return a panel of a number that is 0 or 1, painted; both have a word and a colour."""
    return number(
        Frame(title, description, "none", (4, 4)),
        Query(select(metric), "{{instance}}"),
        mappings=marks.words({0: zero, 1: one}),
        filled=True,
    )


def state() -> tuple[AnyPanel, ...]:
    """Return what is well with the node or not, a panel each."""
    return (
        _flag(
            "Scraped",
            "Whether Prometheus reaches the daemon. Down: does it run, and does the address in the target file, the "
            "token and the certificate still agree?",
            "up",
            zero=("down", marks.RED),
            one=("up", marks.GREEN),
        ),
        _flag(
            "Fetching",
            "Paused while the disk is full; seeding goes on. Make room, and it goes on by itself.",
            "mirrord_fetching_paused",
            zero=("runs", marks.GREEN),
            one=("paused: disk full", marks.RED),
        ),
        _flag(
            "Clock",
            "Wrong: this machine's clock differs so much from its peers' that nothing is announced. Let it keep time "
            "by NTP.",
            "mirrord_clock_wrong",
            zero=("right", marks.GREEN),
            one=("wrong", marks.RED),
        ),
        _flag(
            "Key",
            "Elsewhere: another machine announces itself with this node's key. Stop one of them, give it a key of its "
            "own.",
            "mirrord_key_elsewhere",
            zero=("only here", marks.GREEN),
            one=("used elsewhere", marks.RED),
        ),
        _flag(
            "Daemon",
            "Stopping: it closes its fetches and sessions.",
            "mirrord_stopping",
            zero=("runs", marks.GREEN),
            one=("stopping", marks.YELLOW),
        ),
        _flag(
            "Metrics page",
            "Failed: the daemon could not make its page; what this dashboard shows is missing, not zero. Its log says "
            "why.",
            "mirrord_scrape_failed",
            zero=("whole", marks.GREEN),
            one=("failed", marks.RED),
        ),
    )


def signs() -> tuple[AnyPanel, ...]:
    """Return what shows early that something goes wrong."""
    return (
        lines(
            Frame(
                "Clock offset",
                "By how much this machine's clock is ahead of the median peer's; absent with fewer than five peers.",
                "s",
                (8, 7),
                "too few peers to tell",
            ),
            Query(select("mirrord_clock_offset_seconds"), "{{instance}}"),
            below_zero=True,
        ),
        lines(
            Frame(
                "Nodes, as this one sees them",
                "Peers by how lately they announced themselves. None alive: this node is alone; look at the sessions "
                "and at the DHT.",
                "short",
                (8, 7),
            ),
            Query(select("mirrord_nodes"), "{{instance}} {{liveness}}"),
        ),
        lines(
            Frame(
                "Bad pieces and breaches",
                "Sessions that ended for a fault of the peer, and messages that were none, a second. Strangers try "
                "things: only much of it for long is worth a look.",
                "ops",
                (8, 7),
            ),
            Query(per_second(select("mirrord_sessions_ended_at_fault_total")), "{{instance}} at fault"),
            Query(per_second(select("mirrord_protocol_breaches_total")), "{{instance}} breaches"),
        ),
    )


def addresses() -> tuple[AnyPanel, ...]:
    """Return whether others reach this node, and whom it reaches."""
    return (
        lines(
            Frame(
                "Own addresses, by what peers found",
                "reached: peers dialled back and got through. not_reached: forward the port, or open the firewall. "
                "not_probed: nobody has tried yet. local: not a public address.",
                "short",
                (8, 7),
            ),
            Query(select("mirrord_own_addresses"), "{{instance}} {{finding}}"),
        ),
        lines(
            Frame(
                "Sessions",
                "Open sessions with peers, by who called whom. None accepted for days: nobody reaches this node.",
                "short",
                (8, 7),
            ),
            Query(select("mirrord_network_sessions"), "{{instance}} {{direction}}"),
        ),
        lines(
            Frame(
                "Addresses of peers, nodes of the DHT",
                "How many addresses of peers are known, at how many of them somebody answered, and how many nodes the "
                "DHT's tables have. 0 DHT nodes for long: UDP does not get out.",
                "short",
                (8, 7),
            ),
            Query(select("mirrord_known_addresses"), "{{instance}} known"),
            Query(select("mirrord_proved_addresses"), "{{instance}} proved"),
            Query(select("mirrord_dht_nodes"), "{{instance}} DHT nodes"),
        ),
    )


def process() -> tuple[AnyPanel, ...]:
    """Return what the daemon costs its machine, and what a scrape costs the daemon."""
    return (
        lines(
            Frame("Processor", "Processor time a second: 100 % is one core.", "percentunit", (6, 7)),
            Query(per_second(select("process_cpu_seconds_total")), "{{instance}}"),
        ),
        lines(
            Frame(
                "Memory",
                "Resident memory. It grows with the number of nodes and shards, then stays; steady growth is a fault.",
                "decbytes",
                (6, 7),
            ),
            Query(select("process_resident_memory_bytes"), "{{instance}}"),
        ),
        lines(
            Frame(
                "Open descriptors",
                "Files and sockets that are open, and how many may be.",
                "short",
                (6, 7),
            ),
            Query(select("process_open_fds"), "{{instance}} open"),
            Query(select("process_max_fds"), "{{instance}} at most"),
        ),
        lines(
            Frame(
                "Duration of a scrape",
                "As Prometheus measures it, and what making the page takes. Near ten seconds Prometheus gives up.",
                "s",
                (6, 7),
            ),
            Query(select("scrape_duration_seconds"), "{{instance}} in all"),
            Query(select("mirrord_scrape_duration_seconds"), "{{instance}} making the page"),
        ),
    )


def metrics_page() -> tuple[AnyPanel, ...]:
    """Return whether the metrics page itself can be relied on, and what runs."""
    return (
        lines(
            Frame(
                "Age of the snapshot",
                "How old the numbers are when they are read, by the two machines' clocks. More than a minute: the "
                "clocks differ, or Prometheus no longer reaches the daemon.",
                "s",
                (6, 6),
            ),
            Query(f"time() - {select('mirrord_snapshot_timestamp_seconds')}", "{{instance}}"),
            below_zero=True,
        ),
        lines(
            Frame(
                "Failed pages",
                "Pages that the daemon could not make, a second: a fault of mirrord, to be reported with its log.",
                "ops",
                (6, 6),
            ),
            Query(per_second(select("mirrord_scrape_errors_total")), "{{instance}}"),
        ),
        lines(
            Frame("Series on the page", "How many series Prometheus takes from a daemon.", "short", (6, 6)),
            Query(select("scrape_samples_scraped"), "{{instance}}"),
        ),
        rows(
            Frame("What runs", "The versions, and since when the process runs.", "none", (6, 6)),
            Query(select("mirrord_build_info")),
            Query(f"time() - {select('process_start_time_seconds')}"),
            columns=(
                Column("instance", "Node"),
                Column("version", "mirrord"),
                Column("python", "Python"),
                Column("Value #B", "Running for", "s"),
            ),
            sort="Node",
        ),
    )
