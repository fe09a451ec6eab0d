"""Images in the files their authors publish: MNIST's idx and CIFAR's binary version."""

# Shapes: n images, C channels, H height, W width

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from longwave.config import naming
from longwave.data.images.data_set import ImageDataSet, ImageSplit
from longwave.data.images.npz import to_split
from longwave.errors import ConfigError, DataError, MissingFile

__all__ = ["read_cifar", "read_idx", "read_mnist"]

GZIP = b"\x1f\x8b"
LARGEST, BLOCK = 1 << 32, 1 << 24  # bytes unpacked, and at a time
MOST_AXES = 8
UINT8 = 8  # third byte of an idx file
SIDE = 32  # of CIFAR's images
CIFAR_10 = tuple(f"data_batch_{number}" for number in range(1, 6))


def read_mnist(folder: Path | str, *, classes: Sequence[str] | None = None) -> ImageDataSet:
    """Read data in the files of MNIST, as Fashion-MNIST and others have them too.

    Parameters
    ----------
    folder : Path or str
        Holds ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
        ``t10k-labels-idx1-ubyte``, each as it is or with the ending ``.gz``.
    classes : sequence of str, optional
        Names of the labels; default: their numbers.

    Raises
    ------
    MissingFile
        If the folder or a file is missing.
    DataError
        If a file is damaged, cut off, or of another kind.
    """
    folder = Path(folder)
    train, test = (
        to_split(
            read_idx(_find(folder, f"{name}-images-idx3-ubyte")),
            read_idx(_find(folder, f"{name}-labels-idx1-ubyte")),
            f"{folder}/{name}",
        )
        for name in ("train", "t10k")
    )
    highest = max(int(split.labels.max()) for split in (train, test))
    names = tuple(map(str, range(highest + 1) if classes is None else classes))
    with naming(folder):
        return ImageDataSet(name=folder.name, train=train, test=test, classes=names)


def read_idx(path: Path) -> np.ndarray:
    """Return the array of an idx file of bytes, compressed by gzip or not.

    Raises
    ------
    DataError
        If the file is damaged, cut off, or of another kind.

    Notes
    -----
    Two zeros, a byte for the type, a byte for the number of axes, a big-endian size of four bytes for each,
    and the numbers, last axis fastest.
    """
    try:
        with path.open("rb") as file:
            is_packed = file.read(len(GZIP)) == GZIP
            file.seek(0)
            data = _read_blocks(gzip.GzipFile(fileobj=file) if is_packed else file)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f'"{path}" is damaged: {error}. Download it again.') from error
    if len(data) < 4 or data[:3] != bytes((0, 0, UINT8)) or not data[3]:
        raise DataError(
            f'"{path}" begins with {data[:4].hex(" ") or "nothing"}; accepted are idx files of bytes, which '
            "begin with 00 00 08 and the number of axes. Download it again."
        )
    start = 4 + 4 * data[3]
    sizes = tuple(int.from_bytes(data[place : place + 4], "big") for place in range(4, start, 4))
    expected = start + math.prod(sizes)
    if len(data) != expected or len(sizes) > MOST_AXES or 0 in sizes:
        raise DataError(
            f'"{path}" has {len(data)} bytes where its head says {expected} (sizes {sizes}). Download it '
            "again."
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(sizes)


def _read_blocks(file: BinaryIO | gzip.GzipFile) -> bytes:
    """Read a file, but stop beyond a size: a small one may unpack to more than there is memory."""
    blocks: list[bytes] = []
    while sum(map(len, blocks)) <= LARGEST and (block := file.read(BLOCK)):
        blocks.append(block)
    return b"".join(blocks)


def read_cifar(folder: Path | str, *, labels: Literal["fine", "coarse"] = "fine") -> ImageDataSet:
    """Read the binary version of CIFAR-10 or CIFAR-100.

    Parameters
    ----------
    folder : Path or str
        ``cifar-10-batches-bin`` or ``cifar-100-binary``, unpacked.
    labels : {"fine", "coarse"}
        Which of CIFAR-100's labels: 100 classes or 20.

    Raises
    ------
    MissingFile
        If the folder or a file is missing.
    DataError
        If a file is cut off, or the folder has the Python version, whose pickles can run code when they are
        read.
    ConfigError
        If labels are neither.
    """
    if labels not in ("fine", "coarse"):
        raise ConfigError(f'"labels" is "{labels}"; accepted are "fine" and "coarse". Change it.')
    folder = Path(folder)
    _refuse_pickles(folder)
    if (folder / "data_batch_1.bin").is_file():
        parts = [_read_cifar(folder / f"{name}.bin", 1, 0) for name in (*CIFAR_10, "test_batch")]
        classes = _names(folder / "batches.meta.txt", 10)
        train, test = _join(parts[:-1], folder), _join(parts[-1:], folder)
    else:
        column = 1 if labels == "fine" else 0
        train, test = (
            _join([_read_cifar(folder / f"{name}.bin", 2, column)], folder) for name in ("train", "test")
        )
        classes = _names(folder / f"{labels}_label_names.txt", 100 if labels == "fine" else 20)
    with naming(folder):
        return ImageDataSet(name=folder.name, train=train, test=test, classes=classes)


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise MissingFile(f'No file "{name}" in "{folder}". Download it there; its ending may be .gz.')


def _refuse_pickles(folder: Path) -> None:
    names = ("data_batch_1", "train")
    pickles = [name for name in names if (folder / name).is_file() and not (folder / f"{name}.bin").is_file()]
    if pickles:
        raise DataError(
            f'"{folder / pickles[0]}" is the Python version of CIFAR, a pickle, which can run code when it '
            "is read; accepted is the binary version, whose files end in .bin. Download that one."
        )


def _read_cifar(path: Path, n_labels: int, column: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images (n, 3, 32, 32) and labels (n,); a record is labels, then red, green and blue rows."""
    if not path.is_file():
        raise MissingFile(f'No file "{path}". Download the binary version of CIFAR and unpack it there.')
    size = n_labels + 3 * SIDE * SIDE
    data = np.frombuffer(path.read_bytes(), np.uint8)
    if len(data) == 0 or len(data) % size:
        raise DataError(
            f'"{path}" has {len(data)} bytes; accepted is a multiple of {size}, a record of an image. '
            "Download it again."
        )
    records = data.reshape(-1, size)
    return records[:, n_labels:].reshape(-1, 3, SIDE, SIDE), records[:, column]


def _join(parts: Sequence[tuple[np.ndarray, np.ndarray]], folder: Path) -> ImageSplit:
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return to_split(images, labels, str(folder), "first")


def _names(path: Path, count: int) -> tuple[str, ...]:
    """Return the lines of a file of names, or numbers where there is none."""
    if not path.is_file():
        return tuple(map(str, range(count)))
    try:
        return tuple(path.read_text("utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f'"{path}" is no UTF-8 text: {error}. Download it again.') from error
