"""Moving digits: they go where the label says, bounce inside the frame, and are the same for a seed."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from longwave.data.images import ImageDataSet, ImageSplit
from longwave.data.video import MovingDigitsConfig, make_moving_digits
from longwave.errors import ConfigError, ShapeError

WAYS = {"right": (0, 1), "down": (1, 0), "left": (0, -1), "up": (-1, 0)}


def blobs(side: int = 3) -> ImageDataSet:
    images = torch.full((4, 1, side, side), 255, dtype=torch.uint8)
    part = ImageSplit(images=images, labels=torch.arange(4) % 2)
    return ImageDataSet(name="blobs", train=part, test=part, classes=("a", "b"))


def centres(clips: torch.Tensor) -> torch.Tensor:
    """Return the middle of what is seen, (n, T, 2): row and column."""
    seen = clips[:, 0].double()
    places = torch.arange(clips.shape[-1]).double()
    rows, columns = seen.sum(3) @ places, seen.sum(2) @ places
    return torch.stack((rows, columns), dim=2) / seen.sum((2, 3))[..., None]


SMALL = MovingDigitsConfig(n_train=40, n_test=6, n_frames=12, size=16, speed=1.5, n_directions=4)


def test_clips_have_the_shape_and_classes_asked_for() -> None:
    made = make_moving_digits(blobs(), SMALL)
    assert made.train.images.shape == (40, 1, 12, 16, 16)
    assert made.train.images.dtype == torch.uint8
    assert (len(made.test), made.classes, made.name) == (6, tuple(WAYS), "moving-blobs")


def test_digits_begin_as_the_label_says() -> None:
    made = make_moving_digits(blobs(), SMALL)
    where = centres(made.train.images)
    step = where[:, SMALL.steady_steps] - where[:, 0]
    ways = torch.tensor([WAYS[name] for name in made.classes]).double()
    assert (step @ ways.T).argmax(1).equal(made.train.labels)
    assert made.train.labels.unique().tolist() == [0, 1, 2, 3]


def test_digits_stay_whole_inside_the_frame_and_bounce() -> None:
    made = make_moving_digits(blobs(), dataclasses.replace(SMALL, n_frames=40, speed=1.2))
    mass = made.train.images.double().sum((1, 3, 4)) / (9 * 255)
    torch.testing.assert_close(mass, torch.ones_like(mass), atol=0.02, rtol=0)
    velocity = centres(made.train.images).diff(dim=1)
    turned = (velocity[:, 1:] * velocity[:, :-1] < -1e-3).any(1).any(1)
    assert turned.float().mean() > 0.8


def test_a_clip_is_the_same_for_any_number_of_clips() -> None:
    many, few = (make_moving_digits(blobs(), dataclasses.replace(SMALL, n_train=n)).train for n in (40, 7))
    assert many.images[:7].equal(few.images)
    assert many.labels[:7].equal(few.labels)
    other = make_moving_digits(blobs(), dataclasses.replace(SMALL, seed=1)).train
    assert not other.images.equal(many.images)


def test_training_and_test_clips_differ() -> None:
    made = make_moving_digits(blobs(), dataclasses.replace(SMALL, n_test=40))
    assert not made.train.images.equal(made.test.images)


@pytest.mark.parametrize(
    ("target", "n_classes"),
    [("digit", 2), ("direction", 8), ("both", 16)],
    ids=["digit", "direction", "both"],
)
def test_targets_of_the_same_clips_agree(target: str, n_classes: int) -> None:
    base = dataclasses.replace(SMALL, n_directions=8)
    made = {
        name: make_moving_digits(blobs(), dataclasses.replace(base, target=name))
        for name in (target, "digit", "direction", "both")
    }
    assert made[target].n_classes == n_classes
    digit, direction, both = (made[name].train.labels for name in ("digit", "direction", "both"))
    assert both.equal(digit * 8 + direction)
    assert made["both"].classes[9] == "b down-right"


def test_clips_shrink_in_space_alone() -> None:
    made = make_moving_digits(blobs(), SMALL).at_rate(2)
    assert made.train.images.shape == (40, 1, 12, 8, 8)


def test_a_frame_without_room_is_refused() -> None:
    with pytest.raises(ConfigError, match="has 1 pixels to move, but goes 4"):
        make_moving_digits(blobs(15), SMALL)


def test_images_that_are_not_square_and_grey_are_refused() -> None:
    part = ImageSplit(images=torch.zeros(2, 3, 4, 4), labels=torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"accepted is \(1, d, d\)"):
        make_moving_digits(ImageDataSet(name="x", train=part, test=part, classes=("a",)), SMALL)


@pytest.mark.parametrize(
    "change",
    [{"n_frames": 1}, {"speed": 0.0}, {"speed": float("nan")}, {"n_directions": 5}, {"target": "speed"}],
    ids=str,
)
def test_settings_out_of_range_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f'"{next(iter(change))}"'):
        MovingDigitsConfig(**change)
