from __future__ import annotations

from itertools import combinations, product

import numpy as np
import polars as pl
import pytest

from longwave.errors import DataError, UnknownName
from longwave.monitoring.probing.churn import fit_churn
from longwave.monitoring.probing.design import count_answers
from longwave.monitoring.probing.destinations import find_destinations
from longwave.monitoring.probing.estimate import METHODS, estimate_shift, shift_matrix
from longwave.monitoring.probing.sampler import ProbeConfig, Sampler
from longwave.monitoring.probing.strata import Strata


def _strata(labels, before, stratum, n_classes=3) -> Strata:
    labels, before, stratum = map(np.array, (labels, before, stratum))
    kinds = [bool((labels == before)[stratum == k].all()) for k in range(stratum.max() + 1)]
    pure = [
        len({*zip(labels[stratum == k], before[stratum == k], strict=True)}) == 1
        for k in range(stratum.max() + 1)
    ]
    return Strata(
        classes=tuple("abcd"[:n_classes]),
        labels=labels,
        before=before,
        stratum=stratum,
        is_right=np.array(kinds),
        is_pure=np.array(pure),
        order=np.arange(len(labels)),
    )


SMALL = _strata([0, 0, 0, 0, 1, 1, 1, 2, 2], [0, 0, 0, 0, 0, 0, 0, 1, 0], [0, 0, 0, 0, 1, 1, 1, 1, 1])
AFTER = np.array([0, 1, 0, 2, 0, 1, 2, 1, 2])


def _true_shift(strata, after):
    n = strata.n_rows
    return shift_matrix(strata.labels, strata.before, after, len(strata.classes), np.full(n, 1 / n))


def _given(rows, after=AFTER):
    told = np.full(len(after), -1)
    told[list(rows)] = after[list(rows)]
    return told


def _fixed_samples(sizes=(2, 3)):
    """Every sample of two rows of the first stratum and three of the second: all are equally likely."""
    queues = [np.flatnonzero(SMALL.stratum == k) for k in (0, 1)]
    return [
        (*first, *second)
        for first, second in product(*(combinations(q, n) for q, n in zip(queues, sizes, strict=True)))
    ]


def test_stratified_is_unbiased_for_fixed_numbers_of_calls():
    shifts = [
        estimate_shift(SMALL, _given(rows), SMALL.classes, method="stratified").shift
        for rows in _fixed_samples()
    ]
    np.testing.assert_allclose(np.mean(shifts, axis=0), _true_shift(SMALL, AFTER), atol=1e-12)


def test_its_squared_standard_error_is_unbiased_too():
    found = [
        estimate_shift(SMALL, _given(rows), SMALL.classes, method="stratified") for rows in _fixed_samples()
    ]
    spread = np.var([item.shift for item in found], axis=0)
    np.testing.assert_allclose(np.mean([item.stderr**2 for item in found], axis=0), spread, atol=1e-12)


def test_its_accuracy_and_churn_are_unbiased():
    found = [
        estimate_shift(SMALL, _given(rows), SMALL.classes, method="stratified") for rows in _fixed_samples()
    ]
    delta = (SMALL.labels == AFTER).mean() - (SMALL.before == SMALL.labels).mean()
    assert np.mean([item.delta.estimate for item in found]) == pytest.approx(delta)
    assert np.mean([item.churn.estimate for item in found]) == pytest.approx((SMALL.before != AFTER).mean())


def test_paired_is_unbiased_for_uniform_calls():
    found = [
        estimate_shift(SMALL, _given(rows), SMALL.classes, method="paired")
        for rows in combinations(range(9), 4)
    ]
    np.testing.assert_allclose(
        np.mean([item.shift for item in found], axis=0), _true_shift(SMALL, AFTER), atol=1e-12
    )
    spread = np.var([item.shift for item in found], axis=0)
    np.testing.assert_allclose(np.mean([item.stderr**2 for item in found], axis=0), spread, atol=1e-12)


