"""Early stopping: the order, the rule, and what is saved."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.errors import ConfigError
from longwave.prompting.label_model import LabelModel, VoteSource, make_votes, plan_order, stop_early
from longwave.prompting.label_model.sources import confusion, single


def fitted(accuracies=(0.6, 0.9, 0.75, 0.5, 0.7), n=3000):
    groups = tuple(single(confusion(a, 2)) for a in accuracies)
    drawn = VoteSource(class_balance=np.array([0.5, 0.5]), groups=groups).sample(n, 0)
    return drawn, LabelModel().fit(drawn.votes)


def test_the_best_prompts_are_asked_first():
    drawn, model = fitted()
    assert plan_order(model, drawn.votes) == (1, 2, 4, 0, 3)


def test_a_cheap_prompt_is_asked_before_a_dear_one():
    drawn, model = fitted()
    assert plan_order(model, drawn.votes, costs=[1, 100, 1, 1, 1])[0] == 2


def test_a_copy_is_asked_late():
    drawn = make_votes("cliques", 3000, 0)
    model = LabelModel().fit(drawn.votes)
    members = {i for edge in drawn.source.edges for i in edge}
    order = plan_order(model, drawn.votes)
    assert set(order[-len(members) + 1 :]) <= members


def test_rows_stop_as_soon_as_they_are_sure():
    drawn, model = fitted()
    order = (1, 2, 4, 0, 3)
    stopped = stop_early(model, drawn.votes, threshold=0.9, order=order)
    for row in range(40):
        asked = stopped.n_asked[row]
        steps = [model.predict_proba(drawn.votes[[row]], asked=order[:s])[0] for s in range(1, 6)]
        assert stopped.proba[row] == pytest.approx(steps[asked - 1])
        assert all(step.max() < 0.9 for step in steps[: asked - 1])
        assert asked == 5 or steps[asked - 1].max() >= 0.9


def test_a_threshold_of_one_asks_everybody():
    drawn, model = fitted()
    stopped = stop_early(model, drawn.votes, threshold=1.0)
    assert (stopped.n_asked == 5).all()
    assert stopped.cost == stopped.full_cost == 5
    assert stopped.proba == pytest.approx(model.predict_proba(drawn.votes))


def test_much_is_saved_for_little_accuracy():
    drawn = make_votes("independent", 5000, 0)
    model = LabelModel().fit(drawn.votes)
    stopped = stop_early(model, drawn.votes, threshold=0.95)
    assert stopped.cost < 0.7 * stopped.full_cost
    assert drawn.accuracy(stopped.proba) > drawn.accuracy(model.predict_proba(drawn.votes)) - 0.015


def test_a_lower_threshold_asks_less():
    drawn, model = fitted()
    costs = [stop_early(model, drawn.votes, threshold=t).cost for t in (0.7, 0.8, 0.9, 0.97, 1.0)]
    assert costs == sorted(costs)


def test_costs_are_those_of_the_prompts_that_were_asked():
    drawn, model = fitted()
    price = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    stopped = stop_early(model, drawn.votes, threshold=0.9, costs=price)
    expected = np.mean([price[list(stopped.order[:n])].sum() for n in stopped.n_asked])
    assert stopped.cost == pytest.approx(expected)


def test_no_rows_cost_nothing():
    drawn, model = fitted()
    assert stop_early(model, drawn.votes[:0], order=range(5)).cost == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"threshold": 0.5}, "threshold is 0.5"),
        ({"threshold": 1.1}, "threshold is 1.1"),
        ({"order": [0, 1]}, r"order is \[0, 1\]"),
        ({"costs": [1, 1]}, "costs are"),
        ({"costs": [1, 1, 1, 1, 0]}, "a number above 0 for each of 5 prompts"),
    ],
    ids=["half", "above-one", "order", "few-costs", "no-cost"],
)
def test_arguments_are_checked(arguments, words):
    drawn, model = fitted(n=200)
    with pytest.raises(ConfigError, match=words):
        stop_early(model, drawn.votes, **arguments)
