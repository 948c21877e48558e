"""SIGKILL at any moment: nothing torn, nothing promised that is not whole on disk, hardly a byte fetched twice."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from running_nodes import Nodes, RunningNode, TookTooLongError
from small_collection import SmallCollection, build, open_shop

from mirrord.core.effects import ShardState

MIB = 1 << 20
KILLS = 50
SEED = 20_261_121
SHARDS = 16
SHARD_BYTES = 3 * MIB
UPLOAD_LIMIT = "3MB"
"""Of the only source, so that fetching takes as long as the kills do, and little is on its way at each."""

PIECES_IN_FLIGHT = 2 * 4
"""Of two fetches at a time: pieces that have come in part, or are whole and not written yet."""

_MOMENT_SECONDS = 2.0


@dataclass
class Prey:
    """A volunteer that is killed again and again, and whoever watches it."""

    node: RunningNode
    witness: RunningNode
    collection: SmallCollection
    chance: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    kept: set[int] = field(default_factory=set)

    def live_and_die(self) -> None:
        """Start, look at what it says, kill it at a random moment, look at what it left."""
        moment = self.chance.choice([self._starting, self._fetching, self._checking, self._announcing])
        self.node.launch()
        name = moment.__name__.lstrip("_") if moment() else "late"
        self.node.kill()
        self.kills[name] += 1
        self.look_at_what_is_left()

    def look_at_what_is_left(self) -> None:
        """The database is whole; what it says is held, and what others were told, is whole on disk."""
        with self.node.memory() as memory:
            assert memory.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            query = "SELECT shard_index FROM shards WHERE state = ?"
            self.kept = {row[0] for row in memory.execute(query, (ShardState.HELD,))}
        told = self.witness.holdings_of(self.node.id, self.collection.id)
        assert self.collection.bad_files(self.node, self.kept | told) == []

    @property
    def has_everything(self) -> bool:
        return self.kept == self.collection.indexes

    def begin_again(self) -> None:
        """Give everything up and join once more, so that there is something to fetch."""
        self.node.start()
        self.node.do("collection", "leave", "small", "--delete-files")
        self.node.wait_until(lambda: not self.node.status().node.used_bytes, "everything is released")
        assert not list(self.node.data_folder.rglob("*.bin"))
        self.node.do("collection", "join", self.collection.invitation(self.witness))
        self.node.kill()
        self.look_at_what_is_left()

    def look_at_what_it_says(self) -> None:
        assert self.collection.bad_files(self.node, self.node.held) == []

    # --- moments: each returns whether it came -----------------------------------------------------

    def _starting(self) -> bool:
        time.sleep(self.chance.uniform(0, 0.7))  # the moment itself is what is random
        return True

    def _fetching(self) -> bool:
        return self._when(lambda: any(0 < percent < 99 for percent in self._percents()), 0.3)

    def _checking(self) -> bool:
        return self._when(lambda: 99 in self._percents(), 0.04)

    def _announcing(self) -> bool:
        before = self.node.log_text().count("shard verified")
        return self._when(lambda: self.node.log_text().count("shard verified") > before, 0.1)

    def _when(self, holds: Callable[[], bool], at_most_later_seconds: float) -> bool:
        """Wait for a state, look at what the node says, and let a random moment pass within the state."""
        try:
            self.node.wait_until(self.node.answers, "it answers")
            self.look_at_what_it_says()
            self.node.wait_until(holds, "the moment", _MOMENT_SECONDS)
        except TookTooLongError:
            return False
        time.sleep(self.chance.uniform(0, at_most_later_seconds))
        return True

    def _percents(self) -> list[int]:
        return [shard.percent for shard in self.node.shards() if shard.role == "fetching"]


def test_a_volunteer_survives_fifty_kills(nodes: Nodes, tmp_path: Path) -> None:
    collection = build(tmp_path, SHARDS, SHARD_BYTES, files_each=1, target=2)
    origin = nodes.make("origin", 2 * collection.bytes, upload_limit=UPLOAD_LIMIT).start()
    open_shop(origin, collection)
    witness = nodes.make("witness", MIB).start()
    witness.do("collection", "join", collection.invitation(origin))
    node = nodes.make("prey", 2 * collection.bytes).start()
    node.do("collection", "join", collection.invitation(origin, witness))
    node.kill()
    prey = Prey(node, witness, collection, random.Random(SEED))
    rounds = 1
    while prey.kills.total() < KILLS:
        prey.live_and_die()
        if prey.has_everything:
            prey.begin_again()
            rounds += 1
    node.start()
    node.wait_until(lambda: node.held == collection.indexes, "everything is fetched")
    assert collection.bad_files(node, collection.indexes) == []
    prey.look_at_what_is_left()
    wasted = origin.settled_upload_bytes() - rounds * collection.bytes
    # What was on its way to a process that is killed may have come and not be counted: libtorrent takes it for lost.
    in_flight = KILLS * PIECES_IN_FLIGHT * collection.torrent(0).piece_bytes
    assert -in_flight <= wasted <= in_flight, f"{wasted} bytes, {prey.kills}"
    assert {"starting", "fetching", "checking", "announcing"} <= prey.kills.keys()
