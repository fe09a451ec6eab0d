"""Predicted fields in the predictions table: a row a sample, operators beside each other.

* the scenario is ``pde:DATA``, the instance ``test-0012``, the model the operator, the trial its seed;
* the score is the relative L2 error, other errors stand in the side table of scores;
* another grid than that of the training is a perturbation, ``resolution-128``: the same sample, seen
  otherwise. Floors are models of their own, ``floor:mean field``;
* a few samples with their predictions, and the spectra of all, go to ``fields/`` for the report's pictures.
"""

# Shapes: n samples, C channels, grid 1 to 3 axes, S shells of wave numbers

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from longwave.config import replacing
from longwave.evaluation.dates import latest_date
from longwave.evaluation.trained import TrainedAnswers, hash_inputs
from longwave.metrics.field_arrays import finite_samples
from longwave.metrics.fields import score_fields
from longwave.metrics.spectra import energy_spectrum
from longwave.predictions import append_side, skip_done, write_predictions

__all__ = ["CASES", "FIELD_PREFIX", "FIELD_SCORE", "FieldAnswers", "field_scenario", "record_fields"]

CASES = "fields"
FIELD_SCORE = "relative_l2"
OTHERS = ("relative_l1", "mean_absolute_error", "energy_spectrum_error")
FIELD_PREFIX = "pde:"
FLOOR = "floor:"


class FieldAnswers(TrainedAnswers, Protocol):
    """What an operator said to the test samples of a data set on one grid.

    ``longwave.training.field_answers`` makes them; predictions of another program will do as well.
    """

    @property
    def resolution(self) -> tuple[int, ...]:
        """Points of each axis."""
        ...

    @property
    def is_training_grid(self) -> bool:
        """Whether the operator was trained on this grid."""
        ...

    @property
    def is_periodic(self) -> bool:
        """Whether the fields live on a torus."""
        ...

    @property
    def input_channels(self) -> tuple[tuple[str, str], ...]:
        """Names and units of what goes in."""
        ...

    @property
    def target_channels(self) -> tuple[tuple[str, str], ...]:
        """Names and units of what is predicted."""
        ...

    @property
    def inputs(self) -> np.ndarray:
        """What goes in, shape (n, C_in, *grid)."""
        ...

    @property
    def targets(self) -> np.ndarray:
        """The truth, shape (n, C, *grid)."""
        ...

    @property
    def predictions(self) -> np.ndarray:
        """What the operator says, like the targets; not finite where it says nothing."""
        ...

    @property
    def error(self) -> str | None:
        """Why it says nothing."""
        ...

    @property
    def floors(self) -> Mapping[str, np.ndarray]:
        """Predictions that understand nothing, by name."""
        ...


def field_scenario(data: str) -> str:
    """Return the name of the scenario of a data set."""
    return f"{FIELD_PREFIX}{data}"


def record_fields(
    out: Path | str, answers: FieldAnswers, *, date: str | None = None, n_cases: int = 3
) -> pl.DataFrame:
    """Write the answers of one operator on one grid; what the folder has already is left alone.

    Parameters
    ----------
    out : Path or str
        Folder of the predictions table.
    answers : FieldAnswers
    date : str, optional
        Day of the answers, YYYY-MM-DD; default the folder's latest, else today.
    n_cases : int
        Samples that the report shows in pictures, the first ones.

    Returns
    -------
    DataFrame
        The operator's rows of the predictions table, new or not.

    Raises
    ------
    ShapeError, DataError
        If targets and predictions do not fit together, or targets are not finite.
    TableError, StorageError
        If the tables break their schema or cannot be written.
    """
    out = Path(out)
    where = {
        "scenario": field_scenario(answers.data),
        "date": date or latest_date(out),
        "prompt": "fields",
        "perturbation": None if answers.is_training_grid else f"resolution-{answers.resolution[0]}",
        "split": "test",
    }
    mine = {"model": answers.model, "version": answers.version, "trial": answers.seed, "run": answers.run}
    hashes = hash_inputs(answers.inputs)
    rows, scores = _rows(answers.predictions, answers, {**where, **mine}, hashes)
    tables = [(rows, scores)]
    for name, fields in answers.floors.items():
        floor = {"model": f"{FLOOR}{name}", "version": "1", "trial": 0, "run": answers.run}
        tables.append(_rows(fields, answers, {**where, **floor}, hashes))
    for table, beside in tables:
        new = skip_done(table, out)
        write_predictions(out, new)
        if len(new):
            append_side(out, "scores", beside)
    append_side(out, "instances", _instances(answers, where))
    if answers.is_training_grid and n_cases:
        _write_cases(out, answers, where, n_cases)
    return rows


