"""What answers of trained models have in common: who gave them, and one class of several for each input."""

# Shapes: n inputs, K classes

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import DataError

__all__ = [
    "ClassAnswers",
    "TrainedAnswers",
    "answer_columns",
    "check_classes",
    "choice_columns",
    "hash_inputs",
    "identity_of",
]

SUM_TOLERANCE = 1e-3


class TrainedAnswers(Protocol):
    """Who said something about a data set; predictions of another program will do as well."""

    @property
    def data(self) -> str:
        """Name of the data set."""
        ...

    @property
    def model(self) -> str:
        """Name of the model."""
        ...

    @property
    def version(self) -> str:
        """What tells models of one name apart, seeds not counted."""
        ...

    @property
    def run(self) -> str:
        """Hash of the run."""
        ...

    @property
    def seed(self) -> int:
        """Of the training."""
        ...


class ClassAnswers(TrainedAnswers, Protocol):
    """A class of several for each input."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        ...

    @property
    def labels(self) -> NDArray[np.int64]:
        """Number of the right class, shape (n,)."""
        ...

    @property
    def probabilities(self) -> NDArray[Any]:
        """Of every class, shape (n, K); not finite where the model says nothing."""
        ...


def identity_of(answers: TrainedAnswers) -> dict[str, pl.Expr]:
    """Return the columns of the predictions table that tell who answered."""
    return {
        "model": pl.lit(answers.model),
        "version": pl.lit(answers.version),
        "trial": pl.lit(answers.seed),
        "run": pl.lit(answers.run),
    }


def answer_columns(answers: ClassAnswers) -> dict[str, object]:
    """Return the columns that tell the most probable class, its probability, and whether it is right."""
    names = np.array(answers.classes)
    chosen = np.nan_to_num(answers.probabilities).argmax(axis=1)
    correct = chosen == answers.labels
    confidence = answers.probabilities[np.arange(len(chosen)), chosen]
    return {
        "prediction": names[chosen].tolist(),
        "label": names[answers.labels].tolist(),
        "correct": correct,
        "score": correct.astype(np.float64),
        "confidence": np.clip(confidence, 0, 1).astype(np.float64),
    }


def choice_columns(answers: ClassAnswers, labels: Iterable[str]) -> dict[str, pl.Series]:
    """Return the columns of the side table of instances that tell which classes there were to choose from."""
    classes = list(answers.classes)
    place = {name: number for number, name in enumerate(classes)}
    right = [[place[label]] for label in labels]
    return {
        "references": pl.Series([classes] * len(right), dtype=pl.List(pl.String)),
        "correct_references": pl.Series(right, dtype=pl.List(pl.Int32)),
    }


def check_classes(answers: ClassAnswers, said: NDArray[Any]) -> None:
    """Refuse labels that are no class, and what is said, shape (n, K), where it is no probabilities."""
    n_classes = len(answers.classes)
    if len(answers.labels) and not 0 <= answers.labels.min() <= answers.labels.max() < n_classes:
        raise DataError(
            f"Labels go from {answers.labels.min()} to {answers.labels.max()}; accepted are 0 to "
            f"{n_classes - 1}, the numbers of the classes. Correct them."
        )
    if not len(said):
        return
    sums = said.sum(axis=1)
    low, high = said.min(), said.max()
    if not (low >= 0 and (abs(sums - 1) <= SUM_TOLERANCE).all()):  # nothing compares with what is no number
        raise DataError(
            f"Probabilities go from {low:.3g} to {high:.3g} and add up to {sums.min():.3g} to "
            f"{sums.max():.3g}; accepted are 0 to 1, with the sum 1. Take the softmax of logits."
        )


def hash_inputs(inputs: Iterable[NDArray[Any]]) -> list[str]:
    """Return a hash of each input's bytes."""
    return [hashlib.sha256(np.ascontiguousarray(x).tobytes()).hexdigest()[:16] for x in inputs]
