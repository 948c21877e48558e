"""A private key as a file: two lines of text that only its owner can read.

The seed is never logged, and never part of an error, not even of the error that caused it.
"""

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from mirrord.core.errors import ConfigError, UsageError
from mirrord.core.records.ids import KEY_BYTES, from_text, to_text
from mirrord.store.durable import disk_error, sync_folder, write_new_file

HEADER: Final = "mirrord private key 1 (whoever reads this file can sign in its owner's name)"
_READ_MAX_BYTES: Final = 4096
_ROOT: Final = 0
_TORN_HINT: Final = "put your copy of the key back; without one, move the file away and make a new key: mirrord init"


def create_key(path: Path) -> bytes:
    """Make a new key, store it under ``path`` with mode 0600, and return its seed of 32 bytes.

    Raises :class:`ConfigError` where something has that name already: a key is never overwritten.
    """
    seed = secrets.token_bytes(KEY_BYTES)
    try:
        write_new_file(path, f"{HEADER}\n{to_text(seed)}\n".encode("ascii"), mode=0o600)
        sync_folder(path.parent)
    except FileExistsError:
        raise ConfigError(
            f"{path} exists already, and a key is never overwritten", "use that key, or choose another name"
        ) from None
    except FileNotFoundError:
        raise ConfigError(f"the folder {path.parent} does not exist", "make it first, or choose another") from None
    except OSError as error:
        raise disk_error("write the key", path, error) from error
    return seed


def load_key(path: Path) -> bytes:
    """Return the seed of 32 bytes that :func:`create_key` stored under ``path``.

    Raises :class:`ConfigError` where the file is missing, torn, not a key, or open to others.
    """
    lines = _read_private(path).splitlines()
    if not lines or not any(lines):
        raise ConfigError(f"the key file {path} is empty: it was cut off", _TORN_HINT)
    if lines[0] != HEADER.encode("ascii"):
        raise ConfigError(f"{path} is not a mirrord key (its first line is another)", "check the path of the key")
    seed = _seed_of(lines[1]) if len(lines) == 2 else None
    if seed is None:  # raised here, and not where it was noticed, so that no error carries the text
        raise ConfigError(f"the key in {path} is cut off or damaged", _TORN_HINT)
    return seed


def _read_private(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe of that name must not hang us
    except FileNotFoundError:
        raise ConfigError(f"there is no key file {path}", "make one with: mirrord init") from None
    except PermissionError:
        raise ConfigError(
            f"the key file {path} cannot be read by this user", "run mirrord as the key's owner, or change its owner"
        ) from None
    except OSError as error:
        raise disk_error("read the key file", path, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(f"the key file {path} is not a file", "give the path of the file that holds the key")
        if _is_open_to_others(status):
            raise ConfigError(
                f"the key file {path} is open to others (mode {stat.S_IMODE(status.st_mode):04o})",
                f"close it with: chmod 600 {path}",
            )
        return os.read(descriptor, _READ_MAX_BYTES)
    except OSError as error:
        raise disk_error("read the key file", path, error) from error
    finally:
        os.close(descriptor)


def _is_open_to_others(status: os.stat_result) -> bool:
    others = status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    # systemd from 254 on hands out LoadCredential files as root:root 0440 with an access list that names
    # the user of the service; "group root may read" gives nothing away.
    if others == stat.S_IRGRP and status.st_uid == _ROOT and status.st_gid == _ROOT:
        return False
    return others != 0


def _seed_of(line: bytes) -> bytes | None:
    try:
        return from_text(line.decode("ascii"))
    except (UsageError, UnicodeDecodeError):
        return None
