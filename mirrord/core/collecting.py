"""Joining and leaving collections, and the way of a manifest from its head to its shards."""

from collections.abc import Mapping

from mirrord.core import limits
from mirrord.core.clock import Instant
from mirrord.core.effects import (
    Effect,
    ForgetRecord,
    ForgetShard,
    PersistCollection,
    PersistRecord,
    ReportShard,
    ShardState,
    ShardTurn,
    StoreBlob,
)
from mirrord.core.errors import RecordError, RejectReason, UsageError
from mirrord.core.events import AddressSource, AdoptionRequested, ManifestImported
from mirrord.core.membership import Membership
from mirrord.core.records.codec import decode_manifest_body
from mirrord.core.records.ids import Address, CollectionId, Sha256
from mirrord.core.records.kinds import Kind, Manifest, ManifestBody, ManifestHead
from mirrord.core.records.record import RecordKey, open_record
from mirrord.core.state import NodeState
from mirrord.core.statistics import ShardRole
from mirrord.core.stored import Stored


def restore(
    state: NodeState, stored: Stored, bodies: Mapping[Sha256, ManifestBody], now: Instant, out: list[Effect]
) -> None:
    """Take up what an earlier run left: collections, records, manifests, shards, addresses.

    A stored record that no longer verifies (a database that somebody edited) is forgotten.  A stored
    shard waits for the manifest where that is not here; one that no collection of ours knows is
    dropped from the database and its files are left alone.
    """
    gossip = state.gossip
    gossip.dialling.learn(state.settings.bootstrap, AddressSource.BOOTSTRAP)
    for peer in sorted(stored.peers, key=lambda peer: peer.first_seen_at):  # where there is no room, for the newest
        gossip.book.learn(peer.address, AddressSource.REMEMBERED, peer.peer, peer.first_seen_at)
    for kept in stored.collections:
        membership = Membership(kept.collection, kept.bootstrap, kept.parting_until)
        membership.leaving_by, membership.delete_on_leave = kept.leaving_by, kept.delete_on_leave
        membership.measured = kept.measured
        state.memberships[kept.collection] = membership
        gossip.dialling.learn(kept.bootstrap, AddressSource.BOOTSTRAP)
        gossip.join(kept.collection, now, out)
    for old in stored.records:
        if old.key == RecordKey(Kind.ANNOUNCEMENT, state.own):
            state.sequence = max(state.sequence, old.sequence)  # a life of ours that gossip brought back
        try:
            record = gossip.records.restore(old.key, old.sequence, old.envelope)
        except RecordError as error:
            gossip.rejected[error.reason] += 1
            out.append(ForgetRecord(old.key, old.sequence))
            continue
        if record is not None:
            gossip.restored(record)
    for membership in state.memberships.values():
        head = gossip.records.head(membership.collection)
        if head is not None and head.body_sha256 in bodies:
            membership.accept(Manifest(head, bodies[head.body_sha256]))
        elif head is not None:
            want_body(state, head)
    for was in stored.shards:
        owner = state.memberships.get(was.shard.collection)
        if owner is None:
            out.append(ForgetShard(was.shard))
        else:
            owner.waiting.append(was)
    for membership in state.memberships.values():
        if membership.manifest is not None:
            _take_back(state, membership, now, out)
    _obey_withdrawals(state, out)


def _take_back(state: NodeState, membership: Membership, now: Instant, out: list[Effect]) -> None:
    """Take back the shards of an earlier run, now that the manifest is here."""
    for was in membership.waiting:
        shard = membership.shard(was.shard.index)
        if shard is None:
            out.append(ForgetShard(was.shard))
            continue
        state.custody.restore(was, shard, state.lease_until(shard, now), now)
        if membership.parting:
            state.custody.release(was.shard, membership.delete_on_leave, out)  # the leaving that a restart cut off
        elif membership.leaving_by and was.state is ShardState.FETCHING and not was.verified_at:
            state.custody.release(was.shard, True, out)
    membership.waiting.clear()


def join(
    state: NodeState, collection: CollectionId, bootstrap: tuple[Address, ...], now: Instant, out: list[Effect]
) -> None:
    """Take part in a collection; joining twice only adds addresses.

    Raises :class:`UsageError` where more are joined already than one Hello can name.
    """
    membership = state.memberships.get(collection)
    if membership is None:
        if len(state.memberships) >= limits.HELLO_COLLECTIONS_MAX:
            raise UsageError(f"{len(state.memberships)} collections are joined already", "leave one of them first")
        membership = state.memberships[collection] = Membership(collection, bootstrap)
        state.gossip.join(collection, now, out)
    membership.bootstrap = tuple(dict.fromkeys(membership.bootstrap + bootstrap))
    membership.parting_until = membership.leaving_by = 0
    membership.delete_on_leave = False
    state.gossip.dialling.learn(bootstrap, AddressSource.BOOTSTRAP)
    out.append(_persisted(membership))
    state.changed()


def leave(state: NodeState, collection: CollectionId, delete_files: bool, now: Instant, out: list[Effect]) -> None:
    """Give everything up at once; say so until nobody can hold an older announcement of ours."""
    membership = state.memberships.get(collection)
    if membership is None or membership.parting:
        return
    membership.leaving_by, membership.delete_on_leave = 0, delete_files
    membership.parting_until = int(now.unix_seconds + state.settings.timing.lifetime_seconds)
    for own in list(state.custody.of(collection)):
        state.custody.release(own.key, delete_files, out)
    out.append(_persisted(membership))
    state.changed()


