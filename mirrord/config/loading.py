"""From keys to a ``Config``: every value parsed and bounded, every complaint with its place."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from mirrord.config import values
from mirrord.config.keys import FIELDS, PORT_FILE_FOR, default_of
from mirrord.config.sources import Given, read_sources
from mirrord.core.errors import ConfigError, UsageError
from mirrord.core.records.ids import Address
from mirrord.core.timing import PROFILES, TimingProfile

CONFIG_FILE: Final = "mirrord.toml"
CREDENTIAL: Final = "node.key"
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_Value = TypeVar("_Value")


class LogFormat(StrEnum):
    """How a line of the log is written."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Config:
    """All that an operator decides; paths are absolute, rates bytes a second (0: no limit).

    An empty ``announce_...`` tuple means: what is listened on.  ``metrics_listen`` is None where the
    operator wants no metrics, ``metrics_tls`` (certificate, key) and ``metrics_token_file`` where nothing
    guards them, ``port_file`` where there is none; ``port_file_for`` is one of PORT_FILE_FOR.
    """

    folder: Path
    data_folder: Path
    control_socket: Path
    key_file: Path
    pledge_bytes: int
    listen: tuple[Address, ...]
    announce_addresses: tuple[Address, ...]
    bittorrent_listen: tuple[Address, ...]
    announce_bittorrent_addresses: tuple[Address, ...]
    metrics_listen: Address | None
    metrics_all_shards: bool
    metrics_tls: tuple[Path, Path] | None
    metrics_token_file: Path | None
    bootstrap: tuple[Address, ...]
    dht: bool
    dht_bootstrap: tuple[Address, ...]
    count_outside_seeders: bool
    outside_trackers: tuple[str, ...]
    local_discovery: bool
    port_file: Path | None
    port_file_for: str
    timing: TimingProfile
    operator: str
    country: str
    asn: int
    refused_rights: tuple[str, ...]
    refused_shards: tuple[str, ...]
    pinned_shards: tuple[str, ...]
    obey_withdrawals: bool
    download_limit_bytes_per_second: int
    upload_limit_bytes_per_second: int
    utp: bool
    log_level: str
    log_format: LogFormat


def load_config(folder: Path, file: Path | None, environment: Mapping[str, str], flags: Mapping[str, object]) -> Config:
    """Return the configuration of the node in ``folder``; flag > ``MIRRORD_*`` > file > default.

    ``file`` None means ``mirrord.toml`` in the folder, which may be missing where the pledge comes
    from elsewhere.  Relative paths are relative to ``folder``.  ``flags`` maps keys to values, None
    where a flag was not given.  Raises ConfigError, or UsageError where a flag is wrong: one place,
    one complaint, one hint.
    """
    folder = folder.absolute()
    path = folder / CONFIG_FILE if file is None else file.absolute()
    given = read_sources(path, file is not None, environment, flags)
    if "pledge" not in given:
        raise ConfigError(f"{path}: pledge is missing", 'say how much disk this node gives, as in pledge = "2TB"')
    reader = _Reader(given)
    return Config(
        folder=folder,
        data_folder=reader.read("data_folder", lambda text: values.parse_path(text, folder)),
        control_socket=reader.read("control_socket", lambda text: values.parse_socket_path(text, folder)),
        key_file=_credential(given, environment)
        or reader.read("key_file", lambda text: values.parse_path(text, folder)),
        pledge_bytes=reader.read("pledge", values.parse_size),
        listen=reader.read("listen", values.parse_sockets),
        announce_addresses=reader.read("announce_addresses", values.parse_reachable),
        bittorrent_listen=reader.read("bittorrent_listen", values.parse_sockets),
        announce_bittorrent_addresses=reader.read("announce_bittorrent_addresses", values.parse_reachable),
        metrics_listen=reader.read("metrics_listen", lambda text: values.parse_ip_address(text) if text else None),
        metrics_all_shards=reader.read("metrics_all_shards", bool),
        metrics_tls=_tls(reader, folder),
        metrics_token_file=reader.read("metrics_token_file", lambda text: _optional_path(text, folder)),
        bootstrap=reader.read("bootstrap", values.parse_addresses),
        dht=reader.read("dht", bool),
        dht_bootstrap=reader.read("dht_bootstrap", values.parse_addresses),
        count_outside_seeders=reader.read("count_outside_seeders", bool),
        outside_trackers=reader.read("outside_trackers", values.parse_trackers),
        local_discovery=reader.read("local_discovery", bool),
        port_file=reader.read("port_file", lambda text: _optional_path(text, folder)),
        port_file_for=reader.read("port_file_for", lambda text: values.parse_word(text, PORT_FILE_FOR)),
        timing=PROFILES[reader.read("timing", lambda text: values.parse_word(text, tuple(PROFILES)))],
        operator=reader.read("operator", values.parse_label),
        country=reader.read("country", values.parse_country),
        asn=reader.read("asn", values.parse_asn),
        refused_rights=reader.read("refused_rights", values.parse_fragments),
        refused_shards=reader.read("refused_shards", values.parse_shard_names),
        pinned_shards=reader.read("pinned_shards", values.parse_shard_names),
        obey_withdrawals=reader.read("obey_withdrawals", bool),
        download_limit_bytes_per_second=reader.read("download_limit", values.parse_rate),
        upload_limit_bytes_per_second=reader.read("upload_limit", values.parse_rate),
        utp=reader.read("utp", bool),
        log_level=reader.read("log_level", lambda text: values.parse_word(text, LOG_LEVELS)),
        log_format=LogFormat(reader.read("log_format", lambda text: values.parse_word(text, tuple(LogFormat)))),
    )


