"""Arrays in MATLAB files, version 5 and 7.3, and in HDF5 files: which there are, and some rows of one."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from longwave.data.pde.matlab import read_matlab
from longwave.errors import DataError, MissingExtra, MissingFile

if TYPE_CHECKING:
    import h5py

__all__ = ["ArrayFile", "open_arrays"]

HDF5 = b"\x89HDF\r\n\x1a\n"
HDF5_OFFSETS = (0, 512, 1024, 2048)  # MATLAB puts 512 bytes of its own before
MATLAB = b"MATLAB"
REAL = "iuf"  # kinds of numbers
EXTRA = "pde"
# what h5py and scipy raise for damaged files; an array may claim more memory than there is
DAMAGE = (
    *(OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError),
    *(AssertionError, EOFError, MemoryError, zlib.error, struct.error),
)


class ArrayFile(Protocol):
    """An open file; axes are in the order in which MATLAB shows them."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the arrays of numbers, by name."""
        ...

    @property
    def is_matlab(self) -> bool:
        """Whether MATLAB's conventions hold: time is the last axis."""
        ...

    @property
    def constants(self) -> dict[str, float]:
        """Numbers that the file tells of itself."""
        ...

    def read(self, name: str, rows: slice = ...) -> np.ndarray:
        """Return some rows of an array, that is, places of its first axis."""
        ...


@contextmanager
def open_arrays(path: Path | str) -> Iterator[ArrayFile]:
    """Open a file of arrays; which kind it is, its first bytes say.

    Raises
    ------
    MissingFile
        If there is no such file.
    DataError
        If it is of another kind, or damaged.
    MissingExtra
        If the library that reads it is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f'No file "{path}". Give a .mat or .h5 file of fields.')
    with path.open("rb") as file:
        head = file.read(HDF5_OFFSETS[-1] + len(HDF5))
    if any(head[place:].startswith(HDF5) for place in HDF5_OFFSETS):
        h5py = _import_h5py()
        try:
            opened = h5py.File(path, "r")
        except DAMAGE as error:
            raise _damaged(path, error) from error
        with opened:
            yield _HDF5(path, opened, is_matlab=head.startswith(MATLAB))
    elif head.startswith(MATLAB):
        yield _read_version_5(path)
    else:
        raise DataError(
            f'"{path}" is neither a MATLAB nor an HDF5 file by its first bytes. Accepted are .mat files of '
            "version 5 and 7.3, and .h5 files."
        )


@dataclass(frozen=True)
class _HDF5:
    path: Path
    file: h5py.File
    is_matlab: bool

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: self._turn(data.shape) for name, data in self._arrays().items()}

    @property
    def constants(self) -> dict[str, float]:
        try:
            told = {str(name): np.asarray(value) for name, value in self.file.attrs.items()}
        except DAMAGE as error:
            raise _damaged(self.path, error) from error
        return {
            name: float(value.item())
            for name, value in told.items()
            if value.dtype.kind in REAL and value.size == 1
        }

    def read(self, name: str, rows: slice = slice(None)) -> np.ndarray:
        data = self._arrays()[name]
        if data.external or data.is_virtual:
            raise DataError(
                f'"{name}" of "{self.path}" lies in other files, which are not read: a file from elsewhere '
                "could name any of yours. Copy the array into the file."
            )
        try:  # MATLAB's first axis is the last one of the file
            found = np.asarray(data[..., rows] if self.is_matlab else data[rows])
        except DAMAGE as error:
            raise _damaged(self.path, error) from error
        return found.transpose() if self.is_matlab else found

    def _turn(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[::-1] if self.is_matlab else shape

    def _arrays(self) -> dict[str, h5py.Dataset]:
        h5py = _import_h5py()
        try:
            own = [name for name in self.file if isinstance(self.file.get(name, getlink=True), h5py.HardLink)]
            found = {name: self.file[name] for name in own}  # other links may lead out of the file
            return {
                name: data
                for name, data in found.items()
                if isinstance(data, h5py.Dataset) and data.dtype.kind in REAL and data.ndim
            }
        except DAMAGE as error:
            raise _damaged(self.path, error) from error


@dataclass(frozen=True)
class _Version5:
    arrays: dict[str, np.ndarray]
    is_matlab: bool = True
    constants: dict[str, float] = field(default_factory=dict)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: array.shape for name, array in self.arrays.items()}

    def read(self, name: str, rows: slice = slice(None)) -> np.ndarray:
        return self.arrays[name][rows]


def _read_version_5(path: Path) -> _Version5:
    try:
        return _Version5(read_matlab(path))
    except DAMAGE as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f'"{path}" is damaged: {error}. Download or write it again.')


def _import_h5py() -> ModuleType:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtra("Reading HDF5 files and MATLAB files of version 7.3", EXTRA) from error
    return cast(ModuleType, h5py)
