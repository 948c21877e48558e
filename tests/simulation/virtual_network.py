"""Many real cores under virtual time: no sockets, no disks, one seed.

The network delivers every message after a fixed delay, in order, unless it is told to lose some or to
part in two.  After every event the harness looks whether a node has announced what is not on its disk,
or uses more than its pledge.
"""

import hashlib
import heapq
import itertools
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import get_args

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core import limits
from mirrord.core.announcing import NodeSettings
from mirrord.core.clock import Instant
from mirrord.core.node import Node
from mirrord.core.records.codec import encode_manifest_body, encode_manifest_head
from mirrord.core.records.ids import Address, CollectionId, NodeId, SessionId, Sha256, ShardIndex, ShardKey
from mirrord.core.records.kinds import Announcement, Kind, ManifestBody, ManifestHead, Shard
from mirrord.core.records.record import RecordKey, open_record
from mirrord.core.records.signing import SigningKey, sign
from mirrord.core.statistics import ShardRole
from mirrord.core.timing import DEMO, TimingProfile
from mirrord.core.wire.encoding import decode_message, encode_message
from mirrord.core.wire.messages import Goodbye, GoodbyeCode
from tests.simulation.memory import LASTING, Memory
from tests.simulation.virtual_disk import STEPS, Folder, VirtualEngine

START_UNIX = 1_790_000_000.0
DELAY_SECONDS = 0.01


def make_shard(index: int, size: int = 1_000_000, popularity: int = 0, **changes: object) -> Shard:
    values: dict[str, object] = {
        "index": ShardIndex(index),
        "name": f"shard-{index:04}",
        "info_hash_v2": hashlib.sha256(b"v2 %d" % index).digest(),
        "info_hash_v1": hashlib.sha1(b"v1 %d" % index, usedforsecurity=False).digest(),
        "torrent_sha256": Sha256(hashlib.sha256(torrent_of(index)).digest()),
        "torrent_bytes": len(torrent_of(index)),
        "bytes": size,
        "files": 1,
        "items": 1,
        "popularity_min": popularity,
        "popularity_max": popularity,
        "demand_ppb": 0,
        "rights": "CC0-1.0",
    }
    return Shard(**(values | changes))  # type: ignore[arg-type]


def torrent_of(index: int) -> bytes:
    return b"torrent %d" % index


def make_body(shards: int, target: int = 3, size: int = 1_000_000) -> ManifestBody:
    return ManifestBody("numbers", "", target, target, tuple(make_shard(i, size) for i in range(shards)))


@dataclass(slots=True)
class Machine:
    """One node with its folder and database; ``alive`` is False after a kill, and those two stay."""

    name: int
    key: SigningKey
    settings: NodeSettings
    address: Address
    node_class: type[Node]
    skew_seconds: float
    node: Node = field(init=False)
    engine: VirtualEngine = field(init=False)
    folder: Folder = field(default_factory=Folder)
    memory: Memory = field(default_factory=Memory)
    side: int = 0
    alive: bool = True
    life: int = 0
    wake_at: float = float("inf")
    goodbyes: list[tuple[GoodbyeCode, str]] = field(default_factory=list)
    doomed: Callable[[ev.Event, list[ef.Effect]], int | None] | None = None
    """Asked before the effects of each event; a number is how many are still carried out before a kill."""

    @property
    def own_key(self) -> RecordKey:
        return RecordKey(Kind.ANNOUNCEMENT, self.key.public)


@dataclass(frozen=True, slots=True)
class Link:
    """One end of a session: whose it is, and what it is called at the other end."""

    mine: Machine
    other: Machine
    theirs: SessionId


