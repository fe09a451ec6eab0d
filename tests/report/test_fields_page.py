"""The page of fields tells errors, grids and spectra, shows pictures, and survives what is damaged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from longwave.evaluation.fields import CASES, record_fields
from longwave.report import build_report
from longwave.report.analysis import analyse
from longwave.report.field_cases import read_cases
from longwave.report.field_pictures import draw_strip, plane_of, range_of
from longwave.report.fields_page import fields_content, has_fields
from longwave.report.pictures import DIVERGING, SEQUENTIAL
from longwave.report.reading import read_results


@dataclass(frozen=True)
class Answers:
    """What an operator said: two samples of one channel."""

    inputs: np.ndarray
    targets: np.ndarray
    predictions: np.ndarray
    model: str = "t1"
    seed: int = 0
    resolution: tuple[int, ...] = (16, 16)
    is_training_grid: bool = True
    data: str = "flow"
    version: str = "1"
    run: str = "run"
    is_periodic: bool = True
    input_channels: tuple[tuple[str, str], ...] = (("before <b>", "1"),)
    target_channels: tuple[tuple[str, str], ...] = (("after", "1/s"),)
    error: str | None = None
    floors: dict[str, np.ndarray] = field(default_factory=dict)


def make_answers(model: str, noise: float, *, points: int = 16, axes: int = 2, seed: int = 0) -> Answers:
    rng = np.random.default_rng(5)
    grid = (points,) * axes
    targets = rng.normal(size=(6, 1, *grid))
    said = targets + noise * np.random.default_rng(seed).normal(size=targets.shape)
    return Answers(
        inputs=rng.normal(size=(6, 1, *grid)),
        targets=targets,
        predictions=said,
        model=model,
        seed=seed,
        resolution=grid,
        is_training_grid=points == 16,
        floors={"mean field": np.zeros_like(targets)} if points == 16 else {},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return results of two operators on two grids, one of them with two seeds."""
    for model, noise, seed in (("t1", 0.1, 0), ("t1", 0.1, 1), ("fno", 0.3, 0)):
        for points in (16, 32):
            record_fields(tmp_path, make_answers(model, noise, points=points, seed=seed), date="2026-01-01")
    return tmp_path


def content_of(folder: Path) -> dict[str, object]:
    return fields_content(analyse(read_results(folder)), folder)


def test_errors_stand_by_operator_and_grid(folder: Path) -> None:
    (section,) = content_of(folder)["scenarios"]
    table = section["table"]
    assert [column.text for column in table.columns] == ["16 points", "32 points"]
    assert [column.below for column in table.columns] == ["trained here", "same weights"]
    rows = {row.head.text: [cell.text for cell in row.cells] for row in table.rows}
    assert list(rows) == ["fno", "t1", "mean field"]
    assert rows["mean field"][1] == "–"
    assert float(rows["t1"][0]) == pytest.approx(0.1, rel=0.1)
    assert float(rows["fno"][1]) == pytest.approx(0.3, rel=0.1)


def test_the_error_is_drawn_against_the_grid(folder: Path) -> None:
    (section,) = content_of(folder)["scenarios"]
    drawn = [(row.head.text, row.cells[0].text) for row in section["chart"].table.rows]
    assert drawn == [("fno", "16"), ("t1", "16"), ("fno", "32"), ("t1", "32")]
    assert section["chart"].spec["layer"]


def test_spectra_stand_beside_the_truth(folder: Path) -> None:
    (section,) = content_of(folder)["scenarios"]
    (chart,) = section["spectra"]
    assert [row.head.text for row in chart.table.rows] == ["truth", "fno", "t1"]


def test_pictures_are_of_the_first_seed(folder: Path) -> None:
    (section,) = content_of(folder)["scenarios"]
    assert section["seeds"] == [0]
    assert [sample["name"] for sample in section["samples"]] == ["test-0000", "test-0001", "test-0002"]
    strip = section["samples"][0]["strips"][0]
    assert [name for name, _ in strip.operators] == ["fno", "t1"]
    assert [tile.title for tile in strip.operators[0][1]] == ["prediction", "error"]


