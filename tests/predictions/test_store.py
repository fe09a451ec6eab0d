"""The store: what is written comes back, once, whole, and in order."""

from __future__ import annotations

import os
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from longwave.errors import MissingFile, StorageError, TableError, UnknownName
from longwave.predictions import (
    INSTANCES,
    KEY,
    REQUESTS,
    SCHEMA,
    SCORES,
    append_side,
    done_keys,
    join_instances,
    read_predictions,
    read_side,
    skip_done,
    write_predictions,
)


def test_written_rows_come_back(tmp_path, make_rows):
    rows = make_rows(3)
    write_predictions(tmp_path, rows)
    assert_frame_equal(read_predictions(tmp_path).select(rows.columns), rows)


def test_missing_columns_become_null(tmp_path, make_rows):
    write_predictions(tmp_path, make_rows(2))
    assert read_predictions(tmp_path)["confidence"].null_count() == 2


def test_read_frame_has_the_schema_in_order(tmp_path, make_rows):
    write_predictions(tmp_path, make_rows(1).select(reversed(make_rows(1).columns)))
    assert read_predictions(tmp_path).schema == SCHEMA


def test_shards_are_read_in_the_order_of_writing(tmp_path, make_rows):
    for start in range(12):
        write_predictions(tmp_path, make_rows(1, start))
    assert read_predictions(tmp_path)["instance"].to_list() == [f"id{i}" for i in range(12)]


def test_frame_without_rows_writes_no_file(tmp_path, make_rows):
    assert write_predictions(tmp_path, make_rows(0)) is None
    assert not (tmp_path / "predictions").exists()


@pytest.mark.parametrize("where", ["", "predictions", "file"])
def test_table_is_found_from(tmp_path, make_rows, where):
    shard = write_predictions(tmp_path, make_rows(2))
    path = shard if where == "file" else tmp_path / where
    assert len(read_predictions(str(path))) == 2


@pytest.mark.parametrize("name", ["run [1]", "date=2024", "a*b", "ünï"])
def test_folder_name_is_no_pattern(tmp_path, make_rows, name):
    write_predictions(tmp_path / name, make_rows(2))
    assert read_predictions(tmp_path / name).schema == SCHEMA


def test_empty_folder_reads_as_an_empty_frame_with_the_schema(tmp_path):
    frame = read_predictions(tmp_path)
    assert (len(frame), frame.schema) == (0, SCHEMA)


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(MissingFile, match="nowhere"):
        read_predictions(tmp_path / "nowhere")


def test_duplicate_within_the_rows_is_refused(tmp_path, make_rows):
    with pytest.raises(TableError, match=r"twice in the rows to write, first: .*instance 'id0'"):
        write_predictions(tmp_path, pl.concat([make_rows(2), make_rows(1)]))


def test_duplicate_of_an_existing_row_is_refused(tmp_path, make_rows):
    write_predictions(tmp_path, make_rows(3))
    with pytest.raises(TableError, match=r"1 rows have a key that is in .* already.*skip_done"):
        write_predictions(tmp_path, make_rows(2, 2))


def test_refused_rows_leave_the_table_as_it_was(tmp_path, make_rows):
    write_predictions(tmp_path, make_rows(3))
    with pytest.raises(TableError):
        write_predictions(tmp_path, make_rows(2, 2))
    assert len(read_predictions(tmp_path)) == 3


def test_null_perturbation_is_a_value_of_the_key(tmp_path, make_rows):
    write_predictions(tmp_path, make_rows(1))
    write_predictions(tmp_path, make_rows(1, perturbation="typos"))
    assert read_predictions(tmp_path)["perturbation"].to_list() == [None, "typos"]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([None, "typos"]), st.integers(0, 1)),
        unique=True,
        max_size=8,
    )
)
def test_rows_of_distinct_keys_all_come_back(tmp_path_factory, keys):
    folder = tmp_path_factory.mktemp("out")
    rows = pl.DataFrame(
        [
            ("s@1", f"id{i}", "m", "1", "2026-01-31", "p", perturbation, trial)
            for i, perturbation, trial in keys
        ],
        schema={name: SCHEMA[name] for name in KEY},
        orient="row",
    )
    for part in range(len(rows)):
        write_predictions(folder, rows[part : part + 1])
    assert_frame_equal(read_predictions(folder).select(KEY), rows)


def test_done_keys_are_the_keys_of_all_shards(tmp_path, make_rows):
    write_predictions(tmp_path, make_rows(2))
    write_predictions(tmp_path, make_rows(1, 2, error="timed out"))
    assert_frame_equal(done_keys(tmp_path), make_rows(3).select(KEY))


def test_done_keys_of_a_new_folder_are_none(tmp_path):
    assert done_keys(tmp_path / "new").schema == pl.Schema({name: SCHEMA[name] for name in KEY})


def test_skip_done_keeps_what_is_left_and_its_other_columns(tmp_path, make_rows):
    write_predictions(tmp_path, make_rows(2))
    plan = make_rows(4).select(KEY).with_columns(text=pl.Series(["a", "b", "c", "d"]), trial=pl.lit(0))
    assert skip_done(plan, tmp_path)["text"].to_list() == ["c", "d"]


