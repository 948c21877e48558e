"""A disk that is not mounted must not look like a node that holds nothing."""

from pathlib import Path

import pytest

from mirrord.core.effects import ShardState
from mirrord.core.errors import ConfigError, StorageError
from mirrord.core.records.ids import CollectionId, ShardIndex, ShardKey
from mirrord.core.stored import Stored, StoredShard
from mirrord.daemon.disk import check_data_folder

KEY = ShardKey(CollectionId(b"c" * 32), ShardIndex(0))
HOLDING = Stored(shards=(StoredShard(KEY, ShardState.HELD, 1),))


def test_a_new_node_gets_its_data_folder(tmp_path: Path) -> None:
    check_data_folder(tmp_path / "a" / "data", Stored())
    assert (tmp_path / "a" / "data").is_dir()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_node_that_holds_shards_does_not_start_on_an_empty_folder(tmp_path: Path, is_there: bool) -> None:
    folder = tmp_path / "data"
    if is_there:
        folder.mkdir()
    with pytest.raises(ConfigError, match="should hold 1 shards: is its disk mounted") as raised:
        check_data_folder(folder, HOLDING)
    assert "mirrord.sqlite3" in raised.value.hint
    assert folder.exists() is is_there


def test_a_node_that_holds_shards_starts_where_its_data_is(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    check_data_folder(tmp_path, HOLDING)


def test_a_half_fetched_shard_is_no_reason_to_refuse(tmp_path: Path) -> None:
    check_data_folder(tmp_path, Stored(shards=(StoredShard(KEY, ShardState.FETCHING, 0),)))


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot use"):
        check_data_folder(tmp_path / "file" / "data", Stored())
