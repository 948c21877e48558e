"""Which collection and which shards somebody means."""

from collections.abc import Iterable, Sequence

from mirrord.control.errors import AmbiguousCollectionError, UnknownCollectionError, UnknownShardError
from mirrord.core.errors import UsageError
from mirrord.core.records.ids import to_short_text, to_text
from mirrord.core.statistics import CollectionStatistics, ShardRole, ShardStatus, Statistics

_SHOWN_CHARACTERS = 60
_INDEX_MAX_DIGITS = 20
_ON_DISK = (ShardRole.HELD, ShardRole.CHECKING)
"""What can be read again, or is being read already."""


def find_collection(statistics: Statistics, wanted: str) -> CollectionStatistics:
    """Return the joined collection with this name, this id, or an id that begins so.

    A name comes before an id.  Raises :class:`UsageError` where there is none, or more than one.
    """
    joined = statistics.collections
    found = [collection for collection in joined if collection.name == wanted]
    if not found and wanted:
        found = [collection for collection in joined if to_text(collection.collection).startswith(wanted.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        message = f"{wanted[:_SHOWN_CHARACTERS]!r} could be any of {_listed(found)}"
        raise AmbiguousCollectionError(message, "say more of the id")
    hint = f"joined are {_listed(joined)}" if joined else "none is joined; join one with its invitation"
    raise UnknownCollectionError(f"no joined collection is called {wanted[:_SHOWN_CHARACTERS]!r}", hint)


def chosen_collections(statistics: Statistics, wanted: str) -> tuple[CollectionStatistics, ...]:
    """Return the one collection that is named, or all where ``wanted`` is empty."""
    return (find_collection(statistics, wanted),) if wanted else statistics.collections


def find_shard(collection: CollectionStatistics, wanted: int | str) -> ShardStatus:
    """Return a shard by its index (a number or its digits) or its name."""
    is_index = isinstance(wanted, int) or (wanted.isascii() and wanted.isdigit() and len(wanted) <= _INDEX_MAX_DIGITS)
    by_index = int(wanted) if is_index else None
    for place, shard in enumerate(collection.shards.facts.shards):
        if shard.name == wanted or shard.index == by_index:
            return collection.shards[place]
    detail = f"has {len(collection.shards)} shards, from 0 on" if collection.shards else "has no manifest yet"
    label = _label(collection)
    raise UnknownShardError(f"{label} has no shard {str(wanted)[:_SHOWN_CHARACTERS]!r}", f"{label} {detail}")


def chosen_shards(
    statistics: Statistics, collection: str, shard: str
) -> tuple[tuple[CollectionStatistics, Sequence[ShardStatus]], ...]:
    """Return the shards that a query's fields name; both empty: all of them."""
    collections = chosen_collections(statistics, collection)
    if not shard:
        return tuple((each, each.shards) for each in collections)
    if len(collections) != 1:
        message = f"shard {shard[:_SHOWN_CHARACTERS]!r} of which collection?"
        raise UsageError(message, f"joined are {_listed(collections)}" if collections else "none is joined")
    return ((collections[0], (find_shard(collections[0], shard),)),)


def held_shards(collection: CollectionStatistics, wanted: Iterable[int | str]) -> tuple[ShardStatus, ...]:
    """Return the holdings named, or all where none is: what can be read again."""
    named = tuple(find_shard(collection, each) for each in wanted)
    for shard in named:
        if shard.role not in _ON_DISK:
            message = f"this node does not hold shard {shard.index} of {_label(collection)}: {shard.role.value}"
            raise UnknownShardError(message, "`mirrord plan` says why")
    return named or tuple(collection.shards[i] for i, own in collection.shards.own.items() if own.role in _ON_DISK)


def _label(collection: CollectionStatistics) -> str:
    short = to_short_text(collection.collection)
    return f"{collection.name} ({short})" if collection.name else short


def _listed(collections: Iterable[CollectionStatistics]) -> str:
    return ", ".join(_label(collection) for collection in collections)
