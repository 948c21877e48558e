"""What the daemon says of what it does: lines for the log, sentences for people, and silence about chatter."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import structlog.testing

from mirrord.core import effects as ef
from mirrord.core import events as ev
from mirrord.core.effects import ReportShard, ShardTurn
from mirrord.core.records.ids import Address, CollectionId, NodeId, SessionId, ShardIndex, ShardKey, to_short_text
from mirrord.core.records.kinds import Kind, Shard
from mirrord.core.records.record import RecordKey
from mirrord.core.wire.messages import Goodbye, GoodbyeCode
from mirrord.daemon.happenings import HAPPENINGS_MAX, TEXT_MAX_CHARACTERS, Happenings
from mirrord.daemon.naming import Names
from mirrord.daemon.narration import Narrator
from tests.simulation.virtual_network import make_shard
from tests.unit.core.making import COLLECTION

KEY = ShardKey(COLLECTION, ShardIndex(1))
NAME = "shard-0001"
OTHER = NodeId(bytes(range(32)))


@dataclass
class Knowing:
    """A node that knows these names."""

    name: str = "books"
    shards: tuple[Shard, ...] = field(default_factory=lambda: (make_shard(0), make_shard(1)))

    def name_of(self, collection: CollectionId) -> str:
        return self.name

    def shards_of(self, collection: CollectionId) -> tuple[Shard, ...]:
        return self.shards


class Told:
    """A narrator, what it logs and what it keeps."""

    def __init__(self, knowing: Knowing | None = None) -> None:
        self.now = 1_000.0
        self.happenings = Happenings(lambda: self.now)
        self.narrator = Narrator(Names(knowing or Knowing()), self.happenings)

    def sentences(self, *what: ev.Event | ef.Effect) -> list[str]:
        """Return what is kept for people after these."""
        for each in what:
            if isinstance(each, ev.Event):
                self.narrator.narrate_event(each)
            else:
                self.narrator.narrate_effect(each)
        return [each.text for each in self.happenings.recent()]


@pytest.fixture
def log() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (ReportShard(KEY, ShardTurn.CLAIMED, 2, 4), f"claimed {NAME}: 2 of 4 replicas"),
        (ReportShard(KEY, ShardTurn.CLAIMED, 0, 1), f"claimed {NAME}: 0 of 1 replica"),
        (ReportShard(KEY, ShardTurn.YIELDED), f"yielded {NAME}: others fetch it"),
        (ReportShard(KEY, ShardTurn.FETCHED, seconds=10_800), f"holds {NAME} now: 1 MB fetched in 3 h"),
        (ReportShard(KEY, ShardTurn.FETCHED), f"holds {NAME} now: 1 MB fetched"),
        (ReportShard(KEY, ShardTurn.MENDED), f"{NAME} is whole again"),
        (ReportShard(KEY, ShardTurn.CHECKED), f"{NAME} was read and is whole: 1 MB"),
        (ReportShard(KEY, ShardTurn.STALLED), f"gave {NAME} up: its fetch stood still"),
        (ReportShard(KEY, ShardTurn.RELEASED, 6, 3), f"released {NAME}: 6 replicas, 3 wanted"),
        (ReportShard(KEY, ShardTurn.WITHDRAWN), f"gave {NAME} up: its curator has withdrawn it"),
        (ef.FetchShard(KEY, NAME, make_shard(1).torrent_sha256, ()), f"fetching {NAME}, 1 MB"),
        (ev.HoldingFailed(KEY, 1), f"{NAME} is not whole on disk: 1 bad piece"),
        (ev.FetchFailed(KEY, "no such file"), f"{NAME} has failed: no such file"),
        (ef.PauseFetching(), "the disk is full: fetching is paused, seeding goes on"),
        (ef.ResumeFetching(), "there is room again: fetching goes on"),
        (ef.PersistCollection(COLLECTION, (), 0), "joined books"),
        (ef.PersistCollection(COLLECTION, (), 1_800_000_000), "left books"),
        (
            ef.PersistCollection(COLLECTION, (), 0, 1_800_000_000),
            "leaving books: seeds until 2027-01-15 08:00 UTC at most",
        ),
        (ef.PersistRecord(RecordKey(Kind.MANIFEST_HEAD, COLLECTION), 3, b""), "version 3 of books is here"),
        (
            ef.PersistRecord(RecordKey(Kind.EQUIVOCATION, OTHER), 1, b""),
            f"node {to_short_text(OTHER)} contradicted itself and counts no more",
        ),
        (ef.ReportStanding(COLLECTION, OTHER, True), "this node counts in books now"),
        (ef.ReportStanding(COLLECTION, OTHER, False), "this node does not count in books: it claims nothing there"),
        (ef.ReportCoverage(COLLECTION, "Safe: all", False, False), "books: Safe: all"),
        (ef.Warn("the clock is wrong", 700.4), "the clock is wrong"),
        (ev.PledgeChanged(2 * 10**12), "the pledge is 2 TB now"),
        (ev.ListeningStarted((Address("192.0.2.1", 7700),), ()), "listening on 192.0.2.1:7700"),
        (
            ev.TrackerScraped("http://tracker.test:80/secret/announce", (KEY,), None, "timed out"),
            "the tracker tracker.test does not answer: timed out",
        ),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_what_matters_to_people_is_said_in_a_sentence(what: ev.Event | ef.Effect, sentence: str) -> None:
    assert Told().sentences(what) == [sentence]


def test_chatter_is_logged_and_not_kept(log: list[structlog.typing.EventDict]) -> None:
    session = SessionId(1)
    chatter = (
        ev.SessionOpened(session, OTHER, None),
        ev.MessageReceived(session, Goodbye(GoodbyeCode.STOPPING, "")),
        ev.SessionClosed(session, "bye"),
        ev.DialFailed(Address("192.0.2.1", 1), "refused"),
        ef.SeekPeers(bytes(20), 1, True),
        ev.TimePassed(0.5),
    )
    assert Told().sentences(*chatter) == []
    assert [line["log_level"] for line in log] == ["debug"] * 5


def test_the_log_says_a_thing_once(log: list[structlog.typing.EventDict]) -> None:
    told = Told()
    told.sentences(
        ev.HoldingVerified(KEY), ReportShard(KEY, ShardTurn.FETCHED), ReportShard(KEY, ShardTurn.CLAIMED, 1, 2)
    )
    assert [line["event"] for line in log] == ["shard verified", "shard claimed"]
    assert all(line["shard"] == 1 for line in log)


def test_a_danger_is_a_warning_in_the_log(log: list[structlog.typing.EventDict]) -> None:
    told = Told()
    for is_urgent in (True, False):
        told.narrator.narrate_effect(ef.ReportCoverage(COLLECTION, "In danger", True, is_urgent))
    assert [line["log_level"] for line in log] == ["warning", "info"]


def test_before_the_manifest_is_here_things_have_their_numbers() -> None:
    told = Told(Knowing(name="", shards=()))
    assert told.sentences(ReportShard(KEY, ShardTurn.MENDED)) == [
        f"shard 1 of {to_short_text(COLLECTION)} is whole again"
    ]


def test_strangers_words_are_harmless_and_short() -> None:
    hostile = "evil \x1b]0;owned\x07\n\u202e" + "x" * 10_000
    told = Told(Knowing(name=hostile))
    sentences = told.sentences(ef.PersistCollection(COLLECTION, (), 0), ev.FetchFailed(KEY, hostile), ef.Warn(hostile))
    assert len(sentences) == 3
    for sentence in sentences:
        assert sentence.isprintable() and len(sentence) <= TEXT_MAX_CHARACTERS
    assert len(sentences[0]) < 80


def test_only_the_newest_are_kept_the_newest_last_and_what_repeats_once() -> None:
    happenings = Happenings(iter(range(1_000)).__next__)
    for number in range(HAPPENINGS_MAX + 5):
        happenings.add(f"number {number}")
    kept = happenings.recent()
    assert len(kept) == HAPPENINGS_MAX and kept[0].text == "number 5"
    happenings.add(kept[-1].text)
    again = happenings.recent()
    assert again[:-1] == kept[:-1]
    assert again[-1].text == kept[-1].text and again[-1].at == kept[-1].at + 1
