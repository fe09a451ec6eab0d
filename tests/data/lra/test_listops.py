"""ListOps against a parser and an evaluator written as the rule is told."""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest

from longwave.data.lra import ListOps
from longwave.errors import ConfigError

CLOSE, PAD, END = 14, 15, 16
RULES = {10: min, 11: max, 12: lambda v: int(statistics.median(v)), 13: lambda v: sum(v) % 10}
CASES = {
    "usual": ListOps(),
    "short": ListOps(min_length=5, max_length=64),
    "flat": ListOps(min_length=5, max_length=40, max_depth=2),
    "binary": ListOps(min_length=20, max_length=101, max_args=2, operator_share=0.5),
    "bushy": ListOps(min_length=100, max_length=300, operator_share=1.0, max_depth=3),
}


def evaluate(tokens: list[int], start: int = 0) -> tuple[int, int, int]:
    """Return value, the place behind it and its depth."""
    if tokens[start] < 10:
        return tokens[start], start + 1, 1
    values, depth, place = [], 0, start + 1
    while tokens[place] != CLOSE:
        value, place, below = evaluate(tokens, place)
        values.append(value)
        depth = max(depth, below)
    assert len(values) >= 2
    return RULES[tokens[start]](values), place + 1, depth + 1


@pytest.mark.parametrize("task", CASES.values(), ids=CASES)
def test_the_answer_is_what_the_list_evaluates_to(task: ListOps) -> None:
    for row in task.draw(60, np.random.default_rng(0)).tokens.tolist():
        value, end, depth = evaluate(row)
        assert row[end : end + 2] == [END, value]
        assert depth <= task.max_depth


@pytest.mark.parametrize("task", CASES.values(), ids=CASES)
def test_lengths_are_within_bounds_and_the_rest_is_filled_up(task: ListOps) -> None:
    tokens = task.draw(60, np.random.default_rng(1)).tokens
    length = (tokens == END).argmax(axis=1) + 1
    assert (length >= task.min_length).all()
    assert (length <= task.max_length).all()
    assert all((row[n + 1 :] == PAD).all() for row, n in zip(tokens, length, strict=True))


def test_the_answer_alone_is_scored() -> None:
    examples = ListOps(min_length=5, max_length=50).draw(30, np.random.default_rng(0))
    np.testing.assert_array_equal(examples.scored, examples.inputs == END)
    assert examples.answers.max() < 10


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = (ListOps().draw(5, np.random.default_rng(2)).tokens.tobytes() for _ in range(2))
    assert first == second


def test_medians_of_an_even_count_are_rounded_down() -> None:
    assert RULES[12]([1, 2]) == 1


@pytest.mark.parametrize("max_args", [10, 100], ids=lambda n: f"args{n}")
def test_trees_that_would_grow_without_end_are_given_up(max_args: int) -> None:
    started = time.process_time()
    task = ListOps(min_length=5, max_length=20, operator_share=1.0, max_args=max_args, max_depth=30)
    with pytest.raises(ConfigError, match='"min_length" is 5; accepted is a length that such trees often'):
        task.draw(1, np.random.default_rng(0))
    assert time.process_time() - started < 30


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"max_args": 1}, "max_args"),
        ({"max_depth": 1}, "max_depth"),
        ({"operator_share": 1.5}, "operator_share"),
        ({"min_length": 0}, "min_length"),
        ({"min_length": 30, "max_length": 20}, '"min_length" is 30; accepted is 1 to max_length'),
        ({"max_length": 4}, "max_length"),
    ],
    ids=["args", "depth", "share", "zero", "crossed", "short"],
)
def test_settings_that_make_no_task_are_refused(settings: dict[str, float], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        ListOps(**settings)
