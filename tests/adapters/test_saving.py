"""Saved adapters: the same predictions again, and damage that is recognised."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from longwave.adapters import METHODS as NAMES
from longwave.adapters import (
    Adapter,
    AdapterConfig,
    ContrastiveAdapter,
    DescentConfig,
    EmbeddingDataset,
    ERMAdapter,
    ZeroShot,
    load_adapter,
    make_method,
)
from longwave.errors import CheckpointError, ConfigError, MissingFile

SHORT = DescentConfig(epochs=2, batch_size=64)


def _fit(method: Adapter, data: EmbeddingDataset, labels: np.ndarray | None = None) -> Adapter:
    train = data.part("train")
    given: dict[str, object] = (
        {"groups": train.groups} if hasattr(method, "eta") or hasattr(method, "draws") else {}
    )
    y = train.labels if labels is None else labels[train.labels]
    return method.fit(train.embeddings, y, class_embeddings=data.class_embeddings, **given)  # type: ignore[arg-type]


@pytest.fixture
def saved(small: EmbeddingDataset, tmp_path: Path) -> Path:
    _fit(ERMAdapter(descent=SHORT, device="cpu"), small).save(tmp_path / "adapter")
    return tmp_path / "adapter"


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_method_predicts_the_same_bits(name: str, small: EmbeddingDataset, tmp_path: Path) -> None:
    data = small
    method = make_method(name, descent=SHORT, device="cpu")
    if name == "dfr-validation":
        train, val = data.part("train"), data.part("val")
        method.fit(train.embeddings, train.labels, validation=val.for_validation())
    else:
        _fit(method, data)
    method.save(tmp_path)
    again = load_adapter(tmp_path)
    test = data.part("test").embeddings
    assert type(again) is type(method)
    assert again.get_params() == method.get_params()
    assert np.array_equal(again.predict_proba(test), method.predict_proba(test))
    assert np.array_equal(again.transform(test), method.transform(test))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ERMAdapter(
            network=AdapterConfig(hidden=3, batchnorm=False, mix=0.4), descent=SHORT, device="cpu"
        ),
        lambda: ZeroShot("kmeans"),
        lambda: ContrastiveAdapter(predicted_by="prototypes", descent=SHORT, device="cpu"),
    ],
    ids=["gelu", "kmeans", "prototypes"],
)
def test_settings_come_back(make: Callable[[], Adapter], small: EmbeddingDataset, tmp_path: Path) -> None:
    method = _fit(make(), small)
    method.save(tmp_path)
    again = load_adapter(tmp_path)
    assert again.get_params() == method.get_params()
    test = small.part("test").embeddings
    assert np.array_equal(again.predict_proba(test), method.predict_proba(test))


def test_text_labels_come_back(small: EmbeddingDataset, tmp_path: Path) -> None:
    names = np.array(["land", "wasser é"])
    method = _fit(ERMAdapter(descent=SHORT, device="cpu"), small, names)
    method.save(tmp_path)
    test = small.part("test").embeddings
    assert np.array_equal(load_adapter(tmp_path).predict(test), method.predict(test))


def test_what_was_chosen_comes_back(saved: Path) -> None:
    again = load_adapter(saved)
    assert again.best_epoch_ == 2  # type: ignore[attr-defined]


def test_the_device_may_be_another(saved: Path) -> None:
    assert load_adapter(saved, device="auto").get_params()["device"] == "auto"
    with pytest.raises(ConfigError, match='device is "gpu"'):
        load_adapter(saved, device="gpu")


def test_files_are_json_and_safetensors(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["adapter.json", "adapter.safetensors"]
    facts = json.loads((saved / "adapter.json").read_text("utf-8"))
    assert (facts["schema"], facts["method"], facts["params"]["descent"]["epochs"]) == (1, "ERMAdapter", 2)


def test_nothing_learned_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has learned nothing yet; call fit before save"):
        ERMAdapter().save(tmp_path)


@pytest.mark.parametrize("name", ["adapter.json", "adapter.safetensors"])
def test_a_missing_file_is_named(name: str, saved: Path) -> None:
    (saved / name).unlink()
    with pytest.raises(MissingFile, match=f"There is no {name}"):
        load_adapter(saved)


@pytest.mark.parametrize("name", ["adapter.json", "adapter.safetensors"])
def test_a_cut_file_is_recognised(name: str, saved: Path) -> None:
    content = (saved / name).read_bytes()
    (saved / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="is damaged"):
        load_adapter(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 99}, "has schema 99; this version reads 1"),
        ({"method": "Perceptron"}, "does not fit together"),
        ({"params": {"epochs": 3}}, "does not fit together"),
        ({"params": []}, "does not fit together"),
        ({"learned": {"n_features_in_": 5}}, "does not fit together"),
    ],
    ids=["later", "method", "argument", "no-table", "width"],
)
def test_facts_that_do_not_fit_are_recognised(change: dict[str, object], message: str, saved: Path) -> None:
    facts = json.loads((saved / "adapter.json").read_text("utf-8"))
    (saved / "adapter.json").write_text(json.dumps({**facts, **change}), "utf-8")
    with pytest.raises(CheckpointError, match=message):
        load_adapter(saved)
