"""Frames of ``mirrord top``: whatever there is to show fits whatever terminal there is, and says what is true."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.text import Text

from mirrord.cli.frames.canvas import Canvas, bar, beside, flowed, in_ascii, spread
from mirrord.cli.frames.frame import Around, Seen, frame, report
from mirrord.cli.frames.heat import columns_that_fit, heat_lines, heat_of
from mirrord.cli.terminal import keys_of
from mirrord.control.coverage_answer import coverage_answer, events_answer
from mirrord.control.snapshot import status_from_statistics
from mirrord.core.coverage.heatmap import heat_map
from mirrord.core.outside.types import OutsideAnswers
from mirrord.core.statistics import CollectionStatistics, DomainRisk, Happening, OutsideSource, ShardRole, Transfer
from tests.builders import AT, make_collection, make_node, make_shard, make_statistics, make_table

HOSTILE = "evil \x1b[2J\n\u202e" + "本" * 30
WIDE = Canvas(80)


def books(shards: int, **changes: object) -> CollectionStatistics:
    made = [
        make_shard(i, replicas=i % 6, target=4 if i < shards // 10 else 3, name=f"book-{i:03}") for i in range(shards)
    ]
    return make_collection(made, "books", **changes)


def seen(*collections: CollectionStatistics, columns: int = 60, **node: object) -> Seen:
    statistics = make_statistics(collections, node=make_node(**node))
    happened = [Happening(AT - 100_000 + 9_000 * i, f"thing {i}") for i in range(12)]
    return Seen(
        status_from_statistics(statistics, Transfer(), "0.1.0"),
        coverage_answer(statistics, collections[:1], columns) if collections else None,
        events_answer(AT, happened).events,
    )


def plain(lines: Sequence[Text]) -> list[str]:
    return [line.plain for line in lines]


@settings(deadline=None, max_examples=150)
@given(
    st.integers(1, 240),
    st.integers(1, 80),
    st.booleans(),
    st.integers(0, 400),
    st.integers(0, 3),
    st.sampled_from(["", "daemon unreachable: " + HOSTILE]),
)
def test_a_frame_has_the_size_of_its_terminal(
    width: int, height: int, unicode: bool, shards: int, others: int, alert: str
) -> None:
    more = [make_collection([make_shard(0, name=HOSTILE)], HOSTILE, 2 + i) for i in range(others)]
    look = seen(books(shards), *more, columns=columns_that_fit(width), fetching_paused=HOSTILE, clock_wrong=True)
    lines = frame(look, Around(AT, alert, "q quit", "every 2 s"), Canvas(width, height, unicode))
    assert len(lines) == height
    assert all(line.cell_len <= width for line in lines)
    text = "".join(plain(lines))
    assert text.isprintable()
    assert unicode or text.isascii()


def test_the_most_important_stays_where_there_is_little_room() -> None:
    lines = plain(frame(seen(books(300)), Around(AT, keys="q quit"), Canvas(80, 16)))
    assert "Lost here: 50 shards" in lines[2]
    assert lines[-1].startswith(" q quit")
    large = "\n".join(plain(frame(seen(books(300)), Around(AT), Canvas(80, 40))))
    for said in ("worst shards", "this node", "what happened last", "thing 11", "and 1"):
        assert said in large


def test_where_there_is_more_room_there_is_more_of_it() -> None:
    def happenings(canvas: Canvas) -> int:
        return sum("thing " in line for line in plain(frame(seen(books(300)), Around(AT), canvas)))

    counts = [happenings(Canvas(80, height)) for height in (24, 32, 60)]
    assert counts == sorted(set(counts)), counts
    assert happenings(Canvas(80)) == 12


def test_the_events_of_today_have_a_time_and_older_ones_a_day() -> None:
    lines = [line for line in plain(frame(seen(books(3)), Around(AT), Canvas(80, None))) if "thing " in line]
    assert (lines[0], lines[-1]) == (" 07:43:20  thing 11", " 14 Jan 04:13  thing 0")


def test_every_collection_has_a_tab_and_the_one_that_is_shown_is_always_seen() -> None:
    many = [make_collection([make_shard(0, replicas=i % 4)], f"collection-{i}", i) for i in range(1, 31)]
    statistics = make_statistics(many)
    look = Seen(status_from_statistics(statistics, Transfer(), ""), coverage_answer(statistics, many[24:25], 10), ())
    tabs = plain(frame(look, Around(AT), Canvas(80, 40)))[1]
    assert "collection-25" in tabs and tabs.startswith("< ")
    assert "collection-1 " in plain(frame(replace_shown(look, many[:1]), Around(AT), Canvas(80, 40)))[1]


def replace_shown(look: Seen, shown: list[CollectionStatistics]) -> Seen:
    return replace(look, coverage=coverage_answer(make_statistics(shown), shown, 10))


@pytest.mark.parametrize(
    ("node", "collection", "said"),
    [
        ({"clock_wrong": True}, {}, "the clock is wrong"),
        ({"key_elsewhere": True}, {}, "another machine announces itself"),
        ({"fetching_paused": "disk full: EDQUOT"}, {}, "fetching is paused: disk full: EDQUOT"),
        ({"stopping": True}, {}, "this node is stopping"),
        ({"used_bytes": 2 * 10**12}, {}, "more than the pledge is used"),
        ({"nodes_alive": 0}, {}, "no other node is heard"),
        ({}, {"is_admitted": False}, "this node does not count here"),
        ({}, {"leaving_by": 1_900_000_000}, "this node leaves the collection"),
    ],
)
def test_what_is_wrong_is_said_at_the_top(node: dict[str, object], collection: dict[str, object], said: str) -> None:
    lines = plain(frame(seen(books(3, **collection), **node), Around(AT), Canvas(80, 24)))
    assert said in lines[1]
    assert said not in "".join(plain(frame(seen(books(3)), Around(AT), Canvas(80, 24))))


def test_without_a_collection_it_says_how_to_join_one() -> None:
    assert any("mirrord collection join" in line for line in plain(frame(seen(), Around(AT), Canvas(80, 24))))


def test_a_report_has_domains_and_outside_seeders_beside() -> None:
    collection = books(6)
    table = collection.shards
    answers = OutsideAnswers(table.claimed.astype("int16"), table.facts.demand_ppb * 0.0 + AT - 7_200)
    collection = replace(collection, outside_answers={OutsideSource.TRACKER: answers})
    risk = DomainRisk("asn", "64496 " + HOSTILE, 3, 0.5, 2, 2 * 10**11, 4)
    collection.__dict__["durability"] = replace(collection.durability, domains=(risk,))
    answer = coverage_answer(make_statistics([collection]), [collection], 10)
    text = "\n".join(plain(report(answer, answer.collections[0], Canvas(100))))
    assert "(3 nodes, 50.0 % of all): 2 shards lost, 4 below target" in text
    assert "trackers: 1 with 0, 1 with 1, 1 with 2, 3 with 3+, 0 not known; answers up to 2 h old" in text


# --- the heat map ---------------------------------------------------------------------------------


def drawn(shards: int, canvas: Canvas = WIDE, tall: int = 1, target: int = 3) -> list[str]:
    made = [make_shard(i, replicas=i % 6, target=target) for i in range(shards)]
    return plain(heat_lines(heat_map(make_table(made), columns_that_fit(canvas.width)), canvas, tall))


def test_a_small_map_has_numbers_and_its_target() -> None:
    lines = drawn(6)
    assert [line.split()[0] for line in lines[:2]] == ["5+", "4"]
    assert lines[2].split()[:2] == ["target", "3"]
    assert [line.split()[-1] for line in lines[:6]] == ["1"] * 6
    assert lines[5].split()[1] == "1", "the most popular shard has no replica"
    assert "least popular, rank 6" in lines[6]


def test_a_large_map_has_blocks_and_its_rows_sum_up() -> None:
    lines = drawn(3_000)
    assert all(line.split()[-1] == "500" for line in lines[:6])
    assert all(set(line.split()[-2]) <= set("▁▂▃▄▅▆▇█") for line in lines[:6])
    assert len(lines[0]) <= 80


def test_without_unicode_blocks_are_tenths() -> None:
    lines = drawn(3_000, Canvas(80, unicode=False))
    assert all(line.isascii() for line in lines)
    assert set(lines[0].split()[-2]) <= set("123456789")


def test_targets_that_differ_stand_below_their_columns() -> None:
    made = [make_shard(i, replicas=3, target=5 if i < 3 else 12 if i == 3 else 3) for i in range(62)]
    lines = plain(heat_lines(heat_map(make_table(made), 62), WIDE))
    assert lines[-2].split() == ["target", "555+" + "3" * 58]


def test_a_tall_map_has_as_many_lines_a_row_and_one_label() -> None:
    lines = drawn(3_000, tall=3)
    assert len(lines) == 6 * 3 + 1
    assert sum("500" in line for line in lines) == 6


@given(st.integers(0, 500), st.integers(1, 200), st.integers(1, 3))
def test_a_map_fits_its_width_and_every_shard_is_in_a_total(shards: int, width: int, tall: int) -> None:
    made = [make_shard(i, replicas=(i * i) % 7) for i in range(shards)]
    shape = coverage_answer(make_statistics(), [make_collection(made)], columns_that_fit(width)).collections[0].heat_map
    lines = plain(heat_lines(heat_of(shape), Canvas(width), tall))
    assert all(len(line) <= width for line in lines)
    if width >= 40 and shards:
        totals = [line.split()[-1] for line in lines[: tall * len(shape.cells)] if line.split()]
        assert sum(int(total) for total in totals if total.isdigit()) == shards


# --- lines -----------------------------------------------------------------------------------------


def test_a_bar_is_never_empty_where_there_is_something_and_never_longer_than_full() -> None:
    assert [bar(WIDE, share, 4).plain for share in (0, 0.001, 0.5, 1, 7)] == ["░░░░", "█░░░", "██░░", "████", "████"]
    assert bar(Canvas(80, unicode=False), 0.5, 4).plain == "##.."


def test_both_ends_of_a_line_are_seen_and_the_left_one_gives_way() -> None:
    assert spread(Text("left"), Text("right"), 12).plain == "left   right"
    assert spread(Text("a long left"), Text("right"), 10).plain == "a lo…right"
    assert spread(Text("left"), Text("right"), 3).plain == "le…"


def test_pieces_flow_into_the_lines_that_there_are() -> None:
    pieces = [Text(word) for word in ("one", "two", "three", "four")]
    assert plain(flowed(Canvas(12), pieces, None, gap=1)) == ["one two", "three four"]
    assert plain(flowed(Canvas(12), pieces, 1, gap=1)) == ["one two four"]
    assert plain(beside([Text("a")], [Text("b"), Text("c")], 3, gap=1)) == ["a   b", "    c"]


def test_what_ascii_cannot_say_keeps_its_place() -> None:
    assert in_ascii(Text("Bücher 本…")).plain == "B?cher ??~"


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        (b"q", ["quit"]),
        (b"\tnp", ["next", "next", "previous"]),
        (b"\x1b[C\x1b[D\x1b[Z\x1bOC", ["next", "previous", "previous", "next"]),
        (b"x\x1b[15~\x1b[1;5Cq", ["quit"]),
        (b"\x1b", []),
        (b"\x1b[", []),
        ("ü本".encode(), []),
    ],
)
def test_keys(typed: bytes, keys: list[str]) -> None:
    assert list(keys_of(typed)) == keys


def test_what_is_under_way_is_shown_with_its_progress() -> None:
    fetched = make_shard(1, replicas=1, role=ShardRole.FETCHING, percent=45, name="book-001")
    text = "\n".join(plain(frame(seen(make_collection([make_shard(0), fetched])), Around(AT), Canvas(100, 40))))
    assert "fetching  book-001" in text and "45 %" in text
