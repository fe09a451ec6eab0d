"""Reading a folder of results: what is missing is said, what is damaged does not stop the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from longwave.errors import MissingFile, TableError
from longwave.predictions import write_predictions
from longwave.report.reading import read_results
from longwave.report.source import describe_rows

Rows = Callable[..., pl.DataFrame]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="longwave evaluate --out"):
        read_results(tmp_path / "nowhere")


def test_a_folder_without_results_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="holds no results"):
        read_results(tmp_path)


def test_a_damaged_shard_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "part-0.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(TableError):
        read_results(tmp_path)


def test_a_whole_folder_has_no_notes(plain_folder: Path) -> None:
    found = read_results(plain_folder)
    assert found.notes == ()
    assert len(found.source.part("boolq@1").instances)
    assert set(found.samples) == {"attention", "hyena"}


def test_curves_hold_training_and_validation_by_model(plain_folder: Path) -> None:
    curves = read_results(plain_folder).curves
    assert curves.group_by("model", "split").len().sort("model", "split").rows() == [
        ("attention", "training", 40),
        ("attention", "validation", 4),
        ("hyena", "training", 40),
        ("hyena", "validation", 4),
    ]


def test_half_a_line_of_a_log_is_noted(tmp_path: Path) -> None:
    line = json.dumps({"step": 1, "tokens": 10, "elapsed_s": 0.1, "bits_per_byte": 3.0})
    (tmp_path / "metrics.jsonl").write_text(line + '\n{"step": 2, "tok', "utf-8")
    found = read_results(tmp_path)
    assert len(found.curves) == 1
    assert "1 of 2 lines" in found.notes[0]


@pytest.mark.parametrize("text", ["not json", "[1]", '{"m": [{"prompt": "p"}]}'])
def test_unreadable_samples_are_noted(plain_folder: Path, tmp_path: Path, text: str) -> None:
    log = plain_folder / "models" / "hyena" / "metrics.jsonl"
    (tmp_path / "metrics.jsonl").write_bytes(log.read_bytes())
    (tmp_path / "samples.json").write_text(text, "utf-8")
    assert "generated samples cannot be read" in read_results(tmp_path).notes[0]


def test_missing_side_tables_are_noted(tmp_path: Path, rows: Rows) -> None:
    frame = rows(("s", "a", "m", None, 1.0))
    write_predictions(tmp_path, frame.drop("system", "input_name", "outcome", "is_floor"))
    notes = read_results(tmp_path).notes
    assert any("prompts and completions are not shown" in note for note in notes)
    assert any("inputs and references are not shown" in note for note in notes)


def test_a_broken_run_record_is_noted(tmp_path: Path, plain_folder: Path) -> None:
    (tmp_path / "samples.json").write_bytes((plain_folder / "samples.json").read_bytes())
    (tmp_path / "run.json").write_text("{}", "utf-8")
    assert "not a run record" in read_results(tmp_path).notes[0]


def test_a_model_with_several_versions_becomes_several_systems(rows: Rows) -> None:
    frame = rows(("s", "a", "m", None, 1.0), ("s", "a", "n", None, 1.0))
    newer = frame.filter(pl.col("model") == "m").with_columns(version=pl.lit("2"))
    plain = pl.concat([frame, newer]).drop("system", "input_name", "outcome", "is_floor")
    assert describe_rows(plain)["system"].unique().sort().to_list() == ["m · 1", "m · 2", "n"]


@pytest.mark.parametrize(
    ("score", "error", "outcome"),
    [(1.0, None, "right"), (0.0, None, "wrong"), (2.5, None, "unscored"), (None, "timeout", "failed")],
)
def test_outcomes(rows: Rows, score: float | None, error: str | None, outcome: str) -> None:
    frame = rows(("s", "a", "m", None, score)).drop("system", "input_name", "outcome", "is_floor")
    found = describe_rows(frame.with_columns(error=pl.lit(error, pl.String)))
    assert found["outcome"].item() == outcome
