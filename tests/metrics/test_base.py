"""What metrics tell about themselves, and the best over references."""

from __future__ import annotations

import pytest

from longwave import registry
from longwave.errors import ConfigError, UnknownName
from longwave.metrics import InstanceMetric, get_metric


def _distance(prediction: str, reference: str) -> float:
    return abs(len(prediction) - len(reference)) / 10


NEAR = InstanceMetric(name="near", family="accuracy", higher_is_better=False, function=_distance)


def test_score_is_the_best_over_references():
    assert get_metric("token_f1").score("red fish", ["blue", "red", "red fish"]) == 1.0


def test_score_is_the_smallest_where_lower_is_better():
    assert NEAR.score("abc", ["a", "abcd", "abcdefgh"]) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("metric", "worst"), [(get_metric("exact_match"), 0.0), (NEAR, 1.0)], ids=["high", "low"]
)
@pytest.mark.parametrize(
    ("prediction", "references"), [(None, ["a"]), ("a", [])], ids=["no-prediction", "no-reference"]
)
def test_score_without_anything_to_compare_is_the_worst(metric, worst, prediction, references):
    assert metric.score(prediction, references) == worst


@pytest.mark.parametrize(
    ("metric", "full"), [(get_metric("exact_match"), 1.0), (NEAR, 0.0)], ids=["high", "low"]
)
def test_only_the_best_value_is_full_marks(metric, full):
    assert (metric.is_full_marks(full), metric.is_full_marks(0.5)) == (True, False)


def test_unknown_metric_names_the_nearest():
    with pytest.raises(UnknownName, match='"quasi_exact_match"'):
        get_metric("quasi_exactmatch")


def test_entry_that_is_no_metric_is_refused(monkeypatch):
    monkeypatch.setattr(registry, "load", lambda *_: len)
    with pytest.raises(ConfigError, match=r'"length" is builtin_function_or_method; accepted are'):
        get_metric("length")
