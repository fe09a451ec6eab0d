"""What a few calls say about all rows: the confusion shift, accuracy and churn, with intervals.

Three estimates, for three needs:

* ``shrunk``: posterior means. A stratum's chance of a change is drawn towards that of strata like it
  (`longwave.monitoring.probing.churn`); where changes go is learned from the stratum itself and from the
  errors the model made before. The bias is small, whichever rows were chosen, and the intervals hold.
* ``stratified``: the mean of what was seen in every stratum, times its weight. Unbiased where the numbers of
  calls were fixed beforehand (design ``proportional``), **biased towards no change for adaptive designs**: a
  stratum whose first answers did not change is left alone. A stratum of which no row was asked counts as
  unchanged.
* ``paired``: the mean over all calls of what changed; unbiased for the design ``uniform`` only.

What was answered is known and not estimated: with all rows asked, the three agree and have no error left.
"""

# Shapes: N rows, C classes, K strata, T draws, P pairs (label, earlier prediction) within strata

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np
import polars as pl

from longwave.errors import DataError, UnknownName
from longwave.monitoring.classes import Codes, Floats, Label
from longwave.monitoring.probing.cells import cell_errors, cell_intervals, find_flows
from longwave.monitoring.probing.churn import ChurnPosterior, fit_churn
from longwave.monitoring.probing.destinations import Destinations, find_destinations
from longwave.monitoring.probing.strata import Strata
from longwave.predictions.statistics import Interval

__all__ = ["METHODS", "Method", "ShiftEstimate", "estimate_shift", "shift_matrix"]

Method = Literal["shrunk", "stratified", "paired"]
METHODS: tuple[str, ...] = get_args(Method)


@dataclass(frozen=True, kw_only=True, eq=False)
class ShiftEstimate:
    """The estimated difference of two confusion matrices, the later minus the earlier.

    Parameters
    ----------
    classes : tuple
        Labels and predictions in the order of rows and columns; None is no answer.
    shift, stderr : ndarray, shape (C, C)
        Share of all rows that a cell (true label, prediction) gained, and its standard error; rows sum to 0.
        NaN where a single draw tells of no spread.
    low, high : ndarray, shape (C, C)
        Interval of each cell by itself.
    accuracy, delta, churn : Interval
        Accuracy of the new answers, its difference to the earlier ones, and the share of answers that differ,
        on all rows.
    n_asked, n_rows : int
    method : str
    """

    classes: tuple[Label, ...]
    shift: Floats
    stderr: Floats
    low: Floats
    high: Floats
    accuracy: Interval
    delta: Interval
    churn: Interval
    n_asked: int
    n_rows: int
    method: str

    def cells(self, k: int = 10) -> pl.DataFrame:
        """Return the k cells that moved most.

        Returns
        -------
        DataFrame
            ``label, prediction`` (null for no answer), ``shift_pp`` and ``stderr_pp`` in points of all rows,
            ``low_pp, high_pp``, and ``rows``, the number of rows that this is.
        """
        flat = np.argsort(-np.abs(self.shift), axis=None, kind="stable")[:k]
        at = [
            cell for cell in zip(*np.unravel_index(flat, self.shift.shape), strict=True) if self.shift[cell]
        ]
        y, z = [a for a, _ in at], [b for _, b in at]
        points = {
            name: [100 * float(array[cell]) for cell in at]
            for name, array in (
                ("shift_pp", self.shift),
                ("stderr_pp", self.stderr),
                ("low_pp", self.low),
                ("high_pp", self.high),
            )
        }
        names = {"label": self._names(y), "prediction": self._names(z)}
        rows = [self.n_rows * value / 100 for value in points["shift_pp"]]
        schema = dict.fromkeys(names, pl.String()) | dict.fromkeys((*points, "rows"), pl.Float64())
        return pl.DataFrame({**names, **points, "rows": rows}, schema=schema)

    def _names(self, codes: Sequence[int]) -> list[str | None]:
        found = [self.classes[code] for code in codes]
        return [None if name is None else str(name) for name in found]


