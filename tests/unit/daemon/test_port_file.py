"""The port file: one number, and whatever else a program may write there or a person may leave."""

from pathlib import Path

import pytest

from mirrord.core.errors import UsageError
from mirrord.core.limits import PORT_FILE_MAX_BYTES
from mirrord.daemon.ports import read_port_file


@pytest.mark.parametrize("text", [b"6881", b"6881\n", b" 6881\r\n", b"06881"])
def test_a_number_is_read_with_whatever_space_is_around_it(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "port"
    file.write_bytes(text)
    assert read_port_file(file) == 6881


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"\n", b"0", b"65536", b"-1", b"6881 6882", b"6881.0", b"0x1ae1", b"port", b"\xff\xfe"),
        *("٦٨٨١".encode(), b"1" * 40, b"6881" + b" " * PORT_FILE_MAX_BYTES, b"9" * 1_000_000),
    ],
)
def test_anything_else_is_refused_with_its_file_and_what_it_should_be(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "port"
    file.write_bytes(text)
    with pytest.raises(UsageError) as caught:
        read_port_file(file)
    assert str(file) in caught.value.message and len(caught.value.message) < 300
    assert "65535" in caught.value.hint


def test_a_file_that_is_not_there_yet_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(UsageError) as caught:
            read_port_file(path)
        assert caught.value.hint
