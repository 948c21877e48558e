"""The keys of `mirrord.toml`, as an operator writes them: type, default, and why that default.

This is the one list of keys.  The template that ``mirrord init`` writes, the environment variables
(``MIRRORD_`` and the key in capitals) and the checks of the documentation all follow from it.
"""

from typing import Annotated, Final

import msgspec

from mirrord.core.timing import PROFILES, WAN

PORT_FILE_FOR: Final = ("bittorrent", "coordination")


def _says(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file may say.  A size is text with a unit or a whole number of bytes."""

    pledge: Annotated[
        int | str | None,
        _says(
            "How much disk this node gives, for all collections together: 2TB, 500GiB. Never exceeded."
            " There is no default: only the operator knows."
        ),
    ] = None
    data_folder: Annotated[
        str,
        _says(
            "Where the shards lie; relative to the node's folder. Put it on the disk that the pledge is about."
            " The default keeps a small node in one place."
        ),
    ] = "data"
    listen: Annotated[
        tuple[str, ...],
        _says(
            "Where peers reach this daemon (TCP): IP:PORT. The default is every interface, IPv4 and IPv6,"
            " on a port below those that outgoing connections take."
        ),
    ] = ("0.0.0.0:7700", "[::]:7700")
    announce_addresses: Annotated[
        tuple[str, ...],
        _says(
            "Where to tell peers that they reach this daemon, if they cannot find out: where a router forwards another"
            " port. Without it, the addresses of `listen` are told, and public ones once a peer got through."
        ),
    ] = ()
    bittorrent_listen: Annotated[
        tuple[str, ...],
        _says("Where swarm members reach this node (TCP, and UDP for uTP). The default is one port above `listen`."),
    ] = ("0.0.0.0:7701", "[::]:7701")
    announce_bittorrent_addresses: Annotated[
        tuple[str, ...],
        _says("The same as `announce_addresses`, for `bittorrent_listen`."),
    ] = ()
    metrics_listen: Annotated[
        str,
        _says(
            "Where Prometheus reads /metrics, and a browser the status page. The default is this machine alone, as what"
            " a node holds is nobody else's business; empty turns it off."
        ),
    ] = "127.0.0.1:7780"
    metrics_all_shards: Annotated[
        bool,
        _says(
            "Give every shard a series of its own on /metrics, and not only the worst 170 of a collection."
            " The default is no: 100,000 series are a page of 8 MB."
        ),
    ] = False
    metrics_tls_certificate: Annotated[
        str,
        _says(
            "Serve metrics by HTTPS with this certificate (PEM, with its chain); relative to the node's folder."
            " A reload reads it again. The default is none: on loopback there is nobody to listen in."
        ),
    ] = ""
    metrics_tls_key: Annotated[
        str,
        _says("The key of `metrics_tls_certificate` (PEM, without a passphrase). The default is none."),
    ] = ""
    metrics_token_file: Annotated[
        str,
        _says(
            "A file with a bearer token (mode 0600, or a credential of systemd): without it nobody reads /metrics or"
            " the status page; a browser takes it as a password. A reload reads it again. The default is none, as"
            " loopback is this machine alone."
        ),
    ] = ""
    control_socket: Annotated[
        str,
        _says(
            "The unix socket that the other commands talk to; relative to the node's folder."
            " The default lets one machine run many nodes."
        ),
    ] = "control.sock"
    key_file: Annotated[
        str,
        _says(
            "The node's secret key: its identity. Relative to the node's folder; a systemd credential called node.key"
            " comes before the default. Copy it to keep the identity, never run two nodes with one."
        ),
    ] = "node.key"
    bootstrap: Annotated[
        tuple[str, ...],
        _says(
            "Peers to ask first, beside those that an invitation names: HOST:PORT."
            " The default is none, as an invitation names enough."
        ),
    ] = ()
    dht: Annotated[
        bool,
        _says(
            "Find peers of a collection through the mainline DHT of BitTorrent (UDP, on `bittorrent_listen`), and be"
            " found there. The default is yes: a network that needs no server of anybody's cannot lose it."
        ),
    ] = True
    dht_bootstrap: Annotated[
        tuple[str, ...],
        _says(
            "Where to enter the DHT for the first time: HOST:PORT. Later the node remembers others."
            " The default are the routers that BitTorrent programs share."
        ),
    ] = (
        "dht.libtorrent.org:25401",
        "router.bittorrent.com:6881",
        "router.utorrent.com:6881",
        "dht.transmissionbt.com:6881",
    )
    count_outside_seeders: Annotated[
        bool,
        _says(
            "Count who seeds the shards with plain BitTorrent clients, to show beside the replicas, never among them:"
            " by one lookup in the DHT every 30 s, and by scraping `outside_trackers`. The default is yes: a lookup is"
            " what every BitTorrent client does all the time, and without `dht` there is none."
        ),
    ] = True
    outside_trackers: Annotated[
        tuple[str, ...],
        _says(
            "Trackers to ask how many seeders they know: udp://HOST:PORT, http:// or https://HOST/announce. They are"
            " scraped, at most once a minute each, and never announced to. The default is none, as a tracker is"
            " somebody's server: name those that the collection's torrents are seeded at."
        ),
    ] = ()
    local_discovery: Annotated[
        bool,
        _says(
            "Find peers in the local network by multicast (BEP 14), and be found by them; only on the interfaces"
            " of `listen`. The default is yes: two machines of one network should not need the internet to meet."
        ),
    ] = True
    port_file: Annotated[
        str,
        _says(
            "A file in which another program, such as a VPN's, keeps the number of the port that is forwarded to this"
            " machine; relative to the node's folder. It is read every few seconds, and the node listens there instead."
            " The default is none."
        ),
    ] = ""
    port_file_for: Annotated[
        str,
        _says(
            f"Who gets the port of `port_file`: {' or '.join(PORT_FILE_FOR)}, as one forwarded port serves one of them."
            " The default is where the bytes flow: peers also reach each other when only one side can be dialled."
        ),
    ] = PORT_FILE_FOR[0]
    timing: Annotated[
        str,
        _says(
            f"How patient the network is: {', '.join(PROFILES)}. Every node of a network must say the same."
            " The default suits volunteers' machines, which come and go."
        ),
    ] = WAN.name
    operator: Annotated[
        str,
        _says("Who runs this node; peers spread copies over operators. The default says nothing."),
    ] = ""
    country: Annotated[
        str,
        _says("Where it stands, as two letters (ISO 3166-1): NL. The default says nothing."),
    ] = ""
    asn: Annotated[
        int,
        _says("The number of its autonomous system, for the same purpose. The default, 0, says nothing."),
    ] = 0
    refused_rights: Annotated[
        tuple[str, ...],
        _says(
            "Shards whose rights statement contains one of these texts (in any case) are never held here."
            " The default refuses nothing: you joined the collection by name."
        ),
    ] = ()
    refused_shards: Annotated[
        tuple[str, ...],
        _says(
            "Shards of these names, in any collection, are never fetched; what is here of them stays."
            " The default refuses none."
        ),
    ] = ()
    pinned_shards: Annotated[
        tuple[str, ...],
        _says(
            "Shards of these names, in any collection, are never given up once they are held here: not for rarer ones,"
            " not for a smaller pledge, not even when their curator withdraws them. Mind the law: a withdrawal may have"
            " a reason in it, and you, the operator, answer for what you keep. The default pins none."
        ),
    ] = ()
    obey_withdrawals: Annotated[
        bool,
        _says(
            "Delete a shard when its curator withdraws it with a signed reason."
            " The default is yes: who vouched for the rights has taken it back."
        ),
    ] = True
    download_limit: Annotated[
        int | str,
        _says("Bytes a second, all shards together: 5MB. The default, 0, is no limit."),
    ] = 0
    upload_limit: Annotated[
        int | str,
        _says("Bytes a second, all shards together: 5MB. The default, 0, is no limit."),
    ] = 0
    utp: Annotated[
        bool,
        _says("Speak uTP (over UDP) beside TCP. The default is yes: it yields to the other traffic of a home line."),
    ] = True
    log_level: Annotated[
        str,
        _says("How much to log: debug, info, warning, error. The default tells what the node does, not how."),
    ] = "info"
    log_format: Annotated[
        str,
        _says("text for people, json for machines. The default, auto, is text on a terminal and json elsewhere."),
    ] = "auto"


FIELDS: Final = {field.name: field for field in msgspec.structs.fields(Keys)}
"""Every key by its name, in the order of the template."""


def description_of(key: str) -> str:
    """Return what a key means and why its default is what it is."""
    for extra in getattr(FIELDS[key].type, "__metadata__", ()):
        if isinstance(extra, msgspec.Meta) and extra.description:
            return extra.description
    raise KeyError(key)


def default_of(key: str) -> object:
    """Return a key's default as TOML would hold it."""
    return FIELDS[key].default
