"""Images in npz files: arrays of the usual names, in the usual orders of axes."""

# Shapes: n images, C channels, H height, W width

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from longwave._array_files import load_arrays
from longwave.config import naming
from longwave.data.images.data_set import ImageDataSet, ImageSplit
from longwave.errors import ConfigError, DataError, MissingFile

__all__ = ["read_arrays", "read_npz", "split_rows", "to_split"]

NAMES = (  # training images and labels, test images and labels
    ("train_x", "train_y", "test_x", "test_y"),
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)
UNSPLIT = (("images", "labels"), ("x", "y"))
CLASS_NAMES = ("classes", "class_names")
COLOURS = (1, 3)
MOST_CLASSES = 1_000_000


def read_npz(
    path: Path | str,
    *,
    channels: Literal["first", "last"] | None = None,
    test_share: float = 0.2,
    seed: int = 0,
) -> ImageDataSet:
    """Read images and labels from a file of ``numpy.savez``.

    Parameters
    ----------
    path : Path or str
        Holds ``train_x, train_y, test_x, test_y``, or ``x_train, y_train, x_test, y_test``, or
        ``train_images, train_labels, test_images, test_labels``; or ``images, labels`` or ``x, y``, which are
        split here. ``classes`` or ``class_names`` may name the labels.
    channels : {"first", "last"}, optional
        Where images of shape (n, ., ., .) have their 1 or 3 channels; default: where it can be seen.
    test_share : float
        Share of each class to test on, where the file has one split alone.
    seed : int
        Chooses them.

    Returns
    -------
    ImageDataSet
        uint8 if pixels are whole numbers from 0 to 255, float32 as they stand otherwise.

    Raises
    ------
    MissingFile
        If there is no such file.
    DataError
        If it is no npz file or damaged, has pickled objects, lacks the arrays, or these are no images and
        labels.
    ConfigError
        If it cannot be seen which axis has the channels, or the share is not between 0 and 1.
    """
    path = Path(path)
    arrays = read_arrays(path)
    named = next((names for names in NAMES if set(names) <= set(arrays)), None)
    alone = next((names for names in UNSPLIT if set(names) <= set(arrays)), None)
    if named is not None:
        pairs = [(arrays[named[place]], arrays[named[place + 1]]) for place in (0, 2)]
        train, test = (to_split(x, y, str(path), channels) for x, y in pairs)
    elif alone is not None:
        whole = to_split(arrays[alone[0]], arrays[alone[1]], str(path), channels)
        train, test = split_rows(whole, test_share, seed)
    else:
        accepted = "; ".join(", ".join(names) for names in (*NAMES, *UNSPLIT))
        raise DataError(
            f'"{path}" has the arrays {", ".join(sorted(arrays)) or "none"}; accepted are {accepted}. '
            "Rename them."
        )
    names = next((arrays[name] for name in CLASS_NAMES if name in arrays), None)
    highest = max(int(split.labels.max()) for split in (train, test))
    classes = range(highest + 1) if names is None else names.ravel()
    with naming(path):
        return ImageDataSet(name=path.stem, train=train, test=test, classes=tuple(map(str, classes)))


def read_arrays(path: Path) -> Mapping[str, np.ndarray]:
    """Return all arrays of an npz file; pickled objects are refused."""
    if not path.is_file():
        raise MissingFile(f'No file "{path}". Give an npz file with images and labels.')
    found = load_arrays(path)
    if isinstance(found, np.ndarray):
        raise DataError(
            f'"{path}" cannot be read as an npz file: it is one array without a name. Write it by '
            "numpy.savez."
        )
    return found


def to_split(
    images: np.ndarray, labels: np.ndarray, source: str, channels: Literal["first", "last"] | None = None
) -> ImageSplit:
    """Check arrays and bring them to (n, C, H, W) and (n,).

    Raises
    ------
    DataError
        If they are no images and labels.
    ConfigError
        If it cannot be seen which axis has the channels.
    """
    labels = labels.reshape(len(labels)) if labels.ndim and labels.size == len(labels) else labels
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise DataError(
            f'Labels of "{source}" are {labels.dtype} of shape {labels.shape}; accepted are whole numbers of '
            "shape (n,), counted from 0. Convert them."
        )
    if images.ndim not in (3, 4) or len(images) != len(labels) or 0 in images.shape:
        raise DataError(
            f'Images of "{source}" have shape {images.shape} with {len(labels)} labels; accepted are (n, H, '
            "W), (n, H, W, C) and (n, C, H, W), with as many labels and none of the sizes 0. Change the "
            "shape."
        )
    if int(labels.min()) < 0:
        raise DataError(
            f'Labels of "{source}" go down to {labels.min()}; accepted is 0 or more. Correct them.'
        )
    if int(labels.max()) >= MOST_CLASSES:
        raise DataError(
            f'Labels of "{source}" go up to {labels.max()}; accepted is up to {MOST_CLASSES - 1}. Count '
            "classes from 0, without gaps."
        )
    ordered = images[:, None] if images.ndim == 3 else _channels_first(images, source, channels)
    pixels = torch.from_numpy(np.ascontiguousarray(_pixels(ordered, source)))
    return ImageSplit(images=pixels, labels=torch.from_numpy(labels.astype(np.int64)))


def split_rows(whole: ImageSplit, test_share: float, seed: int) -> tuple[ImageSplit, ImageSplit]:
    """Split each class by chance: at least one image of every class that has two on either side.

    Raises
    ------
    ConfigError
        If the share is not between 0 and 1.
    DataError
        If no class has two images.
    """
    if not 0 < test_share < 1:
        raise ConfigError(f'"test_share" is {test_share}; accepted is a number between 0 and 1. Change it.')
    labels = whole.labels.numpy()
    is_test = np.zeros(len(labels), dtype=bool)
    rng = np.random.default_rng(seed)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        if len(rows) > 1:
            is_test[rows[: min(len(rows) - 1, max(1, round(test_share * len(rows))))]] = True
    if not is_test.any():
        raise DataError(
            f"{len(labels)} images cannot be split: no class has two. Give more images, or a test split."
        )
    return whole.take(np.flatnonzero(~is_test)), whole.take(np.flatnonzero(is_test))


def _channels_first(images: np.ndarray, source: str, channels: str | None) -> np.ndarray:
    is_first, is_last = images.shape[1] in COLOURS, images.shape[3] in COLOURS
    if channels is None and is_first == is_last:
        raise ConfigError(
            f'Images of "{source}" have shape {images.shape}, of which axis 1 or axis 3 has the channels. '
            'Say channels="first" or channels="last".'
        )
    return images.transpose(0, 3, 1, 2) if channels == "last" or (channels is None and is_last) else images


def _pixels(images: np.ndarray, source: str) -> np.ndarray:
    """Return uint8 or float32."""
    if images.dtype == np.bool_:
        return images.astype(np.uint8) * np.uint8(255)
    if images.dtype.kind in "iu" and images.min() >= 0 and images.max() <= 255:
        return images.astype(np.uint8)
    if images.dtype.kind != "f":
        raise DataError(
            f'Pixels of "{source}" are {images.dtype}; accepted are whole numbers from 0 to 255, floats and '
            "truth values. Convert them."
        )
    return images.astype(np.float32)
