"""One real node, and a hand that plays its shells: events in, effects out, and what they mean."""

import hashlib
import itertools
from typing import TypeVar

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core.announcing import NodeSettings
from mirrord.core.clock import Instant
from mirrord.core.node import Node
from mirrord.core.outside.types import OutsideSettings
from mirrord.core.records.codec import encode_manifest_body
from mirrord.core.records.ids import Address, CollectionId, NodeId, SessionId, Sha256, ShardIndex, ShardKey
from mirrord.core.records.kinds import Announcement, CollectionState, ManifestBody
from mirrord.core.records.record import open_record
from mirrord.core.records.signing import SigningKey
from mirrord.core.stored import Stored
from mirrord.core.timing import WAN, TimingProfile
from mirrord.core.wire import messages as m
from tests.simulation.memory import LASTING, Memory
from tests.simulation.virtual_network import torrent_of
from tests.unit.core.making import COLLECTION, NOW, make_head, node_id, signed_head, signing_key

OWN = 0
MB = 1_000_000
HERE = Address("192.0.2.100", 7700)
SWARM = Address("192.0.2.100", 7701)
E = TypeVar("E")


class ScriptedNode:
    """Node number 0, its memory kept as a store would, and the time in our hands."""

    def __init__(
        self,
        pledge_bytes: int = 100 * MB,
        timing: TimingProfile = WAN,
        key: SigningKey | None = None,
        obey_withdrawals: bool = True,
        refused_rights: tuple[str, ...] = (),
        outside: OutsideSettings | None = None,
    ) -> None:
        self.key = key or signing_key(OWN)
        self.settings = NodeSettings(
            timing,
            pledge_bytes,
            refused_rights=refused_rights,
            obey_withdrawals=obey_withdrawals,
            outside=outside or OutsideSettings(),
        )
        self.now = NOW
        self.memory = Memory()
        self.node = Node(self.key, self.settings, Stored(), {})
        self._numbers = itertools.count(1)
        self._take(self.node.start(self.now))

    def restart(self) -> list[ef.Effect]:
        """End this life and begin the next with what was persisted."""
        self.node = Node(self.key, self.settings, self.memory.stored(), self.memory.bodies())
        return self._take(self.node.start(self.now))

    def _take(self, effects: list[ef.Effect]) -> list[ef.Effect]:
        for effect in effects:
            if isinstance(effect, ef.StoreBlob):
                self.memory.blobs[effect.sha256] = effect.data
            elif isinstance(effect, LASTING):
                self.memory.persist(effect)
        return effects

    def tell(self, event: ev.Event) -> list[ef.Effect]:
        return self._take(self.node.handle(event, self.now))

    def wait(self, seconds: float) -> list[ef.Effect]:
        """Let time pass, waking the node whenever it wants to be."""
        seen: list[ef.Effect] = []
        end = self.now.monotonic_seconds + seconds
        while self.node.next_deadline <= end:
            pause = max(0.001, self.node.next_deadline - self.now.monotonic_seconds)
            self.now = self.now.later(pause)
            seen += self.tell(ev.TimePassed(0.5))
        self.now = self.now.later(max(0.0, end - self.now.monotonic_seconds))
        return seen

    # --- what happens to it ---------------------------------------------------------------------

    def join(self, collection: CollectionId = COLLECTION) -> "ScriptedNode":
        self.tell(ev.CollectionJoined(collection, ()))
        self.listen()
        return self

    def listen(self) -> list[ef.Effect]:
        """Let others reach it, where they cannot yet."""
        if self.node.state.reachable is not None:
            return []
        return self.tell(ev.ListeningStarted((HERE,), (SWARM,)))

    def meet(self, peer: int, *collections: CollectionId, dialled: Address | None = None) -> SessionId:
        """Open a session with node number ``peer``, which says Hello."""
        session = SessionId(next(self._numbers))
        self.tell(ev.SessionOpened(session, node_id(peer), dialled))
        self.say(session, m.Hello(1, 1, "mirrord test", int(self.now.unix_seconds), collections or (COLLECTION,)))
        return session

    def say(self, session: SessionId, message: m.Message) -> list[ef.Effect]:
        return self.tell(ev.MessageReceived(session, message))

    def hear(self, session: SessionId, *envelopes: bytes) -> list[ef.Effect]:
        return self.say(session, m.Records(COLLECTION, envelopes))

    def import_manifest(self, body: ManifestBody, version: int = 1) -> list[ef.Effect]:
        """Give it a manifest with every .torrent."""
        blob = encode_manifest_body(body)
        sha256 = Sha256(hashlib.sha256(blob).digest())
        self.memory.blobs[sha256] = blob
        for shard in body.shards:
            self.memory.blobs[shard.torrent_sha256] = torrent_of(shard.index)
        head = make_head(version, body_sha256=sha256, body_bytes=len(blob))
        return self.tell(ev.ManifestImported(signed_head(head), body, tuple(self.memory.blobs)))

    def adopt(self, *indexes: int) -> list[ef.Effect]:
        """Adopt shards and find them whole."""
        seen: list[ef.Effect] = []
        for index in indexes:
            seen += self.tell(ev.AdoptionRequested(shard(index)))
            seen += self.tell(ev.HoldingVerified(shard(index)))
        return seen

    # --- what it says ---------------------------------------------------------------------------

    @property
    def id(self) -> NodeId:
        return NodeId(bytes(self.key.public))

    def counters(self) -> dict[str, int]:
        """Return how many records were rejected, by reason."""
        rejected = self.node.statistics(self.now).counters.records_rejected or {}
        return {reason.value: count for reason, count in rejected.items()}

    def part(self, collection: CollectionId = COLLECTION) -> CollectionState | None:
        """Return its part in a collection as it last announced it."""
        for record in self.node.state.gossip.records.nodes():
            if record[0] == self.id:
                return record[1].part_in(collection)
        return None

    def used_bytes(self) -> int:
        return self.node.statistics(self.now).node.used_bytes


def shard(index: int, collection: CollectionId = COLLECTION) -> ShardKey:
    return ShardKey(collection, ShardIndex(index))


def only(effects: list[ef.Effect], kind: type[E]) -> list[E]:
    """Return the effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


def sent(effects: list[ef.Effect], kind: type[E]) -> list[tuple[SessionId, E]]:
    """Return the messages of one kind, with the sessions that they go to."""
    return [(e.session, e.message) for e in effects if isinstance(e, ef.SendMessage) and isinstance(e.message, kind)]


def pushed(effects: list[ef.Effect]) -> dict[SessionId, list[Announcement]]:
    """Return the announcements that are sent, by session."""
    found: dict[SessionId, list[Announcement]] = {}
    for session, records in sent(effects, m.Records):
        for envelope in records.envelopes:
            content = open_record(envelope).content
            if isinstance(content, Announcement):
                found.setdefault(session, []).append(content)
    return found


def at(unix_seconds: float) -> Instant:
    return Instant(NOW.monotonic_seconds + unix_seconds - NOW.unix_seconds, unix_seconds)
