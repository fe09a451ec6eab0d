from __future__ import annotations

import gzip
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import DataError, MissingFile
from longwave.scenarios import Instance, Reference, read_instances


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


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
instances = st.builds(
    Instance,
    id=texts.filter(bool),
    input=texts,
    references=st.lists(
        st.builds(Reference, text=texts, tags=st.sampled_from([(), ("correct",), ("x", "correct")])),
        max_size=3,
    ).map(tuple),
    split=st.sampled_from(["train", "valid", "test"]),
    group=st.none() | texts,
    extra=st.dictionaries(texts, st.integers() | texts, max_size=2),
)


@pytest.fixture(scope="module")
def round_trip(tmp_path_factory):
    """Return a function that writes instances as rows and reads them again."""
    folder = tmp_path_factory.mktemp("rows")

    def run(rows, ending, escape):
        lines = [
            json.dumps(
                {
                    "id": row.id,
                    "input": row.input,
                    "references": [{"text": ref.text, "tags": list(ref.tags)} for ref in row.references],
                    "split": row.split,
                    "group": row.group,
                    "extra": row.extra,
                },
                ensure_ascii=escape,
            )
            for row in rows
        ]
        path = folder / "rows.jsonl"
        path.write_bytes(ending.join(lines).encode())
        return read_instances(path)

    return run


@settings(max_examples=50)
@given(
    st.lists(instances, min_size=1, max_size=4, unique_by=lambda row: row.id),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    st.booleans(),
)
def test_rows_come_back_as_they_were_written(round_trip, rows, ending, escape):
    assert round_trip(rows, ending, escape) == rows


def test_nulls_mean_the_default(rows_file):
    row = '{"id": null, "input": null, "references": null, "split": null, "group": null, "extra": null}'
    (instance,) = read_instances(rows_file(row))
    assert instance == Instance(id="id0", input="", references=(), split="test")


def test_a_default_id_that_was_taken_is_told(rows_file):
    with pytest.raises(DataError, match='line 2: the id "id1" was used before'):
        read_instances(rows_file('{"id": "id1"}\n{}'))


def test_lines_are_counted_with_the_empty_ones(rows_file):
    with pytest.raises(DataError, match="line 4 is not JSON"):
        read_instances(rows_file('\n{"input": "x"}\n\n{'))


def test_a_byte_order_mark_is_no_text(rows_file):
    (instance,) = read_instances(rows_file(b'\xef\xbb\xbf{"input": "x"}'))
    assert instance.input == "x"


def test_a_row_nested_too_deep_is_refused(rows_file):
    with pytest.raises(DataError, match="line 1 is not JSON"):
        read_instances(rows_file('{"extra": ' + "[" * 200_000))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"id": 3}', '"id" is int; it must be str'),
        ('{"group": ["a"]}', '"group" is list; it must be str'),
        ('{"extra": "a"}', '"extra" is str; it must be dict'),
        ('{"references": {"text": "a"}}', '"references" is dict; it must be list'),
        ('{"references": [{"txt": "a"}]}', "a reference is {'txt': 'a'}"),
        ('{"references": [{"text": "a", "tag": []}]}', "a reference is"),
        ('{"references": [{"text": "a", "tags": [1]}]}', "the tags of a reference are [1]"),
        ('{"zzz": 1}', 'unknown field "zzz". Known: id'),
        ('"text"', "line 1 holds str"),
        ("null", "line 1 holds NoneType"),
    ],
)
def test_every_field_is_checked(rows_file, row, message):
    with pytest.raises(DataError, match=re.escape(message)):
        read_instances(rows_file(row))


def test_a_folder_is_no_rows_file(tmp_path):
    with pytest.raises(MissingFile, match="No rows file"):
        read_instances(tmp_path)


@pytest.mark.parametrize("value", [None, "h", 0, False])
def test_any_value_of_extra_names_a_group(rows_file, value):
    path = rows_file(json.dumps({"extra": {"k": value}}))
    assert read_instances(path, group_by="k")[0].group == str(value)


def test_a_row_without_the_key_has_no_group(rows_file):
    assert read_instances(rows_file('{"extra": {"other": 1}}'), group_by="k")[0].group is None