def estimate_shift(
    strata: Strata,
    after: Codes,
    classes: Sequence[Label],
    *,
    method: Method = "shrunk",
    confidence: float = 0.95,
    n_draws: int = 2000,
    with_cells: bool = True,
    seed: int = 0,
) -> ShiftEstimate:
    """Estimate what all rows would show from the answers to some.

    Parameters
    ----------
    strata : Strata
    after : ndarray of int, shape (N,)
        New predictions as codes of ``classes``, -1 where a row was not answered.
    classes : sequence
        Those of the strata, then classes that only new answers have.
    method : {"shrunk", "stratified", "paired"}
    confidence : float
    n_draws : int
        Draws from the posterior, for ``shrunk``.
    with_cells : bool
        Whether cells have intervals; without, they are NaN and the estimate takes a fraction of the time.
    seed : int
        Seeds the draws.

    Raises
    ------
    DataError
        If nothing was answered.
    UnknownName
        If there is no such method.

    References
    ----------
    The stratified estimate and its error: eq. 5.6 and 5.15 of W. G. Cochran, Sampling Techniques (1977).
    """
    if method not in METHODS:
        raise UnknownName("method of estimation", method, METHODS)
    if not (after >= 0).any():
        raise DataError("No row was answered yet, so there is nothing to estimate from. Ask some rows first.")
    found = _shrunk if method == "shrunk" else _stratified
    shift, stderr, cells, intervals = found(
        strata,
        after,
        len(classes),
        method=method,
        confidence=confidence,
        n_draws=n_draws,
        with_cells=with_cells,
        seed=seed,
    )
    before = float((strata.labels == strata.before).mean())
    delta = intervals[0]
    return ShiftEstimate(
        classes=tuple(classes),
        shift=shift,
        stderr=stderr,
        low=cells[0],
        high=cells[1],
        accuracy=Interval(
            estimate=before + delta.estimate,
            low=before + delta.low,
            high=before + delta.high,
            confidence=confidence,
        ),
        delta=delta,
        churn=intervals[1],
        n_asked=int((after >= 0).sum()),
        n_rows=strata.n_rows,
        method=method,
    )


def shift_matrix(labels: Codes, before: Codes, after: Codes, n_classes: int, weights: Floats) -> Floats:
    """Add up ``weight · (e_after - e_before)`` in the row of each label; shape (C, C)."""
    size = n_classes * n_classes
    gained = np.bincount(labels * n_classes + after, weights=weights, minlength=size)
    lost = np.bincount(labels * n_classes + before, weights=weights, minlength=size)
    return np.asarray((gained - lost).reshape(n_classes, n_classes), dtype=np.float64)


_Found = tuple[Floats, Floats, tuple[Floats, Floats], tuple[Interval, Interval]]


def _shrunk(
    strata: Strata,
    after: Codes,
    n_classes: int,
    *,
    method: Method,  # noqa: ARG001 (one signature for both)
    confidence: float,
    n_draws: int,
    with_cells: bool,
    seed: int,
) -> _Found:
    """Return posterior means, standard deviations and quantiles."""
    told = np.flatnonzero(after >= 0)
    k = strata.stratum[told]
    is_changed = after[told] != strata.before[told]
    changed = np.bincount(k, weights=is_changed, minlength=strata.n_strata).astype(np.int64)
    asked = np.bincount(k, minlength=strata.n_strata).astype(np.int64)
    churn = fit_churn(changed, asked, strata.is_right)
    to = find_destinations(strata, after, n_classes)
    shift = _posterior_mean(strata, after, churn, to, n_classes)
    rng = np.random.default_rng(seed)
    gained, moved = _draw_accuracy(strata, churn, to, rng, n_draws)
    n = strata.n_rows
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    chance, _ = churn.moments()
    mean_churn = float((changed + (strata.sizes - asked) * chance).sum()) / n
    intervals = (
        _interval(float(np.trace(shift)), gained / n, tails, confidence),
        _interval(mean_churn, moved / n, tails, confidence),
    )
    if not with_cells:
        nothing = np.full((n_classes, n_classes), np.nan)
        return shift, nothing, (nothing, nothing), intervals
    flows = find_flows(strata, after, to)
    low, high = cell_intervals(flows, n_classes, z=NormalDist().inv_cdf(tails[1]))
    stderr = cell_errors(flows, churn, strata.sizes - asked, to.mass, n_classes) / n
    return shift, stderr, (np.minimum(low / n, shift), np.maximum(high / n, shift)), intervals


def _interval(estimate: float, draws: Floats, tails: tuple[float, float], confidence: float) -> Interval:
    low, high = np.quantile(draws, tails)
    return Interval(
        estimate=estimate,
        low=min(float(low), estimate),
        high=max(float(high), estimate),
        confidence=confidence,
    )


def _posterior_mean(
    strata: Strata, after: Codes, churn: ChurnPosterior, to: Destinations, n_classes: int
) -> Floats:
    """Add what is known of the rows that were asked to what is expected of the others."""
    told = np.flatnonzero(after >= 0)
    chance, _ = churn.moments()
    expected = (strata.sizes - churn.asked) * chance / (to.mass + churn.changed)  # (K,): a unit of evidence
    k = strata.stratum[told]
    weights = np.where(after[told] != strata.before[told], 1 + expected[k], 0.0)
    shift = shift_matrix(strata.labels[told], strata.before[told], after[told], n_classes, weights)
    share = to.mass * expected[to.stratum] * to.rest / np.maximum(to.rest_of(strata.n_strata), 1)[to.stratum]
    np.add.at(shift, to.label, share[:, None] * to.mean())
    np.add.at(shift, (to.label, to.before), -share)
    return shift / strata.n_rows


