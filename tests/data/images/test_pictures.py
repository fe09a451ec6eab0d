"""Folders of pictures, and data sets of the hub."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from longwave.data.images import (
    ImageSplit,
    read_hugging_face,
    read_image_folder,
)
from longwave.errors import DataError, MissingExtra, MissingFile


def split(n: int, shape: tuple[int, ...] = (1, 4, 4), n_classes: int = 2) -> ImageSplit:
    images = torch.from_numpy(np.random.default_rng(n).integers(0, 256, (n, *shape), dtype=np.uint8))
    return ImageSplit(images=images, labels=torch.arange(n) % n_classes)


# Folders of pictures, and the hub. Pillow comes with an extra and is faked; the last test uses Pillow itself.


class FakePicture:
    def __init__(self, pixels: np.ndarray, mode: str = "RGB") -> None:
        self.pixels, self.mode = pixels, mode

    def __enter__(self) -> FakePicture:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self.pixels

    def convert(self, mode: str) -> FakePicture:
        return FakePicture(self.pixels if mode == "RGB" else self.pixels[..., 0], mode)


@pytest.fixture
def fake_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are files of three numbers: height, width, brightness."""

    def open_picture(path: Path) -> FakePicture:
        try:
            height, width, brightness, *mode = path.read_text("utf-8").split()
        except ValueError as error:
            raise OSError("cannot identify image file") from error
        pixels = np.full((int(height), int(width), 3), int(brightness), np.uint8)
        return FakePicture(pixels, *mode)

    image = types.ModuleType("PIL.Image")
    image.open, image.DecompressionBombError, image.Image = open_picture, OverflowError, FakePicture
    operations = types.ModuleType("PIL.ImageOps")
    operations.exif_transpose = lambda picture: picture
    for name, module in (
        ("PIL", types.ModuleType("PIL")),
        ("PIL.Image", image),
        ("PIL.ImageOps", operations),
    ):
        monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def picture_folder(tmp_path: Path, fake_pillow: None) -> Path:
    for name, brightness in (("cat", 10), ("dog", 200)):
        (tmp_path / name).mkdir()
        for number in range(3):
            (tmp_path / name / f"{number}.png").write_text(f"4 5 {brightness + number}", "utf-8")
    (tmp_path / "cat" / "notes.txt").write_text("not a picture", "utf-8")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def test_sub_folders_are_classes(picture_folder: Path) -> None:
    made = read_image_folder(picture_folder, mode="L")
    assert (made.classes, made.n_channels, made.sizes) == (("cat", "dog"), 1, (4, 5))
    assert torch.bincount(made.train.labels).tolist() == [2, 2]
    assert torch.bincount(made.test.labels).tolist() == [1, 1]
    is_dog = made.train.images.flatten(1).min(1).values >= 200
    assert is_dog.long().equal(made.train.labels)


def test_train_and_test_folders_are_the_splits(picture_folder: Path) -> None:
    for split_name in ("train", "val"):
        (picture_folder / split_name / "owl").mkdir(parents=True)
        (picture_folder / split_name / "owl" / "1.JPG").write_text("4 4 9", "utf-8")
    made = read_image_folder(picture_folder)
    assert (made.classes, len(made.train), len(made.test)) == (("owl",), 1, 1)
    (picture_folder / "val" / "rat").mkdir()
    with pytest.raises(DataError, match='class "rat" that training has not'):
        read_image_folder(picture_folder)


