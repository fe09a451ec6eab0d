"""Calibration of every model on every scenario: errors, reliability bins and selective accuracy."""

from __future__ import annotations

import numpy as np
import polars as pl

from longwave.metrics import (
    bin_confidences,
    expected_calibration_error,
    selective_accuracy_curve,
    selective_coverage_area,
)
from longwave.predictions import wilson_interval

__all__ = ["CALIBRATION", "calibrate", "confident_rows", "coverage_curve", "reliability_bins"]

_BINS = 10
_STEPS = 20

CALIBRATION = pl.Schema(
    {
        "scenario": pl.String(),
        "system": pl.String(),
        "n": pl.Int64(),
        "confidence": pl.Float64(),
        "accuracy": pl.Float64(),
        "ece": pl.Float64(),
        "ece_1": pl.Float64(),
        "selective_area": pl.Float64(),
    }
)


def confident_rows(originals: pl.DataFrame) -> pl.DataFrame:
    """Keep the rows that calibration can be computed from: a confidence and an outcome."""
    return originals.filter(
        pl.col("confidence").is_not_null() & pl.col("correct").is_not_null() & ~pl.col("is_floor")
    )


def calibrate(rows: pl.DataFrame) -> pl.DataFrame:
    """Compute calibration errors by scenario and system.

    Parameters
    ----------
    rows : DataFrame
        Result of `confident_rows`.

    Returns
    -------
    DataFrame
        Columns of ``CALIBRATION``: ``ece`` with ten bins of equal count, ``ece_1`` with one bin (mean
        confidence minus accuracy, without its sign), and the mean of the selective accuracy over all
        coverages.
    """
    found = []
    for (scenario, system), part in rows.sort("scenario", "system", "instance").group_by(
        "scenario", "system", maintain_order=True
    ):
        confidence, correct = part["confidence"].to_numpy(), part["correct"].to_numpy()
        found.append(
            {
                "scenario": scenario,
                "system": system,
                "n": len(part),
                "confidence": float(confidence.mean()),
                "accuracy": float(correct.mean()),
                "ece": float(expected_calibration_error(confidence, correct, bins=_BINS)),
                "ece_1": float(expected_calibration_error(confidence, correct, bins=1)),
                "selective_area": float(selective_coverage_area(confidence, correct)),
            }
        )
    return pl.DataFrame(found, schema=CALIBRATION)


def reliability_bins(rows: pl.DataFrame) -> pl.DataFrame:
    """Cut each system's confidences into up to ten bins of equal count; equal confidences share a bin.

    Returns
    -------
    DataFrame
        ``system``, ``bin``, ``n``, ``confidence`` and ``accuracy`` (means), ``low`` and ``high`` (95 % of
        the accuracy), ``least`` and ``most`` (bounds of the confidence).
    """
    found = []
    for (system,), part in rows.sort("system", "confidence", "instance").group_by(
        "system", maintain_order=True
    ):
        confidence, correct = part["confidence"].to_numpy(), part["correct"].to_numpy()
        places = bin_confidences(confidence, bins=_BINS)
        for index in np.unique(places):
            inside = places == index
            interval = wilson_interval(int(correct[inside].sum()), int(inside.sum()))
            found.append(
                {
                    "system": system,
                    "bin": int(index) + 1,
                    "n": int(inside.sum()),
                    "confidence": float(confidence[inside].mean()),
                    "accuracy": float(correct[inside].mean()),
                    "low": interval.low,
                    "high": interval.high,
                    "least": float(confidence[inside].min()),
                    "most": float(confidence[inside].max()),
                }
            )
    return pl.DataFrame(found, schema=_BIN_COLUMNS)


_BIN_COLUMNS = {
    "system": pl.String(),
    "bin": pl.Int64(),
    "n": pl.Int64(),
    **dict.fromkeys(("confidence", "accuracy", "low", "high", "least", "most"), pl.Float64()),
}


def coverage_curve(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the accuracy on the most confident share of the instances, in steps of 5 %.

    Returns
    -------
    DataFrame
        ``system``, ``coverage``, ``n``, ``accuracy`` and ``least``, the lowest confidence that is still
        answered.
    """
    found = []
    for (system,), part in rows.sort("system", "instance").group_by("system", maintain_order=True):
        confidence = part["confidence"].sort(descending=True)
        accuracy = selective_accuracy_curve(part["confidence"].to_numpy(), part["correct"].to_numpy())
        for step in range(1, _STEPS + 1):
            n = -(-step * len(part) // _STEPS)
            found.append(
                {
                    "system": system,
                    "coverage": step / _STEPS,
                    "n": n,
                    "accuracy": float(accuracy[n - 1]),
                    "least": float(confidence[n - 1]),
                }
            )
    columns = {"system": pl.String(), "coverage": pl.Float64(), "n": pl.Int64()}
    return pl.DataFrame(found, schema={**columns, "accuracy": pl.Float64(), "least": pl.Float64()})
