"""A libtorrent session and nothing else, with mirrord's settings: ``seed`` or ``fetch`` one torrent.

Run as ``python -m tests.bench.bare_session ROLE TORRENT FOLDER PORT [PORT OF THE SEEDER]``; says
"ready" and ends when its standard input does.
"""

import sys
from pathlib import Path

import libtorrent as lt

from mirrord.torrents.engine import EngineSettings
from mirrord.torrents.session_settings import TORRENT_FLAGS, keep_rate_limits_on_local_networks, session_settings
from mirrord.torrents.torrent_file import load_torrent

_LOOPBACK = "127.0.0.1"


def main(role: str, torrent: str, folder: str, port: str, seeder_port: str = "") -> None:
    where = Path(folder)
    settings = EngineSettings(where, where, listen_interfaces=f"{_LOOPBACK}:{port}", enable_utp=False)
    session = lt.session(session_settings(settings))  # type: ignore[call-overload]  # a plain dict
    keep_rate_limits_on_local_networks(session)
    params = load_torrent(Path(torrent).read_bytes()).params
    params.save_path = folder
    params.flags = TORRENT_FLAGS | (lt.torrent_flags.seed_mode if role == "seed" else 0)
    handle = session.add_torrent(params)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    if seeder_port:
        handle.connect_peer((_LOOPBACK, int(seeder_port)))
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
