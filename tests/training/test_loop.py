"""The loop learns, resumes bit for bit, stops cleanly and refuses what cannot work."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from longwave.data import WindowSampler, prepare_text
from longwave.errors import ConfigError, DataError, MissingFile
from longwave.models import LanguageModel
from longwave.training import TrainConfig, TrainResult, load_trained, train, warmup_cosine

Curve = Callable[[Path], list[dict[str, float]]]
Change = Callable[..., TrainConfig]


class Crash(Exception):
    """Stands for a process that dies at a row."""


def crash_at(step: int) -> Callable[[dict[str, float]], None]:
    def on_step(row: dict[str, float]) -> None:
        if row["step"] == step:
            raise Crash

    return on_step


def interrupt_at(step: int) -> Callable[[dict[str, float]], None]:
    def on_step(row: dict[str, float]) -> None:
        if row["step"] == step:
            raise KeyboardInterrupt

    return on_step


@pytest.fixture
def whole(config: TrainConfig, tmp_path: Path) -> TrainResult:
    """Return an uninterrupted run in the folder ``whole``."""
    return train(config, tmp_path / "whole")


def naive_losses(config: TrainConfig, out: Path) -> list[float]:
    """Train with nothing but torch's own parts, one window at a time."""
    data = prepare_text(config.data, out)
    model = LanguageModel(config.model, seed=config.seed)
    groups = model.optimizer_groups(lr=config.optim.lr, weight_decay=config.optim.weight_decay)
    peaks = [group["lr"] for group in groups]
    optimizer = torch.optim.AdamW(groups, betas=config.optim.betas, eps=config.optim.eps, foreach=False)
    sampler = WindowSampler(data.train, config.model.max_length, config.seed)
    losses = []
    for step in range(config.steps):
        factor = warmup_cosine(step, steps=config.steps, warmup_steps=2, final_fraction=0.1)
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * factor
        windows = torch.from_numpy(sampler.batch(step, config.batch_size))
        each = [F.cross_entropy(model(w[None, :-1])[0], w[1:]) for w in windows]
        loss = torch.stack(each).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.optim.clip)
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_losses_are_those_of_a_plain_torch_loop(change: Change, curve: Curve, tmp_path: Path) -> None:
    config = change(model_dropout=0.0)
    train(config, tmp_path / "out")
    losses = [row["loss"] for row in curve(tmp_path / "out") if "loss" in row]
    assert losses == pytest.approx(naive_losses(config, tmp_path / "naive"), rel=1e-4)


def test_training_lowers_the_validation_loss(change: Change, tmp_path: Path) -> None:
    config = change(steps=40, eval_every=10, log_every=20)
    rows = []
    result = train(config, tmp_path / "out", on_step=rows.append)
    first = next(row for row in rows if "validation_loss" in row)
    assert result.validation_loss < first["validation_loss"] - 0.3


def test_rows_say_what_the_contract_names(whole: TrainResult) -> None:
    rows = [json.loads(line) for line in (whole.folder / "metrics.jsonl").read_text().splitlines()]
    assert list(rows[0]) == [
        "step", "tokens", "loss", "bits_per_byte", "lr",
        "grad_norm", "tokens_per_s", "memory_mb", "elapsed_s",
    ]  # fmt: skip
    assert list(rows[-1]) == ["step", "tokens", "elapsed_s", "validation_loss", "validation_bits_per_byte"]


def test_rows_come_when_they_are_due(change: Change, curve: Curve, tmp_path: Path) -> None:
    train(change(log_every=3), tmp_path / "out")
    rows = curve(tmp_path / "out")
    assert [row["step"] for row in rows if "loss" in row] == [1, 3, 6, 8]
    assert [row["step"] for row in rows if "validation_loss" in row] == [4, 8]


def test_the_callback_gets_every_row(config: TrainConfig, tmp_path: Path) -> None:
    rows: list[dict[str, float]] = []
    train(config, tmp_path / "out", on_step=rows.append)
    assert rows == [
        json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()
    ]


def test_tokens_count_the_targets(whole: TrainResult, curve: Curve) -> None:
    assert (curve(whole.folder)[0]["tokens"], whole.tokens) == (4 * 24, 8 * 4 * 24)


def test_bits_per_byte_of_bytes_are_the_loss_in_bits(whole: TrainResult) -> None:
    assert whole.validation_bits_per_byte == pytest.approx(whole.validation_loss / math.log(2))


