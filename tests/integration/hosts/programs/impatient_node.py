"""A node's network alone, which a second of silence is too much for: ``impatient_node NUMBER [ADDRESS TO DIAL]``.

Says "open" once a session is, greets at every line on standard input, and says how the session ended.
"""

import sys

import trio

from mirrord.core.events import SessionOpened
from mirrord.core.records.ids import Address, address_from_text
from mirrord.net.settings import Patience
from tests.integration.net.loopback import HELLO, Node, running

_PORT = 7700


async def main(number: int, dialled: Address | None) -> None:
    listen = () if dialled is not None else (Address("0.0.0.0", _PORT),)
    async with running(number, listen=listen, patience=Patience(send_seconds=1)) as node:
        if dialled is None:
            say("ready")
        else:
            node.dial(dialled)
        session = (await node.wait_for(SessionOpened)).session
        node.send(session, HELLO)
        await node.wait_until(lambda: bool(node.messages(session)))
        say("open")
        await greet_when_told(node)
        say(await node.wait_closed(session))


async def greet_when_told(node: Node) -> None:
    session = (await node.wait_for(SessionOpened)).session
    await trio.to_thread.run_sync(sys.stdin.readline)
    node.send(session, HELLO)


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    trio.run(main, int(sys.argv[1]), address_from_text(sys.argv[2]) if len(sys.argv) > 2 else None)
