"""An engine that listens elsewhere while it runs: what is connected stays, what cannot be had changes nothing."""

import socket
from contextlib import closing
from pathlib import Path

import pytest
import trio
from running_engine import Member, make_shard, member, origin

from mirrord.core.errors import EngineError
from mirrord.torrents.engine import TransferState

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


async def is_open(port: int) -> bool:
    try:
        stream = await trio.open_tcp_stream(LOOPBACK, port)
    except OSError:
        return False
    await stream.aclose()
    return True


async def members_of(node: Member) -> int:
    statistics = await node.engine.wait_for_statistics()
    return sum(shard.members for shard in statistics.shards)


def test_a_member_that_is_connected_stays_and_a_new_one_finds_the_new_port(tmp_path: Path) -> None:
    shard = make_shard(tmp_path / "source", {"a.bin": 3_000_000})

    async def main() -> None:
        slow = 200_000  # so that the first fetch is under way while the port changes
        async with (
            origin(tmp_path / "a", shard, upload_rate_limit=slow) as holder,
            member(tmp_path / "b", shard) as early,
            member(tmp_path / "c", shard) as late,
        ):
            before, after = holder.engine.listening_port, free_port()
            await early.do(shard.fetch(holder))
            await early.wait_until(lambda found: bool(found.shards) and found.shards[0].bytes_done > 0)
            await holder.engine.listen_on(f"{LOOPBACK}:{after}")
            assert holder.engine.listening_port == after
            assert not await is_open(before)
            assert await members_of(early) == 1, "TCP connections outlive the socket that accepted them"
            await late.do(shard.fetch(holder))
            await late.wait_until(lambda found: bool(found.shards) and found.shards[0].bytes_done > 0)
            done = early.transfer(shard).bytes_done
            await early.wait_until(lambda found: found.shards[0].bytes_done > done)
            assert early.transfer(shard).state is TransferState.FETCHING

    trio.run(main)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_that_is_in_use_is_an_error_and_the_old_one_stays(tmp_path: Path, kind: socket.SocketKind) -> None:
    async def main() -> None:
        async with member(tmp_path) as node:
            before = node.engine.listening_port
            with closing(socket.socket(socket.AF_INET, kind)) as other:
                other.bind((LOOPBACK, 0))
                if kind is socket.SOCK_STREAM:
                    other.listen()
                taken = other.getsockname()[1]
                with pytest.raises(EngineError, match=f"{taken}.*in use") as caught:
                    await node.engine.listen_on(f"{LOOPBACK}:{taken}")
            assert "free" in caught.value.hint
            assert node.engine.listening_port == before
            assert await is_open(before)

    trio.run(main)


def test_an_address_that_this_machine_lacks_is_left_out_unless_it_is_the_only_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with member(tmp_path) as node:
            first, second = free_port(), free_port()
            await node.engine.listen_on(f"{LOOPBACK}:{first},198.51.100.1:{first}")
            assert await is_open(first)
            with pytest.raises(EngineError, match=r"198\.51\.100\.1"):
                await node.engine.listen_on(f"198.51.100.1:{second}")
            assert node.engine.listening_port == first
            assert await is_open(first)

    trio.run(main)


def test_the_same_port_again_changes_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        port = free_port()
        async with member(tmp_path, listen_interfaces=f"{LOOPBACK}:{port}") as node:
            await node.engine.listen_on(f"{LOOPBACK}:{port}")
            assert await is_open(port)

    trio.run(main)


def test_an_engine_that_has_stopped_listens_nowhere(tmp_path: Path) -> None:
    async def main() -> None:
        async with member(tmp_path) as node:
            engine = node.engine
        with pytest.raises(EngineError, match="does not run"):
            await engine.listen_on(f"{LOOPBACK}:{free_port()}")

    trio.run(main)
