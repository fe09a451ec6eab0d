"""Classified images in the predictions table: a row an image, models and resolutions beside each other.

* the scenario is ``DATA@1``, the instance ``test-0012``, the model the classifier, the trial its seed; the
  group is the label, so that every analysis by group is one by class;
* another resolution than that of the training is a perturbation, ``resolution-28``: the same scene, seen with
  28 points from top to bottom by the same weights. As for fields, the resolution of the training has none;
* ``shrunk-28`` is the trivial baseline: the image of 28 points brought to the resolution of the training
  before the model saw it;
* images that the model got wrong and its filters go to ``images/`` for the report's pictures.
"""

# Shapes: n images, C channels, T frames (clips only), H height, W width, K classes

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import ShapeError
from longwave.evaluation.dates import latest_date
from longwave.evaluation.image_cases import KernelSample, write_image_cases
from longwave.evaluation.trained import (
    ClassAnswers,
    answer_columns,
    check_classes,
    choice_columns,
    hash_inputs,
    identity_of,
)
from longwave.predictions import append_side, skip_done, write_predictions

__all__ = ["ImageAnswers", "image_scenario", "record_images"]

VERSION = 1  # of the scenarios; another meaning of "correct" would be a new one


class ImageAnswers(ClassAnswers, Protocol):
    """What a classifier said to the test images of a data set at one resolution.

    ``longwave.training.image_answers`` makes them; predictions of another program will do as well.
    """

    @property
    def resolution(self) -> tuple[int, ...]:
        """Height and width of the test images."""
        ...

    @property
    def is_training_grid(self) -> bool:
        """Whether that is the resolution of the training."""
        ...

    @property
    def is_shrunk(self) -> bool:
        """Whether the images were shrunk to the resolution of the training before."""
        ...

    @property
    def images(self) -> NDArray[np.float32]:
        """As the model saw them, shape (n, C, [T,] H, W), from 0 to 1."""
        ...

    @property
    def filters(self) -> Sequence[KernelSample]:
        """Kernels of the model at this resolution."""
        ...

    @property
    def error(self) -> str | None:
        """Why it says nothing."""
        ...


def image_scenario(data: str) -> str:
    """Return the name of the scenario of a data set."""
    return f"{data}@{VERSION}"


def record_images(
    out: Path | str, answers: ImageAnswers, *, date: str | None = None, n_cases: int = 12
) -> pl.DataFrame:
    """Write the answers of one classifier at one resolution; what the folder has already is left alone.

    Parameters
    ----------
    out : Path or str
        Folder of the predictions table.
    answers : ImageAnswers
    date : str, optional
        Day of the answers, YYYY-MM-DD; default the folder's latest, else today.
    n_cases : int
        Images that the model got wrong and the report shows, the first ones. Of shrunk images there are none.

    Returns
    -------
    DataFrame
        The classifier's rows of the predictions table, new or not.

    Raises
    ------
    ShapeError, DataError
        If images, labels and probabilities do not fit together, or these are none.
    TableError, StorageError
        If the tables break their schema or cannot be written.
    """
    out = Path(out)
    _check(answers)
    rows = _rows(answers, date or latest_date(out))
    write_predictions(out, skip_done(rows, out))
    append_side(out, "instances", _instances(answers, rows))
    if len(rows) and not answers.is_shrunk and answers.error is None:
        write_image_cases(out, rows, answers.images, filters=answers.filters, n_cases=n_cases)
    return rows


def _rows(answers: ImageAnswers, date: str) -> pl.DataFrame:
    """Return rows of the predictions table, one an image."""
    is_said = np.isfinite(answers.probabilities.sum(axis=1))
    why = answers.error or "The probabilities hold values that are not finite."
    return pl.DataFrame(
        {
            "instance": [f"test-{i:04d}" for i in range(len(answers.labels))],
            "input_hash": hash_inputs(answers.images),
            **answer_columns(answers),
            "is_said": is_said,
        }
    ).select(
        "instance",
        "input_hash",
        "label",
        *(
            pl.when("is_said").then(pl.col(name)).alias(name)
            for name in ("prediction", "correct", "score", "confidence")
        ),
        pl.col("label").alias("group"),
        pl.when("is_said").then(None).otherwise(pl.lit(why)).alias("error"),
        scenario=pl.lit(image_scenario(answers.data)),
        date=pl.lit(date),
        prompt=pl.lit("images"),
        perturbation=pl.lit(_perturbation(answers), dtype=pl.String),
        split=pl.lit("test"),
        **identity_of(answers),
    )


def _perturbation(answers: ImageAnswers) -> str | None:
    if answers.is_training_grid:
        return None
    return f"{'shrunk' if answers.is_shrunk else 'resolution'}-{answers.resolution[0]}"


def _instances(answers: ImageAnswers, rows: pl.DataFrame) -> pl.DataFrame:
    """Return what was shown and which classes there were to choose from."""
    n = len(rows)
    kind = "clip" if answers.images.ndim == 5 else "image"
    pixels = " x ".join(map(str, answers.images.shape[-2:]))
    return rows.select("scenario", "instance", "perturbation", "split", "group").with_columns(
        input=pl.Series([f"{kind} {i} of {answers.data}, {pixels} pixels" for i in range(n)]),
        **choice_columns(answers, rows["label"]),
    )


def _check(answers: ImageAnswers) -> None:
    n, n_classes = len(answers.labels), len(answers.classes)
    if answers.probabilities.shape != (n, n_classes) or len(answers.images) != n:
        raise ShapeError(
            f"There are {n} labels, images of shape {answers.images.shape} and probabilities of shape "
            f"{answers.probabilities.shape}; accepted are as many images, and ({n}, {n_classes}). Correct "
            "them."
        )
    check_classes(answers, answers.probabilities[np.isfinite(answers.probabilities.sum(axis=1))])
