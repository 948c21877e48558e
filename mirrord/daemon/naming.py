"""What collections and shards are called in a sentence: strangers' words, so made harmless and short."""

from typing import Final, Protocol

from mirrord.core.records.ids import CollectionId, ShardKey, to_short_text
from mirrord.core.records.kinds import Shard
from mirrord.core.wording import bounded, format_size

NAME_MAX_CHARACTERS: Final = 60


class Knowing(Protocol):
    """The node, as far as it knows names."""

    def name_of(self, collection: CollectionId) -> str:
        """Return what a collection calls itself, or nothing."""
        ...

    def shards_of(self, collection: CollectionId) -> tuple[Shard, ...]:
        """Return the shards of a collection by index, none before its manifest is here."""
        ...


class Names:
    """Looks names up as they are now."""

    def __init__(self, knowing: Knowing) -> None:
        self._knowing = knowing

    def collection(self, collection: CollectionId) -> str:
        """Return a collection's name, or the beginning of its id."""
        return bounded(self._knowing.name_of(collection), NAME_MAX_CHARACTERS) or to_short_text(collection)

    def shard(self, key: ShardKey) -> str:
        """Return a shard's name, or its number and collection."""
        shard = self._shard(key)
        if shard is None:
            return f"shard {key.index} of {self.collection(key.collection)}"
        return bounded(shard.name, NAME_MAX_CHARACTERS)

    def size(self, key: ShardKey) -> str:
        """Return how large a shard is, for people."""
        shard = self._shard(key)
        return format_size(shard.bytes) if shard is not None else "of unknown size"

    def _shard(self, key: ShardKey) -> Shard | None:
        shards = self._knowing.shards_of(key.collection)
        return shards[key.index] if key.index < len(shards) else None
