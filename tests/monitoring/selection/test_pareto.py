from __future__ import annotations

import numpy as np
import pytest

from longwave.monitoring.selection.pareto import pareto
from longwave.monitoring.selection.policy import Plan, Policy
from longwave.monitoring.selection.services import Services
from longwave.predictions import wilson_interval


def _services(groups: bool = True) -> Services:
    """Scores of 100 rows: 60, 80, 80 and 90 right; the third is unfair to the last 40 rows."""
    score = np.zeros((100, 4))
    score[:60, 0] = score[:80, 3] = score[:90, 2] = 1
    score[20:, 1] = 1
    return Services(
        names=("a", "b", "c", "d"),
        prices=np.array([1.0, 5.0, 9.0, 5.0]),
        classes=("x", None),
        predictions=np.zeros((100, 4), dtype=np.int64),
        confidence=np.zeros((100, 4)),
        score=score,
        groups=tuple(["g"] * 60 + ["h"] * 35 + [None] * 5) if groups else (),
    )


def test_services_are_listed_by_price_with_wilsons_interval():
    frame = pareto(_services())
    assert frame["name"].to_list() == ["a", "b", "d", "c"]
    wilson = wilson_interval(60, 100)
    assert frame.row(0, named=True)["low"] == pytest.approx(wilson.low)
    assert frame.row(0, named=True)["high"] == pytest.approx(wilson.high)


def test_the_worst_group_counts_like_price_and_score():
    rows = {row["name"]: row for row in pareto(_services()).iter_rows(named=True)}
    assert rows["b"]["worst_group"] == "g"
    assert rows["b"]["worst_group_score"] == pytest.approx(40 / 60)
    assert rows["d"]["worst_group_score"] == pytest.approx(20 / 35)
    assert rows["b"]["is_efficient"]
    assert not rows["d"]["is_efficient"]
    assert rows["d"]["beaten_by"] == "b"
    assert rows["a"]["is_efficient"]
    assert rows["c"]["is_efficient"]


def test_without_groups_equals_are_both_kept():
    frame = pareto(_services(groups=False))
    assert frame["is_efficient"].to_list() == [True, True, True, True]
    assert frame["worst_group"].null_count() == 4


def test_small_groups_are_left_out():
    services = _services()
    small = Services(**{**vars(services), "groups": tuple(["g"] * 71 + ["h"] * 29)})
    assert set(pareto(small)["worst_group"]) == {"g"}


def test_policies_stand_beside_services():
    policy = Policy(
        plans=(Plan(base="a"), Plan(base="c")),
        shares=(0.5, 0.5),
        prices={"a": 1.0, "c": 9.0},
        expected_price=5.0,
        expected_score=0.75,
    )
    row = pareto(_services(), policies={"mixed": policy}).filter(name="mixed").row(0, named=True)
    assert (row["price"], row["score"]) == (5.0, 0.75)
    assert row["low"] < 0.75 < row["high"]
    assert row["beaten_by"] == "b"
