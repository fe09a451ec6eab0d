from __future__ import annotations

import math

import pytest
import scipy.fft
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ShapeError, UnknownName
from longwave.ops import dct, idct
from longwave.ops.transforms import BASES, basis_matrix, crop_modes, inverse, pad_modes, transform
from longwave.ops.transforms.fields import DENSE_MODES

SIZES = pytest.mark.parametrize("n", [1, 2, 3, 8, 17, 64, 100, 2 * DENSE_MODES["dct"] + 1], ids="N{}".format)
KINDS = pytest.mark.parametrize("kind", BASES)
MORE = max(DENSE_MODES.values()) + 5  # an axis on which all modes are more than a matrix serves


@SIZES
def test_cosine_transform_is_scipys(draw, n):
    x = draw(3, n, requires_grad=False)
    assert abs(dct(x).numpy() - scipy.fft.dct(x.numpy(), norm="ortho")).max() < 1e-12
    assert abs(idct(x).numpy() - scipy.fft.idct(x.numpy(), norm="ortho")).max() < 1e-12


@SIZES
def test_inverse_cosine_transform_inverts(draw, n):
    x = draw(3, n)
    assert (idct(dct(x)) - x).abs().max() < 1e-12
    assert (dct(idct(x)) - x).abs().max() < 1e-12


def test_cosine_transform_takes_any_axis(draw):
    x = draw(4, 5, 6)
    torch.testing.assert_close(dct(x, 0), dct(x.movedim(0, -1)).movedim(-1, 0))
    torch.testing.assert_close(idct(x, -2), idct(x.movedim(1, -1)).movedim(-1, 1))


def test_a_cosine_has_one_coefficient():
    wave = torch.cos(math.pi * 3 * (torch.arange(10, dtype=torch.float64) + 0.5) / 10)
    expected = torch.zeros(10, dtype=torch.float64).index_fill(0, torch.tensor(3), math.sqrt(5))
    torch.testing.assert_close(dct(wave), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("grid", [(9,), (8, 5), (4, 3, 6), (MORE, 2)], ids=str)
@KINDS
def test_several_axes_are_transformed_one_by_one(draw, kind, grid):
    x = draw(2, 3, *grid)
    letters = "xyz"[: len(grid)]
    terms = ",".join([f"bc{letters}", *(f"{letter.upper()}{letter}" for letter in letters)])
    bases = [basis_matrix(kind, n, dtype=torch.float64) for n in grid]
    expected = torch.einsum(f"{terms}->bc{letters.upper()}", x, *bases)
    torch.testing.assert_close(transform(x, kind), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("grid", [(9,), (8, 5), (4, 3, 6), (MORE + 1, 3)], ids=str)
@KINDS
def test_truncated_is_the_first_part_of_all(draw, kind, grid):
    x, modes = draw(2, 3, *grid), [n - 1 for n in grid]
    z = transform(x, kind, modes)
    torch.testing.assert_close(z, crop_modes(transform(x, kind), modes), rtol=0, atol=1e-12)
    padded = inverse(pad_modes(z, grid), kind, grid)
    torch.testing.assert_close(inverse(z, kind, grid), padded, rtol=0, atol=1e-12)


few = settings(max_examples=25)
grids = st.lists(st.integers(1, 12), min_size=1, max_size=3)
seeds = st.integers(0, 2**32 - 1)


def field(seed: int, grid: list[int]) -> torch.Tensor:
    return torch.randn(2, 2, *grid, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@few
@given(st.sampled_from(BASES), grids, seeds)
def test_transforms_keep_lengths_and_are_inverted(kind, grid, seed):
    x = field(seed, grid)
    z = transform(x, kind)
    torch.testing.assert_close(z.square().sum(), x.square().sum(), rtol=1e-12, atol=0)
    torch.testing.assert_close(inverse(z, kind, grid), x, rtol=0, atol=1e-12)


@few
@given(st.sampled_from(BASES), grids, seeds, st.data())
def test_inverse_is_the_transpose_of_transform(kind, grid, seed, data):
    modes = [data.draw(st.integers(1, n)) for n in grid]
    x, z = field(seed, grid), field(seed + 1, modes)
    there, back = (transform(x, kind, modes) * z).sum(), (x * inverse(z, kind, grid)).sum()
    torch.testing.assert_close(there, back, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", BASES)
def test_gradients_are_exact(draw, kind):
    assert torch.autograd.gradcheck(lambda x: transform(x, kind, (3, 2)), draw(1, 2, 4, 3))
    assert torch.autograd.gradcheck(lambda z: inverse(z, kind, (4, 5)), draw(1, 2, 3, 2))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("n", [33, MORE], ids="N{}".format)
def test_narrow_types_are_as_exact_as_their_output(draw, tolerance, dtype, n):
    x = draw(2, 3, n, dtype=dtype, requires_grad=False)
    z = transform(x, "dct")
    assert z.dtype == dtype
    torch.testing.assert_close(z.double(), transform(x.double(), "dct"), **tolerance(dtype))


def test_autocast_does_not_narrow_a_transform(draw):
    x = draw(2, 3, 16, 9, dtype=torch.float32, requires_grad=False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z = transform(x, "rfft", (8, 5))
        assert torch.equal(
            inverse(z, "rfft", (16, 9)), inverse(transform(x, "rfft", (8, 5)), "rfft", (16, 9))
        )
    assert torch.equal(z, transform(x, "rfft", (8, 5)))


def test_modes_above_the_points_are_refused():
    with pytest.raises(ShapeError, match="9 modes were asked of an axis of 8 points"):
        transform(torch.zeros(1, 1, 8), "dct", 9)
    with pytest.raises(ShapeError, match="9 modes were asked of an axis of 8 points"):
        inverse(torch.zeros(1, 1, 9), "dct", 8)


@pytest.mark.parametrize(
    "x",
    [torch.zeros(2, 3), torch.zeros(2, 3, 0), torch.zeros(2, 3, 4).long(), torch.zeros(2, 3, 4) + 0j],
    ids=str,
)
def test_fields_must_be_real_and_have_points(x):
    with pytest.raises(ShapeError, match="takes real tensors with at least one point an axis"):
        transform(x, "dct")
    with pytest.raises(ShapeError, match="takes real tensors with at least one point an axis"):
        inverse(x, "dct", 4)


@pytest.mark.parametrize("x", [torch.tensor(1.0), torch.zeros(3, 0)], ids=str)
def test_an_axis_must_be_there(x):
    with pytest.raises(ShapeError, match="takes real tensors"):
        idct(x)


def test_numbers_must_be_one_or_one_an_axis():
    with pytest.raises(ShapeError, match=r"3 numbers \[2, 2, 2\] were given for 2 axes"):
        transform(torch.zeros(1, 1, 4, 4), "dct", (2, 2, 2))


@pytest.mark.parametrize("function", [transform, lambda x, kind: inverse(x, kind, 4)])
def test_an_unknown_basis_is_refused(function):
    with pytest.raises(UnknownName, match='Unknown basis "fft"'):
        function(torch.zeros(1, 1, 4), "fft")
