"""The demo's network: one origin, some volunteers, and what they truly hold together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mirrord.demo.machines import Machine, free_ports

TARGET: Final = 3
VOLUNTEERS_MIN: Final = 4
"""Origin and one volunteer die; three must be left for three copies."""

_PORTS_EACH: Final = 3
_SURVIVORS_COPIES: Final = 4.0
"""What the survivors pledge together, in copies of the collection: three, and room to move."""

_SPREAD: Final = 0.15


@dataclass(slots=True)
class Network:
    """Every machine; ``volunteers[-1]`` is the one that will be killed."""

    origin: Machine
    volunteers: list[Machine]
    collection_bytes: int
    broken_pledges: int = 0

    @property
    def machines(self) -> list[Machine]:
        """All of them, the origin first."""
        return [self.origin, *self.volunteers]

    def look(self) -> None:
        """Ask everybody, and check that nobody uses more than it pledged."""
        for machine in self.machines:
            machine.look()
            if machine.last is not None:
                node = machine.last.status.node
                self.broken_pledges += node.used_bytes > node.pledge_bytes

    def true_copies(self) -> Counter[int]:
        """Return how many machines that are alive hold each shard, by what each says of itself."""
        return Counter(index for machine in self.machines if machine.last is not None for index in machine.last.held)

    def is_whole(self, copies: int = TARGET) -> bool:
        """Whether every shard has that many copies, in truth and in the view of everybody alive."""
        seen = [machine.last for machine in self.machines if machine.last is not None]
        if not all(snapshot.shards for snapshot in seen):
            return False
        truth = self.true_copies()
        return all(
            truth[shard.index] >= copies and shard.replicas >= copies for snapshot in seen for shard in snapshot.shards
        )

    @property
    def fetched_bytes(self) -> int:
        """Payload that all machines together have fetched."""
        return sum(machine.fetched_bytes for machine in self.machines)


def make_network(root: Path, volunteers: int, collection_bytes: int) -> Network:
    """Lay out the machines in ``root``; nothing is started.

    Pledges differ: the first volunteer gives a third more than the last.
    """
    ports = free_ports(_PORTS_EACH * (volunteers + 1))
    base = _SURVIVORS_COPIES / (volunteers - 1)
    shares = [base * (1 + _SPREAD - 2 * _SPREAD * i / (volunteers - 1)) for i in range(volunteers)]
    machines = [_machine(root, "origin", 2.0, collection_bytes, ports)]
    machines += [_machine(root, f"volunteer-{i + 1}", share, collection_bytes, ports) for i, share in enumerate(shares)]
    return Network(machines[0], machines[1:], collection_bytes)


def _machine(root: Path, name: str, share: float, collection_bytes: int, ports: list[int]) -> Machine:
    return Machine(name, root / name, int(share * collection_bytes), ports.pop(), ports.pop(), ports.pop())


def missing_bytes(sizes: Sequence[int], copies: Counter[int]) -> int:
    """Return the bytes that must be fetched to bring every shard to its target."""
    return sum(size * max(0, TARGET - copies[index]) for index, size in enumerate(sizes))
