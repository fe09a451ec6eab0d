from __future__ import annotations

import gzip
import re

import pytest

from longwave.errors import DataError, MissingFile
from longwave.scenarios import read_instances


@pytest.fixture
def rows_file(tmp_path):
    def write(text, name="rows.jsonl"):
        path = tmp_path / name
        data = text if isinstance(text, bytes) else text.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") and isinstance(text, str) else data)
        return path

    return write


def test_missing_fields_get_their_defaults(rows_file):
    (instance,) = read_instances(rows_file('{"input": "x"}'))
    assert (instance.id, instance.split, instance.references, instance.group) == ("id0", "test", (), None)


def test_gzip_and_plain_files_read_alike(rows_file):
    text = '{"id": "a", "input": "x"}\n\n{"id": "b", "input": "y"}\n'
    assert read_instances(rows_file(text)) == read_instances(rows_file(text, "rows.jsonl.gz"))


def test_a_line_separator_inside_a_string_does_not_end_the_row(rows_file):
    (instance,) = read_instances(rows_file('{"input": "one\u2028two"}'))
    assert instance.input == "one\u2028two"


def test_group_comes_from_extra_unless_the_row_names_one(rows_file):
    path = rows_file('{"input": "", "extra": {"k": 3}}\n{"input": "", "group": "g", "extra": {"k": 3}}')
    assert [instance.group for instance in read_instances(path, group_by="k")] == ["3", "g"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no rows"),
        ("{", "line 1 is not JSON"),
        ("[]", "line 1 holds list"),
        ('{"input": "x"}\n{"inputs": "x"}', 'line 2 has the unknown field "inputs". Did you mean "input"'),
        ('{"split": "dev"}', 'the split is "dev"'),
        ('{"input": 3}', '"input" is int; it must be str'),
        ('{"references": ["a"]}', "a reference is 'a'"),
        ('{"references": [{"text": "a", "tags": "correct"}]}', "the tags of a reference are 'correct'"),
        ('{"id": "a"}\n{"id": "a"}', 'line 2: the id "a" was used before'),
        (b"\xff", "not UTF-8 text"),
    ],
    ids=["empty", "no-json", "list", "unknown", "split", "type", "reference", "tags", "twice", "latin-1"],
)
def test_wrong_rows_are_refused_by_name_and_line(rows_file, text, message):
    with pytest.raises(DataError, match=re.escape(message)):
        read_instances(rows_file(text))


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(b'{"input": ""}')[:-9]], ids=["other", "cut"])
def test_a_damaged_gzip_file_is_refused(rows_file, data):
    with pytest.raises(DataError, match="cannot be read"):
        read_instances(rows_file(data, "rows.jsonl.gz"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFile, match="No rows file"):
        read_instances(tmp_path / "none.jsonl")
