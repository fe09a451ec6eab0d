"""Changes for training: they repeat, and they are what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from longwave.data.images import (
    AugmentConfig,
    Draw,
    ImageSplit,
    augment,
    cutmix,
    mix,
    mixup,
    random_affine,
    random_crop,
    random_erase,
    random_flip,
)
from longwave.errors import ConfigError, ShapeError


def split(n: int, shape: tuple[int, ...] = (1, 4, 4), n_classes: int = 2) -> ImageSplit:
    images = torch.from_numpy(np.random.default_rng(n).integers(0, 256, (n, *shape), dtype=np.uint8))
    return ImageSplit(images=images, labels=torch.arange(n) % n_classes)


IMAGES = torch.rand(8, 2, 9, 7, generator=torch.Generator().manual_seed(0))
ALL = AugmentConfig(degrees=20, scale=0.1, shear=0.1, padding=2, flip=True, erase=0.5, mixup=0.4, cutmix=1.0)


def test_a_step_repeats_and_another_does_not() -> None:
    one, again = (augment(IMAGES, ALL, Draw(seed=3, step=5)) for _ in range(2))
    assert one.equal(again)
    assert not one.equal(augment(IMAGES, ALL, Draw(seed=3, step=6)))
    assert not one.equal(augment(IMAGES, ALL, Draw(seed=4, step=5)))


def test_changes_are_the_same_for_any_number_of_processes() -> None:
    shares = [
        augment(part, ALL, Draw(seed=1, step=2, rank=rank, world=2))
        for rank, part in enumerate(IMAGES.split(4))
    ]
    torch.testing.assert_close(torch.cat(shares), augment(IMAGES, ALL, Draw(seed=1, step=2)))


def test_all_frames_of_a_clip_change_alike() -> None:
    clips = IMAGES[:, :, None].expand(-1, -1, 3, -1, -1)
    changed = augment(clips, ALL, Draw(seed=0, step=0))
    for frame in range(3):
        assert changed[:, :, frame].equal(augment(IMAGES, ALL, Draw(seed=0, step=0)))


def test_nothing_configured_changes_nothing() -> None:
    assert augment(IMAGES, AugmentConfig(), Draw(seed=0, step=0)).equal(IMAGES)


def test_one_change_does_not_move_the_numbers_of_another() -> None:
    cropped = random_crop(IMAGES, Draw(seed=0, step=0), padding=2)
    config = AugmentConfig(padding=2, flip=True)
    assert augment(IMAGES, config, Draw(seed=0, step=0)).equal(random_flip(cropped, Draw(seed=0, step=0)))


def test_crops_are_shifts_with_zeros_and_reach_every_place() -> None:
    image = torch.arange(1.0, 13).view(1, 1, 3, 4).expand(400, -1, -1, -1)
    padded = F.pad(image[:1], (1, 1, 1, 1))
    expected = {
        tuple(padded[0, 0, y : y + 3, x : x + 4].flatten().tolist()) for y in range(3) for x in range(3)
    }
    cropped = random_crop(image, Draw(seed=0, step=0), padding=1)
    assert {tuple(each.flatten().tolist()) for each in cropped} == expected


def test_about_half_the_images_are_mirrored() -> None:
    image = torch.tensor([1.0, 2, 3]).view(1, 1, 1, 3).expand(400, -1, -1, -1)
    flipped = random_flip(image, Draw(seed=0, step=0))
    mirrored = (flipped == image.flip(-1)).all(-1).flatten()
    assert ((flipped == image).all(-1).flatten() ^ mirrored).all()
    assert 150 < mirrored.sum() < 250


def test_rotations_keep_lengths_on_images_that_are_not_square() -> None:
    y, x = torch.meshgrid(torch.arange(41) - 20.0, torch.arange(81) - 40.0, indexing="ij")
    blob = torch.exp(-((x - 12) ** 2 + y**2) / 8).expand(20, 1, -1, -1)
    turned = random_affine(blob, Draw(seed=0, step=0), degrees=90)[:, 0]
    mass = turned.sum((1, 2))
    where = torch.stack(((turned * x).sum((1, 2)), (turned * y).sum((1, 2)))) / mass
    torch.testing.assert_close(where.norm(dim=0), torch.full((20,), 12.0), atol=0.05, rtol=0)
    assert where[1].min() < -9
    assert where[1].max() > 9


def test_affine_of_nothing_is_the_image() -> None:
    torch.testing.assert_close(random_affine(IMAGES, Draw(seed=0, step=0)), IMAGES, atol=1e-5, rtol=0)


def test_erased_places_are_rectangles_of_the_configured_area() -> None:
    ones = torch.ones(300, 2, 20, 30)
    holes = random_erase(ones, Draw(seed=0, step=0), probability=0.5) == 0
    assert holes[:, 0].equal(holes[:, 1])
    area, rows, columns = holes[:, 0].sum((1, 2)), holes[:, 0].any(2).sum(1), holes[:, 0].any(1).sum(1)
    assert area.equal(rows * columns)
    assert 100 < (area > 0).sum() < 200
    assert area.max() <= 0.4 * 600


def test_mixup_blends_images_and_targets_alike() -> None:
    targets = torch.eye(8)
    images, shares = mixup(IMAGES, targets, Draw(seed=0, step=1), alpha=1.0)
    torch.testing.assert_close(images, (shares @ IMAGES.flatten(1)).view_as(IMAGES))
    torch.testing.assert_close(shares.sum(1), torch.ones(8))
    assert ((shares > 0).sum(1) <= 2).all()


def test_cutmix_shares_are_areas() -> None:
    images = torch.arange(8.0).view(8, 1, 1, 1).expand(-1, 1, 10, 10)
    mixed, shares = cutmix(images, torch.eye(8), Draw(seed=0, step=1))
    counted = torch.stack([(mixed == number).float().mean((1, 2, 3)) for number in range(8)], dim=1)
    torch.testing.assert_close(counted, shares)
    assert (shares.max(1).values < 1).any()


def test_both_mixtures_take_turns_by_step() -> None:
    images = torch.arange(8.0).view(8, 1, 1, 1).expand(-1, 1, 9, 9)
    mixed = [mix(images, torch.arange(8), 8, ALL, Draw(seed=0, step=step))[0] for step in range(30)]
    n_cut = sum(bool((each == each.round()).all()) for each in mixed)
    assert 5 < n_cut < 25


def test_mixing_nothing_gives_whole_classes() -> None:
    images, targets = mix(IMAGES, torch.arange(8), 9, AugmentConfig(), Draw(seed=0, step=0))
    assert images is IMAGES
    assert targets.equal(torch.eye(8, 9))


def test_mixing_labels_without_a_class_is_refused() -> None:
    with pytest.raises(ShapeError, match="from 0 to 6"):
        mix(IMAGES, torch.arange(8), 7, ALL, Draw(seed=0, step=0))


@pytest.mark.parametrize(
    "change", [{"degrees": 200}, {"padding": -1}, {"erase": 1.5}, {"mixup": float("inf")}]
)
def test_changes_out_of_range_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f'"{next(iter(change))}"'):
        AugmentConfig(**change)


@pytest.mark.parametrize("wrong", [{"step": -1}, {"seed": -1}, {"rank": 2, "world": 2}], ids=str)
def test_draws_of_no_step_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="Count from 0"):
        Draw(**{"seed": 0, "step": 0, **wrong})
