"""A wire between hosts: carries their IP packets, late, and not all of them.

The kernel's own emulator (netem) is missing from many kernels, and a bridge has no delay; so each host's
packets come out of a TUN device of its own (see hosts.py), and this thread puts them into that of the
host whose address they name, when their time has come.  It knows addresses only: no ARP, no broadcast.
What is for nobody on the wire goes to its gateway, if it has one, and is lost otherwise, as a private
address is on the internet.
"""

import os
import random
import select
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Thread
from typing import Final, NamedTuple

PACKET_MAX_BYTES: Final = 65_535
_READS_EACH_TURN: Final = 32
"""Packets taken from one host before the others have their turn."""


class _Packet(NamedTuple):
    due: float
    device: int
    data: bytes


@dataclass(slots=True)
class Carried:
    """What became of the packets, counted."""

    delivered: int = 0
    lost: int = 0
    cut: int = 0
    for_nobody: int = 0


class Wire:
    """Connects devices until closed; ``delay_seconds`` one way, ``loss`` the part of packets that vanish."""

    def __init__(self, delay_seconds: float = 0.0, loss: float = 0.0, seed: int = 1) -> None:
        self._delay_seconds = delay_seconds
        self._loss = loss
        self._dice = random.Random(seed)
        self._device_of: dict[bytes, int] = {}
        self._side_of: dict[int, int] = {}
        self._under_way: deque[_Packet] = deque()  # one delay for all, so first in is first out
        self._poll = select.epoll()
        self._closing, self._close = os.pipe()
        self._poll.register(self._closing, select.EPOLLIN)
        self._thread = Thread(target=self._run, name="wire", daemon=True)
        self.gateway: int | None = None
        self.carried = Carried()
        self._thread.start()

    def plug(self, device: int) -> None:
        """Take over a device; it is closed with the wire."""
        self._side_of[device] = 0
        self._poll.register(device, select.EPOLLIN)

    def route(self, device: int, addresses: Iterable[bytes]) -> None:
        """Deliver to ``device`` what is for these addresses, packed, and no longer what was before."""
        others = {address: known for address, known in self._device_of.items() if known != device}
        self._device_of = others | dict.fromkeys(addresses, device)

    def part(self, *devices: int) -> None:
        """Cut the wire: these devices reach only each other, the others only one another."""
        self._side_of = {device: int(device in devices) for device in self._side_of}

    def heal(self) -> None:
        """Undo :meth:`part`."""
        self.part()

    def close(self) -> None:
        """End the thread and close every device."""
        os.close(self._close)
        self._thread.join()
        for descriptor in (self._closing, *self._side_of):
            os.close(descriptor)
        self._poll.close()

    # --- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            wait = max(0.0, self._under_way[0].due - time.monotonic()) if self._under_way else None
            for device, _ in self._poll.poll(wait):
                if device == self._closing:
                    return
                self._take(device)
            self._deliver(time.monotonic())

    def _take(self, device: int) -> None:
        for _ in range(_READS_EACH_TURN):
            try:
                data = os.read(device, PACKET_MAX_BYTES)
            except BlockingIOError:
                return
            target = self._device_of.get(destination_of(data), self.gateway)
            if target is None or target == device:
                self.carried.for_nobody += 1
            elif self._side_of[device] != self._side_of[target]:
                self.carried.cut += 1
            elif self._dice.random() < self._loss:
                self.carried.lost += 1
            else:
                self._under_way.append(_Packet(time.monotonic() + self._delay_seconds, target, data))

    def _deliver(self, now: float) -> None:
        while self._under_way and self._under_way[0].due <= now:
            packet = self._under_way.popleft()
            try:
                os.write(packet.device, packet.data)
            except OSError:
                self.carried.lost += 1  # its host has switched the device off
            else:
                self.carried.delivered += 1


def destination_of(packet: bytes) -> bytes:
    """Return the address that an IP packet is for, packed."""
    return packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]
