"""Many real cores under virtual time: no sockets, no disks, one seed.

The network delivers every message after a fixed delay; the disks and swarms of all nodes are a
dictionary and a fetch that takes so many seconds where some member is alive.
"""

import hashlib
import heapq
import itertools
import random
from dataclasses import dataclass, field

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core.announcing import NodeSettings
from mirrord.core.clock import Instant
from mirrord.core.node import Node
from mirrord.core.records.codec import encode_manifest_body, encode_manifest_head
from mirrord.core.records.ids import Address, CollectionId, NodeId, SessionId, Sha256, ShardIndex, ShardKey
from mirrord.core.records.kinds import Kind, ManifestBody, ManifestHead, Shard
from mirrord.core.records.signing import SigningKey, sign
from mirrord.core.stored import Stored
from mirrord.core.timing import DEMO, TimingProfile

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
    """One node with its disk; ``alive`` is False after a kill, and the disk stays."""

    name: int
    key: SigningKey
    settings: NodeSettings
    address: Address
    node: Node
    alive: bool = True
    blobs: dict[Sha256, bytes] = field(default_factory=dict)
    whole: set[ShardKey] = field(default_factory=set)
    fetched_bytes: int = 0
    wake_at: float = float("inf")
    effects: list[ef.Effect] = field(default_factory=list)


