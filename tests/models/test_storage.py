"""Saved models of every precision and kind come back; places and files that cannot work are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from longwave.errors import CheckpointError, StorageError
from longwave.models import LanguageModel, LanguageModelConfig

Tiny = Callable[..., LanguageModelConfig]
Lively = Callable[..., LanguageModel]
DTYPES = pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)


@DTYPES
def test_a_model_comes_back_in_the_precision_it_was_saved_in(
    dtype: torch.dtype, kind: str, lively: Lively, tmp_path: Path
) -> None:
    lively(kind, dtype).save_pretrained(tmp_path)
    loaded = LanguageModel.from_pretrained(tmp_path)
    assert {p.dtype for p in loaded.parameters()} == {dtype}


@DTYPES
def test_a_loaded_model_of_any_precision_decodes_as_it_reads(
    dtype: torch.dtype, lively: Lively, ids: Tensor, tmp_path: Path
) -> None:
    lively("hybrid", dtype).save_pretrained(tmp_path)
    model = LanguageModel.from_pretrained(tmp_path).double()
    logits, _ = model.prefill(ids, model.init_state(3))
    torch.testing.assert_close(logits, model(ids), rtol=1e-9, atol=1e-9)


def test_half_the_precision_changes_little(lively: Lively, ids: Tensor, tmp_path: Path) -> None:
    model = lively("hybrid")
    full = model(ids)
    model.to(torch.bfloat16).save_pretrained(tmp_path)
    half = LanguageModel.from_pretrained(tmp_path).float()(ids)
    assert (half - full).norm() < 0.05 * full.norm()


def test_saving_and_loading_twice_changes_no_weight(lively: Lively, kind: str, tmp_path: Path) -> None:
    lively(kind).save_pretrained(tmp_path / "one")
    LanguageModel.from_pretrained(tmp_path / "one").save_pretrained(tmp_path / "two")
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    torch.testing.assert_close(one, two, rtol=0, atol=0)


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_that_is_no_folder_is_a_storage_error(place: str, tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match=r"Cannot write .*model\.safetensors.*choose another folder"):
        LanguageModel(tiny()).save_pretrained(tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("config", [[], None, "recipe.yaml", 3], ids=repr)
def test_a_configuration_that_is_no_mapping_is_refused(config: object, tiny: Tiny, tmp_path: Path) -> None:
    LanguageModel(tiny()).save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"config": config}))
    with pytest.raises(CheckpointError, match=r"config\.json.*Save the model again"):
        LanguageModel.from_pretrained(tmp_path)


def test_weights_without_a_note_of_their_configuration_still_load(
    lively: Lively, ids: Tensor, tmp_path: Path
) -> None:
    model = lively()
    model.save_pretrained(tmp_path)
    save_file(load_file(tmp_path / "model.safetensors"), tmp_path / "model.safetensors")
    assert torch.equal(LanguageModel.from_pretrained(tmp_path)(ids), model(ids))


def test_the_output_layer_follows_the_embedding_through_a_change(tiny: Tiny, ids: Tensor) -> None:
    model = LanguageModel(tiny()).eval()
    seen = ids.clamp(max=35)
    before = model(seen)
    with torch.no_grad():
        model.embedding.weight[36] *= 3  # a token that is predicted and never read
    torch.testing.assert_close(model(seen)[..., 36], 3 * before[..., 36])


@pytest.mark.parametrize("layers", [(), (0,), (1,), (0, 1)], ids=str)
def test_attention_stands_in_the_layers_that_were_named(layers: tuple[int, ...], tiny: Tiny) -> None:
    model = LanguageModel(tiny(attention_layers=layers))
    found = [i for i, block in enumerate(model.blocks) if type(block.mixer).__name__ == "Attention"]
    assert found == list(layers)


def test_dropout_keeps_the_expected_residual(tiny: Tiny, seed: int) -> None:
    model = LanguageModel(tiny(embedding_dropout=0.25))
    torch.manual_seed(seed)
    dropped = model.embedding_dropout(torch.ones(200_000))
    assert dropped.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64], ids=str)
def test_ids_of_either_width_give_the_same_logits(dtype: torch.dtype, lively: Lively, ids: Tensor) -> None:
    model = lively()
    assert torch.equal(model(ids.to(dtype)), model(ids))


def test_prompts_of_either_width_generate_the_same(lively: Lively, ids: Tensor) -> None:
    model = lively()
    wide, narrow = (model.generate(i, max_new_tokens=5, stop_ids=(3,)) for i in (ids, ids.int()))
    assert torch.equal(wide, narrow)
