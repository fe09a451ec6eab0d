"""Zero-shot prediction: the class whose embedding is nearest; from text, class means or clusters.

Shapes: n points, d width of the embeddings, C classes.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.adapters.base import Adapter, Problem, class_prototypes
from longwave.adapters.embeddings import Floats, Ints, nearest_rows, row_blocks, unit_rows
from longwave.errors import ConfigError, DataError

__all__ = ["ZeroShot"]

log = logging.getLogger(__name__)

_SOURCES = ("text", "prototypes", "kmeans")
_RESTARTS, _ROUNDS = 10, 100


class ZeroShot(Adapter):
    """Predict the class whose embedding has the greatest cosine; trains nothing.

    Parameters
    ----------
    source : {"text", "prototypes", "kmeans"}
        Where the classes' embeddings come from: "text", what ``fit`` is given as ``class_embeddings``;
        "prototypes", the directions of the training classes' means; "kmeans", centres of as many clusters of
        the training points as there are classes, each named by the class most of its points have. Without
        ``class_embeddings``, "text" falls back to "prototypes".
    temperature : float
        Factor of the cosines in the logits.
    seed : int
        Of the clusters' first centres.

    Attributes
    ----------
    classes_, class_embeddings_, n_features_in_
    centres_ : ndarray, shape (m, d)
        Unit rows; of each the class in ``centre_classes_`` (m,).

    Raises
    ------
    ConfigError
        By ``fit``, if an argument is none of the accepted.
    """

    def __init__(
        self,
        source: Literal["text", "prototypes", "kmeans"] = "text",
        *,
        temperature: float = 100.0,
        seed: int = 0,
    ) -> None:
        self.source = source
        self.temperature = temperature
        self.seed = seed

    def fit(
        self,
        embeddings: ArrayLike,
        labels: ArrayLike,
        *,
        class_embeddings: ArrayLike | None = None,
        validation: Sequence[ArrayLike] | None = None,
    ) -> Self:
        """Take the classes' embeddings, or make them from training points (n, d); `validation` is not used.

        Raises
        ------
        ShapeError, DataError, ConfigError
            If what is given cannot be used; the message says why.
        """
        if self.source not in _SOURCES:
            raise ConfigError(f'Unknown source "{self.source}". Known: {", ".join(_SOURCES)}.')
        self._set_centres(self._check(embeddings, labels, class_embeddings, validation))
        return self

    def _set_centres(self, problem: Problem) -> None:
        n_classes = len(problem.classes)
        self.centre_classes_ = np.arange(n_classes)
        if self.source == "text":
            self.centres_ = problem.q
        elif self.source == "prototypes":
            present = np.unique(problem.y)
            self.centre_classes_ = present
            self.centres_ = class_prototypes(problem.x, np.searchsorted(present, problem.y), len(present))
        else:
            rng = np.random.default_rng(self.seed)
            centres, clusters = spherical_kmeans(unit_rows(problem.x), n_classes, rng)
            self.centres_ = centres
            self.centre_classes_ = majority_classes(clusters, problem.y, len(centres), n_classes)

    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        return {"centres_": self.centres_, "centre_classes_": self.centre_classes_}

    def _restore(self, learned: Mapping[str, object], arrays: Mapping[str, NDArray[np.generic]]) -> None:
        super()._restore(learned, arrays)
        self.centres_ = np.asarray(arrays["centres_"], dtype=np.float32)
        self.centre_classes_ = np.asarray(arrays["centre_classes_"], dtype=np.int64)

    def _logits(self, x: Floats) -> Floats:
        """Return the greatest logit of each class's centres; of a class without centres -inf."""
        cosines = unit_rows(x) @ self.centres_.T
        logits = np.full((len(x), len(self.classes_)), -np.inf, dtype=np.float32)
        for centre, c in enumerate(self.centre_classes_):
            logits[:, c] = np.maximum(logits[:, c], self.temperature * cosines[:, centre])
        return logits


def spherical_kmeans(unit: Floats, n_clusters: int, rng: np.random.Generator) -> tuple[Floats, Ints]:
    """Cluster unit rows (n, d) by cosine; return centres (m, d), unit rows, and each point's cluster (n,).

    Lloyd's rounds from k-means++ seeds, the best of ten starts. A cluster that loses all points keeps its
    centre.

    Raises
    ------
    DataError
        If there are fewer points than clusters.
    """
    if len(unit) < n_clusters:
        raise DataError(f"{len(unit)} points cannot make {n_clusters} clusters; pass more, or use text.")
    best: tuple[float, Floats, Ints] | None = None
    for _ in range(_RESTARTS):
        centres = _spread_seeds(unit, n_clusters, rng)
        for _ in range(_ROUNDS):
            clusters = nearest_rows(unit, centres)
            sums = np.zeros_like(centres)
            np.add.at(sums, clusters, unit)
            kept = np.abs(sums).max(axis=1) == 0
            sums[kept] = centres[kept]
            moved = unit_rows(sums)
            if np.abs(moved - centres).max() < 1e-6:
                break
            centres = moved
        clusters = nearest_rows(unit, centres)
        fit = sum(float((unit[b] * centres[clusters[b]]).sum()) for b in row_blocks(*unit.shape))
        if best is None or fit > best[0]:
            best = fit, centres, clusters
    if best is None:
        raise ConfigError("k-means needs a start.")
    return best[1], best[2]


def majority_classes(clusters: Ints, y: Ints, n_clusters: int, n_classes: int) -> Ints:
    """Return the class that most points of each cluster have; an empty cluster gets class 0."""
    counts = np.zeros((n_clusters, n_classes), dtype=np.int64)
    np.add.at(counts, (clusters, y), 1)
    found = counts.argmax(axis=1)
    missing = sorted(set(range(n_classes)) - set(found.tolist()))
    if missing:
        log.warning("No cluster has most of its points from class %s; it is never predicted.", missing)
    return np.asarray(found, dtype=np.int64)


def _spread_seeds(unit: Floats, n_clusters: int, rng: np.random.Generator) -> Floats:
    """Draw first centres among the points, far ones more likely: k-means++ with distance 1 - cosine."""
    chosen = [int(rng.integers(len(unit)))]
    distance = 1 - unit @ unit[chosen[0]]
    for _ in range(n_clusters - 1):
        weights = np.maximum(distance, 0).astype(np.float64)
        p = weights / weights.sum() if weights.sum() > 0 else None
        chosen.append(int(rng.choice(len(unit), p=p)))
        distance = np.minimum(distance, 1 - unit @ unit[chosen[-1]])
    return unit[chosen]
