"""Classified images as pictures, and kernels of S4ND on several grids side by side."""

# Shapes: k kernels, C channels, H, W points of a picture, P taps of an axis

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longwave.report.field_pictures import Tile, plane_of
from longwave.report.formats import significant
from longwave.report.image_cases import Kernels
from longwave.report.pictures import DIVERGING, encode_png, picture, round_out

__all__ = ["KernelLayer", "KernelStrip", "draw_kernels", "image_address", "limit_text"]

_GREYS = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)


@dataclass(frozen=True, kw_only=True)
class KernelStrip:
    """One kernel on every grid; ``ends`` is the largest value of its scale."""

    title: str
    tiles: tuple[Tile, ...]
    ends: str


@dataclass(frozen=True, kw_only=True)
class KernelLayer:
    """The kernels of one layer.

    Parameters
    ----------
    name : str
        Of the layer in the model.
    bandlimit : str
        In words.
    strips : tuple of KernelStrip
    """

    name: str
    bandlimit: str
    strips: tuple[KernelStrip, ...]


def image_address(pixels: NDArray[np.uint8]) -> str:
    """Draw an image as the address of a picture, as it is.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (C, H, W)
        One channel of greys, or three of red, green and blue.

    Returns
    -------
    str
        A ``data:`` address.
    """
    data = encode_png(pixels[0], _GREYS) if len(pixels) == 1 else _encode_colours(np.moveaxis(pixels, 0, -1))
    return "data:image/png;base64," + base64.b64encode(data).decode("ascii")


def draw_kernels(grids: Sequence[tuple[str, Kernels]], *, most: int) -> KernelLayer:
    """Draw the kernels of one layer on several grids.

    Parameters
    ----------
    grids : sequence of (str, Kernels)
        Name of each grid, and the same kernels there.
    most : int
        Kernels at most.

    Notes
    -----
    Taps hold the integral over a step, so those of a finer grid are smaller. Drawn is what they are samples
    of: a tap over the area of a point, in points of the base resolution, on one scale for all grids.
    """
    first = grids[0][1]
    densities = [(name, one.values / math.prod(one.rate)) for name, one in grids]
    count = min(most, *(len(values) for _, values in densities))
    strips = []
    for place in range(count):
        planes = [(name, values[place]) for name, values in densities]
        known = [float(np.abs(plane[np.isfinite(plane)]).max(initial=0.0)) for _, plane in planes]
        most_of = round_out(max(known))
        strips.append(
            KernelStrip(
                title=f"kernel {place}",
                tiles=tuple(_kernel_tile(plane, most_of, name, place, first.layer) for name, plane in planes),
                ends=significant(most_of),
            )
        )
    return KernelLayer(name=first.layer, bandlimit=limit_text(first.bandlimit), strips=tuple(strips))


def limit_text(bandlimit: Sequence[float | None]) -> str:
    """Tell a bandlimit in words: "no bandlimit", "bandlimit 0.25", or one for each axis."""
    told = ["none" if one is None else f"{one:g}" for one in bandlimit]
    if set(told) == {"none"}:
        return "no bandlimit"
    return f"bandlimit {told[0] if len(set(told)) == 1 else ', '.join(told)}"


def _kernel_tile(values: NDArray[np.float64], most: float, grid: str, place: int, layer: str) -> Tile:
    # a picture has its first axis to the right and its second upwards; rows of an image go down
    upright = plane_of(values) if values.ndim == 1 else values[::-1].T
    width, height = upright.shape
    return Tile(
        src=picture(upright, -most, most, DIVERGING),
        width=width,
        height=height,
        title=grid,
        note="",
        label=f"kernel {place} of {layer} at {grid}",
    )


def _encode_colours(pixels: NDArray[np.uint8]) -> bytes:
    """Write an image (H, W, 3) as PNG of full colours (ISO/IEC 15948, sections 5 and 11)."""
    height, width, _ = pixels.shape
    lines = np.hstack(
        [np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)]
    )  # each begins with its filter
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
