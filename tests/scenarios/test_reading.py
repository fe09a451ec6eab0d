from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
import tarfile
import zipfile

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import DataError, MissingFile
from longwave.scenarios.reading import (
    SourceRow,
    list_tar_members,
    list_zip_members,
    parse_csv,
    parse_json,
    parse_jsonl,
    read_csv,
    read_json,
    read_jsonl,
    read_lines,
    read_parquet,
    read_tar_member,
    read_tar_members,
    read_text,
    read_tsv,
    read_zip_member,
)


@pytest.fixture
def make_file(tmp_path):
    def write(content, name="rows.jsonl"):
        path = tmp_path / name
        data = content if isinstance(content, bytes) else content.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") and isinstance(content, str) else data)
        return path

    return write


def values(rows):
    return [dict(row.values) for row in rows]


# fields of a row

ROW = SourceRow(
    '"f", row 1',
    {"s": "x", "n": 3, "f": 0.5, "d": "7", "b": True, "l": ["a", "b"], "m": {"k": 1}, "r": [{"k": "v"}]},
)


def test_fields_come_in_the_form_that_is_asked_for():
    assert (ROW.text("s"), ROW.integer("n"), ROW.number("f"), ROW.boolean("b")) == ("x", 3, 0.5, True)
    assert (ROW.texts("l"), ROW.items("l"), ROW.row("m")["k"]) == (["a", "b"], ["a", "b"], 1)
    assert [row.text("k") for row in ROW.rows("r")] == ["v"]


def test_numbers_may_be_written_as_text():
    assert (ROW.integer("d"), ROW.number("d"), ROW.number("n")) == (7, 7.0, 3.0)


def test_a_place_picks_one_of_the_options():
    assert ROW.choice("n", "abcd") == "d"


def test_a_row_tells_which_fields_it_has():
    assert "s" in ROW
    assert "z" not in ROW


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: ROW["z"], '"f", row 1: the field "z" is missing; there are: s, n'),
        (lambda: SourceRow('"f", row 1', {})["z"], "there are: none"),
        (lambda: ROW.text("n"), '"n" is int; it must be str'),
        (lambda: ROW.integer("f"), '"f" is float; it must be int'),
        (lambda: ROW.integer("b"), '"b" is bool; it must be int'),
        (lambda: ROW.integer("s"), '"s" is "x"; it must be a whole number'),
        (lambda: ROW.number("s"), '"s" is "x"; it must be a number'),
        (lambda: ROW.number("b"), '"b" is bool; it must be a number'),
        (lambda: ROW.boolean("n"), '"n" is int; it must be bool'),
        (lambda: ROW.texts("s"), '"s" is str; it must be list'),
        (lambda: ROW.texts("r"), '"r" holds dict; it must be a list of str'),
        (lambda: SourceRow("p", {"l": ["a", None]}).texts("l"), '"l" holds NoneType'),
        (lambda: ROW.row("l"), '"l" is list; it must be dict'),
        (lambda: ROW.rows("l"), '"l" holds str; it must be a list of dict'),
        (lambda: ROW.row("m").text("k"), '"f", row 1, m: "k" is int; it must be str'),
        (lambda: ROW.rows("r")[0].integer("k"), '"f", row 1, r[0]: "k" is "v"'),
        (lambda: ROW.choice("n", "abc"), '"n" is 3; accepted are 0 to 2'),
        (lambda: SourceRow("p", {"n": -1}).choice("n", "abc"), '"n" is -1; accepted are 0 to 2'),
    ],
)
def test_a_wrong_field_is_told_with_file_and_row(ask, message):
    with pytest.raises(DataError, match=re.escape(message)):
        ask()


# text, JSON, JSON lines


def test_only_a_line_feed_ends_a_line(make_file):
    assert list(read_lines(make_file("a\u2028b\r\nc\rd\n\ne"))) == ["a\u2028b", "c\rd", "", "e"]


def test_a_byte_order_mark_is_no_text(make_file):
    assert list(read_lines(make_file(b"\xef\xbb\xbfa\n"))) == ["a"]