def test_the_page_is_built_and_linked(folder: Path) -> None:
    index = build_report(folder)
    text = (index.parent / "fields.html").read_text("utf-8")
    assert "fields.html" in index.read_text("utf-8")
    assert text.count('src="data:image/png;base64,') == 3 * (2 + 2 * 2 + 2)
    assert "before <b>" not in text


def test_the_same_results_give_the_same_page(folder: Path, tmp_path: Path) -> None:
    pages = [build_report(folder, tmp_path / name).parent / "fields.html" for name in ("one", "two")]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_without_fields_there_is_no_page(tmp_path: Path) -> None:
    import polars as pl

    from longwave.predictions import SCHEMA, write_predictions

    row = dict.fromkeys(SCHEMA) | {
        "scenario": "boolq@1", "instance": "i", "model": "m", "version": "1", "date": "2026-01-01",
        "prompt": "p", "trial": 0, "score": 1.0, "correct": True,
    }  # fmt: skip
    write_predictions(tmp_path, pl.DataFrame([row], schema=SCHEMA))
    assert not has_fields(analyse(read_results(tmp_path)))
    assert not (build_report(tmp_path).parent / "fields.html").exists()


@pytest.mark.parametrize("axes", [1, 3])
def test_lines_and_volumes_are_shown_too(axes: int, tmp_path: Path) -> None:
    record_fields(tmp_path, make_answers("t1", 0.1, axes=axes))
    (section,) = content_of(tmp_path)["scenarios"]
    assert len(section["samples"]) == 3
    assert section["chart"] is None


def test_a_grid_that_failed_says_so_in_the_table(folder: Path) -> None:
    failed = make_answers("t1", 0.1, points=8)
    failed = replace(failed, predictions=np.full_like(failed.targets, np.nan), error="too coarse")
    record_fields(folder, failed)
    (section,) = content_of(folder)["scenarios"]
    cells = {row.head.text: row.cells[0].text for row in section["table"].rows}
    assert (cells["t1"], cells["fno"]) == ("none", "–")


def test_predictions_that_are_not_finite_are_drawn_grey(tmp_path: Path) -> None:
    answers = make_answers("t1", 0.1)
    answers.predictions[0] = np.nan
    record_fields(tmp_path, answers)
    (section,) = content_of(tmp_path)["scenarios"]
    assert section["samples"][0]["strips"][0].scales[1].high == "0"


def test_damaged_files_are_told_and_passed_over(folder: Path) -> None:
    good = sorted((folder / CASES).glob("*.npz"))
    good[0].write_bytes(b"not a zip")
    np.savez(folder / CASES / "strange.npz", about=np.array('{"instances": []}'), targets=np.zeros(3))
    cases, notes = read_cases(folder)
    assert (len(cases), len(notes)) == (2, 2)
    assert "cannot be read" in notes[0]


def test_without_samples_the_numbers_stay(folder: Path) -> None:
    for path in (folder / CASES).glob("*.npz"):
        path.unlink()
    (section,) = content_of(folder)["scenarios"]
    assert (section["samples"], section["spectra"]) == ([], [])
    assert len(section["table"].rows) == 3


def test_fields_of_both_signs_have_an_even_scale() -> None:
    both, above = range_of(np.array([[-1.0, 3.03]])), range_of(np.array([[2.0, 3.0]]))
    assert (both.low, both.high, both.stops) == (pytest.approx(-3.1), pytest.approx(3.1), DIVERGING)
    assert (above.low, above.high, above.stops) == (2.0, 3.0, SEQUENTIAL)


def test_a_volume_is_cut_and_a_line_gets_height() -> None:
    volume = np.arange(27.0).reshape(3, 3, 3)
    np.testing.assert_array_equal(plane_of(volume), volume[:, :, 1])
    assert plane_of(np.zeros(64)).shape == (64, 8)


def test_predictions_share_the_scale_of_the_truth(folder: Path) -> None:
    cases, _ = read_cases(folder)
    strip = draw_strip({case.model: case for case in cases}, 1, 0)
    assert strip.scales[0].text == "after, 1/s"
    assert strip.operators[1][1][1].note.endswith("of the truth")
