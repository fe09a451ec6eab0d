"""Every configuration finds its model, in Python, in a file and on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from longwave.config import apply_overrides, load_config, to_dict
from longwave.errors import CheckpointError, ConfigError
from longwave.models import LanguageModel, LanguageModelConfig
from longwave.models.images import ImageClassifier, ImageClassifierConfig, IsotropicConfig, ViTConfig
from longwave.models.pde import (
    FFNO,
    FNO,
    T1,
    FFNOConfig,
    FNOConfig,
    T1Config,
    T1Plus,
    T1PlusConfig,
    UNet,
    UNetConfig,
)
from longwave.models.video import VideoClassifier, VideoClassifierConfig
from longwave.training import TrainConfig, build_model
from longwave.training.models import ask_to_recompute, check_model, load_saved

ENDS = {"in_channels": 1, "out_channels": 1}
MODELS = {
    "t1": (T1Config(**ENDS, resolution=(8, 8), n_modes=(4, 3), d_model=4, n_layers=1, basis="dct"), T1),
    "t1-plus": (T1PlusConfig(**ENDS, resolution=(8, 8), n_modes=(4, 4), channel_exponent=1), T1Plus),
    "fno": (FNOConfig(**ENDS, n_modes=(2, 2), d_model=4, n_layers=1), FNO),
    "ffno": (FFNOConfig(**ENDS, n_modes=(2, 2), d_model=4, n_layers=1), FFNO),
    "unet": (UNetConfig(**ENDS, channel_exponent=1, n_levels=2), UNet),
    "image": (ImageClassifierConfig(trunk=IsotropicConfig(d_model=4, n_layers=1)), ImageClassifier),
    "vit": (
        ImageClassifierConfig(trunk=ViTConfig(patch=4, image_size=8, d_model=4, n_layers=1, n_heads=2)),
        ImageClassifier,
    ),
    "video": (VideoClassifierConfig(trunk=IsotropicConfig(d_model=4, n_layers=1)), VideoClassifier),
    "language": (LanguageModelConfig(vocab_size=9, d_model=4, n_layers=1, max_length=8), LanguageModel),
}
EVERY = pytest.mark.parametrize(("config", "cls"), MODELS.values(), ids=MODELS)


@EVERY
def test_a_configuration_builds_its_model_from_a_seed(config: object, cls: type) -> None:
    one, same, other = (build_model(config, seed=seed).state_dict() for seed in (1, 1, 2))
    assert isinstance(build_model(config), cls)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


@EVERY
def test_a_run_of_any_model_survives_being_written_and_read(config: object, cls: type) -> None:
    del cls
    run = TrainConfig(model=config, steps=3)
    assert load_config(TrainConfig, to_dict(run)) == run


@EVERY
def test_what_was_saved_comes_back_as_what_it_was(config: object, cls: type, tmp_path: Path) -> None:
    model = build_model(config, seed=3)
    model.save_pretrained(tmp_path / "model")
    loaded = load_saved(tmp_path / "model")
    assert isinstance(loaded, cls)
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())


def test_an_override_reaches_a_model_of_fields() -> None:
    run = TrainConfig(model=MODELS["fno"][0], steps=3)
    assert apply_overrides(run, ["model.n_modes=[3, 1]"]).model == FNOConfig(
        **ENDS, n_modes=(3, 1), d_model=4, n_layers=1
    )


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"kind": "t2"}, 'There is no kind "t2". Known: t1, t1-plus, fno, ffno, unet, image, video.'),
        ({"kind": "fno", "basis": "dct"}, 'Unknown key "basis" in FNOConfig'),
        ({"in_channels": 1}, 'Unknown key "in_channels" in LanguageModelConfig'),
    ],
    ids=["unknown-kind", "key-of-another", "no-kind"],
)
def test_a_model_of_no_known_kind_is_refused(values: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told.replace(".", r"\.")):
        load_config(TrainConfig, {"model": values, "steps": 1})


def test_a_model_that_cannot_be_built_is_found_out_without_memory() -> None:
    with pytest.raises(ConfigError, match="mixer"):
        check_model(LanguageModelConfig(vocab_size=9, d_model=4, n_layers=1, max_length=8, mixer="none"))


def test_only_language_models_recompute() -> None:
    language = build_model(MODELS["language"][0])
    ask_to_recompute(language)
    assert language.gradient_checkpointing
    with pytest.raises(ConfigError, match="FNO cannot recompute its layers"):
        ask_to_recompute(build_model(MODELS["fno"][0]))


def test_a_saved_model_of_an_unknown_kind_is_named(tmp_path: Path) -> None:
    build_model(MODELS["fno"][0]).save_pretrained(tmp_path)
    config = tmp_path / "config.json"
    config.write_text(config.read_text().replace("FNOConfig", "GNOConfig"))
    with pytest.raises(CheckpointError, match="GNOConfig"):
        load_saved(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", "{}"], ids=["no-json", "no-mapping", "no-kind"])
def test_a_damaged_configuration_of_a_model_is_named(text: str, tmp_path: Path) -> None:
    build_model(MODELS["fno"][0]).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load_saved(tmp_path)
