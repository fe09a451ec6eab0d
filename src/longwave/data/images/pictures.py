"""Pictures in files of their own, sorted into folders, and those of Hugging Face data sets."""

# Shapes: C channels, H height, W width

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Literal, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from longwave.data.images.data_set import ImageDataSet, ImageSplit
from longwave.data.images.npz import split_rows
from longwave.data.images.resize import resize
from longwave.errors import DataError, MissingExtra, MissingFile

__all__ = ["read_hugging_face", "read_image_folder"]

ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
TEST_FOLDERS = ("test", "val", "validation")
# what Pillow raises for damaged pictures, by kind of file
DAMAGE = (
    *(OSError, SyntaxError, EOFError, ValueError, TypeError, LookupError, ArithmeticError),
    *(AttributeError, RuntimeError, MemoryError, struct.error, zlib.error),
)
DEEP = ("I", "F")  # modes of more than 8 bits, which Pillow would cut off at 255

Mode = Literal["L", "RGB"]


class Picture(Protocol):
    """What is used of Pillow's ``Image``."""

    mode: str

    def convert(self, mode: str) -> Picture:
        """Return the picture in grey ("L") or in colours ("RGB")."""
        ...


def read_image_folder(
    folder: Path | str,
    *,
    size: int | None = None,
    mode: Mode = "RGB",
    test_share: float = 0.2,
    seed: int = 0,
) -> ImageDataSet:
    """Read pictures whose sub-folder is their class.

    Parameters
    ----------
    folder : Path or str
        Holds a sub-folder for each class, or ``train`` and ``test`` (or ``val``, or ``validation``) with a
        sub-folder for each class. Classes are numbered by name, pictures ordered by name.
    size : int, optional
        Height and width: the largest square in the middle of each picture is brought to it, antialiased, and
        rounded to 256 steps. Default: as they are; all must be of one size.
    mode : {"RGB", "L"}
        Colours or grey.
    test_share : float
        Share of each class to test on, where there is no test folder.
    seed : int
        Chooses them.

    Returns
    -------
    ImageDataSet
        uint8. All of it is in memory; give a size for photographs.

    Raises
    ------
    MissingExtra
        If Pillow is not installed.
    MissingFile
        If there is no such folder.
    DataError
        If there are no classes, a class is empty, a file is no picture, or pictures differ in size and none
        is given.
    ConfigError
        If the share is not between 0 and 1.
    """
    folder = Path(folder)
    pillow = _import_pillow()
    if not folder.is_dir():
        raise MissingFile(f'No folder "{folder}". Give one with a sub-folder of pictures for each class.')
    test_folder = next((folder / name for name in TEST_FOLDERS if (folder / name).is_dir()), None)
    if test_folder is None or not (folder / "train").is_dir():
        classes = _classes(folder)
        train, test = split_rows(_read_split(folder, classes, size, mode, pillow), test_share, seed)
    else:
        classes = _classes(folder / "train")
        train, test = (
            _read_split(part, classes, size, mode, pillow) for part in (folder / "train", test_folder)
        )
    return ImageDataSet(name=folder.name, train=train, test=test, classes=classes)


