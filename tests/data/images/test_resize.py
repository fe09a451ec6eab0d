"""Other resolutions of images and clips."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from longwave.data.images import (
    ImageDataSet,
    ImageSplit,
    load_mnist,
    resize,
    sizes_at_rate,
)
from longwave.errors import ConfigError, ShapeError


def split(n: int, shape: tuple[int, ...] = (1, 4, 4), n_classes: int = 2) -> ImageSplit:
    images = torch.from_numpy(np.random.default_rng(n).integers(0, 256, (n, *shape), dtype=np.uint8))
    return ImageSplit(images=images, labels=torch.arange(n) % n_classes)


def data_set(**changes: object) -> ImageDataSet:
    values = {"name": "made up", "train": split(4), "test": split(2), "classes": ("a", "b")}
    return ImageDataSet(**{**values, **changes})


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32], ids=str)
def test_whole_factors_are_exact_means(dtype: torch.dtype) -> None:
    images = split(2, (1, 6, 12)).images.to(dtype)
    expected = F.avg_pool2d(images.double(), (3, 4)) / (255 if dtype == torch.uint8 else 1)
    torch.testing.assert_close(resize(images, (2, 3)), expected.float())


def test_halving_twice_is_a_quarter() -> None:
    mnist = load_mnist().test.take(slice(0, 20)).images
    torch.testing.assert_close(resize(resize(mnist, 14), 7), resize(mnist, 7), atol=2e-7, rtol=0)


@pytest.mark.parametrize("size", [3, 5, 7, 11, 16], ids="to-{}".format)
def test_other_factors_keep_constants_ramps_and_bounds(size: int) -> None:
    # a ramp that reaches beyond the edges is kept only in the middle, away from what is cut off there
    ramp = (torch.arange(8) + 0.5).repeat(1, 1, 8, 1) / 8
    resized = resize(ramp, size)
    new = (torch.arange(size) + 0.5) / size
    assert resized.min() >= ramp.min()
    assert resized.max() <= ramp.max()
    middle = slice(size // 3, size - size // 3)
    torch.testing.assert_close(resized[0, 0, 0, middle], new[middle], atol=0.02, rtol=0)
    torch.testing.assert_close(
        resize(torch.full((1, 1, 8, 8), 0.3), size), torch.full((1, 1, size, size), 0.3)
    )


def test_shrinking_does_not_alias() -> None:
    stripes = (torch.arange(31) % 2).float().repeat(1, 1, 31, 1)
    assert (resize(stripes, 10)[..., 1:-1] - 0.5).abs().max() < 0.1


def test_frames_of_clips_are_resized_one_by_one() -> None:
    clips = split(2, (1, 3, 6, 6)).images
    frames = torch.stack([resize(clips[:, :, t], 4) for t in range(3)], dim=2)
    assert resize(clips, 4).equal(frames)


def test_rate_2_is_half_the_resolution() -> None:
    made = data_set().at_rate(2)
    assert (made.sizes, made.train.images.dtype) == ((2, 2), torch.float32)
    assert made.train.labels.equal(data_set().train.labels)
    assert [sizes_at_rate((105, 28), rate) for rate in (7, 1, 0.5, 1000)] == [
        (15, 4),
        (105, 28),
        (210, 56),
        (1, 1),
    ]


@pytest.mark.parametrize("rate", [0, -1.0, float("inf"), float("nan")])
def test_rates_that_are_none_are_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match="accepted is a number above 0"):
        sizes_at_rate((28, 28), rate)


@pytest.mark.parametrize(("shape", "size"), [((1, 4, 4), 0), ((4, 4), 2)], ids=["size-0", "no-leading-axis"])
def test_sizes_that_are_none_are_refused(shape: tuple[int, ...], size: int) -> None:
    with pytest.raises(ShapeError, match="sizes of 1 or more"):
        resize(torch.zeros(shape), size)
