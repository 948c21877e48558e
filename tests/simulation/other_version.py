"""A node of the next protocol version, as far as Hello goes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core.clock import Instant
from mirrord.core.gossip import gossip, sessions
from mirrord.core.node import Node

VERSION = 2


@contextmanager
def _speaking_version_2() -> Iterator[None]:
    """Let the core speak only version 2 for a moment: the two constants are all that there is to it."""
    modules: tuple[Any, ...] = (gossip, sessions)
    before = [(module, module.VERSION_MIN, module.VERSION_MAX) for module in modules]
    try:
        for module in modules:
            module.VERSION_MIN = module.VERSION_MAX = VERSION
        yield
    finally:
        for module, low, high in before:
            module.VERSION_MIN, module.VERSION_MAX = low, high


class NodeOfVersion2(Node):
    """Speaks version 2 and nothing else."""

    def handle(self, event: ev.Event, now: Instant) -> list[ef.Effect]:
        with _speaking_version_2():
            return super().handle(event, now)
