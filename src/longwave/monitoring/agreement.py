"""Do several APIs err on the same rows? What a buyer of two gains over a buyer of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import DataError
from longwave.monitoring.paired import pair_rows, require_columns
from longwave.predictions import Interval, wilson_interval

__all__ = ["AGREEMENT", "Agreement", "agreement", "cohen_kappa"]

AGREEMENT = pl.Schema(
    {
        "first": pl.String(),
        "second": pl.String(),
        "n": pl.Int64(),
        "overlap": pl.Float64(),
        "overlap_low": pl.Float64(),
        "overlap_high": pl.Float64(),
        "kappa": pl.Float64(),
        "both_wrong": pl.Float64(),
        "both_wrong_if_independent": pl.Float64(),
        "same_wrong_label": pl.Float64(),
    }
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Agreement:
    """How the predictions of several APIs on the same rows relate.

    Parameters
    ----------
    pairs : DataFrame
        One row a pair, see `AGREEMENT`. Shares are of rows with a true label for the last three, of all rows
        for the others; null where no truth is known.
    accuracy : dict
        Of each API.
    oracle : Interval or None
        Share of rows that at least one API has right.
    majority : float or None
        Expected accuracy of the most frequent prediction; where several are equally frequent, one is drawn.
        A missing prediction has no vote.
    unanimous : float
        Share of rows on which all predictions are the same.
    unanimous_wrong : float or None
        Share of rows on which all are the same and wrong: no vote can mend them.
    n : int
        Rows that all have.
    """

    pairs: pl.DataFrame
    accuracy: dict[str, float]
    oracle: Interval | None
    majority: float | None
    unanimous: float
    unanimous_wrong: float | None
    n: int


def agreement(runs: Mapping[str, pl.DataFrame], *, confidence: float = 0.95) -> Agreement:
    """Compare APIs on the rows that all of them have.

    Parameters
    ----------
    runs : mapping of str to DataFrame
        Name of the API to its run: ``row, predicted_label`` and, in at least one, ``true_label``.
    confidence : float

    Raises
    ------
    TableError
        If a column is missing.
    DataError
        If there are fewer than two runs, they share no row, or labels are lists of tags.

    Notes
    -----
    ``overlap = mean 1[p = q]``; κ is Cohen's; ``both_wrong_if_independent`` is the product of the two error
    rates: far above it, the second opinion is worth less than its price. Time O(n · runs²).
    """
    if len(runs) < 2:
        raise DataError(f"There is {len(runs)} run; agreement needs at least 2 of one dataset.")
    codes, truth = _codes(runs)
    unanimous = (codes == codes[0]).all(axis=0)
    rows = [
        _pair_row((first, second), codes[i], codes[j], truth, confidence)
        for (i, first), (j, second) in combinations(enumerate(runs), 2)
    ]
    known = truth >= 0
    right = codes[:, known] == truth[known]
    hits, n_known = int(right.any(axis=0).sum()), int(known.sum())
    return Agreement(
        pairs=pl.DataFrame(rows, schema=AGREEMENT),
        n=codes.shape[1],
        accuracy=dict(zip(runs, right.mean(axis=1).tolist(), strict=True)) if n_known else {},
        oracle=wilson_interval(hits, n_known, confidence=confidence) if n_known else None,
        majority=_majority(codes[:, known], truth[known]) if n_known else None,
        unanimous=float(unanimous.mean()),
        unanimous_wrong=float((unanimous[known] & ~right[0]).mean()) if n_known else None,
    )


def cohen_kappa(first: NDArray[np.intp], second: NDArray[np.intp]) -> float:
    """Return Cohen's kappa of two lists of codes: agreement beyond what their frequencies give by chance.

    ``(p_o - p_e) / (1 - p_e)`` with ``p_e = Σ_k f_k g_k``; NaN where both always say the same one label.

    Parameters
    ----------
    first, second : ndarray, shape (n,)
        Codes, any whole numbers.

    Raises
    ------
    DataError
        If they are empty or differ in length.

    References
    ----------
    J. Cohen, Educational and Psychological Measurement 20 (1960) 37-46.
    """
    if len(first) != len(second) or not len(first):
        raise DataError(f"There are {len(first)} and {len(second)} labels; accepted are as many, at least 1.")
    _, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    a, b = np.split(place, 2)
    k = int(place.max()) + 1
    n = len(a)
    expected = float(np.bincount(a, minlength=k) @ np.bincount(b, minlength=k)) / n**2
    observed = float((a == b).mean())
    return (observed - expected) / (1 - expected) if expected < 1 else float("nan")


def _codes(runs: Mapping[str, pl.DataFrame]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the predictions of all runs on their common rows, (runs, n), and the truth, in one code."""
    first, *others = runs.values()
    for frame in others:
        require_columns(frame, ["row"])
        first = first.join(frame.select("row"), on="row", how="semi")
    # the first run with itself as well: all pairs are of the same rows, and know every label
    vocabulary = sorted(
        {label for frame in runs.values() for label in pair_rows(frame, frame).labels}, key=str
    )
    pairs = [pair_rows(first, frame, labels=vocabulary) for frame in (first, *others)]
    if pairs[0].has_sets:
        raise DataError(
            "The labels are lists of tags; agreement is of single labels. Compare two runs at a time."
        )
    truth = next((pair.codes[0] for pair in pairs if pair.has_truth), pairs[0].codes[0])
    return np.stack([pair.codes[2] for pair in pairs]), truth


def _pair_row(
    names: tuple[str, str],
    first: NDArray[np.intp],
    second: NDArray[np.intp],
    truth: NDArray[np.intp],
    confidence: float,
) -> dict[str, object]:
    same = first == second
    overlap = wilson_interval(int(same.sum()), len(same), confidence=confidence)
    kappa = cohen_kappa(first, second)
    row: dict[str, object] = {
        "first": names[0],
        "second": names[1],
        "n": len(same),
        "overlap": overlap.estimate,
        "overlap_low": overlap.low,
        "overlap_high": overlap.high,
        "kappa": None if np.isnan(kappa) else kappa,
    }
    known = truth >= 0
    if known.any():
        wrong = [(codes != truth)[known] for codes in (first, second)]
        row["both_wrong"] = float((wrong[0] & wrong[1]).mean())
        row["both_wrong_if_independent"] = float(wrong[0].mean() * wrong[1].mean())
        row["same_wrong_label"] = float((wrong[0] & same[known]).mean())
    return row


def _majority(codes: NDArray[np.intp], truth: NDArray[np.intp]) -> float:
    """Return the expected accuracy of the most frequent prediction of each row."""
    votes = (codes[:, None] == codes[None]).sum(axis=1) * (codes >= 0)  # votes for each API's own label
    top = votes == np.maximum(votes.max(axis=0), 1)
    # a label with v votes is listed v times, so that shares among listings are shares among labels
    hits = (top & (codes == truth)).sum(axis=0)
    return float((hits / np.maximum(top.sum(axis=0), 1)).mean())
