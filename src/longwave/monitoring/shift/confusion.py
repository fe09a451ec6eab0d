"""Which confusions grew and which shrank between two runs on the same rows.

What to know before reading a matrix:

* ``S[a, b]`` is in shares of all rows, so rows sum to 0 (the truth did not change) and the trace is the
  change of accuracy;
* the accuracy can stand still while the errors move to other classes; that is what the error shifts measure;
* the last column, "no answer", is a prediction that is missing. It is never right.
"""

# Shapes: K labels, K + 1 predictions with "no answer" last

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import DataError
from longwave.monitoring.paired import PairedRows, adjust_p_values, pair_rows, share_change

__all__ = ["NO_ANSWER", "ConfusionShift", "confusion_shift", "shift_of"]

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

NO_ANSWER = "(no answer)"


@dataclass(frozen=True, kw_only=True, eq=False)
class ConfusionShift:
    """The confusions of two runs on the same rows, and how they differ.

    Parameters
    ----------
    labels : tuple of str
        Names of the K labels, in the order of the axes.
    counts_before, counts_after : ndarray, shape (K, K + 1)
        Rows with true label a and prediction b; the last column has no prediction.
    lost, gained : ndarray, shape (K, K + 1)
        Rows that left each cell, and that came into it.
    """

    labels: tuple[str, ...]
    counts_before: Counts
    counts_after: Counts
    lost: Counts
    gained: Counts

    @property
    def n(self) -> int:
        """The number of rows with a true label."""
        return int(self.counts_before.sum())

    @property
    def matrix(self) -> Array:
        """The shift ``S = (after - before) / n``, shape (K, K + 1); each row sums to 0."""
        return np.asarray((self.counts_after - self.counts_before) / self.n, dtype=np.float64)

    @property
    def change(self) -> float:
        """The change of accuracy: the trace of ``S``."""
        return float(np.trace(self.matrix))

    @property
    def total_variation(self) -> float:
        """Half the sum of ``|S|``: the least share of rows whose prediction changed."""
        return float(np.abs(self.matrix).sum() / 2)

    @property
    def error_shift(self) -> float:
        """Half the sum of ``|S|`` off the diagonal: errors that moved, came or went."""
        return float(np.abs(_off_diagonal(self.matrix)).sum() / 2)

    def by_class(self) -> pl.DataFrame:
        """Decompose the shift by true label.

        Returns
        -------
        DataFrame
            One row a label: ``label, n, weight``; ``accuracy_before, accuracy_after`` on its rows;
            ``contribution = S[a, a]``, which sums to the change of accuracy; ``total_variation = ½ Σ_b
            |S[a, b]|``; ``error_shift = ½ Σ_{b≠a} |P_after(b|a) - P_before(b|a)|``, in [0, 1]; and
            ``error_mix_shift``, the total variation between what share of its errors goes where, null where a
            run has none. Labels without a row have nulls.
        """
        size = self.counts_before.sum(axis=1).astype(np.float64)
        size[size == 0] = np.nan
        before, after = self.counts_before / size[:, None], self.counts_after / size[:, None]
        wrong_before, wrong_after = _off_diagonal(before), _off_diagonal(after)
        mix = [_share_out(wrong) for wrong in (wrong_before, wrong_after)]
        return pl.DataFrame(
            {
                "label": list(self.labels),
                "n": self.counts_before.sum(axis=1),
                "weight": self.counts_before.sum(axis=1) / self.n,
                "accuracy_before": np.diagonal(before),
                "accuracy_after": np.diagonal(after),
                "contribution": np.diagonal(self.matrix),
                "total_variation": np.abs(self.matrix).sum(axis=1) / 2,
                "error_shift": np.abs(wrong_after - wrong_before).sum(axis=1) / 2,
                "error_mix_shift": np.abs(mix[1] - mix[0]).sum(axis=1) / 2,
            }
        ).with_columns(pl.selectors.float().fill_nan(None))

    def largest(self, k: int = 10, *, confidence: float = 0.95) -> pl.DataFrame:
        """List the cells that changed most.

        Parameters
        ----------
        k : int
            Cells at most; those that no row left or came into are never listed.
        confidence : float
            Of the intervals, each for itself.

        Returns
        -------
        DataFrame
            ``true_label, predicted_label``; ``before, after`` in rows; ``lost, gained``; ``shift = S[a, b]``
            with ``low, high`` (`share_change`) and ``p_value``, corrected for all cells that changed by the
            method of Benjamini and Hochberg. Largest ``|shift|`` first, then in the order of labels.
        """
        places = np.argwhere(self.lost + self.gained)
        names = (*self.labels, NO_ANSWER)
        found = [self._cell(int(a), int(b), names, confidence) for a, b in places]
        frame = pl.DataFrame(found, schema=_CELL, orient="row")
        corrected = pl.Series(adjust_p_values(frame["p_value"].to_numpy(), "bh"), dtype=pl.Float64)
        order = pl.col("shift").abs()
        return frame.with_columns(p_value=corrected).sort(order, descending=True, maintain_order=True).head(k)

    def _cell(self, a: int, b: int, names: Sequence[str], confidence: float) -> tuple[object, ...]:
        before, after = int(self.counts_before[a, b]), int(self.counts_after[a, b])
        lost, gained = int(self.lost[a, b]), int(self.gained[a, b])
        both = before - lost
        change = share_change(both, lost, gained, self.n - both - lost - gained, confidence=confidence)
        bounds = (change.estimate, change.low, change.high, change.p_value)
        return (names[a], names[b], before, after, lost, gained, *bounds)


