"""npz files, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from longwave.data.images import (
    read_npz,
)
from longwave.errors import ConfigError, DataError, MissingFile

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 5, 4), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


@pytest.fixture
def write_npz(tmp_path: Path) -> Callable[..., Path]:
    def write(**arrays: np.ndarray) -> Path:
        np.savez(tmp_path / "some.npz", **arrays)
        return tmp_path / "some.npz"

    return write


@pytest.mark.parametrize(
    "names", [("train_x", "train_y", "test_x", "test_y"), ("x_train", "y_train", "x_test", "y_test")]
)
def test_npz_files_with_two_splits_are_read(write_npz: Callable[..., Path], names: tuple[str, ...]) -> None:
    made = read_npz(
        write_npz(**dict(zip(names, (PIXELS, LABELS[:, None], PIXELS[:2], LABELS[:2]), strict=True)))
    )
    assert made.train.images.equal(torch.from_numpy(PIXELS)[:, None])
    assert (made.test.labels.tolist(), made.classes, made.name) == ([0, 1], ("0", "1", "2"), "some")


def test_npz_files_with_one_split_are_split_class_by_class(write_npz: Callable[..., Path]) -> None:
    path = write_npz(
        images=np.repeat(PIXELS, 5, 0), labels=np.repeat(LABELS, 5), classes=np.array(list("abc"))
    )
    made = read_npz(path)
    assert torch.bincount(made.test.labels).tolist() == [2, 2, 2]
    assert (len(made.train), made.classes) == (24, ("a", "b", "c"))
    assert made.hash == read_npz(path).hash != read_npz(path, seed=1).hash


@pytest.mark.parametrize("shape", [(6, 5, 4, 3), (6, 3, 5, 4)], ids=["last", "first"])
def test_channels_are_found(write_npz: Callable[..., Path], shape: tuple[int, ...]) -> None:
    made = read_npz(write_npz(x=np.zeros(shape), y=LABELS))
    assert made.train.images.shape[1:] == (3, 5, 4)
    assert made.train.images.dtype == torch.float32


def test_channels_that_could_be_either_axis_are_asked_for(write_npz: Callable[..., Path]) -> None:
    path = write_npz(x=np.zeros((6, 3, 4, 1)), y=LABELS)
    with pytest.raises(ConfigError, match='channels="first"'):
        read_npz(path)
    assert read_npz(path, channels="last").train.images.shape[1:] == (1, 3, 4)


def test_truth_values_become_black_and_white(write_npz: Callable[..., Path]) -> None:
    assert read_npz(write_npz(x=PIXELS > 100, y=LABELS)).train.images.unique().tolist() == [0, 255]


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"a": PIXELS}, "has the arrays a; accepted are"),
        ({"x": PIXELS, "y": LABELS[:5]}, r"\(6, 5, 4\) with 5 labels"),
        ({"x": PIXELS[0], "y": LABELS}, r"accepted are \(n, H, W\)"),
        ({"x": PIXELS.astype(int) * 2, "y": LABELS}, "Pixels .* are int64"),
        ({"x": PIXELS, "y": LABELS / 2}, "Labels .* are float64"),
        ({"x": PIXELS, "y": LABELS - 1}, "go down to -1"),
        ({"x": PIXELS, "y": LABELS, "classes": np.array(["a", "b"])}, "there are 2 classes"),
        ({"x": PIXELS, "y": np.arange(6)}, "no class has two"),
        ({"x": np.array([{}], dtype=object), "y": LABELS}, "allow_pickle"),
    ],
    ids=["names", "counts", "shape", "pixels", "labels", "negative", "classes", "no-pairs", "pickle"],
)
def test_npz_files_that_are_no_images_are_refused(
    write_npz: Callable[..., Path], arrays: dict, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        read_npz(write_npz(**arrays))


def test_a_share_that_is_none_is_refused(write_npz: Callable[..., Path]) -> None:
    with pytest.raises(ConfigError, match='"test_share" is 1'):
        read_npz(write_npz(x=PIXELS, y=LABELS), test_share=1)


def test_damaged_npz_files_are_refused(write_npz: Callable[..., Path], tmp_path: Path) -> None:
    path = write_npz(x=PIXELS, y=LABELS)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="cannot be read as an npz file"):
        read_npz(path)
    np.save(tmp_path / "one.npy", PIXELS)
    with pytest.raises(DataError, match="one array without a name"):
        read_npz(tmp_path / "one.npy")
    with pytest.raises(MissingFile, match="No file"):
        read_npz(tmp_path / "none.npz")
