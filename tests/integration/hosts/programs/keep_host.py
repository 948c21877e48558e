"""Keeps a network namespace, and plugs its ends of the wires: run by hosts.py under ``unshare --net``.

Makes a TUN device for every name it is given, hands the devices over through the socket that is its
standard input, and then lives until that socket closes: whatever ends the test, namespace and devices
are gone with it.
"""

import fcntl
import os
import socket
import struct
import sys

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000


def main(names: list[str]) -> None:
    devices = [_tun(name) for name in names]
    with socket.socket(fileno=0) as starter:
        socket.send_fds(starter, [b"plugged"], devices)
        for device in devices:
            os.close(device)
        starter.recv(1)


def _tun(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return device


if __name__ == "__main__":
    main(sys.argv[1:])
