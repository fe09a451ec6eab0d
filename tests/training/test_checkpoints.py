"""Checkpoints are whole or absent; a damaged one is noticed and the one before it is used."""

from __future__ import annotations

import errno
import json
import logging
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from longwave.errors import CheckpointError, StorageError
from longwave.training import TrainConfig, train
from longwave.training import checkpoints as checkpoints_module
from longwave.training.checkpoints import (
    Progress,
    collect,
    list_checkpoints,
    read_newest,
    restore,
    write_checkpoint,
)

Damage = Callable[[Path], None]


def progress(step: int, run_hash: str = "run") -> Progress:
    return Progress(step=step, windows=step * 4, elapsed_s=1.5, seed=0, run_hash=run_hash)


def make(seed: int = 0, *, width: int = 3) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Return a model and an optimiser that has seen one update."""
    torch.manual_seed(seed)
    model = nn.Linear(width, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)
    model(torch.randn(4, width)).sum().backward()
    optimizer.step()
    return model, optimizer


def save(root: Path, *steps: int, keep: int = 9, run_hash: str = "run") -> None:
    for step in steps:
        write_checkpoint(root, progress(step, run_hash), *collect(*make(step)), keep=keep)


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def flip_a_bit(folder: Path) -> None:
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)


def cut(folder: Path) -> None:
    path = folder / "optimizer.safetensors"
    path.write_bytes(path.read_bytes()[:-5])


def lose(folder: Path) -> None:
    (folder / "optimizer.safetensors").unlink()


def break_state(folder: Path) -> None:
    (folder / "state.json").write_text("{")


def age(folder: Path) -> None:
    path = folder / "state.json"
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 9'))


DAMAGES = pytest.mark.parametrize(
    "damage", [flip_a_bit, cut, lose, break_state, age], ids=["bit", "cut", "lost", "state", "newer"]
)


def test_model_and_optimizer_come_back_exactly(tmp_path: Path) -> None:
    model, optimizer = make(1)
    write_checkpoint(tmp_path, progress(5), *collect(model, optimizer), keep=1)
    other, other_optimizer = make(2)
    restore(other, other_optimizer, read_newest(tmp_path))
    for (_, a), (_, b) in zip(model.named_parameters(), other.named_parameters(), strict=True):
        assert torch.equal(a, b)
        for key in ("step", "exp_avg", "exp_avg_sq"):
            assert torch.equal(optimizer.state[a][key], other_optimizer.state[b][key])


def test_progress_comes_back_exactly(tmp_path: Path) -> None:
    save(tmp_path, 7)
    assert read_newest(tmp_path).progress == progress(7)


def test_nothing_in_a_checkpoint_is_a_pickle(tmp_path: Path) -> None:
    save(tmp_path, 7)
    assert names(tmp_path / "step-00000007") == ["model.safetensors", "optimizer.safetensors", "state.json"]


def test_without_checkpoints_there_is_none(tmp_path: Path) -> None:
    assert read_newest(tmp_path / "gone") is None


def test_the_newest_is_read(tmp_path: Path) -> None:
    save(tmp_path, 9, 10, 100)
    assert read_newest(tmp_path).progress.step == 100


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    save(tmp_path, 1, 2, 3, 4, keep=2)
    assert names(tmp_path) == ["step-00000003", "step-00000004"]


def test_a_checkpoint_can_be_written_again(tmp_path: Path) -> None:
    save(tmp_path, 3, 3)
    assert read_newest(tmp_path).progress.step == 3


@DAMAGES
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    damage: Damage, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, 3, 6)
    damage(tmp_path / "step-00000006")
    with caplog.at_level(logging.WARNING, "longwave"):
        assert read_newest(tmp_path, "run").progress.step == 3
    assert "step-00000006" in caplog.text
    assert names(tmp_path) == ["damaged-step-00000006", "step-00000003"]


@DAMAGES
def test_without_a_whole_checkpoint_there_is_an_error(damage: Damage, tmp_path: Path) -> None:
    save(tmp_path, 3, 6)
    for folder in list_checkpoints(tmp_path):
        damage(folder)
    with pytest.raises(CheckpointError, match="None of the 2 checkpoints"):
        read_newest(tmp_path)


def test_an_unfinished_checkpoint_is_no_checkpoint(tmp_path: Path) -> None:
    save(tmp_path, 3)
    (tmp_path / "step-00000003").rename(tmp_path / ".tmp-step-00000003")
    assert read_newest(tmp_path) is None


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    save(tmp_path, 3, run_hash="theirs")
    with pytest.raises(CheckpointError, match=r"belongs to another run \(hash theirs, not ours\)"):
        read_newest(tmp_path, "ours")


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    save(tmp_path, 3)
    with pytest.raises(CheckpointError, match="does not fit the model at weight"):
        restore(*make(width=5), read_newest(tmp_path))


def test_a_full_disk_keeps_the_previous_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(tensors: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    save(tmp_path, 3, keep=1)
    monkeypatch.setattr(checkpoints_module, "save_file", fill)
    with pytest.raises(StorageError, match=r"No space left on device.*previous checkpoint"):
        save(tmp_path, 6, keep=1)
    assert (names(tmp_path), read_newest(tmp_path).progress.step) == (["step-00000003"], 3)


def test_a_write_that_the_system_cuts_short_is_a_storage_error(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(StorageError, match="File too large"):
            save(tmp_path, 6)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(tmp_path) == []


def test_a_full_disk_in_a_run_loses_only_what_was_not_saved(
    config: TrainConfig, curve: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_at_6(tensors: object, path: Path) -> None:
        if "00000006" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        save_file(tensors, path)

    save_file = checkpoints_module.save_file
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints_module, "save_file", fill_at_6)
        with pytest.raises(StorageError):
            train(config, tmp_path / "out")
    assert train(config, tmp_path / "out").resumed_from == 3
    train(config, tmp_path / "whole")
    assert curve(tmp_path / "out") == curve(tmp_path / "whole")


def test_a_run_with_a_damaged_checkpoint_still_repeats_itself(
    config: TrainConfig, curve: Callable[[Path], object], tmp_path: Path
) -> None:
    train(config, tmp_path / "whole")
    train(config, tmp_path / "out")
    (tmp_path / "out" / "result.json").unlink()
    flip_a_bit(tmp_path / "out" / "checkpoints" / "step-00000008")
    assert train(config, tmp_path / "out").resumed_from == 6
    assert curve(tmp_path / "out") == curve(tmp_path / "whole")


def test_the_state_says_where_the_data_stand(config: TrainConfig, tmp_path: Path) -> None:
    train(config, tmp_path / "out")
    state = json.loads((tmp_path / "out" / "checkpoints" / "step-00000006" / "state.json").read_text())
    assert (state["step"], state["windows"], state["seed"]) == (6, 24, 0)
