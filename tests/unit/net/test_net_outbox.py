"""The outbox: order, bounds, and the last frame."""

import pytest
import trio
import trio.testing

from mirrord.core import limits
from mirrord.net.outbox import Outbox, Queued
from mirrord.net.reached import NetLimit


async def drained(outbox: Outbox) -> list[bytes]:
    frames = []
    while (data := await outbox.get()) is not None:
        frames.append(data)
    return frames


def test_frames_leave_in_order_and_the_last_one_behind_all_others() -> None:
    async def scenario() -> None:
        outbox = Outbox(queued := Queued())
        assert outbox.put(b"one") is None and outbox.put(b"two") is None
        assert queued.size_bytes == 6
        outbox.finish(b"last")
        outbox.finish(b"never")
        assert await drained(outbox) == [b"one", b"two", b"last"]
        assert queued.size_bytes == 0
        assert await outbox.get() is None

    trio.run(scenario)


def test_a_reader_waits_for_what_comes() -> None:
    async def scenario() -> None:
        outbox = Outbox(Queued())
        received: list[bytes] = []

        async def read() -> None:
            received.extend(await drained(outbox))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            for part in (b"a", b"b"):
                await trio.testing.wait_all_tasks_blocked()
                assert outbox.put(part) is None
            await trio.testing.wait_all_tasks_blocked()
            outbox.finish(b"c")
        assert received == [b"a", b"b", b"c"]

    trio.run(scenario)


def test_the_number_of_frames_is_bounded() -> None:
    outbox = Outbox(Queued())
    assert not any(outbox.put(b"x") for _ in range(limits.SESSION_QUEUE_MAX_FRAMES))
    assert outbox.put(b"x") is NetLimit.SESSION_QUEUE_MAX_FRAMES


def test_the_bytes_of_one_session_are_bounded() -> None:
    outbox = Outbox(queued := Queued())
    part = bytes(limits.FRAME_MAX_BYTES)
    assert not any(outbox.put(part) for _ in range(limits.SESSION_QUEUE_MAX_BYTES // len(part)))
    assert outbox.put(b"x") is NetLimit.SESSION_QUEUE_MAX_BYTES
    assert queued.size_bytes == limits.SESSION_QUEUE_MAX_BYTES


def test_where_all_sessions_together_hold_too_much_the_slow_ones_pay_and_not_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "QUEUES_MAX_BYTES", 4 * limits.FRAME_MAX_BYTES)
    queued = Queued()
    slow, quick = Outbox(queued), Outbox(queued)
    part = bytes(limits.FRAME_MAX_BYTES)
    assert not any(slow.put(part) for _ in range(4))
    assert slow.put(b"x") is NetLimit.QUEUES_MAX_BYTES
    assert quick.put(part) is None
    assert quick.put(b"x") is NetLimit.QUEUES_MAX_BYTES
    slow.discard()
    assert queued.size_bytes == limits.FRAME_MAX_BYTES
    assert quick.put(part) is None
    assert slow.finished
