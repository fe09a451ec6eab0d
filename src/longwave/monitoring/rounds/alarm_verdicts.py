"""Judge alarms on two rounds of one model: the figure, its interval, and the rows it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.monitoring.paired import PairedRows, paired_change
from longwave.monitoring.rounds.alarms import Alarm
from longwave.predictions import wilson_interval

__all__ = ["MOST_ROWS", "AlarmVerdict", "judge_alarm"]

Array = NDArray[np.float64]
State = Literal["raised", "quiet", "not judged"]
Average = Literal["mean", "median"]

MOST_ROWS = 50  # instances that a verdict names
N_MIN = 30  # rows of the smallest group that counts
N_RESAMPLES = 2000
SHOWN = 0.95  # confidence of an interval that does not decide
_BLOCK = 1 << 21  # numbers held at once: 16 MB


@dataclass(frozen=True, kw_only=True)
class AlarmVerdict:
    """What an alarm says of one model on one scenario.

    Parameters
    ----------
    alarm : str
        As it was written.
    scenario, model, before, after : str
        The series, and the dates that were compared.
    state : {"raised", "quiet", "not judged"}
    estimate, low, high : float or None
        The figure that the alarm watches, as a share, with the interval that decided.
    limit : float
        As a share.
    confidence : float or None
        That of the interval, widened for all that the alarm looked at.
    n : int
        Rows that both rounds have.
    group : str or None
        The group that lost most, for alarms on groups.
    rows : tuple of str
        Instances that the figure rests on, at most 50: those that broke, changed or lost their answer. Empty
        where it rests on all ``n``.
    n_rows : int
        How many these are in all.
    reason : str
        Why it was not judged.
    """

    alarm: str
    scenario: str
    model: str
    before: str
    after: str
    state: State
    limit: float
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    n: int = 0
    group: str | None = None
    rows: tuple[str, ...] = ()
    n_rows: int = 0
    reason: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {**asdict(self), "rows": list(self.rows)}


@dataclass(frozen=True, kw_only=True)
class _Figure:
    """An estimate, and which rows it rests on (None: on all)."""

    estimate: float
    low: float
    high: float
    confidence: float
    group: str | None = None
    rests_on: NDArray[np.bool_] | None = None


class _CannotJudge(Exception):
    """A round lacks what an alarm needs."""


def judge_alarm(
    alarm: Alarm, pair: PairedRows, *, names: tuple[str, str, str, str], n_series: int = 1, seed: int = 0
) -> AlarmVerdict:
    """Judge one alarm on two rounds of one model.

    Parameters
    ----------
    alarm : Alarm
    pair : PairedRows
        With the columns ``example_id`` and ``group`` in its frame.
    names : tuple of str
        Scenario, model, and the two dates.
    n_series : int
        Series that the alarm is judged on in all; its interval is widened for them by Bonferroni's rule.
    seed : int
        Of bootstraps and permutations.

    Notes
    -----
    Accuracy and no answer have the interval of `paired_change`, shares Wilson's, price and latency that of a
    bootstrap over rows of the ratio of means (medians). Groups of fewer than 30 rows never count.
    """
    scenario, model, before, after = names
    verdict = AlarmVerdict(
        alarm=alarm.text,
        scenario=scenario,
        model=model,
        before=before,
        after=after,
        state="not judged",
        limit=alarm.limit,
        n=pair.n,
    )
    try:
        figure = _measure(alarm, pair, _level(alarm, n_series), seed)
    except _CannotJudge as error:
        return replace(verdict, reason=str(error))
    rows = _instances(pair, figure.rests_on)
    is_raised = alarm.is_beyond(figure.estimate, figure.low, figure.high)
    return replace(
        verdict,
        state="raised" if is_raised else "quiet",
        estimate=figure.estimate,
        low=figure.low,
        high=figure.high,
        confidence=figure.confidence,
        group=figure.group,
        rows=tuple(rows[:MOST_ROWS]),
        n_rows=len(rows),
    )


def _level(alarm: Alarm, n: int) -> float:
    """Return the confidence of each of ``n`` intervals that holds for all together."""
    return SHOWN if alarm.confidence is None else 1 - (1 - alarm.confidence) / n


def _measure(alarm: Alarm, pair: PairedRows, level: float, seed: int) -> _Figure:
    match alarm.measure:
        case "accuracy drop":
            return _drop(pair, level, seed)
        case "group accuracy drop":
            return _group_drop(alarm, pair, level, seed)
        case "flips":
            return _share(pair.overlap < 1, np.ones(pair.n, dtype=bool), level)
        case "negative flips":
            return _share(_broke(pair), pair.scored, level)
        case "overlap":
            same = _share(pair.overlap == 1, np.ones(pair.n, dtype=bool), level)
            return replace(same, rests_on=pair.overlap < 1)
        case "no answer rise":
            return _no_answer(pair, level, seed)
        case "cost rise":
            return _rise(pair, "cost_usd", "mean", level, seed)
        case _:
            return _rise(pair, "latency_s", "median", level, seed)


def _drop(pair: PairedRows, level: float, seed: int, member: NDArray[np.bool_] | None = None) -> _Figure:
    """Return the drop of the mean score, over all scored rows or some of them."""
    first, second = _shares(pair)
    if member is not None:
        first, second = first[member], second[member]
    change = paired_change(first, second, confidence=level, n_resamples=99, seed=seed)
    return _Figure(
        estimate=0.0 - change.estimate,  # and not -0.0
        low=0.0 - change.high,
        high=0.0 - change.low,
        confidence=level,
        rests_on=_broke(pair),
    )


def _group_drop(alarm: Alarm, pair: PairedRows, level: float, seed: int) -> _Figure:
    _shares(pair)
    groups = pair.groups("group")
    counts = groups.drop_nulls().value_counts().filter(pl.col("count") >= N_MIN).sort("group")
    if not len(counts):
        raise _CannotJudge(f"no group has {N_MIN} rows or more")
    each = level if alarm.confidence is None else 1 - (1 - level) / len(counts)
    found = []
    for name in counts["group"]:
        member = (groups == name).fill_null(value=False).to_numpy()
        figure = _drop(pair, each, seed, member)
        inside = np.zeros(pair.n, dtype=bool)
        inside[np.flatnonzero(pair.scored)[member]] = True
        found.append(replace(figure, group=name, rests_on=_broke(pair) & inside))
    return max(found, key=lambda one: one.low if alarm.confidence is not None else one.estimate)


def _shares(pair: PairedRows) -> tuple[Array, Array]:
    """Return the scores of both rounds, which must be shares of full marks."""
    first, second = pair.scores
    if not len(first):
        raise _CannotJudge("no row has a score in both rounds")
    if any(((scores < 0) | (scores > 1)).any() for scores in (first, second)):
        raise _CannotJudge("the score is no share between 0 and 1, so that points mean nothing")
    return first, second


def _broke(pair: PairedRows) -> NDArray[np.bool_]:
    """Return which rows lost score: for answers that are right or wrong, those that broke."""
    first, second = _shares(pair)
    lost = np.zeros(pair.n, dtype=bool)
    lost[pair.scored] = second < first
    return lost


def _share(which: NDArray[np.bool_], of: NDArray[np.bool_], level: float) -> _Figure:
    bounds = wilson_interval(int((which & of).sum()), int(of.sum()), confidence=level)
    return _Figure(
        estimate=bounds.estimate, low=bounds.low, high=bounds.high, confidence=level, rests_on=which & of
    )


def _no_answer(pair: PairedRows, level: float, seed: int) -> _Figure:
    first, second = (
        pair.frame[f"predicted_label_{side}"].is_null().to_numpy() for side in ("before", "after")
    )
    change = paired_change(
        first.astype(np.float64), second.astype(np.float64), confidence=level, n_resamples=99, seed=seed
    )
    return _Figure(
        estimate=change.estimate,
        low=change.low,
        high=change.high,
        confidence=level,
        rests_on=second & ~first,
    )


def _rise(pair: PairedRows, column: str, average: Average, level: float, seed: int) -> _Figure:
    """Return the relative rise of an average of a column, with a bootstrap over rows."""
    both = pair.column(column)
    known = np.zeros(pair.n, dtype=bool) if both is None else ~(np.isnan(both[0]) | np.isnan(both[1]))
    if both is None or not known.any():
        raise _CannotJudge(f"no row has {column} in both rounds")
    first, second = (values[known] for values in both)
    before, after = (float(_average(values[None, :], average)[0]) for values in (first, second))
    if before <= 0:
        raise _CannotJudge(f"{column} was 0 before, so that no rise is relative to it")
    draws = np.concatenate(list(_resampled(first, second, average, seed)))
    low, high = np.quantile(draws, ((1 - level) / 2, (1 + level) / 2))
    return _Figure(estimate=after / before - 1, low=float(low), high=float(high), confidence=level)


def _average(values: Array, average: Average) -> Array:
    """Average the last axis."""
    found = values.mean(axis=-1) if average == "mean" else np.median(values, axis=-1)
    return np.asarray(found, dtype=np.float64)


def _resampled(first: Array, second: Array, average: Average, seed: int) -> Iterator[Array]:
    """Yield the rises of resampled rows, in blocks."""
    rng = np.random.default_rng(seed)
    rows = max(1, _BLOCK // len(first))
    for start in range(0, N_RESAMPLES, rows):
        index = rng.integers(0, len(first), size=(min(rows, N_RESAMPLES - start), len(first)))
        before, after = (_average(values[index], average) for values in (first, second))
        yield after[before > 0] / before[before > 0] - 1


def _instances(pair: PairedRows, which: NDArray[np.bool_] | None) -> Sequence[str]:
    if which is None:
        return ()
    return [str(name) for name in pair.frame["example_id"].filter(pl.Series(which))]
