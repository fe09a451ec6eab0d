from __future__ import annotations

import json

import numpy as np
import pytest

from longwave.errors import ConfigError, DataError, UnknownName
from longwave.monitoring.selection.policy import Plan, Policy, Rule, apply_plan
from longwave.monitoring.selection.services import Services

PRICES = {"cheap": 1.0, "good": 10.0, "best": 30.0}
PLAN = Plan(
    base="cheap",
    rules=(Rule(label="go", addon="good", below=0.83), Rule(label=None, addon="best", below=None)),
)
ALONE = Plan(base="cheap")


def _policy(*plans: Plan, shares: tuple[float, ...] = (1.0,)) -> Policy:
    return Policy(plans=plans, shares=shares, prices=PRICES, expected_price=4.5, expected_score=0.9)


def _services(n: int = 200) -> Services:
    rng = np.random.default_rng(5)
    classes = ("go", "stop", None)
    return Services(
        names=tuple(PRICES),
        prices=np.array(list(PRICES.values())),
        classes=classes,
        predictions=rng.integers(0, 3, (n, 3)),
        confidence=rng.random((n, 3)).round(2),
        score=(rng.random((n, 3)) < [0.6, 0.8, 0.9]).astype(float),
    )


def test_a_plan_is_applied_row_by_row():
    services = _services()
    score, price = apply_plan(PLAN, services, PRICES)
    for row in range(services.n_rows):
        label, confidence = services.classes[services.predictions[row, 0]], services.confidence[row, 0]
        rule = next((rule for rule in PLAN.rules if rule.covers(label, confidence)), None)
        column = 0 if rule is None else services.names.index(rule.addon)
        assert score[row] == services.score[row, column]
        assert price[row] == 1.0 + (0.0 if rule is None else PRICES[rule.addon])


def test_two_plans_are_averaged():
    services = _services()
    score, price = _policy(PLAN, ALONE, shares=(0.25, 0.75)).apply(services)
    one, other = (apply_plan(plan, services, PRICES) for plan in (PLAN, ALONE))
    np.testing.assert_allclose(score, 0.25 * one[0] + 0.75 * other[0])
    np.testing.assert_allclose(price, 0.25 * one[1] + 0.75 * other[1])


def test_rules_for_unseen_labels_do_nothing():
    plan = Plan(base="cheap", rules=(Rule(label="never", addon="best", below=None),))
    score, price = apply_plan(plan, _services(), PRICES)
    assert (score == _services().score[:, 0]).all()
    assert (price == 1).all()


class Replay:
    """A service that answers from the recorded table, and counts its calls."""

    def __init__(self, services: Services, name: str) -> None:
        self.services, self.column = services, services.place(name)
        self.n_calls = 0

    def __call__(self, rows):
        self.n_calls += len(rows)
        s, j = self.services, self.column
        return [(s.classes[s.predictions[row, j]], float(s.confidence[row, j])) for row in rows]


def test_a_run_calls_what_the_evaluation_says():
    services = _services()
    called = {name: Replay(services, name) for name in PRICES}
    found = _policy(PLAN).run(called, list(range(services.n_rows)))
    _, price = apply_plan(PLAN, services, PRICES)
    assert found.cost_usd == pytest.approx(price.sum() / 10_000)
    for row, names in enumerate(found.services):
        last = services.place(names[-1])
        assert names[0] == "cheap"
        assert found.predictions[row] == services.classes[services.predictions[row, last]]
    assert called["cheap"].n_calls == services.n_rows
    assert called["good"].n_calls == sum("good" in names for names in found.services)


def test_chance_decides_between_plans_by_the_seed_alone():
    services = _services()
    called = {name: Replay(services, name) for name in PRICES}
    policy = _policy(PLAN, Plan(base="good"), shares=(0.5, 0.5))
    runs = [policy.run(called, list(range(200)), seed=seed).services for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert 60 < sum(names[0] == "good" for names in runs[0]) < 140


def test_no_instances_cost_nothing():
    found = _policy(PLAN).run(dict.fromkeys(PRICES, lambda _: []), [])
    assert (found.predictions, found.cost_usd) == ([], 0)


def test_a_policy_says_what_it_does():
    assert _policy(PLAN).describe().splitlines() == [
        "4.50 US dollars for 10,000 instances, expected score 0.9000",
        "Call cheap.",
        '  If it says "go" with confidence < 0.83, ask good.',
        "  If it gives no answer, ask best.",
    ]


def test_what_two_plans_share_is_said_once():
    more = Plan(base="cheap", rules=(*PLAN.rules, Rule(label="stop", addon="good", below=0.5)))
    assert _policy(PLAN, more, shares=(0.6, 0.4)).describe().splitlines()[2:] == [
        '  If it says "go" with confidence < 0.83, ask good.',
        "  If it gives no answer, ask best.",
        "For 40.0% of the instances, drawn at random:",
        '  If it says "stop" with confidence < 0.5, ask good.',
    ]


def test_two_bases_are_told_apart():
    said = _policy(ALONE, Plan(base="good"), shares=(0.6, 0.4)).describe()
    assert "For 60.0% of the instances, drawn at random: Call cheap." in said
    assert "For 40.0% of the instances, drawn at random: Call good." in said


def test_codes_can_have_names():
    plan = Plan(base="cheap", rules=(Rule(label=15, addon="good", below=None),))
    assert 'If it says "go", ask good.' in _policy(plan).describe({15: "go"})


def test_a_policy_survives_its_file():
    policy = _policy(
        PLAN, Plan(base="good", rules=(Rule(label=3, addon="best", below=0.1),)), shares=(0.5, 0.5)
    )
    assert Policy.from_json(policy.to_json()) == policy


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "cannot be read"),
        ("{}", "cannot be read"),
        (json.dumps({"format": 2}), "format 2"),
        (json.dumps({"format": 1, "plans": [{}], "prices": {}, "expected": {}}), "cannot be read"),
    ],
    ids=["json", "empty", "format", "plan"],
)
def test_what_is_no_policy_is_refused(text, message):
    with pytest.raises(DataError, match=message):
        Policy.from_json(text)


@pytest.mark.parametrize(
    ("plans", "shares"),
    [((ALONE,), (0.5,)), ((ALONE, PLAN), (1.5, -0.5)), ((), ())],
    ids=["sum", "sign", "none"],
)
def test_shares_are_probabilities(plans, shares):
    with pytest.raises(ConfigError, match="accepted is a share for each"):
        _policy(*plans, shares=shares)


def test_every_service_has_a_price():
    with pytest.raises(ConfigError, match="calls other without a price"):
        _policy(Plan(base="other"))


def test_services_that_are_missing_are_named():
    with pytest.raises(ConfigError, match="calls best, good, which is not given"):
        _policy(PLAN).run({"cheap": lambda rows: [("go", 0.1)] * len(rows)}, ["i"])
    with pytest.raises(UnknownName, match='service "best"'):
        apply_plan(Plan(base="best"), Services(**{**vars(_services()), "names": ("a", "b", "c")}), PRICES)


def test_a_service_answers_every_instance():
    services = dict.fromkeys(PRICES, lambda _: [])
    with pytest.raises(DataError, match='"cheap" gave 0 answers to 1 instances'):
        _policy(PLAN).run(services, ["i"])
