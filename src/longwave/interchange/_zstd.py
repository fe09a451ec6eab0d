"""Zstandard data, decompressed by polars once it is known how large they can become.

Python reads this compression from 3.14 on. Newer Inspect logs use it; polars, which is here anyway, reads it
as text. How much a frame can hold follows from the headers of its blocks (RFC 8878, section 3.1.1), so that a
bomb is refused before a byte of it is unpacked.
"""

from __future__ import annotations

import io

import polars as pl

from longwave._damage import POLARS_DAMAGE
from longwave.errors import DataError

__all__ = ["decompress", "most_bytes"]

_MAGIC = 0xFD2FB528
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_LARGEST_BLOCK = 2**17
_RAW, _REPEATED, _COMPRESSED = 0, 1, 2


def decompress(data: bytes, *, limit: int, where: str) -> bytes:
    r"""Decompress UTF-8 text.

    Parameters
    ----------
    data : bytes
        One or more frames.
    limit : int
        Bytes that may come out.
    where : str
        For the message of an error.

    Returns
    -------
    bytes
        Line breaks become ``\n``, one at the end is left out; JSON means the same.

    Raises
    ------
    DataError
        If the data are damaged, no UTF-8, or can become larger than the limit.
    """
    try:
        largest = most_bytes(data)
    except IndexError as error:
        raise _damaged(where, "it is cut short") from error
    except ValueError as error:
        raise _damaged(where, str(error)) from error
    if largest > limit:
        raise DataError(
            f"{where} becomes up to {largest:,} bytes when unpacked; accepted are {limit:,}. Leave it out."
        )
    try:
        lines = pl.read_lines(io.BytesIO(data))
    except (*POLARS_DAMAGE, OSError) as error:
        raise _damaged(where, str(error).splitlines()[0]) from error
    return "\n".join(lines.to_series().to_list()).encode()


def most_bytes(data: bytes) -> int:
    """Return an upper bound of what frames become, from the headers of their blocks.

    Raises
    ------
    ValueError
        If these are no such frames.
    IndexError
        If they are cut short.
    """
    total = place = 0
    while place < len(data):
        magic = _whole(data, place, 4)
        if magic in _SKIPPABLE:
            place += 8 + _whole(data, place + 4, 4)
        elif magic == _MAGIC:
            size, place = _frame(data, place + 4)
            total += size
        else:
            raise ValueError("it does not begin as Zstandard data do")
    return total


def _frame(data: bytes, place: int) -> tuple[int, int]:
    """Return the bound of one frame, whose header begins at a place, and where it ends."""
    descriptor = data[place]
    is_single = bool(descriptor & 0x20)
    size_bytes = (int(is_single), 2, 4, 8)[descriptor >> 6]
    place += 1 + (not is_single) + (0, 1, 2, 4)[descriptor & 3] + size_bytes
    total, is_last = 0, False
    while not is_last:
        header = _whole(data, place, 3)
        is_last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        if kind > _COMPRESSED:
            raise ValueError("it has a block of an unknown kind")
        total += _LARGEST_BLOCK if kind == _COMPRESSED else size
        place += 3 + (1 if kind == _REPEATED else size)
    return total, place + (4 if descriptor & 4 else 0)


def _whole(data: bytes, place: int, length: int) -> int:
    if place + length > len(data):
        raise IndexError
    return int.from_bytes(data[place : place + length], "little")


def _damaged(where: str, reason: str) -> DataError:
    return DataError(f"{where} cannot be unpacked: {reason}. Copy the file again or leave it out.")
