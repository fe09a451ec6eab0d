"""The source of rows: one scenario at a time gives what the whole tables hold, from shards of any kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from longwave.errors import TableError
from longwave.predictions import (
    REQUESTS,
    SCHEMA,
    append_side,
    read_predictions,
    read_side,
    write_predictions,
)
from longwave.report import source as module
from longwave.report.source import OVERVIEW, FolderSource, FrameSource, describe_rows, name_systems

Rows = Callable[..., pl.DataFrame]


@pytest.fixture(params=["mixed_folder", "plain_folder"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def in_memory(folder: Path) -> FrameSource:
    return FrameSource(
        read_predictions(folder),
        requests=read_side(folder, "requests"),
        instances=read_side(folder, "instances"),
        scores=read_side(folder, "scores"),
    )


def test_a_folder_gives_what_its_tables_hold(folder: Path) -> None:
    disk, memory = FolderSource(folder), in_memory(folder)
    assert_frame_equal(disk.overview, memory.overview)
    for scenario in disk.overview["scenario"].unique():
        for name in ("rows", "requests", "instances", "scores"):
            parts = [getattr(one.part(scenario), name) for one in (disk, memory)]
            assert_frame_equal(*parts, check_row_order=name == "rows")


def test_blocks_of_the_requests_are_found_one_by_one(
    plain_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROW_GROUP", 7)
    disk, memory = FolderSource(plain_folder), in_memory(plain_folder)
    for scenario in ("boolq@1", "books@1"):
        parts = [one.part(scenario).requests.sort("request_hash") for one in (disk, memory)]
        assert_frame_equal(*parts)
        assert len(parts[0])


def test_the_last_of_two_rows_of_a_request_counts(tmp_path: Path, rows: Rows) -> None:
    frame = rows(("s", "a", "m", None, 1.0)).select(list(SCHEMA)).with_columns(request_hash=pl.lit("h"))
    write_predictions(tmp_path, frame)
    for prompt in ("old", "new"):
        row = {**dict.fromkeys(REQUESTS), "request_hash": "h", "prompt": prompt}
        append_side(tmp_path, "requests", pl.DataFrame([row], schema=REQUESTS))
    assert FolderSource(tmp_path).part("s").requests["prompt"].to_list() == ["new"]


def test_only_shards_with_rows_of_the_scenario_are_read(tmp_path: Path, rows: Rows) -> None:
    for scenario in ("s", "t"):
        write_predictions(tmp_path, rows((scenario, "a", "m", None, 1.0)).select(list(SCHEMA)))
    source = FolderSource(tmp_path)
    shards = sorted((tmp_path / "predictions").glob("*.parquet"))
    shards[1].write_bytes(b"damaged since")
    assert len(source.part("s").rows) == 1
    with pytest.raises(TableError, match=shards[1].name):
        source.part("t")


def test_plain_files_of_another_form_are_brought_into_ours(tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "predictions").mkdir()
    frame = rows(("s", "a", "m", None, 1.0)).select(list(SCHEMA)).drop("cost_usd", "group")
    frame.with_columns(pl.col("trial").cast(pl.Int8)).write_parquet(
        tmp_path / "predictions" / "part-1.parquet"
    )
    part = FolderSource(tmp_path).part("s")
    assert part.rows["cost_usd"].to_list() == [None]
    assert part.rows["trial"].dtype == pl.Int32


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [("score", float("nan"), "NaN"), ("confidence", 1.5, "confidence"), ("model", None, "model")],
    ids=["nan", "no-probability", "null-key"],
)
def test_values_that_break_the_schema_are_told_with_their_file(
    tmp_path: Path, rows: Rows, column: str, value: object, message: str
) -> None:
    (tmp_path / "predictions").mkdir()
    frame = rows(("s", "a", "m", None, 1.0)).select(list(SCHEMA))
    frame = frame.with_columns(pl.lit(value, SCHEMA[column]).alias(column))
    frame.write_parquet(tmp_path / "predictions" / "part-1.parquet")
    with pytest.raises(TableError, match=rf"part-1\.parquet.*{message}"):
        FolderSource(tmp_path).part("s")


def test_an_empty_folder_has_an_empty_overview(tmp_path: Path) -> None:
    source = FolderSource(tmp_path)
    assert source.overview.schema == OVERVIEW
    assert not len(source.overview)
    assert not len(source.part("s").rows)


def test_the_overview_counts_rows_and_failures_by_input(rows: Rows) -> None:
    frame = rows(("s", "a", "m", None, 1.0), ("s", "b", "m", None, None), ("s", "a", "m", "typos", 0.0))
    frame = frame.with_columns(error=pl.when(pl.col("score").is_null()).then(pl.lit("late")))
    found = FrameSource(frame).overview.select("perturbation", "rows", "failed").rows()
    assert found == [(None, 2, 1), ("typos", 1, 0)]


def test_a_part_names_its_systems_as_the_whole_does(rows: Rows) -> None:
    frame = rows(("s", "a", "m", None, 1.0), ("t", "a", "m", None, 1.0)).select(list(SCHEMA))
    newer = frame.filter(pl.col("scenario") == "t").with_columns(version=pl.lit("2"))
    names = name_systems(pl.concat([frame, newer]))
    part = describe_rows(frame.filter(pl.col("scenario") == "s"), names)
    assert part["system"].to_list() == ["m · 1"]
