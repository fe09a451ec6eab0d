from __future__ import annotations

import numpy as np
import pytest

from longwave.monitoring.probing.cells import Flows, cell_errors, cell_intervals, find_flows
from longwave.monitoring.probing.churn import ALPHA, ChurnPosterior, fit_churn
from longwave.monitoring.probing.design import count_answers
from longwave.monitoring.probing.destinations import find_destinations
from longwave.monitoring.probing.strata import make_strata
from longwave.predictions import wilson_interval


def _flow(seen: int, asked: int, rest: int, sign: float = 1.0, cell: int = 1) -> Flows:
    return Flows(
        stratum=np.array([0]),
        cell=np.array([cell]),
        sign=np.array([sign]),
        expected=np.array([1.0]),
        seen=np.array([seen]),
        asked=np.array([asked]),
        rest=np.array([rest]),
    )


@pytest.mark.parametrize(("seen", "asked"), [(0, 7), (3, 10), (5, 5)])
def test_one_flow_has_wilsons_interval_drawn_in_for_what_was_asked(seen, asked):
    rest = 90
    low, high = cell_intervals(_flow(seen, asked, rest), 2, z=1.959963984540054)
    wilson = wilson_interval(seen, asked)
    factor = np.sqrt(rest / (rest + asked))
    middle = seen + rest * seen / asked
    assert low[0, 1] == pytest.approx(middle - rest * factor * (wilson.estimate - wilson.low))
    assert high[0, 1] == pytest.approx(middle + rest * factor * (wilson.high - wilson.estimate))
    assert low[1, 1] == high[1, 1] == 0


def test_a_flow_nobody_asked_about_is_bounded_by_its_rows():
    low, high = cell_intervals(_flow(0, 0, 12), 2, z=1.96)
    assert (low[0, 1], high[0, 1]) == (0, 12)


def test_what_leaves_is_what_comes_turned_round():
    come, leave = (cell_intervals(_flow(2, 9, 30, sign), 2, z=1.96) for sign in (1.0, -1.0))
    np.testing.assert_allclose(come[0], -leave[1])
    np.testing.assert_allclose(come[1], -leave[0])


def test_distances_of_several_flows_add_up_in_squares():
    one, two = _flow(2, 9, 30), _flow(1, 8, 50)
    both = Flows(**{name: np.concatenate([getattr(one, name), getattr(two, name)]) for name in vars(one)})
    alone = [cell_intervals(flow, 2, z=1.96) for flow in (one, two)]
    low, high = cell_intervals(both, 2, z=1.96)
    middles = [f.seen[0] + f.rest[0] * f.seen[0] / f.asked[0] for f in (one, two)]
    below = np.hypot(*(m - bounds[0][0, 1] for m, bounds in zip(middles, alone, strict=True)))
    assert low[0, 1] == pytest.approx(sum(middles) - below)
    assert high[0, 1] > sum(middles)


def _told():
    labels = ["a"] * 60 + ["b"] * 40 + ["c"] * 4
    before = ["a"] * 50 + ["b"] * 10 + ["b"] * 40 + ["c", "c", "a", "b"]
    strata = make_strata(labels, before, max_strata=6)
    after = np.full(104, -1)
    for queue in strata.queues:
        rows = queue[: max(1, len(queue) // 3)]
        after[rows] = strata.before[rows]
        after[rows[:2]] = (strata.before[rows[:2]] + 1) % 3
    return strata, after


def test_flows_account_for_every_change_that_was_seen():
    strata, after = _told()
    flows = find_flows(strata, after, find_destinations(strata, after, 3))
    moved = ((after >= 0) & (after != strata.before)).sum()
    assert flows.seen[flows.sign > 0].sum() == flows.seen[flows.sign < 0].sum() == moved
    for k in range(strata.n_strata):
        mine = flows.stratum == k
        for sign in (1.0, -1.0):
            assert flows.expected[mine & (flows.sign == sign)].sum() == pytest.approx(1)
    assert (flows.rest + flows.asked <= strata.sizes[flows.stratum]).all()


def test_standard_errors_are_those_of_simulated_changes(rng):
    strata, after = _told()
    to = find_destinations(strata, after, 3)
    flows = find_flows(strata, after, to)
    changed, asked = count_answers(strata, after)
    churn = fit_churn(changed, asked, strata.is_right)
    rest = strata.sizes - asked
    found = cell_errors(flows, churn, rest, to.mass, 3)
    n = 5_000
    variance = np.zeros(9)
    for f in range(len(flows.cell)):  # each flow by itself, as the formula takes them
        k = flows.stratum[f]
        m = rng.binomial(rest[k], churn.draw(rng, n)[:, k])
        a = to.mass * flows.expected[f] + flows.seen[f]
        p = rng.beta(a, max(to.mass + changed[k] - a, 1e-12), size=n)
        variance[flows.cell[f]] += rng.binomial(m, p).var()
    np.testing.assert_allclose(found.ravel(), np.sqrt(variance), rtol=0.1, atol=0.05)


def test_nothing_left_to_ask_leaves_no_error():
    flows = _flow(3, 10, 0)
    churn = ChurnPosterior(
        changed=np.array([3]),
        asked=np.array([10]),
        is_right=np.array([True]),
        weights=np.full((2, len(ALPHA)), 1 / len(ALPHA)),
    )
    assert cell_errors(flows, churn, np.array([0]), 1.0, 2).max() == 0
    low, high = cell_intervals(flows, 2, z=1.96)
    assert low[0, 1] == high[0, 1] == 3
