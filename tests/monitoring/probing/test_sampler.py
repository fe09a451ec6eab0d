from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError, DataError, UnknownName
from longwave.monitoring.probing.sampler import FAILED, ProbeConfig, Sampler
from longwave.monitoring.probing.stop import StopRule

LABELS = ["cat", "dog", "cow"] * 40
BEFORE = ["cat", "dog", "dog"] * 40
AFTER = ["cat", "cow", None] * 40


def _sampler(**settings) -> Sampler:
    return Sampler(LABELS, BEFORE, config=ProbeConfig(**{"budget": 60, **settings}))


def _step(sampler, n=8):
    rows = sampler.next(n)
    sampler.tell(rows, [AFTER[row] for row in rows])
    return rows.tolist()


@settings(max_examples=20)
@given(st.lists(st.integers(0, 25), min_size=1, max_size=8), st.sampled_from(["adaptive", "masa", "uniform"]))
def test_a_budget_is_spent_on_different_rows_and_no_further(steps, design):
    sampler = _sampler(design=design)
    rows = [row for n in steps for row in _step(sampler, n)]
    assert len(rows) == len(set(rows)) == min(sum(steps), 60) == sampler.n_asked


@pytest.mark.parametrize("design", ["adaptive", "masa", "proportional", "uniform"])
def test_a_probe_that_was_killed_goes_on_as_it_would_have(design):
    whole, part = _sampler(design=design), _sampler(design=design)
    rows = [_step(whole) for _ in range(6)]
    again = [_step(part) for _ in range(3)]
    part = Sampler.from_json(part.to_json(), LABELS, BEFORE)
    again += [_step(part) for _ in range(3)]
    assert rows == again
    assert whole.to_json() == part.to_json()
    np.testing.assert_array_equal(whole.estimate().shift, part.estimate().shift)


def test_rows_that_a_killed_process_had_handed_out_come_first():
    sampler = _sampler()
    _step(sampler)
    lost = sampler.next(5).tolist()
    assert sorted(sampler.pending) == sorted(lost)
    later = Sampler.from_json(sampler.to_json(), LABELS, BEFORE)
    assert later.n_asked == 8
    assert sorted(later.next(3).tolist() + later.next(2).tolist()) == sorted(lost)
    assert later.n_asked == 13


def test_batches_under_way_at_once_share_no_row():
    sampler = _sampler()
    first, second = sampler.next(10), sampler.next(10)
    assert not set(first) & set(second)
    sampler.tell(second, [AFTER[row] for row in second])
    sampler.tell(first, [AFTER[row] for row in first])
    assert sampler.told.tolist() == [*second, *first]


def test_failed_rows_are_given_up_and_cost_a_call():
    sampler = _sampler()
    rows = sampler.next(4)
    sampler.tell(rows, ["cat", FAILED, None, FAILED])
    assert (sampler.n_told, sampler.n_failed, sampler.n_asked) == (2, 2, 4)
    assert sampler.pending == []
    later = Sampler.from_json(sampler.to_json(), LABELS, BEFORE)
    assert not set(later.next(56)) & set(rows)


def test_new_classes_are_added_at_the_end():
    sampler = _sampler()
    rows = sampler.next(2)
    sampler.tell(rows, ["yak", "cat"])
    assert sampler.classes == ["cat", "cow", "dog", "yak"]
    assert sampler.estimate().classes[-1] == "yak"


def test_the_seed_changes_the_rows():
    assert _step(_sampler(seed=0)) != _step(_sampler(seed=1))


def test_a_rule_is_asked_only_after_its_smallest_number_of_calls():
    sampler = _sampler()
    rule = StopRule(width_pp=100, min_calls=10)
    _step(sampler)
    assert sampler.should_stop(rule) is None
    _step(sampler)
    assert "points wide" in sampler.should_stop(rule)
    assert sampler.should_stop(StopRule(min_calls=1)) is None


def test_an_answer_of_another_kind_is_refused():
    sampler = Sampler([1, 2] * 20, [1, 1] * 20, config=ProbeConfig(budget=4))
    with pytest.raises(DataError, match="labels are of another kind, such as 1"):
        sampler.tell(sampler.next(1), ["1"])


@pytest.mark.parametrize(
    ("rows", "answers", "message"),
    [([0, 1], ["cat"], "1 answers to 2 rows"), ([10**6], ["cat"], "Row 1000000 is not waiting")],
    ids=["count", "stranger"],
)
def test_answers_that_do_not_fit_are_refused_whole(rows, answers, message):
    sampler = _sampler()
    sampler.next(4)
    with pytest.raises(DataError, match=message):
        sampler.tell(rows, answers)
    assert sampler.n_told == 0


def test_a_row_is_told_once():
    sampler = _sampler()
    row = sampler.next(1)
    sampler.tell(row, ["cat"])
    with pytest.raises(DataError, match="told before"):
        sampler.tell(row, ["cat"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("no json", "cannot be read"),
        ({"version": 99}, "version 99"),
        ({"baseline": "other"}, "another baseline"),
        ({"rows": None}, "cannot be read"),
    ],
    ids=["text", "version", "baseline", "rows"],
)
def test_a_state_that_does_not_fit_is_refused(change, message):
    text = change if isinstance(change, str) else json.dumps({**json.loads(_sampler().to_json()), **change})
    with pytest.raises(DataError, match=message):
        Sampler.from_json(text, LABELS, BEFORE)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"budget": 0}, ConfigError, '"budget" is 0'),
        ({"max_strata": 1}, ConfigError, '"max_strata" is 1'),
        ({"design": "lucky"}, UnknownName, "adaptive"),
    ],
)
def test_settings_out_of_range_are_refused(values, error, message):
    with pytest.raises(error, match=message):
        ProbeConfig(**values)


def test_a_negative_number_of_rows_is_refused():
    with pytest.raises(ConfigError, match="-1 rows"):
        _sampler().next(-1)