def read_hugging_face(
    name: str,
    *,
    config: str | None = None,
    image: str = "image",
    label: str = "label",
    splits: tuple[str, str] = ("train", "test"),
    size: int | None = None,
    mode: Mode = "RGB",
) -> ImageDataSet:
    """Read a labelled image data set of the Hugging Face hub.

    Parameters
    ----------
    name : str
        Such as ``"ylecun/mnist"``.
    config : str, optional
        Which of its configurations.
    image, label : str
        Columns.
    splits : (str, str)
        What to train and to test on; ``datasets``' slices such as ``"train[:1000]"`` are accepted.
    size, mode
        As in ``read_image_folder``.

    Raises
    ------
    MissingExtra
        If ``datasets`` or Pillow is not installed.
    DataError
        If the data set cannot be loaded, a column is missing or holds something else, or pictures differ in
        size and none is given.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingExtra("Reading a Hugging Face data set", "hf") from error
    pillow = _import_pillow()
    parts, names = [], None
    for split in splits:
        try:
            rows = datasets.load_dataset(name, config, split=split)
        except (OSError, ValueError) as error:
            raise DataError(f'"{split}" of "{name}" cannot be loaded: {error}') from error
        missing = [column for column in (image, label) if column not in rows.features]
        if missing:
            raise DataError(
                f'"{name}" has no column "{missing[0]}"; there are: {", ".join(rows.features)}. Name the '
                "columns image and label."
            )
        names = names or getattr(rows.features[label], "names", None)
        parts.append(_rows_to_split(rows, image, label, f"{name} {split}", size, mode, pillow))
    highest = max(int(part.labels.max()) for part in parts)
    classes = tuple(map(str, names or range(highest + 1)))
    return ImageDataSet(name=name, train=parts[0], test=parts[1], classes=classes)


def _import_pillow() -> ModuleType:
    try:
        import_module("PIL.ImageOps")
        return import_module("PIL.Image")
    except ImportError as error:
        raise MissingExtra("Reading pictures (Pillow)", "images") from error


def _classes(folder: Path) -> tuple[str, ...]:
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not names:
        raise DataError(
            f'"{folder}" has no sub-folders. Sort the pictures into one sub-folder for each class.'
        )
    return tuple(names)


def _read_split(
    folder: Path, classes: tuple[str, ...], size: int | None, mode: Mode, pillow: ModuleType
) -> ImageSplit:
    unknown = sorted(set(_classes(folder)) - set(classes))
    if unknown:
        raise DataError(
            f'"{folder}" has a class "{unknown[0]}" that training has not: {", ".join(classes)}. Remove it, '
            "or give training pictures."
        )
    places = [(path, number) for number, name in enumerate(classes) for path in _pictures(folder / name)]
    images = _stack(((str(path), _open(path, mode, pillow)) for path, _ in places), size)
    return ImageSplit(images=images, labels=torch.tensor([number for _, number in places]))


def _pictures(folder: Path) -> list[Path]:
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    pictures = [path for path in found if path.suffix.lower() in ENDINGS and not path.name.startswith(".")]
    if not pictures:
        raise DataError(
            f'"{folder}" has no pictures; accepted are the endings {", ".join(sorted(ENDINGS))}. Add some, '
            "or remove the folder."
        )
    return pictures


def _open(path: Path, mode: Mode, pillow: ModuleType) -> np.ndarray:
    if not path.is_file():  # reading a pipe would never end
        raise DataError(f'"{path}" is no file. Remove or replace it.')
    try:
        with pillow.open(path) as picture:
            return _pixels(import_module("PIL.ImageOps").exif_transpose(picture), mode, str(path))
    except DataError:
        raise
    except (*DAMAGE, pillow.DecompressionBombError) as error:
        raise DataError(f'"{path}" cannot be read as a picture: {error}. Remove or replace it.') from error


def _pixels(picture: Picture, mode: Mode, source: str) -> np.ndarray:
    """Return (H, W, C), uint8."""
    if picture.mode.startswith(DEEP):
        raise DataError(
            f'"{source}" has pixels of more than 8 bits (mode "{picture.mode}"); accepted are 8. Convert '
            "it, or give an npz file of floats."
        )
    return np.atleast_3d(np.array(picture.convert(mode)))


def _rows_to_split(
    rows: Iterable[Mapping[str, object]],
    image: str,
    label: str,
    source: str,
    size: int | None,
    mode: Mode,
    pillow: ModuleType,
) -> ImageSplit:
    labels: list[int] = []

    def read() -> Iterator[tuple[str, np.ndarray]]:
        for number, row in enumerate(rows):
            picture, value = row[image], row[label]
            if not isinstance(picture, pillow.Image) or not isinstance(value, int):
                raise DataError(
                    f'Row {number} of "{source}" has {type(picture).__name__} and {type(value).__name__}; '
                    "accepted are a picture and a whole number. Name other columns."
                )
            labels.append(value)
            yield f"{source} row {number}", _pixels(cast(Picture, picture), mode, source)

    images = _stack(read(), size)
    return ImageSplit(images=images, labels=torch.tensor(labels))


def _stack(pictures: Iterable[tuple[str, np.ndarray]], size: int | None) -> Tensor:
    """Return pictures of one size as (n, C, H, W), uint8."""
    found: list[Tensor] = []
    first = ""
    for source, pixels in pictures:
        tensor = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        if size is not None:
            tensor = (resize(_square(tensor), size) * 255).round().to(torch.uint8)
        first = first or source
        if found and tensor.shape != found[0].shape:
            one, other = ("{2} x {1}".format(*each.shape) for each in (found[0], tensor))
            raise DataError(
                f'"{first}" has {one} pixels and "{source}" {other}; accepted is one size for all. Give a '
                "size, to which they are cropped and brought."
            )
        found.append(tensor)
    if not found:
        raise DataError("A split has no pictures. Name another one.")
    return torch.stack(found)


def _square(image: Tensor) -> Tensor:
    """Return the largest square in the middle."""
    height, width = image.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[:, top : top + side, left : left + side]
