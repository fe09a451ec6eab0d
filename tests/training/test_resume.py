"""What may change between two sessions of a run, what may not, and mistakes found before any work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from longwave.errors import ConfigError
from longwave.training import TrainConfig, measure_step_s, pick_device, train
from longwave.training.writers import read_rows

Change = Callable[..., TrainConfig]
Curve = Callable[[Path], list[dict[str, float]]]


class Crash(Exception):
    """Stands for a process that dies."""


def crash_at_5(row: dict[str, float]) -> None:
    if row["step"] == 5:
        raise Crash


@pytest.mark.parametrize(
    "keys",
    [{"checkpoint_every": 1}, {"checkpoint_every": 100}, {"keep_checkpoints": 9}],
    ids=["often", "rarely", "keep-all"],
)
def test_a_run_goes_on_with_another_rhythm_of_checkpoints(
    keys: dict[str, int], change: Change, curve: Curve, tmp_path: Path
) -> None:
    with pytest.raises(Crash):
        train(change(), tmp_path / "out", on_step=crash_at_5)
    assert train(change(**keys), tmp_path / "out").resumed_from == 3
    train(change(), tmp_path / "whole")
    assert curve(tmp_path / "out") == curve(tmp_path / "whole")


def test_the_record_takes_up_the_free_settings(change: Change, tmp_path: Path) -> None:
    with pytest.raises(Crash):
        train(change(), tmp_path / "out", on_step=crash_at_5)
    train(change(checkpoint_every=1), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "run.json").read_text())["config"]["checkpoint_every"] == 1


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"log_every": 2}, "log_every is 1 there and 2 here"),
        ({"eval_every": 2}, "eval_every is 4 there and 2 here"),
        ({"batch_size": 8}, "batch_size is 4 there and 8 here"),
        ({"accumulation": 2}, "accumulation is 1 there and 2 here"),
        ({"precision": "bfloat16"}, 'precision is "float32" there and "bfloat16" here'),
        ({"model_dropout": 0.2}, r"model\.dropout is 0\.1 there and 0\.2 here"),
        ({"model_mixer": "attention"}, r'model\.mixer is "hyena" there and "attention" here'),
        ({"model_mixer_options": {"order": 3}}, r"model\.mixer_options.* here"),
        ({"optim_betas": (0.9, 0.9)}, r"optim\.betas is \[0\.9, 0\.98\] there and \[0\.9, 0\.9\] here"),
        ({"optim_schedule_steps": 8}, r"optim\.schedule_steps is null there and 8 here"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_setting_with_influence_may_not_change(
    keys: dict[str, object], told: str, change: Change, tmp_path: Path
) -> None:
    train(change(steps=1), tmp_path / "out")
    with pytest.raises(ConfigError, match=told):
        train(change(steps=1, **keys), tmp_path / "out")


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"model_mixer": "hyenna"}, 'hyenna.*"?hyena'),
        ({"model_mixer_options": {"ordr": 3}}, "ordr.*order"),
        ({"model_mixer": "attention", "model_mixer_options": {"n_heads": 3}}, "n_heads is 3"),
        ({"model_mixer": "attention", "model_mixer_options": {"is_causal": False}}, "looks ahead"),
    ],
    ids=["mixer", "option", "heads", "direction"],
)
def test_a_model_that_cannot_be_built_is_refused_before_the_text_is_read(
    keys: dict[str, object], told: str, change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("longwave.training.text.prepare_text", None)
    with pytest.raises(ConfigError, match=told):
        train(change(**keys), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_whose_model_could_not_be_built_is_free_for_the_right_one(
    change: Change, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError):
        train(change(model_mixer="hyenna"), tmp_path / "out")
    assert train(change(steps=1), tmp_path / "out").step == 1


def test_a_validation_that_overflows_ends_the_run_with_advice(change: Change, tmp_path: Path) -> None:
    wild = {"optim_lr": 1e30, "optim_clip": 0.0, "optim_warmup_fraction": 0.0}
    with pytest.raises(ConfigError, match=r"validation loss became (nan|inf) at step 1; .*Lower optim\.lr"):
        train(change(eval_every=1, **wild), tmp_path / "out")


@pytest.mark.parametrize("tail", [b"\0" * 20, b"\xff\xfe", b'{"step"'], ids=["zeros", "noise", "half"])
def test_what_a_power_cut_leaves_behind_the_rows_is_replaced(
    tail: bytes, config: TrainConfig, curve: Curve, tmp_path: Path
) -> None:
    with pytest.raises(Crash):
        train(config, tmp_path / "out", on_step=crash_at_5)
    with (tmp_path / "out" / "metrics.jsonl").open("ab") as file:
        file.write(tail)
    train(config, tmp_path / "out")
    train(config, tmp_path / "whole")
    assert curve(tmp_path / "out") == curve(tmp_path / "whole")


@pytest.mark.parametrize("text", ['"8"', "null", "[8]"], ids=["text", "null", "list"])
def test_a_result_whose_step_is_no_number_is_written_again(
    text: str, config: TrainConfig, tmp_path: Path
) -> None:
    train(config, tmp_path / "out")
    path = tmp_path / "out" / "result.json"
    path.write_text(path.read_text().replace('"step": 8', f'"step": {text}'))
    assert not train(config, tmp_path / "out").was_finished
    assert json.loads(path.read_text())["step"] == 8


def test_lost_metrics_do_not_keep_a_run_from_going_on(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(Crash):
        train(config, tmp_path / "out", on_step=crash_at_5)
    (tmp_path / "out" / "metrics.jsonl").unlink()
    train(config, tmp_path / "out")
    steps = [row["step"] for row in read_rows(tmp_path / "out" / "metrics.jsonl") if "loss" in row]
    assert steps == [4, 5, 6, 7, 8]


def test_training_time_adds_up_over_sessions(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(Crash):
        train(config, tmp_path / "out", on_step=crash_at_5)
    train(config, tmp_path / "out")
    times = [row["elapsed_s"] for row in read_rows(tmp_path / "out" / "metrics.jsonl")]
    assert times == sorted(times)


@pytest.mark.parametrize("seed", [2**64, 2**80], ids=["2^64", "2^80"])
def test_a_seed_that_no_generator_takes_is_refused(seed: int, change: Change) -> None:
    with pytest.raises(ConfigError, match=rf'"seed" is {seed}; accepted is 0 to 2\^64 - 1'):
        change(seed=seed)


def test_the_largest_seed_trains(change: Change, tmp_path: Path) -> None:
    assert train(change(seed=2**64 - 1, steps=1), tmp_path / "out").step == 1


@pytest.mark.parametrize("repeats", [0, -1])
def test_timing_nothing_is_refused(repeats: int, config: TrainConfig) -> None:
    with pytest.raises(ConfigError, match=f'"repeats" is {repeats}; accepted is 1 or more'):
        measure_step_s(config, repeats=repeats)


@pytest.mark.parametrize(
    ("name", "rank", "expected"),
    [("auto", 0, "cuda:0"), ("auto", 3, "cuda:3"), ("cuda", 1, "cuda:1"), ("cuda:2", 1, "cuda:2")],
)
def test_each_process_gets_its_own_gpu_unless_one_is_named(
    name: str, rank: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert str(pick_device(name, rank)) == expected
