"""Which model a configuration describes: any with a line in the table here trains through the common loop."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import cast

import torch

from longwave.errors import ConfigError
from longwave.models import LanguageModel, LanguageModelConfig
from longwave.models.images import Classifier, ImageClassifier, ImageClassifierConfig
from longwave.models.pde import (
    FFNO,
    FNO,
    T1,
    FFNOConfig,
    FieldModel,
    FNOConfig,
    T1Config,
    T1Plus,
    T1PlusConfig,
    UNet,
    UNetConfig,
)
from longwave.models.video import VideoClassifier, VideoClassifierConfig

__all__ = [
    "ClassifierModelConfig",
    "FieldModelConfig",
    "Model",
    "ModelConfig",
    "ask_to_recompute",
    "build_model",
    "check_model",
    "load_saved",
]

FieldModelConfig = T1Config | T1PlusConfig | FNOConfig | FFNOConfig | UNetConfig
ClassifierModelConfig = ImageClassifierConfig | VideoClassifierConfig
ModelConfig = LanguageModelConfig | FieldModelConfig | ClassifierModelConfig
Model = LanguageModel | FieldModel | Classifier

FIELD_MODELS: Mapping[type[FieldModelConfig], type[FieldModel]] = MappingProxyType(
    {T1Config: T1, T1PlusConfig: T1Plus, FNOConfig: FNO, FFNOConfig: FFNO, UNetConfig: UNet}
)

CLASSIFIERS: Mapping[type[ClassifierModelConfig], type[Classifier]] = MappingProxyType(
    {ImageClassifierConfig: ImageClassifier, VideoClassifierConfig: VideoClassifier}
)
OTHERS: Mapping[type, type[FieldModel | Classifier]] = MappingProxyType({**FIELD_MODELS, **CLASSIFIERS})


def build_model(config: ModelConfig, *, seed: int = 0) -> Model:
    """Build the model that a configuration is of.

    Parameters
    ----------
    config : ModelConfig
    seed : int
        Seeds the initial weights; the global random state is left alone.

    Raises
    ------
    ConfigError
        If its settings do not go together.
    """
    if isinstance(config, LanguageModelConfig):
        return LanguageModel(config, seed=seed)
    build = cast(Callable[..., FieldModel | Classifier], OTHERS[type(config)])
    return build(config, seed=seed)


def check_model(config: ModelConfig) -> None:
    """Find out, without memory, whether a model can be built.

    Raises
    ------
    ConfigError
        If it cannot.
    """
    with torch.device("meta"):
        build_model(config)


def ask_to_recompute(model: Model) -> None:
    """Let a model forget what its blocks computed, and compute it again in the backward pass.

    Raises
    ------
    ConfigError
        If it cannot.
    """
    if not isinstance(model, LanguageModel):
        raise ConfigError(
            f"gradient_checkpointing is set, but {type(model).__name__} cannot recompute its layers; "
            "language models can. Leave it out; more accumulation saves memory as well."
        )
    model.gradient_checkpointing = True


def load_saved(folder: Path, device: str | torch.device = "cpu") -> Model:
    """Load what ``save_pretrained`` of any of the models wrote; it comes in evaluation mode.

    Raises
    ------
    MissingFile
        If there is no such folder.
    CheckpointError
        If a file is missing, damaged, from a newer format or from an unknown kind of model.
    """
    kind = _kind(folder)
    for config, model in OTHERS.items():
        if config.__name__ == kind:
            return model.from_pretrained(folder, device)
    return LanguageModel.from_pretrained(folder, device)


def _kind(folder: Path) -> str:
    """Return what the file says; whoever loads it says what is wrong with it."""
    try:
        return str(json.loads((folder / "config.json").read_text("utf-8"))["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
