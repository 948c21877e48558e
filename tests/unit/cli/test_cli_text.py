"""What a terminal gets to see: harmless, aligned, and never rounded up to all."""

import pytest

from mirrord.cli.table import Cell, Column, Screen, table_lines
from mirrord.cli.text import counted, cut, display_width, format_age, format_share, label, printable, wrap

PLAIN = Screen(colour=False, width=None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name", "plain name"),
        ("Bücher 本 é", "Bücher 本 é"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("two\nlines\r\ttab\x00\x7f", r"two\nlines\r\ttab\x00\x7f"),
        ("\x9b31m", r"\x9b31m"),
        ("right\u202eto left", r"right\u202eto left"),
        ("zero\u200bwidth\u2028", r"zero\u200bwidth\u2028"),
        ("\ud800", r"\ud800"),
    ],
)
def test_a_strangers_text_cannot_steer_the_terminal(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_width_is_what_the_eye_sees() -> None:
    assert display_width("abc") == 3
    assert display_width("本の棚") == 6
    assert display_width("e\u0301") == 1


def test_a_cut_says_that_something_is_missing() -> None:
    assert cut("abcdef", 6) == "abcdef"
    assert cut("abcdefg", 6) == "abcde…"
    assert cut("本の棚本の棚", 6) == "本の…"


def test_a_wrap_keeps_every_word_and_every_line_short() -> None:
    text = "claims: 7 of 9 nodes with a better rank stand " + "x" * 30
    lines = wrap(text, 12)
    assert all(display_width(line) <= 12 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert wrap("", 10) == [""]
    assert wrap("ab 本", 1) == ["a", "b", "本"], "where nothing fits, there is an end to it all the same"


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1.0, "100 %"), (0.9999999, "99.9 %"), (0.5, "50.0 %"), (0.29, "29.0 %"), (0.0001, "<0.1 %"), (0.0, "0.0 %")],
)
def test_only_all_is_100_percent_and_only_nothing_is_0(share: float, shown: str) -> None:
    assert format_share(share) == shown


def test_ages_and_counts_read_well() -> None:
    assert [format_age(s) for s in (-1, 0, 59.9, 60, 3600, 86_400 * 400)] == [
        "0 s",
        "0 s",
        "59 s",
        "1 min",
        "1 h",
        "400 d",
    ]
    assert counted(1, "shard") == "1 shard"
    assert counted(3000, "shard") == "3,000 shards"


def test_a_table_is_aligned_and_no_line_ends_in_blanks() -> None:
    columns = [Column("name"), Column("n", right=True), Column("note")]
    assert table_lines(PLAIN, columns, [["本", "7", "x"], ["long name", "10", ""]]) == [
        "name        n  note",
        "本          7  x",
        "long name  10",
    ]


def test_a_table_makes_its_cells_harmless_and_paints_only_where_there_is_colour() -> None:
    row: list[Cell | str] = ["\x1b]0;title\x07", Cell("7\n", "red")]
    columns = [Column("a"), Column("b")]
    assert "\x1b" not in "".join(table_lines(PLAIN, columns, [row]))
    coloured = table_lines(Screen(colour=True, width=80), columns, [row])[1]
    assert coloured == r"\x1b]0;title\x07  " + "\x1b[31m7\\n\x1b[0m"


def test_a_column_keeps_what_it_needs_at_least_and_another_gives_way() -> None:
    rows = [["n" * 50, "leaving, seeds until 2027-01-22 08:00 UTC at most"]]
    for least, lines in ((8, 9), (18, 4)):
        columns = [Column("name", flexible=True), Column("state", wrapped=True, least=least)]
        shown = table_lines(Screen(colour=False, width=40), columns, rows)
        assert len(shown) == lines and all(len(line) <= 40 for line in shown), shown


def test_a_collection_is_called_by_its_name_or_by_the_beginning_of_its_id() -> None:
    assert label("Bücher\n", "yaa4aaoaahaadqab") == r"Bücher\n (yaa4aaoa)"
    assert label("", "yaa4aaoaahaadqab") == "yaa4aaoa"


def test_a_table_fits_the_terminal_by_cutting_and_wrapping() -> None:
    columns = [Column("i", right=True), Column("name", flexible=True), Column("why", wrapped=True)]
    rows = [["1", "n" * 50, "because of this and of that and of many other things"]]
    lines = table_lines(Screen(colour=False, width=40), columns, rows)
    assert all(len(line) <= 40 for line in lines)
    assert len(lines) > 2 and "…" in lines[1]
    assert max(len(line) for line in table_lines(PLAIN, columns, rows)) > 100