_CELL = pl.Schema(
    {
        "true_label": pl.String(),
        "predicted_label": pl.String(),
        "before": pl.Int64(),
        "after": pl.Int64(),
        "lost": pl.Int64(),
        "gained": pl.Int64(),
        "shift": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "p_value": pl.Float64(),
    }
)


def confusion_shift(
    before: pl.DataFrame,
    after: pl.DataFrame,
    *,
    labels: Sequence[object] | None = None,
    names: Sequence[str] = (),
) -> ConfusionShift:
    """Compare the confusions of two runs of one dataset, row by row.

    Parameters
    ----------
    before, after : DataFrame
        One run each: ``row, predicted_label`` and, in at least one, ``true_label``. Rows that are not in
        both, or have no true label, are left out.
    labels : sequence, optional
        The label space in the order of the axes; labels that occur besides follow. Default: those that occur.
    names : sequence of str
        What the labels are called, in the same order.

    Returns
    -------
    ConfusionShift

    Raises
    ------
    TableError
        If a column is missing.
    DataError
        If labels are lists of tags, or no row has a true label; and as `pair_rows`.

    Notes
    -----
    ``C_t[a, b] = #{truth = a, prediction_t = b} / n`` and ``S = C_after - C_before``. Time O(n), memory
    O(n + K²).

    Examples
    --------
    >>> before = pl.DataFrame({"row": [0, 1], "predicted_label": [0, 0], "true_label": [0, 1]})
    >>> after = pl.DataFrame({"row": [0, 1], "predicted_label": [1, 1]})
    >>> confusion_shift(before, after).matrix.tolist()
    [[-0.5, 0.5, 0.0], [-0.5, 0.5, 0.0]]
    """
    return shift_of(pair_rows(before, after, labels=labels, names=names))


def shift_of(pair: PairedRows) -> ConfusionShift:
    """Compare the confusions of rows that are paired already; see `confusion_shift`."""
    if pair.has_sets:
        raise DataError(
            f"The labels of {pair.before} are lists of tags, which have no confusion matrix. "
            "Use label_sets for tags that came and went."
        )
    if not pair.has_truth:
        raise DataError(f"No row of {pair.before} has a true label; without them no confusion is known.")
    truth, first, second = (codes[pair.codes[0] >= 0] for codes in pair.codes)
    k = len(pair.labels)
    first, second = (np.where(codes < 0, k, codes) for codes in (first, second))
    moved = np.flatnonzero(first != second)
    return ConfusionShift(
        labels=pair.names,
        counts_before=_count(truth, first, k),
        counts_after=_count(truth, second, k),
        lost=_count(truth[moved], first[moved], k),
        gained=_count(truth[moved], second[moved], k),
    )


def _count(truth: NDArray[np.intp], predicted: NDArray[np.intp], k: int) -> Counts:
    counts = np.bincount(truth * (k + 1) + predicted, minlength=k * (k + 1))
    return counts.reshape(k, k + 1).astype(np.int64)


def _off_diagonal(matrix: Array) -> Array:
    errors = matrix.copy()
    np.fill_diagonal(errors, 0.0)
    return errors


def _share_out(errors: Array) -> Array:
    """Divide each row by its sum; NaN where it is 0."""
    total = errors.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(errors, total, out=np.full_like(errors, np.nan), where=total > 0))
