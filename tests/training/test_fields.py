"""Fields train through the common loop: the right loss, exact resume, on coefficients as on the grid."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from longwave.data import ExampleSampler
from longwave.data.pde import FieldPairs
from longwave.errors import ConfigError, DataError
from longwave.models.pde import FNOConfig, UNetConfig, irreducible_loss, relative_l2
from longwave.training import (
    OptimConfig,
    TrainConfig,
    build_model,
    load_fields,
    load_operator,
    train,
)
from longwave.training.data import Batch
from longwave.training.distributed import Workers
from longwave.training.fields import FieldTraining, floors, open_fields, sample_errors

Curve = Callable[[Path], list[dict[str, float]]]
ALONE = Workers(rank=0, world=1, device=torch.device("cpu"))


def kill_at(step: int) -> Callable[[dict[str, float]], None]:
    def on_step(row: dict[str, float]) -> None:
        if row["step"] == step:
            raise KeyboardInterrupt

    return on_step


@pytest.fixture
def training(field_run: TrainConfig, tmp_path: Path) -> FieldTraining:
    return open_fields(field_run, tmp_path, ALONE)


def naive_losses(config: TrainConfig, out: Path) -> list[float]:
    """Train in space with nothing but torch's own parts; normalisation and all written out."""
    data = load_fields(config.fields)
    x, y = data.train.inputs, data.train.targets
    model = build_model(load_operator(out)[1].model, seed=config.seed)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": config.optim.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=config.optim.lr, betas=config.optim.betas)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)  # 8 steps, three falls to 1/8
    sampler, losses = ExampleSampler(len(x), config.seed), []
    for step in range(config.steps):
        rows = torch.from_numpy(sampler.rows(step, config.batch_size))
        said = model((x[rows] - x.mean()) / x.std(correction=0)) * y.std(correction=0) + y.mean()
        each = [(a - b).norm() / b.norm() for a, b in zip(said, y[rows], strict=True)]
        loss = torch.stack(each).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("kind", ["t1", "fno"])
def test_losses_are_those_of_a_plain_loop_on_the_grid(
    kind: str, field_run: TrainConfig, fno: FNOConfig, curve: Curve, tmp_path: Path
) -> None:
    optim = replace(field_run.optim, warmup_fraction=0.0, final_lr_fraction=1 / 8)
    config = replace(field_run, optim=optim, model=fno if kind == "fno" else field_run.model)
    train(config, tmp_path / "out")
    losses = [row["loss"] for row in curve(tmp_path / "out") if "loss" in row]
    assert losses == pytest.approx(naive_losses(config, tmp_path / "out"), rel=2e-4)


def test_a_t1_in_training_reads_coefficients_only(training: FieldTraining) -> None:
    batch = training.batch(0, 4, ALONE)
    shapes = [tuple(tensor.shape) for tensor in (batch.inputs, batch.targets, *batch.rest)]
    assert shapes == [(4, 1, 9), (4, 1, 9), (4,), (4,)]