class VirtualNetwork:
    """Machines, messages under way, and the time."""

    def __init__(
        self, seed: int = 1, timing: TimingProfile = DEMO, fetch_seconds: float = 0.5, loss: float = 0.0
    ) -> None:
        self.random = random.Random(seed)
        self.timing = timing
        self.fetch_seconds = fetch_seconds
        self.loss = loss
        self.seconds = 0.0
        self.machines: list[Machine] = []
        self.curator = SigningKey(b"c" * 32)
        self.collection = CollectionId(bytes(self.curator.public))
        self.events = 0
        self.by_address: dict[Address, Machine] = {}
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._links: dict[SessionId, Link] = {}
        self._numbers = itertools.count(1)

    @property
    def now(self) -> Instant:
        return Instant(self.seconds, START_UNIX + self.seconds)

    def clock_of(self, machine: Machine) -> Instant:
        return Instant(self.seconds, START_UNIX + self.seconds + machine.skew_seconds)

    # --- machines -------------------------------------------------------------------------------

    def add(
        self,
        pledge_bytes: int,
        bootstrap: tuple[Address, ...] = (),
        node_class: type[Node] = Node,
        skew_seconds: float = 0.0,
    ) -> Machine:
        number = len(self.machines) + 1
        key = SigningKey(hashlib.sha256(b"node %d" % number).digest())
        settings = NodeSettings(self.timing, pledge_bytes)
        address = Address(f"127.0.{number // 250}.{number % 250 + 1}", 7700)
        machine = Machine(number, key, settings, address, node_class, skew_seconds)
        self.machines.append(machine)
        self.by_address[address] = machine
        self._start(machine)
        self.tell(machine, ev.CollectionJoined(self.collection, bootstrap))
        return machine

    def _seeds(self, asking: Machine, address: Address, key: ShardKey) -> bool:
        other = self.by_address.get(Address(address.host, 7700))
        return other is not None and self._reaches(asking, other) and key in other.engine.seeding

    def _start(self, machine: Machine) -> None:
        """Begin a life from what was persisted; the engine's steps and events end with it."""
        memory, life = machine.memory, machine.life
        machine.node = machine.node_class(machine.key, machine.settings, memory.stored(), memory.bodies())
        machine.engine = VirtualEngine(
            machine.folder,
            lambda seconds, step: self.later(seconds, lambda: step() if machine.life == life else None),
            lambda event: self.tell(machine, event),
            lambda address, key: self._seeds(machine, address, key),
            memory.blobs,
            self.fetch_seconds,
        )
        self._carry_out(machine, machine.node.start(self.clock_of(machine)))
        self.tell(machine, ev.ListeningStarted((machine.address,), (Address(machine.address.host, 7701),)))

    def sign_head(self, body: ManifestBody, version: int) -> tuple[bytes, bytes]:
        """Return the envelope of a manifest head, and the body's blob."""
        blob = encode_manifest_body(body)
        sha256 = Sha256(hashlib.sha256(blob).digest())
        head = ManifestHead(self.collection, version, int(self.now.unix_seconds), sha256, len(blob))
        return sign(Kind.MANIFEST_HEAD, encode_manifest_head(head), self.curator), blob

    def publish(self, machine: Machine, body: ManifestBody, version: int = 1) -> None:
        """Import a manifest at its origin, which has every shard on disk."""
        envelope, blob = self.sign_head(body, version)
        blobs = machine.memory.blobs
        blobs[Sha256(hashlib.sha256(blob).digest())] = blob
        for shard in body.shards:
            blobs[shard.torrent_sha256] = torrent_of(shard.index)
            machine.folder.parts[ShardKey(self.collection, shard.index)] = STEPS
        self.tell(machine, ev.ManifestImported(envelope, body, tuple(blobs)))
        for shard in body.shards:
            self.tell(machine, ev.AdoptionRequested(ShardKey(self.collection, shard.index)))

    def kill(self, machine: Machine) -> None:
        machine.alive = False
        machine.life += 1
        self._drop_links(lambda link: machine in (link.mine, link.other))

    def restart(self, machine: Machine) -> None:
        """Start a machine again from what was persisted and what lies on its disk."""
        assert not machine.alive
        machine.alive, machine.doomed = True, None
        self._start(machine)

    def part(self, *sides: Iterable[Machine]) -> None:
        """Cut the network: only machines of one side reach each other.  One side heals it."""
        for number, side in enumerate(sides):
            for machine in side:
                machine.side = number
        self._drop_links(lambda link: link.mine.side != link.other.side)

    def heal(self) -> None:
        self.part(self.machines)

    def _drop_links(self, condition: Callable[[Link], bool]) -> None:
        for session, link in [(s, link) for s, link in self._links.items() if condition(link)]:
            del self._links[session]
            if link.mine.alive:
                self._later_tell(DELAY_SECONDS, link.mine, ev.SessionClosed(session, "the other side is gone"))

    def _reaches(self, machine: Machine, other: Machine) -> bool:
        return other.alive and machine is not other and machine.side == other.side

    # --- running --------------------------------------------------------------------------------

    def tell(self, machine: Machine, event: ev.Event) -> None:
        if not machine.alive:
            return
        self.events += 1
        effects = machine.node.handle(event, self.clock_of(machine))
        until = machine.doomed(event, effects) if machine.doomed is not None else None
        if until is None:
            self._carry_out(machine, effects)
        else:
            self._carry_out(machine, effects, until)
            self.kill(machine)

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        """Let time pass until ``until()`` is true; False where it never became so."""
        end = self.seconds + seconds
        while self.seconds < end:
            if until is not None and until():
                return True
            sleeper = min((m for m in self.machines if m.alive), key=lambda m: m.wake_at, default=None)
            wake_at = sleeper.wake_at if sleeper is not None else float("inf")
            next_at = self._queue[0][0] if self._queue else float("inf")
            if min(wake_at, next_at) >= end:
                break
            if sleeper is None or next_at <= wake_at:
                at, _, action = heapq.heappop(self._queue)
                self.seconds = max(self.seconds, at)
                action()
            else:
                self.seconds = max(self.seconds, wake_at)
                self.tell(sleeper, ev.TimePassed(self.random.random()))
        self.seconds = max(self.seconds, end)
        return until is not None and until()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.seconds + seconds, next(self._order), action))

    def _later_tell(self, seconds: float, machine: Machine, event: ev.Event) -> None:
        life = machine.life
        self.later(seconds, lambda: self.tell(machine, event) if machine.life == life else None)

    def _carry_out(self, machine: Machine, effects: list[ef.Effect], until: int | None = None) -> None:
        """Persist first, then do the rest; ``until`` is how many of all steps come before a kill (0: none)."""
        lasting = [e for e in effects if isinstance(e, LASTING)]
        others = [e for e in effects if not isinstance(e, LASTING)]
        if until == 0:
            return
        for effect in lasting:
            if isinstance(effect, ef.StoreBlob):
                assert hashlib.sha256(effect.data).digest() == effect.sha256
                machine.memory.blobs[effect.sha256] = effect.data
            else:
                machine.memory.persist(effect)
        self._look(machine, lasting)
        for effect in others if until is None else others[: until - 1]:
            self._carry_out_one(machine, effect)
        machine.wake_at = max(machine.node.next_deadline, self.seconds + 0.001)

    def _look(self, machine: Machine, lasting: list[ef.Effect]) -> None:
        """The two promises: nothing is announced that is not on disk, and the pledge is kept."""
        for effect in lasting:
            if isinstance(effect, ef.PersistRecord) and effect.key == machine.own_key:
                content = open_record(effect.envelope).content
                assert isinstance(content, Announcement)
                for part in content.collections:
                    absent = [i for i in part.holdings if not machine.folder.is_whole(ShardKey(part.collection, i))]
                    assert not absent, f"machine {machine.name} announces {absent} and does not have them"
        assert machine.node.state.custody.used_bytes <= machine.node.state.settings.pledge_bytes

    def _carry_out_one(self, machine: Machine, effect: ef.Effect) -> None:
        match effect:
            case ef.Dial(address):
                self._dial(machine, address)
            case ef.ProbeAddress(session, address, node):
                other = self.by_address.get(address)
                reached = other is not None and self._reaches(machine, other) and other.key.public == node
                self._later_tell(DELAY_SECONDS, machine, ev.AddressProbed(session, address, reached))
            case ef.SendMessage(session, message):
                payload = encode_message(message)
                assert len(payload) <= limits.FRAME_MAX_BYTES
                link = self._links.get(session)
                if link is not None and self.random.random() >= self.loss:
                    received = ev.MessageReceived(link.theirs, decode_message(payload))
                    self._later_tell(DELAY_SECONDS, link.other, received)
            case ef.CloseSession(session, code, reason):
                self._close(machine, session, code, reason)
            case ef.ReadBlob(session, sha256, offset):
                data = machine.memory.blobs.get(sha256)
                chunk = data[offset : offset + limits.BLOB_CHUNK_BYTES] if data is not None else None
                self._later_tell(0.0, machine, ev.BlobServed(session, sha256, offset, chunk or None))
            case _ if isinstance(effect, get_args(ef.EngineEffect)):
                machine.engine.carry_out(effect)

    def _close(self, machine: Machine, session: SessionId, code: GoodbyeCode, reason: str) -> None:
        machine.goodbyes.append((code, reason))
        link = self._links.pop(session, None)
        if link is not None:
            self._links.pop(link.theirs, None)
            self._later_tell(DELAY_SECONDS, link.other, ev.MessageReceived(link.theirs, Goodbye(code, reason)))
            self._later_tell(DELAY_SECONDS, link.other, ev.SessionClosed(link.theirs, "closed"))
            self._later_tell(0.0, machine, ev.SessionClosed(session, "closed"))

    def _dial(self, machine: Machine, address: Address) -> None:
        other = self.by_address.get(address)
        if other is None or not self._reaches(machine, other):
            self._later_tell(DELAY_SECONDS, machine, ev.DialFailed(address, "nobody there"))
            return
        mine, theirs = SessionId(next(self._numbers)), SessionId(next(self._numbers))
        self._links[mine] = Link(machine, other, theirs)
        self._links[theirs] = Link(other, machine, mine)
        caller = Address(machine.address.host, 40_000)
        self._later_tell(DELAY_SECONDS, machine, ev.SessionOpened(mine, NodeId(other.key.public), address, address))
        self._later_tell(DELAY_SECONDS, other, ev.SessionOpened(theirs, NodeId(machine.key.public), None, caller))

    # --- what to look at ------------------------------------------------------------------------

    def copies(self) -> list[int]:
        """Return how many machines that are alive hold each shard, by index."""
        alive = [machine for machine in self.machines if machine.alive]
        held = [0] * max(len(machine.node.shards_of(self.collection)) for machine in alive)
        for machine in alive:
            for index in machine.node.state.custody.indexes(self.collection, ShardRole.HELD):
                held[index] += 1
        return held

    def contents(self, machine: Machine) -> dict[RecordKey, int]:
        """Return what a machine knows of the collection: the sequence of every record that it offers."""
        return {record.key: record.sequence for record in machine.node.state.gossip.records.offered(self.collection)}
