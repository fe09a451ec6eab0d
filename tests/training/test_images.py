"""Images train through the common loop: the right loss, stages of resolution, exact resume in any of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from longwave.data import ExampleSampler
from longwave.data.images import AugmentConfig, Draw, augment, mix, resize
from longwave.errors import ConfigError
from longwave.mixers import S4ND
from longwave.models.images import Classifier, IsotropicConfig
from longwave.models.video import VideoClassifierConfig
from longwave.training import (
    ImageDataConfig,
    ImageStage,
    TrainConfig,
    build_model,
    load_classifier,
    load_images,
    train,
)
from longwave.training.data import Setting
from longwave.training.distributed import Workers
from longwave.training.images import ImageTraining, open_images, resized
from longwave.training.tasks import wilson_bounds

Curve = Callable[[Path], list[dict[str, float]]]
CPU = torch.device("cpu")
ALONE = Workers(rank=0, world=1, device=CPU)
OFF = torch.autocast("cpu", enabled=False)
STAGES = (
    ImageStage(rate=4.0, steps=3, bandlimit=0.25),
    ImageStage(rate=2.0, steps=2, bandlimit="none", restart=True),
    ImageStage(rate=1.0, steps=3),
)


def kill_at(step: int) -> Callable[[dict[str, float]], None]:
    def on_step(row: dict[str, float]) -> None:
        if row["step"] == step:
            raise KeyboardInterrupt

    return on_step


def without_dropout(config: TrainConfig) -> TrainConfig:
    trunk = replace(config.image_model.trunk, dropout=0.0)
    return replace(config, model=replace(config.image_model, trunk=trunk))


@pytest.fixture
def staged(image_run: TrainConfig) -> TrainConfig:
    """Return the run in three stages."""
    return replace(image_run, data=replace(image_run.images, rate=1.0, stages=STAGES))


@pytest.fixture
def training(image_run: TrainConfig, tmp_path: Path) -> ImageTraining:
    opened = open_images(image_run, tmp_path, ALONE)
    opened.start_step(0, build_model(opened.model))
    return opened


def naive_losses(config: TrainConfig) -> list[float]:
    """Train with nothing but torch's own parts: stages, rates and schedule written out."""
    data = load_images(config.images)
    stages = config.images.stages_of(config.steps)
    last = resize(data.train.images, (8 // int(stages[-1].rate), 12 // int(stages[-1].rate)))
    model = build_model(config.model, seed=config.seed)
    slow = [
        p for n, p in model.named_parameters() if n.split(".")[-1] in ("log_dt", "log_A_real", "A_imag", "B")
    ]
    decayed, rest = [], []
    for name, p in model.named_parameters():
        if all(p is not other for other in slow):
            plain = p.ndim < 2 or "norm" in name or name.endswith("skip")
            (rest if plain else decayed).append(p)
    groups = [
        {"params": slow, "weight_decay": 0.0, "peak": 1e-3},
        {"params": decayed, "weight_decay": config.optim.weight_decay, "peak": config.optim.lr},
        {"params": rest, "weight_decay": 0.0, "peak": config.optim.lr},
    ]
    optimizer = torch.optim.AdamW(groups, betas=config.optim.betas)
    sampler, losses, step = ExampleSampler(len(data.train), config.seed), [], 0
    for number, stage in enumerate(stages):
        images = resize(data.train.images, (8 // int(stage.rate), 12 // int(stage.rate)))
        if stage.bandlimit != "model":
            model.set_bandlimit(None if stage.bandlimit == "none" else stage.bandlimit)
        else:
            model.set_bandlimit(config.image_model.trunk.s4nd.bandlimit)
        if stage.restart or not number:
            begun = step
            ahead = [s.steps for s in stages[number:]]
            stop = next((n for n, s in enumerate(stages[number + 1 :], 1) if s.restart), len(ahead))
            length = sum(ahead[:stop])
            warmup = round(config.optim.warmup_fraction * length)
        for _ in range(stage.steps):
            rows = torch.from_numpy(sampler.rows(step, config.batch_size))
            logits = model((images[rows] - last.mean()) / last.std(correction=0), rate=stage.rate)
            loss = F.cross_entropy(logits, data.train.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            place = step - begun
            falling = (1 + math.cos(math.pi * (place + 1 - warmup) / (length - warmup))) / 2
            factor = (place + 1) / warmup if place < warmup else 0.1 + 0.9 * falling
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
            optimizer.step()
            losses.append(loss.item())
            step += 1
    return losses


@pytest.mark.parametrize("kind", ["one rate", "stages"])
def test_losses_are_those_of_a_plain_loop(
    kind: str, image_run: TrainConfig, staged: TrainConfig, curve: Curve, tmp_path: Path
) -> None:
    config = without_dropout(image_run if kind == "one rate" else staged)
    train(config, tmp_path / "out")
    losses = [row["loss"] for row in curve(tmp_path / "out") if "loss" in row]
    assert losses == pytest.approx(naive_losses(config), rel=1e-4)


def test_rows_say_what_a_run_on_images_tells(image_run: TrainConfig, tmp_path: Path) -> None:
    config = replace(image_run, data=replace(image_run.images, validation_fraction=0.25))
    result = train(config, tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert list(rows[0])[:3] == ["step", "samples", "loss"]
    assert list(rows[-1]) == [
        "step", "samples", "elapsed_s", "resolution", "test_accuracy", "test_accuracy_low",
        "test_accuracy_high", "test_loss", "train_accuracy", "floor_majority", "validation_accuracy",
        "validation_loss",
    ]  # fmt: skip
    assert (result.samples, result.evaluation["resolution"], result.evaluation["floor_majority"]) == (
        32, 4.0, 0.4,
    )  # fmt: skip


@pytest.mark.parametrize("step", [1, 3, 4, 5, 7], ids=lambda step: f"after-{step}")
def test_a_run_resumes_bit_for_bit_in_any_stage(
    step: int, staged: TrainConfig, curve: Curve, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(staged, tmp_path / "out", on_step=kill_at(step))
    train(staged, tmp_path / "out")
    train(staged, tmp_path / "whole")
    assert curve(tmp_path / "out") == curve(tmp_path / "whole")


def test_evaluations_are_at_the_resolution_of_the_stage(
    staged: TrainConfig, curve: Curve, tmp_path: Path
) -> None:
    train(replace(staged, eval_every=1), tmp_path / "out")
    found = [row["resolution"] for row in curve(tmp_path / "out") if "resolution" in row]
    assert found == [2, 2, 2, 4, 4, 8, 8, 8]


def limits(model: Classifier) -> set[tuple[float | None, ...]]:
    return {layer.bandlimit for layer in model.modules() if isinstance(layer, S4ND)}


@pytest.mark.parametrize(
    ("killed", "limit"), [(2, 0.25), (4, None), (8, 0.5)], ids=["first", "second", "end"]
)
def test_a_loaded_model_has_the_bandlimit_of_its_stage(
    killed: int, limit: float | None, staged: TrainConfig, tmp_path: Path
) -> None:
    if killed < staged.steps:
        with pytest.raises(KeyboardInterrupt):
            train(staged, tmp_path / "out", on_step=kill_at(killed))
    else:
        train(staged, tmp_path / "out")
    assert limits(load_classifier(tmp_path / "out")[0].model) == {(limit, limit)}


def test_a_stage_changes_no_weight(staged: TrainConfig, tmp_path: Path) -> None:
    opened = open_images(staged, tmp_path, ALONE)
    model = build_model(opened.model)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    for step in (0, 3, 5):
        opened.start_step(step, model)
        assert opened.batch(step, 4, ALONE).inputs.shape[-2] == {0: 2, 3: 4, 5: 8}[step]
    assert all(torch.equal(before[name], weight) for name, weight in model.state_dict().items())


def test_a_batch_of_another_stage_is_an_error(staged: TrainConfig, tmp_path: Path) -> None:
    opened = open_images(staged, tmp_path, ALONE)
    opened.start_step(0, build_model(opened.model))
    with pytest.raises(RuntimeError, match="call start_step"):
        opened.batch(3, 4, ALONE)


def test_batches_are_a_function_of_seed_and_step(training: ImageTraining, image_run: TrainConfig) -> None:
    one, same, other = (training.batch(step, 4, ALONE) for step in (2, 2, 3))
    assert torch.equal(one.inputs, same.inputs)
    assert not torch.equal(one.inputs, other.inputs)
    reseeded = ImageTraining(replace(image_run, seed=1), training.data, CPU)
    reseeded.start_step(2, build_model(reseeded.model))
    assert not torch.equal(one.inputs, reseeded.batch(2, 4, ALONE).inputs)


def test_processes_share_a_batch(training: ImageTraining) -> None:
    whole = training.batch(1, 4, ALONE)
    halves = [training.batch(1, 4, Workers(rank=rank, world=2, device=CPU)) for rank in (0, 1)]
    assert torch.equal(torch.cat([half.inputs for half in halves]), whole.inputs)
    assert torch.equal(torch.cat([half.targets for half in halves]), whole.targets)


def test_the_model_reads_channels_of_mean_0_and_deviation_1(training: ImageTraining) -> None:
    inputs = training.batch(0, 23, ALONE).inputs
    assert float(inputs.mean()) == pytest.approx(0.0, abs=1e-5)
    assert float(inputs.std(correction=0)) == pytest.approx(1.0, rel=1e-4)


def test_or_pixels_from_0_to_1(image_run: TrainConfig, tmp_path: Path) -> None:
    config = replace(image_run, data=replace(image_run.images, normalize="none"))
    opened = open_images(config, tmp_path, ALONE)
    opened.start_step(0, build_model(opened.model))
    inputs = opened.batch(0, 23, ALONE).inputs
    assert 0 <= float(inputs.min()) < float(inputs.max()) <= 1


def test_augmentation_and_mixing_are_those_of_the_step(
    image_run: TrainConfig, training: ImageTraining
) -> None:
    change = AugmentConfig(padding=1, flip=True, mixup=0.4)
    config = replace(image_run, data=replace(image_run.images, augment=change))
    changed = ImageTraining(config, training.data, CPU)
    changed.start_step(5, build_model(changed.model))
    plain, batch = training.batch(5, 4, ALONE), changed.batch(5, 4, ALONE)
    draw = Draw(seed=0, step=5)
    inputs, targets = mix(augment(plain.inputs, change, draw), plain.targets, 3, change, draw)
    torch.testing.assert_close(batch.inputs, inputs)
    torch.testing.assert_close(batch.targets, targets)
    model = build_model(changed.model).eval().requires_grad_(False)
    loss = changed.loss(changed.learner(model), batch)
    logits = model(inputs, rate=2.0)
    expected = -(targets * logits.log_softmax(1)).sum(1).mean()
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_labels_are_smoothed_as_asked(image_run: TrainConfig, training: ImageTraining) -> None:
    config = replace(image_run, data=replace(image_run.images, label_smoothing=0.3))
    smooth = ImageTraining(config, training.data, CPU)
    smooth.start_step(0, build_model(smooth.model))
    batch, model = smooth.batch(0, 6, ALONE), build_model(smooth.model).eval().requires_grad_(False)
    logs = model(batch.inputs, rate=2.0).log_softmax(1)
    targets = 0.7 * F.one_hot(batch.targets, 3) + 0.1
    expected = -(targets * logs).sum(1).mean()
    assert float(smooth.loss(smooth.learner(model), batch)) == pytest.approx(float(expected), rel=1e-5)


def test_scores_are_counted(training: ImageTraining) -> None:
    model = build_model(training.model, seed=1)
    row = training.evaluate(model, Setting(workers=ALONE, autocast=OFF, batch_size=1))
    assert model.training
    test = training.data.test
    pixels = resize(training.data.train.images, (4, 6))
    x = (resize(test.images, (4, 6)) - pixels.mean()) / pixels.std(correction=0)
    with torch.no_grad():
        logits = model.eval()(x, rate=2.0)
    accuracy = float((logits.argmax(1) == test.labels).float().mean())
    assert row["test_accuracy"] == pytest.approx(accuracy)
    assert (row["test_accuracy_low"], row["test_accuracy_high"]) == pytest.approx(wilson_bounds(accuracy, 10))
    assert row["test_loss"] == pytest.approx(float(F.cross_entropy(logits, test.labels)), rel=1e-4)


def test_two_processes_score_as_one(training: ImageTraining) -> None:
    parts: list[tuple[float, ...]] = []

    class Half(Workers):
        def sum(self, *values: float) -> list[float]:
            parts.append(values)
            return list(values)

    model, held = build_model(training.model, seed=1), training.held["test"]
    one = training._score(model, held, Setting(workers=ALONE, autocast=OFF, batch_size=2))
    for rank in (0, 1):
        half = Half(rank=rank, world=2, device=CPU)
        training._score(model, held, Setting(workers=half, autocast=OFF, batch_size=2))
    right, nats = np.sum(parts, axis=0)
    assert (right / 10, nats / 10) == pytest.approx((one["accuracy"], one["loss"]))


def test_accumulation_gives_the_same_losses(image_run: TrainConfig, curve: Curve, tmp_path: Path) -> None:
    config = without_dropout(image_run)
    for parts in (1, 2):
        train(replace(config, accumulation=parts), tmp_path / str(parts))
    one, two = ([row["loss"] for row in curve(tmp_path / n) if "loss" in row] for n in ("1", "2"))
    assert two == pytest.approx(one, rel=1e-4)


def test_training_gets_above_the_floor(image_run: TrainConfig, tmp_path: Path) -> None:
    config = replace(image_run, steps=30, log_every=30, eval_every=30, batch_size=8)
    row = train(config, tmp_path / "out").evaluation
    assert row["test_accuracy"] == 1.0 > row["floor_majority"]


def test_clips_train_with_a_bandlimit_in_space_alone(image_run: TrainConfig, tmp_path: Path) -> None:
    data = ImageDataConfig(
        source="moving-digits", n_train=8, n_test=4, options={"n_frames": 4, "target": "digit"},
        stages=(ImageStage(rate=8.0, steps=1, bandlimit=0.125), ImageStage(rate=4.0, steps=1)),
    )  # fmt: skip
    trunk = IsotropicConfig(d_model=4, n_layers=1)
    model = VideoClassifierConfig(in_channels=1, n_classes=10, trunk=trunk)
    config = replace(image_run, model=model, data=data, steps=2)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "out", on_step=kill_at(1))
    assert limits(load_classifier(tmp_path / "out")[0].model) == {(None, 0.125, 0.125)}
    assert train(config, tmp_path / "out").evaluation["resolution"] == 8


def test_many_images_stay_off_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    monkeypatch.setattr("longwave.training.images.ON_DEVICE_BYTES", 3 * 64 - 1)
    assert resized(images, (8, 8), torch.device("meta")).device == CPU
    monkeypatch.setattr("longwave.training.images.ON_DEVICE_BYTES", 3 * 64)
    assert resized(images, (8, 8), torch.device("meta")).device.type == "meta"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"in_channels": 3}, 'model.in_channels is 3, but "halves" takes 1'),
        ({"n_classes": 2}, 'model.n_classes is 2, but "halves" takes 3'),
    ],
    ids=["channels", "classes"],
)
def test_a_model_that_does_not_fit_the_data_is_refused(
    change: dict[str, int], told: str, image_run: TrainConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=told):
        train(replace(image_run, model=replace(image_run.image_model, **change)), tmp_path / "out")


def test_a_model_of_clips_on_images_is_refused(image_run: TrainConfig, tmp_path: Path) -> None:
    clips = VideoClassifierConfig(in_channels=1, n_classes=3, trunk=image_run.image_model.trunk)
    with pytest.raises(ConfigError, match=r"model\.kind is video"):
        train(replace(image_run, model=clips), tmp_path / "out")


def test_a_model_of_language_on_images_is_refused(
    image_run: TrainConfig, config: TrainConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="needs a classifier"):
        train(replace(image_run, model=config.model), tmp_path / "out")


def test_shards_are_refused(image_run: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='Set it to "ddp"'):
        open_images(replace(image_run, distributed="fsdp"), tmp_path, ALONE)


def test_gradient_checkpointing_is_refused(image_run: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot recompute"):
        train(replace(image_run, gradient_checkpointing=True), tmp_path / "out")


def test_bfloat16_trains_and_keeps_float32_weights(image_run: TrainConfig, tmp_path: Path) -> None:
    train(replace(image_run, precision="bfloat16"), tmp_path / "out")
    weights = load_classifier(tmp_path / "out")[0].model.parameters()
    assert {weight.dtype for weight in weights} == {torch.float32}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_a_compiled_run_goes_through_its_stages(
    staged: TrainConfig, curve: Curve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # traced and cut into graphs, but not made machine code, which takes minutes
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    config = without_dropout(staged)
    for is_compiled in (False, True):
        train(replace(config, compile=is_compiled), tmp_path / str(is_compiled))
    plain, compiled = (
        [row["loss"] for row in curve(tmp_path / n) if "loss" in row] for n in ("False", "True")
    )
    assert compiled == pytest.approx(plain, rel=1e-3)


@pytest.mark.slow
def test_seven_by_seven_digits_are_told_apart_and_at_28_as_well(tmp_path: Path) -> None:
    from longwave.recipes import load_recipe
    from longwave.training.image_answers import answer_images

    config = replace(load_recipe("s4nd-tiny"), device="cpu", eval_every=480)
    train(config, tmp_path / "out")
    found = {
        (answers.resolution[0], answers.is_shrunk): answers.accuracy
        for answers in answer_images(tmp_path / "out", [14, 28])
    }
    free = list(answer_images(tmp_path / "out", [28], bandlimit="none", shrink=False))[-1]
    assert abs(found[7, False] - found[28, True]) < 0.003
    assert found[7, False] > 0.85
    assert found[14, False] > 0.7
    assert found[28, False] > max(0.55, free.accuracy + 0.1)  # what the mask is worth
