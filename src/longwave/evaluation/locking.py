"""Keep two evaluations from writing the same rows into one folder at the same time."""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from longwave.errors import FolderTaken, StorageError
from longwave.evaluation.plan import Shard

try:
    import fcntl
except ImportError:  # not a POSIX system; two runs are told apart within one process only
    fcntl = None  # type: ignore[assignment]

__all__ = ["LOCK_NAME", "lock_folder"]

LOCK_NAME = ".lock"
# a run locks a range of the file's bytes, its share of them; parts of 1/2 and 3/4 overlap, 1/2 and 2/2 do not
SPAN = 2**40


_held: dict[Path, list[range]] = {}  # this process's own ranges: the system keeps only processes apart
_guard = threading.Lock()


@contextlib.contextmanager
def lock_folder(folder: Path, shard: Shard) -> Iterator[None]:
    """Hold the right to write a part of an evaluation into a folder; a killed process gives it back.

    Raises
    ------
    FolderTaken
        If another run holds a part that overlaps with this one.
    StorageError
        If the lock cannot be made.
    """
    folder = folder.resolve()
    part = range(SPAN * (shard.index - 1) // shard.count, SPAN * shard.index // shard.count)
    with _guard:
        if any(part.start < other.stop and other.start < part.stop for other in _held.get(folder, [])):
            raise _taken(folder)
        _held.setdefault(folder, []).append(part)
    try:
        with _open(folder / LOCK_NAME) as file:
            _lock(file, folder, part)
            yield
    finally:
        with _guard:
            _held[folder].remove(part)


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("ab")
    except OSError as error:
        raise StorageError(f'Cannot make "{path}": {error}. Choose another folder with out.') from error


def _lock(file: IO[bytes], folder: Path, part: range) -> None:
    if fcntl is None:
        return
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, len(part), part.start)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            raise _taken(folder) from error
        raise StorageError(
            f'"{file.name}" cannot be locked: {error}. Put the folder on a disk that knows locks.'
        ) from error


def _taken(folder: Path) -> FolderTaken:
    return FolderTaken(
        f'Another evaluation is writing to "{folder}". Wait for it, or choose another folder with out; '
        "several processes share one folder with the shards 1/2 and 2/2."
    )
