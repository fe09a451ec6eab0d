"""Associative recall against its definition, sequence by sequence."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.data.synthetic import AssociativeRecall, recall
from longwave.errors import ConfigError

CASES = {
    "V10-L64": AssociativeRecall(),
    "V4-L2": AssociativeRecall(vocab_size=4, length=2),
    "V11-L7": AssociativeRecall(vocab_size=11, length=7),
    "V40-L31-unique": AssociativeRecall(vocab_size=40, length=31, unique_values=True),
    "V10-L20-keys2": AssociativeRecall(length=20, n_keys=2),
    "V8-L13-keys3-dot": AssociativeRecall(vocab_size=8, length=13, n_keys=3, allow_dot=True),
    "V30-L6-dot": AssociativeRecall(vocab_size=30, length=6, allow_dot=True),
}


def draw(task: AssociativeRecall, n: int = 200, seed: int = 0) -> np.ndarray:
    return task.draw(n, np.random.default_rng(seed)).tokens


def read(
    task: AssociativeRecall, row: list[int]
) -> tuple[list[tuple[tuple[int, ...], int]], tuple[int, ...]]:
    """Read a sequence aloud: its pairs, and the key it asks for."""
    room = task.n_keys + 1
    ends = task.n_pairs * room
    pairs = [(tuple(row[i : i + task.n_keys]), row[i + task.n_keys]) for i in range(0, ends, room)]
    return pairs, tuple(row[ends + 1 : -1])


@pytest.mark.parametrize("task", CASES.values(), ids=CASES)
def test_the_answer_is_the_value_that_stood_behind_the_key(task: AssociativeRecall) -> None:
    dot = task.vocab_size - 1
    pairs_and_keys = [read(task, row) for row in draw(task).tolist()]
    expected = [dict(pairs).get(key, dot) for pairs, key in pairs_and_keys]
    assert draw(task)[:, -1].tolist() == expected


@pytest.mark.parametrize("task", CASES.values(), ids=CASES)
def test_a_key_has_one_value_in_a_sequence(task: AssociativeRecall) -> None:
    pairs = [read(task, row)[0] for row in draw(task).tolist()]
    assert all(dict(found)[key] == value for found in pairs for key, value in found)


@pytest.mark.parametrize("task", CASES.values(), ids=CASES)
def test_keys_values_and_mark_have_their_own_tokens(task: AssociativeRecall) -> None:
    tokens, c = draw(task), task.vocab_size - 2
    ends = task.n_pairs * (task.n_keys + 1)
    written = tokens[:, :ends].reshape(len(tokens), task.n_pairs, -1)
    assert written[..., :-1].max() < c // 2
    assert (written[..., -1].min(), written[..., -1].max()) >= (c // 2, c // 2)
    assert written[..., -1].max() < c
    assert set(tokens[:, ends].tolist()) == {c}


@pytest.mark.parametrize("task", CASES.values(), ids=CASES)
def test_length_and_type_are_as_told(task: AssociativeRecall) -> None:
    examples = task.draw(3, np.random.default_rng(0))
    assert examples.inputs.shape == (3, task.seq_len)
    assert examples.tokens.dtype == np.uint8


@pytest.mark.parametrize(("length", "read_tokens"), [(64, 66), (65, 66), (2, 4), (131072, 131074)])
def test_an_even_length_gives_a_model_two_tokens_more(length: int, read_tokens: int) -> None:
    assert AssociativeRecall(length=length).seq_len == read_tokens


def test_only_the_last_token_is_scored_and_all_are_trained() -> None:
    examples = AssociativeRecall(length=6).draw(2, np.random.default_rng(0))
    assert examples.scored.tolist() == [[False] * 7 + [True]]
    assert examples.trained.all()
    np.testing.assert_array_equal(examples.answers, examples.tokens[:, -1:])


@pytest.mark.parametrize("task", CASES.values(), ids=CASES)
def test_the_same_seed_gives_the_same_bytes(task: AssociativeRecall) -> None:
    assert draw(task).tobytes() == draw(task).tobytes()


def test_another_seed_gives_other_sequences() -> None:
    assert draw(AssociativeRecall(), seed=1).tobytes() != draw(AssociativeRecall()).tobytes()


def test_the_bytes_of_a_seed_are_these_on_every_machine() -> None:
    assert draw(AssociativeRecall(length=8), n=2, seed=5).tolist() == [
        [2, 6, 0, 6, 0, 6, 3, 6, 8, 2, 6],
        [2, 4, 1, 6, 1, 6, 2, 4, 8, 1, 6],
    ]


def test_pieces_of_a_large_draw_are_as_right_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "CHUNK", 40)
    task = AssociativeRecall(length=20)
    rows = draw(task, n=37).tolist()
    assert [row[-1] for row in rows] == [dict(read(task, row)[0])[read(task, row)[1]] for row in rows]


def test_unique_values_are_unique() -> None:
    task = AssociativeRecall(vocab_size=12, length=200, unique_values=True)
    maps = [dict(read(task, row)[0]) for row in draw(task).tolist()]
    assert all(len(set(found.values())) == len(found) == 5 for found in maps)


def test_every_key_that_is_there_is_asked_for_equally_often() -> None:
    task = AssociativeRecall(length=200)  # all four keys are there nearly always
    asked = np.bincount(draw(task, n=4000)[:, -2], minlength=4)
    assert np.abs(asked / 4000 - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / 4000)


@pytest.mark.parametrize(
    ("vocab_size", "limit"), [(10, 0.530), (20, 0.297), (30, 0.213), (40, 0.168)], ids=lambda v: str(v)
)
def test_the_most_frequent_value_scores_far_above_chance(vocab_size: int, limit: float) -> None:
    task = AssociativeRecall(vocab_size=vocab_size, length=512)
    floors = task.floors(task.draw(3000, np.random.default_rng(0)))
    assert floors["majority_value"] == pytest.approx(limit, abs=0.045)
    assert floors["uniform"] == pytest.approx(2 / (vocab_size - 2))


def test_the_most_frequent_value_is_counted_on_the_very_sequences() -> None:
    task = AssociativeRecall(length=9)
    examples = task.draw(100, np.random.default_rng(0))
    right = 0
    for row in examples.tokens.tolist():
        values = [value for _, value in read(task, row)[0]]
        right += max(sorted(set(values)), key=values.count) == row[-1]
    assert task.floors(examples)["majority_value"] == pytest.approx(right / 100)


def test_with_unique_values_the_most_frequent_one_is_no_better_than_a_guess() -> None:
    task = AssociativeRecall(length=512, unique_values=True)
    assert task.floors(task.draw(3000, np.random.default_rng(0)))["majority_value"] < 0.30


def test_dots_are_answers_to_keys_that_were_not_there() -> None:
    task = AssociativeRecall(vocab_size=30, length=6, allow_dot=True)
    share = (draw(task, n=3000)[:, -1] == 29).mean()
    assert share == pytest.approx((13 / 14) ** 3, abs=0.03)
    assert task.floors(task.draw(10, np.random.default_rng(0)))["uniform"] == 1 / 15


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"vocab_size": 3}, '"vocab_size" is 3; accepted is 4 or more'),
        ({"n_keys": 0}, '"n_keys" is 0'),
        ({"length": 1}, '"length" is 1; accepted is 2 or more'),
        ({"n_keys": 20, "length": 100}, '"n_keys" is 20; accepted is so few'),
        ({"n_keys": 2, "unique_values": True}, "at most 4 different keys.*there are 16"),
    ],
    ids=["vocabulary", "no-key", "no-room", "many-keys", "few-values"],
)
def test_settings_that_make_no_task_are_refused(settings: dict[str, int], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        AssociativeRecall(**settings)
