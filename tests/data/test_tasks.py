"""Sets of examples: distinct, disjoint, hashed, gone through in epochs."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.data import Examples, ExampleSampler, TaskDataConfig, prepare_task
from longwave.data.synthetic import Addition, AssociativeRecall
from longwave.data.tasks import answer_floors, draw_distinct, fingerprints
from longwave.errors import ConfigError, UnknownName

SMALL = TaskDataConfig(task="associative-recall", options={"length": 8}, n_train=40, n_test=20)


def rows(examples: Examples) -> list[bytes]:
    return [row.tobytes() for row in examples.tokens]


def test_no_sequence_is_there_twice() -> None:
    task = AssociativeRecall(vocab_size=4, length=4)  # 4 different sequences at most
    with pytest.raises(ConfigError, match=r"gave \d different sequences where 5 were asked for"):
        draw_distinct(task, 5, np.random.default_rng(0))


def test_what_was_drawn_before_is_drawn_again() -> None:
    task = Addition(n_digits=1)
    assert len(set(rows(draw_distinct(task, 90, np.random.default_rng(0))))) == 90


def test_training_and_test_have_no_sequence_in_common() -> None:
    data = prepare_task(TaskDataConfig(task="addition", options={"n_digits": 1}, n_train=60, n_test=35))
    assert len(set(rows(data.train)) | set(rows(data.test))) == 95


def test_the_same_configuration_gives_the_same_data() -> None:
    first, second = prepare_task(SMALL), prepare_task(SMALL)
    assert (first.hash, rows(first.train), rows(first.test)) == (
        second.hash,
        rows(second.train),
        rows(second.test),
    )


@pytest.mark.parametrize(
    "other",
    [
        TaskDataConfig(task="associative-recall", options={"length": 8}, n_train=40, n_test=20, seed=1),
        TaskDataConfig(task="associative-recall", options={"length": 8}, n_train=40, n_test=21),
        TaskDataConfig(task="associative-recall", options={"length": 9}, n_train=40, n_test=20),
    ],
    ids=["seed", "count", "option"],
)
def test_every_setting_is_in_the_hash(other: TaskDataConfig) -> None:
    assert prepare_task(other).hash != prepare_task(SMALL).hash


def test_floors_are_of_the_test_sequences() -> None:
    data = prepare_task(SMALL)
    assert data.floors == data.task.floors(data.test)


def test_the_majority_is_counted_place_by_place() -> None:
    tokens = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [0, 1, 3]], dtype=np.uint8)
    mask = np.ones((1, 2), dtype=bool)
    floors = answer_floors(Examples(tokens=tokens, trained=mask, scored=mask), 4)
    assert floors == {"uniform": 0.25, "majority_answer": 0.75}


def test_masks_of_single_sequences_follow_their_rows() -> None:
    mask = np.eye(3, dtype=bool)
    examples = Examples(tokens=np.arange(12, dtype=np.uint8).reshape(3, 4), trained=mask, scored=mask)
    assert examples.answers.tolist() == [[1], [6], [11]]
    assert examples.take(np.array([2, 0])).answers.tolist() == [[11], [1]]


def test_fingerprints_tell_rows_apart() -> None:
    tokens = np.array([[1, 2], [2, 1], [1, 2]], dtype=np.uint8)
    first, second, third = fingerprints(tokens)
    assert first == third != second


@pytest.mark.parametrize("batch_size", [1, 3, 7, 20], ids=lambda b: f"B{b}")
def test_an_epoch_has_every_example_once(batch_size: int) -> None:
    sampler = ExampleSampler(7, seed=3)
    drawn = np.concatenate([sampler.rows(step, batch_size) for step in range(42)])[:42]
    assert [sorted(epoch.tolist()) for epoch in drawn.reshape(6, 7)] == [list(range(7))] * 6


def test_epochs_have_orders_of_their_own() -> None:
    sampler = ExampleSampler(50, seed=0)
    assert sampler.rows(0, 50).tolist() != sampler.rows(1, 50).tolist()


def test_a_step_does_not_depend_on_those_before() -> None:
    sampler = ExampleSampler(30, seed=1)
    for step in range(20):
        sampler.rows(step, 8)
    np.testing.assert_array_equal(sampler.rows(5, 8), ExampleSampler(30, seed=1).rows(5, 8))


@pytest.mark.parametrize("world", [2, 4])
def test_processes_share_a_batch(world: int) -> None:
    sampler = ExampleSampler(30, seed=1)
    parts = [sampler.rows(9, 8, rank, world) for rank in range(world)]
    np.testing.assert_array_equal(np.concatenate(parts), sampler.rows(9, 8))


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(ConfigError, match="batch of 9 examples cannot be split over 2"):
        ExampleSampler(30).rows(0, 9, 0, 2)


@pytest.mark.parametrize(
    ("keys", "told"),
    [({"n_train": 0}, '"n_train" is 0'), ({"n_test": 0}, '"n_test" is 0'), ({"seed": -1}, '"seed" is -1')],
    ids=["train", "test", "seed"],
)
def test_numbers_out_of_range_are_refused(keys: dict[str, int], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        TaskDataConfig(task="addition", **keys)


def test_an_unknown_task_is_refused_with_its_neighbours() -> None:
    with pytest.raises(UnknownName, match="associative-recall"):
        TaskDataConfig(task="asociative-recall").build()


def test_an_unknown_option_is_refused_with_its_neighbour() -> None:
    with pytest.raises(ConfigError, match='Did you mean "vocab_size"'):
        TaskDataConfig(task="associative-recall", options={"vocabsize": 20}).build()
