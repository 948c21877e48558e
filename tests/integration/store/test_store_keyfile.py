"""A key is made once, kept from others, and never shown."""

import io
import os
import stat
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from mirrord.core.errors import ConfigError
from mirrord.core.records.ids import to_text
from mirrord.store.keyfile import HEADER, create_key, load_key


def everything_said(error: BaseException) -> str:
    """Return all that an error report could show: messages, hints, causes, contexts, local values."""
    out = io.StringIO()
    current: BaseException | None = error
    while current is not None:
        print(vars(current), current.args, file=out)
        print("".join(traceback.TracebackException.from_exception(current).format()), file=out)
        current = current.__cause__ or current.__context__
    return out.getvalue()


def test_a_key_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    old = os.umask(0o277)
    try:
        seed = create_key(path)
    finally:
        os.umask(old)
    assert len(seed) == 32
    assert load_key(path) == seed
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == f"{HEADER}\n{to_text(seed)}\n"


def test_two_keys_differ(tmp_path: Path) -> None:
    assert create_key(tmp_path / "a") != create_key(tmp_path / "b")


@pytest.mark.parametrize("make", [lambda p: p.write_text("precious"), lambda p: p.symlink_to("nowhere"), Path.mkdir])
def test_nothing_is_overwritten(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "node.key"
    make(path)
    with pytest.raises(ConfigError, match="exists already"):
        create_key(path)
    assert not path.is_file() or path.read_text() == "precious"
    assert path.is_symlink() or path.exists()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path / 'nowhere'} does not exist"):
        create_key(tmp_path / "nowhere" / "node.key")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o777])
def test_a_key_that_others_can_open_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "node.key"
    seed = create_key(path)
    if os.getuid() == 0:
        os.chown(path, 1, 1)  # root's own group is let off
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"mode 0{mode:o}") as caught:
        load_key(path)
    assert caught.value.hint == f"close it with: chmod 600 {path}"
    path.chmod(0o600)
    assert load_key(path) == seed


def test_a_read_only_key_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    seed = create_key(path)
    path.chmod(0o400)
    assert load_key(path) == seed


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make files of root")
def test_a_credential_as_systemd_hands_it_out_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    seed = create_key(path)
    path.chmod(0o440)
    assert load_key(path) == seed
    os.chown(path, 0, 1)
    with pytest.raises(ConfigError, match="is open to others"):
        load_key(path)


def cut(text: bytes) -> list[bytes]:
    return [text[:length] for length in (1, 20, len(HEADER), len(HEADER) + 1, len(HEADER) + 2, len(text) - 2)]


def test_a_torn_key_is_refused_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    seed = create_key(path)
    whole = path.read_bytes()
    secret = to_text(seed)
    torn = [
        b"",
        b"\n\n",
        *cut(whole),
        whole.replace(secret.encode(), secret.encode() + b"a"),
        whole.replace(secret.encode(), secret.encode()[:-4]),
        whole.replace(secret.encode(), b"!" + secret.encode()[1:]),
        whole.replace(secret.encode(), b"\xff" + secret.encode()[1:]),
        whole + b"more\n",
        secret.encode() + b"\n",
        os.urandom(100),
        b"\0" * 100,
        seed,
        whole * 1000,
    ]
    for content in torn:
        path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            load_key(path)
        said = everything_said(caught.value)
        assert str(path) in caught.value.message
        assert caught.value.hint
        assert secret[:16] not in said
        assert secret[8:24] not in said
        assert repr(seed)[2:-1] not in said


def test_a_key_without_its_last_newline_or_in_capitals_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "node.key"
    seed = create_key(path)
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert load_key(path) == seed
    path.write_text(f"{HEADER}\r\n{to_text(seed).upper()}\r\n", newline="")
    assert load_key(path) == seed


def test_what_is_not_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a file"):
        load_key(tmp_path)
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ConfigError, match="is not a file"):
        load_key(tmp_path / "pipe")  # and it does not hang


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no key file") as caught:
        load_key(tmp_path / "node.key")
    assert "mirrord init" in caught.value.hint
