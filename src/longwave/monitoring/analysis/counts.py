"""Counts of runs, in one pass over their rows: confusions, groups, levels of confidence, flips.

Labels are small whole numbers, so that every analysis is a count of codes: ``truth · (K + 1) + prediction``,
``group · 2 + right``, ``level · 2 + right``. Rows come in slices of a run; what is kept of a run is one
compact prediction a row, until the run it is compared with has come.
"""

# Shapes: n rows of a slice, K labels

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import DataError
from longwave.monitoring.calibration import Calibration, calibrate_levels
from longwave.monitoring.paired import check_labels

__all__ = ["BIN_LEVELS", "N_BINS", "Pairs", "RunCounts", "Vocabulary"]

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Codes = NDArray[np.integer]
Stretch = tuple[tuple[str, ...], int, int]  # key, start, stop

N_BINS = 15
MOST_LABELS = 1024  # 8 MB of counts a run
BIN_LEVELS = 256  # levels a bin: confidences are told apart to 1 / 3,840
_LEVELS = N_BINS * BIN_LEVELS


class Vocabulary:
    """Codes of labels that are text, in the order in which they are first seen."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}

    def encode(self, labels: pl.Series) -> Codes:
        """Return a code for each label, -1 for null; whole numbers are their own codes."""
        check_labels(labels)
        if labels.dtype.is_integer():
            self._check_codes(labels)
            filled = labels.fill_null(-1) if labels.null_count() else labels
            return filled.to_numpy()
        if isinstance(labels.dtype, pl.List):
            raise DataError(
                "The labels are lists of tags; analyse counts single labels. Use compare for tags."
            )
        categories = labels.cast(pl.Categorical)
        place = categories.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
        codes = np.full(int(place.max(initial=-1)) + 2, -1, dtype=np.int32)  # the last one is null's
        for category in (
            categories.drop_nulls()
            .unique()
            .to_frame("label")
            .select("label", text=pl.col("label").cast(pl.String), place=pl.col("label").to_physical())
            .sort("text")
            .iter_rows(named=True)
        ):
            codes[category["place"]] = self.codes.setdefault(category["text"], len(self.codes))
        if len(self.codes) > MOST_LABELS:
            raise DataError(
                f"There are more than {MOST_LABELS} different labels; analyse keeps a table of all pairs of "
                "them. Compare runs one by one instead."
            )
        return np.asarray(codes[place])

    @staticmethod
    def _check_codes(labels: pl.Series) -> None:
        low, high = labels.min(), labels.max()
        if isinstance(low, int) and isinstance(high, int) and (low < 0 or high >= MOST_LABELS):
            raise DataError(
                f"A label is {low if low < 0 else high}; accepted are codes from 0 to {MOST_LABELS - 1}, for "
                "analyse keeps a table of all pairs of labels. Compare runs one by one instead."
            )

    def names(self, n: int) -> list[str]:
        """Return the labels of the codes below ``n``."""
        labels = list(self.codes)
        return [*labels[:n], *map(str, range(len(labels), n))]


@dataclass(kw_only=True, eq=False)
class RunCounts:
    """What is counted of one run.

    Parameters
    ----------
    key : tuple of str
        The run's key columns.
    keeps_rows : bool
        Whether to keep predictions for `Pairs`.
    """

    key: tuple[str, ...]
    keeps_rows: bool = True
    n: int = 0
    confusion: Counts = field(default_factory=lambda: np.zeros((0, 1), dtype=np.int64))
    unlabelled: Counts = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    groups: dict[str, Counts] = field(default_factory=dict)
    levels: Counts | None = None
    level_sums: Array | None = None
    is_probability: bool = True
    calibration: Calibration | None = None
    kept: list[tuple[Codes, Codes, Codes]] = field(default_factory=list)

    def add(
        self,
        rows: Codes,
        truth: Codes,
        predicted: Codes,
        confidence: Array | None,
        groups: Mapping[str, Codes],
    ) -> None:
        """Count a slice of the run: arrays of one length, -1 for no truth, no prediction, no group."""
        self.n += len(rows)
        if self.keeps_rows:
            self.kept.append((rows, truth, predicted))
        right = predicted == truth
        k = max(len(self.confusion), _above(truth), _above(predicted))
        self._add_confusion(truth, predicted, k)
        known: NDArray[np.bool_] | None = None
        if len(truth) and truth.min() < 0:
            known = truth >= 0
            right = right & known
        for name, codes in groups.items():
            self._add_group(name, codes, right, known)
        if confidence is not None:
            self._add_levels(confidence, right, known)

    def _add_confusion(self, truth: Codes, predicted: Codes, k: int) -> None:
        """Count (truth, prediction); row k and column k stand for none while counting."""
        code = truth.astype(np.intp)
        last = predicted
        if len(code) and code.min() < 0:
            code[code < 0] = k
        if len(last) and last.min() < 0:
            last = np.where(last < 0, k, last)
        code *= k + 1
        code += last
        counts = np.bincount(code, minlength=(k + 1) ** 2).reshape(k + 1, k + 1)
        if k > len(self.confusion):
            self.confusion, self.unlabelled = widen(self.confusion, k), _widen_row(self.unlabelled, k)
        self.confusion += counts[:k]
        self.unlabelled += counts[k]

    def _add_group(
        self, name: str, codes: Codes, right: NDArray[np.bool_], known: NDArray[np.bool_] | None
    ) -> None:
        if len(codes) and codes.min() < 0:
            known = codes >= 0 if known is None else known & (codes >= 0)
        if known is not None:
            codes, right = codes[known], right[known]
        cell = codes.astype(np.intp)
        cell *= 2
        cell += right
        counts = np.bincount(cell)
        before = self.groups.get(name, np.zeros(0, dtype=np.int64))
        size = 2 * ((max(len(before), len(counts)) + 1) // 2)
        self.groups[name] = _padded(before, size) + _padded(counts, size)

    def _add_levels(
        self, confidence: Array, right: NDArray[np.bool_], known: NDArray[np.bool_] | None
    ) -> None:
        low, high = confidence.min(initial=1.0), confidence.max(initial=0.0)
        if np.isnan(low) or np.isnan(high):
            there = ~np.isnan(confidence)
            known = there if known is None else known & there
        if known is not None:
            confidence, right = confidence[known], right[known]
            low, high = confidence.min(initial=1.0), confidence.max(initial=0.0)
        if low < 0 or high > 1:
            self.is_probability = False
            return
        if self.levels is None or self.level_sums is None:
            self.levels, self.level_sums = np.zeros(2 * _LEVELS, dtype=np.int64), np.zeros(_LEVELS)
        level = (confidence * _LEVELS).astype(np.intp)
        if high == 1:
            np.minimum(level, _LEVELS - 1, out=level)
        self.level_sums += np.bincount(level, weights=confidence, minlength=_LEVELS)
        level *= 2
        level += right
        self.levels += np.bincount(level, minlength=2 * _LEVELS)

    def settle(self) -> None:
        """Compute the calibration of a run that is complete, and let go of its levels."""
        levels, sums = self.levels, self.level_sums
        self.levels = self.level_sums = None
        if levels is None or sums is None or not self.is_probability or not levels.any():
            return
        right = levels[1::2]
        total = levels[::2] + right
        there = np.flatnonzero(total)
        counts, hits = total[there].astype(np.float64), right[there].astype(np.float64)
        # the mean of a level stands for it: bins of equal width then have their exact sums
        self.calibration = calibrate_levels(sums[there] / counts, counts, hits, bins=N_BINS)

    def rows(self) -> tuple[Codes, Codes, Codes]:
        """Return rows, truth and predictions of the whole run."""
        if len(self.kept) > 1:
            parts = zip(*self.kept, strict=True)
            self.kept = [tuple(np.concatenate(part) for part in parts)]  # type: ignore[list-item]
        return self.kept[0]


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """What became of the answers between two runs: the counts of `longwave.monitoring.Flips`, and overlap."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    n: int
    n_scored: int
    same: int
    right_right: int
    right_wrong: int
    wrong_right: int
    wrong_same: int
    shift: Counts

    @classmethod
    def of(cls, first: RunCounts, second: RunCounts) -> Pairs:
        """Count the rows that two runs of one dataset share."""
        (rows, truth, p), (rows2, _, q) = first.rows(), second.rows()
        confusions = first.confusion, second.confusion
        if len(rows) != len(rows2) or not np.array_equal(rows, rows2):
            shared, at, at2 = np.intersect1d(rows, rows2, assume_unique=True, return_indices=True)
            truth, p, q = truth[at], p[at], q[at2]
            parts = RunCounts(key=first.key), RunCounts(key=second.key)
            for part, predicted in zip(parts, (p, q), strict=True):
                part.add(shared, truth, predicted, None, {})
            confusions = parts[0].confusion, parts[1].confusion
        same = p == q
        known = truth >= 0
        is_known = bool(known.all())
        right, right2 = (predicted == truth for predicted in (p, q))
        if not is_known:
            right, right2 = right & known, right2 & known
        both = int(np.count_nonzero(right & right2))
        n_scored = len(truth) if is_known else int(np.count_nonzero(known))
        n_same = int(np.count_nonzero(same))
        same_scored = n_same if is_known else int(np.count_nonzero(same & known))
        k = max(len(each) for each in confusions)
        return cls(
            first=first.key,
            second=second.key,
            n=len(truth),
            n_scored=n_scored,
            same=n_same,
            right_right=both,
            right_wrong=int(np.count_nonzero(right)) - both,
            wrong_right=int(np.count_nonzero(right2)) - both,
            wrong_same=same_scored - both,
            shift=widen(confusions[1], k) - widen(confusions[0], k),
        )

    @property
    def wrong_other(self) -> int:
        """Rows wrong in both runs with another label."""
        return self.n_scored - self.right_right - self.right_wrong - self.wrong_right - self.wrong_same


