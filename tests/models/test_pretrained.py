from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from longwave.config import write_json
from longwave.errors import CheckpointError, MissingFile, StorageError
from longwave.models import LanguageModel, LanguageModelConfig

Tiny = Callable[..., LanguageModelConfig]


@pytest.fixture
def saved(tiny: Tiny, tmp_path: Path) -> Path:
    """Return the folder of a saved hybrid."""
    LanguageModel(tiny(), seed=1).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    record = json.loads(path.read_text("utf-8"))
    write_json(path, record | changes)


def edit_weights(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    """Rewrite the weights under the hash they had."""
    path = folder / "model.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(change(load_file(path)), path, metadata)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_loading_gives_bitwise_equal_logits(
    kind: str, tiny: Tiny, tmp_path: Path, ids: Tensor, dtype: torch.dtype
) -> None:
    model = LanguageModel(tiny(kind), seed=7).to(dtype).eval()
    model.save_pretrained(tmp_path)
    loaded = LanguageModel.from_pretrained(tmp_path)
    assert torch.equal(loaded(ids), model(ids))
    assert loaded.config == model.config


def test_a_loaded_model_is_ready_to_answer_and_to_train(saved: Path, ids: Tensor) -> None:
    loaded = LanguageModel.from_pretrained(str(saved))
    assert not loaded.training
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def test_the_shared_embedding_is_stored_once(saved: Path, tiny: Tiny) -> None:
    tensors = load_file(saved / "model.safetensors")
    assert tensors.keys() == LanguageModel(tiny()).state_dict().keys()
    assert sum(t.shape == (40, 16) for t in tensors.values()) == 1


def test_saving_leaves_only_the_two_files(saved: Path) -> None:
    assert sorted(p.name for p in saved.iterdir()) == ["config.json", "model.safetensors"]


def test_saving_again_replaces_the_model(saved: Path, tiny: Tiny, ids: Tensor) -> None:
    other = LanguageModel(tiny("attention"), seed=2).eval()
    other.save_pretrained(saved)
    assert torch.equal(LanguageModel.from_pretrained(saved)(ids), other(ids))


def test_a_full_disk_keeps_the_old_model(
    saved: Path, tiny: Tiny, ids: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = LanguageModel.from_pretrained(saved)(ids)

    def full(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("longwave.models._pretrained.save_file", full)
    with pytest.raises(StorageError, match=r"Cannot write .*No space left"):
        LanguageModel(tiny(), seed=9).save_pretrained(saved)
    assert torch.equal(LanguageModel.from_pretrained(saved)(ids), before)
    assert not list(saved.glob("*.tmp"))


def test_a_checkpoint_that_lacks_a_later_setting_still_loads(saved: Path, ids: Tensor) -> None:
    # What an older version wrote: no such key, and the hash of the configuration without it.
    from longwave.config import config_hash

    config = json.loads((saved / "config.json").read_text("utf-8"))["config"]
    del config["embedding_dropout"]
    edit_config(saved, config=config)
    weights = load_file(saved / "model.safetensors")
    save_file(weights, saved / "model.safetensors", {"longwave_config": config_hash(config)})
    assert LanguageModel.from_pretrained(saved)(ids).isfinite().all()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r'No folder ".*nowhere"'):
        LanguageModel.from_pretrained(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(CheckpointError, match=f"holds no {name}"):
        LanguageModel.from_pretrained(saved)


@pytest.mark.parametrize("size", [0, 5, 200, -1], ids=lambda n: f"to{n}")
def test_truncated_weights_are_refused(saved: Path, size: int) -> None:
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CheckpointError, match="is damaged or incomplete"):
        LanguageModel.from_pretrained(saved)


@pytest.mark.parametrize("text", ["", '{"format": 1', "[]", "{}", '"text"'])
def test_a_damaged_config_is_refused(saved: Path, text: str) -> None:
    (saved / "config.json").write_text(text, "utf-8")
    with pytest.raises(CheckpointError, match="is not the configuration of a model"):
        LanguageModel.from_pretrained(saved)


def test_a_config_that_is_no_text_is_refused(saved: Path) -> None:
    (saved / "config.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CheckpointError, match="is not the configuration of a model"):
        LanguageModel.from_pretrained(saved)


def test_a_newer_format_asks_for_an_upgrade(saved: Path) -> None:
    edit_config(saved, format=2)
    with pytest.raises(CheckpointError, match=r"has format 2; .* reads formats up to 1\. Upgrade longwave"):
        LanguageModel.from_pretrained(saved)


def test_another_kind_of_model_is_refused(saved: Path) -> None:
    edit_config(saved, kind="ImageClassifierConfig")
    with pytest.raises(CheckpointError, match='of kind "ImageClassifierConfig", not "LanguageModelConfig"'):
        LanguageModel.from_pretrained(saved)


def test_an_unknown_setting_is_refused(saved: Path) -> None:
    edit_config(saved, config={"vocab_size": 37, "wings": 2})
    with pytest.raises(CheckpointError, match='cannot be used: Unknown key "wings"'):
        LanguageModel.from_pretrained(saved)


def test_weights_of_another_save_are_refused(saved: Path, tiny: Tiny, tmp_path: Path) -> None:
    LanguageModel(tiny("attention")).save_pretrained(tmp_path / "other")
    (tmp_path / "other" / "model.safetensors").replace(saved / "model.safetensors")
    with pytest.raises(CheckpointError, match="were saved with another configuration"):
        LanguageModel.from_pretrained(saved)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: {k: v for k, v in t.items() if k != "norm.bias"}, "missing: norm.bias"),
        (lambda t: t | {"extra": torch.ones(1)}, "unknown: extra"),
        (
            lambda t: t | {"norm.bias": torch.ones(3)},
            r"of another shape: norm.bias \(3,\) instead of \(16,\)",
        ),
        (lambda t: {f"module.{k}": v for k, v in t.items()}, r"missing: .* and \d+ more; unknown: "),
    ],
    ids=["missing", "unknown", "shape", "many"],
)
def test_weights_that_do_not_fit_are_told(saved: Path, change: Callable, told: str) -> None:
    edit_weights(saved, change)
    with pytest.raises(CheckpointError, match=f"do not fit their config.json .*{told}"):
        LanguageModel.from_pretrained(saved)
