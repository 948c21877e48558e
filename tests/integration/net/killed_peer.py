"""A node in a process of its own, to be killed: prints its port, greets whoever calls."""

import trio
from loopback import HELLO, running

from mirrord.core.events import SessionOpened


async def main() -> None:
    async with running(9) as node:
        print(node.address.port, flush=True)  # noqa: T201
        node.send((await node.wait_for(SessionOpened)).session, HELLO)
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main)