def _draw_accuracy(
    strata: Strata, churn: ChurnPosterior, to: Destinations, rng: np.random.Generator, n_draws: int
) -> tuple[Floats, Floats]:
    """Draw how many rows become right, less those that become wrong, and how many change; each (T,)."""
    chances = churn.draw(rng, n_draws)
    moved = rng.binomial(strata.sizes - churn.asked, chances)  # (T, K), among the rows not asked
    wrong = ~strata.is_right
    fixed = np.zeros_like(moved)
    if wrong.any():
        common = to.draw_fixed(rng, n_draws)[:, None]
        share = rng.beta(
            to.mass * common + to.n_fixed[wrong],
            np.maximum(to.mass * (1 - common) + (churn.changed - to.n_fixed)[wrong], 1e-12),
        )
        fixed[:, wrong] = rng.binomial(moved[:, wrong], share)
    gained = fixed.sum(axis=1) + int(to.n_fixed.sum())
    lost = moved[:, strata.is_right].sum(axis=1) + int(churn.changed[strata.is_right].sum())
    return np.asarray(gained - lost, dtype=float), moved.sum(axis=1) + float(churn.changed.sum())


def _stratified(
    strata: Strata,
    after: Codes,
    n_classes: int,
    *,
    method: Method,
    confidence: float,
    n_draws: int,  # noqa: ARG001 (one signature for both)
    with_cells: bool,  # noqa: ARG001
    seed: int,  # noqa: ARG001
) -> _Found:
    """Return weighted means, their standard errors and normal intervals."""
    is_one = method == "paired"
    stratum = np.zeros_like(strata.stratum) if is_one else strata.stratum
    sizes = np.array([strata.n_rows]) if is_one else strata.sizes
    told = np.flatnonzero(after >= 0)
    y, o, z, k = strata.labels[told], strata.before[told], after[told], stratum[told]
    asked = np.bincount(k, minlength=len(sizes))
    weights = sizes / strata.n_rows
    shift = shift_matrix(y, o, z, n_classes, (weights / np.maximum(asked, 1))[k])
    # what each answer adds to each cell, as sparse triples (stratum, cell, value)
    moved = o != z
    cell = np.concatenate([(y * n_classes + z)[moved], (y * n_classes + o)[moved]])
    value = np.repeat([1.0, -1.0], int(moved.sum()))
    variance = _variance(np.tile(k[moved], 2), cell, value, asked, sizes, n_classes**2)
    right = (z == y).astype(float) - (o == y)
    of_delta = _variance(k, np.zeros_like(k), right, asked, sizes, 1)
    of_churn = _variance(k, np.zeros_like(k), moved.astype(float), asked, sizes, 1)
    z_value = NormalDist().inv_cdf((1 + confidence) / 2)
    stderr = np.sqrt(variance).reshape(n_classes, n_classes)
    intervals = tuple(
        Interval(estimate=mean, low=mean - half, high=mean + half, confidence=confidence)
        for mean, half in (
            (float(np.trace(shift)), z_value * float(np.sqrt(of_delta[0]))),
            (float((weights / np.maximum(asked, 1))[k] @ moved), z_value * float(np.sqrt(of_churn[0]))),
        )
    )
    cells = (shift - z_value * stderr, shift + z_value * stderr)
    return shift, stderr, cells, (intervals[0], intervals[1])


def _variance(k: Codes, cell: Codes, value: Floats, asked: Codes, sizes: Codes, n_cells: int) -> Floats:
    """Return ``Σ_k w_k² (1 - n_k/N_k) s_k²/n_k`` of each cell; a lone draw borrows the mean s²."""
    place = k * n_cells + cell
    used, inverse = np.unique(place, return_inverse=True)
    total = np.bincount(inverse, weights=value)
    square = np.bincount(inverse, weights=value**2)
    of, where = used // n_cells, used % n_cells
    n = asked[of]
    spread = np.where(n > 1, (square - total**2 / np.maximum(n, 1)) / np.maximum(n - 1, 1), 0.0)
    factor = (sizes / sizes.sum()) ** 2 * (1 - asked / sizes) / np.maximum(asked, 1)  # (K,)
    variance = np.zeros(n_cells)
    np.add.at(variance, where, factor[of] * spread)
    lone = (asked < 2) & (asked < sizes)
    if lone.any():
        several = asked > 1
        weight = np.where(several, sizes, 0)
        if not several.any():
            return np.full(n_cells, np.nan)
        mean = np.bincount(where, weights=weight[of] * spread, minlength=n_cells) / weight.sum()
        variance += mean * float(factor[lone].sum())
    return variance
