"""Induction, majority, counting, addition and linear functions against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.data import Examples, Task
from longwave.data.synthetic import (
    Addition,
    Counting,
    InductionHead,
    LinearFunctions,
    LinearPrompts,
    Majority,
    linear_floors,
    regression_scores,
)
from longwave.errors import ConfigError, ShapeError

TASKS: dict[str, Task] = {
    "induction": InductionHead(),
    "induction-V3-L3": InductionHead(vocab_size=3, length=3),
    "induction-3marks-2answers": InductionHead(length=31, n_marks=3, n_answer=2),
    "majority": Majority(),
    "majority-2of7": Majority(n_symbols=2, length=7),
    "majority-L1": Majority(length=1),
    "counting": Counting(),
    "counting-tiny": Counting(n_symbols=2, length=1, max_count=1),
    "addition": Addition(),
    "addition-17": Addition(n_digits=17),
}


def draw(task: Task, n: int = 300) -> Examples:
    return task.draw(n, np.random.default_rng(0))


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_tokens_lie_in_the_vocabulary_and_have_the_told_length(task: Task) -> None:
    examples = draw(task)
    assert examples.tokens.max() < task.vocab_size
    assert examples.inputs.shape == (300, task.seq_len)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_same_seed_gives_the_same_bytes(task: Task) -> None:
    assert draw(task).tokens.tobytes() == draw(task).tokens.tobytes()


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_scored_places_are_trained(task: Task) -> None:
    examples = draw(task)
    assert (examples.trained | ~examples.scored).all()
    assert examples.scored.any(axis=1).all()


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_floors_are_shares(task: Task) -> None:
    assert all(0 < value <= 1 for value in task.floors(draw(task)).values())


def answer_after_first_mark(row: list[int], task: InductionHead) -> list[int]:
    first = row.index(task.vocab_size - 2)
    return row[first + 1 : first + 1 + task.n_answer]


@pytest.mark.parametrize("n_marks", [1, 2, 4])
@pytest.mark.parametrize("n_answer", [1, 3])
def test_the_answer_is_what_stood_behind_the_first_mark(n_marks: int, n_answer: int) -> None:
    task = InductionHead(length=33, n_marks=n_marks, n_answer=n_answer)
    rows = draw(task).tokens.tolist()
    assert [row[-n_answer:] for row in rows] == [answer_after_first_mark(row, task) for row in rows]


@pytest.mark.parametrize("n_marks", [1, 2, 4])
def test_so_many_marks_stand_before_the_question(n_marks: int) -> None:
    task = InductionHead(length=12, n_marks=n_marks)
    tokens = draw(task).tokens
    assert ((tokens[:, :12] == 18).sum(axis=1) == n_marks).all()
    assert (tokens[:, 12] == 18).all()


def test_every_mark_is_followed_by_the_same() -> None:
    task = InductionHead(length=40, n_marks=5, n_answer=2)
    for row in draw(task, 50).tokens.tolist():
        places = [i for i, token in enumerate(row[:40]) if token == 18]
        assert {tuple(row[i + 1 : i + 3]) for i in places} == {tuple(row[-2:])}


def test_the_mark_stands_anywhere_but_at_the_end() -> None:
    places = (draw(InductionHead(length=10), 3000).tokens[:, :10] == 18).argmax(axis=1)
    counts = np.bincount(places, minlength=10)
    assert counts[8:].tolist() == [0, 0]
    assert counts[:8].min() > 3000 / 8 * 0.8


def test_the_majority_is_the_most_frequent_symbol_alone() -> None:
    for *symbols, mark, answer in draw(Majority(n_symbols=5, length=20)).tokens.tolist():
        counts = [symbols.count(symbol) for symbol in range(5)]
        assert (mark, counts[answer], counts.count(max(counts))) == (5, max(counts), 1)


def test_the_count_is_how_often_the_symbol_is_there() -> None:
    task = Counting(n_symbols=6, length=21, max_count=9)
    for *symbols, mark, asked, answer in draw(task).tokens.tolist():
        assert (mark, answer - 7) == (6, symbols.count(asked))


def test_counts_are_equally_frequent() -> None:
    counts = np.bincount(draw(Counting(max_count=3), 4000).answers[:, 0] - 9)
    assert counts.min() > 900


@given(st.integers(1, 30), st.integers(0, 2**32))
def test_the_last_digits_are_the_sum(n_digits: int, seed: int) -> None:
    tokens = Addition(n_digits=n_digits).draw(3, np.random.default_rng(seed)).tokens
    for row in tokens.tolist():
        a, b, total = (
            int("".join(map(str, part)))
            for part in (row[:n_digits], row[n_digits : 2 * n_digits], row[2 * n_digits :])
        )
        assert a + b == total


def test_digits_of_the_sum_alone_are_trained() -> None:
    mask = draw(Addition(n_digits=2)).trained
    assert mask.tolist() == [[False, False, False, True, True, True]]


def test_images_are_the_map_of_their_vectors() -> None:
    prompts = LinearFunctions(n_dims=3, n_pairs=5).draw(20, np.random.default_rng(0))
    x, y = prompts.sequence[:, ::2], prompts.sequence[:, 1::2]
    np.testing.assert_array_equal(y, prompts.weights[:, None] * x)


def test_one_pair_tells_the_next_image() -> None:
    prompts = LinearFunctions(n_dims=2, n_pairs=6).draw(50, np.random.default_rng(0))
    x, y = prompts.sequence[:, ::2], prompts.sequence[:, 1::2]
    guess = y[:, :1] / x[:, :1] * x
    assert regression_scores(guess[:, 1:], y[:, 1:])["r2"] == pytest.approx(1, abs=1e-6)


def test_scored_places_are_those_of_images() -> None:
    prompts = LinearFunctions(n_dims=1, n_pairs=3).draw(2, np.random.default_rng(0))
    np.testing.assert_array_equal(prompts.targets[:, prompts.scored[0]], prompts.sequence[:, 1::2])


def test_predicting_the_mean_explains_nothing() -> None:
    targets = np.random.default_rng(0).standard_normal((40, 3))
    scores = regression_scores(np.full_like(targets, targets.mean()), targets)
    assert scores == pytest.approx({"mse": targets.var(), "r2": 0.0})


def test_targets_that_do_not_vary_have_no_share_to_explain() -> None:
    assert regression_scores(np.ones(3), np.zeros(3)) == {"mse": 1.0, "r2": 0.0}


def test_least_squares_finds_the_map_and_zero_has_the_error_of_the_images() -> None:
    prompts = LinearFunctions(n_dims=2, n_pairs=4).draw(30, np.random.default_rng(0))
    floors = linear_floors(prompts)
    assert floors["least_squares"] < 1e-10
    assert floors["zero"] == pytest.approx(np.mean(prompts.sequence[:, 3::2].astype(float) ** 2))


def test_the_mean_of_products_comes_near_with_many_pairs() -> None:
    floors = linear_floors(LinearFunctions(n_dims=1, n_pairs=200).draw(400, np.random.default_rng(0)))
    assert 0 < floors["mean_product"] < 0.1 < 0.8 < floors["zero"]


@given(st.integers(2, 5), st.integers(1, 3), st.integers(0, 2**32))
def test_least_squares_is_the_slope_of_the_pairs_so_far(n_pairs: int, n_dims: int, seed: int) -> None:
    sequence = np.random.default_rng(seed).standard_normal((1, 2 * n_pairs, n_dims)).astype(np.float32)
    errors = []
    for last, dim in np.ndindex(n_pairs - 1, n_dims):
        x, y = (sequence[0, start::2, dim].astype(float) for start in (0, 1))
        slope = np.linalg.lstsq(x[: last + 1, None], y[: last + 1], rcond=None)[0][0]
        errors.append((slope * x[last + 1] - y[last + 1]) ** 2)
    floors = linear_floors(LinearPrompts(sequence=sequence, weights=np.zeros((1, n_dims), np.float32)))
    assert floors["least_squares"] == pytest.approx(np.mean(errors))


def test_a_vector_of_zeros_tells_nothing_of_the_map() -> None:
    sequence = np.array([[[0.0], [0.0], [2.0], [6.0]]], dtype=np.float32)
    floors = linear_floors(LinearPrompts(sequence=sequence, weights=np.full((1, 1), 3.0, np.float32)))
    assert floors == {"zero": 36.0, "mean_product": 36.0, "least_squares": 36.0}


@pytest.mark.parametrize(("n", "n_pairs"), [(3, 1), (0, 4)], ids=["one-pair", "no-sequence"])
def test_floors_need_a_pair_to_go_by(n: int, n_pairs: int) -> None:
    prompts = LinearFunctions(n_dims=2, n_pairs=n_pairs).draw(n, np.random.default_rng(0))
    with pytest.raises(ShapeError, match="accepted are sequences of 2 pairs or more"):
        linear_floors(prompts)


@pytest.mark.parametrize("shape", [(2,), (3, 1), (0,)])
def test_predictions_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="accepted are equal shapes"):
        regression_scores(np.zeros(shape), np.zeros(shape if shape == (0,) else (3,)))


@pytest.mark.parametrize(
    ("cls", "settings", "told"),
    [
        (InductionHead, {"vocab_size": 2}, "vocab_size"),
        (InductionHead, {"n_answer": 0}, "n_answer"),
        (InductionHead, {"n_marks": 0}, "n_marks"),
        (InductionHead, {"length": 2}, '"length" is 2; accepted is 3 or more'),
        (Majority, {"n_symbols": 1}, "n_symbols"),
        (Majority, {"length": 0}, "length"),
        (Majority, {"n_symbols": 2, "length": 2}, "length"),
        (Counting, {"n_symbols": 1}, "n_symbols"),
        (Counting, {"length": 5, "max_count": 6}, '"max_count" is 6; accepted is 1 to 5'),
        (Addition, {"n_digits": 0}, "n_digits"),
        (LinearFunctions, {"n_dims": 0}, "n_dims"),
        (LinearFunctions, {"n_pairs": 0}, "n_pairs"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else getattr(value, "__name__", ""),
)
def test_settings_that_make_no_task_are_refused(cls: type, settings: dict[str, int], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        cls(**settings)
