"""What changed between two runs on the same rows: two dates of an API, or two APIs.

Where an API has no true labels, what needs them is None, and what does not (overlap, answers, confidence,
latency) is there. Intervals are of 95 % unless asked otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import ConfigError
from longwave.monitoring.calibration import ConfidenceMapping, calibration_drift
from longwave.monitoring.comparison.flips import Flips, flips_of
from longwave.monitoring.comparison.movement import (
    ConfidenceMovement,
    confidence_movement,
    number_drift,
)
from longwave.monitoring.disparity import Disparity, group_disparity
from longwave.monitoring.paired import (
    MIN_CHANGE,
    Adjustment,
    PairedRows,
    Verdict,
    judge,
    pair_rows,
    paired_change,
)
from longwave.monitoring.shift import (
    GROUP_SHIFT,
    ConfusionShift,
    LabelSetShift,
    group_shift,
    hidden_changes,
    label_sets,
    shift_of,
)
from longwave.predictions import Interval, PairedDifference, bootstrap_interval, wilson_interval

__all__ = ["Comparison", "compare"]

Array = NDArray[np.float64]

CALIBRATION_RESAMPLES = 200  # at most: each sorts levels anew
MOST_LABELS = 1_000  # above, a confusion matrix is larger than the runs, and says no more than they do
CHURN = 5  # so many times as many predictions changed as would be called a change: worth a warning


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Everything that `compare` finds; None where the runs lack what it needs.

    Parameters
    ----------
    before, after : str
        The two runs, ``task/dataset/api/date`` as far as known.
    n, n_scored : int
        Rows that both have, and those of them with a score at both.
    only_before, only_after : int
        Rows left out because the other run lacks them.
    accuracy_before, accuracy_after : Interval
        Mean score; Wilson's interval for 0 and 1, else a bootstrap's.
    change : PairedDifference
        ``Δ`` of the mean scores, by `paired_change`.
    verdict : str
        See `judge`.
    flips : Flips
    overlap : Interval
        Share of rows with the same prediction (for tags the mean Jaccard index). ``|Δ| <= 1 - overlap``.
    no_answer : PairedDifference
        Change of the share of rows without an answer.
    no_answer_before, no_answer_after : float
        That share.
    shift : ConfusionShift
        Not for tags, nor for free answers with over 1,000 different texts.
    label_sets : LabelSetShift
    groups : DataFrame
        See `group_shift`; empty without ``by``.
    disparities : dict of str to Disparity
        By grouping column, where two groups are large enough.
    warnings : tuple of str
        What the aggregate hides, and what to know of the numbers.
    confidence : ConfidenceMovement
    calibration : DataFrame
        See `calibration_drift`; its column ``mapping`` says whether confidences were made probabilities
        first.
    numbers : DataFrame
        Latency, cost and length of answers, see `number_drift`; empty where none was recorded.
    """

    before: str
    after: str
    n: int
    n_scored: int
    only_before: int
    only_after: int
    accuracy_before: Interval | None
    accuracy_after: Interval | None
    change: PairedDifference | None
    verdict: Verdict | None
    flips: Flips | None
    overlap: Interval
    no_answer: PairedDifference
    no_answer_before: float
    no_answer_after: float
    shift: ConfusionShift | None
    label_sets: LabelSetShift
    groups: pl.DataFrame
    disparities: dict[str, Disparity]
    warnings: tuple[str, ...]
    confidence: ConfidenceMovement | None
    calibration: pl.DataFrame | None
    numbers: pl.DataFrame

    @property
    def api_shift(self) -> float:
        """The share of predictions that changed, ``1 - overlap``."""
        return 1 - self.overlap.estimate

    def summary(self) -> dict[str, object]:
        """Return the headline figures as one flat row, ready for a table or JSON."""
        before, after, change = self.accuracy_before, self.accuracy_after, self.change
        moved = self.confidence
        return {
            "before": self.before,
            "after": self.after,
            "n": self.n,
            "n_scored": self.n_scored,
            "accuracy_before": before.estimate if before else None,
            "accuracy_after": after.estimate if after else None,
            "change": change.estimate if change else None,
            "low": change.low if change else None,
            "high": change.high if change else None,
            "p_value": change.p_value if change else None,
            "verdict": self.verdict,
            "overlap": self.overlap.estimate,
            "negative_flips": self.flips.shares()["right_wrong"] if self.flips else None,
            "positive_flips": self.flips.shares()["wrong_right"] if self.flips else None,
            "error_shift": self.shift.error_shift if self.shift else None,
            "no_answer_before": self.no_answer_before,
            "no_answer_after": self.no_answer_after,
            "confidence_movement": moved.overall.estimate if moved else None,
            "ks": moved.ks if moved else None,
        }