class VirtualNetwork:
    """Machines, messages under way, and the time."""

    def __init__(self, seed: int = 1, timing: TimingProfile = DEMO, fetch_seconds: float = 0.5) -> None:
        self.random = random.Random(seed)
        self.timing = timing
        self.fetch_seconds = fetch_seconds
        self.seconds = 0.0
        self.machines: list[Machine] = []
        self.curator = SigningKey(b"c" * 32)
        self.collection = CollectionId(bytes(self.curator.public))
        self._queue: list[tuple[float, int, Machine, ev.Event]] = []
        self._order = itertools.count()
        self._sessions: dict[SessionId, tuple[Machine, SessionId, Machine]] = {}
        self._numbers = itertools.count(1)

    @property
    def now(self) -> Instant:
        return Instant(self.seconds, START_UNIX + self.seconds)

    def add(self, pledge_bytes: int, bootstrap: tuple[Address, ...] = ()) -> Machine:
        number = len(self.machines) + 1
        key = SigningKey(hashlib.sha256(b"node %d" % number).digest())
        settings = NodeSettings(self.timing, pledge_bytes)
        address = Address(f"127.0.{number // 250}.{number % 250 + 1}", 7700)
        machine = Machine(number, key, settings, address, Node(key, settings, Stored(), {}))
        self.machines.append(machine)
        self._start(machine)
        self.tell(machine, ev.CollectionJoined(self.collection, bootstrap))
        return machine

    def _start(self, machine: Machine) -> None:
        self._carry_out(machine, machine.node.start(self.now))
        self.tell(machine, ev.ListeningStarted((machine.address,), (Address(machine.address.host, 7701),)))

    def publish(self, machine: Machine, body: ManifestBody, version: int = 1) -> None:
        """Import a manifest at its origin, which has every shard on disk."""
        blob = encode_manifest_body(body)
        sha256 = Sha256(hashlib.sha256(blob).digest())
        head = ManifestHead(self.collection, version, int(self.now.unix_seconds), sha256, len(blob))
        machine.blobs[sha256] = blob
        for shard in body.shards:
            machine.blobs[shard.torrent_sha256] = torrent_of(shard.index)
            machine.whole.add(ShardKey(self.collection, shard.index))
        envelope = sign(Kind.MANIFEST_HEAD, encode_manifest_head(head), self.curator)
        self.tell(machine, ev.ManifestImported(envelope, body, tuple(machine.blobs)))
        for shard in body.shards:
            self.tell(machine, ev.AdoptionRequested(ShardKey(self.collection, shard.index)))

    def kill(self, machine: Machine) -> None:
        machine.alive = False
        for session, (other, theirs, mine) in list(self._sessions.items()):
            if mine is machine:
                del self._sessions[session]
                self._sessions.pop(theirs, None)
                self._later(DELAY_SECONDS, other, ev.SessionClosed(theirs, "the other side is gone"))

    def restart(self, machine: Machine, stored: Stored, bodies: dict[Sha256, ManifestBody]) -> None:
        machine.alive = True
        machine.node = Node(machine.key, machine.settings, stored, bodies)
        self._start(machine)

    # --- running --------------------------------------------------------------------------------

    def tell(self, machine: Machine, event: ev.Event) -> None:
        if machine.alive:
            self._carry_out(machine, machine.node.handle(event, self.now))

    def run(self, seconds: float, until: object = None) -> bool:
        """Let time pass until ``until()`` is true; False where it never became so."""
        end = self.seconds + seconds
        while self.seconds < end:
            if callable(until) and until():
                return True
            sleeper = min((m for m in self.machines if m.alive), key=lambda m: m.wake_at)
            next_event = self._queue[0][0] if self._queue else float("inf")
            if min(sleeper.wake_at, next_event) >= end:
                break
            if next_event <= sleeper.wake_at:
                at, _, machine, event = heapq.heappop(self._queue)
                self.seconds = max(self.seconds, at)
                self.tell(machine, event)
            else:
                self.seconds = max(self.seconds, sleeper.wake_at)
                self.tell(sleeper, ev.TimePassed(self.random.random()))
        self.seconds = end
        return callable(until) and bool(until())

    def _later(self, seconds: float, machine: Machine, event: ev.Event) -> None:
        heapq.heappush(self._queue, (self.seconds + seconds, next(self._order), machine, event))

    def _carry_out(self, machine: Machine, effects: list[ef.Effect]) -> None:
        machine.effects.extend(effects)
        for effect in effects:
            self._carry_out_one(machine, effect)
        machine.wake_at = max(machine.node.next_deadline, self.seconds + 0.001)

    def _carry_out_one(self, machine: Machine, effect: ef.Effect) -> None:
        match effect:
            case ef.Dial(address):
                self._dial(machine, address)
            case ef.SendMessage(session, message):
                if session in self._sessions:
                    other, theirs, _ = self._sessions[session]
                    self._later(DELAY_SECONDS, other, ev.MessageReceived(theirs, message))
            case ef.CloseSession(session):
                if session in self._sessions:
                    other, theirs, _ = self._sessions.pop(session)
                    self._sessions.pop(theirs, None)
                    self._later(DELAY_SECONDS, other, ev.SessionClosed(theirs, "closed"))
                    self._later(0.0, machine, ev.SessionClosed(session, "closed"))
            case ef.StoreBlob(sha256, data):
                assert hashlib.sha256(data).digest() == sha256
                machine.blobs[sha256] = data
            case ef.ReadBlob(session, sha256, offset):
                data = machine.blobs.get(sha256)
                chunk = data[offset : offset + 262_144] if data is not None else None
                self._later(0.0, machine, ev.BlobServed(session, sha256, offset, chunk or None))
            case ef.CheckShard(key):
                found = key in machine.whole
                self._later(0.05, machine, ev.HoldingVerified(key) if found else ev.HoldingFailed(key, 1))
            case ef.FetchShard(key, _, torrent, members):
                assert torrent in machine.blobs, "a fetch without its .torrent"
                self._fetch(machine, key, members)
            case ef.AddSwarmMembers(key, members):
                self._fetch(machine, key, members)
            case ef.RemoveShard(key, _, delete_files):
                if delete_files:
                    machine.whole.discard(key)
                self._later(0.01, machine, ev.ShardRemoved(key))

    def _dial(self, machine: Machine, address: Address) -> None:
        other = next((m for m in self.machines if m.address == address and m.alive and m is not machine), None)
        if other is None:
            self._later(DELAY_SECONDS, machine, ev.DialFailed(address, "nobody there"))
            return
        mine, theirs = SessionId(next(self._numbers)), SessionId(next(self._numbers))
        self._sessions[mine] = (other, theirs, machine)
        self._sessions[theirs] = (machine, mine, other)
        self._later(DELAY_SECONDS, machine, ev.SessionOpened(mine, NodeId(other.key.public), address))
        self._later(DELAY_SECONDS, other, ev.SessionOpened(theirs, NodeId(machine.key.public), None))

    def _fetch(self, machine: Machine, key: ShardKey, members: tuple[Address, ...]) -> None:
        hosts = {member.host for member in members}
        seeded = any(m.alive and m.address.host in hosts and key in m.whole for m in self.machines)
        if not seeded or key in machine.whole:
            return
        machine.whole.add(key)
        own = machine.node.state.custody.get(key)
        machine.fetched_bytes += own.shard.bytes if own is not None else 0
        self._later(self.fetch_seconds, machine, ev.HoldingVerified(key))

    # --- what to look at ------------------------------------------------------------------------

    def copies(self) -> list[int]:
        """Return the true number of announced copies on machines that are alive, by shard."""
        membership = next(m for m in self.machines if m.alive).node.state.memberships[self.collection]
        assert membership.manifest is not None
        held = [0] * len(membership.manifest.body.shards)
        for machine in self.machines:
            if machine.alive:
                for index in machine.node.statistics(self.now).collections[0].shards:
                    held[index.index] += index.role == "held"
        return held