def test_the_loss_on_coefficients_is_that_of_the_operator_on_fields(training: FieldTraining) -> None:
    model = build_model(training.model, seed=1)
    for parameter in model.parameters():
        nn.init.normal_(parameter, 0.0, 0.3)
    loss = training.loss(training.learner(model), training.batch(0, 12, ALONE)).detach()
    x, y = training.data.train.inputs, training.data.train.targets
    expected = relative_l2(training.operator(model)(x).detach(), y)
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_rows_say_what_a_run_on_fields_tells(field_run: TrainConfig, tmp_path: Path) -> None:
    train(field_run, tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert list(rows[0]) == [
        "step", "samples", "loss", "lr", "grad_norm", "samples_per_s", "memory_mb", "elapsed_s",
    ]  # fmt: skip
    assert list(rows[-1]) == [
        "step", "samples", "elapsed_s", "test_relative_l2", "test_relative_l2_low", "test_relative_l2_high",
        "test_relative_l1", "train_relative_l2", "floor_mean_field", "floor_unchanged", "irreducible_loss",
    ]  # fmt: skip


def test_the_result_counts_samples(field_run: TrainConfig, tmp_path: Path) -> None:
    result = train(field_run, tmp_path / "out")
    assert (result.samples, result.tokens, result.validation_loss) == (8 * 4, 0, None)
    assert train(field_run, tmp_path / "out") == replace(result, was_finished=True)


@pytest.mark.parametrize("step", [1, 5])
def test_an_interrupted_run_goes_on_bit_for_bit(
    step: int, field_run: TrainConfig, curve: Curve, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(field_run, tmp_path / "out", on_step=kill_at(step))
    assert load_operator(tmp_path / "out")[1].data == "burgers"  # of the checkpoint
    train(field_run, tmp_path / "out")
    train(field_run, tmp_path / "whole")
    assert curve(tmp_path / "out") == curve(tmp_path / "whole")


def test_batch_norm_is_part_of_an_exact_resume(field_run: TrainConfig, curve: Curve, tmp_path: Path) -> None:
    unet = UNetConfig(in_channels=1, out_channels=1, channel_exponent=2, n_levels=4, n_dims=1)
    config = replace(field_run, model=unet)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "out", on_step=kill_at(5))
    train(config, tmp_path / "out")
    train(config, tmp_path / "whole")
    assert curve(tmp_path / "out") == curve(tmp_path / "whole")


@pytest.mark.parametrize("kind", ["t1", "fno"])
def test_accumulation_gives_the_same_losses(
    kind: str, field_run: TrainConfig, fno: FNOConfig, curve: Curve, tmp_path: Path
) -> None:
    config = replace(field_run, model=fno if kind == "fno" else field_run.model)
    for parts in (1, 4):
        train(replace(config, accumulation=parts), tmp_path / str(parts))
    one, four = ([row["loss"] for row in curve(tmp_path / n) if "loss" in row] for n in ("1", "4"))
    assert four == pytest.approx(one, rel=1e-4)


def test_training_gets_below_the_floor(field_run: TrainConfig, tmp_path: Path) -> None:
    config = replace(field_run, steps=150, log_every=50, eval_every=150)
    row = train(config, tmp_path / "out").evaluation
    assert row["irreducible_loss"] < row["train_relative_l2"] < 0.5 * row["floor_mean_field"]


def test_the_data_may_lie_elsewhere_when_a_run_goes_on(
    field_run: TrainConfig, curve: Curve, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(field_run, tmp_path / "out", on_step=kill_at(5))
    moved = replace(field_run, data=replace(field_run.fields, folder=str(tmp_path / "moved")))
    assert train(moved, tmp_path / "out").resumed_from == 5


def test_open_choices_are_settled_by_the_data_and_kept(field_run: TrainConfig, tmp_path: Path) -> None:
    choice = replace(field_run.model, basis="auto", n_modes=None, energy=0.999)
    train(replace(field_run, model=choice), tmp_path / "out")
    settled = load_operator(tmp_path / "out")[1].model
    assert (settled.basis, settled.energy, isinstance(settled.n_modes, tuple)) == ("rfft", None, True)


def test_the_irreducible_loss_is_that_of_the_test_targets(training: FieldTraining) -> None:
    assert training.lost == irreducible_loss(training.data.test.targets, (9,), "rfft")


def test_what_modes_lose_is_said_before_training(
    field_run: TrainConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "longwave.training.fields")
    open_fields(field_run, tmp_path, ALONE)
    assert '9 modes in the basis "rfft" lose' in caplog.text
    caplog.clear()
    open_fields(
        replace(field_run, model=replace(field_run.model, n_modes=(2,), basis="dct")), tmp_path, ALONE
    )
    assert [record.levelname for record in caplog.records if "no training gets" in record.message] == [
        "WARNING"
    ]


def test_a_goal_that_modes_cannot_reach_is_refused(field_run: TrainConfig, tmp_path: Path) -> None:
    config = replace(
        field_run,
        model=replace(field_run.model, n_modes=(2,)),
        data=replace(field_run.fields, goal=0.001),
    )
    with pytest.raises(ConfigError, match=r"no model on them reaches the goal of 0\.001"):
        open_fields(config, tmp_path, ALONE)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"in_channels": 2}, 'model.in_channels is 2, but "burgers" has 1'),
        ({"out_channels": 3}, 'model.out_channels is 3, but "burgers" has 1'),
        ({"n_modes": (3, 3)}, 'model.n_dims is 2, but "burgers" has 1'),
        ({"resolution": (16,)}, r"model.resolution is \[16\], but the grid of"),
    ],
    ids=["in", "out", "axes", "grid"],
)
def test_a_model_that_does_not_fit_the_data_is_refused(
    change: dict[str, object], told: str, field_run: TrainConfig, fno: FNOConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=told):
        train(replace(field_run, model=replace(fno, **change)), tmp_path / "out")


