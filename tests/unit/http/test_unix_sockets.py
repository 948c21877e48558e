"""Unix sockets: long folders, and who is calling."""

import os
import socket
from pathlib import Path

import pytest

from mirrord.http.messages import Caller
from mirrord.http.unix import ADDRESS_MAX_BYTES, CREDENTIALS_BYTES, credentials_to_caller, socket_address


@pytest.mark.parametrize("depth", [0, 12], ids=["short", "long"])
def test_a_socket_is_reached_however_deep_its_folder_is(tmp_path: Path, depth: int) -> None:
    folder = tmp_path.joinpath(*["a-long-name"] * depth)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "control.sock"
    assert (len(os.fsencode(path)) > ADDRESS_MAX_BYTES) == bool(depth)
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as calling:
        with socket_address(path) as address:
            listening.bind(address)
        listening.listen()
        assert path.is_socket()
        with socket_address(path) as address:
            calling.connect(address)
        with listening.accept()[0] as accepted:
            credentials = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS_BYTES)
            assert credentials_to_caller(credentials) == Caller(os.getpid(), os.getuid(), os.getgid())


def test_a_long_address_leaves_no_open_folder_behind(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    with socket_address(folder / "control.sock") as address:
        assert len(address) <= ADDRESS_MAX_BYTES
    assert len(list(Path("/proc/self/fd").iterdir())) == before
