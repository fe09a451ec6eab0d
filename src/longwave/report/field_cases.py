"""Samples of predicted fields, as an evaluation of operators left them in ``fields/``."""

# Shapes: k samples, C channels, grid 1 to 3 axes, S shells of wave numbers

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longwave.evaluation.fields import CASES

__all__ = ["FieldCases", "read_cases"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FieldCases:
    """Some samples with the predictions of one operator.

    Parameters
    ----------
    scenario, model, version, date : str
        As in the predictions table.
    trial : int
    instances : tuple of str
    resolution : tuple of int
    is_periodic : bool
    input_channels, target_channels : tuple of (str, str)
        Names and units.
    inputs, targets, predictions : ndarray, shape (k, C, *grid)
    target_spectrum, predicted_spectrum : ndarray, shape (C, S)
        Means over all test samples; of the predictions None where they are not finite.
    """

    scenario: str
    model: str
    version: str
    date: str
    trial: int
    instances: tuple[str, ...]
    resolution: tuple[int, ...]
    is_periodic: bool
    input_channels: tuple[tuple[str, str], ...]
    target_channels: tuple[tuple[str, str], ...]
    inputs: Array
    targets: Array
    predictions: Array
    target_spectrum: Array
    predicted_spectrum: Array | None


def read_cases(folder: Path) -> tuple[list[FieldCases], list[str]]:
    """Read the samples of a folder of results, and say which files cannot be read.

    Returns
    -------
    cases : list of FieldCases
        By scenario, model, version and date; of several seeds the first.
    notes : list of str
    """
    found: dict[tuple[str, str, str, str], FieldCases] = {}
    notes = []
    for path in sorted((folder / CASES).glob("*.npz")):
        try:
            one = _read(path)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            notes.append(f'The fields of "{path.name}" cannot be read ({type(error).__name__}).')
            continue
        key = (one.scenario, one.model, one.version, one.date)
        if key not in found or one.trial < found[key].trial:
            found[key] = one
    return [found[key] for key in sorted(found)], notes


def _read(path: Path) -> FieldCases:
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        arrays = {name: np.asarray(file[name], dtype=np.float64) for name in file.files if name != "about"}
    inputs, targets, predictions = (arrays[name] for name in ("inputs", "targets", "predictions"))
    fits = targets.shape == predictions.shape and 3 <= targets.ndim <= 5 and len(inputs) == len(targets)
    if (
        not fits
        or len(about["instances"]) != len(targets)
        or len(about["target_channels"]) != targets.shape[1]
    ):
        raise ValueError(f"shapes {inputs.shape}, {targets.shape} and {predictions.shape} do not fit")
    return FieldCases(
        scenario=str(about["scenario"]),
        model=str(about["model"]),
        version=str(about["version"]),
        date=str(about["date"]),
        trial=int(about["trial"]),
        instances=tuple(map(str, about["instances"])),
        resolution=tuple(int(n) for n in about["resolution"]),
        is_periodic=bool(about["is_periodic"]),
        input_channels=tuple(_pairs(about["input_channels"])),
        target_channels=tuple(_pairs(about["target_channels"])),
        inputs=inputs,
        targets=targets,
        predictions=predictions,
        target_spectrum=arrays["target_spectrum"],
        predicted_spectrum=arrays.get("predicted_spectrum"),
    )


def _pairs(channels: list[list[str]]) -> Iterator[tuple[str, str]]:
    for name, unit in channels:
        yield str(name), str(unit)
