"""Exported graphs compute what the methods do; without onnx the extra is named."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from longwave.adapters import (
    Adapter,
    AdapterConfig,
    DescentConfig,
    EmbeddingDataset,
    ERMAdapter,
    LinearProbe,
    ZeroShot,
    export_onnx,
)
from longwave.errors import ConfigError, MissingExtra

SHORT = DescentConfig(epochs=3, batch_size=32)
METHODS: dict[str, Callable[[], Adapter]] = {
    "zero-shot": ZeroShot,
    "probe": lambda: LinearProbe(descent=SHORT, device="cpu"),
    "erm": lambda: ERMAdapter(descent=SHORT, device="cpu"),
    "mixed": lambda: ERMAdapter(network=AdapterConfig(mix=0.3), descent=SHORT, device="cpu"),
    "gelu": lambda: ERMAdapter(network=AdapterConfig(batchnorm=False), descent=SHORT, device="cpu"),
}


def _fit(method: Adapter, data: EmbeddingDataset) -> Adapter:
    train = data.part("train")
    return method.fit(train.embeddings, train.labels, class_embeddings=data.class_embeddings)


@pytest.mark.extra("onnx")
@pytest.mark.parametrize("name", METHODS)
def test_graphs_compute_what_the_methods_do(name: str, small: EmbeddingDataset, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx.reference import ReferenceEvaluator

    method = _fit(METHODS[name](), small)
    export_onnx(method, tmp_path / "adapter.onnx")
    model = onnx.load(tmp_path / "adapter.onnx")
    onnx.checker.check_model(model, full_check=True)
    x = 3 * small.part("test").embeddings
    found = ReferenceEvaluator(model).run(
        ["adapted", "probabilities", "classes"], {"embeddings": x.astype(np.float32)}
    )
    np.testing.assert_allclose(found[0], method.transform(x), atol=1e-5)
    np.testing.assert_allclose(found[1], method.predict_proba(x), atol=1e-4)
    np.testing.assert_array_equal(found[2], method.predict(x))
    assert {p.key: p.value for p in model.metadata_props} == {"classes": "0\n1"}


@pytest.mark.extra("onnx")
def test_several_centres_a_class_are_not_exported(small: EmbeddingDataset, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    method = _fit(ZeroShot("kmeans"), small)
    method.centre_classes_ = np.array([1, 1])  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="centres that are not one a class"):
        export_onnx(method, tmp_path / "adapter.onnx")


@pytest.mark.extra("onnx")
def test_nothing_learned_is_not_exported(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    with pytest.raises(ConfigError, match="has learned nothing yet; call fit before exporting"):
        export_onnx(ZeroShot(), tmp_path / "adapter.onnx")


def test_the_extra_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"Export to ONNX needs an extra; .*longwave\[onnx\]"):
        export_onnx(ZeroShot(), tmp_path / "adapter.onnx")
