"""What the pictures of classified images are made of: files beside the predictions table, in ``images/``.

One file a model, seed and grid: a few images that the model got wrong, as it saw them, and kernels of its
S4ND layers on that grid. No pickles; the schema version is in the file, and older ones keep loading.
"""

# Shapes: n images, C channels, T frames (clips only), H, W points, k kernels

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.config import replacing
from longwave.errors import DataError, ShapeError

__all__ = ["IMAGE_CASES", "IMAGE_CASES_SCHEMA", "KernelSample", "write_image_cases"]

IMAGE_CASES = "images"
IMAGE_CASES_SCHEMA = 1
_KEY = ("scenario", "model", "version", "date", "trial", "perturbation")
_MOST_POINTS = 128  # of an image an axis; a larger one is kept smaller
_FRAMES = 4  # of a clip
_ROUNDING = 1e-3  # what resizing may leave of a grey above 1 or below 0


class KernelSample(Protocol):
    """Kernels of one layer on one grid; ``longwave.models.images.sample_filters`` makes them."""

    @property
    def layer(self) -> str:
        """Name of the layer."""
        ...

    @property
    def values(self) -> NDArray[np.float32]:
        """Kernels, shape (k, ...), by lag."""
        ...

    @property
    def rate(self) -> tuple[float, ...]:
        """Distance between points of each axis, as a multiple of the base resolution's."""
        ...

    @property
    def bandlimit(self) -> tuple[float | None, ...]:
        """Of each axis."""
        ...


def write_image_cases(
    out: Path | str,
    rows: pl.DataFrame,
    images: NDArray[np.uint8] | NDArray[np.float32],
    *,
    filters: Sequence[KernelSample] = (),
    n_cases: int = 12,
) -> Path:
    """Keep the first images that a model got wrong on one grid, and its kernels there.

    Parameters
    ----------
    out : Path or str
        Folder of the predictions table.
    rows : DataFrame
        Rows of the predictions table, one an image: all of one scenario, model, version, date, trial and
        perturbation.
    images : ndarray, shape (n, C, H, W), or of clips (n, C, T, H, W)
        As the model saw them, before normalisation; uint8, or float from 0 to 1. One or three channels.
    filters : sequence of KernelSample
    n_cases : int
        Images that are kept at most, in the order of the rows.

    Returns
    -------
    Path
        The file. The same model, seed and grid have the same one: written again, it takes its own place.

    Raises
    ------
    ShapeError
        If images and rows do not fit together, or kernels have no axis.
    DataError
        If the rows are of several models or grids, or pixels are not finite or not from 0 to 1.
    StorageError
        If the file cannot be written.

    Notes
    -----
    Of an image above 128 points an axis means over squares are kept; of a clip four frames, side by side.
    """
    pixels = _pixels(rows, images)
    key = _key(rows)
    chosen = np.flatnonzero(~rows["correct"].fill_null(value=True).to_numpy())[: max(0, n_cases)]
    about = {
        "schema": IMAGE_CASES_SCHEMA,
        **key,
        "resolution": list(images.shape[-2:]),
        "instances": rows["instance"].gather(chosen).to_list(),
        "filters": [
            {"layer": one.layer, "rate": list(one.rate), "bandlimit": list(one.bandlimit)} for one in filters
        ],
    }
    arrays: dict[str, Any] = {f"filter_{place}": _kernels(one) for place, one in enumerate(filters)}
    arrays["images"] = _shrunk(_side_by_side(pixels[chosen]))
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    path = Path(out) / IMAGE_CASES / f"{name}.npz"
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, about=np.array(json.dumps(about)), **arrays)
    return path


def _key(rows: pl.DataFrame) -> dict[str, object]:
    found = rows.select(_KEY).unique()
    if len(found) != 1:
        raise DataError(
            f"The rows are of {len(found)} models, seeds or grids ({', '.join(_KEY)}); accepted are those of "
            "one. Write a file for each."
        )
    return found.row(0, named=True)


def _pixels(rows: pl.DataFrame, images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.uint8]:
    is_signal = images.ndim in (4, 5) and 0 not in images.shape and images.shape[1] in (1, 3)
    if not is_signal or len(images) != len(rows):
        raise ShapeError(
            f"Images have shape {images.shape} for {len(rows)} rows; accepted is (n, C, H, W) or (n, C, T, "
            "H, W) with 1 or 3 channels and one image a row. Put channels second, and give the images of "
            "these rows."
        )
    if images.dtype == np.uint8:
        return np.asarray(images, dtype=np.uint8)
    low, high = float(images.min()), float(images.max())
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):  # nothing compares with what is not a number
        raise DataError(
            f"Pixels go from {low:g} to {high:g}; accepted are uint8, or float from 0 to 1. Give the images "
            "as they are before normalisation."
        )
    return _bytes(np.clip(images.astype(np.float32), 0.0, 1.0) * 255)


def _kernels(one: KernelSample) -> NDArray[np.float32]:
    values = np.asarray(one.values, dtype=np.float32)
    if values.ndim < 2 or not len(one.rate) == len(one.bandlimit) == values.ndim - 1:
        raise ShapeError(
            f'Kernels of "{one.layer}" have shape {values.shape}, with {len(one.rate)} rates and '
            f"{len(one.bandlimit)} bandlimits; accepted is (k, ...) with a rate and a bandlimit for every "
            "axis. Give kernels in space."
        )
    return values


def _side_by_side(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images, and of clips (n, C, T, H, W) frames at equal distances beside each other."""
    if images.ndim == 4:
        return images
    frames = np.linspace(0, images.shape[2] - 1, min(_FRAMES, images.shape[2])).round().astype(int)
    return np.concatenate([images[:, :, frame] for frame in frames], axis=-1)


def _shrunk(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images of at most ``_MOST_POINTS`` an axis: means over squares; what is left over is cut off."""
    step = -(-max(images.shape[2:]) // _MOST_POINTS)
    if step == 1:
        return images
    n, channels, height, width = images.shape
    height, width = max(1, height // step), max(1, width // step)
    cut = images[:, :, : height * step, : width * step].astype(np.float32)
    squares = cut.reshape(n, channels, height, -1, width, cut.shape[3] // width)
    return _bytes(squares.mean(axis=(3, 5)))


def _bytes(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = np.rint(values).astype(np.uint8)
    return rounded
