"""A wire between a browser and a daemon that notes every request."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE = 65_536
_REQUESTS = (b"GET ", b"HEAD ", b"POST ", b"OPTIONS ")


class Wiretap:
    """Forwards connections to a port of this machine; ``requests`` are the first lines of what went there."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.requests: list[str] = []

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def accept(self) -> None:
        """Serve until closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _carry(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._to)) as daemon:
            back = threading.Thread(target=_forward, args=(daemon, client), daemon=True)
            back.start()
            while piece := client.recv(_PIECE):
                lines = piece.split(b"\r\n")
                self.requests += [line.decode("latin-1") for line in lines if line.startswith(_REQUESTS)]
                daemon.sendall(piece)
            daemon.shutdown(socket.SHUT_WR)
            back.join()


def _forward(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(_PIECE):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def wiretap(port: int) -> Iterator[Wiretap]:
    """Listen in on what goes to ``port``."""
    tap = Wiretap(port)
    accepting = threading.Thread(target=tap.accept, daemon=True)
    accepting.start()
    try:
        yield tap
    finally:
        tap.close()
        accepting.join()
