"""Which collection and which shards somebody means."""

import pytest

from mirrord.control.errors import AmbiguousCollectionError, UnknownCollectionError, UnknownShardError
from mirrord.control.lookup import chosen_shards, find_collection, find_shard, held_shards
from mirrord.core.errors import UsageError
from mirrord.core.records.ids import to_text
from mirrord.core.statistics import ShardRole
from tests.builders import collection_id, make_collection, make_shard, make_statistics

SHARDS = [make_shard(0), make_shard(1), make_shard(2, role=ShardRole.CHECKING), make_shard(3, name="0")]
BOOKS = make_collection(SHARDS, "books", 1)
MAPS = make_collection(SHARDS, "maps", 2)
NAMED_LIKE_AN_ID = make_collection([], to_text(collection_id(1))[:6], 3)
NAMELESS = make_collection([], "", 4)
TWO = make_statistics([BOOKS, MAPS])


def test_a_collection_is_found_by_name_by_id_and_by_the_beginning_of_its_id() -> None:
    identity = to_text(BOOKS.collection)
    for wanted in ("books", identity, identity[:8], identity.upper()):
        found = find_collection(make_statistics([BOOKS, make_collection([], "other", 0x2000)]), wanted)
        assert found is BOOKS


def test_a_name_comes_before_an_id() -> None:
    statistics = make_statistics([BOOKS, NAMED_LIKE_AN_ID])
    assert find_collection(statistics, NAMED_LIKE_AN_ID.name) is NAMED_LIKE_AN_ID


def test_an_ambiguous_id_or_name_lists_the_candidates() -> None:
    with pytest.raises(AmbiguousCollectionError, match=r"books \(\w{8}\), maps \(\w{8}\)"):
        find_collection(TWO, to_text(BOOKS.collection)[0])
    with pytest.raises(AmbiguousCollectionError):
        find_collection(make_statistics([BOOKS, make_collection([], "books", 9)]), "books")


@pytest.mark.parametrize("wanted", ["boo", "", "no such", "x" * 10_000])
def test_an_unknown_collection_is_said_with_what_is_joined(wanted: str) -> None:
    with pytest.raises(UnknownCollectionError) as caught:
        find_collection(TWO, wanted)
    assert "books" in caught.value.hint
    assert len(caught.value.message) < 200


def test_a_collection_without_a_name_is_not_found_by_an_empty_one() -> None:
    with pytest.raises(UnknownCollectionError):
        find_collection(make_statistics([BOOKS, MAPS]), "")


def test_a_shard_is_found_by_index_digits_or_name() -> None:
    assert find_shard(BOOKS, 1) == SHARDS[1]
    assert find_shard(BOOKS, "1") == SHARDS[1]
    assert find_shard(BOOKS, "shard-00002") == SHARDS[2]
    for wanted in (4, -1, "4", "", "\u0661", "1" * 5_000):
        with pytest.raises(UnknownShardError):
            find_shard(BOOKS, wanted)


def test_a_shard_alone_is_enough_where_one_collection_is_joined() -> None:
    assert chosen_shards(make_statistics([BOOKS]), "", "1") == ((BOOKS, (SHARDS[1],)),)
    assert chosen_shards(TWO, "maps", "1") == ((MAPS, (SHARDS[1],)),)
    with pytest.raises(UsageError, match="of which collection"):
        chosen_shards(TWO, "", "1")


def test_only_holdings_can_be_read_again() -> None:
    assert held_shards(BOOKS, ()) == (SHARDS[0], SHARDS[2])
    assert held_shards(BOOKS, ("shard-00000",)) == (SHARDS[0],)
    with pytest.raises(UnknownShardError, match="does not hold shard 1"):
        held_shards(BOOKS, (0, 1))
