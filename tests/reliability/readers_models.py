"""Weights and what lies beside them: saved models, checkpoints, runs, released checkpoints, adapters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from registry import Reader
from safetensors.torch import save_file

from longwave.adapters import ERMAdapter, LinearProbe, load_adapter
from longwave.clients import Request, open_client
from longwave.data import TextDataConfig
from longwave.errors import CheckpointError
from longwave.hf import convert_hyena, read_state_dict
from longwave.mixers import S4NDConfig
from longwave.models import LanguageModel, LanguageModelConfig
from longwave.models.images import ImageClassifierConfig, IsotropicConfig
from longwave.models.pde import FNOConfig
from longwave.training import (
    FieldDataConfig,
    ImageDataConfig,
    TrainConfig,
    load_classifier,
    load_fields,
    load_model,
    load_operator,
    load_trained,
    train,
)
from longwave.training.checkpoints import read_newest
from longwave.training.writers import read_rows

torch.set_num_threads(1)
SMALL = LanguageModelConfig(vocab_size=257, d_model=8, n_layers=1, max_length=16, mixer="long-conv")


def rng() -> np.random.Generator:
    """Return the same numbers for every reader, so that an example is the same whatever runs before it."""
    return np.random.default_rng(0)


def make_model(folder: Path) -> None:
    torch.manual_seed(0)
    LanguageModel(SMALL).save_pretrained(folder)


def run_config(folder: Path, steps: int = 2) -> TrainConfig:
    data = TextDataConfig(path=str(folder / "a.txt"), validation_fraction=0.2)
    return TrainConfig(
        model=SMALL,
        data=data,
        steps=steps,
        batch_size=2,
        device="cpu",
        log_every=1,
        eval_every=1,
        validation_windows=2,
        checkpoint_every=1,
    )


def make_run(folder: Path) -> None:
    (folder / "a.txt").write_text("hello there " * 30)
    train(run_config(folder), folder / "run")


def go_on(folder: Path) -> object:
    """Train on in a folder that is damaged; the settings are those of the folder."""
    return train(run_config(folder), folder / "run")


def answer(folder: Path) -> object:
    client = open_client(f"checkpoint:{folder / 'run'}")
    return client.complete([Request(prompt="hello", max_tokens=2)])


def read_checkpoints(folder: Path) -> object:
    return read_newest(folder / "run" / "checkpoints")


FIELDS = FNOConfig(in_channels=1, out_channels=1, n_modes=(3,), d_model=4, n_layers=1)
PICTURES = ImageClassifierConfig(
    in_channels=1, n_classes=2, trunk=IsotropicConfig(d_model=4, n_layers=1, s4nd=S4NDConfig(d_state=2))
)


def field_config(folder: Path) -> TrainConfig:
    options = {"dt": 0.05}
    data = FieldDataConfig(
        equation="burgers", n_train=3, n_test=2, resolution=16, folder=str(folder / "fields"), options=options
    )
    return TrainConfig(
        model=FIELDS,
        data=data,
        steps=2,
        batch_size=2,
        device="cpu",
        log_every=1,
        eval_every=2,
        checkpoint_every=2,
    )


def picture_config(folder: Path) -> TrainConfig:
    data = ImageDataConfig(source=str(folder / "a.npz"))
    return TrainConfig(
        model=PICTURES,
        data=data,
        steps=2,
        batch_size=2,
        device="cpu",
        log_every=1,
        eval_every=2,
        checkpoint_every=2,
    )


def make_field_run(folder: Path) -> None:
    train(field_config(folder), folder / "run")


def make_picture_run(folder: Path) -> None:
    images = rng().integers(0, 255, (6, 6, 6)).astype(np.uint8)
    np.savez(folder / "a.npz", images=images, labels=np.arange(6) % 2)
    train(picture_config(folder), folder / "run")


def use_operator(folder: Path) -> object:
    return load_operator(folder)[0](torch.ones(1, 1, 16))


def use_classifier(folder: Path) -> object:
    return load_classifier(folder)[0](torch.ones(1, 1, 6, 6))


def make_released(folder: Path) -> None:
    torch.save({"state_dict": {"model.a": torch.zeros(3), "model.b.c": torch.ones(2, 2)}}, folder / "a.pt")


def read_released(path: Path) -> object:
    tensors = read_state_dict(path)
    try:
        return convert_hyena(tensors)
    except CheckpointError as error:  # the tensors have no file
        raise CheckpointError(f"{error} ({path})") from error


def make_adapter(method):
    def make(folder: Path) -> None:
        x = rng().standard_normal((12, 4)).astype(np.float32)
        method(seed=0).fit(
            x, np.arange(12) % 2, class_embeddings=rng().standard_normal((2, 4)).astype(np.float32)
        ).save(folder)

    return make


def use_adapter(folder: Path) -> object:
    return load_adapter(folder).predict(np.ones((3, 4), np.float32))


READERS = (
    Reader(name="saved-model", target="", make=make_model, read=LanguageModel.from_pretrained),
    Reader(name="any-model", target="", make=make_model, read=load_model),
    Reader(name="checkpoints", target="", make=make_run, read=read_checkpoints, spared=("a.txt",)),
    Reader(name="run-taken-up", target="", make=make_run, read=go_on, spared=("a.txt",)),
    Reader(name="trained", target="run", make=make_run, read=load_trained, spared=("a.txt",)),
    Reader(name="answers-of-a-run", target="", make=make_run, read=answer, spared=("a.txt",)),
    Reader(name="metrics", target="run/metrics.jsonl", make=make_run, read=read_rows, spared=("a.txt",)),
    Reader(name="operator", target="run", make=make_field_run, read=use_operator),
    Reader(
        name="simulated-fields",
        target="",
        make=make_field_run,
        read=lambda folder: load_fields(field_config(folder).fields),
    ),
    Reader(
        name="field-run-taken-up",
        target="",
        make=make_field_run,
        read=lambda folder: train(field_config(folder), folder / "run"),
    ),
    Reader(name="classifier", target="run", make=make_picture_run, read=use_classifier, spared=("a.npz",)),
    Reader(
        name="picture-run-taken-up",
        target="",
        make=make_picture_run,
        read=lambda folder: train(picture_config(folder), folder / "run"),
        spared=("a.npz",),
    ),
    Reader(name="released", target="a.pt", make=make_released, read=read_state_dict),
    Reader(
        name="released-safe",
        target="a.safetensors",
        make=lambda folder: save_file({"a": torch.zeros(3), "b": torch.ones(2, 2)}, folder / "a.safetensors"),
        read=read_state_dict,
    ),
    Reader(name="adapter-linear", target="", make=make_adapter(LinearProbe), read=use_adapter),
    Reader(name="adapter-network", target="", make=make_adapter(ERMAdapter), read=use_adapter),
)
