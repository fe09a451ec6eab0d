"""A run so small that it trains in a second: a two-layer model on three pages of text."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from longwave.data import TextDataConfig
from longwave.mixers import S4NDConfig
from longwave.models import LanguageModelConfig
from longwave.models.images import ImageClassifierConfig, IsotropicConfig
from longwave.models.pde import FNOConfig, T1Config
from longwave.samples import sample_path
from longwave.training import FieldDataConfig, ImageDataConfig, OptimConfig, TrainConfig

TIMES = ("tokens_per_s", "samples_per_s", "memory_mb", "elapsed_s")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a text file of 8 kB."""
    (tmp_path / "text.txt").write_text(sample_path("books/train.txt").read_text("utf-8")[:8000])
    return tmp_path / "text.txt"


@pytest.fixture
def config(source: Path) -> TrainConfig:
    """Return a run of 8 steps with dropout, two validations and a checkpoint every 3 steps."""
    return TrainConfig(
        model=LanguageModelConfig(vocab_size=257, d_model=16, n_layers=2, max_length=24, dropout=0.1),
        data=TextDataConfig(path=str(source), validation_fraction=0.1),
        optim=OptimConfig(lr=3e-3, warmup_fraction=0.25),
        steps=8,
        batch_size=4,
        device="cpu",
        log_every=1,
        eval_every=4,
        validation_windows=5,
        checkpoint_every=3,
    )


@pytest.fixture
def change(config: TrainConfig) -> Callable[..., TrainConfig]:
    """Return a function that changes keys of the run; ``optim_``, ``data_`` and ``model_`` reach inside."""

    def changed(**keys: object) -> TrainConfig:
        inner: dict[str, dict[str, object]] = {}
        plain = {}
        for key, value in keys.items():
            part, _, rest = key.partition("_")
            if part in ("optim", "data", "model"):
                inner.setdefault(part, {})[rest] = value
            else:
                plain[key] = value
        parts = {part: dataclasses.replace(getattr(config, part), **values) for part, values in inner.items()}
        return dataclasses.replace(config, **plain, **parts)

    return changed


@pytest.fixture
def curve() -> Callable[[Path], list[dict[str, float]]]:
    """Return a function that reads a metrics file without what depends on the machine's speed."""

    def read(out: Path) -> list[dict[str, float]]:
        rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        return [{key: value for key, value in row.items() if key not in TIMES} for row in rows]

    return read


@pytest.fixture(scope="session")
def field_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder where the fields of all tests are simulated once."""
    return tmp_path_factory.mktemp("fields")


@pytest.fixture
def fields(field_folder: Path) -> FieldDataConfig:
    """Return 12 and 5 velocities at 32 points of Burgers' equation."""
    return FieldDataConfig(
        equation="burgers",
        n_train=12,
        n_test=5,
        resolution=32,
        folder=str(field_folder),
        options={"dt": 0.01},
    )


@pytest.fixture
def t1() -> T1Config:
    """Return a T1 so small that it trains in a second."""
    return T1Config(
        in_channels=1, out_channels=1, resolution=(32,), n_modes=(9,), d_model=6, n_layers=2, basis="rfft"
    )


@pytest.fixture
def fno() -> FNOConfig:
    """Return an FNO so small that it trains in a second."""
    return FNOConfig(in_channels=1, out_channels=1, n_modes=(4,), d_model=6, n_layers=2)


@pytest.fixture
def field_run(fields: FieldDataConfig, t1: T1Config) -> TrainConfig:
    """Return a run of 8 steps on fields, with two evaluations and a checkpoint every 3 steps."""
    return TrainConfig(
        model=t1,
        data=fields,
        optim=OptimConfig(lr=1e-2, betas=(0.9, 0.999), weight_decay=1e-4, clip=0.0, schedule="step"),
        steps=8,
        batch_size=4,
        device="cpu",
        log_every=1,
        eval_every=4,
        checkpoint_every=3,
    )


@pytest.fixture(scope="session")
def image_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of 23 and 10 grey images of 8 x 12 pixels: bright above, below, or nowhere."""
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {}
    for name, n in (("train", 23), ("test", 10)):
        labels = np.arange(n) % 3
        images = rng.integers(0, 100, (n, 8, 12))
        images[labels == 1, :4] += 150
        images[labels == 2, 4:] += 150
        arrays |= {f"{name}_x": images.astype(np.uint8), f"{name}_y": labels}
    path = tmp_path_factory.mktemp("images") / "halves.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture
def images(image_file: Path) -> ImageDataConfig:
    """Return these images at half their resolution."""
    return ImageDataConfig(source=str(image_file), rate=2.0)


@pytest.fixture
def s4nd() -> ImageClassifierConfig:
    """Return an S4ND classifier so small that it trains in a second."""
    kernels = S4NDConfig(d_state=4, bandlimit=0.5)
    trunk = IsotropicConfig(d_model=6, n_layers=2, s4nd=kernels, dropout=0.1)
    return ImageClassifierConfig(in_channels=1, n_classes=3, trunk=trunk)


@pytest.fixture
def image_run(images: ImageDataConfig, s4nd: ImageClassifierConfig) -> TrainConfig:
    """Return a run of 8 steps on images, with two evaluations and a checkpoint every 3 steps."""
    return TrainConfig(
        model=s4nd,
        data=images,
        optim=OptimConfig(lr=2e-2, betas=(0.9, 0.999), weight_decay=0.05, clip=0.0, warmup_fraction=0.25),
        steps=8,
        batch_size=4,
        device="cpu",
        log_every=1,
        eval_every=4,
        checkpoint_every=3,
    )
