"""The network that is scraped: six daemons whose pledges hold two copies of everything, and not a shard more."""

import csv
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from mirrord.core.records.ids import to_short_text, to_text
from tests.command_line import mirrord
from tests.integration.daemon.agreement import join_all, start_all, wait_until_one
from tests.integration.daemon.running_nodes import Nodes, RunningNode
from tests.integration.daemon.small_collection import (
    RIGHTS,
    SmallCollection,
    build,
    flip_byte,
    open_shop,
    write_files,
)
from tests.integration.daemon.small_disk import fill_up, small_disk
from tests.loopback_dht import loopback_dht
from tests.plain_seeder import plain_seeder
from tests.small_tracker import small_tracker

SHARD_BYTES: Final = 128 << 10
TARGET: Final = 2
POPULARITY: Final = (1_000, 500, 200, 60, 30, 20, 8, 4, 2, 1, 0, 0, 0, 0, 0)
"""Of each shard, so that every band has some: head, upper, middle, tail, and five that nobody asks for."""

SEEDED_OUTSIDE: Final = range(10)
"""The shards that a plain BitTorrent client seeds, too: some of any six."""

VOLUNTEERS: Final = 5
_EACH: Final = len(POPULARITY) // VOLUNTEERS
_NO_SHARD: Final = SHARD_BYTES // 2
_PLEDGE_BYTES: Final = _EACH * SHARD_BYTES + _NO_SHARD
"""Room for three shards: whatever is lost stays lost until its holder is back."""

_CLOSED_SHARD_BYTES: Final = SHARD_BYTES // 8
_DHT_NODES: Final = 6
_SLOWLY: Final = 20_000
_MORE_THAN_ANY_DISK: Final = 10**18
_BLIND_DAEMON: Final = Path(__file__).with_name("programs") / "blind_daemon.py"


@dataclass
class ScrapedNetwork:
    """The origin holds everything, each volunteer three shards that nobody else has but the origin.

    ``crammed`` has room for three more shards, until its disk is full, where a small disk can be had (``can_cram``);
    ``hermit`` belongs to the collection and knows nobody, and does not run while the network is whole.
    ``closed`` is a second, listed collection, which nobody has joined by then.
    """

    nodes: Nodes
    collection: SmallCollection
    closed: SmallCollection
    origin: RunningNode
    volunteers: tuple[RunningNode, ...]
    crammed: RunningNode
    hermit: RunningNode
    can_cram: bool
    filler: Path | None = None

    @property
    def label(self) -> str:
        """The collection, as metrics name it."""
        return to_short_text(self.collection.id)

    @property
    def resident(self) -> tuple[RunningNode, ...]:
        """Those that run while the network is whole."""
        return (self.origin, *self.volunteers, self.crammed)

    @property
    def everybody(self) -> tuple[RunningNode, ...]:
        return (*self.resident, self.hermit)

    @property
    def lost(self) -> tuple[RunningNode, ...]:
        """Killed in time; together they have the only copies of six shards."""
        return (self.origin, self.volunteers[0], self.volunteers[4])

    @property
    def asking(self) -> RunningNode:
        """It asks a tracker and the DHT who seeds outside mirrord."""
        return self.volunteers[1]

    @property
    def shrunk(self) -> RunningNode:
        """Its operator wants room back that the network cannot spare."""
        return self.volunteers[1]

    @property
    def damaged(self) -> RunningNode:
        """A shard of it goes bad, and it knocks at the listed collection."""
        return self.volunteers[2]

    @property
    def doorkeeper(self) -> RunningNode:
        """It holds the listed collection, and its pages of metrics fail for a while."""
        return self.volunteers[3]

    # --- its life ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start everybody but the hermit, and wait until all is whole."""
        start_all(self.resident)
        open_shop(self.origin, self.collection)
        join_all(self.resident[1:], self.collection.invitation(self.origin))
        self.wait_until_whole(self.resident)

    def suffer(self) -> None:
        """Everything that can go wrong at once."""
        self._let_hermit_in()
        self._pledge(self.shrunk, SHARD_BYTES + _NO_SHARD)
        self._knock()
        for node in self.lost:
            node.kill()
        self._damage_a_shard()
        self._marker.touch()
        if self.can_cram:
            # Before it tries it would know that there is no room; so it is full in the middle of a fetch.
            self.crammed.wait_until(self._fetches_slowly, "it has begun to replace what is lost")
            self.filler = fill_up(self.crammed.data_folder.parent)

    def heal(self) -> None:
        """Take all of it back, and wait until everybody sees everything safe."""
        self._marker.unlink()
        start_all(self.lost)
        if self.filler is not None:
            self.filler.unlink()
        self._pledge(self.hermit, _NO_SHARD)
        self.hermit.do("collection", "join", self.collection.invitation(*self.volunteers[:3]))
        self._pledge(self.shrunk, _PLEDGE_BYTES)
        self.doorkeeper.do("collection", "admit", str(self.closed.out), to_text(self.damaged.id))
        self.wait_until_whole(self.everybody)

    def wait_until_whole(self, nodes: Iterable[RunningNode]) -> None:
        """Wait until each of these counts two copies of everything in the open collection."""
        looking = list(nodes)
        for node in looking:
            node.wait_until(lambda node=node: self._safe_shards(node) == len(POPULARITY), "it sees everything safe")
        wait_until_one(looking)

    def _safe_shards(self, node: RunningNode) -> int:
        ours = to_text(self.collection.id)
        return sum(shard.replicas >= shard.target for shard in node.shards() if shard.collection == ours)

    # --- what goes wrong ---------------------------------------------------------------------------

    @property
    def _marker(self) -> Path:
        return Path(self.doorkeeper.environment["BLIND_WHILE_THERE_IS"])

    def _fetches_slowly(self) -> bool:
        return any(shard.role == "fetching" and shard.percent > 0 for shard in self.crammed.shards())

    def _let_hermit_in(self) -> None:
        """Start the hermit: it has the manifest, nobody to talk to, and pledges more than there is."""
        self.hermit.configure(pledge=_MORE_THAN_ANY_DISK)
        self.hermit.start()
        self.hermit.do("collection", "join", str(self.collection.out))

    def _knock(self) -> None:
        """Let a volunteer join the listed collection, where nobody has named it."""
        door, folder = self.doorkeeper, str(self.closed.out)
        door.do("collection", "join", folder, "--adopt", str(self.closed.source))
        door.do("collection", "admit", folder, to_text(door.id), "--policy", "listed")
        self.damaged.do("collection", "join", self.closed.invitation(door))

    def _damage_a_shard(self) -> None:
        """Spoil a byte of a volunteer's shard, and let the volunteer find it."""
        index = min(self.damaged.held)
        (file,) = self.collection.files_of(index)
        flip_byte(self.damaged.shard_folder(self.collection.id, self.collection.shards[index].name) / file, 100)
        self.damaged.do("shard", "verify", self.collection.folder.body.name, str(index))
        self.damaged.wait_until(lambda: index not in self.damaged.held, "the bad byte is found")

    def _pledge(self, node: RunningNode, pledge_bytes: int) -> None:
        node.configure(pledge=pledge_bytes)
        node.signal(signal.SIGHUP)
        node.wait_until(lambda: node.status().node.pledge_bytes == pledge_bytes, "it pledges something else")


