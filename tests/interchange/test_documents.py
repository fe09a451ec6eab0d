from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import DataError, MissingFile
from longwave.interchange import _documents
from longwave.interchange._documents import (
    clean,
    list_in,
    map_in,
    maps_in,
    number,
    parse_json,
    read_bytes,
    read_json,
    read_lines,
    text,
    whole,
)


def test_document_is_read(tmp_path):
    (tmp_path / "a.json").write_text('{"a": [1, "é", NaN]}', "utf-8")
    assert read_json(tmp_path / "a.json")["a"][:2] == [1, "é"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"a": ', "is no JSON: Expecting value: line 1 column 7"),
        (b"\xff\xfe\xfa", "is no JSON"),
        (b"1" * 5000, "is no JSON: Exceeds the limit"),
        (b"[" * 100_000, "nested too deeply"),
    ],
    ids=["cut", "no-unicode", "huge-number", "deep"],
)
def test_damage_is_told_with_its_place(data, says):
    with pytest.raises(DataError, match=r'^"a\.json"') as caught:
        parse_json(data, '"a.json"')
    assert says in str(caught.value)


def test_missing_file_is_named(tmp_path):
    for read in (read_bytes, lambda path: list(read_lines(path))):
        with pytest.raises(MissingFile, match=r'No file ".*none\.json"'):
            read(tmp_path / "none.json")


def test_folder_in_the_place_of_a_file_is_refused(tmp_path):
    for read in (read_bytes, lambda path: list(read_lines(path))):
        with pytest.raises(DataError, match="cannot be read"):
            read(tmp_path)


def test_large_file_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(_documents, "LARGEST_FILE", 3)
    (tmp_path / "a.json").write_text("[1]2", "utf-8")
    with pytest.raises(DataError, match="has 4 bytes; accepted are 3 at most"):
        read_bytes(tmp_path / "a.json")


def test_lines_have_their_places_and_empty_ones_are_passed_over(tmp_path):
    (tmp_path / "a.jsonl").write_text("1\n\n  \n2", "utf-8")
    found = [(place.rpartition(", ")[2], line.strip()) for place, line in read_lines(tmp_path / "a.jsonl")]
    assert found == [("line 1", b"1"), ("line 4", b"2")]


def test_endless_line_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_documents, "LARGEST_LINE", 4)
    (tmp_path / "a.jsonl").write_text("1\n12345678\n", "utf-8")
    with pytest.raises(DataError, match=r"Line 2 of .* is longer than 4 bytes"):
        list(read_lines(tmp_path / "a.jsonl"))


def test_missing_and_null_are_empty():
    assert (map_in({}, "a", "x"), list_in({"a": None}, "a", "x"), maps_in({}, "a", "x")) == ({}, [], [])


@pytest.mark.parametrize(
    ("read", "value", "says"),
    [
        (map_in, [1], '"a" of x is a list ([1]); accepted is an object.'),
        (list_in, {"b": 1}, "\"a\" of x is an object ({'b': 1}); accepted is a list."),
        (maps_in, [{}, "z" * 90], f'"a[1]" of x is a text ({"z" * 60}...); accepted is an object.'),
        (map_in, 3, '"a" of x is a number (3)'),
        (map_in, True, '"a" of x is a truth value (True)'),
    ],
    ids=["list", "object", "member", "number", "truth"],
)
def test_wrong_kind_is_told_with_its_place(read, value, says):
    with pytest.raises(DataError) as caught:
        read({"a": value}, "a", "x")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((1, 1.0), ("-2.5", -2.5), (True, 1.0), ("nan", None), (float("inf"), None)),
        *(("x", None), (None, None), ([1], None), (10**400, None)),
    ],
)
def test_number_is_finite_or_none(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(3.0, 3), ("7", 7), (0, 0), (-1, None), (1.5, None), (2**60, None), (None, None)]
)
def test_whole_number_fits_or_is_none(value, expected):
    assert whole(value) == expected


def test_whole_number_above_a_bound_is_none():
    assert (whole(7, 7), whole(8, 7)) == (7, None)


@pytest.mark.parametrize(
    ("value", "expected"), [("é", "é"), (1, "1"), (True, "True"), (None, None), ([], None)]
)
def test_text_is_what_can_be_written_as_one(value, expected):
    assert text(value) == expected


@given(st.text(st.characters(codec=None)))
def test_cleaned_text_can_be_encoded_and_good_text_stays(value):
    found = clean(value)
    assert found.encode().decode() == found
    assert found == value or any("\ud800" <= sign <= "\udfff" for sign in value)
