from __future__ import annotations

import numpy as np
import pytest

from longwave.errors import ConfigError
from longwave.monitoring.probing.estimate import ShiftEstimate
from longwave.monitoring.probing.stop import StopRule
from longwave.predictions import Interval


def _found(low: float, high: float, n_asked: int = 100) -> ShiftEstimate:
    interval = Interval(estimate=(low + high) / 2, low=low, high=high)
    nothing = np.zeros((1, 1))
    return ShiftEstimate(
        classes=("a",),
        shift=nothing,
        stderr=nothing,
        low=nothing,
        high=nothing,
        accuracy=interval,
        delta=interval,
        churn=interval,
        n_asked=n_asked,
        n_rows=1000,
        method="shrunk",
    )


WIDE = _found(-0.9, 0.9)


@pytest.mark.parametrize(
    ("rule", "narrow", "wide", "reason"),
    [
        (StopRule(width_pp=2), _found(-0.03, -0.01), WIDE, "2.00 points wide"),
        (StopRule(width_pp=2), _found(-0.03, -0.009), WIDE, None),
        (StopRule(drop_pp=3), WIDE, _found(-0.05, -0.031), "fell by more than 3 points"),
        (StopRule(drop_pp=3), WIDE, _found(-0.029, 0.1), "did not fall by 3 points"),
        (StopRule(drop_pp=3), WIDE, _found(-0.05, -0.02), None),
        (StopRule(), WIDE, WIDE, None),
        (StopRule(width_pp=2, min_calls=101), _found(0, 0), WIDE, None),
    ],
    ids=["narrow", "not-yet", "fell", "held", "open", "no-rule", "too-early"],
)
def test_a_rule_says_why(rule, narrow, wide, reason):
    said = rule.reason(narrow, wide)
    assert said is None if reason is None else reason in said


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width_pp": 0}, '"width_pp" is 0'),
        ({"drop_pp": 101}, '"drop_pp" is 101'),
        ({"certainty": 0.5}, '"certainty" is 0.5'),
        ({"min_calls": 0}, '"min_calls" is 0'),
    ],
)
def test_settings_out_of_range_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        StopRule(**values)
