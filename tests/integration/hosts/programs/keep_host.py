"""Keeps a network namespace, and plugs its ends of the wires: run by hosts.py under ``unshare --net``.

Makes a TUN device for every name it is given, hands the devices over through the socket that is its
standard input, and lives until that socket closes.  Then it ends whatever still runs in the namespace,
so that nothing of a host is left, however the test ended.
"""

import fcntl
import os
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000


def main(names: list[str]) -> None:
    devices = [_tun(name) for name in names]
    with socket.socket(fileno=0) as starter:
        socket.send_fds(starter, [b"plugged"], devices)
        for device in devices:
            os.close(device)
        starter.recv(1)
    _end_the_others()


def _tun(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return device


def _end_the_others() -> None:
    ours = Path("/proc/self/ns/net").readlink()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended by itself
            if int(process.name) != os.getpid() and (process / "ns/net").readlink() == ours:
                os.kill(int(process.name), signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
