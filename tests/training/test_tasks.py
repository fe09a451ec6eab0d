"""Training on a task: what counts in the loss, what is scored, floors, epochs, and exact resume."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.data import Examples, ExampleSampler, TaskDataConfig, prepare_task
from longwave.errors import ConfigError, MissingFile
from longwave.models import LanguageModelConfig
from longwave.predictions import wilson_interval
from longwave.training import OptimConfig, TrainConfig, answer_examples, load_model, load_trained, train
from longwave.training.data import IGNORED, Setting
from longwave.training.distributed import Workers
from longwave.training.tasks import TaskTraining, open_task, wilson_bounds

Curve = Callable[[Path], list[dict[str, float]]]
ALONE = Workers(rank=0, world=1, device=torch.device("cpu"))
CPU = torch.autocast("cpu", enabled=False)


@pytest.fixture
def run() -> TrainConfig:
    """Return 8 steps of addition with dropout, in batches that do not divide the epoch."""
    return TrainConfig(
        model=LanguageModelConfig(vocab_size=10, d_model=8, n_layers=1, max_length=6, dropout=0.1),
        data=TaskDataConfig(task="addition", options={"n_digits": 2}, n_train=11, n_test=9),
        optim=OptimConfig(lr=3e-3, schedule="linear", warmup_fraction=0.25),
        steps=8,
        batch_size=4,
        device="cpu",
        log_every=1,
        eval_every=4,
        checkpoint_every=3,
    )


class Table(nn.Module):
    """Logits from a table of the last token."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.table = nn.Parameter(torch.randn(vocab_size, vocab_size, generator=generator))

    def forward(self, ids: Tensor) -> Tensor:
        return self.table[ids]


def test_a_run_taken_up_again_is_the_run_that_was_not_interrupted(
    run: TrainConfig, curve: Curve, tmp_path: Path
) -> None:
    def crash(row: dict[str, float]) -> None:
        if row["step"] == 5:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(run, tmp_path / "out", on_step=crash)
    assert train(run, tmp_path / "out").resumed_from == 3
    train(run, tmp_path / "whole")
    assert curve(tmp_path / "out") == curve(tmp_path / "whole")
    first, second = (load_model(tmp_path / each)[0].state_dict() for each in ("out", "whole"))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_the_result_holds_accuracies_their_interval_and_floors(run: TrainConfig, tmp_path: Path) -> None:
    result = train(run, tmp_path / "out")
    assert sorted(result.evaluation) == [
        "floor_majority_answer",
        "floor_uniform",
        "test_accuracy",
        "test_accuracy_high",
        "test_accuracy_low",
        "test_exact_match",
        "test_loss",
        "train_accuracy",
    ]
    assert result.evaluation["floor_uniform"] == 0.1


def test_a_finished_run_tells_the_same_again(run: TrainConfig, tmp_path: Path) -> None:
    first = train(run, tmp_path / "out")
    again = train(run, tmp_path / "out")
    assert (again.was_finished, again.evaluation) == (True, first.evaluation)


def test_evaluations_stand_in_the_metrics(run: TrainConfig, tmp_path: Path) -> None:
    train(run, tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "test_accuracy" in row] == [4, 8]
    assert all("bits_per_byte" not in row for row in rows)


def test_tokens_are_those_of_the_sequences_read(run: TrainConfig, tmp_path: Path) -> None:
    longer = dataclasses.replace(run, model=dataclasses.replace(run.model, max_length=20))
    assert train(longer, tmp_path / "out").tokens == 8 * 4 * 6


def test_the_examples_of_a_step_are_those_of_the_sampler(run: TrainConfig) -> None:
    data = open_task(run)
    batch = data.batch(5, 4, ALONE)
    rows = ExampleSampler(11, run.seed).rows(5, 4)
    np.testing.assert_array_equal(batch.inputs.numpy(), data.data.train.inputs[rows])


def test_targets_that_are_not_trained_are_ignored(run: TrainConfig) -> None:
    targets = open_task(run).batch(0, 4, ALONE).targets
    assert (targets == IGNORED).tolist() == [[True] * 3 + [False] * 3] * 4


def test_the_loss_is_the_mean_over_trained_targets(run: TrainConfig) -> None:
    data = open_task(run)
    batch = data.batch(0, 4, ALONE)
    model = Table(10)
    from longwave.training.validation import next_token_loss

    logs = F.log_softmax(model.table, dim=1)
    digits = zip(batch.inputs[:, 3:].flatten(), batch.targets[:, 3:].flatten(), strict=True)
    expected = -torch.stack([logs[read, next_one] for read, next_one in digits]).mean()
    torch.testing.assert_close(next_token_loss(model, batch.inputs, batch.targets), expected)


def score(examples: Examples, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
    return answer_examples(Table(18), examples, batch_size=batch_size, device=ALONE.device, autocast=CPU)


@pytest.mark.parametrize("batch_size", [1, 4, 100], ids=lambda b: f"B{b}")
@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("listops", {"min_length": 5, "max_length": 30}),
        ("addition", {}),
        ("associative-recall", {"length": 6}),
    ],
)
def test_answers_are_the_likeliest_tokens_at_the_scored_places(
    task: str, options: dict[str, object], batch_size: int
) -> None:
    config = TaskDataConfig(task=task, options=options, n_train=1, n_test=13)
    examples = prepare_task(config).test
    predicted, nats = score(examples, batch_size)
    table = Table(18).table.detach().double()
    scored = np.broadcast_to(examples.scored, examples.inputs.shape)
    read = [row[mask] for row, mask in zip(examples.inputs, scored, strict=True)]
    np.testing.assert_array_equal(predicted, [table[row.astype(int)].argmax(dim=1).tolist() for row in read])
    for row, answers, found in zip(read, examples.answers, nats, strict=True):
        logs = F.log_softmax(table[row.astype(int)], dim=1)
        assert found.tolist() == pytest.approx(
            [-float(logs[i, answer]) for i, answer in enumerate(answers)], rel=1e-5
        )


