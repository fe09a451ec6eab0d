from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from longwave.errors import ConfigError, UnknownName
from longwave.monitoring.selection.frontier import Frontier, concave_hull, find_frontier
from longwave.monitoring.selection.services import Services


def make_services(seed: int, n: int = 60, prices=(1.0, 4.0, 9.0), n_classes: int = 2) -> Services:
    rng = np.random.default_rng(seed)
    confidence = rng.integers(1, 6, (n, len(prices))) / 5
    accuracy = np.clip(
        0.3 + 0.1 * np.arange(len(prices)) + 0.5 * confidence * (rng.random(len(prices)) < 0.8), 0, 1
    )
    return Services(
        names=tuple("abcdef"[: len(prices)]),
        prices=np.array(prices),
        classes=tuple(range(n_classes)),
        predictions=rng.integers(0, n_classes, (n, len(prices))),
        confidence=confidence,
        score=(rng.random((n, len(prices))) < accuracy).astype(float),
    )


def _lp_score(services: Services, budget: float) -> float:
    """Solve the whole problem as one linear program.

    Variables: for every base, label and (threshold, add-on) the share of that label's rows under that rule,
    no rule being one of them; a base's labels share its own weight, and weights sum to 1.
    """
    gains, costs, groups = [], [], []
    bases = range(len(services.names))
    for base in bases:
        for label in np.unique(services.predictions[:, base]):
            rows = np.flatnonzero(services.predictions[:, base] == label)
            start = services.score[rows, base].sum()
            fee = services.prices[base] * len(rows)
            options = [(start, fee)]
            for level in np.unique(services.confidence[rows, base]):
                passed = rows[services.confidence[rows, base] <= level]
                for addon in bases:
                    if addon != base:
                        more = (services.score[passed, addon] - services.score[passed, base]).sum()
                        options.append((start + more, fee + services.prices[addon] * len(passed)))
            for gain, cost in options:
                gains.append(gain / services.n_rows)
                costs.append(cost / services.n_rows)
                groups.append((base, int(label)))
    names = sorted(set(groups))
    n, n_bases = len(gains), len(services.names)
    equal = np.zeros((len(names) + 1, n + n_bases))
    for row, name in enumerate(names):  # options of a label add up to the weight of its base
        equal[row, :n] = [group == name for group in groups]
        equal[row, n + name[0]] = -1
    equal[-1, n:] = 1
    found = linprog(
        -np.array([*gains, *[0.0] * n_bases]),
        A_ub=np.array([[*costs, *[0.0] * n_bases]]),
        b_ub=[budget],
        A_eq=equal,
        b_eq=[*[0.0] * len(names), 1.0],
        bounds=(0, None),
    )
    assert found.status == 0
    return -float(found.fun)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("budget", [1.0, 2.7, 5.0, 12.0, 40.0])
def test_greedy_is_as_good_as_the_linear_program(seed, budget):
    services = make_services(seed)
    frontier = find_frontier(services)
    best = _lp_score(services, budget)
    assert frontier.at(budget).expected_score == pytest.approx(best, abs=1e-9)
    assert frontier.score_at(budget) == pytest.approx(best, abs=1e-9)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_policies_do_on_their_rows_what_they_expect(seed, n_classes):
    services = make_services(seed, n=40, n_classes=n_classes)
    frontier = find_frontier(services)
    for budget in (1.0, 3.3, 8.0, 100.0):
        policy = frontier.at(budget)
        score, price = policy.apply(services)
        assert score.mean() == pytest.approx(policy.expected_score)
        assert price.mean() == pytest.approx(policy.expected_price)
        assert price.mean() <= budget + 1e-9


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([1, 3, 32]))
def test_the_curve_never_falls_and_never_lies_under_a_single_service(seed, cuts):
    services = make_services(seed, prices=(0.0, 2.0, 2.0, 7.0))
    frontier = find_frontier(services, cuts=cuts)
    assert (np.diff(frontier.prices) > 0).all()
    assert (np.diff(frontier.scores) > 0).all()
    slopes = np.diff(frontier.scores) / np.diff(frontier.prices)
    assert (np.diff(slopes) < 1e-9).all()
    for price, score in zip(services.prices, services.score.mean(axis=0), strict=True):
        assert frontier.score_at(price) >= score - 1e-12


