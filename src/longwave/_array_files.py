"""Arrays in npy and npz files that anyone may have written: numbers and texts, never pickled objects."""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from longwave.errors import DataError

__all__ = ["load_arrays"]

# what reading a damaged file raises: numpy evaluates headers as Python literals, zipfile says by RuntimeError
# that a member is encrypted, and a header may ask for more memory than there is
_DAMAGE = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, SyntaxError, RuntimeError, MemoryError),
    *(tokenize.TokenError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)


def load_arrays(path: Path) -> np.ndarray | dict[str, np.ndarray]:
    """Return the array of an npy file, or those of an npz file by name.

    Raises
    ------
    DataError
        If the file is of another kind, damaged, or holds anything but plain arrays. Objects are never
        unpickled: a pickle can run code.
    """
    try:
        with path.open("rb") as opened:  # numpy leaves a damaged file open
            file = np.load(opened, allow_pickle=False)
            found = file if isinstance(file, np.ndarray) else {name: file[name] for name in file.files}
    except _DAMAGE as error:
        raise DataError(
            f'"{path}" cannot be read as an npz file of plain arrays, or an npy file of one: '
            f"{str(error) or type(error).__name__}. Write it by numpy.savez, with text as text and not as "
            "objects, or download it again."
        ) from error
    members = found.items() if isinstance(found, dict) else ()
    other = next((name for name, value in members if not isinstance(value, np.ndarray)), None)
    if other is not None:
        raise DataError(f'"{path}" holds "{other}", which is no array. Write it by numpy.savez.')
    return found
