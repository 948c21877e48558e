"""The listening sockets of a network, which can be exchanged while it runs."""

from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from mirrord.core.records.ids import Address
from mirrord.net.endpoints import accept_forever, address_of, open_listeners


@dataclass(slots=True)
class _Open:
    """One socket, the address that asked for it and the one it got, and what ends it.

    ``gone`` is set once it is closed; its address can still be asked for then.
    """

    wanted: Address
    address: Address
    listener: trio.SocketListener
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    gone: trio.Event = field(default_factory=trio.Event)


class Listeners:
    """Hands every connection to ``take``, and says ``exhausted`` where the machine can take no more.

    Whoever calls :meth:`open` calls :meth:`close`.
    """

    def __init__(self, take: Callable[[trio.SocketStream], None], exhausted: Callable[[], None]) -> None:
        self._take = take
        self._exhausted = exhausted
        self._open: list[_Open] = []
        self._nursery: trio.Nursery | None = None

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where they really listen, with the ports that the system chose."""
        return tuple(each.address for each in self._open)

    async def open(self, addresses: tuple[Address, ...]) -> None:
        """Listen at each address, besides those that are open already.

        Raises as :func:`open_listeners` does; then nothing has changed.
        """
        known = {each.wanted for each in self._open}
        fresh: list[_Open] = []
        try:
            for address in addresses:
                if address not in known:
                    listeners = await open_listeners((address,))
                    fresh += [_Open(address, address_of(listener), listener) for listener in listeners]
        except BaseException:
            for each in fresh:
                each.listener.socket.close()
            raise
        self._open += fresh
        for each in fresh:
            self._begin(each)

    def accept_in(self, nursery: trio.Nursery) -> None:
        """Accept connections from now on, in tasks of ``nursery``."""
        self._nursery = nursery
        for each in self._open:
            self._begin(each)

    def _begin(self, each: _Open) -> None:
        if self._nursery is not None:
            self._nursery.start_soon(self._accept, each)

    async def _accept(self, each: _Open) -> None:
        try:
            with each.scope:
                await accept_forever(each.listener, self._take, self._exhausted)
        finally:
            each.gone.set()

    async def move(self, addresses: tuple[Address, ...]) -> None:
        """Listen at these addresses instead: first the new ones are opened, then the others closed.

        Raises as :func:`open_listeners` does; then it listens where it did.
        """
        await self.open(addresses)
        leaving = [each for each in self._open if each.wanted not in addresses]
        self._open = [each for each in self._open if each.wanted in addresses]
        for each in leaving:
            each.scope.cancel()
        if self._nursery is not None:
            for each in leaving:
                await each.gone.wait()

    def close(self) -> None:
        """Close every socket; tasks that accept have ended, or are about to."""
        for each in self._open:
            each.listener.socket.close()
        self._nursery = None
