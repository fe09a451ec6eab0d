"""Images are drawn as they are, kernels upright and on one scale for all grids."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest

from longwave.report.image_cases import Kernels
from longwave.report.image_pictures import draw_kernels, image_address, limit_text
from longwave.report.pictures import DIVERGING


def decode(address: str) -> np.ndarray:
    """Read a picture as colours, (H, W, 3), by another library."""
    image = pytest.importorskip("PIL.Image")
    data = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(image.open(io.BytesIO(data)).convert("RGB"))


def kernels(values: np.ndarray, rate: float) -> Kernels:
    axes = values.ndim - 1
    return Kernels(layer="first", values=values, rate=(rate,) * axes, bandlimit=(0.25,) * axes)


@pytest.mark.parametrize("sizes", [(1, 1), (7, 5), (28, 28)], ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_is_drawn_as_it_is(channels: int, sizes: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (channels, *sizes), dtype=np.uint8)
    expected = np.moveaxis(np.broadcast_to(pixels, (3, *sizes)), 0, -1)
    np.testing.assert_array_equal(decode(image_address(pixels)), expected)


def test_the_first_row_of_a_kernel_is_at_the_top_and_the_first_column_left() -> None:
    values = np.zeros((1, 4, 6))
    values[0, 0, 1], values[0, 3, 5] = 1.0, -1.0
    drawn = decode(draw_kernels([("7 × 7", kernels(values, 1.0))], most=1).strips[0].tiles[0].src)
    assert drawn.shape == (4, 6, 3)
    assert tuple(drawn[0, 1]) == DIVERGING[-1]
    assert tuple(drawn[3, 5]) == DIVERGING[0]
    assert tuple(drawn[1, 1]) == DIVERGING[4]


def test_a_function_looks_alike_on_every_grid() -> None:
    coarse, fine = np.full((1, 4, 4), 4.0), np.full((1, 8, 8), 1.0)  # taps hold the integral over a point
    strip = draw_kernels([("a", kernels(coarse, 2.0)), ("b", kernels(fine, 1.0))], most=3).strips[0]
    assert [tile.title for tile in strip.tiles] == ["a", "b"]
    assert strip.ends == "1.00"
    colors = {tuple(decode(tile.src).reshape(-1, 3)[0]) for tile in strip.tiles}
    assert colors == {DIVERGING[-1]}


def test_every_kernel_has_a_scale_of_its_own() -> None:
    values = np.stack([np.full((2, 2), 0.5), np.full((2, 2), -20.0)])
    layer = draw_kernels([("a", kernels(values, 1.0))], most=6)
    assert [(strip.title, strip.ends) for strip in layer.strips] == [
        ("kernel 0", "0.500"),
        ("kernel 1", "20.0"),
    ]


def test_no_more_kernels_are_drawn_than_asked_for_or_there_are_on_every_grid() -> None:
    many, few = np.ones((5, 2, 2)), np.ones((3, 4, 4))
    assert len(draw_kernels([("a", kernels(many, 2.0)), ("b", kernels(few, 1.0))], most=4).strips) == 3
    assert len(draw_kernels([("a", kernels(many, 2.0))], most=4).strips) == 4


def test_a_kernel_of_one_axis_gets_height() -> None:
    tile = draw_kernels([("a", kernels(np.ones((1, 64)), 1.0))], most=1).strips[0].tiles[0]
    assert (tile.width, tile.height) == (64, 8)


def test_values_that_are_not_finite_do_not_set_the_scale() -> None:
    values = np.array([[[1.0, np.nan], [np.inf, 0.0]]])
    assert draw_kernels([("a", kernels(values, 1.0))], most=1).strips[0].ends == "1.00"


@pytest.mark.parametrize(
    ("bandlimit", "expected"),
    [
        ((None, None), "no bandlimit"),
        ((0.25, 0.25), "bandlimit 0.25"),
        ((None, 0.5), "bandlimit none, 0.5"),
        ((1.0,), "bandlimit 1"),
    ],
    ids=str,
)
def test_a_bandlimit_is_told_in_words(bandlimit: tuple[float | None, ...], expected: str) -> None:
    assert limit_text(bandlimit) == expected