def test_a_whole_text_has_its_line_ends_evened(make_file):
    assert read_text(make_file("a\r\nb\n")) == "a\nb"


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_json_lines_are_read_plain_and_compressed(make_file, name):
    path = make_file('{"a": 1}\n\n{"a": "\u2028"}\n', name)
    assert values(read_jsonl(path)) == [{"a": 1}, {"a": "\u2028"}]


def test_json_lines_in_memory_read_like_those_of_a_file(make_file):
    text = '{"a": 1}\r\n\r\n{"a": 2}\r\n'
    assert values(parse_jsonl(text.encode(), "here")) == values(read_jsonl(make_file(text)))


def test_rows_know_their_line(make_file):
    first, second = read_jsonl(make_file('{"a": 1}\n\n{"a": 2}\n'))
    assert first.place.endswith('rows.jsonl", line 1')
    assert second.place.endswith("line 3")


def test_a_json_file_is_one_value(make_file):
    assert read_json(make_file('{"a":\n[1, 2]}\n', "a.json")) == {"a": [1, 2]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}\n{', "line 2 is not JSON"),
        ("[1]", "line 1 holds list; it must be an object"),
        (b'{"a": 1}\n{"a": "\xff"}', "is not UTF-8 text (byte 7 of a line)"),
    ],
    ids=["no-json", "list", "latin-1"],
)
def test_wrong_json_lines_are_refused_by_line(make_file, content, message):
    with pytest.raises(DataError, match=re.escape(message)):
        list(read_jsonl(make_file(content)))


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(b'{"a": 1}' * 50)[:-9]], ids=["other", "cut"])
def test_a_damaged_gzip_file_is_refused(make_file, data):
    with pytest.raises(DataError, match="cannot be read"):
        list(read_jsonl(make_file(data, "rows.jsonl.gz")))


def test_a_value_nested_too_deep_is_no_json():
    with pytest.raises(DataError, match="here is not JSON"):
        parse_json("[" * 200_000, "here")


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(DataError, match=r"here is not UTF-8 text \(byte 1\)"):
        list(parse_jsonl(b"a\xff", "here"))


@pytest.mark.parametrize(
    "read",
    [
        lambda path: list(read_lines(path)),
        lambda path: list(read_parquet(path, ["a"])),
        list_zip_members,
        list_tar_members,
    ],
    ids=["lines", "parquet", "zip", "tar"],
)
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(MissingFile, match="nowhere"):
        read(tmp_path / "nowhere")


# tables

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=8)


@settings(max_examples=50)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5), st.sampled_from(",\t;"))
def test_csv_rows_come_back_as_they_were_written(rows, delimiter):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    found = parse_csv(text.getvalue().encode(), "here", delimiter=delimiter)
    assert values(found) == [{"a": a, "b": b} for a, b in rows]


def test_quoted_cells_may_hold_line_ends(make_file):
    path = make_file('a,b\n"one\ntwo","say ""x"""\n', "t.csv")
    assert values(read_csv(path)) == [{"a": "one\ntwo", "b": 'say "x"'}]


def test_a_file_without_names_gets_them(make_file):
    assert values(read_csv(make_file("1,2\n", "t.csv"), columns=["a", "b"])) == [{"a": "1", "b": "2"}]


def test_empty_lines_of_a_table_are_no_rows(make_file):
    assert values(read_csv(make_file("a,b\n\n1,2\n\n", "t.csv"))) == [{"a": "1", "b": "2"}]


def test_a_csv_row_of_other_width_is_refused(make_file):
    with pytest.raises(DataError, match=r't\.csv", line 3 has 1 cells; accepted are 2 \(a, b\)'):
        list(read_csv(make_file("a,b\n1,2\n3\n", "t.csv")))


def test_a_quote_that_never_ends_is_refused(make_file):
    with pytest.raises(DataError, match="is not CSV"):
        list(read_csv(make_file('a\n"' + "x\n" * 100_000, "t.csv")))