def test_bits_per_byte_of_bpe_count_the_bytes_of_the_targets(
    change: Change, curve: Curve, tmp_path: Path
) -> None:
    config = change(data_tokenizer="bpe", data_vocab_size=300, model_vocab_size=300)
    train(config, tmp_path / "out")
    data = prepare_text(config.data, tmp_path / "out")
    targets = WindowSampler(data.train, 24, config.seed).batch(0, 4)[:, 1:]
    row = curve(tmp_path / "out")[0]
    expected = row["loss"] * targets.size / math.log(2) / data.tokenizer.byte_lengths[targets].sum()
    assert row["bits_per_byte"] == pytest.approx(expected)


def test_the_seed_decides_everything(
    config: TrainConfig, whole: TrainResult, curve: Curve, tmp_path: Path
) -> None:
    train(config, tmp_path / "again")
    assert curve(tmp_path / "again") == curve(whole.folder)


def test_another_seed_gives_another_run(
    change: Change, whole: TrainResult, curve: Curve, tmp_path: Path
) -> None:
    train(change(seed=1), tmp_path / "other")
    assert curve(tmp_path / "other")[0] != curve(whole.folder)[0]


def test_the_callers_random_state_is_left_alone(config: TrainConfig, tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(config, tmp_path / "out")
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("step", [1, 2, 3, 4, 7, 8], ids=lambda step: f"step{step}")
def test_a_crashed_run_resumes_bit_for_bit(
    step: int, config: TrainConfig, whole: TrainResult, curve: Curve, tmp_path: Path
) -> None:
    with pytest.raises(Crash):
        train(config, tmp_path / "out", on_step=crash_at(step))
    result = train(config, tmp_path / "out")
    assert curve(tmp_path / "out") == curve(whole.folder)
    assert result.resumed_from == (step - 1) // 3 * 3


def test_a_resumed_model_has_the_same_weights(
    config: TrainConfig, whole: TrainResult, tmp_path: Path
) -> None:
    with pytest.raises(Crash):
        train(config, tmp_path / "out", on_step=crash_at(5))
    train(config, tmp_path / "out")
    states = [load_trained(folder)[0].state_dict() for folder in (whole.folder, tmp_path / "out")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_run_that_crashes_again_and_again_still_arrives(
    config: TrainConfig, whole: TrainResult, curve: Curve, tmp_path: Path
) -> None:
    for step in (2, 5, 5, 8):
        with pytest.raises(Crash):
            train(config, tmp_path / "out", on_step=crash_at(step))
    train(config, tmp_path / "out")
    assert curve(tmp_path / "out") == curve(whole.folder)


def test_a_half_written_row_is_replaced(
    config: TrainConfig, whole: TrainResult, curve: Curve, tmp_path: Path
) -> None:
    with pytest.raises(Crash):
        train(config, tmp_path / "out", on_step=crash_at(5))
    with (tmp_path / "out" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 6, "los')
    train(config, tmp_path / "out")
    assert curve(tmp_path / "out") == curve(whole.folder)


def test_a_finished_run_returns_at_once(
    config: TrainConfig, whole: TrainResult, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("longwave.training.loop.open_data", None)
    with caplog.at_level(logging.INFO, "longwave"):
        again = train(config, whole.folder)
    assert again.was_finished
    assert again.validation_loss == whole.validation_loss
    assert "is finished (8 steps)" in caplog.text


def test_a_crash_before_the_export_is_made_up_for(config: TrainConfig, whole: TrainResult) -> None:
    (whole.folder / "model" / "config.json").unlink()
    again = train(config, whole.folder)
    assert (again.resumed_from, again.validation_loss) == (8, whole.validation_loss)
    assert load_trained(whole.folder)[1].vocab_size == 257


def test_ctrl_c_writes_a_checkpoint_and_is_passed_on(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "out", on_step=interrupt_at(5))
    assert (tmp_path / "out" / "checkpoints" / "step-00000005").is_dir()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_signal_waits_for_the_end_of_the_step(
    number: int, config: TrainConfig, whole: TrainResult, curve: Curve, tmp_path: Path
) -> None:
    handlers = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]

    def on_step(row: dict[str, float]) -> None:
        if row["step"] == 5:
            os.kill(os.getpid(), number)

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "out", on_step=on_step)
    assert [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)] == handlers
    assert train(config, tmp_path / "out").resumed_from == 5
    assert curve(tmp_path / "out") == curve(whole.folder)


def test_ctrl_c_in_the_last_step_finishes_the_run(config: TrainConfig, tmp_path: Path) -> None:
    assert train(config, tmp_path / "out", on_step=interrupt_at(8)).step == 8


def test_training_works_in_a_thread(config: TrainConfig, tmp_path: Path) -> None:
    results: list[TrainResult] = []
    worker = threading.Thread(target=lambda: results.append(train(config, tmp_path / "out")))
    worker.start()
    worker.join()
    assert results[0].step == 8


def test_accumulation_gives_the_same_losses(change: Change, curve: Curve, tmp_path: Path) -> None:
    for name, parts in (("one", 1), ("four", 4)):
        train(change(accumulation=parts, model_dropout=0.0), tmp_path / name)
    one, four = (
        [row.get("loss", row.get("validation_loss")) for row in curve(tmp_path / n)] for n in ("one", "four")
    )
    assert four == pytest.approx(one, rel=1e-4)


def test_gradient_checkpointing_gives_the_same_losses(
    change: Change, whole: TrainResult, curve: Curve, tmp_path: Path
) -> None:
    train(change(gradient_checkpointing=True), tmp_path / "out")
    losses = [row["loss"] for row in curve(tmp_path / "out") if "loss" in row]
    assert losses == pytest.approx([row["loss"] for row in curve(whole.folder) if "loss" in row], rel=1e-5)


def test_bfloat16_stays_close_and_keeps_float32_weights(
    change: Change, whole: TrainResult, tmp_path: Path
) -> None:
    result = train(change(precision="bfloat16"), tmp_path / "out")
    assert result.validation_loss == pytest.approx(whole.validation_loss, rel=0.02)
    assert load_trained(tmp_path / "out")[0].embedding.weight.dtype == torch.float32


def test_without_validation_text_there_is_no_validation(change: Change, curve: Curve, tmp_path: Path) -> None:
    result = train(change(data_validation_fraction=0.0), tmp_path / "out")
    assert result.validation_loss is None
    assert all("loss" in row for row in curve(tmp_path / "out"))


def test_more_steps_extend_a_run_whose_schedule_is_fixed(
    change: Change, curve: Curve, tmp_path: Path
) -> None:
    train(change(steps=8, optim_schedule_steps=12), tmp_path / "out")
    extended = train(change(steps=12, optim_schedule_steps=12), tmp_path / "out")
    train(change(steps=12, optim_schedule_steps=12), tmp_path / "straight")
    assert extended.resumed_from == 8
    assert curve(tmp_path / "out") == curve(tmp_path / "straight")


def test_more_steps_without_a_fixed_schedule_are_refused(change: Change, whole: TrainResult) -> None:
    with pytest.raises(
        ConfigError, match=r"steps is 8 there and 12 here\. More steps change the learning rate"
    ):
        train(change(steps=12), whole.folder)


def test_fewer_steps_are_refused(change: Change, tmp_path: Path) -> None:
    train(change(optim_schedule_steps=12), tmp_path / "out")
    with pytest.raises(ConfigError, match="steps is 8 there and 4 here"):
        train(change(steps=4, optim_schedule_steps=12), tmp_path / "out")


def test_an_infinite_loss_ends_the_run_with_advice(change: Change, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"became (nan|inf) at step \d+.*Lower optim.lr"):
        train(change(optim_lr=1e30, optim_clip=0.0, optim_warmup_fraction=0.0), tmp_path / "out")
    assert not list((tmp_path / "out").glob("checkpoints/step-*"))


def test_a_text_shorter_than_a_window_is_refused(change: Change, source: Path, tmp_path: Path) -> None:
    source.write_text("short")
    with pytest.raises(DataError, match="training text has 6 tokens, but one window needs 25"):
        train(change(data_validation_fraction=0.0), tmp_path / "out")


def test_a_validation_text_shorter_than_a_window_is_refused(change: Change, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="validation text has 8 tokens"):
        train(change(data_validation_fraction=0.001), tmp_path / "out")


def test_a_missing_text_is_named(change: Change, tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"gone\.txt"):
        train(change(data_path=str(tmp_path / "gone.txt")), tmp_path / "out")


def test_an_empty_text_is_refused(config: TrainConfig, source: Path, tmp_path: Path) -> None:
    source.write_text("")
    with pytest.raises(DataError, match="holds no text"):
        train(config, tmp_path / "out")


def test_text_that_is_not_utf8_is_refused(config: TrainConfig, source: Path, tmp_path: Path) -> None:
    source.write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match="byte 3 is 0xe9"):
        train(config, tmp_path / "out")


def test_a_model_with_too_few_tokens_is_refused(change: Change, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.vocab_size is 200, but the tokenizer has 257"):
        train(change(model_vocab_size=200), tmp_path / "out")


def test_compilation_is_asked_for_and_changes_no_loss(
    change: Change, whole: TrainResult, curve: Curve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[torch.nn.Module] = []
    monkeypatch.setattr(torch, "compile", lambda model: compiled.append(model) or model)
    train(change(compile=True), tmp_path / "out")
    assert len(compiled) == 1
    assert curve(tmp_path / "out") == curve(whole.folder)
