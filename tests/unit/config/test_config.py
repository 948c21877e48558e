"""Configuration: three sources, one answer; what is wrong is named with its place and a way out."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from mirrord.config import CONFIG_FILE, LogFormat, load_config, render_template
from mirrord.config.keys import FIELDS
from mirrord.core.errors import ConfigError, UsageError
from mirrord.core.records.ids import Address
from mirrord.core.timing import DEMO, WAN


def write(folder: Path, text: str) -> None:
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")


def complaint(folder: Path, environment: Mapping[str, str] | None = None) -> ConfigError:
    """Load, expect it to fail, and return why."""
    with pytest.raises(ConfigError) as caught:
        load_config(folder, None, environment or {}, {})
    assert caught.value.exit_code == 78
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


def test_defaults_need_a_pledge_only(tmp_path: Path) -> None:
    write(tmp_path, 'pledge = "2TB"')
    config = load_config(tmp_path, None, {}, {})
    assert config.pledge_bytes == 2 * 10**12
    assert config.listen == (Address("0.0.0.0", 7700), Address("::", 7700))
    assert config.bittorrent_listen == (Address("0.0.0.0", 7701), Address("::", 7701))
    assert config.metrics_listen == Address("127.0.0.1", 7780)
    assert (config.data_folder, config.control_socket) == (tmp_path / "data", tmp_path / "control.sock")
    assert config.key_file == tmp_path / "node.key"
    assert config.timing is WAN
    assert config.refused_rights == config.refused_shards == config.pinned_shards == ()
    assert config.obey_withdrawals
    assert config.utp
    assert config.dht and config.dht_bootstrap and config.local_discovery
    assert (config.count_outside_seeders, config.outside_trackers) == (True, ()), "nobody's server unless it is named"
    assert (config.port_file, config.port_file_for) == (None, "bittorrent")
    assert (config.log_level, config.log_format) == ("info", LogFormat.AUTO)


def test_every_key_is_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
        pledge = 5000
        data_folder = "/srv/shards"
        listen = ["127.0.0.1:1"]
        announce_addresses = ["203.0.113.7:2"]
        bittorrent_listen = ["[::1]:3"]
        announce_bittorrent_addresses = ["203.0.113.7:4"]
        metrics_listen = ""
        control_socket = "/run/mirrord/c.sock"
        key_file = "other.key"
        bootstrap = ["example.org:5"]
        dht = false
        dht_bootstrap = ["router.example:6"]
        count_outside_seeders = false
        outside_trackers = ["udp://t.example:7", "https://t.example/announce?key=1"]
        local_discovery = false
        port_file = "/run/vpn/port"
        port_file_for = "coordination"
        timing = "demo"
        operator = "Zoë"
        country = "nl"
        asn = 64496
        refused_rights = ["CC-BY-NC"]
        refused_shards = ["songs-00017"]
        pinned_shards = ["songs-00001", "Bücher 2"]
        obey_withdrawals = false
        download_limit = "5MB/s"
        upload_limit = "1MiB"
        utp = false
        log_level = "debug"
        log_format = "json"
        """,
    )
    config = load_config(tmp_path, None, {}, {})
    assert config.pledge_bytes == 5000
    assert config.data_folder == Path("/srv/shards")
    assert config.listen == (Address("127.0.0.1", 1),)
    assert config.announce_addresses == (Address("203.0.113.7", 2),)
    assert config.bittorrent_listen == (Address("::1", 3),)
    assert config.announce_bittorrent_addresses == (Address("203.0.113.7", 4),)
    assert config.metrics_listen is None
    assert config.control_socket == Path("/run/mirrord/c.sock")
    assert config.key_file == tmp_path / "other.key"
    assert config.bootstrap == (Address("example.org", 5),)
    assert (config.dht, config.dht_bootstrap) == (False, (Address("router.example", 6),))
    trackers = ("udp://t.example:7", "https://t.example/announce?key=1")
    assert (config.count_outside_seeders, config.outside_trackers) == (False, trackers)
    assert not config.local_discovery
    assert (config.port_file, config.port_file_for) == (Path("/run/vpn/port"), "coordination")
    assert config.timing is DEMO
    assert (config.operator, config.country, config.asn) == ("Zoë", "NL", 64496)
    assert config.refused_rights == ("CC-BY-NC",)
    assert (config.refused_shards, config.pinned_shards) == (("songs-00017",), ("songs-00001", "Bücher 2"))
    assert not config.obey_withdrawals
    assert (config.download_limit_bytes_per_second, config.upload_limit_bytes_per_second) == (5_000_000, 1_048_576)
    assert not config.utp
    assert (config.log_level, config.log_format) == ("debug", LogFormat.JSON)


def test_flag_comes_before_environment_before_file(tmp_path: Path) -> None:
    write(tmp_path, 'pledge = "1TB"\noperator = "file"\ncountry = "NL"')
    environment = {"MIRRORD_OPERATOR": "environment", "MIRRORD_PLEDGE": "2TB", "MIRRORD_UTP": "no", "MIRRORD_ASN": "7"}
    config = load_config(tmp_path, None, environment, {"pledge": "3TB", "operator": None})
    assert config.pledge_bytes == 3 * 10**12
    assert config.operator == "environment"
    assert config.country == "NL"
    assert not config.utp
    assert config.asn == 7


