"""Calibration frames: bins that keep ties together, curves that end at the accuracy."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from longwave.metrics import expected_calibration_error
from longwave.report.calibration import calibrate, coverage_curve, reliability_bins


def confident(confidence: list[float], correct: list[bool], system: str = "m") -> pl.DataFrame:
    n = len(confidence)
    return pl.DataFrame(
        {
            "scenario": ["s"] * n,
            "system": [system] * n,
            "instance": [f"i{place:03}" for place in range(n)],
            "confidence": confidence,
            "correct": correct,
        }
    )


@pytest.fixture
def drawn(rng: np.random.Generator) -> pl.DataFrame:
    confidence = np.round(rng.random(97), 2)
    return confident(confidence.tolist(), (rng.random(97) < confidence).tolist())


def test_the_bins_give_the_calibration_error(drawn: pl.DataFrame) -> None:
    bins = reliability_bins(drawn)
    error = ((bins["confidence"] - bins["accuracy"]).abs() * bins["n"]).sum() / bins["n"].sum()
    assert error == pytest.approx(
        expected_calibration_error(drawn["confidence"].to_numpy(), drawn["correct"].to_numpy())
    )
    assert calibrate(drawn)["ece"].item() == pytest.approx(error)


def test_every_row_is_in_one_bin(drawn: pl.DataFrame) -> None:
    bins = reliability_bins(drawn)
    assert bins["n"].sum() == 97
    assert all(bins["least"][place] > bins["most"][place - 1] for place in range(1, len(bins)))


@pytest.mark.parametrize(
    ("confidence", "n_bins"), [([0.5] * 20, 1), ([0.2], 1), ([0.1, 0.9], 2)], ids=["equal", "one", "two"]
)
def test_few_or_equal_confidences_make_few_bins(confidence: list[float], n_bins: int) -> None:
    assert len(reliability_bins(confident(confidence, [True] * len(confidence)))) == n_bins


def test_selective_accuracy_ends_at_the_accuracy(drawn: pl.DataFrame) -> None:
    last = coverage_curve(drawn).row(-1, named=True)
    assert last["coverage"] == 1
    assert last["accuracy"] == pytest.approx(drawn["correct"].mean())
    assert last["least"] == drawn["confidence"].min()


def test_a_perfect_confidence_is_right_first() -> None:
    frame = confident([0.9, 0.8, 0.2, 0.1], [True, True, False, False])
    assert coverage_curve(frame).filter(pl.col("coverage") == 0.5)["accuracy"].item() == 1


def test_systems_are_kept_apart(drawn: pl.DataFrame) -> None:
    both = pl.concat([drawn, confident([0.3], [True], "other")])
    assert calibrate(both).select("system", "n").rows() == [("m", 97), ("other", 1)]


@pytest.mark.parametrize("function", [calibrate, reliability_bins, coverage_curve])
def test_no_rows_give_an_empty_frame(function: object, drawn: pl.DataFrame) -> None:
    assert callable(function)
    assert not len(function(drawn.clear()))
