"""The page of groups tells the worst group of every method, draws where groups lie, and survives damage."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longwave.evaluation.adapted_maps import GROUP_MAPS
from longwave.predictions import SCHEMA, wilson_interval, write_predictions
from longwave.report import build_report
from longwave.report.adapters_maps import read_group_maps
from longwave.report.adapters_page import groups_content, has_groups
from longwave.report.analysis import analyse
from longwave.report.reading import read_results

# right answers of ten points of each group, by model and seed
RIGHT = {("erm", 0): (9, 2), ("erm", 1): (8, 4), ("zero-shot", 0): (5, 6)}
SCENARIO = "groups:birds"


def _rows() -> pl.DataFrame:
    rows = [
        dict.fromkeys(SCHEMA)
        | {
            "scenario": SCENARIO, "instance": f"test-{10 * place + i:05d}", "model": model, "version": "1",
            "date": "2026-07-01", "prompt": "embeddings", "trial": seed, "split": "test", "label": "bird",
            "prediction": "bird" if i < n else "fish", "correct": i < n, "score": float(i < n),
            "group": group, "confidence": 0.75,
        }
        for (model, seed), counts in RIGHT.items()
        for place, (group, n) in enumerate(zip(("<b>sea</b>", "wood"), counts, strict=True))
        for i in range(10)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA)


def _write_map(
    folder: Path, *, model: str = "erm", trial: int = 0, schema: int = 1, moved: float = 1.0
) -> Path:
    """Write four points by hand, so that another writer than ours is read as well."""
    lie = {"within": 0.25, "between": None, "neighbours": 0.5, "share": 0.75}
    about = {
        "schema": schema, "scenario": SCENARIO, "model": model, "version": "1", "date": "2026-07-01",
        "trial": trial, "instances": list("abcd"), "labels": ["bird"] * 4,
        "groups": ["<b>sea</b>", "wood"] * 2, "before": lie, "after": {**lie, "within": 0.75},
    }  # fmt: skip
    path = folder / GROUP_MAPS / f"{model}-{trial}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    before = np.arange(8.0).reshape(4, 2)
    np.savez(path, about=np.array(json.dumps(about)), before=before, after=before + moved)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_predictions(tmp_path, _rows())
    return tmp_path


def _content(folder: Path) -> dict[str, object]:
    return groups_content(analyse(read_results(folder)), folder)


def test_the_table_tells_worst_average_and_gap_over_seeds(folder: Path) -> None:
    section = _content(folder)["scenarios"][0]
    rows = {row.head.text: row for row in section["table"].rows}
    assert list(rows) == ["zero-shot", "erm"]  # by the worst group, although erm has the better average
    worst, which, average, gap, *_ = (cell.text for cell in rows["erm"].cells)
    assert worst == f"30.0 ± {100 * statistics.stdev([0.2, 0.4]):.1f} %"
    assert (which, average) == ("wood", f"57.5 ± {100 * statistics.stdev([0.55, 0.6]):.1f} %")
    assert gap == f"27.5 ± {statistics.stdev([35, 20]):.1f}"
    cell = rows["zero-shot"].cells[0]
    interval = wilson_interval(5, 10)
    assert (cell.text, cell.below) == ("50.0 %", f"{100 * interval.low:.1f}–{100 * interval.high:.1f}")
    assert "group=" in cell.href
    assert rows["erm"].head.below == "2 seeds"
    assert section["charts"] == []


def test_maps_are_drawn_once_frozen_and_once_a_method_that_moves_points(folder: Path) -> None:
    _write_map(folder)
    _write_map(folder, model="zero-shot", moved=0.0)
    section = _content(folder)["scenarios"][0]
    assert [chart.title for chart in section["charts"]] == ["Frozen embeddings.", "erm, seed 0."]
    means = section["charts"][0].table.rows
    assert [(row.head.text, row.cells[1].text, row.cells[3].text) for row in means] == [
        ("<b>sea</b>", "2.00", "2"),
        ("wood", "4.00", "2"),
    ]
    cells = {row.head.text: row.cells for row in section["table"].rows}["erm"]
    assert [cell.text for cell in cells[4:]] == ["0.25 → 0.75", "– → –", "50.0 → 50.0 %"]


def test_of_several_seeds_the_first_is_drawn(folder: Path) -> None:
    _write_map(folder, trial=1)
    _write_map(folder, trial=0)
    assert [one.trial for one in read_group_maps(folder)[0]] == [0]


def test_damaged_and_newer_maps_are_told_and_left_out(folder: Path) -> None:
    _write_map(folder).write_bytes(b"no map")
    _write_map(folder, trial=1, schema=99)
    path = _write_map(folder, trial=2)
    with np.load(path) as file:
        np.savez(path, about=file["about"], before=file["before"][:3], after=file["after"])
    path = _write_map(folder, trial=3)
    with np.load(path) as file:
        np.savez(path, about=file["about"], before=file["before"] * np.nan, after=file["after"])
    maps, notes = read_group_maps(folder)
    assert maps == []
    assert len(notes) == 4
    assert sum("cannot be read (" in note for note in notes) == 3
    assert "written by a newer Longwave" in notes[1]
    assert _content(folder)["notes"] == notes


def test_a_map_of_rows_that_are_gone_is_not_drawn(folder: Path) -> None:
    _write_map(folder, model="gone")
    assert _content(folder)["scenarios"][0]["charts"] == []


def test_the_page_is_built_and_linked(folder: Path) -> None:
    _write_map(folder)
    page = build_report(folder)
    text = (page.parent / "groups.html").read_text("utf-8")
    assert 'href="groups.html"' in page.read_text("utf-8")
    assert "<b>sea</b>" not in text
    assert "&lt;b&gt;sea&lt;/b&gt;" in text
    assert text.count('-spec">') == 2


def test_other_results_have_no_such_page(tmp_path: Path) -> None:
    write_predictions(tmp_path, _rows().with_columns(scenario=pl.lit("boolq@1")))
    assert not has_groups(analyse(read_results(tmp_path)))
    assert not (build_report(tmp_path).parent / "groups.html").exists()
