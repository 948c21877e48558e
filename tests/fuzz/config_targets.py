"""What an operator writes: the configuration file, the environment, the key file."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from hypothesis import strategies as st

from mirrord.config import CONFIG_FILE, Config, load_config, render_template
from mirrord.config.keys import FIELDS
from mirrord.core.errors import ConfigError, UsageError
from mirrord.core.records.ids import to_text
from mirrord.daemon.ports import read_port_file
from mirrord.store.keyfile import HEADER, load_key
from tests.fuzz.target import Target, decoder, encoded
from tests.unit.core.strategies import HASHES

_FAST_FOLDER: Final = Path("/dev/shm")


@cache
def scratch() -> Path:
    """Return a folder of this process, in memory where that can be, gone at its end."""
    folder = Path(tempfile.mkdtemp(prefix="mirrord-fuzz-", dir=_FAST_FOLDER if _FAST_FOLDER.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def put(name: str, data: bytes, mode: int = 0o600) -> Path:
    """Write a file into the scratch folder and return its path."""
    path = scratch() / name
    path.write_bytes(data)
    path.chmod(mode)
    return path


def _load_file(data: bytes) -> Config:
    return load_config(scratch(), put(CONFIG_FILE, data), {}, {})


def _load_environment(data: bytes) -> Config:
    """Read lines of ``KEY=value`` as the environment has them: any bytes but zero, in Python's own disguise."""
    put(CONFIG_FILE, b'pledge = "1GB"\n')
    text = data.replace(b"\0", b"").decode("utf-8", "surrogateescape")
    pairs = (line.partition("=") for line in text.split("\n"))
    return load_config(scratch(), None, {f"MIRRORD_{key}": value for key, _, value in pairs}, {})


_TOML_VALUES: Final = st.sampled_from(
    [
        *('"2TB"', '""', '"x"', "1", "-1", "1.5", "true", "[]", '["192.0.2.1:1"]', '["::1"]', '[""]', "{}"),
        *("9" * 30, "9" * 5000, "1979-05-27T07:32:00Z", "nan", "inf", '"\\u0000"', '"~nobody/x"', '"../x"', "[" * 2000),
        *('"192.0.2.1:' + "1" * 5000 + '"', "[[]]", '"debug"', '"json"', '["a", 1]', "0x10", "'''x'''", "[1, 2"),
    ]
)
_KEYS: Final = st.sampled_from(sorted(FIELDS))
_LINES: Final = st.lists(st.builds("{} = {}\n".format, _KEYS, _TOML_VALUES), max_size=5, unique=True)
_WORDS: Final = st.sampled_from(["2TB", "", "x", "true", "no", "-1", "9" * 5000, "192.0.2.1:7", "\udcff", "a,b", "NL"])
_VARIABLES: Final = st.lists(st.builds("{}={}\n".format, _KEYS.map(str.upper), _WORDS), max_size=4)

TARGETS: Final = (
    Target(
        family="config",
        name="file",
        take=decoder(_load_file, ConfigError),
        valid=st.one_of(
            st.just(render_template({"pledge": "2TB"}).encode()),
            _LINES.map(lambda lines: ('pledge = "1GB"\n' + "".join(lines)).encode()),
        ),
        junk=encoded(_LINES.map("".join)),
        weight=60,
    ),
    Target(
        family="config",
        name="environment",
        take=decoder(_load_environment, ConfigError),
        valid=encoded(_VARIABLES.map("".join)),
        weight=60,
        input_max_bytes=8192,
    ),
    Target(
        family="config",
        name="port-file",
        take=decoder(lambda data: read_port_file(put("port", data)), UsageError),
        valid=st.integers(0, 70_000).map(lambda port: b"%d\n" % port),
        junk=st.sampled_from([b"1" * 100, "\u0661".encode(), b"-1", b"+1", b" 1 ", b"1 2", b"1_0"]),
        weight=60,
        input_max_bytes=200,
    ),
    Target(
        family="config",
        name="key-file",
        take=decoder(lambda data: load_key(put("node.key", data)), ConfigError),
        valid=HASHES.map(lambda seed: f"{HEADER}\n{to_text(seed)}\n".encode()),
        weight=60,
    ),
)
