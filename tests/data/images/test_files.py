"""Files of MNIST and of CIFAR, and what is refused."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from longwave.data.images import (
    read_cifar,
    read_mnist,
)
from longwave.errors import ConfigError, DataError, MissingFile

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 5, 4), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


def idx(array: np.ndarray) -> bytes:
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@pytest.fixture
def mnist_folder(tmp_path: Path) -> Path:
    for name, rows in (("train", slice(0, 4)), ("t10k", slice(4, 6))):
        labels = LABELS[rows].astype(np.uint8)
        (tmp_path / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(PIXELS[rows])))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels))
    return tmp_path


def test_idx_files_are_read_compressed_or_not(mnist_folder: Path) -> None:
    made = read_mnist(mnist_folder, classes=["x", "y", "z"])
    assert torch.cat((made.train.images, made.test.images))[:, 0].equal(torch.from_numpy(PIXELS))
    assert (made.train.labels.tolist(), made.classes) == ([0, 1, 2, 0], ("x", "y", "z"))
    assert read_mnist(mnist_folder).classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (idx(PIXELS)[:-1], "has 135 bytes where its head says 136"),
        (idx(PIXELS) + b"0", "has 137 bytes"),
        (idx(PIXELS)[:10], "has 10 bytes"),
        (b"\x00\x00\x0d" + idx(PIXELS)[3:], "begins with 00 00 0d 03"),
        (b"", "begins with nothing"),
        (gzip.compress(idx(PIXELS))[:-20], "is damaged"),
    ],
    ids=["cut-off", "too-long", "cut-head", "magic", "empty", "cut-gzip"],
)
def test_damaged_idx_files_are_refused(mnist_folder: Path, data: bytes, says: str) -> None:
    (mnist_folder / "train-images-idx3-ubyte").write_bytes(data)
    with pytest.raises(DataError, match=says):
        read_mnist(mnist_folder)


def test_a_missing_idx_file_is_named(mnist_folder: Path) -> None:
    (mnist_folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(MissingFile, match="t10k-labels-idx1-ubyte"):
        read_mnist(mnist_folder)


def records(n: int, labels: tuple[int, ...]) -> bytes:
    pixels = np.arange(n * 3072).astype(np.uint8).reshape(n, 3072)
    return b"".join(bytes(labels) + row.tobytes() for row in pixels)


@pytest.fixture
def cifar_folder(tmp_path: Path) -> Path:
    for number in range(1, 6):
        (tmp_path / f"data_batch_{number}.bin").write_bytes(records(1, (number,)))
    (tmp_path / "test_batch.bin").write_bytes(records(2, (9,)))
    (tmp_path / "batches.meta.txt").write_text("\n".join("abcdefghij") + "\n\n", "utf-8")
    return tmp_path


def test_cifar_10_is_read(cifar_folder: Path) -> None:
    made = read_cifar(cifar_folder)
    assert (made.train.labels.tolist(), made.test.labels.tolist()) == ([1, 2, 3, 4, 5], [9, 9])
    assert made.classes == tuple("abcdefghij")
    assert made.train.images.shape == (5, 3, 32, 32)
    assert made.train.images[0, 1, 0, :3].tolist() == [1024 % 256, 1025 % 256, 1026 % 256]  # green, first row


def test_cifar_100_has_two_kinds_of_labels(tmp_path: Path) -> None:
    for name in ("train", "test"):
        (tmp_path / f"{name}.bin").write_bytes(records(2, (7, 70)))
    fine, coarse = read_cifar(tmp_path), read_cifar(tmp_path, labels="coarse")
    assert (fine.train.labels.tolist(), fine.n_classes) == ([70, 70], 100)
    assert (coarse.train.labels.tolist(), coarse.n_classes) == ([7, 7], 20)
    with pytest.raises(ConfigError, match='"fine" and "coarse"'):
        read_cifar(tmp_path, labels="both")


@pytest.mark.parametrize("name", ["data_batch_1", "train"])
def test_cifar_in_pickles_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x02}q\x01.")
    with pytest.raises(DataError, match=r"can run code .* binary version"):
        read_cifar(tmp_path)


def test_damaged_and_missing_cifar_files_are_refused(cifar_folder: Path) -> None:
    (cifar_folder / "data_batch_3.bin").write_bytes(records(1, (3,))[:-1])
    with pytest.raises(DataError, match="has 3072 bytes; accepted is a multiple of 3073"):
        read_cifar(cifar_folder)
    (cifar_folder / "data_batch_3.bin").unlink()
    with pytest.raises(MissingFile, match=r"data_batch_3\.bin"):
        read_cifar(cifar_folder)


def test_labels_beyond_cifars_classes_are_refused(cifar_folder: Path) -> None:
    (cifar_folder / "test_batch.bin").write_bytes(records(1, (10,)))
    with pytest.raises(DataError, match="there are 10 classes"):
        read_cifar(cifar_folder)
