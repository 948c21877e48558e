"""A catalogue is read row by row; what is wrong is named with its file and its row."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirrord.collections.catalogue import COUNT_MAX, CatalogueRow, open_catalogue, write_catalogue
from mirrord.core.errors import CollectionError
from mirrord.core.records.kinds import Quality


def rows_of(path: Path) -> list[CatalogueRow]:
    with open_catalogue(path) as catalogue:
        return list(catalogue.rows())


def csv_of(folder: Path, text: str | bytes) -> Path:
    path = folder / "catalogue.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def sqlite_of(folder: Path, create: str, rows: list[tuple[object, ...]] | None = None) -> Path:
    path = folder / "catalogue.sqlite"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(create)
        for row in rows or []:
            database.execute(f"INSERT INTO catalogue VALUES ({', '.join('?' * len(row))})", row)
        database.commit()
    return path


def test_a_csv_catalogue_is_read_as_rfc_4180_says(tmp_path: Path) -> None:
    path = csv_of(
        tmp_path,
        "\ufeffpath,popularity,demand,title,identifiers,rights,quality,codec\r\n"
        'a/b.ogg,10,99,"He said ""hi"", twice","isrc:X\nmbid:Y",CC0,original,vorbis\r\n'
        "\r\n"
        "ü.ogg,0,,,,,,\r\n",
    )
    assert rows_of(path) == [
        CatalogueRow("a/b.ogg", 10, 99, 'He said "hi", twice', "isrc:X\nmbid:Y", "CC0", Quality.ORIGINAL, "vorbis", 2),
        CatalogueRow("ü.ogg", 0, 0, number=4),
    ]


def test_columns_come_in_any_order_and_foreign_ones_are_ignored(tmp_path: Path) -> None:
    path = csv_of(tmp_path, " Popularity ,colour,PATH\n7,red,a\n")
    assert rows_of(path) == [CatalogueRow("a", 7, number=2)]


def test_an_sqlite_catalogue_gives_the_same_rows(tmp_path: Path) -> None:
    create = "CREATE TABLE catalogue (path TEXT, popularity, demand, title, identifiers, rights, quality, codec)"
    path = sqlite_of(
        tmp_path,
        create,
        [("a", 3, 5, "T", 42, "CC0", "reencoded", "opus"), ("b", "4", None, None, None, None, None, None)],
    )
    assert rows_of(path) == [
        CatalogueRow("a", 3, 5, "T", "42", "CC0", Quality.REENCODED, "opus", 1),
        CatalogueRow("b", 4, 0, number=2),
    ]


def test_an_sqlite_file_whose_schema_is_no_text_is_refused(tmp_path: Path) -> None:
    path = sqlite_of(tmp_path, "CREATE TABLE catalogue (path, popularity)", [])
    path.write_bytes(path.read_bytes().replace(b"TABLE catalogue", b"TABLE\xe8\x8fatalogue"))
    with pytest.raises(CollectionError, match="cannot be read"):
        rows_of(path)


def test_an_sqlite_catalogue_may_be_a_view_under_a_hard_name(tmp_path: Path) -> None:
    folder = tmp_path / "100% öd ?#"
    folder.mkdir()
    path = sqlite_of(
        folder,
        "CREATE TABLE t (p TEXT, n REAL); INSERT INTO t VALUES ('x', 2.0);"
        "CREATE VIEW catalogue AS SELECT p AS path, n AS popularity FROM t",
    )
    assert rows_of(path) == [CatalogueRow("x", 2, number=1)]


@pytest.mark.parametrize(
    ("text", "complaint", "hint"),
    [
        ("", "column 'path' is missing", "nothing"),
        ("path,popularty\na,1\n", "column 'popularity' is missing", "did you mean 'popularty'?"),
        ("file,popularity\na,1\n", "column 'path' is missing", "file, popularity"),
        ("path;popularity\na;1\n", "column 'path' is missing", "path;popularity"),
        ("path,popularity,path\na,1,b\n", "column 'path' is there 2 times", ""),
        ("path,popularity\na,1\nb,-3\n", "row 3: 'b': popularity '-3' is negative", "write 0"),
        ("path,popularity\na,1.5\n", "row 2: 'a': popularity '1.5' is not a whole number", "write 0"),
        ("path,popularity\na,\n", "row 2: 'a': popularity '' is not a whole number", "write 0"),
        ("path,popularity\na,²\n", "row 2: 'a': popularity '²' is not a whole number", ""),
        (f"path,popularity\na,{COUNT_MAX + 1}\n", "is not a whole number up to", ""),
        ("path,popularity\na," + "9" * 5_000 + "\n", "is not a whole number up to", ""),
        ("path,popularity,demand\na,1,many\n", "row 2: 'a': demand 'many' is not", ""),
        ("path,popularity\n,1\n", "row 2: the path is empty", ""),
        ("path,popularity\na,1,2\n", "row 2: 3 fields, but the header has 2", "quote"),
        ("path,popularity\na\n", "row 2: 1 fields, but the header has 2", "quote"),
        ("path,popularity,quality\na,1,lossy\n", "row 2: quality 'lossy' is unknown", "reencoded"),
        ('path,popularity\n"a"b,1\n', "line 2", "RFC 4180"),
        ('path,popularity\n"a,1\n', "line 2", "RFC 4180"),
        ("path,popularity,title\na,1," + "x" * 200_000 + "\n", "line 2", "RFC 4180"),
        ("path,popularity\n" + "x" * 2_000_000, "line 2 has more than", "catalogue?"),
        (b"path,popularity\na,1\nb\xff,1\n", "not UTF-8", "UTF-8"),
    ],
)
def test_what_is_wrong_in_a_csv_is_named(tmp_path: Path, text: str | bytes, complaint: str, hint: str) -> None:
    path = csv_of(tmp_path, text)
    with pytest.raises(CollectionError) as caught:
        rows_of(path)
    assert caught.value.message.startswith(str(path))
    assert complaint in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("create", "rows", "complaint"),
    [
        ("CREATE TABLE other (path)", [], "no table named 'catalogue'"),
        ("CREATE TABLE catalogue (path, popularity)", [("a", 1), ("b", -1)], "row 2: 'b': popularity '-1' is negative"),
        ("CREATE TABLE catalogue (path, popularity)", [("a", 1.5)], "row 1: 'a': popularity '1.5' is not"),
        ("CREATE TABLE catalogue (path, popularity)", [("a", None)], "row 1: 'a': popularity '' is not"),
        ("CREATE TABLE catalogue (path, popularity)", [(b"\xff", 1)], "is not text"),
        ("CREATE TABLE catalogue (path, popularity)", [("x" * 2_000_000, 1)], "after row 0"),
        ("CREATE TABLE catalogue (path)", [("a",)], "column 'popularity' is missing"),
    ],
)
def test_what_is_wrong_in_an_sqlite_file_is_named(
    tmp_path: Path, create: str, rows: list[tuple[object, ...]], complaint: str
) -> None:
    path = sqlite_of(tmp_path, create, rows)
    with pytest.raises(CollectionError) as caught:
        rows_of(path)
    assert caught.value.message.startswith(str(path))
    assert complaint in caught.value.message


def test_a_torn_sqlite_file_is_an_error_of_ours(tmp_path: Path) -> None:
    path = sqlite_of(tmp_path, "CREATE TABLE catalogue (path, popularity)", [(f"{i:0900d}", 1) for i in range(100)])
    data = path.read_bytes()
    path.write_bytes(data[:8192] + bytes(len(data) - 8192))
    with pytest.raises(CollectionError, match="cannot be read"):
        rows_of(path)


@pytest.mark.parametrize("name", ["absent.csv", "."])
def test_a_catalogue_that_is_not_there_is_an_error_of_ours(tmp_path: Path, name: str) -> None:
    with pytest.raises(CollectionError, match="cannot be read"):
        rows_of(tmp_path / name)


def test_a_column_that_is_nearly_a_known_one_is_pointed_out(tmp_path: Path) -> None:
    with open_catalogue(csv_of(tmp_path, "path,popularity,demnd,colour\na,1,5,red\n")) as catalogue:
        (note,) = catalogue.header.notes
        assert "'demnd' is ignored; did you mean 'demand'?" in note
        assert next(catalogue.rows()).demand is None


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_ROW = st.builds(
    CatalogueRow,
    _TEXT.filter(bool),
    st.integers(0, COUNT_MAX),
    st.integers(0, COUNT_MAX),
    _TEXT,
    _TEXT,
    _TEXT,
    st.sampled_from(Quality),
    _TEXT,
)


@settings(deadline=None)
@given(st.lists(_ROW, max_size=5))
def test_a_written_catalogue_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[CatalogueRow]) -> None:
    path = tmp_path_factory.mktemp("catalogue") / "catalogue.csv"
    write_catalogue(path, rows)
    read = rows_of(path)
    assert [row.number for row in read] == list(range(2, 2 + len(rows)))
    assert [replace(row, number=0) for row in read] == rows
