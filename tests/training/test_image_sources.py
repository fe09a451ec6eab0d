"""Every kind of source is read, chosen from by seed, and brought to the full resolution that is asked for."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch

from longwave.data.images import load_digits
from longwave.errors import ConfigError, DataError, MissingFile, UnknownName
from longwave.training import ImageDataConfig, load_images
from longwave.training.image_sources import describe_images, split_validation


def test_an_npz_file_is_read_as_it_is(image_file: Path) -> None:
    data = load_images(ImageDataConfig(source=str(image_file)))
    assert (data.name, data.sizes, data.n_classes) == ("halves", (8, 12), 3)
    assert data.train.images.dtype == torch.uint8


def test_the_shape_is_told(image_file: Path) -> None:
    shape = describe_images(ImageDataConfig(source=str(image_file), validation_fraction=0.25))
    assert (shape.n_channels, shape.n_classes, shape.sizes, shape.n_frames) == (1, 3, (8, 12), None)
    assert shape.n_train == 17  # two of each class are held out


def test_a_size_is_that_of_the_height(image_file: Path) -> None:
    data = load_images(ImageDataConfig(source=str(image_file), size=4))
    whole = load_images(ImageDataConfig(source=str(image_file)))
    assert data.sizes == (4, 6)
    expected = whole.test.images.float().reshape(10, 1, 4, 2, 6, 2).mean((3, 5)) / 255
    torch.testing.assert_close(data.test.images, expected)


def test_images_are_not_enlarged(image_file: Path) -> None:
    with pytest.raises(ConfigError, match="fewer than 9"):
        load_images(ImageDataConfig(source=str(image_file), size=9))


def test_samples_are_chosen_by_the_seed(image_file: Path) -> None:
    one, same, other = (
        load_images(ImageDataConfig(source=str(image_file), n_train=7, n_test=4, seed=seed))
        for seed in (0, 0, 1)
    )
    assert (len(one.train), len(one.test)) == (7, 4)
    assert one.hash == same.hash != other.hash


def test_more_samples_than_there_are_is_an_error(image_file: Path) -> None:
    with pytest.raises(ConfigError, match='"n_test" is 11, but the source has 10'):
        load_images(ImageDataConfig(source=str(image_file), n_test=11))


def test_what_is_held_out_is_not_trained_on(image_file: Path) -> None:
    config = ImageDataConfig(source=str(image_file), validation_fraction=0.25)
    data = load_images(config)
    train, held_out = split_validation(config, data)
    assert held_out is not None
    seen = {image.numpy().tobytes() for image in train.images}
    assert len(seen) + len(held_out) == len(data.train)
    assert not seen & {image.numpy().tobytes() for image in held_out.images}


def test_digits_of_scikit_learn_are_a_source() -> None:
    assert load_images(ImageDataConfig(source="digits")).hash == load_digits().hash


def test_omniglot_takes_its_task() -> None:
    options = {"task": "character"}
    data = load_images(ImageDataConfig(source="omniglot", n_train=50, n_test=20, options=options))
    assert (data.n_classes, len(data.train)) == (242, 50)


def test_clips_are_made_from_the_seed() -> None:
    config = ImageDataConfig(
        source="moving-digits", n_train=3, n_test=2, options={"n_frames": 5, "target": "digit"}
    )
    data = load_images(config)
    assert data.train.images.shape == (3, 1, 5, 32, 32)
    assert describe_images(config).n_frames == 5


def test_files_of_mnist_are_recognised(tmp_path: Path) -> None:
    for name, n in (("train", 4), ("t10k", 2)):
        images = bytes((0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 3, 0, 0, 0, 3)) + bytes(range(9 * n))
        (tmp_path / f"{name}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(bytes((0, 0, 8, 1, 0, 0, 0, n, *range(n))))
    assert load_images(ImageDataConfig(source=str(tmp_path))).sizes == (3, 3)


def test_files_of_cifar_are_recognised(tmp_path: Path) -> None:
    record = bytes((1, 0)) + bytes(3 * 32 * 32)
    for name in ("train", "test"):
        (tmp_path / f"{name}.bin").write_bytes(record)
    config = ImageDataConfig(source=str(tmp_path), options={"labels": "coarse"})
    assert load_images(config).n_classes == 20


def test_a_folder_of_pictures_is_brought_to_the_size(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for number, sizes in enumerate(((20, 30, 3), (16, 16, 3))):
            pixels = rng.integers(0, 256, sizes, dtype=np.uint8)
            pillow.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    data = load_images(ImageDataConfig(source=str(tmp_path), size=8, options={"mode": "L"}))
    assert data.train.images.shape == (2, 1, 8, 8)
    with pytest.raises(DataError, match="Give a size"):
        load_images(ImageDataConfig(source=str(tmp_path)))


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="tsk"):
        load_images(ImageDataConfig(source="omniglot", options={"tsk": "character"}))


def test_an_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(UnknownName, match="mnist"):
        load_images(ImageDataConfig(source="mnit"))


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(MissingFile, match="some/where"):
        load_images(ImageDataConfig(source="some/where"))
