"""Unpack a tar archive that may be damaged or hostile: plain files below one folder, within a size."""

from __future__ import annotations

import hashlib
import json
import logging
import lzma
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from longwave.config import write_json
from longwave.errors import DataError, MissingFile, StorageError

__all__ = ["LARGEST", "unpack"]

logger = logging.getLogger(__name__)

LARGEST = 4 << 30  # bytes unpacked; the release has 1.2e9
MOST_MEMBERS = 100_000
_CHUNK = 1 << 20
_RECORD = "unpacked.json"
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError, ArithmeticError, LookupError)


def unpack(archive: Path, folder: Path, *, largest: int = LARGEST) -> Path:
    """Unpack an archive into a folder, or find it unpacked there already.

    Parameters
    ----------
    archive : Path
        ``.tar``, ``.tar.gz``, ``.tar.bz2`` or ``.tar.xz``.
    folder : Path
        New, empty, or unpacked from this very archive before.
    largest : int
        Bytes of all files together.

    Returns
    -------
    Path
        ``folder``.

    Raises
    ------
    MissingFile
        If there is no such archive.
    DataError
        If it is damaged or cut short, has a member that is no plain file or folder or would lie elsewhere, or
        is too large. Nothing is left then.
    StorageError
        If the folder is in use or cannot be written.

    Notes
    -----
    Members are written into a folder beside the target, which takes its place when all are there.
    """
    if not archive.is_file():
        raise MissingFile(f'No file "{archive}". Download it with: longwave monitor import --download')
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if _is_unpacked(folder, digest):
        logger.info('"%s" is unpacked in "%s" already', archive, folder)
        return folder
    if folder.exists() and any(folder.iterdir()):
        raise StorageError(
            f'The folder "{folder}" is not empty and not unpacked from "{archive.name}" as it is now. Choose '
            "another folder, or remove that one."
        )
    partial = folder.with_name(folder.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _extract(archive, partial, largest)
        write_json(partial / _RECORD, {"archive": archive.name, "sha256": digest})
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f'Cannot unpack into "{folder}": {error}. Free some space or choose another.'
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _extract(archive: Path, folder: Path, largest: int) -> None:
    total = count = 0
    try:
        with tarfile.open(archive, "r:*") as tar:
            for member in tar:
                count += 1
                total += member.size
                _refuse(member, archive, total=total, count=count, largest=largest)
                target = folder.joinpath(*PurePosixPath(member.name).parts)
                if member.isdir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                source = tar.extractfile(member)
                if source is None:
                    raise DataError(
                        f'"{archive}": member "{member.name}" has no content. Get the archive again.'
                    )
                target.parent.mkdir(parents=True, exist_ok=True)
                with source, target.open("xb") as file:
                    shutil.copyfileobj(source, file)
                if target.stat().st_size != member.size:
                    raise EOFError(f'member "{member.name}" is cut short')
            _read_to_end(tar, largest)
    except DataError:
        raise
    except FileExistsError as error:
        raise DataError(
            f'"{archive}" has the member "{member.name}" twice. Get the archive again.'
        ) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(archive, error) from error  # what gzip raises for a wrong checksum has no number
    except _DAMAGE as error:
        raise _damaged(archive, error) from error


def _read_to_end(tar: tarfile.TarFile, largest: int) -> None:
    """Read what follows the last member, so that the checksum at the end is compared."""
    left = largest
    while tar.fileobj is not None and left > 0 and (block := tar.fileobj.read(_CHUNK)):
        left -= len(block)


def _refuse(member: tarfile.TarInfo, archive: Path, *, total: int, count: int, largest: int) -> None:
    """Refuse members that are no plain files or folders below the target, and archives that are too large."""
    where = f'"{archive}": member "{member.name}"'
    parts = PurePosixPath(member.name).parts
    if member.name.startswith("/") or ".." in parts or any("\\" in part or ":" in part for part in parts):
        raise DataError(f"{where} would lie outside the folder. Do not use this archive.")
    if not (member.isfile() or member.isdir()):
        kind = "a link" if member.issym() or member.islnk() else "no plain file"
        raise DataError(f"{where} is {kind}; accepted are files and folders. Do not use this archive.")
    if total > largest or count > MOST_MEMBERS:
        raise DataError(
            f'"{archive}" holds more than {largest:,} bytes or {MOST_MEMBERS:,} files. If that is right, '
            "unpack it yourself and give the folder."
        )


def _damaged(archive: Path, error: Exception) -> DataError:
    return DataError(
        f'"{archive}" is damaged or cut short: {error}. Download it again; a broken download goes on where '
        "it ended."
    )


def _is_unpacked(folder: Path, digest: str) -> bool:
    record = folder / _RECORD
    if not record.is_file():
        return False
    try:
        return bool(json.loads(record.read_text(encoding="utf-8"))["sha256"] == digest)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
