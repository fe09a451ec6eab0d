"""Pictures hold the field they were drawn from, upright, on the scale that was asked for."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
import pytest

from longwave.report.pictures import DIVERGING, LEVELS, SEQUENTIAL, encode_png, picture, round_out, scale_bar


def decode(address: str) -> np.ndarray:
    """Read a PNG with a palette back, chunk by chunk: (H, W) places in the palette."""
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + length
    width, height, depth, color = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, color, len(chunks[b"PLTE"]) % 3) == (8, 3, 0)
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not lines[:, 0].any()
    return lines[:, 1:]


def test_the_first_axis_goes_right_and_the_second_up() -> None:
    field = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])  # x = 0, 1, 2; y = 0, 1
    got = decode(picture(field, 0.0, 5.0, SEQUENTIAL))
    assert got.tolist() == np.rint(np.array([[1, 3, 5], [0, 2, 4]]) / 5 * (LEVELS - 1)).astype(int).tolist()


def test_values_outside_get_the_ends_and_missing_ones_grey() -> None:
    got = decode(picture(np.array([[-9.0], [9.0], [np.nan], [np.inf]]), -1.0, 1.0, DIVERGING))
    assert got.tolist() == [[0, LEVELS - 1, LEVELS, LEVELS]]


def test_a_scale_without_length_is_drawn() -> None:
    assert decode(picture(np.zeros((2, 2)), 0.0, 0.0, SEQUENTIAL)).tolist() == [[0, 0], [0, 0]]


def test_a_bar_runs_through_all_colours() -> None:
    assert decode(scale_bar(DIVERGING)).tolist() == [list(range(LEVELS))]


def test_the_same_field_is_the_same_bytes() -> None:
    field = np.random.default_rng(0).normal(size=(9, 7))
    assert picture(field, -1.0, 1.0, DIVERGING) == picture(field.copy(), -1.0, 1.0, DIVERGING)


def luminance(stops: tuple[tuple[int, int, int], ...]) -> np.ndarray:
    """Relative luminance as WCAG 2 defines it."""
    share = np.array(stops) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def test_lightness_alone_tells_order() -> None:
    assert np.all(np.diff(luminance(SEQUENTIAL)) > 0)
    up = luminance(DIVERGING)
    assert np.all(np.diff(up[:5]) > 0)
    assert np.all(np.diff(up[4:]) < 0)


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0, 0.0), (0.123, 0.13), (-1.21, -1.3), (70.0, 70.0), (np.inf, 0.0)]
)
def test_ends_of_scales_are_rounded_outwards(value: float, expected: float) -> None:
    assert round_out(value) == pytest.approx(expected)


def test_a_picture_of_one_point_is_a_picture() -> None:
    assert encode_png(np.zeros((1, 1), np.uint8), np.zeros((1, 3), np.uint8)).endswith(b"IEND\xaeB`\x82")
