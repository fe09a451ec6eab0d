"""Folders: bit for bit, without pickle, and one folder for both worlds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from longwave.errors import CheckpointError, ConfigError
from longwave.hf import LongwaveForCausalLM
from longwave.models import LanguageModel

Make = Callable[..., LongwaveForCausalLM]
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)


@DTYPES
def test_a_saved_model_comes_back_bit_for_bit(
    kind: str, tiny: Make, ids: Tensor, tmp_path: Path, dtype: torch.dtype
) -> None:
    model = tiny(kind).to(dtype)
    model.save_pretrained(tmp_path)
    loaded = LongwaveForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(loaded(ids).logits, model(ids).logits)
    assert loaded.dtype == dtype


@DTYPES
def test_longwave_reads_the_folder(
    kind: str, tiny: Make, ids: Tensor, tmp_path: Path, dtype: torch.dtype
) -> None:
    model = tiny(kind).to(dtype)
    model.save_pretrained(tmp_path)
    assert torch.equal(LanguageModel.from_pretrained(tmp_path)(ids), model(ids).logits)


@DTYPES
def test_a_folder_of_longwave_is_read(
    kind: str, tiny: Make, ids: Tensor, tmp_path: Path, dtype: torch.dtype
) -> None:
    model = tiny(kind).model.to(dtype)
    model.save_pretrained(tmp_path)
    assert torch.equal(LongwaveForCausalLM.from_pretrained(tmp_path)(ids).logits, model(ids))


def test_the_automatic_class_finds_it(tiny: Make, ids: Tensor, tmp_path: Path) -> None:
    model = tiny()
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert isinstance(loaded, LongwaveForCausalLM)
    assert torch.equal(loaded(ids).logits, model(ids).logits)


def test_the_automatic_class_makes_a_new_one(tiny: Make) -> None:
    assert isinstance(AutoModelForCausalLM.from_config(tiny().config), LongwaveForCausalLM)


def test_settings_of_generation_travel_along(tiny: Make, tmp_path: Path) -> None:
    model = tiny()
    model.generation_config.eos_token_id = 7
    model.save_pretrained(tmp_path)
    assert LongwaveForCausalLM.from_pretrained(tmp_path).generation_config.eos_token_id == 7


def test_another_type_is_loaded_on_request(tiny: Make, ids: Tensor, tmp_path: Path) -> None:
    model = tiny()
    model.save_pretrained(tmp_path)
    loaded = LongwaveForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    assert torch.equal(loaded(ids).logits, model.to(torch.bfloat16)(ids).logits)


def test_files_hold_the_names_of_longwave(tiny: Make, tmp_path: Path) -> None:
    model = tiny()
    model.save_pretrained(tmp_path)
    assert load_file(tmp_path / "model.safetensors").keys() == model.model.state_dict().keys()


def test_nothing_is_pickled(tiny: Make, tmp_path: Path) -> None:
    tiny().save_pretrained(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"config.json", "generation_config.json", "model.safetensors"}


def test_pickled_weights_are_not_read(tiny: Make, tmp_path: Path) -> None:
    model = tiny()
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        LongwaveForCausalLM.from_pretrained(tmp_path)


def test_asking_for_pickled_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="read from safetensors only"):
        LongwaveForCausalLM.from_pretrained(tmp_path, use_safetensors=False)


def _without_first(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return dict(list(tensors.items())[1:])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(_without_first, "1 missing", id="missing"),
        pytest.param(lambda t: t | {"extra": torch.ones(1)}, "1 unknown, first extra", id="unknown"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    tiny: Make, tmp_path: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]], says: str
) -> None:
    tiny().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    save_file(change(load_file(path)), path, {"format": "pt"})
    with pytest.raises(CheckpointError, match=says):
        LongwaveForCausalLM.from_pretrained(tmp_path)


def test_weights_of_another_shape_are_refused(tiny: Make, tmp_path: Path) -> None:
    tiny().save_pretrained(tmp_path)
    record = json.loads((tmp_path / "config.json").read_text("utf-8"))
    record["config"]["d_mlp"] = 24
    (tmp_path / "config.json").write_text(json.dumps(record), "utf-8")
    with pytest.raises(RuntimeError, match=r"size mismatch|mismatched"):
        LongwaveForCausalLM.from_pretrained(tmp_path)


@pytest.mark.parametrize("prefix", ["", "model."], ids=["of-files", "of-the-model"])
def test_weights_load_under_either_name(tiny: Make, ids: Tensor, prefix: str) -> None:
    source, target = tiny(), LongwaveForCausalLM(tiny().config, seed=99).eval()
    target.load_state_dict({prefix + name: t for name, t in source.model.state_dict().items()})
    assert torch.equal(target(ids).logits, source(ids).logits)