def test_a_model_of_language_on_fields_is_refused(
    field_run: TrainConfig, config: TrainConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="needs a model of fields"):
        train(replace(field_run, model=config.model), tmp_path / "out")


def test_a_model_of_fields_on_text_is_refused(
    field_run: TrainConfig, config: TrainConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="needs a language model"):
        train(replace(config, model=field_run.model), tmp_path / "out")


def test_gradient_checkpointing_is_refused(field_run: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot recompute"):
        train(replace(field_run, gradient_checkpointing=True), tmp_path / "out")


def test_bfloat16_trains_and_keeps_float32_weights(field_run: TrainConfig, tmp_path: Path) -> None:
    train(replace(field_run, precision="bfloat16"), tmp_path / "out")
    weights = load_operator(tmp_path / "out")[0].model.parameters()
    assert {weight.dtype for weight in weights} == {torch.float32}


def test_the_errors_of_an_evaluation_are_means_over_samples(training: FieldTraining) -> None:
    model = build_model(training.model, seed=2)
    l2, l1 = sample_errors(training.operator(model), training.data.test, 2, ALONE.device)
    said = training.operator(model)(training.data.test.inputs).detach().double().numpy()
    true = training.data.test.targets.double().numpy()
    expected = [np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(said, true, strict=True)]
    np.testing.assert_allclose(l2, expected, rtol=1e-6)
    np.testing.assert_allclose(l1, np.abs(said - true).sum((1, 2)) / np.abs(true).sum((1, 2)), rtol=1e-6)


def test_two_processes_score_as_one(training: FieldTraining) -> None:
    from longwave.training.data import Setting

    off = torch.autocast("cpu", enabled=False)
    model = build_model(training.model, seed=2)
    parts: list[tuple[float, ...]] = []

    class Half(Workers):
        def sum(self, *values: float) -> list[float]:
            parts.append(values)
            return list(values)

    one = training._score(model, training.data.test, Setting(workers=ALONE, autocast=off, batch_size=2))
    for rank in (0, 1):
        workers = Half(rank=rank, world=2, device=ALONE.device)
        training._score(model, training.data.test, Setting(workers=workers, autocast=off, batch_size=2))
    assert np.sum(parts, axis=0)[0] / 5 == pytest.approx(one["relative_l2"])


def test_floors_predict_the_mean_or_the_input(training: FieldTraining) -> None:
    found = floors(training.data)
    test, mean = training.data.test, training.data.train.targets.mean(dim=0, keepdim=True)
    assert found["unchanged"] == pytest.approx(float(relative_l2(test.inputs, test.targets)))
    assert found["mean_field"] == pytest.approx(
        float(relative_l2(mean.expand_as(test.targets), test.targets))
    )


def test_without_the_channels_of_the_target_there_is_no_unchanged(training: FieldTraining) -> None:
    double = {name: FieldPairs(inputs=pairs.inputs.repeat(1, 2, 1), targets=pairs.targets)
              for name, pairs in (("train", training.data.train), ("test", training.data.test))}  # fmt: skip
    data = dataclasses.replace(training.data, **double, input_channels=training.data.input_channels * 2)
    assert list(floors(data)) == ["mean_field"]


def test_a_batch_splits_all_it_holds() -> None:
    batch = Batch(inputs=torch.arange(4), targets=torch.arange(4), rest=(torch.arange(4),))
    assert [part.rest[0].tolist() for part in batch.split(2)] == [[0, 1], [2, 3]]


@pytest.mark.parametrize("value", [0.0, 1.0], ids=["none", "all"])
def test_a_step_that_takes_all_or_nothing_is_refused(value: float) -> None:
    with pytest.raises(ConfigError, match='"decay" is'):
        OptimConfig(decay=value)


def test_a_schedule_of_steps_ends_above_zero() -> None:
    with pytest.raises(ConfigError, match='"final_lr_fraction" is 0'):
        OptimConfig(schedule="step", final_lr_fraction=0.0)


def test_a_target_that_is_zero_everywhere_is_refused(
    field_run: TrainConfig, fno: FNOConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = load_fields(field_run.fields)
    data.test.targets[2] = 0.0
    monkeypatch.setattr("longwave.training.fields.load_fields", lambda *_: data)
    with pytest.raises(DataError, match='target of test sample 2 of "burgers" is zero everywhere'):
        open_fields(replace(field_run, model=fno), tmp_path, ALONE)