def leave_gracefully(
    state: NodeState, collection: CollectionId, delete_files: bool, leaving_by: int, now: Instant, out: list[Effect]
) -> None:
    """Fetch nothing more, and seed until the network has the copies without us, or until ``leaving_by``."""
    membership = state.memberships.get(collection)
    if membership is None or membership.parting:
        return
    membership.leaving_by, membership.delete_on_leave = max(leaving_by, int(now.unix_seconds) + 1), delete_files
    for own in list(state.custody.of(collection)):
        if own.role in (ShardRole.CLAIMED, ShardRole.FETCHING) and not own.verified_at:
            state.custody.release(own.key, True, out)
    out.append(_persisted(membership))
    state.changed()


def _persisted(membership: Membership) -> PersistCollection:
    return PersistCollection(
        membership.collection,
        membership.bootstrap,
        membership.parting_until,
        membership.leaving_by,
        membership.delete_on_leave,
    )


def adopt(state: NodeState, event: AdoptionRequested, now: Instant, out: list[Effect]) -> None:
    """Begin to check files that the operator says are there.

    Nothing happens where the shard has files here already, where the pledge has no room, or where
    it could not stay: a withdrawn one would be deleted, one of a collection that is being left would
    never count.
    """
    key = event.shard
    membership = state.memberships.get(key.collection)
    is_leaving = membership is None or membership.parting or membership.leaving_by > 0
    shard = membership.shard(key.index) if membership is not None and not is_leaving else None
    own = state.custody.get(key)
    if shard is None or (own is not None and own.role is not ShardRole.CLAIMED):
        return
    if shard.bytes > state.room_in_pledge + (own.shard.bytes if own is not None else 0):
        return
    if not (shard.withdrawn and state.settings.obey_withdrawals):
        state.custody.adopt(key, shard, event.place, now, out)
        state.changed(urgent=own is not None)


def want_body(state: NodeState, head: ManifestHead) -> None:
    """Fetch the body of a head that is newer than the manifest we have."""
    membership = state.memberships.get(head.collection)
    if membership is not None and head.version > membership.version:
        if membership.body_wanted is not None:
            state.gossip.blobs.forget(membership.body_wanted)  # an older version is of no use any more
        membership.body_wanted = head.body_sha256
        state.gossip.blobs.want(head.body_sha256, head.body_bytes)


def blob_arrived(state: NodeState, sha256: Sha256, data: bytes, now: Instant, out: list[Effect]) -> None:
    """Keep a blob that hashed right; a manifest body is taken over at once.

    Raises :class:`RecordError` where the curator signed for a body that does not parse or that
    gives an old index a new meaning; the manifest that we have stays.
    """
    for membership in state.memberships.values():
        head = state.gossip.records.head(membership.collection)
        if head is not None and head.body_sha256 == sha256:
            accept_body(state, head, decode_manifest_body(data), now, out)
    out.append(StoreBlob(sha256, data))
    state.blobs_held.add(sha256)


def accept_body(state: NodeState, head: ManifestHead, body: ManifestBody, now: Instant, out: list[Effect]) -> None:
    """Take over a newer manifest.

    Only now is its head stored: a restart before this must find the manifest by which our holdings
    were counted, not one whose body is still to come or is refused.
    """
    membership = state.memberships[head.collection]
    if head.version <= membership.version:
        return
    membership.accept(Manifest(head, body))
    membership.body_wanted = None
    record = state.gossip.records.get(RecordKey(Kind.MANIFEST_HEAD, head.collection))
    if record is not None and record.content == head:
        out.append(PersistRecord(record.key, record.sequence, record.envelope))
    state.custody.replace(head.collection, body.shards)
    _take_back(state, membership, now, out)
    _obey_withdrawals(state, out)
    state.changed(urgent=False)
    state.look_soon = True


def import_manifest(state: NodeState, event: ManifestImported, now: Instant, out: list[Effect]) -> None:
    """Take a manifest from our own operator; one that we know already is no matter.

    Raises :class:`RecordError` before anything has changed where it cannot be taken: what we refuse
    ourselves must not travel on.
    """
    state.blobs_held.update(event.blobs)
    for blob in event.blobs:
        state.gossip.blobs.forget(blob)
    record = open_record(event.envelope)
    head = record.content
    membership = state.memberships.get(CollectionId(record.key.subject))
    if membership is None or not isinstance(head, ManifestHead):
        raise RecordError(RejectReason.FOREIGN_COLLECTION, "not the manifest of a collection that was joined")
    if head.version > membership.version:
        membership.judge(Manifest(head, event.body))
    if not state.gossip.records.is_known(record.envelope):
        try:
            state.gossip.put(event.envelope, now, out)
        except RecordError as error:
            if error.reason is not RejectReason.STALE:
                raise
            return  # a newer one is known
    accept_body(state, head, event.body, now, out)


def _obey_withdrawals(state: NodeState, out: list[Effect]) -> None:
    if not state.settings.obey_withdrawals:
        return
    for own in state.custody.all():
        if own.shard.withdrawn and own.shard.name not in state.settings.pinned_shards:
            if own.role is not ShardRole.RELEASING:
                out.append(ReportShard(own.key, ShardTurn.WITHDRAWN))
            state.custody.release(own.key, True, out)
            state.changed()
