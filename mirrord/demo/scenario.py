"""The demo's story: share until every shard is safe, lose two nodes, heal, welcome one back."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mirrord.core.errors import MirrordError
from mirrord.core.records.ids import Address
from mirrord.core.records.invitation import Invitation, format_invitation
from mirrord.demo.checking import check_files
from mirrord.demo.machines import Machine, run_command
from mirrord.demo.network import TARGET, Network, missing_bytes
from mirrord.demo.source import DemoCollection

_LOOK_EVERY_SECONDS: Final = 0.2
_PHASE_SECONDS: Final = 240.0
_COUNTERS_LAG_SECONDS: Final = 2.2
"""An engine's statistics are at most two seconds old."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How it went.  ``waste_ratio`` is bytes fetched beyond those needed, over those needed."""

    healed: bool
    nodes: int
    shards: int
    target: int
    min_replicas: int
    bytes_needed: int
    bytes_fetched: int
    waste_ratio: float
    claims_made: int
    claims_yielded: int
    files_checked: int
    files_bad: int
    pledges_exceeded: int
    fetched_again_bytes: int
    seconds_to_full: float
    seconds_to_heal: float
    problems: tuple[str, ...]


class Story:
    """Runs the demo; ``show`` is called with a line of text, or None, each time there is something to see."""

    def __init__(self, network: Network, collection: DemoCollection, show: Callable[[str | None], None]) -> None:
        self._network = network
        self._collection = collection
        self._show = show

    def run(self) -> Summary:
        """Play all of it; what went wrong is in ``problems``."""
        network = self._network
        self._open_shop()
        needed = missing_bytes(self._collection.transfer_sizes, network.true_copies())
        to_full = self._wait(network.is_whole, f"every shard to have {TARGET} replicas")
        lost = network.volunteers[-1]
        self._hold_still()
        self._show(f"every shard has {TARGET} replicas; now the origin and {lost.name} are killed")
        held_before = lost.last.held if lost.last is not None else frozenset()
        network.origin.kill()
        lost.kill()
        network.look()
        needed += missing_bytes(self._collection.transfer_sizes, network.true_copies())
        to_heal = self._wait(network.is_whole, "the survivors to heal")
        self._hold_still()
        self._show(f"healed without them; {lost.name} comes back with its disk")
        again = self._welcome_back(lost, held_before)
        return self._sum_up(needed, to_full, to_heal, again)

    def _open_shop(self) -> None:
        """Start everybody.  Only the first volunteer is told of the origin, each other of the one before."""
        network = self._network
        for machine in network.machines:
            machine.init()
        network.origin.start()
        self._join(network.origin, str(self._collection.folder.root), "--adopt", str(self._collection.source))
        self._wait(lambda: network.true_copies().total() == len(self._collection.sizes), "the origin to read its files")
        self._show(
            f"the origin holds all {len(self._collection.sizes)} shards; {len(network.volunteers)} volunteers join"
        )
        known = network.origin
        for volunteer in network.volunteers:
            volunteer.start()
            self._join(volunteer, self._invitation(known))
            known = volunteer

    def _invitation(self, known: Machine) -> str:
        folder = self._collection.folder
        address = Address("127.0.0.1", known.coordination_port)
        return format_invitation(Invitation(folder.collection, (address,), folder.body.name))

    def _join(self, machine: Machine, *what: str) -> None:
        run_command("collection", "join", *what, "--folder", str(machine.folder))

    def _welcome_back(self, lost: Machine, held_before: frozenset[int]) -> int:
        """Restart the killed volunteer; return the bytes that it fetched of what it had already."""
        lost.start()
        witness = self._network.volunteers[0]

        def counts_again() -> bool:
            if lost.last is None or witness.last is None or not held_before <= lost.last.held:
                return False
            truth = self._network.true_copies()
            return all(shard.replicas >= truth[shard.index] for shard in witness.last.shards)

        self._wait(counts_again, f"the copies of {lost.name} to count again")
        assert lost.last is not None
        return lost.last.status.transfer.downloaded_bytes

    def _wait(self, done: Callable[[], bool], what: str) -> float:
        """Look around until ``done``; return the seconds that it took."""
        began = time.monotonic()
        while True:
            self._network.look()
            self._show(None)
            if done():
                return time.monotonic() - began
            if time.monotonic() - began > _PHASE_SECONDS:
                raise MirrordError(f"gave up waiting for {what} after {_PHASE_SECONDS:.0f} s", "see the machines' logs")
            time.sleep(_LOOK_EVERY_SECONDS)

    def _hold_still(self) -> None:
        """Let every engine's counters catch up with what it has moved."""
        until = time.monotonic() + _COUNTERS_LAG_SECONDS
        self._wait(lambda: time.monotonic() > until, "the counters")

    def _sum_up(self, needed: int, to_full: float, to_heal: float, again: int) -> Summary:
        network = self._network
        check = check_files(network.volunteers, self._collection.source, self._collection.files_of)
        problems = [f"not as at its source: {path}" for path in check.bad[:10]]
        if network.broken_pledges:
            problems.append(f"a pledge was exceeded ({network.broken_pledges} times seen)")
        if again:
            problems.append(f"the volunteer that came back fetched {again} bytes")
        copies = network.true_copies()
        made, yielded = (sum(machine.claims[i] for machine in network.machines) for i in (0, 1))
        fetched = network.fetched_bytes
        return Summary(
            healed=network.is_whole() and not problems,
            nodes=len(network.machines),
            shards=len(self._collection.sizes),
            target=TARGET,
            min_replicas=min((copies[index] for index in range(len(self._collection.sizes))), default=0),
            bytes_needed=needed,
            bytes_fetched=fetched,
            waste_ratio=round((fetched - needed) / needed, 4) if needed else 0.0,
            claims_made=made,
            claims_yielded=yielded,
            files_checked=check.files,
            files_bad=len(check.bad),
            pledges_exceeded=network.broken_pledges,
            fetched_again_bytes=again,
            seconds_to_full=round(to_full, 1),
            seconds_to_heal=round(to_heal, 1),
            problems=tuple(problems),
        )
