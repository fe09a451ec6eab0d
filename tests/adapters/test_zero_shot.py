"""Zero-shot prediction: from text, class means and clusters."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from longwave.adapters import EmbeddingDataset, ZeroShot
from longwave.adapters.zero_shot import majority_classes, spherical_kmeans
from longwave.errors import ConfigError, DataError


def test_text_predicts_the_nearest_class(small: EmbeddingDataset) -> None:
    train, test = small.part("train"), small.part("test")
    assert small.class_embeddings is not None
    method = ZeroShot("text").fit(train.embeddings, train.labels, class_embeddings=small.class_embeddings)
    for x, found in zip(test.embeddings[::17], method.predict(test.embeddings[::17]), strict=True):
        cosines = [
            float(x @ q) / float(np.linalg.norm(x) * np.linalg.norm(q)) for q in small.class_embeddings
        ]
        assert found == cosines.index(max(cosines))


def test_lengths_of_points_do_not_matter(small: EmbeddingDataset, rng: np.random.Generator) -> None:
    train, test = small.part("train"), small.part("test")
    method = ZeroShot().fit(train.embeddings, train.labels, class_embeddings=small.class_embeddings)
    scaled = test.embeddings * rng.uniform(0.1, 50, (120, 1)).astype(np.float32)
    np.testing.assert_allclose(method.predict_proba(scaled), method.predict_proba(test.embeddings), atol=1e-4)


def test_prototypes_ignore_the_text(small: EmbeddingDataset) -> None:
    train, test = small.part("train"), small.part("test")
    by_text = ZeroShot("prototypes").fit(
        train.embeddings, train.labels, class_embeddings=small.class_embeddings
    )
    without = ZeroShot("text").fit(train.embeddings, train.labels)
    np.testing.assert_allclose(
        by_text.predict_proba(test.embeddings), without.predict_proba(test.embeddings), atol=1e-5
    )


def test_clusters_find_well_separated_classes(rng: np.random.Generator) -> None:
    centres = np.eye(3, 8)
    y = np.arange(90) % 3
    x = centres[y] + 0.1 * rng.standard_normal((90, 8))
    method = ZeroShot("kmeans").fit(x, y)
    assert method.score(x, y) == 1


def test_clusters_stand_still_at_the_end(rng: np.random.Generator) -> None:
    x = rng.standard_normal((60, 5))
    unit = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    centres, clusters = spherical_kmeans(unit, 4, rng)
    assert np.array_equal((unit @ centres.T).argmax(axis=1), clusters)
    for k in range(4):
        mean = unit[clusters == k].mean(axis=0)
        np.testing.assert_allclose(centres[k], mean / np.linalg.norm(mean), atol=1e-4)


def test_clusters_of_equal_points_do_not_fail(rng: np.random.Generator) -> None:
    centres, clusters = spherical_kmeans(np.tile(np.float32([[0.6, 0.8]]), (5, 1)), 3, rng)
    assert centres.shape == (3, 2)
    assert set(clusters) <= {0, 1, 2}


def test_a_class_without_a_cluster_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = majority_classes(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 0]), 2, 2)
    assert found.tolist() == [0, 0]
    assert "No cluster has most of its points from class [1]" in caplog.text


def test_fewer_points_than_clusters_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(DataError, match="2 points cannot make 3 clusters"):
        spherical_kmeans(np.eye(2, dtype=np.float32), 3, rng)


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'Unknown source "txt"\. Known: text, prototypes, kmeans'):
        ZeroShot("txt").fit([[1.0, 0.0], [0.0, 1.0]], [0, 1])  # type: ignore[arg-type]
