"""Misclassified images and kernels of S4ND, as an evaluation of classifiers left them in ``images/``."""

# Shapes: k images or kernels, C channels, H, W points

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longwave.evaluation.image_cases import IMAGE_CASES, IMAGE_CASES_SCHEMA

__all__ = ["ImageCases", "Kernels", "read_image_cases"]

# what a file of another kind or a damaged one can raise
_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError, OverflowError)


@dataclass(frozen=True, kw_only=True)
class Kernels:
    """Some kernels of one layer on one grid.

    Parameters
    ----------
    layer : str
    values : ndarray, shape (k, P) or (k, P_1, P_2)
        By lag.
    rate : tuple of float
        Distance between points of each axis, as a multiple of the base resolution's.
    bandlimit : tuple of float or None
        Of each axis.
    """

    layer: str
    values: NDArray[np.float64]
    rate: tuple[float, ...]
    bandlimit: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class ImageCases:
    """What was kept of one model on one grid.

    Parameters
    ----------
    scenario, model, version, date : str or None
        As in the predictions table.
    trial : int
    perturbation : str or None
        None for the grid of the training.
    resolution : tuple of int
        Height and width.
    instances : tuple of str
        The images that the model got wrong.
    images : ndarray of uint8, shape (k, C, H, W)
    kernels : tuple of Kernels
    """

    scenario: str
    model: str
    version: str | None
    date: str | None
    trial: int
    perturbation: str | None
    resolution: tuple[int, ...]
    instances: tuple[str, ...]
    images: NDArray[np.uint8]
    kernels: tuple[Kernels, ...]


def read_image_cases(folder: Path) -> tuple[list[ImageCases], list[str]]:
    """Read what a folder of results keeps of classified images, and say which files cannot be read.

    Returns
    -------
    cases : list of ImageCases
        By scenario, model, version, date and perturbation; of several seeds the first.
    notes : list of str
    """
    found: dict[tuple[str, ...], ImageCases] = {}
    notes = []
    for path in sorted((folder / IMAGE_CASES).glob("*.npz")):
        try:
            one = _read(path)
        except (*_DAMAGE, zipfile.BadZipFile) as error:
            notes.append(f'The images of "{path.name}" cannot be read ({type(error).__name__}).')
            continue
        if one is None:
            notes.append(f'"{path.name}" was written by a newer Longwave; its images are left out.')
            continue
        key = (one.scenario, one.model, one.version or "", one.date or "", one.perturbation or "")
        if key not in found or one.trial < found[key].trial:
            found[key] = one
    return [found[key] for key in sorted(found)], notes


def _read(path: Path) -> ImageCases | None:
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        if int(about["schema"]) > IMAGE_CASES_SCHEMA:
            return None
        images = file["images"]
        kernels = tuple(
            _kernels(told, file[f"filter_{place}"]) for place, told in enumerate(about["filters"])
        )
    instances = tuple(map(str, about["instances"]))
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"images of shape {images.shape} and type {images.dtype}")
    if len(instances) != len(images) or 0 in images.shape[1:]:
        raise ValueError(f"{len(instances)} names for images of shape {images.shape}")
    return ImageCases(
        scenario=str(about["scenario"]),
        model=str(about["model"]),
        version=_text(about["version"]),
        date=_text(about["date"]),
        trial=int(about["trial"]),
        perturbation=_text(about["perturbation"]),
        resolution=tuple(int(n) for n in about["resolution"]),
        instances=instances,
        images=images,
        kernels=kernels,
    )


def _kernels(told: Mapping[str, object], values: NDArray[np.float64]) -> Kernels:
    rate = tuple(map(float, told["rate"]))  # type: ignore[call-overload]  # what is no list raises TypeError
    bandlimit = tuple(None if one is None else float(one) for one in told["bandlimit"])  # type: ignore[attr-defined]
    if values.ndim not in (2, 3) or 0 in values.shape or not len(rate) == len(bandlimit) == values.ndim - 1:
        raise ValueError(f"kernels of shape {values.shape} at rates {rate}")
    if not all(one > 0 for one in rate):
        raise ValueError(f"rates {rate}")
    return Kernels(
        layer=str(told["layer"]),
        values=np.asarray(values, dtype=np.float64),
        rate=rate,
        bandlimit=bandlimit,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