def test_stratified_is_biased_where_the_calls_followed_the_answers():
    """Ask a second row of a stratum only where the first one changed."""
    one = _strata([0] * 4, [0] * 4, [0] * 4)
    after = np.array([1, 0, 0, 0])
    shifts = []
    for first, second in product(range(4), range(4)):
        if first != second:
            rows = [first, second] if after[first] else [first]
            shifts.append(
                estimate_shift(one, _given(rows, after), one.classes, method="stratified").shift[0, 1]
            )
    assert np.mean(shifts) == pytest.approx(0.125)
    assert _true_shift(one, after)[0, 1] == 0.25


@pytest.mark.parametrize("method", METHODS)
def test_with_all_rows_asked_nothing_is_left_to_chance(method):
    found = estimate_shift(SMALL, AFTER, SMALL.classes, method=method)
    np.testing.assert_allclose(found.shift, _true_shift(SMALL, AFTER), atol=1e-12)
    assert np.abs(found.stderr).max() < 1e-12
    assert np.abs(found.high - found.low).max() < 1e-12
    for interval, value in ((found.churn, 5 / 9), (found.accuracy, 4 / 9), (found.delta, 0.0)):
        assert interval.low == pytest.approx(interval.high, abs=1e-12)
        assert interval.estimate == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_rows_sum_to_nothing_and_the_trace_is_the_change_of_accuracy(method):
    found = estimate_shift(SMALL, _given([0, 1, 4, 5, 7]), SMALL.classes, method=method)
    np.testing.assert_allclose(found.shift.sum(axis=1), 0, atol=1e-12)
    assert np.trace(found.shift) == pytest.approx(found.delta.estimate)
    before = (SMALL.labels == SMALL.before).mean()
    assert found.accuracy.estimate == pytest.approx(before + found.delta.estimate)
    assert found.delta.low <= found.delta.estimate <= found.delta.high
    assert (found.low <= found.shift + 1e-12).all()
    assert (found.shift <= found.high + 1e-12).all()


def test_shrunk_adds_what_is_known_to_what_is_expected():
    """The formula, row by row."""
    told = _given([0, 1, 4, 5, 7])
    changed, asked = count_answers(SMALL, told)
    chance, _ = fit_churn(changed, asked, SMALL.is_right).moments()
    to = find_destinations(SMALL, told, 3)
    shift = np.zeros((3, 3))
    for k in (0, 1):
        rows = np.flatnonzero(SMALL.stratum == k)
        seen = [row for row in rows if told[row] >= 0]
        rest = [row for row in rows if told[row] < 0]
        gone = np.zeros((3, 3))
        for row in seen:
            gone[SMALL.labels[row], told[row]] += 1
            gone[SMALL.labels[row], SMALL.before[row]] -= 1
        expected = np.zeros((3, 3))
        for row in rest:
            (pair,) = np.flatnonzero(
                (to.stratum == k) & (to.label == SMALL.labels[row]) & (to.before == SMALL.before[row])
            )
            expected[SMALL.labels[row]] += to.mean()[pair] / len(rest)
            expected[SMALL.labels[row], SMALL.before[row]] -= 1 / len(rest)
        mixed = (to.mass * expected + gone) / (to.mass + changed[k])
        shift += (gone + len(rest) * chance[k] * mixed) / 9
    found = estimate_shift(SMALL, told, SMALL.classes)
    np.testing.assert_allclose(found.shift, shift, atol=1e-12)


def test_a_lone_draw_borrows_its_spread():
    two = _strata([0] * 6, [0] * 6, [0, 0, 0, 1, 1, 1])
    after = np.array([1, 0, 0, 0, 0, 0])
    found = estimate_shift(two, _given([0, 1, 3], after), two.classes, method="stratified")
    # s² = 1/2 in the first stratum, and in the second for want of another; w = 1/2 each
    assert found.stderr[0, 1] ** 2 == pytest.approx(0.25 * 0.5 * ((1 - 2 / 3) / 2 + (1 - 1 / 3)))


def test_lone_draws_alone_tell_of_no_spread():
    found = estimate_shift(SMALL, _given([0, 4]), SMALL.classes, method="stratified")
    assert np.isnan(found.stderr).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_lone_draw_where_nothing_changed_has_no_error(method):
    found = estimate_shift(SMALL, _given([0, 1, 4], SMALL.before), SMALL.classes, method=method)
    assert np.isfinite(found.stderr).all()
    if method != "shrunk":
        assert found.stderr.max() == 0


