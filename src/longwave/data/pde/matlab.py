"""MATLAB files of version 5: their arrays of real numbers, which is what fields are.

Read here and not by scipy, whose reader ends the whole process on some damaged files. Cells, structures,
texts, complex and sparse arrays are passed over.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np

__all__ = ["read_matlab"]

HEADER = 128  # bytes, of which the last two tell the order of the others
ORDERS = {b"IM": "<", b"MI": ">"}
MATRIX, COMPRESSED = 14, 15
# kinds of elements and classes of arrays, as numpy names them
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
IS_COMPLEX = 0x0800
LARGEST = 1 << 34  # bytes of an array, unpacked


def read_matlab(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of real numbers of a file by name.

    Raises
    ------
    ValueError, OSError, zlib.error
        If it is damaged.

    References
    ----------
    The MathWorks, MAT-File Format, version 5.
    """
    data = memoryview(path.read_bytes())
    order = ORDERS.get(bytes(data[HEADER - 2 : HEADER]))
    if order is None:
        raise ValueError("its head does not tell the order of bytes")
    place, found = HEADER, {}
    while place < len(data):
        kind, body, place = _element(data, place, order)
        if kind == COMPRESSED:
            unpacked = zlib.decompressobj().decompress(body, LARGEST)
            kind, body, _ = _element(memoryview(unpacked), 0, order)
        if kind == MATRIX and (named := _array(body, order)) is not None:
            found[named[0]] = named[1]
    return found


def _element(data: memoryview, place: int, order: str) -> tuple[int, memoryview, int]:
    """Return kind and body of an element, and where the next one begins."""
    kind, size = (int(number) for number in _numbers(data[place : place + 8], f"{order}u4", 2))
    start = place + 8
    if kind >> 16:  # up to four bytes sit in the place of their size
        kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
    body = data[start : start + size]
    if len(body) < size or (start < place + 8 and size > 4):
        raise ValueError("it is cut short")
    after = start + size
    return kind, body, after if kind == COMPRESSED else -(-after // 8) * 8


def _array(body: memoryview, order: str) -> tuple[str, np.ndarray] | None:
    """Return name and values of an array; None where it is none of real numbers."""
    _, flags, place = _element(body, 0, order)
    flag = int(_numbers(flags, f"{order}u4", 2)[0])
    dtype = CLASSES.get(flag & 0xFF)
    if dtype is None or flag & IS_COMPLEX:
        return None
    _, sizes, place = _element(body, place, order)
    _, name, place = _element(body, place, order)
    kind, values, _ = _element(body, place, order)
    shape = tuple(int(size) for size in np.frombuffer(sizes, f"{order}i4"))
    if kind not in STORED or min(shape, default=-1) < 0:
        raise ValueError(f"an array has values of kind {kind} and shape {shape}")
    flat = _numbers(values, order + STORED[kind], math.prod(shape))
    with np.errstate(invalid="ignore", over="ignore"):
        return bytes(name).decode("latin-1"), flat.astype(dtype).reshape(shape, order="F")


def _numbers(data: memoryview, dtype: str, count: int) -> np.ndarray:
    if len(data) != count * np.dtype(dtype).itemsize:
        raise ValueError(f"{count} numbers are due where there are {len(data)} bytes")
    return np.frombuffer(data, dtype)