def test_pictures_of_different_sizes_need_a_size(picture_folder: Path) -> None:
    (picture_folder / "dog" / "9.png").write_text("9 3 77", "utf-8")
    with pytest.raises(DataError, match=r'has 5 x 4 pixels and ".*9.png" 3 x 9'):
        read_image_folder(picture_folder)
    made = read_image_folder(picture_folder, size=3)
    assert (made.sizes, made.train.images.dtype) == ((3, 3), torch.uint8)
    shown = torch.cat((made.train.images, made.test.images)).unique().tolist()
    assert shown == [10, 11, 12, 77, 200, 201, 202]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("cat/9.png", "broken", "cannot be read as a picture"),
        ("cat/9.png", "4 5 0 I;16", "more than 8 bits"),
        ("owl/readme.txt", "", 'owl" has no pictures; accepted are the endings .bmp'),
    ],
    ids=["broken", "deep", "empty-class"],
)
def test_files_that_are_no_pictures_are_refused(
    picture_folder: Path, name: str, text: str, says: str
) -> None:
    (picture_folder / name).parent.mkdir(exist_ok=True)
    (picture_folder / name).write_text(text, "utf-8")
    with pytest.raises(DataError, match=says):
        read_image_folder(picture_folder)


def test_empty_and_missing_folders_are_refused(tmp_path: Path, fake_pillow: None) -> None:
    with pytest.raises(DataError, match="no sub-folders"):
        read_image_folder(tmp_path)
    with pytest.raises(MissingFile, match="No folder"):
        read_image_folder(tmp_path / "none")


def test_pictures_without_pillow_name_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "PIL.ImageOps", None)
    with pytest.raises(MissingExtra, match=r"longwave\[images\]"):
        read_image_folder(tmp_path)


class FakeRows:
    def __init__(self, n: int, names: list[str] | None) -> None:
        label = types.SimpleNamespace(names=names) if names else types.SimpleNamespace()
        self.features = {"image": None, "label": label, "text": None}
        self.n = n

    def __iter__(self) -> Iterator[dict[str, object]]:
        for number in range(self.n):
            picture = FakePicture(np.full((2, 2, 3), number, np.uint8))
            yield {"image": picture, "label": number % 2, "text": "words"}


@pytest.fixture
def fake_hub(monkeypatch: pytest.MonkeyPatch, fake_pillow: None) -> None:
    def load_dataset(name: str, config: str | None, *, split: str) -> FakeRows:
        if name == "none/such":
            raise FileNotFoundError("not on the hub")
        return FakeRows({"train": 4, "test": 2, "nothing": 0}[split], ["no", "yes"] if config else None)

    module = types.ModuleType("datasets")
    module.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", module)


@pytest.mark.parametrize(("config", "classes"), [("named", ("no", "yes")), (None, ("0", "1"))])
def test_hugging_face_data_sets_are_read(
    fake_hub: None, config: str | None, classes: tuple[str, ...]
) -> None:
    made = read_hugging_face("some/digits", config=config, mode="L")
    assert (made.classes, made.train.labels.tolist()) == (classes, [0, 1, 0, 1])
    assert made.train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("none/such", {}, "cannot be loaded: not on the hub"),
        ("a/b", {"label": "class"}, 'no column "class"; there are: image, label, text'),
        ("a/b", {"label": "text"}, "has FakePicture and str"),
        ("a/b", {"splits": ("train", "nothing")}, "no pictures"),
    ],
    ids=["unknown", "column", "type", "empty"],
)
def test_hugging_face_data_sets_that_do_not_fit_are_refused(
    fake_hub: None, name: str, options: dict, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        read_hugging_face(name, **options)


def test_hugging_face_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"longwave\[hf\]"):
        read_hugging_face("some/digits")


def test_pillow_itself_is_read_in_grey_and_colour(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "only").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3), dtype=np.uint8)
    for number, each in enumerate(pixels):
        image.fromarray(each).save(tmp_path / "only" / f"{number}.png")
    made = read_image_folder(tmp_path)
    both = torch.cat((made.train.images, made.test.images)).permute(0, 2, 3, 1)
    assert {each.numpy().tobytes() for each in both} == {each.tobytes() for each in pixels}
    assert read_image_folder(tmp_path, mode="L").n_channels == 1
    (tmp_path / "only" / "2.png").write_bytes(b"\x89PNG not really")
    with pytest.raises(DataError, match="cannot be read as a picture"):
        read_image_folder(tmp_path)
