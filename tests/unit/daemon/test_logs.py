"""A log that cannot be written costs lines, never the daemon."""

import errno
import json
import sys
from io import StringIO

import pytest
import structlog

from mirrord.config import LogFormat
from mirrord.daemon.logs import start_logging


class FullDisk(StringIO):
    """A stream that fails as one on a full disk does, while it is full."""

    is_full = False

    def write(self, text: str) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_lines_that_cannot_be_written_are_lost_and_the_next_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FullDisk()
    monkeypatch.setattr(sys, "stderr", disk)
    start_logging("info", LogFormat.JSON)
    try:
        log = structlog.get_logger()
        log.info("before")
        disk.is_full = True
        log.info("into the void")
        log.error("this one too")
        disk.is_full = False
        log.warning("after")
        log.info("and on", answer=42)
    finally:
        structlog.reset_defaults()
    lines = [json.loads(line) for line in disk.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["before", "log lines were lost", "after", "and on"]
    assert lines[1]["lines"] == 2 and lines[3]["answer"] == 42


def test_a_stream_that_was_closed_is_borne_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    start_logging("info", LogFormat.JSON)
    try:
        stream.close()
        structlog.get_logger().info("nobody reads this")
    finally:
        structlog.reset_defaults()