def _rows(
    predictions: np.ndarray, answers: FieldAnswers, where: Mapping[str, object], hashes: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return rows of the predictions table and of the side table of scores."""
    n = len(predictions)
    is_finite = finite_samples(predictions)
    values = {name: np.full(n, np.nan) for name in (FIELD_SCORE, *OTHERS)}
    if is_finite.any():
        found = score_fields(predictions[is_finite], answers.targets[is_finite], (FIELD_SCORE, *OTHERS))
        for name, listed in found.items():
            values[name][is_finite] = listed
    why = answers.error or "The prediction holds values that are not finite."
    schema = {name: pl.String for name, value in where.items() if value is None}
    rows = pl.DataFrame({"instance": _names(n), "input_hash": hashes}).with_columns(
        **{name: pl.lit(value, dtype=schema.get(name)) for name, value in where.items()},
        score=pl.Series(values[FIELD_SCORE]).fill_nan(None),
        error=pl.Series([None if fine else why for fine in is_finite], dtype=pl.String),
    )
    keys = rows.select("scenario", "instance", "model", "version", "date", "prompt", "perturbation", "trial")
    scores = [
        keys.with_columns(metric=pl.lit(name), value=pl.Series(values[name]).fill_nan(None))
        for name in OTHERS
    ]
    return rows, pl.concat(scores).drop_nulls("value")


def _instances(answers: FieldAnswers, where: Mapping[str, object]) -> pl.DataFrame:
    grid = " x ".join(map(str, answers.resolution))
    reads = ", ".join(name for name, _ in answers.input_channels)
    tells = ", ".join(name for name, _ in answers.target_channels)
    n = len(answers.inputs)
    return pl.DataFrame(
        {
            "instance": _names(n),
            "input": [f"sample {i} of {answers.data}, {grid} points: {reads} to {tells}" for i in range(n)],
            "references": [[] for _ in range(n)],
            "correct_references": [[] for _ in range(n)],
        },
        schema_overrides={"references": pl.List(pl.String), "correct_references": pl.List(pl.Int32)},
    ).with_columns(
        scenario=pl.lit(where["scenario"]),
        perturbation=pl.lit(where["perturbation"], dtype=pl.String),
        split=pl.lit("test"),
    )


def _write_cases(out: Path, answers: FieldAnswers, where: Mapping[str, object], n_cases: int) -> None:
    """Write what the pictures of the report are made of; without pickles, one file an operator and seed."""
    about = {
        "scenario": where["scenario"],
        "model": answers.model,
        "version": answers.version,
        "date": where["date"],
        "trial": answers.seed,
        "instances": _names(len(answers.inputs))[:n_cases],
        "resolution": list(answers.resolution),
        "is_periodic": answers.is_periodic,
        "input_channels": [list(channel) for channel in answers.input_channels],
        "target_channels": [list(channel) for channel in answers.target_channels],
    }
    is_finite = finite_samples(answers.predictions)
    arrays = {
        "inputs": answers.inputs[:n_cases],
        "targets": answers.targets[:n_cases],
        "predictions": answers.predictions[:n_cases],
        "target_spectrum": energy_spectrum(answers.targets).mean(axis=0),  # (C, S)
    }
    if is_finite.any():
        arrays["predicted_spectrum"] = energy_spectrum(answers.predictions[is_finite]).mean(axis=0)
    name = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]
    with replacing(out / CASES / f"{name}.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, about=np.array(json.dumps(about)), **arrays)


def _names(n: int) -> list[str]:
    return [f"test-{i:04d}" for i in range(n)]