@pytest.mark.parametrize(
    ("line", "delimiter"), [("1\tq 2", "\t"), ("1   q2", None)], ids=["tab", "white-space"]
)
def test_plain_tables_are_split_without_quotes(make_file, line, delimiter):
    (row,) = read_tsv(make_file(line + "\n", "t.tsv"), ["a", "b"], delimiter=delimiter)
    assert (row.integer("a"), row.text("b").replace(" ", "")) == (1, "q2")


def test_quotes_of_a_plain_table_are_text(make_file):
    assert values(read_tsv(make_file('"x\t"\n', "t.tsv"), ["a", "b"])) == [{"a": '"x', "b": '"'}]


def test_a_line_of_other_width_is_refused(make_file):
    with pytest.raises(DataError, match=r"line 2 has 1 cells; accepted are 2 \(a, b\)"):
        list(read_tsv(make_file("1\t2\n3\n", "t.tsv"), ["a", "b"]))


def test_parquet_structs_and_lists_become_rows_and_lists(tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"q": ["x"], "c": [{"text": ["a", "b"]}], "n": [1], "unread": [0]}).write_parquet(path)
    (row,) = read_parquet(path, ["q", "c", "n"])
    assert (row.text("q"), row.row("c").texts("text"), row.integer("n")) == ("x", ["a", "b"], 1)
    assert "unread" not in row
    assert row.place.endswith('t.parquet", row 1')


@pytest.mark.parametrize("is_parquet", [True, False], ids=["other-columns", "no-parquet"])
def test_another_parquet_file_is_refused(tmp_path, is_parquet):
    path = tmp_path / "t.parquet"
    if is_parquet:
        pl.DataFrame({"b": [1]}).write_parquet(path)
    else:
        path.write_bytes(b"no parquet at all")
    with pytest.raises(DataError, match="cannot be read as Parquet with the columns a"):
        list(read_parquet(path, ["a"]))


# archives

FILES = {"d/one.txt": b"1", "d/two.json": b"{}"}


@pytest.fixture
def zipped(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("d/", b"")
        for name, data in FILES.items():
            archive.writestr(name, data)
    return path


@pytest.fixture(params=["a.tar", "a.tar.gz"])
def tarred(request, tmp_path):
    path = tmp_path / request.param
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as archive:
        link = tarfile.TarInfo("d/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name, data in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def test_files_of_a_zip_archive_are_read_in_memory(zipped):
    assert list_zip_members(zipped) == list(FILES)
    assert {name: read_zip_member(zipped, name) for name in FILES} == FILES


def test_files_of_a_tar_archive_are_read_in_memory_and_links_are_not(tarred):
    assert list_tar_members(tarred) == list(FILES)
    assert {name: read_tar_member(tarred, name) for name in FILES} == FILES
    assert dict(read_tar_members(tarred, lambda name: name.endswith(".json"))) == {"d/two.json": b"{}"}


def test_a_file_that_an_archive_lacks_is_named(zipped, tmp_path):
    with pytest.raises(DataError, match='holds no file "x"'):
        read_zip_member(zipped, "x")
    with tarfile.open(tmp_path / "b.tar", "w"):
        pass
    with pytest.raises(DataError, match='holds no file "x"'):
        read_tar_member(tmp_path / "b.tar", "x")


@pytest.mark.parametrize(
    ("read", "kind"),
    [(list_zip_members, "zip"), (list_tar_members, "tar")],
    ids=["zip", "tar"],
)
def test_what_is_no_archive_is_refused(make_file, read, kind):
    with pytest.raises(DataError, match=f"cannot be read as a {kind} archive"):
        read(make_file("no archive", "a.bin"))


def test_a_damaged_zip_member_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one", b"content")
    path.write_bytes(path.read_bytes().replace(b"content", b"CONTENT", 1))
    with pytest.raises(DataError, match=r'"one" in .* cannot be read'):
        read_zip_member(path, "one")


def test_a_tar_archive_that_breaks_off_is_refused(tmp_path):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("one")
        data = random.Random(0).randbytes(100_000)
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(DataError, match="cannot be read as a tar archive"):
        read_tar_member(path, "one")


def test_json_of_a_zip_member_is_read(zipped):
    assert parse_json(read_zip_member(zipped, "d/two.json"), "two") == json.loads("{}")
