"""Where metrics go: JSON lines always, TensorBoard on request; a writer has ``log`` and ``close``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from longwave.config import replacing
from longwave.errors import MissingExtra, StorageError

__all__ = ["JsonLinesWriter", "Row", "TensorBoardWriter", "Writer", "cut_rows", "read_rows"]

Row = dict[str, float]


class Writer(Protocol):
    """Takes the values of a step; any experiment tracker fits behind it."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of a step."""
        ...

    def close(self) -> None:
        """Write what is pending and let go of the file."""
        ...


class JsonLinesWriter:
    """Append one JSON object a line.

    Parameters
    ----------
    path : Path

    Raises
    ------
    StorageError
        Here and in ``log``, if the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            raise self._failure(error) from error

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Append ``{"step": step, **values}`` and hand it to the operating system."""
        try:
            self._file.write(json.dumps({"step": step, **values}, allow_nan=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _failure(self, error: OSError) -> StorageError:
        return StorageError(f'Cannot write "{self.path}": {error}. Free some space or choose another folder.')


class TensorBoardWriter:
    """Write scalars for TensorBoard (extra ``track``).

    Raises
    ------
    MissingExtra
        If TensorBoard is not installed.
    """

    def __init__(self, folder: Path, *, first_step: int = 0) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtra("TensorBoard output", "track") from error
        self._writer = SummaryWriter(str(folder), purge_step=first_step)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write every value as a scalar of its own."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is pending."""
        self._writer.close()


def read_rows(path: Path) -> list[Row]:
    """Read the rows of a metrics file; a last line that a crash left unfinished is passed over."""
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text("utf-8", errors="replace").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def cut_rows(path: Path, step: int) -> None:
    """Drop the rows after a step, which a resumed run writes again.

    Raises
    ------
    StorageError
        If the file cannot be written; it stays as it was.
    """
    kept = [json.dumps(row) + "\n" for row in read_rows(path) if row["step"] <= step]
    with replacing(path) as temporary:
        temporary.write_text("".join(kept), "utf-8")
