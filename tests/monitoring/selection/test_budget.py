from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from longwave.errors import ConfigError, DataError
from longwave.monitoring.selection.budget import best_single, budget_curve, cross_validate, match_best, select
from longwave.monitoring.selection.frontier import find_frontier
from longwave.monitoring.selection.services import Services


def _services(n: int = 1200, seed: int = 0, knows: bool = True) -> Services:
    """A free service that knows when it is wrong (or does not), and a dear one that is right more often."""
    rng = np.random.default_rng(seed)
    confidence = np.stack([rng.random(n), rng.random(n)], axis=1)
    chance = confidence[:, 0] if knows else np.full(n, 0.5)
    score = np.stack([rng.random(n) < 0.3 + 0.69 * chance, rng.random(n) < 0.85], axis=1).astype(float)
    return Services(
        names=("own", "dear"),
        prices=np.array([0.0, 10.0]),
        classes=(0, 1, 2),
        predictions=rng.integers(0, 3, (n, 2)),
        confidence=confidence,
        score=score,
    )


def test_a_budget_buys_the_best_on_these_rows():
    services = _services()
    assert select(services, budget=4.0) == find_frontier(services).at(4.0)


def test_without_a_budget_the_best_service_is_matched_for_less():
    train, test = _services(seed=0), _services(seed=1)
    policy = select(train)
    score, price = policy.apply(test)
    assert price.mean() < 8
    assert score.mean() > test.score[:, 1].mean() - 0.02


def test_where_confidence_tells_nothing_nothing_is_saved():
    policy = match_best(_services(knows=False))
    assert policy.expected_price > 8.5


def test_a_margin_costs_more():
    services = _services()
    assert match_best(services, margin_pp=2.0).expected_price > match_best(services).expected_price


def test_the_best_of_equals_is_the_cheaper():
    services = _services()
    services.score[:] = 1.0
    assert best_single(services) == 0
    assert match_best(services).expected_price == 0


def test_savings_are_measured_on_held_out_halves():
    found = cross_validate(_services(), seeds=3)
    assert found.best == "dear"
    assert 0.2 < found.saving.estimate < 0.9
    assert found.saving.low < found.saving.estimate < found.saving.high
    assert abs(found.difference_pp.estimate) < 2.5
    assert found.gain_pp.estimate > found.difference_pp.estimate
    assert found.splits["seed"].to_list() == [0, 1, 2]
    assert found.saving.estimate == pytest.approx(found.splits["saving"].mean())
    assert found.saving.estimate == pytest.approx((1 - found.splits["price"] / 10).mean())


def test_intervals_are_raised_for_shared_rows():
    splits = cross_validate(_services(), seeds=4).splits["difference_pp"].to_numpy()
    found = cross_validate(_services(), seeds=4).difference_pp
    error = np.sqrt((1 / 4 + 1) * splits.var(ddof=1))
    assert found.high - found.estimate == pytest.approx(1.959963984540054 * error)


def test_the_curve_is_that_of_the_frontier_and_its_promise():
    services = _services()
    curve = budget_curve(services, n_points=7, seeds=2)
    assert curve.columns == ["budget", "train", "held_out", "low", "high", "single"]
    assert (curve["train"].diff().drop_nulls() >= 0).all()
    assert (curve["train"] >= curve["single"] - 1e-12).all()
    assert (curve["train"] - curve["held_out"]).abs().max() < 0.05
    assert curve["single"][0] == services.score[:, 0].mean()


def test_the_same_seed_gives_the_same_policy():
    services = _services(300)
    assert match_best(services, seed=4) == match_best(services, seed=4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: select(_services(49)), DataError, "49 rows are too few"),
        (lambda: cross_validate(_services(49)), DataError, "49 rows are too few to hold out"),
        (lambda: cross_validate(_services(), seeds=1), ConfigError, '"seeds" is 1'),
        (lambda: match_best(_services(), folds=1), ConfigError, '"folds" is 1'),
        (lambda: select(_services(), budget=-1), ConfigError, "buys no service"),
    ],
    ids=["few", "halves", "seeds", "folds", "budget"],
)
def test_what_cannot_be_selected_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_tables_of_ones_own_models_can_be_chosen_from():
    label = ["a", "b"] * 40
    table = pl.DataFrame({"instance": [str(i) for i in range(80)], "label": label})
    cheap = table.with_columns(prediction=pl.Series(["a"] * 80), cost_usd=pl.lit(0.0001))
    dear = table.with_columns(prediction=pl.col("label"), cost_usd=pl.lit(0.002))
    policy = select(Services.from_tables({"cheap": cheap, "dear": dear}))
    assert policy.services <= {"cheap", "dear"}
    assert policy.expected_score == 1
