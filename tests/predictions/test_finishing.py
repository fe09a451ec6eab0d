"""A finished run is one shard a table, whatever happened on the way."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from longwave.errors import StorageError
from longwave.predictions import (
    KEY,
    _shards,
    append_side,
    count_answers,
    drop_failed,
    drop_rows,
    finish_run,
    read_predictions,
    read_side,
    store,
    write_predictions,
)
from longwave.predictions._shards import list_shards

RUN = "0123456789abcdef"


def rows(names, model="m"):
    key = dict.fromkeys(KEY, "x") | {"model": model, "trial": 0, "perturbation": None}
    return pl.DataFrame([{**key, "instance": name, "run": RUN} for name in names])


def requests(names):
    return pl.DataFrame([{"request_hash": name, "prompt": f"p{name}"} for name in names])


def write(folder, *parts, place="000000 0.0"):
    for names in parts:
        append_side(folder, "requests", requests(names), run=RUN, place=place)
        write_predictions(folder, rows(names), run=RUN, place=place)


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*/*.parquet"))}


def test_pieces_become_one_shard_of_the_same_rows(tmp_path):
    write(tmp_path, "ab", "c", "de")
    before = read_predictions(tmp_path)
    finish_run(tmp_path, RUN)
    assert len(list_shards(tmp_path / "predictions")) == 1
    assert_frame_equal(read_predictions(tmp_path), before)


@pytest.mark.parametrize("parts", [["a", "b", "c", "d"], ["ab", "cd"], ["abc", "d"]], ids=str)
def test_how_it_was_cut_leaves_no_trace(tmp_path, parts):
    write(tmp_path / "one", "abcd")
    write(tmp_path / "many", *parts)
    for name in ("one", "many"):
        finish_run(tmp_path / name, RUN)
    assert content(tmp_path / "one") == content(tmp_path / "many")


def test_the_place_in_the_plan_orders_what_several_processes_wrote(tmp_path):
    write(tmp_path / "one", "abcd")
    write(tmp_path / "two", "cd", place="000000 0.5")
    write(tmp_path / "two", "ab", place="000000 0.0")
    for name in ("one", "two"):
        finish_run(tmp_path / name, RUN)
    assert_frame_equal(read_predictions(tmp_path / "one"), read_predictions(tmp_path / "two"))


def test_a_request_that_was_written_twice_is_kept_once(tmp_path):
    write(tmp_path / "once", "ab", "cd")
    append_side(tmp_path / "twice", "requests", requests("aab"), run=RUN, place="000000 0.0")
    append_side(tmp_path / "twice", "requests", requests("bcd"), run=RUN, place="000000 0.0")
    for name in ("once", "twice"):
        finish_run(tmp_path / name, RUN)
    assert_frame_equal(read_side(tmp_path / "once", "requests"), read_side(tmp_path / "twice", "requests"))


def test_finishing_twice_changes_nothing(tmp_path):
    write(tmp_path, "a", "b")
    finish_run(tmp_path, RUN)
    before = content(tmp_path)
    finish_run(tmp_path, RUN)
    assert content(tmp_path) == before


@pytest.mark.parametrize("stop_at", ["replace", "unlink"])
def test_a_kill_while_it_finishes_loses_and_doubles_no_row(tmp_path, monkeypatch, stop_at):
    write(tmp_path, "a", "b")
    before = read_predictions(tmp_path)
    calls = []

    def killed(path, *args, **kwargs):
        calls.append(path)
        if len(calls) == 2:  # of replace: the whole is not there yet; of unlink: one piece is gone
            raise KeyboardInterrupt
        return original(path, *args, **kwargs)

    original = getattr(Path, stop_at)
    with monkeypatch.context() as patch:
        patch.setattr(Path, stop_at, killed)
        with pytest.raises(KeyboardInterrupt):
            finish_run(tmp_path, RUN)
    assert_frame_equal(read_predictions(tmp_path), before)
    finish_run(tmp_path, RUN)
    assert_frame_equal(read_predictions(tmp_path), before)
    assert [path.name for path in (tmp_path / "predictions").iterdir()] == [f"part-00000001-{RUN}.parquet"]


def test_rows_of_other_runs_stay_where_they_are(tmp_path):
    write_predictions(tmp_path, rows("xy", model="other"), run="f" * 16)
    write(tmp_path, "a", "b")
    write_predictions(tmp_path, rows("z", model="late"))
    finish_run(tmp_path, RUN)
    assert read_predictions(tmp_path)["instance"].to_list() == list("xyabz")
    assert len(list_shards(tmp_path / "predictions")) == 3


def test_an_empty_folder_has_nothing_to_finish(tmp_path):
    finish_run(tmp_path, RUN)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_pieces(tmp_path, monkeypatch):
    write(tmp_path, "a", "b")
    before = content(tmp_path)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.LazyFrame, "sink_parquet", full)
    with pytest.raises(StorageError, match="No space left"):
        finish_run(tmp_path, RUN)
    assert content(tmp_path) == before


def test_floors_are_no_answers(tmp_path):
    assert count_answers(tmp_path) == 0
    write(tmp_path, "ab")
    write_predictions(tmp_path, rows("ab", model="floor:random"))
    assert count_answers(tmp_path) == 2


def test_failed_rows_are_dropped_and_the_rest_stays(tmp_path):
    failed = rows("bc").with_columns(error=pl.lit("no answer"))
    write_predictions(tmp_path, pl.concat([rows("a"), failed], how="diagonal"), run=RUN)
    write_predictions(tmp_path, rows("d"), run=RUN)
    write_predictions(tmp_path, failed.with_columns(model=pl.lit("other")), run="f" * 16)
    assert drop_failed(tmp_path) == 4
    assert read_predictions(tmp_path)["instance"].to_list() == ["a", "d"]
    assert drop_failed(tmp_path) == 0
    finish_run(tmp_path, RUN)
    assert len(list_shards(tmp_path / "predictions")) == 1


def test_failed_rows_of_another_day_stay(tmp_path):
    failed = rows("ab").with_columns(error=pl.lit("no answer"))
    days = [failed.with_columns(date=pl.lit(day)) for day in ("2026-01-01", "2026-02-01")]
    write_predictions(tmp_path, pl.concat(days), run=RUN)
    assert drop_failed(tmp_path, date="2026-02-01") == 2
    assert read_predictions(tmp_path)["date"].unique().to_list() == ["2026-01-01"]


def test_rows_that_are_picked_are_dropped_and_null_is_no_pick(tmp_path):
    write(tmp_path, "ab", "c")
    untouched = content(tmp_path / ".")
    assert drop_rows(tmp_path, pl.col("error") == "x") == 0
    assert content(tmp_path / ".") == untouched
    assert drop_rows(tmp_path, pl.col("instance").is_in(["b", "c"])) == 2
    assert read_predictions(tmp_path)["instance"].to_list() == ["a"]


def test_a_table_that_is_written_anew_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    write(tmp_path, "a", "b")
    real = _shards.read_shards
    calls = []

    def slow(paths, table):
        calls.append(paths)
        if len(calls) == 1:
            finish_run(tmp_path, RUN)
        return real(paths, table)

    monkeypatch.setattr(store, "read_shards", slow)
    assert read_predictions(tmp_path)["instance"].to_list() == ["a", "b"]
    assert [len(paths) for paths in calls] == [2, 1]