def metrics_address(node: RunningNode) -> str:
    """Return where a node is scraped: its ``instance`` in Prometheus."""
    return f"127.0.0.1:{node.metrics_port}"


@contextmanager
def scraped_network(root: Path) -> Iterator[ScrapedNetwork]:
    """Lay everything out in ``root``; nothing runs yet.  Afterwards nothing runs any more, and nobody complained."""
    nodes = Nodes(root)
    with ExitStack() as ending:
        try:
            disk = ending.enter_context(small_disk(root / "disk", 1))
        except pytest.skip.Exception:
            disk, can_cram = root / "disk", False  # such as in a container that is not ours to change
        else:
            can_cram = True
        pledge = _PLEDGE_BYTES if can_cram else _NO_SHARD
        tracker, routers = ending.enter_context(small_tracker()), ending.enter_context(loopback_dht(_DHT_NODES))
        collection = _build(root)
        outside = [_taken_out(collection, index, root / "taken-out") for index in SEEDED_OUTSIDE]
        ending.enter_context(plain_seeder(root / "outside", outside, trackers=[tracker.http], dht=routers[:1]))
        closed = build(root, shards=2, shard_bytes=_CLOSED_SHARD_BYTES, files_each=1, target=TARGET, name="closed")
        volunteers = tuple(
            nodes.make(f"volunteer-{number}", _PLEDGE_BYTES, **_domain(number)) for number in range(1, VOLUNTEERS + 1)
        )
        network = ScrapedNetwork(
            nodes,
            collection,
            closed,
            nodes.make("origin", 2 * len(POPULARITY) * SHARD_BYTES, **_domain(0)),
            volunteers,
            nodes.make("crammed", pledge, disk / "data", download_limit=_SLOWLY, **_domain(6)),
            nodes.make("hermit", _NO_SHARD, refused_rights=[RIGHTS]),
            can_cram,
        )
        network.asking.configure(dht=True, dht_bootstrap=[str(routers[1])], outside_trackers=[tracker.http])
        network.doorkeeper.program = (sys.executable, str(_BLIND_DAEMON))
        network.doorkeeper.environment["BLIND_WHILE_THERE_IS"] = str(root / "blind")
        ending.callback(nodes.close)  # before the disk is taken away
        yield network
    for node in network.everybody:
        if node is not network.doorkeeper:  # who was blind, and says so
            assert "Traceback" not in node.log_text(), f"{node.folder.name}: {node.log_text()[-3000:]}"


def _taken_out(collection: SmallCollection, index: int, root: Path) -> tuple[bytes, Path]:
    """Return a shard's .torrent, and a folder that has its file and nothing else."""
    (file,) = collection.files_of(index)
    folder = root / str(index)
    folder.mkdir(parents=True)
    shutil.copy(collection.source / file, folder)
    return collection.torrent_path(index).read_bytes(), folder


def _domain(number: int) -> Mapping[str, object]:
    """Return what makes a node a failure domain of its own."""
    countries = ("NL", "SE", "DE", "FR", "CH", "AT", "IS")
    return {"operator": f"operator-{number}", "asn": 64_496 + number, "country": countries[number]}


def _build(root: Path) -> SmallCollection:
    source, out, catalogue = root / "source", root / "collection", root / "catalogue.csv"
    write_files(source, len(POPULARITY), SHARD_BYTES)
    names = sorted(path.name for path in source.iterdir())
    with catalogue.open("w", newline="") as file:
        csv.writer(file).writerows([("path", "popularity"), *zip(names, POPULARITY, strict=True)])
    built = mirrord(
        *("collection", "build", str(source), "--out", str(out), "--name", "proof", "--rights", RIGHTS),
        *("--catalogue", str(catalogue), "--shards", str(len(POPULARITY))),
        *("--target-min", str(TARGET), "--target-max", str(TARGET)),
    )
    assert built.code == 0, built.err
    collection = SmallCollection(source, out)
    assert len(collection.shards) == len(POPULARITY)
    return collection