def compare(
    before: pl.DataFrame,
    after: pl.DataFrame,
    *,
    by: Sequence[str] = (),
    cluster: str | None = None,
    alpha: float = 0.05,
    min_change: float = MIN_CHANGE,
    n_min: int = 30,
    adjust: Adjustment = "holm",
    labels: Sequence[object] | None = None,
    names: Sequence[str] = (),
    no_answer: object = None,
    confidence_kind: str = "probability",
    mapping: ConfidenceMapping = "isotonic",
    n_resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare two runs of one dataset, row by row.

    Parameters
    ----------
    before, after : DataFrame
        One run each, see `longwave.monitoring.paired.rows.pair_rows`. ``score`` is used where both have it,
        else scores are made from the labels (`score_labels`).
    by : sequence of str
        Grouping columns, each for itself, for example ``["group", "true_label"]``.
    cluster : str, optional
        Column of what was drawn where it is not rows, such as the speaker of a recording: the change of
        accuracy, of groups and disparities then take its rows to depend on each other.
    alpha : float
        Level of the tests; the intervals hold ``1 - alpha``.
    min_change : float
        Least change that is called one.
    n_min : int
        Groups with fewer rows never count in disparities and warnings.
    adjust : {"holm", "bh", "none"}
        Correction over groups.
    labels, names : sequence
        The common label space and what its labels are called, as in `confusion_shift`.
    no_answer : optional
        The label that stands for none, besides null and the empty list.
    confidence_kind : str
        "probability", or what else the confidences are ("levels", "magnitude", "score"): those are mapped to
        probabilities before calibration is judged. "none" passes calibration over.
    mapping : {"isotonic", "histogram"}
        How.
    n_resamples, seed : int
        Of every bootstrap and permutation; calibration is resampled 200 times at most.

    Raises
    ------
    TableError
        If a column is missing.
    DataError
        If the runs do not belong together, see `pair_rows`.
    ConfigError
        If an option is none of the accepted.

    Notes
    -----
    Time O(n_resamples · n) for calibration and disparities, else O(n log n).

    References
    ----------
    arXiv 2209.08443; the cut of one point is that paper's.
    """
    if not 0 < alpha < 1:
        raise ConfigError(f"alpha is {alpha}; accepted are values between 0 and 1, for example 0.05.")
    pair = pair_rows(before, after, by=by, labels=labels, names=names, cluster=cluster)
    options = _Options(
        by=by, alpha=alpha, min_change=min_change, n_min=n_min, adjust=adjust, labels=labels,
        no_answer=no_answer, confidence_kind=confidence_kind, mapping=mapping, n_resamples=n_resamples,
        seed=seed,
    )  # fmt: skip
    return _compare(pair, options)


@dataclass(frozen=True, kw_only=True)
class _Options:
    """The options of `compare`."""

    by: Sequence[str]
    alpha: float
    min_change: float
    n_min: int
    adjust: Adjustment
    labels: Sequence[object] | None
    no_answer: object
    confidence_kind: str
    mapping: ConfidenceMapping
    n_resamples: int
    seed: int

    @property
    def level(self) -> float:
        return 1 - self.alpha

    def mean(self, values: Array) -> Interval:
        return mean_interval(values, self.level, n_resamples=self.n_resamples, seed=self.seed)


def _compare(pair: PairedRows, options: _Options) -> Comparison:
    o = options
    change = _change(pair, o)
    groups = _groups(pair, o) if change else pl.DataFrame(schema=GROUP_SHIFT)
    empty = [_is_empty(pair, side, o.no_answer) for side in ("before", "after")]
    first, second = pair.scores
    return Comparison(
        before=pair.before,
        after=pair.after,
        n=pair.n,
        n_scored=len(first),
        only_before=pair.only_before,
        only_after=pair.only_after,
        accuracy_before=o.mean(first) if change else None,
        accuracy_after=o.mean(second) if change else None,
        change=change,
        verdict=_verdict(change, o) if change else None,
        flips=flips_of(pair),
        overlap=o.mean(pair.overlap),
        no_answer=paired_change(*empty, confidence=o.level),
        no_answer_before=float(empty[0].mean()),
        no_answer_after=float(empty[1].mean()),
        shift=shift_of(pair) if _has_matrix(pair) else None,
        label_sets=label_sets(pair, known=o.labels),
        groups=groups,
        disparities=_disparities(pair, o) if change else {},
        warnings=_warnings(pair, change, groups, o),
        confidence=confidence_movement(pair, confidence=o.level, n_resamples=o.n_resamples, seed=o.seed),
        calibration=_calibration(pair, o),
        numbers=number_drift(pair, confidence=o.level, n_resamples=o.n_resamples, seed=o.seed),
    )


def mean_interval(values: Array, confidence: float, *, n_resamples: int = 1000, seed: int = 0) -> Interval:
    """Bound a mean: Wilson's interval where all values are 0 or 1, else the bootstrap's percentiles."""
    if ((values == 0) | (values == 1)).all():
        return wilson_interval(int(values.sum()), len(values), confidence=confidence)
    return bootstrap_interval(values, confidence=confidence, n_resamples=n_resamples, seed=seed)


def _change(pair: PairedRows, o: _Options) -> PairedDifference | None:
    first, second = pair.scores
    if not len(first):
        return None
    return paired_change(
        first,
        second,
        clusters=pair.clusters,
        confidence=o.level,
        n_resamples=o.n_resamples,
        seed=o.seed,
    )


def _verdict(change: PairedDifference, o: _Options) -> Verdict:
    return judge(change.estimate, change.p_value, alpha=o.alpha, min_change=o.min_change)


def _groups(pair: PairedRows, o: _Options) -> pl.DataFrame:
    return group_shift(
        pair, o.by, adjust=o.adjust, confidence=o.level, n_resamples=o.n_resamples, seed=o.seed
    )


def _is_empty(pair: PairedRows, side: str, no_answer: object) -> Array:
    answers = pair.frame[f"predicted_label_{side}"]
    if pair.has_sets:
        return (answers.list.len().fill_null(0) == 0).cast(pl.Float64).to_numpy()
    is_empty = answers.is_null()
    if no_answer is not None:
        is_empty |= (answers == no_answer).fill_null(value=False)
    return is_empty.cast(pl.Float64).to_numpy()


def _disparities(pair: PairedRows, o: _Options) -> dict[str, Disparity]:
    found = {}
    for name in o.by:
        groups = pair.groups(name)
        if int((groups.drop_nulls().value_counts()["count"] >= o.n_min).sum()) >= 2:
            found[name] = group_disparity(
                pair.scores,
                groups.to_list(),
                dates=(pair.before, pair.after),
                clusters=pair.clusters,
                n_min=o.n_min,
                confidence=o.level,
                n_resamples=o.n_resamples,
                seed=o.seed,
            )
    return found


def _calibration(pair: PairedRows, o: _Options) -> pl.DataFrame | None:
    both = pair.column("confidence")
    if both is None or o.confidence_kind == "none" or not pair.scored.any():
        return None
    first, second = (values[pair.scored] for values in both)
    if (np.isnan(first) | np.isnan(second)).all():
        return None
    return calibration_drift(
        (first, pair.scores[0]),
        (second, pair.scores[1]),
        mapping=None if o.confidence_kind == "probability" else o.mapping,
        confidence=o.level,
        n_resamples=min(o.n_resamples, CALIBRATION_RESAMPLES),
        seed=o.seed,
    )


def _has_matrix(pair: PairedRows) -> bool:
    return pair.has_truth and not pair.has_sets and len(pair.labels) <= MOST_LABELS


def _warnings(
    pair: PairedRows, change: PairedDifference | None, groups: pl.DataFrame, o: _Options
) -> tuple[str, ...]:
    found = []
    if pair.only_before or pair.only_after:
        found.append(
            f"Left out, for they are in one run only: {pair.only_before} rows of the first and "
            f"{pair.only_after} of the second."
        )
    if change is None:
        found.append("No row has a score at both dates: accuracy and all that needs the truth are unknown.")
    else:
        found += hidden_changes(
            groups, change.estimate, alpha=o.alpha, min_change=o.min_change, n_min=o.n_min
        )
        churn = 1 - float(pair.overlap.mean())
        if abs(change.estimate) < o.min_change <= churn / CHURN:
            found.append(
                f"Accuracy moved by {100 * change.estimate:+.1f} points, but {100 * churn:.1f} % of the "
                "predictions changed."
            )
    if len(pair.labels) > MOST_LABELS:
        found.append(
            f"There are {len(pair.labels):,} different labels and answers; a confusion matrix is made of up "
            f"to {MOST_LABELS:,}."
        )
    if o.confidence_kind not in ("probability", "none") and pair.column("confidence") is not None:
        found.append(
            f'The confidences are of kind "{o.confidence_kind}", not probabilities; calibration is of what '
            "they were mapped to."
        )
    return tuple(found)