@pytest.mark.parametrize("world", [1, 2, 4], ids=lambda w: f"{w}-processes")
def test_processes_together_score_every_sequence_once(
    world: int, run: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = open_task(run)
    sums = []

    def note(workers: Workers, *values: float) -> list[float]:
        sums.append(values)
        return list(values)

    monkeypatch.setattr(Workers, "sum", note)
    for rank in range(world):
        workers = Workers(rank=rank, world=world, device=torch.device("cpu"))
        data._score(Table(10), data.data.test, Setting(workers=workers, autocast=CPU, batch_size=2))
    sequences, tokens, nats, count = np.sum(sums, axis=0)
    predicted, losses = answer_examples(
        Table(10), data.data.test, batch_size=9, device=ALONE.device, autocast=CPU
    )
    right = predicted == data.data.test.answers
    assert (sequences, tokens, count) == (right.all(axis=1).sum(), right.sum(), 27)
    assert nats == pytest.approx(losses.sum())


def test_the_model_trains_on_after_it_was_scored(run: TrainConfig) -> None:
    model = Table(10)
    open_task(run).evaluate(model, Setting(workers=ALONE, autocast=CPU, batch_size=4))
    assert model.training


def test_seen_sequences_are_as_many_as_unseen_ones(run: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    data, seen = open_task(run), []

    def note(data: TaskTraining, model: nn.Module, examples: Examples, setting: Setting) -> dict[str, float]:
        seen.append(len(examples))
        return {"loss": 1.0, "accuracy": 0.5, "exact_match": 0.25}

    monkeypatch.setattr(TaskTraining, "_score", note)
    data.evaluate(Table(10), Setting(workers=ALONE, autocast=CPU, batch_size=4))
    assert seen == [9, 9]


@pytest.mark.parametrize(("right", "n"), [(0, 1), (1, 1), (3, 7), (485, 500), (500, 500)])
def test_the_interval_is_that_of_the_report(right: int, n: int) -> None:
    interval = wilson_interval(right, n)
    assert wilson_bounds(right / n, n) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"vocab_size": 9}, 'model.vocab_size is 9, but the task "addition" needs 10'),
        ({"max_length": 5}, 'model.max_length is 5, but the task "addition" needs 6'),
    ],
    ids=["vocabulary", "length"],
)
def test_a_model_that_does_not_fit_its_task_is_refused(
    keys: dict[str, int], told: str, run: TrainConfig, tmp_path: Path
) -> None:
    config = dataclasses.replace(run, model=dataclasses.replace(run.model, **keys))
    with pytest.raises(ConfigError, match=told):
        train(config, tmp_path / "out")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"seed": 1}, r"data\.seed is 0 there and 1 here"),
        ({"n_train": 12}, r"data\.n_train is 11 there and 12 here"),
        ({"options": {"n_digits": 1}, "n_train": 11}, r"data\.options\.n_digits is 2 there and 1 here"),
    ],
    ids=["seed", "count", "option"],
)
def test_other_data_are_another_run(
    keys: dict[str, object], told: str, run: TrainConfig, tmp_path: Path
) -> None:
    run = dataclasses.replace(run, steps=1)
    train(run, tmp_path / "out")
    with pytest.raises(ConfigError, match=told):
        train(dataclasses.replace(run, data=dataclasses.replace(run.data, **keys)), tmp_path / "out")


def test_the_model_of_a_finished_run_can_be_loaded(run: TrainConfig, tmp_path: Path) -> None:
    train(run, tmp_path / "out")
    model, step = load_model(tmp_path / "out")
    assert (model.config, step) == (run.model, None)


def test_the_model_of_an_interrupted_run_is_that_of_its_checkpoint(run: TrainConfig, tmp_path: Path) -> None:
    def stop(row: dict[str, float]) -> None:
        if row["step"] == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(run, tmp_path / "out", on_step=stop)
    assert load_model(tmp_path / "out")[1] == 5


def test_a_run_on_a_task_has_no_tokenizer(run: TrainConfig, tmp_path: Path) -> None:
    train(run, tmp_path / "out")
    with pytest.raises(MissingFile, match="trained on a task"):
        load_trained(tmp_path / "out")


@pytest.mark.parametrize(("wanted", "told"), [("text", "this needs text"), ("task", "this needs a task")])
def test_data_of_the_other_kind_are_refused(wanted: str, told: str, run: TrainConfig) -> None:
    text = TrainConfig(model=run.model, steps=1)
    with pytest.raises(ConfigError, match=told):
        getattr(run if wanted == "text" else text, wanted)


@pytest.mark.slow
def test_recall_is_learned(tmp_path: Path) -> None:
    filters = {"d_hidden": 64, "d_position": 5, "frequency": 10.0, "position_lr": 0.0}
    config = TrainConfig(
        model=LanguageModelConfig(
            vocab_size=6, d_model=64, n_layers=2, max_length=50, mixer_options={"filter": filters}
        ),
        data=TaskDataConfig(task="associative-recall", options={"vocab_size": 6, "length": 48}),
        optim=OptimConfig(lr=4e-3, warmup_fraction=0.05),
        steps=300,
        batch_size=32,
        device="cpu",
        eval_every=300,
    )
    evaluation = train(config, tmp_path / "out").evaluation
    assert evaluation["test_accuracy_low"] > 0.95 > evaluation["floor_majority_value"] + 0.1
