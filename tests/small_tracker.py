"""A tracker on loopback, over HTTP and UDP: it counts who announces, answers scrapes, and remembers both."""

import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import libtorrent as lt

_CONNECTION: Final = 0x1234
_POLL_SECONDS: Final = 0.1


@dataclass
class Tracker:
    """What a tracker knows; ``seeders`` are ports by info-hash.  ``reply`` stands in place of its HTTP answers."""

    http_port: int = 0
    udp_port: int = 0
    seeders: dict[bytes, set[int]] = field(default_factory=lambda: defaultdict(set))
    announces: list[bytes] = field(default_factory=list)
    scrapes: list[tuple[float, tuple[bytes, ...]]] = field(default_factory=list)
    reply: bytes | None = None
    status: int = 200
    deaf: bool = False

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/announce"

    @property
    def udp(self) -> str:
        return f"udp://127.0.0.1:{self.udp_port}"

    @property
    def scraped(self) -> list[bytes]:
        """Every hash that was asked for, in turn."""
        return [one for _, hashes in self.scrapes for one in hashes]

    def announced(self, info_hash: bytes, port: int, left: int) -> None:
        self.announces.append(info_hash)
        if not left:
            self.seeders[info_hash].add(port)

    def scrape(self, hashes: tuple[bytes, ...]) -> list[int]:
        self.scrapes.append((time.monotonic(), hashes))
        return [len(self.seeders.get(one, ())) for one in hashes]


@contextmanager
def small_tracker() -> Iterator[Tracker]:
    """Run a tracker until the end of the block."""
    tracker, stop = Tracker(), threading.Event()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(tracker))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    udp.settimeout(_POLL_SECONDS)
    tracker.http_port, tracker.udp_port = http.server_address[1], udp.getsockname()[1]
    threads = [
        threading.Thread(target=http.serve_forever, args=(_POLL_SECONDS,)),
        threading.Thread(target=_serve_udp, args=(udp, tracker, stop)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield tracker
    finally:
        stop.set()
        http.shutdown()
        for thread in threads:
            thread.join()
        http.server_close()
        udp.close()


def _handler(tracker: Tracker) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = tracker.reply if tracker.reply is not None else _answer(tracker, self.path)
            self.send_response(tracker.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            pass

    return Handler


def _answer(tracker: Tracker, target: str) -> bytes:
    place = urlsplit(target)
    pairs = [(key, value.encode("latin-1")) for key, value in parse_qsl(place.query, encoding="latin-1")]
    hashes = tuple(value for key, value in pairs if key == "info_hash")
    if place.path == "/scrape":
        counts = zip(hashes, tracker.scrape(hashes), strict=True)
        files = {one: {b"complete": seeders, b"downloaded": 9, b"incomplete": 4} for one, seeders in counts}
        return lt.bencode({b"files": files})  # type: ignore[arg-type]  # its entries nest
    said = dict(pairs)
    tracker.announced(hashes[0], int(said["port"]), int(said["left"]))
    return lt.bencode({b"interval": 1_800, b"peers": b""})


def _serve_udp(udp: socket.socket, tracker: Tracker, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            packet, who = udp.recvfrom(2_048)
        except TimeoutError:
            continue
        if not tracker.deaf:
            udp.sendto(_udp_answer(tracker, packet), who)


def _udp_answer(tracker: Tracker, packet: bytes) -> bytes:
    """Answer as BEP 15 says: connect, announce, scrape; anything else is an error."""
    connection, action, mark = struct.unpack_from(">QII", packet)
    if action == 0 and connection == 0x41727101980:
        return struct.pack(">IIQ", 0, mark, _CONNECTION)
    if action == 1 and connection == _CONNECTION:
        (left,) = struct.unpack_from(">Q", packet, 64)
        (port,) = struct.unpack_from(">H", packet, 96)
        tracker.announced(packet[16:36], port, left)
        return struct.pack(">IIIII", 1, mark, 1_800, 0, 0)
    if action == 2 and connection == _CONNECTION:
        hashes = tuple(packet[at : at + 20] for at in range(16, len(packet), 20))
        rows = (struct.pack(">III", seeders, 9, 4) for seeders in tracker.scrape(hashes))
        return struct.pack(">II", 2, mark) + b"".join(rows)
    return struct.pack(">II", 3, mark) + b"no"