class _Reader:
    """Takes one key after the other out of what was given, and says where a wrong one stood."""

    def __init__(self, given: Mapping[str, Given]) -> None:
        self._given = given

    def read(self, key: str, parse: Callable[..., _Value]) -> _Value:
        given = self._given.get(key, Given(default_of(key), key))
        try:
            value = msgspec.convert(given.value, FIELDS[key].type)
        except msgspec.ValidationError as error:
            raise given.fault(f"{given.place}: {_in_words(str(error))}", _example_of(key)) from None
        except UnicodeEncodeError:
            raise _not_text(given) from None
        try:
            return parse(value)
        except UsageError as error:
            raise given.fault(f"{given.place}: {error.message}", error.hint) from None
        except UnicodeEncodeError:
            raise _not_text(given) from None


def _optional_path(text: str, folder: Path) -> Path | None:
    return values.parse_path(text, folder) if text else None


def _tls(reader: _Reader, folder: Path) -> tuple[Path, Path] | None:
    certificate = reader.read("metrics_tls_certificate", lambda text: _optional_path(text, folder))
    key = reader.read("metrics_tls_key", lambda text: _optional_path(text, folder))
    if certificate is not None and key is not None:
        return certificate, key
    if certificate is not None or key is not None:
        lacking = "metrics_tls_key" if key is None else "metrics_tls_certificate"
        raise ConfigError(f"{lacking} is missing", "HTTPS needs both metrics_tls_certificate and metrics_tls_key")
    return None


def _not_text(given: Given) -> ConfigError | UsageError:
    """Return the complaint about bytes that a shell let through: only a path may be made of them."""
    return given.fault(f"{given.place}: not UTF-8 text", "set it in a terminal whose locale is UTF-8")


_TYPES_IN_WORDS: Final = {
    "array": "a list",
    "str": "text",
    "int": "a whole number",
    "bool": "true or false",
    "float": "a broken number",
    "object": "a table",
    "null": "nothing",
}


def _in_words(complaint: str) -> str:
    """Turn "Expected `int | str`, got `array` - at `$[0]`" into what an operator would say."""
    match = re.match(r"Expected `([^`]+)`, got `([^`]+)`", complaint)
    if match is None:
        return complaint
    wanted = [_TYPES_IN_WORDS.get(name, name) for name in match[1].split(" | ") if name != "null"]
    item = "every item of the list must be " if "$[" in complaint else "expected "
    return f"{item}{' or '.join(wanted)}, not {_TYPES_IN_WORDS.get(match[2], match[2])}"


def _example_of(key: str) -> str:
    default = default_of(key)
    if isinstance(default, tuple):
        return f'for example {key} = ["{default[0]}"]' if default else f'for example {key} = ["..."]'
    if isinstance(default, bool):
        return f"write {key} = true or {key} = false"
    if default is None or default == 0:
        return {"pledge": 'for example pledge = "2TB"', "asn": "for example asn = 64496"}.get(key, f'{key} = "5MB"')
    return f'for example {key} = "{default}"'


def _credential(given: Mapping[str, Given], environment: Mapping[str, str]) -> Path | None:
    """Return the key that systemd hands over (``LoadCredential=``), unless the operator names a file."""
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    if not credentials or "key_file" in given:
        return None
    path = Path(credentials) / CREDENTIAL
    return path if path.exists() else None
