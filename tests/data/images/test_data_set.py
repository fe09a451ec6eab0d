"""The type of all readers, its hash and its scale."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from longwave.data.images import (
    ImageDataSet,
    ImageSplit,
    Normalization,
)
from longwave.errors import DataError, ShapeError


def split(n: int, shape: tuple[int, ...] = (1, 4, 4), n_classes: int = 2) -> ImageSplit:
    images = torch.from_numpy(np.random.default_rng(n).integers(0, 256, (n, *shape), dtype=np.uint8))
    return ImageSplit(images=images, labels=torch.arange(n) % n_classes)


def data_set(**changes: object) -> ImageDataSet:
    values = {"name": "made up", "train": split(4), "test": split(2), "classes": ("a", "b")}
    return ImageDataSet(**{**values, **changes})


@pytest.mark.parametrize(
    ("images", "labels"),
    [((3, 4, 4), (3,)), ((3, 1, 4, 4), (2,)), ((0, 1, 4, 4), (0,)), ((3, 1, 4, 4), (3, 1))],
    ids=["no-channels", "fewer-labels", "empty", "labels-of-two-axes"],
)
def test_what_makes_no_split_is_refused(images: tuple[int, ...], labels: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="Put channels second"):
        ImageSplit(images=torch.zeros(images), labels=torch.zeros(labels, dtype=torch.int64))


def test_other_types_are_refused() -> None:
    with pytest.raises(DataError, match="accepted are uint8 or float32, and int64"):
        ImageSplit(images=torch.zeros(1, 1, 2, 2, dtype=torch.float64), labels=torch.tensor([0]))


def test_pixels_that_are_not_finite_are_refused() -> None:
    images = torch.zeros(3, 1, 2, 2)
    images[1, 0, 0, 0] = float("nan")
    with pytest.raises(DataError, match=r"1 of 3 images .* image 1"):
        ImageSplit(images=images, labels=torch.zeros(3, dtype=torch.int64))


def test_splits_of_different_sizes_are_refused() -> None:
    with pytest.raises(ShapeError, match="Resize one of them"):
        data_set(test=split(2, (1, 4, 5)))


def test_labels_without_a_class_are_refused() -> None:
    with pytest.raises(DataError, match=r"test labels .* from 0 to 2, but there are 2 classes"):
        data_set(test=split(3, n_classes=3))


def test_hash_tells_pixels_labels_and_classes_apart() -> None:
    flipped = ImageSplit(images=split(4).images, labels=1 - split(4).labels)
    made = [data_set(), data_set(train=split(6)), data_set(train=flipped), data_set(classes=("a", "c"))]
    assert len({each.hash for each in made}) == 4
    assert data_set(name="other").hash == made[0].hash


def test_normalised_training_images_have_mean_0_and_deviation_1() -> None:
    part = split(50, (3, 7, 5))
    normalised = Normalization.measure(part).apply(part.images).double().transpose(0, 1).flatten(1)
    torch.testing.assert_close(normalised.mean(1), torch.zeros(3, dtype=torch.float64), atol=1e-6, rtol=0)
    torch.testing.assert_close(normalised.std(1, correction=0), torch.ones(3, dtype=torch.float64))


def test_a_constant_channel_becomes_zero() -> None:
    part = ImageSplit(images=torch.full((3, 1, 4, 4), 0.3), labels=torch.zeros(3, dtype=torch.int64))
    assert Normalization.measure(part).apply(part.images).abs().max() < 1e-6


def test_normalising_other_channels_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(n, 3, \.\.\.\)"):
        Normalization.measure(split(2, (3, 2, 2))).apply(torch.zeros(2, 1, 2, 2))
