"""What a store holds after the persist effects that it was given: the model against which restarts are tested."""

from dataclasses import dataclass, field, replace
from typing import assert_never, get_args

from mirrord.core import effects as ef
from mirrord.core.records.codec import decode_manifest_body
from mirrord.core.records.ids import Address, CollectionId, Sha256, ShardKey
from mirrord.core.records.kinds import Kind, ManifestBody, ManifestHead
from mirrord.core.records.record import RecordKey, open_record
from mirrord.core.stored import Stored, StoredCollection, StoredPeer, StoredRecord, StoredShard

LASTING = (*get_args(ef.PersistEffect), ef.StoreBlob)


@dataclass(slots=True)
class Memory:
    """One node's database and blobs; everything in it survives a kill."""

    sequence: int = 0
    records: dict[RecordKey, StoredRecord] = field(default_factory=dict)
    collections: dict[CollectionId, StoredCollection] = field(default_factory=dict)
    shards: dict[ShardKey, StoredShard] = field(default_factory=dict)
    peers: dict[Address, StoredPeer] = field(default_factory=dict)
    blobs: dict[Sha256, bytes] = field(default_factory=dict)

    def persist(self, effect: ef.PersistEffect) -> None:
        """Carry out one effect as the real store does."""
        match effect:
            case ef.PersistRecord(key, sequence, envelope):
                self.records[key] = StoredRecord(key, sequence, envelope)
            case ef.ForgetRecord(key, sequence):
                self.records[key] = StoredRecord(key, sequence, b"")
            case ef.PersistSequence(sequence):
                self.sequence = sequence
            case ef.PersistCollection(collection, bootstrap, parting_until, leaving_by, delete_on_leave):
                was = self.collections.get(collection)
                measured = was.measured if was is not None else ef.Measured()
                kept = StoredCollection(collection, bootstrap, parting_until, leaving_by, delete_on_leave, measured)
                self.collections[collection] = kept
            case ef.ForgetCollection(collection):
                self.records.pop(RecordKey(Kind.MANIFEST_HEAD, collection), None)
                self.collections.pop(collection, None)
                self.shards = {key: was for key, was in self.shards.items() if key.collection != collection}
            case ef.PersistShard(shard, state, verified_at):
                self.shards[shard] = StoredShard(shard, state, verified_at)
            case ef.ForgetShard(shard):
                self.shards.pop(shard, None)
            case ef.PersistPeer(address, peer, seen_at, first_seen_at):
                self.peers[address] = StoredPeer(address, peer, seen_at, first_seen_at)
            case ef.PersistMeasured(collection, measured):
                self.collections[collection] = replace(self.collections[collection], measured=measured)
            case _:
                assert_never(effect)

    def stored(self) -> Stored:
        """Return what the next start of the node is given."""
        return Stored(
            sequence=self.sequence,
            records=tuple(self.records[key] for key in sorted(self.records)),
            collections=tuple(self.collections[key] for key in sorted(self.collections)),
            shards=tuple(self.shards[key] for key in sorted(self.shards)),
            peers=tuple(self.peers[key] for key in sorted(self.peers)),
            blobs=frozenset(self.blobs),
        )

    def bodies(self) -> dict[Sha256, ManifestBody]:
        """Return the manifest bodies that the stored heads name, as the daemon reads them."""
        found: dict[Sha256, ManifestBody] = {}
        for stored in self.records.values():
            if stored.key.kind is Kind.MANIFEST_HEAD and stored.envelope:
                head = open_record(stored.envelope).content
                assert isinstance(head, ManifestHead)
                if head.body_sha256 in self.blobs:
                    found[head.body_sha256] = decode_manifest_body(self.blobs[head.body_sha256])
        return found
