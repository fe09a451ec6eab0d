"""Fields as small pictures: PNG in colours that everybody can tell apart, and the scales beside them."""

# Shapes: H, W points of a picture

from __future__ import annotations

import base64
import math
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["DIVERGING", "SEQUENTIAL", "encode_png", "picture", "round_out", "scale_bar"]

Array = NDArray[np.float64]
Stops = tuple[tuple[int, int, int], ...]

LEVELS = 255  # colours; one more index is for what is not finite
MISSING = (128, 128, 128)
# Lightness rises evenly along the first and, from the middle, along both arms of the second; blue against
# orange stays apart for protan, deutan and tritan readers.
SEQUENTIAL: Stops = (
    (13, 12, 45), (38, 44, 108), (34, 87, 137), (32, 128, 141),
    (54, 169, 125), (137, 203, 92), (252, 241, 98),
)  # fmt: skip
DIVERGING: Stops = (
    (7, 54, 110), (31, 108, 176), (107, 168, 216), (190, 219, 239), (246, 246, 246),
    (252, 212, 164), (240, 153, 66), (200, 93, 15), (120, 48, 5),
)  # fmt: skip


def picture(values: Array, low: float, high: float, stops: Stops) -> str:
    """Draw a field as the address of a picture, the first axis to the right and the second upwards.

    Parameters
    ----------
    values : ndarray, shape (W, H)
        Values outside ``low`` to ``high`` get the colour at that end, values that are not finite grey.
    low, high : float
    stops : tuple of RGB triples
        Colours at equal distances.

    Returns
    -------
    str
        A ``data:`` address; the same field gives the same one.
    """
    span = high - low
    share = (values.T[::-1] - low) / (span if span > 0 else 1.0)  # (H, W)
    known = np.isfinite(share)
    places = np.rint(np.clip(np.where(known, share, 0.0), 0.0, 1.0) * (LEVELS - 1)).astype(np.uint8)
    places[~known] = LEVELS
    return _address(encode_png(places, np.vstack([_palette(stops), MISSING]).astype(np.uint8)))


def scale_bar(stops: Stops) -> str:
    """Draw the colours of a scale from left to right, as the address of a picture one point high."""
    places = np.arange(LEVELS, dtype=np.uint8)[None]
    return _address(encode_png(places, _palette(stops).astype(np.uint8)))


def encode_png(places: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """Write a picture with a palette as PNG.

    Parameters
    ----------
    places : ndarray of uint8, shape (H, W)
        Colours as places in the palette.
    palette : ndarray of uint8, shape (n, 3)

    References
    ----------
    ISO/IEC 15948, sections 5 and 11.
    """
    height, width = places.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    lines = np.hstack([np.zeros((height, 1), np.uint8), places]).tobytes()  # each begins with its filter
    parts = [
        (b"IHDR", header),
        (b"PLTE", palette.tobytes()),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    ]
    chunks = [struct.pack(">I", len(data)) + kind + data + _checksum(kind + data) for kind, data in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _checksum(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))


def _palette(stops: Stops) -> Array:
    """Blend between the stops, shape (LEVELS, 3)."""
    at = np.linspace(0, len(stops) - 1, LEVELS)
    colours = np.array(stops, dtype=np.float64)
    blended = [np.interp(at, np.arange(len(stops)), colours[:, channel]) for channel in range(3)]
    return np.rint(np.stack(blended, axis=1))


def _address(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


def round_out(value: float) -> float:
    """Round away from zero to two significant digits, for the end of a scale."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return math.copysign(math.ceil(abs(value) / step - 1e-9) * step, value)
