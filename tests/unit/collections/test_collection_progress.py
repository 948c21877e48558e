"""Progress without a terminal is a few plain lines, with rate and time left."""

import io

from mirrord.collections.progress import PlainLines, counted, progress_on


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_say_rate_and_time_left_every_ten_seconds() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = PlainLines(stream, clock)
    progress.begin("hashing 7 shards", "bytes", 10_000_000_000)
    for _ in range(4):
        clock.now += 5
        progress.advance(500_000_000)
    progress.say("a note")
    assert stream.getvalue().splitlines() == [
        "hashing 7 shards: 10 GB",
        "hashing 7 shards: 1 GB, 100 MB a second, 10 %, about 90 s left",
        "hashing 7 shards: 2 GB, 100 MB a second, 20 %, about 80 s left",
        "a note",
    ]


def test_plain_lines_count_other_things_too() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = PlainLines(stream, clock)
    progress.begin("reading the catalogue", "rows")
    clock.now = 100
    progress.advance(12_000)
    assert stream.getvalue().splitlines()[-1] == "reading the catalogue: 12,000 rows, 120 rows a second"


def test_counting_hands_everything_on_and_misses_nothing() -> None:
    class Sum:
        total = 0

        def begin(self, work: str, unit: str, total: int = 0) -> None: ...

        def say(self, text: str) -> None: ...

        def advance(self, amount: int) -> None:
            self.total += amount

    progress = Sum()
    assert list(counted(range(2_345), progress)) == list(range(2_345))
    assert progress.total == 2_345
    assert list(counted([], progress)) == []
    assert progress.total == 2_345


def test_what_is_no_terminal_gets_plain_lines_and_quiet_gets_none() -> None:
    for quiet, expected in ((False, "working\n"), (True, "")):
        stream = io.StringIO()
        with progress_on(stream, quiet) as progress:
            progress.begin("working", "files")
            progress.advance(1)
        assert stream.getvalue() == expected