def test_skip_done_tells_perturbed_from_original(tmp_path, make_rows):
    write_predictions(tmp_path, make_rows(1, perturbation="typos"))
    assert len(skip_done(make_rows(1).select(KEY), tmp_path)) == 1


def test_full_disk_raises_storage_error_and_leaves_nothing_half_written(tmp_path, make_rows, monkeypatch):
    write_predictions(tmp_path, make_rows(2))
    before = sorted((tmp_path / "predictions").iterdir())

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        write_predictions(tmp_path, make_rows(2, 2))
    assert sorted((tmp_path / "predictions").iterdir()) == before


def test_work_goes_on_after_a_full_disk(tmp_path, make_rows, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", _fail)
        with pytest.raises(StorageError, match="Free some space"):
            write_predictions(tmp_path, make_rows(2))
    write_predictions(tmp_path, make_rows(2))
    assert len(read_predictions(tmp_path)) == 2


def _fail(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_folder_that_is_a_file_raises_storage_error(tmp_path, make_rows):
    (tmp_path / "out").write_text("")
    with pytest.raises(StorageError, match="Cannot write to"):
        write_predictions(tmp_path / "out", make_rows(1))


def test_hundred_thousand_rows_take_seconds_at_most(tmp_path, make_rows):
    rows = make_rows(100_000)
    start = time.perf_counter()
    write_predictions(tmp_path, rows)
    write_predictions(tmp_path, make_rows(1, 100_000))
    assert len(read_predictions(tmp_path)) == 100_001
    assert time.perf_counter() - start < 5  # about 0.3 s on two idle cores


@pytest.mark.parametrize(
    ("table", "schema"),
    [("requests", REQUESTS), ("instances", INSTANCES), ("scores", SCORES)],
    ids=lambda x: str(x)[:9],
)
def test_missing_side_table_is_an_empty_one(tmp_path, table, schema):
    frame = read_side(tmp_path, table)
    assert (len(frame), frame.schema) == (0, schema)


def test_side_table_keeps_the_last_row_of_a_key(tmp_path):
    for text in ("old", "new"):
        append_side(tmp_path, "requests", pl.DataFrame({"request_hash": ["a"], "completions": [[text]]}))
    assert read_side(tmp_path, "requests")["completions"].to_list() == [["new"]]


def test_side_rows_of_other_keys_stay(tmp_path):
    shared = {"scenario": ["s@1"] * 2, "instance": ["id0"] * 2, "input": ["A b", "a b"]}
    append_side(tmp_path, "instances", pl.DataFrame({**shared, "perturbation": [None, "lowercase"]}))
    assert read_side(tmp_path, "instances")["input"].to_list() == ["A b", "a b"]


def test_scores_are_keyed_by_metric_too(tmp_path, make_rows):
    for metric in ("token_f1", "exact_match"):
        rows = make_rows(1).select(KEY).with_columns(metric=pl.lit(metric), value=pl.lit(0.5))
        append_side(tmp_path, "scores", rows)
    assert read_side(tmp_path, "scores")["metric"].to_list() == ["token_f1", "exact_match"]


def test_appending_no_rows_writes_no_file(tmp_path):
    assert append_side(tmp_path, "requests", pl.DataFrame(schema=REQUESTS)) is None


@pytest.mark.parametrize("name", ["request", "predictions"])
def test_unknown_side_table_is_refused(tmp_path, name):
    with pytest.raises(UnknownName, match="Unknown side table"):
        append_side(tmp_path, name, pl.DataFrame())


def test_side_table_of_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(MissingFile, match="nowhere"):
        read_side(tmp_path / "nowhere", "requests")


def _instances() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "scenario": ["boolq@1"] * 3,
            "instance": ["id0", "id0", "id1"],
            "perturbation": [None, "typos", None],
            "input": ["Is it?", "Is ut?", "Was it?"],
            "references": [["Yes", "No"]] * 3,
            "correct_references": [[0], [0], [1]],
        }
    )


def test_join_takes_the_input_of_the_same_perturbation(make_rows):
    rows = pl.concat([make_rows(2), make_rows(1, perturbation="typos")])
    assert join_instances(rows, _instances())["input"].to_list() == ["Is it?", "Was it?", "Is ut?"]


def test_join_keeps_rows_without_an_instance(make_rows):
    assert join_instances(make_rows(3), _instances())["input"].to_list() == ["Is it?", "Was it?", None]


def test_join_never_multiplies_rows(make_rows):
    twice = pl.concat([_instances(), _instances()])
    assert len(join_instances(make_rows(3), twice)) == 3


def test_join_keeps_the_columns_of_the_predictions(make_rows):
    rows = make_rows(2, group="a")
    assert_frame_equal(join_instances(rows, _instances()).select(rows.columns), rows)


def test_join_refuses_a_frame_without_the_key(make_rows):
    with pytest.raises(TableError, match=r'"instance" of the predictions is missing'):
        join_instances(make_rows(1).drop("instance"), _instances())