def test_a_list_in_the_environment_is_parted_by_commas(tmp_path: Path) -> None:
    environment = {"MIRRORD_PLEDGE": "1TB", "MIRRORD_BOOTSTRAP": "a.example:1, [::1]:2 ,"}
    config = load_config(tmp_path, None, environment, {})
    assert config.bootstrap == (Address("a.example", 1), Address("::1", 2))


def test_no_file_is_fine_unless_it_was_named(tmp_path: Path) -> None:
    assert load_config(tmp_path, None, {"MIRRORD_PLEDGE": "1TB"}, {}).pledge_bytes == 10**12
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path, tmp_path / "other.toml", {"MIRRORD_PLEDGE": "1TB"}, {})


def test_no_pledge_is_a_complaint(tmp_path: Path) -> None:
    assert "pledge is missing" in complaint(tmp_path).message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('pledg = "2TB"', ["'pledg'", "did you mean 'pledge'?"]),
        ("[network]\nport = 1", ["'network'", "the keys are"]),
        ("pledge = true", ["pledge", "a whole number or text", "true or false"]),
        ('pledge = "2TB"\nlisten = "0.0.0.0:1"', ["listen", "expected a list, not text"]),
        ('pledge = "2TB"\nlisten = [1]', ["listen", "every item of the list must be text"]),
        ('pledge = "2TB"\nutp = "yes"', ["utp", "expected true or false, not text", "utp = true"]),
        ('pledge = "2TB"\nasn = 1.5', ["asn", "whole number"]),
        ('pledge = "2TB"\nasn = -1', ["asn", "-1"]),
        ('pledge = "2T"', ["pledge", "'2T' is not a size", "2TB"]),
        ("pledge = -1", ["pledge", "'-1' is not a size"]),
        ('pledge = "2TB"\nlisten = []', ["listen", "nowhere"]),
        ('pledge = "2TB"\nlisten = ["localhost:1"]', ["listen", "not an IP address"]),
        ('pledge = "2TB"\nlisten = ["0.0.0.0"]', ["listen", "is not an address"]),
        ('pledge = "2TB"\nannounce_addresses = ["0.0.0.0:1"]', ["announce_addresses", "nobody can reach"]),
        ('pledge = "2TB"\noutside_trackers = ["udp://t.example"]', ["outside_trackers", "scraped", "udp://HOST:PORT"]),
        ('pledge = "2TB"\noutside_trackers = ["http://t.example/"]', ["outside_trackers", "scraped"]),
        ('pledge = "2TB"\noutside_trackers = ["wss://t.example/announce"]', ["outside_trackers", "scraped"]),
        ('pledge = "2TB"\noutside_trackers = ["t.example:80"]', ["outside_trackers", "is not the address"]),
        ('pledge = "2TB"\noutside_trackers = ["udp://t.example:99999"]', ["outside_trackers", "is not the address"]),
        ('pledge = "2TB"\noutside_trackers = ["https://me:pw@t.example/announce"]', ["is not the address"]),
        ('pledge = "2TB"\noutside_trackers = ["https://t.example/a b/announce"]', ["is not the address"]),
        (
            f'pledge = "2TB"\noutside_trackers = {[f"udp://t{i}.example:1" for i in range(9)]}',
            ["9 trackers", "8 at most"],
        ),
        ('pledge = "2TB"\ntiming = "fast"', ["timing", "'fast'", "wan, lan, demo"]),
        ('pledge = "2TB"\nlog_level = "INFO"', ["log_level", "debug, info"]),
        ('pledge = "2TB"\ncountry = "Holland"', ["country", "two letters"]),
        (f'pledge = "2TB"\noperator = "{"x" * 65}"', ["operator", "64 bytes"]),
        ('pledge = "2TB"\noperator = "a\\nb"', ["operator", "printable"]),
        ('pledge = "2TB"\ndata_folder = ""', ["data_folder", "empty"]),
        ('pledge = "2TB"\nrefused_rights = [" "]', ["refused_rights", "empty"]),
        ('pledge = "2TB"\nrefused_shards = [17]', ["refused_shards", "every item of the list must be text"]),
        ('pledge = "2TB"\nrefused_shards = [""]', ["refused_shards", "'' is not the name of a shard"]),
        ('pledge = "2TB"\npinned_shards = "one"', ["pinned_shards", "expected a list, not text"]),
        ('pledge = "2TB"\npinned_shards = ["a/b"]', ["pinned_shards", "'a/b'", "mirrord shards"]),
        ('pledge = "2TB"\npinned_shards = ["..", "one"]', ["pinned_shards", "'..'"]),
        ('pledge = "2TB"\npinned_shard = ["one"]', ["did you mean 'pinned_shards'?"]),
        (f'pledge = "2TB"\ncontrol_socket = "/{"x" * 108}"', ["control_socket", "107"]),
        ("pledge = 2TB", ["not TOML", "line 1", "quotes"]),
        ('pledge = "1TB"\npledge = "2TB"', ["not TOML"]),
        (f"pledge = {'9' * 5_000}", ["not TOML", "digits"]),
        (f"pledge = {'[' * 5_000}", ["lists within lists"]),
        (f'pledge = 1\nlisten = ["127.0.0.1:{"1" * 5_000}"]', ["listen", "is not an address"]),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_a_way_out(tmp_path: Path, text: str, words: list[str]) -> None:
    write(tmp_path, text)
    error = complaint(tmp_path)
    assert str(tmp_path / CONFIG_FILE) in error.message
    for word in words:
        assert word in f"{error.message} | {error.hint}"