def test_the_cheapest_policy_reaches_the_score_and_not_more():
    services = make_services(3)
    frontier = find_frontier(services)
    for score in np.linspace(frontier.scores[0], frontier.scores[-1], 7):
        policy = frontier.cheapest(score)
        assert policy.expected_score == pytest.approx(score)
        assert frontier.score_at(policy.expected_price) == pytest.approx(score)
    assert frontier.cheapest(0.0).expected_price == frontier.prices[0]
    assert frontier.cheapest(1.1) is None


def test_a_base_can_be_fixed():
    services = make_services(1)
    frontier = find_frontier(services, bases=["b"])
    assert {plan.base for plan in frontier.plans} == {"b"}
    assert frontier.prices[0] == 4


def test_a_service_without_confidence_passes_all_or_nothing_of_a_label():
    services = make_services(2)
    services.confidence[:, 0] = 0.0
    rules = [rule for plan in find_frontier(services, bases=["a"]).plans for rule in plan.rules]
    assert rules
    assert all(rule.below is None for rule in rules)


def test_thresholds_lie_between_the_confidences_that_occur():
    frontier = find_frontier(make_services(4, n=200), bases=["a"])
    below = {rule.below for plan in frontier.plans for rule in plan.rules} - {None}
    assert below
    assert all(min(abs(5 * value - round(5 * value)), 1) > 0.4 for value in below)


def test_fewer_cuts_give_fewer_thresholds():
    services = make_services(4, n=200)
    services.confidence[:] = np.random.default_rng(0).random(services.confidence.shape)
    counts = [
        len(
            {
                (rule.label, rule.below)
                for plan in find_frontier(services, cuts=cuts).plans
                for rule in plan.rules
            }
        )
        for cuts in (2, 64)
    ]
    assert counts[0] < counts[1]
    assert len(find_frontier(services, bases=["a"], cuts=1).plans) <= 3


def _slow_hull(x, y):
    """Return the upper hull's height at each place, as the best mixture of any two points and the origin."""
    px, py = np.append(x, 0.0), np.append(y, 0.0)
    heights = []
    for a in x:
        best = max(py[px <= a], default=0.0)
        for i in np.flatnonzero(px <= a):
            for j in np.flatnonzero(px > a):
                share = (a - px[i]) / (px[j] - px[i])
                best = max(best, (1 - share) * py[i] + share * py[j])
        heights.append(best)
    return np.array(heights)


POINTS = st.lists(
    st.tuples(st.integers(0, 12).map(float), st.integers(-5, 12).map(float)), min_size=1, max_size=14
)


@settings(max_examples=60)
@given(POINTS)
def test_the_hull_is_the_best_mixture_of_points(points):
    x, y = np.array(points).T
    hull = concave_hull(x, y)
    # points that cost nothing make the hull begin above the origin
    at = np.interp(x, [0.0, *x[hull]], [max([0.0, *y[x == 0]]), *y[hull]])
    np.testing.assert_allclose(at, _slow_hull(x, y), atol=1e-9)


def test_a_budget_below_every_price_is_refused():
    with pytest.raises(ConfigError, match=r"A budget of 0\.5 US dollars .* the cheapest costs 1"):
        find_frontier(make_services(0)).at(0.5)
    with pytest.raises(ConfigError, match="buys no service"):
        find_frontier(make_services(0)).at(float("nan"))


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match='"cuts" is 0'):
        find_frontier(make_services(0), cuts=0)
    with pytest.raises(UnknownName, match='service "x"'):
        find_frontier(make_services(0), bases=["x"])


def test_a_frontier_of_one_point_is_that_point():
    services = make_services(0)
    services.score[:] = 1.0
    frontier = find_frontier(services)
    assert isinstance(frontier, Frontier)
    assert frontier.plans == (frontier.at(50).plans[0],)
    assert frontier.at(50).expected_price == 1