def test_classes_that_only_new_answers_have_get_a_column():
    told = _given([0, 1, 4])
    told[0] = 3
    found = estimate_shift(SMALL, told, ("a", "b", "c", "new"))
    assert found.shift.shape == (4, 4)
    assert found.shift[0, 3] > 0


def test_cells_are_listed_by_size():
    told = _given([0, 1, 4, 5, 7])
    cells = estimate_shift(SMALL, told, ("a", "b", None)).cells(4)
    assert cells.columns == ["label", "prediction", "shift_pp", "stderr_pp", "low_pp", "high_pp", "rows"]
    assert cells["shift_pp"].abs().is_sorted(descending=True)
    assert cells["rows"].to_list() == pytest.approx((cells["shift_pp"] * 0.09).to_list())
    assert cells.schema["prediction"] == pl.String


def test_cells_that_did_not_move_are_not_listed():
    still = estimate_shift(SMALL, SMALL.before, SMALL.classes)
    assert len(still.cells()) == 0


def test_without_cells_the_point_estimates_are_the_same():
    told = _given([0, 1, 4, 5, 7])
    whole, part = (estimate_shift(SMALL, told, SMALL.classes, with_cells=flag) for flag in (True, False))
    np.testing.assert_array_equal(whole.shift, part.shift)
    assert whole.delta == part.delta
    assert np.isnan(part.low).all()


@pytest.mark.parametrize(
    ("after", "method", "error", "message"),
    [
        (np.full(9, -1), "shrunk", DataError, "No row was answered"),
        (AFTER, "median", UnknownName, "stratified"),
    ],
    ids=["empty", "method"],
)
def test_what_cannot_be_estimated_is_refused(after, method, error, message):
    with pytest.raises(error, match=message):
        estimate_shift(SMALL, after, SMALL.classes, method=method)


def _coverage(design: str, seeds: int, n: int = 3000, budget: int = 200):
    """Plant a shift with a strong and a weak part; count how often intervals hold it."""
    rng = np.random.default_rng(11)
    labels = rng.choice(6, size=n, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
    before = np.where(rng.random(n) < 0.75, labels, rng.integers(0, 6, n))
    after = before.copy()
    lost = (labels == 1) & (before == 1) & (rng.random(n) < 0.3)
    after[lost] = 2
    stirred = rng.random(n) < 0.04
    after[stirred] = rng.integers(0, 6, int(stirred.sum()))
    delta = (after == labels).mean() - (before == labels).mean()
    truth = shift_matrix(labels, before, after, 6, np.full(n, 1 / n))
    held = []
    for seed in range(seeds):
        sampler = Sampler(labels, before, config=ProbeConfig(budget=budget, design=design, seed=seed))
        while len(rows := sampler.next(20)):
            sampler.tell(rows, after[rows].tolist())
        found, raw = sampler.estimate(), sampler.estimate(method="stratified", with_cells=False)
        big = np.abs(truth) > 0.002
        inside = (found.low <= truth + 1e-12) & (truth <= found.high + 1e-12)
        held.append(
            (
                found.delta.low <= delta <= found.delta.high,
                found.churn.low <= (after != before).mean() <= found.churn.high,
                inside.mean(),
                inside[big].mean(),
                found.delta.estimate - delta,
                raw.delta.estimate - delta,
            )
        )
    return np.array(held, dtype=float).mean(axis=0)


def test_intervals_hold_the_truth_nearly_as_often_as_they_say():
    delta, churn, cells, big, _, _ = _coverage("adaptive", 10, n=1000, budget=120)
    assert min(delta, churn, cells, big) >= 0.8  # ten draws at 95 %: below with a chance of 1 %


@pytest.mark.slow
@pytest.mark.parametrize("design", ["adaptive", "masa", "proportional", "uniform"])
def test_intervals_hold_the_truth_at_their_rate(design):
    delta, churn, cells, big, bias, raw = _coverage(design, 200)
    assert min(delta, churn) >= 0.91  # three standard errors of a rate of 0.95 in 200 draws
    assert cells >= 0.95
    assert big >= 0.90
    assert abs(bias) < 0.006
    if design in ("adaptive", "masa"):
        assert abs(bias) < abs(raw)
