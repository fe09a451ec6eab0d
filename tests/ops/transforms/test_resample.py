from __future__ import annotations

import math

import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError, ShapeError
from longwave.ops.transforms import inverse, resample, rescale, transform

PAIRS = pytest.mark.parametrize(
    ("old", "new"),
    [(8, 12), (8, 9), (8, 7), (8, 6), (9, 6), (9, 16), (7, 21), (1, 4), (4, 1), (2, 3)],
    ids=str,
)


def points(n: int, basis: str) -> torch.Tensor:
    index = torch.arange(n, dtype=torch.float64)
    return (index + 0.5) / n if basis == "dct" else index / n


def smooth_field(n: int, basis: str) -> torch.Tensor:
    """Return a field of low modes on a grid of n points."""
    x = points(n, basis)
    if basis == "dct":
        return (1 + torch.cos(math.pi * x) - 2 * torch.cos(4 * math.pi * x))[None, None]
    return (1 + torch.cos(2 * math.pi * x) - 2 * torch.sin(4 * math.pi * x))[None, None]


@PAIRS
def test_periodic_resampling_is_scipys(draw, old, new):
    x = draw(2, 3, old, requires_grad=False)
    expected = scipy.signal.resample(x.numpy(), new, axis=-1)
    assert abs(resample(x, new).numpy() - expected).max() < 1e-12


@pytest.mark.parametrize("basis", ["dct", "rfft"])
@pytest.mark.parametrize(("old", "new"), [(8, 64), (9, 21), (64, 9), (21, 8), (85, 17)], ids=str)
def test_smooth_fields_are_resampled_exactly(basis, old, new):
    found = resample(smooth_field(old, basis), new, basis)
    torch.testing.assert_close(found, smooth_field(new, basis), rtol=0, atol=1e-12)


@settings(max_examples=30)
@given(st.sampled_from(["dct", "rfft"]), st.integers(1, 20), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_to_a_finer_grid_and_back_is_the_identity(basis, n, more, seed):
    x = torch.randn(1, 2, n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    finer = resample(x, (n + more, 3 + more), basis)
    torch.testing.assert_close(resample(finer, (n, 3), basis), x, rtol=0, atol=1e-12)


def test_the_interpolant_passes_through_the_samples(draw):
    x = draw(1, 1, 6, 5)
    torch.testing.assert_close(resample(x, (12, 15))[..., ::2, ::3], x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("basis", ["dct", "hartley", "rfft"])
def test_rescaled_coefficients_are_those_of_the_same_field(draw, basis):
    z = draw(1, 2, 5, 7)
    fine, coarse = (inverse(rescale(z, basis, (9, 8), grid), basis, grid) for grid in ((20, 21), (9, 8)))
    through = "dct" if basis == "dct" else "rfft"
    torch.testing.assert_close(resample(fine, (9, 8), through), coarse, rtol=0, atol=1e-12)
    assert rescale(z, basis, (9, 8), (9, 8)) is z


def test_hartley_modes_up_to_nyquist_have_no_other_grid(draw):
    with pytest.raises(
        ShapeError, match=r"8 Hartley modes on a grid of 8 points hold its Nyquist.*one mode less"
    ):
        rescale(draw(1, 1, 8), "hartley", (8,), (12,))


def test_a_field_of_half_cycles_needs_the_cosine_basis():
    ramp = points(16, "dct")[None, None]
    errors = [
        (inverse(transform(ramp, basis, 8), basis, 16) - ramp).norm() / ramp.norm()
        for basis in ("dct", "rfft")
    ]
    assert errors[0] < 0.2 * errors[1]


def test_only_two_bases_resample():
    with pytest.raises(ConfigError, match=r'takes the basis "dct" or "rfft", not "hartley"'):
        resample(torch.zeros(1, 1, 4), 8, "hartley")


@pytest.mark.parametrize("sizes", [0, (4,), (4, 4, 4), (3, -1)], ids=str)
def test_sizes_must_be_positive_and_one_an_axis(sizes):
    with pytest.raises(ShapeError, match="Give a positive number an axis"):
        resample(torch.zeros(1, 1, 4, 4), sizes)
