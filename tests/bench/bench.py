"""What the figures share: a folder, and whatever has to be ended at the end."""

import random
import sys
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from mirrord.core.limits import MIB
from tests.bench.synthetic import write_collection
from tests.integration.daemon.running_nodes import Nodes, RunningNode


class Bench:
    """One run of some benches.  ``root`` is a folder of its own on the disk that is measured."""

    def __init__(self, root: Path, ending: ExitStack) -> None:
        self.root = root
        self.nodes = Nodes(root)
        ending.callback(self.nodes.close)

    @cached_property
    def idle_node(self) -> RunningNode:
        """A daemon as an operator runs it, that has joined a collection of 3,000 shards and has room for none."""
        collection = self.root / "synthetic"
        write_collection(collection)
        node = self.nodes.make("idle", "50GB")
        node.configure(timing="wan", utp=True)
        node.start()
        node.do("collection", "join", str(collection))
        return node


def say(text: str) -> None:
    """Tell whoever waits what is being done."""
    sys.stderr.write(f"{text}\n")


def write_random_files(folder: Path, files: int, file_bytes: int) -> None:
    """Write files that no file system can shrink; the page cache has them afterwards."""
    folder.mkdir(parents=True)
    dice = random.Random(files)
    for number in range(files):
        with (folder / f"{number:04d}.bin").open("wb") as file:
            for _ in range(file_bytes // MIB):
                file.write(dice.randbytes(MIB))
