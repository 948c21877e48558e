"""The file that remembers which pieces were there."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from mirrord.core.records.ids import CollectionId, ShardIndex, ShardKey
from mirrord.torrents.alerts import TorrentId
from mirrord.torrents.resume import ResumeFolder

KEY = ShardKey(CollectionId(bytes(32)), ShardIndex(7))
TORRENT = TorrentId(b"t" * 20)


@given(pieces=st.lists(st.booleans(), min_size=1, max_size=100))
def test_what_is_written_is_taken_once(pieces: list[bool]) -> None:
    with TemporaryDirectory() as folder:
        resume = ResumeFolder(Path(folder) / "resume")
        resume.write(KEY, TORRENT, pieces)
        assert resume.take(KEY, TORRENT, len(pieces)) == pieces
        assert resume.take(KEY, TORRENT, len(pieces)) is None


def test_another_torrent_or_another_count_is_not_believed(tmp_path: Path) -> None:
    resume = ResumeFolder(tmp_path)
    resume.write(KEY, TORRENT, [True] * 16)
    assert resume.take(KEY, TorrentId(b"u" * 20), 16) is None
    resume.write(KEY, TORRENT, [True] * 16)
    assert resume.take(KEY, TORRENT, 17) is None


@given(position=st.integers(0, 70), flip=st.integers(1, 255), cut=st.integers(0, 5))
def test_a_damaged_file_is_not_believed(position: int, flip: int, cut: int) -> None:
    with TemporaryDirectory() as folder:
        resume = ResumeFolder(Path(folder))
        resume.write(KEY, TORRENT, [True] * 16)
        (path,) = Path(folder).iterdir()
        content = bytearray(path.read_bytes())
        content[position] ^= flip
        path.write_bytes(content[: len(content) - cut])
        assert resume.take(KEY, TORRENT, 16) is None


def test_a_discarded_shard_is_forgotten(tmp_path: Path) -> None:
    resume = ResumeFolder(tmp_path)
    resume.discard(KEY)
    resume.write(KEY, TORRENT, [True])
    resume.discard(KEY)
    assert resume.take(KEY, TORRENT, 1) is None
