"""Small sets of real images that need no download: MNIST and Omniglot samples, and scikit-learn's digits."""

# Shapes: n images, H height, W width

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch

from longwave.data.images.data_set import ImageDataSet, ImageSplit
from longwave.data.images.npz import read_arrays, read_npz, to_split
from longwave.errors import DataError, MissingExtra
from longwave.samples import sample_path

__all__ = ["load_digits", "load_mnist", "load_omniglot"]

LAST_TRAINING_DRAWER = 16
N_TEST_DIGITS = 360


def load_mnist() -> ImageDataSet:
    """Return 4000 training and 1000 test images of MNIST, equally many of each digit.

    Returns
    -------
    ImageDataSet
        Shape (n, 1, 28, 28), uint8; white on black. The training images come from MNIST's training split and
        the test images from its test split.

    References
    ----------
    Yann LeCun, Corinna Cortes, Christopher Burges; licence in ``longwave/samples/images/README.md``.
    """
    return read_npz(sample_path("images/mnist.npz"))


def load_omniglot(
    task: Literal["alphabet", "character"] = "alphabet", path: Path | str | None = None
) -> ImageDataSet:
    """Return 4840 handwritten characters of Omniglot, labelled by alphabet or by character.

    Parameters
    ----------
    task : {"alphabet", "character"}
        8 alphabets or 242 characters.
    path : Path or str, optional
        Another file in the format of the bundled one.

    Returns
    -------
    ImageDataSet
        Shape (n, 1, 105, 105), uint8, 0 or 255; white ink on black. Drawers 1 to 16 train and 17 to 20 test:
        no hand is in both, but each character is.

    Raises
    ------
    MissingFile
        If there is no such file.
    DataError
        If the file is damaged or has another format.

    References
    ----------
    Lake, Salakhutdinov, Tenenbaum, Science 350 (2015); licence in ``longwave/samples/images/README.md``.
    """
    source = sample_path("images/omniglot.npz") if path is None else Path(path)
    arrays = read_arrays(source)
    wanted = ("ink_bits", task, f"{task}_names", "drawer")
    missing = [name for name in wanted if name not in arrays]
    if missing:
        raise DataError(
            f'"{source}" has no array "{missing[0]}"; there are: {", ".join(sorted(arrays))}. Give a file '
            "in the format of the bundled one."
        )
    ink, labels, names, drawer = (arrays[name] for name in wanted)
    if ink.dtype != np.uint8 or ink.ndim != 3 or not len(ink) == len(labels) == len(drawer):
        raise DataError(
            f'"{source}" has ink_bits of {ink.dtype} and shape {ink.shape} for {len(labels)} labels; '
            "accepted are packed bits in uint8, (n, 105, 14), and n labels and drawers. Write it again."
        )
    images = np.unpackbits(ink, axis=-1, count=ink.shape[1]) * np.uint8(255)
    is_train = drawer <= LAST_TRAINING_DRAWER
    train, test = (to_split(images[rows], labels[rows], str(source)) for rows in (is_train, ~is_train))
    return ImageDataSet(name=f"omniglot-{task}s", train=train, test=test, classes=tuple(map(str, names)))


def load_digits() -> ImageDataSet:
    """Return scikit-learn's 1797 handwritten digits of 8 x 8 pixels, the last 360 of them to test on.

    Returns
    -------
    ImageDataSet
        Shape (n, 1, 8, 8), float32 from 0 to 1 in steps of a sixteenth.

    Raises
    ------
    MissingExtra
        If scikit-learn is not installed.
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise MissingExtra("scikit-learn's digits", "images") from error
    found = datasets.load_digits()
    images = torch.from_numpy(found.images.astype(np.float32) / 16)[:, None]
    whole = ImageSplit(images=images, labels=torch.from_numpy(found.target.astype(np.int64)))
    train, test = whole.take(slice(None, -N_TEST_DIGITS)), whole.take(slice(-N_TEST_DIGITS, None))
    return ImageDataSet(name="digits", train=train, test=test, classes=tuple(map(str, range(10))))
