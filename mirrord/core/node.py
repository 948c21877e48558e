"""A node: ``handle(event, now)`` returns effects, and nothing else ever changes its state.

The daemon, the simulator and the tests drive the same class.  Its parts keep their own rules:
:mod:`gossip` how records spread, :mod:`membership` what is known of a collection, :mod:`custody`
what becomes of each shard, :mod:`placement` and :mod:`planning` who should hold what.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from mirrord.core import events as ev
from mirrord.core.admitting import heed_standing, import_admissions, sign_admissions
from mirrord.core.announcing import NodeSettings, Reachable
from mirrord.core.clock import Instant
from mirrord.core.collecting import (
    adopt,
    blob_arrived,
    import_manifest,
    join,
    leave,
    leave_gracefully,
    restore,
    want_body,
)
from mirrord.core.effects import (
    Effect,
    ForgetCollection,
    SendMessage,
)
from mirrord.core.errors import RecordError
from mirrord.core.gossip.gossip import Gossip, News
from mirrord.core.measuring import measure, remember
from mirrord.core.planning import Reasons, plan_all, reasons
from mirrord.core.publishing import Publisher
from mirrord.core.records.ids import CollectionId, Sha256, ShardKey
from mirrord.core.records.kinds import Kind, ManifestBody, ManifestHead, Shard
from mirrord.core.records.record import RecordKey
from mirrord.core.records.roll import Roll, call_roll
from mirrord.core.records.signing import SigningKey
from mirrord.core.reporting import report
from mirrord.core.shard_news import heed_shard_news
from mirrord.core.state import NodeState
from mirrord.core.statistics import ShardRole, Statistics
from mirrord.core.stored import Stored
from mirrord.core.surveying import heed_outside, survey_where_due
from mirrord.core.wire.messages import BlobChunk, BlobMissing

_TELL_AGAIN_TICKS = 10
"""Swarm members are told again this often, in case one came back on its old address."""


class Node:
    """One node's mind.

    ``stored`` is what an earlier run left, ``bodies`` the manifest bodies among its blobs by hash.
    Call ``start`` once, then ``handle`` for every event; after each, be back with ``TimePassed``
    when ``next_deadline`` comes.
    """

    def __init__(
        self, key: SigningKey, settings: NodeSettings, stored: Stored, bodies: Mapping[Sha256, ManifestBody]
    ) -> None:
        self._key = key
        self._timing = settings.timing
        gossip = Gossip(key.public, settings.agent, settings.timing)
        self.state = NodeState(key.public, settings, gossip, stored.sequence, set(stored.blobs))
        self._stored = stored
        self._bodies = bodies
        self._next_plan_at = 0.0
        self._publisher = Publisher(key, self.state)
        self._ticks = 0

    def start(self, now: Instant) -> list[Effect]:
        """Take up what an earlier run left."""
        out: list[Effect] = []
        restore(self.state, self._stored, self._bodies, now, out)
        heed_standing(self.state, out)
        self._order(now, out)
        return out

    def handle(self, event: ev.Event, now: Instant) -> list[Effect]:
        """Take one event and return what to do, in order."""
        out: list[Effect] = []
        self._dispatch(event, now, out)
        if not self.state.stopping:
            heed_standing(self.state, out)
            self._order(now, out)
            self._publisher.publish_where_due(now, out)
            self._look_soon(now)
        return out

    def _look_soon(self, now: Instant) -> None:
        """Plan one gossip period after a manifest has come: by then the others' records are here too."""
        if self.state.look_soon:
            soon = now.monotonic_seconds + min(self._timing.tick_seconds, self._timing.gossip_period_seconds)
            self._next_plan_at = min(self._next_plan_at, soon)
            self.state.look_soon = False

    def _dispatch(self, event: ev.Event, now: Instant, out: list[Effect]) -> None:
        state = self.state
        if isinstance(event, ev.PeerNews):
            self._heed_peers(event, now, out)
        elif isinstance(event, ev.ShardNews):
            heed_shard_news(state, event, now, out)
        elif isinstance(event, ev.Wish):
            self._heed_wish(event, now, out)
        elif isinstance(event, ev.OutsideNews):
            heed_outside(state, event, now)
        else:
            match event:
                case ev.TimePassed():
                    self._passed(event, now, out)
                case ev.BlobServed():
                    answer = BlobMissing(event.sha256) if event.data is None else None
                    chunk = answer or BlobChunk(event.sha256, event.offset, event.data or b"")
                    out.append(SendMessage(event.session, chunk))
                case ev.BlobLost():
                    state.blobs_held.discard(event.sha256)
                    state.custody.lost_torrent(event.sha256)
                case ev.PledgeChanged():
                    state.settings = replace(state.settings, pledge_bytes=event.pledge_bytes)
                    state.changed()
                case ev.StopRequested():
                    state.stopping = True
                    remember(state, out)
                    state.gossip.close_all(out)
                case _:
                    assert_never(event)

    def _heed_peers(self, event: ev.PeerNews, now: Instant, out: list[Effect]) -> None:
        """News of peers, and of where they and we are to be found."""
        gossip = self.state.gossip
        match event:
            case ev.SessionOpened():
                gossip.opened(event, now, out)
            case ev.SessionClosed():
                gossip.closed(event, now)
            case ev.MessageReceived():
                self._learn(gossip.received(event.session, event.message, now, out), now, out)
            case ev.DialFailed():
                gossip.dial_failed(event, now, out)
            case ev.AddressesFound():
                gossip.found(event, now)
            case ev.AddressProbed():
                gossip.probing.probed(event, out)
            case ev.ListeningStarted():
                self.state.reachable = Reachable(event.coordination, event.bittorrent)
                gossip.listening(event)
                self._tell_members(out)  # whom we may call depends on where we are ourselves
                self.state.changed()
            case _:
                assert_never(event)

    def _heed_wish(self, event: ev.Wish, now: Instant, out: list[Effect]) -> None:
        """The operator's wishes."""
        state = self.state
        match event:
            case ev.CollectionJoined():
                join(state, event.collection, event.bootstrap, now, out)
            case ev.CollectionLeft():
                if event.leaving_by > now.unix_seconds:
                    leave_gracefully(state, event.collection, event.delete_files, event.leaving_by, now, out)
                else:
                    leave(state, event.collection, event.delete_files, now, out)
            case ev.ManifestImported():
                import_manifest(state, event, now, out)
            case ev.AdoptionRequested():
                adopt(state, event, now, out)
            case ev.AdmissionsImported():
                import_admissions(state, event, now, out)
            case ev.AdmissionRequested():
                sign_admissions(state, self._key, event, now, out)
            case _:
                assert_never(event)

    # --- gossip ---------------------------------------------------------------------------------

    def _learn(self, news: News, now: Instant, out: list[Effect]) -> None:
        state = self.state
        for record in news.records:
            if record.key == RecordKey(Kind.ANNOUNCEMENT, state.own):
                self._publisher.own_record_came(record.sequence, now, out)
            elif record.key == RecordKey(Kind.EQUIVOCATION, state.own):
                self._publisher.key_is_elsewhere(now, out)
            elif isinstance(record.content, ManifestHead):
                want_body(state, record.content)
        for sha256, data in news.blobs:
            try:
                blob_arrived(state, sha256, data, now, out)
            except RecordError as error:
                state.gossip.rejected[error.reason] += 1
        if news.records or news.blobs:
            state.gossip.ask_for_blobs(now, out)

    # --- time -----------------------------------------------------------------------------------

    def _passed(self, event: ev.TimePassed, now: Instant, out: list[Effect]) -> None:
        state = self.state
        if state.stopping:
            return
        state.gossip.passed(now, event.dice, out)
        self._publisher.mind_clock(now, out)
        if now.monotonic_seconds >= self._next_plan_at:
            self._ticks += 1
            measure(state, self._ticks, now, out)
            if not state.clock_wrong:
                plan_all(state, now, out)
            self._next_plan_at = self._next_look(now)
            self._tell_members(out)
            state.gossip.dialling.sought = state.sources_of_torrents(now)
            self._forget_parted(now, out)
        survey_where_due(state, now, out)

    def _tell_members(self, out: list[Effect]) -> None:
        """Tell the engine whom to fetch from, and who fetches what we hold."""
        state, again = self.state, self._ticks % _TELL_AGAIN_TICKS == 0
        fetchers = state.fetchers()
        for own in state.custody.all():
            if own.role is ShardRole.FETCHING:
                state.custody.tell(own, state.members_of(own.key), again, out)
            elif own.key in fetchers:
                state.custody.tell(own, fetchers[own.key], again, out)

    def _next_look(self, now: Instant) -> float:
        """Return when to plan next: in a tick, or when a claim has settled before that."""
        settled = (
            own.since.monotonic_seconds + self._timing.settle_seconds
            for own in self.state.custody.all()
            if own.role is ShardRole.CLAIMED
        )
        coming = (at for at in settled if at > now.monotonic_seconds)
        return min((now.monotonic_seconds + self._timing.tick_seconds, *coming))

    def _forget_parted(self, now: Instant, out: list[Effect]) -> None:
        for membership in list(self.state.memberships.values()):
            if membership.parting and membership.parting_until <= now.unix_seconds:
                del self.state.memberships[membership.collection]
                self.state.gossip.part(membership.collection, now, out)
                self.state.survey.part(membership.collection)
                out.append(ForgetCollection(membership.collection))

    def _order(self, now: Instant, out: list[Effect]) -> None:
        """Hand shards to the engine as their .torrents arrive."""
        state = self.state
        wanted = False
        for own in state.custody.waiting(now):
            shard = own.shard
            if shard.torrent_sha256 not in state.blobs_held:
                state.gossip.blobs.want(shard.torrent_sha256, shard.torrent_bytes)
                wanted = True
        if wanted:
            state.gossip.ask_for_blobs(now, out)
        for own in state.custody.waiting(now):
            if own.shard.torrent_sha256 in state.blobs_held:
                fetches = own.role is ShardRole.FETCHING
                state.custody.order(own, state.members_of(own.key) if fetches else frozenset(), out)

    @property
    def next_deadline(self) -> float:
        """Monotonic seconds at which to call back with ``TimePassed``."""
        state = self.state
        others = (state.gossip.next_deadline, self._publisher.next_deadline, state.survey.next_deadline)
        return min(self._next_plan_at, *others)

    def shards_of(self, collection: CollectionId) -> tuple[Shard, ...]:
        """Return the shards of a joined collection, none before its manifest is here."""
        membership = self.state.memberships.get(collection)
        return membership.manifest.body.shards if membership is not None and membership.manifest is not None else ()

    def name_of(self, collection: CollectionId) -> str:
        """Return what a collection calls itself, empty where nobody has told yet."""
        membership = self.state.memberships.get(collection)
        return membership.name if membership is not None else ""

    def roll_of(self, collection: CollectionId) -> Roll | None:
        """Return who is who in a collection, None in one that was not joined."""
        if collection not in self.state.memberships:
            return None
        return call_roll(self.state.gossip.records.admissions(collection))

    def role_of(self, key: ShardKey) -> ShardRole:
        """Return what a shard is to this node."""
        own = self.state.custody.get(key)
        return own.role if own is not None else ShardRole.NONE

    def reasons(self, now: Instant, pledge_bytes: int | None = None) -> dict[CollectionId, Reasons]:
        """Return why each shard is as it is here, or would be at once with another pledge."""
        return reasons(self.state, now, pledge_bytes)

    def statistics(self, now: Instant) -> Statistics:
        """Return everything there is to know, as one immutable snapshot."""
        return report(self.state, now)
