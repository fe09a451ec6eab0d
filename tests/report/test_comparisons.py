"""Paired comparisons: same instances, the right test, one correction for all."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from longwave.predictions import holm, mcnemar
from longwave.report import comparisons, estimates
from longwave.report.comparisons import compare_systems

Rows = Callable[..., pl.DataFrame]


def answers(scenario: str, first: str, second: str, n: int = 40) -> list[tuple[object, ...]]:
    pairs = [(float(place % 4 != 0), float(place % 3 == 0)) for place in range(n)]
    return [
        (scenario, f"i{place}", model, None, score)
        for place, scores in enumerate(pairs)
        for model, score in zip((first, second), scores, strict=True)
    ]


def test_right_and_wrong_are_tested_by_mcnemar(rows: Rows) -> None:
    row = compare_systems(rows(*answers("s", "a", "b"))).row(0, named=True)
    first = [float(place % 4 != 0) for place in range(40)]
    second = [float(place % 3 == 0) for place in range(40)]
    expected = mcnemar(first, second)
    assert (row["test"], row["p"], row["first_only"]) == ("McNemar", expected.p_value, expected.first_only)
    assert row["difference"] == pytest.approx((sum(first) - sum(second)) / 40)


def test_other_scores_are_tested_by_the_paired_bootstrap(rows: Rows) -> None:
    frame = rows(
        *[
            ("s", f"i{place}", model, None, 2 + shift)
            for place in range(9)
            for model, shift in (("a", 0), ("b", 0.3))
        ]
    )
    row = compare_systems(frame).row(0, named=True)
    assert (row["test"], row["first_only"]) == ("paired bootstrap", None)
    assert row["difference"] == pytest.approx(-0.3)


def test_p_values_are_corrected_over_all_scenarios(rows: Rows) -> None:
    found = compare_systems(
        rows(*answers("s", "a", "b"), *answers("t", "a", "b", 12), *answers("u", "a", "b", 7))
    )
    assert found["p_holm"].to_list() == pytest.approx(holm(found["p"].to_numpy()).tolist())


def test_only_instances_that_both_answered_count(rows: Rows) -> None:
    frame = rows(*answers("s", "a", "b", 6), ("s", "extra", "a", None, 1.0), ("s", "null", "b", None, None))
    assert compare_systems(frame)["n"].to_list() == [6]


@pytest.mark.parametrize("name", ["instance", "^.*$", "score", "*", 'a"b'])
def test_a_models_name_is_only_data(rows: Rows, name: str) -> None:
    assert compare_systems(rows(*answers("s", name, "other")))["n"].to_list() == [40]


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_common_instances_are_no_comparison(rows: Rows, n: int) -> None:
    frame = rows(("s", "x", "a", None, 1.0), ("s", "y", "b", None, 1.0), *answers("s", "a", "b", n))
    assert not len(compare_systems(frame))


def test_three_systems_make_three_pairs(rows: Rows) -> None:
    frame = rows(*answers("s", "a", "b"), *[("s", f"i{place}", "c", None, 1.0) for place in range(40)])
    assert compare_systems(frame).select("first", "second").rows() == [("a", "b"), ("a", "c"), ("b", "c")]


def test_many_other_scores_are_tested_by_a_paired_z_test(monkeypatch: pytest.MonkeyPatch, rows: Rows) -> None:
    frame = rows(
        *[
            ("s", f"i{n}", m, None, 2.0 + (n * 37 % 101) / 101 + shift * (n % 7))
            for n in range(400)
            for m, shift in (("a", 0.0), ("b", 0.003))
        ]
    )
    exact = compare_systems(frame).row(0, named=True)
    monkeypatch.setattr(comparisons, "MANY", 300)
    monkeypatch.setattr(estimates, "MANY", 300)
    found = compare_systems(frame).row(0, named=True)
    assert found["test"] == "paired z"
    assert found["difference"] == pytest.approx(exact["difference"])
    width = exact["high"] - exact["low"]
    assert (found["low"], found["high"]) == pytest.approx((exact["low"], exact["high"]), abs=0.1 * width)
    assert found["p"] < 0.001


def test_equal_scores_of_many_have_no_difference(monkeypatch: pytest.MonkeyPatch, rows: Rows) -> None:
    monkeypatch.setattr(comparisons, "MANY", 3)
    frame = rows(*[("s", f"i{n}", m, None, float(n % 2)) for n in range(8) for m in "ab"])
    row = compare_systems(frame).row(0, named=True)
    assert (row["difference"], row["p"], row["test"]) == (0.0, 1.0, "McNemar")