def widen(confusion: Counts, k: int) -> Counts:
    """Return a confusion of K labels as one of ``k`` labels, the column of "no answer" last."""
    if len(confusion) == k:
        return confusion
    wide = np.zeros((k, k + 1), dtype=np.int64)
    old = len(confusion)
    wide[:old, :old], wide[:old, k] = confusion[:, :old], confusion[:, old]
    return wide


def split_runs(frame: pl.DataFrame, keys: Sequence[str]) -> list[Stretch]:
    """Return (key, start, stop) of each stretch of rows of one run."""
    if not len(frame):
        return []
    changed = np.zeros(len(frame) - 1, dtype=bool)
    for name in keys:
        values = frame[name]
        codes = (values if values.dtype.is_integer() else values.to_physical()).to_numpy()
        changed |= codes[1:] != codes[:-1]
    starts = [0, *(np.flatnonzero(changed) + 1).tolist()]
    stops = [*starts[1:], len(frame)]
    return [
        (tuple(str(frame[name][start]) for name in keys), start, stop)
        for start, stop in zip(starts, stops, strict=True)
    ]


def _above(codes: Codes) -> int:
    return int(codes.max(initial=-1)) + 1


def _padded(counts: NDArray[np.integer], size: int) -> Counts:
    padded = np.zeros(size, dtype=np.int64)
    padded[: len(counts)] = counts
    return padded


def _widen_row(counts: Counts, k: int) -> Counts:
    wide = np.zeros(k + 1, dtype=np.int64)
    wide[: len(counts) - 1], wide[k] = counts[:-1], counts[-1]
    return wide
