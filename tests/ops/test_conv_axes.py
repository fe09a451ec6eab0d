"""Convolutions of fields with outer products: against the direct sum, values and gradients, both routes."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ShapeError, UnknownName
from longwave.ops import conv_nd
from longwave.ops.conv_axes import axis_matrix, ring_size

BACKENDS = ("fft", "matrices")
backends = pytest.mark.parametrize("backend", BACKENDS)
# sizes of the field, taps of every axis, taps ahead
FIELDS = {
    "9": ((9,), (17,), (8,)),
    "9x7": ((9, 7), (17, 13), (8, 6)),
    "16x12-causal": ((16, 12), (16, 12), (0, 0)),
    "8x11-short": ((8, 11), (5, 4), (2, 1)),
    "5x6-longer": ((5, 6), (31, 20), (15, 9)),
    "1x13": ((1, 13), (1, 26), (0, 13)),
    "3x4x5": ((3, 4, 5), (3, 7, 9), (0, 3, 4)),
}
fields = pytest.mark.parametrize(("sizes", "taps", "ahead"), FIELDS.values(), ids=FIELDS)


def direct(u, kernels, ahead, skip=None):
    """Add up every product of a tap and a shifted field: the kernel of all axes, in space."""
    dims, sizes = len(kernels), u.shape[2:]
    letters = "xyz"[:dims]
    whole = torch.einsum(",".join(f"r...{axis}" for axis in letters) + f"->...{letters}", *kernels)
    mixes = kernels[0].dim() == 4
    y = 0
    for place in itertools.product(*(range(k.shape[-1]) for k in kernels)):
        tap, shifted = whole[(..., *place)], u
        for axis, (index, before, n) in enumerate(zip(place, ahead, sizes, strict=True)):
            lag = index - before
            moved = F.pad(shifted.movedim(axis + 2, -1), (lag, -lag)) if abs(lag) < n else None
            if moved is None:
                break
            shifted = moved.movedim(-1, axis + 2)
        else:
            ones = [1] * dims
            y = y + (
                torch.einsum("bc...,oc->bo...", shifted, tap) if mixes else shifted * tap.view(-1, *ones)
            )
    return y if skip is None else y + skip.view(-1, *[1] * dims) * u


def naive(u, kernels, ahead, skip):
    """Compute by complex transforms of every padded axis, as a textbook writes it."""
    sizes = u.shape[2:]
    rings = [n + k.shape[-1] for n, k in zip(sizes, kernels, strict=True)]
    dims = tuple(range(2, u.dim()))
    spectra = [
        torch.fft.fft(k, n=n).mul(_turned(n, before))
        for k, n, before in zip(kernels, rings, ahead, strict=True)
    ]
    letters = "xyz"[: len(sizes)]
    whole = torch.einsum(",".join(f"rc{axis}" for axis in letters) + f"->c{letters}", *spectra)
    y = torch.fft.ifftn(torch.fft.fftn(u, s=rings, dim=dims) * whole, dim=dims).real
    return y[(..., *(slice(n) for n in sizes))] + skip.view(-1, *[1] * len(sizes)) * u


def _turned(n, before):
    return torch.exp(2j * torch.pi * torch.arange(n, dtype=torch.float64) * before / n)


def draw_problem(draw, sizes, taps, channels=3, pieces=2):
    return draw(2, channels, *sizes), [draw(pieces, channels, p) for p in taps], draw(channels)


@pytest.fixture
def draw(generator):
    return lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)


@fields
@backends
def test_result_and_gradients_equal_the_direct_sum(draw, backend, sizes, taps, ahead):
    u, kernels, skip = draw_problem(draw, sizes, taps)
    leaves = [x.requires_grad_() for x in (u, *kernels, skip)]
    y, expected = conv_nd(u, kernels, ahead, skip, backend=backend), direct(u, kernels, ahead, skip)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-10)
    weights = draw(*y.shape)
    found = torch.autograd.grad((weights * y).sum(), leaves)
    wanted = torch.autograd.grad((weights * expected).sum(), leaves)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-10)


def test_naive_transforms_are_the_direct_sum_too(draw):
    u, kernels, skip = draw_problem(draw, (9, 7), (17, 13))
    expected = direct(u, kernels, (8, 6), skip)
    torch.testing.assert_close(naive(u, kernels, (8, 6), skip), expected, rtol=0, atol=1e-10)


@fields
def test_channels_are_mixed(draw, sizes, taps, ahead):
    u, kernels = draw(2, 3, *sizes), [draw(2, 4, 3, p) for p in taps]
    leaves = [x.requires_grad_() for x in (u, *kernels)]
    y, expected = conv_nd(u, kernels, ahead), direct(u, kernels, ahead)
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-10)
    found = torch.autograd.grad(y.square().sum(), leaves)
    wanted = torch.autograd.grad(expected.square().sum(), leaves)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)


@backends
def test_second_derivatives(draw, backend):
    inputs = [x.requires_grad_() for x in (draw(1, 2, 3, 2), draw(1, 2, 4), draw(1, 2, 3))]

    def convolve(u, rows, columns):
        return conv_nd(u, [rows, columns], (1, 1), backend=backend)

    assert torch.autograd.gradcheck(convolve, inputs)
    assert torch.autograd.gradgradcheck(convolve, inputs)


def test_second_derivatives_of_mixing(draw):
    inputs = [x.requires_grad_() for x in (draw(1, 2, 3, 2), draw(1, 3, 2, 2), draw(1, 3, 2, 3))]
    assert torch.autograd.gradgradcheck(lambda u, *k: conv_nd(u, k, (1, 1)), inputs)


@given(st.integers(1, 12), st.integers(1, 9), st.data())
def test_rings_let_nothing_wrap_around(n, taps, data):
    ahead = data.draw(st.integers(0, taps - 1))
    generator = torch.Generator().manual_seed(n * 100 + taps)
    u = torch.randn(1, 1, n, generator=generator, dtype=torch.float64)
    k = torch.randn(1, 1, taps, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(
        conv_nd(u, [k], [ahead], backend="fft"), direct(u, [k], [ahead]), rtol=0, atol=1e-12
    )


def test_a_ring_is_no_longer_than_it_must_be():
    assert ring_size(32, 63, 31) == 64
    assert ring_size(32, 64, 32) == 64  # the tap of lag -32 reaches nothing
    assert ring_size(100, 7, 3) == 120
    assert ring_size(1, 40, 20) == 1


def test_a_matrix_has_the_tap_of_lag_i_minus_j():
    k = torch.tensor([5.0, 1.0, 2.0])  # lags -1, 0, 1
    expected = torch.tensor([[1.0, 5, 0], [2, 1, 5], [0, 2, 1]])
    assert torch.equal(axis_matrix(k, 1, 3), expected)


@backends
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_are_computed_wide_and_rounded_once(draw, backend, dtype):
    u, kernels, skip = draw_problem(draw, (9, 7), (17, 13))
    u = u.to(dtype)
    y = conv_nd(u, [k.float() for k in kernels], (8, 6), skip.float(), backend=backend)
    exact = direct(u.double(), kernels, (8, 6), skip)
    eps = torch.finfo(dtype).eps
    assert y.dtype == dtype
    assert (y.double() - exact).abs().max() <= (eps + 1e-5) * exact.abs().max()


@backends
def test_autocast_changes_nothing(draw, backend):
    u, kernels, skip = draw_problem(draw, (9, 7), (17, 13))
    inputs = u.float(), [k.float() for k in kernels], (8, 6), skip.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        narrow = conv_nd(*inputs, backend=backend)
    assert torch.equal(narrow, conv_nd(*inputs, backend=backend))


@backends
def test_an_empty_batch_comes_back_with_gradients(draw, backend):
    kernels = [draw(1, 3, 5).requires_grad_() for _ in range(2)]
    y = conv_nd(draw(0, 3, 4, 6), kernels, (2, 2), backend=backend)
    assert y.shape == (0, 3, 4, 6)
    y.sum().backward()
    assert all(torch.equal(k.grad, torch.zeros_like(k)) for k in kernels)


def test_the_choice_is_matrices_for_short_axes_only(draw, monkeypatch):
    u, kernels, _ = draw_problem(draw, (9, 7), (17, 13))
    monkeypatch.setattr("longwave.ops.conv_axes.MATRIX_POINTS", 35)  # two pieces of nine points are too many
    assert torch.equal(conv_nd(u, kernels, (8, 6)), conv_nd(u, kernels, (8, 6), backend="fft"))
    one = [k[:1] for k in kernels]
    assert torch.equal(conv_nd(u, one, (8, 6)), conv_nd(u, one, (8, 6), backend="matrices"))


@pytest.mark.parametrize(("taps", "ahead"), [(17, 8), (9, 0), (40, 20), (5, 4), (30, 2)], ids=str)
def test_a_long_single_axis_goes_to_the_operator_for_sequences(draw, monkeypatch, taps, ahead):
    u, kernels, skip = draw_problem(draw, (9,), (taps,))
    monkeypatch.setattr("longwave.ops.conv_axes.MATRIX_POINTS", 0)
    expected = direct(u, kernels, (ahead,), skip)
    torch.testing.assert_close(conv_nd(u, kernels, (ahead,), skip), expected, rtol=0, atol=1e-10)


KERNELS = [torch.ones(1, 3, 5), torch.ones(1, 3, 5)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"u": torch.ones(2, 3, 4)}, "takes u of shape"),
        ({"kernels": KERNELS[:1]}, "a kernel and a number of taps ahead"),
        ({"ahead": (1,)}, "a kernel and a number of taps ahead"),
        ({"kernels": []}, "1 to 3 axes"),
        ({"u": torch.ones(2, 4, 4, 4)}, r"Kernels are \(R, 4, P\)"),
        ({"kernels": [KERNELS[0], torch.ones(2, 3, 5)]}, "alike but for P"),
        ({"ahead": (1, 5)}, "may be ahead of lag 0"),
        ({"skip": torch.ones(2)}, r"skip has shape \(2,\)"),
        ({"kernels": [torch.ones(1, 2, 3, 5)] * 2, "skip": torch.ones(3)}, "none where channels are mixed"),
        ({"kernels": [torch.ones(1, 2, 3, 5)] * 2, "backend": "matrices"}, 'not "matrices"'),
        ({"kernels": [KERNELS[0], torch.ones(1, 3, 5, device="meta")]}, r"kernels\[1\] is on meta"),
        ({"u": torch.ones(2, 3, 4, 4, dtype=torch.int64)}, "real floating-point"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_does_not_go_together_is_refused(change, message):
    given = {"u": torch.ones(2, 3, 4, 4), "kernels": KERNELS, "ahead": (2, 2)} | change
    with pytest.raises(ShapeError, match=message):
        conv_nd(**given)


def test_an_unknown_backend_is_refused():
    with pytest.raises(UnknownName, match='"ftt"'):
        conv_nd(torch.ones(2, 3, 4, 4), KERNELS, (2, 2), backend="ftt")
