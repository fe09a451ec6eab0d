"""Every file of a checkpoint, damaged in every way: noticed, set aside, and the one before it used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from longwave.data import TextDataConfig
from longwave.errors import CheckpointError
from longwave.models import LanguageModelConfig
from longwave.training import TrainConfig, load_trained, train
from longwave.training.checkpoints import _fingerprint, read_checkpoint, read_newest

Curve = Callable[[Path], list[dict[str, float]]]
FILES = ("model.safetensors", "optimizer.safetensors", "state.json")


def truncate(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path, other: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path, other: Path) -> None:
    path.unlink()


def lengthen(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")


def zero_the_end(path: Path, other: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-8] + bytes(8))


def swap(path: Path, other: Path) -> None:
    shutil.copy(other / path.name, path)


def become_a_folder(path: Path, other: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = (truncate, empty, remove, lengthen, zero_the_end, swap, become_a_folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainConfig, Path]:
    """Return a finished run with checkpoints at steps 2 and 4; not to be written to."""
    root = tmp_path_factory.mktemp("finished")
    (root / "text.txt").write_text("the cat sat on the mat. " * 100)
    config = TrainConfig(
        model=LanguageModelConfig(vocab_size=257, d_model=8, n_layers=1, max_length=16),
        data=TextDataConfig(path=str(root / "text.txt")),
        steps=4,
        batch_size=2,
        device="cpu",
        log_every=1,
        checkpoint_every=2,
    )
    train(config, root / "run")
    return config, root / "run"


@pytest.fixture
def run(finished: tuple[TrainConfig, Path], tmp_path: Path) -> tuple[TrainConfig, Path]:
    """Return a copy of the run that is not exported yet."""
    config, folder = finished
    shutil.copytree(folder, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "model")
    (tmp_path / "run" / "result.json").unlink()
    return config, tmp_path / "run"


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", FILES)
def test_a_run_goes_back_one_checkpoint_and_ends_the_same(
    name: str,
    damage: Callable[[Path, Path], None],
    run: tuple[TrainConfig, Path],
    finished: tuple[TrainConfig, Path],
    curve: Curve,
) -> None:
    config, folder = run
    checkpoints = folder / "checkpoints"
    damage(checkpoints / "step-00000004" / name, checkpoints / "step-00000002")
    result = train(config, folder)
    assert result.resumed_from == 2
    assert curve(folder) == curve(finished[1])


@pytest.mark.parametrize("name", FILES)
def test_without_a_whole_checkpoint_the_run_says_what_to_do(name: str, run: tuple[TrainConfig, Path]) -> None:
    config, folder = run
    for step in (2, 4):
        (folder / "checkpoints" / f"step-{step:08d}" / name).write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"None of the 2 checkpoints .* Delete the folder .*run"):
        train(config, folder)


def test_model_and_optimizer_exchanged_are_noticed(run: tuple[TrainConfig, Path]) -> None:
    newest = run[1] / "checkpoints" / "step-00000004"
    (newest / FILES[0]).rename(newest / "x")
    (newest / FILES[1]).rename(newest / FILES[0])
    (newest / "x").rename(newest / FILES[1])
    with pytest.raises(CheckpointError, match="size or CRC-32 differ"):
        read_checkpoint(newest)


@pytest.mark.parametrize("key", ["schema", "step", "windows", "elapsed_s", "seed", "run_hash", "files"])
def test_a_state_without_a_key_is_damaged(key: str, run: tuple[TrainConfig, Path]) -> None:
    path = run[1] / "checkpoints" / "step-00000004" / "state.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != key}))
    with pytest.raises(CheckpointError, match=f"is damaged.*{key}"):
        read_checkpoint(path.parent)


@pytest.mark.parametrize("text", ["[]", "3", "null", '{"schema": 1, "files": 3}', "\ufeff{}"], ids=repr)
def test_a_state_of_another_form_is_damaged(text: str, run: tuple[TrainConfig, Path]) -> None:
    path = run[1] / "checkpoints" / "step-00000004" / "state.json"
    path.write_text(text)
    with pytest.raises(CheckpointError, match="is damaged"):
        read_checkpoint(path.parent)


def test_a_folder_that_is_no_checkpoint_is_set_aside(run: tuple[TrainConfig, Path]) -> None:
    (run[1] / "checkpoints" / "step-copy").mkdir()
    assert read_newest(run[1] / "checkpoints").progress.step == 4
    assert (run[1] / "checkpoints" / "damaged-step-copy").is_dir()


def test_a_file_among_the_checkpoints_is_passed_over(run: tuple[TrainConfig, Path]) -> None:
    (run[1] / "checkpoints" / "step-99999999").write_text("")
    assert read_newest(run[1] / "checkpoints").progress.step == 4


def test_a_checkpoint_damaged_twice_is_set_aside_again(run: tuple[TrainConfig, Path]) -> None:
    config, folder = run
    resumed = []
    for _ in range(2):
        empty(folder / "checkpoints" / "step-00000004" / FILES[0], folder)
        resumed.append(train(config, folder).resumed_from)
        shutil.rmtree(folder / "model")
    assert resumed == [2, 2]
    assert (folder / "checkpoints" / "damaged-step-00000004").is_dir()


def test_the_trained_model_comes_from_the_checkpoint_before_a_damaged_one(
    run: tuple[TrainConfig, Path],
) -> None:
    checkpoints = run[1] / "checkpoints"
    older = load_file(checkpoints / "step-00000002" / FILES[0])["embedding.weight"]
    empty(checkpoints / "step-00000004" / FILES[0], checkpoints)
    assert torch.equal(load_trained(run[1])[0].embedding.weight, older)


def test_weights_of_another_precision_are_loaded_into_the_models_own(
    run: tuple[TrainConfig, Path],
) -> None:
    newest = run[1] / "checkpoints" / "step-00000004"
    weights = load_file(newest / FILES[0])
    save_file({name: t.double() for name, t in weights.items()}, newest / FILES[0])
    state = json.loads((newest / FILES[2]).read_text())
    state["files"][FILES[0]] = _fingerprint(newest / FILES[0])
    (newest / FILES[2]).write_text(json.dumps(state))
    loaded = load_trained(run[1])[0].embedding.weight
    assert torch.equal(loaded, weights["embedding.weight"])