def test_too_many_addresses_are_refused(tmp_path: Path) -> None:
    write(tmp_path, f"pledge = 1\nlisten = {[f'127.0.0.1:{port}' for port in range(1, 10)]}")
    assert "9 addresses" in complaint(tmp_path).message


def test_a_file_that_is_no_text_is_a_complaint(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).write_bytes(b"pledge = \xff")
    assert "not UTF-8 at byte 9" in complaint(tmp_path).message


def test_a_folder_in_the_file_s_place_is_a_complaint(tmp_path: Path) -> None:
    (tmp_path / CONFIG_FILE).mkdir()
    assert str(tmp_path / CONFIG_FILE) in complaint(tmp_path).message


def test_a_complaint_names_the_environment_or_the_flag(tmp_path: Path) -> None:
    write(tmp_path, 'pledge = "2TB"')
    assert complaint(tmp_path, {"MIRRORD_UTP": "perhaps"}).message.startswith("MIRRORD_UTP: ")
    assert complaint(tmp_path, {"MIRRORD_ASN": "seven"}).message.startswith("MIRRORD_ASN: ")
    assert complaint(tmp_path, {"MIRRORD_ASN": "7" * 5_000}).message.startswith("MIRRORD_ASN: ")
    assert complaint(tmp_path, {"MIRRORD_UTP": "\udcff"}).message == "MIRRORD_UTP: not UTF-8 text"
    assert complaint(tmp_path, {"MIRRORD_PINNED_SHARDS": "\udcff"}).message == "MIRRORD_PINNED_SHARDS: not UTF-8 text"
    with pytest.raises(UsageError) as caught:
        load_config(tmp_path, None, {}, {"metrics_listen": "here"})
    assert caught.value.message.startswith("--metrics-listen: ")


def test_a_misspelt_variable_is_refused_and_a_foreign_one_is_not(tmp_path: Path) -> None:
    write(tmp_path, 'pledge = "2TB"')
    error = complaint(tmp_path, {"MIRRORD_PLEGDE": "3TB"})
    assert "MIRRORD_PLEGDE" in error.message
    assert "MIRRORD_PLEDGE" in error.hint
    foreign = {"MIRRORD_PORT": "tcp://10.0.0.1:7700", "MIRRORD_SERVICE_HOST": "10.0.0.1", "MIRRORD_FOLDER": "/x"}
    assert load_config(tmp_path, None, foreign, {}).pledge_bytes == 2 * 10**12


def test_a_credential_of_systemd_is_the_key_unless_a_file_is_named(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    environment = {"CREDENTIALS_DIRECTORY": str(credentials), "MIRRORD_PLEDGE": "1TB"}
    assert load_config(tmp_path, None, environment, {}).key_file == tmp_path / "node.key"
    (credentials / "node.key").touch()
    assert load_config(tmp_path, None, environment, {}).key_file == credentials / "node.key"
    named = environment | {"MIRRORD_KEY_FILE": "mine.key"}
    assert load_config(tmp_path, None, named, {}).key_file == tmp_path / "mine.key"


def test_a_flag_that_is_no_key_is_a_bug_of_ours(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        load_config(tmp_path, None, {"MIRRORD_PLEDGE": "1TB"}, {"colour": "red"})


def test_the_template_says_what_it_is_given_and_explains_every_key(tmp_path: Path) -> None:
    given = {"pledge": "2TB", "operator": 'Zoë "and" \\ co', "listen": ["127.0.0.1:1"], "utp": False, "asn": 7}
    text = render_template(given)
    write(tmp_path, text)
    config = load_config(tmp_path, None, {}, {})
    assert config.operator == 'Zoë "and" \\ co'
    assert (config.listen, config.utp, config.asn) == ((Address("127.0.0.1", 1),), False, 7)
    assert [key for key in FIELDS if f"\n{key} = " not in text and f"\n#{key} = " not in text] == []


def test_the_template_s_commented_lines_are_the_defaults(tmp_path: Path) -> None:
    text = render_template({})
    write(tmp_path, 'pledge = "2TB"')
    plain = load_config(tmp_path, None, {}, {})
    lines = [line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in text.splitlines()]
    write(tmp_path, "\n".join(lines))
    assert load_config(tmp_path, None, {}, {}) == plain
