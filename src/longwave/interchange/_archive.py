"""ZIP archives of JSON: members are read into memory one by one, within limits; nothing goes to disk."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from longwave.errors import DataError, MissingFile
from longwave.interchange._documents import parse_json
from longwave.interchange._zstd import decompress

__all__ = ["Archive"]

LARGEST_MEMBER = 2**30  # bytes of a member, unpacked
MOST_MEMBERS = 5_000_000
_ZSTANDARD = (93, 20)  # the number in use and the one before (APPNOTE.TXT 6.3.8)
_ENCRYPTED = 1
_LOCAL = struct.Struct("<4s22xHH")  # signature, lengths of the name and of the extra field
# what reading a damaged archive raises; RuntimeError is what an encrypted member does
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, struct.error)


class Archive:
    """An open ZIP archive.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    names : tuple of str
        Members in their order; of several with one name the last one counts. Names are only compared, never
        used as paths.

    Raises
    ------
    MissingFile
        If there is no such file.
    DataError
        If it is no ZIP archive or has too many members.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: BinaryIO = path.open("rb")
        except FileNotFoundError as error:
            raise MissingFile(f'No file "{path}". Name what the other tool wrote.') from error
        except OSError as error:
            raise DataError(f'"{path}" cannot be read: {error}. Mend it or leave it out.') from error
        try:
            self._zip = zipfile.ZipFile(self._file)
        except (*_DAMAGE, NotImplementedError) as error:
            self._file.close()
            raise DataError(
                f'"{path}" is no ZIP archive: {error}. It may be cut short; copy it again or leave it out.'
            ) from error
        self._members = {info.filename: info for info in self._zip.infolist()}
        if len(self._zip.infolist()) > MOST_MEMBERS:
            self._file.close()
            raise DataError(
                f'"{path}" has {len(self._zip.infolist()):,} members; accepted are {MOST_MEMBERS:,}. Leave '
                "it out."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the members."""
        return tuple(self._members)

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        self._file.close()

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read_json(self, name: str) -> object:
        """Read a member as a JSON document.

        Raises
        ------
        DataError
            If it is damaged, encrypted, too large, or no JSON.
        """
        where = f'"{self.path}", member "{name}"'
        return parse_json(self._read(self._members[name], where), where)

    def _read(self, member: zipfile.ZipInfo, where: str) -> bytes:
        if member.file_size > LARGEST_MEMBER:
            raise _too_large(where, member.file_size)
        try:
            if member.flag_bits & _ENCRYPTED:
                raise DataError(f"{where} is encrypted. Decrypt the file first.")
            if member.compress_type in _ZSTANDARD:
                return self._read_zstandard(member, where)
            with self._zip.open(member) as file:
                data = file.read(LARGEST_MEMBER + 1)  # a member may be larger than it says
        except DataError:
            raise
        except (*_DAMAGE, NotImplementedError) as error:
            raise DataError(
                f"{where} cannot be unpacked: {error}. Copy the file again or leave it out."
            ) from error
        if len(data) > LARGEST_MEMBER:
            raise _too_large(where, len(data))
        return data

    def _read_zstandard(self, member: zipfile.ZipInfo, where: str) -> bytes:
        """Read what Python's own module cannot before 3.14."""
        self._file.seek(member.header_offset)
        signature, name_length, extra_length = _LOCAL.unpack(self._file.read(_LOCAL.size))
        if signature != b"PK\x03\x04":
            raise ValueError("its header is not where it should be")
        self._file.seek(name_length + extra_length, 1)
        is_there = self._file.tell() + member.compress_size <= self.path.stat().st_size
        packed = self._file.read(member.compress_size) if is_there else b""
        if len(packed) < member.compress_size:
            raise EOFError("it is cut short")
        data = decompress(packed, limit=LARGEST_MEMBER, where=where)
        if len(data) == member.file_size and zlib.crc32(data) != member.CRC:
            raise ValueError("its checksum is wrong")
        return data


def _too_large(where: str, size: int) -> DataError:
    return DataError(
        f"{where} has at least {size:,} bytes when unpacked; accepted are {LARGEST_MEMBER:,}. Leave it out."
    )
