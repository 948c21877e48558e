"""A folder has one daemon, and a dead daemon holds nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mirrord.core.errors import ConfigError
from mirrord.store.folder_lock import LOCK_NAME, lock_folder

HOLD = """
import sys
from pathlib import Path
from mirrord.store.folder_lock import lock_folder
with lock_folder(Path(sys.argv[1])):
    print("holding", flush=True)  # noqa: T201
    sys.stdin.read()
"""


def test_a_second_daemon_is_told_who_is_there(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"holding\n"
        with pytest.raises(ConfigError, match=f"in use by process {holder.pid}$") as caught, lock_folder(tmp_path):
            raise AssertionError("two daemons hold one folder")
        assert str(tmp_path) in caught.value.message
        assert caught.value.hint
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with lock_folder(tmp_path):
            assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"


def test_a_lock_goes_with_its_block_also_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(LookupError), lock_folder(tmp_path):
        raise LookupError
    with lock_folder(tmp_path):
        pass


def test_two_locks_in_one_process_exclude_each_other(tmp_path: Path) -> None:
    with lock_folder(tmp_path):
        with pytest.raises(ConfigError, match=f"process {os.getpid()}"), lock_folder(tmp_path):
            raise AssertionError("two daemons hold one folder")
        with pytest.raises(ConfigError, match="in use"), lock_folder(tmp_path):
            raise AssertionError("a refused attempt let go of the first lock")


def test_a_program_that_we_start_does_not_inherit_the_lock(tmp_path: Path) -> None:
    with lock_folder(tmp_path):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with child, lock_folder(tmp_path):
        assert child.poll() is None
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.close()


@pytest.mark.parametrize("content", ["", "garbage\0\n" * 100, "4294967296\n"])
def test_a_lock_file_left_by_a_dead_daemon_is_taken_over(tmp_path: Path, content: str) -> None:
    (tmp_path / LOCK_NAME).write_text(content)
    with lock_folder(tmp_path):
        assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"


def test_a_holder_that_left_no_number_is_still_respected(tmp_path: Path) -> None:
    with lock_folder(tmp_path):
        os.truncate(tmp_path / LOCK_NAME, 0)
        with pytest.raises(ConfigError, match="in use by another process"), lock_folder(tmp_path):
            raise AssertionError("two daemons hold one folder")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist") as caught, lock_folder(tmp_path / "nowhere"):
        raise AssertionError("a missing folder was locked")
    assert "mirrord init" in caught.value.hint
