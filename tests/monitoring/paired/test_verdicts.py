"""Verdicts by size and significance."""

from __future__ import annotations

import polars as pl
import pytest

from longwave.monitoring.paired.verdicts import judge, judge_all


@pytest.mark.parametrize(
    ("change", "p_value", "verdict"),
    [
        (0.01, 0.05, "improved"),
        (-0.01, 0.05, "declined"),
        (0.00999, 0.0, "steady"),
        (-0.3, 0.051, "steady"),
        (0.0, 1.0, "steady"),
    ],
)
def test_a_change_must_be_large_and_unlikely(change, p_value, verdict):
    assert judge(change, p_value) == verdict


def test_cut_and_level_can_be_chosen():
    assert judge(0.03, 0.04, min_change=0.05) == "steady"
    assert judge(0.03, 0.04, alpha=0.01) == "steady"


@pytest.mark.parametrize(
    ("adjust", "p", "verdicts"),
    [
        ("none", [0.03, 0.04], ["improved", "declined"]),
        ("bh", [0.04, 0.04], ["improved", "declined"]),
        ("holm", [0.06, 0.06], ["steady", "steady"]),
    ],
)
def test_many_changes_are_judged_by_corrected_p_values(adjust, p, verdicts):
    table = pl.DataFrame({"change": [0.2, None, -0.2], "p_value": [0.03, None, 0.04]})
    found = judge_all(table, adjust=adjust)
    assert found["p_adjusted"].drop_nulls().to_list() == pytest.approx(p)
    assert found["verdict"].to_list() == [verdicts[0], None, verdicts[1]]


def test_no_changes_are_judged_none():
    found = judge_all(pl.DataFrame(schema={"change": pl.Float64, "p_value": pl.Float64}))
    assert found.columns == ["change", "p_value", "p_adjusted", "verdict"]
