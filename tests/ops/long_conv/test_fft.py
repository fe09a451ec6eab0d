"""The FFT backend against the direct sum and a dense Toeplitz matrix: values, gradients, second gradients."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from longwave.ops import long_conv, next_fast_length
from longwave.ops.long_conv import fft
from longwave.ops.long_conv import small as shortcut

# B, D, L, K, heads, bidirectional
SHAPES = [
    (2, 6, 16, 16, 6, False),
    (3, 6, 37, 20, 2, False),
    (1, 1, 1, 1, 1, False),
    (1, 1, 1, 1, 1, True),
    (1, 5, 101, 101, 5, True),
    (2, 6, 33, 7, 3, True),
    (5, 4, 2, 1, 1, False),
    (2, 3, 257, 256, 3, False),
]


@pytest.fixture(autouse=True)
def _no_shortcut_for_small_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortcut, "is_small", lambda _: False)


def name(shape: tuple[int, int, int, int, int, bool]) -> str:
    return "B{}-D{}-L{}-K{}-H{}".format(*shape[:5]) + ("-both" if shape[5] else "")


shapes = pytest.mark.parametrize("shape", SHAPES, ids=name)
small = pytest.mark.parametrize("shape", [s for s in SHAPES if s[2] < 20] + [(2, 4, 5, 3, 2, True)], ids=name)


def make(draw, shape, dtype=torch.float64):
    B, D, L, K, heads, both = shape
    k = draw(2, heads, K, dtype=dtype) if both else draw(heads, K, dtype=dtype)
    return [
        draw(B, D, L, dtype=dtype),
        k,
        draw(D, dtype=dtype),
        *(draw(B, D, L, dtype=dtype) for _ in range(2)),
    ]


def run(tensors, shape, backend):
    u, k, skip, gate_in, gate_out = tensors
    return long_conv(u, k, skip, gate_in=gate_in, gate_out=gate_out, bidirectional=shape[5], backend=backend)


@shapes
def test_fft_equals_direct_sum(draw, tolerance, shape):
    tensors = make(draw, shape)
    torch.testing.assert_close(
        run(tensors, shape, "fft"), run(tensors, shape, "naive"), **tolerance(torch.float64)
    )


@shapes
def test_fft_gradients_equal_those_of_direct_sum(draw, tolerance, shape):
    tensors = make(draw, shape)
    weight = draw(*shape[:3], requires_grad=False)
    expected = torch.autograd.grad((run(tensors, shape, "naive") * weight).sum(), tensors)
    found = torch.autograd.grad((run(tensors, shape, "fft") * weight).sum(), tensors)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@small
def test_fft_passes_gradcheck(draw, shape):
    assert gradcheck(lambda *t: run(t, shape, "fft"), make(draw, shape))


@small
def test_fft_passes_second_order_gradcheck(draw, shape):
    assert gradgradcheck(lambda *t: run(t, shape, "fft"), make(draw, shape))


def test_fft_equals_dense_toeplitz_matrix(draw, tolerance):
    u, k, skip, gate_in, gate_out = make(draw, (2, 3, 41, 41, 3, False))
    lag = torch.arange(41)[:, None] - torch.arange(41)
    matrix = torch.where(lag >= 0, k[:, lag.clamp(min=0)], 0.0) + skip[:, None, None] * torch.eye(41)
    expected = gate_out * torch.einsum("dts,bds->bdt", matrix, gate_in * u)
    found = long_conv(u, k, skip, gate_in=gate_in, gate_out=gate_out, backend="fft")
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


def test_bidirectional_equals_sum_of_a_causal_and_a_flipped_convolution(draw, tolerance):
    u, k = draw(2, 4, 29), draw(2, 4, 29)
    expected = long_conv(u, k[0]) + long_conv(u.flip(-1), k[1]).flip(-1)
    torch.testing.assert_close(long_conv(u, k, bidirectional=True), expected, **tolerance(torch.float64))


def test_shared_filter_equals_repeated_filter(draw, tolerance):
    u, k = draw(2, 6, 17), draw(2, 17)
    torch.testing.assert_close(
        long_conv(u, k), long_conv(u, k.repeat_interleave(3, 0)), **tolerance(torch.float64)
    )


@pytest.mark.parametrize("missing", [2, 3, 4], ids=["skip", "gate_in", "gate_out"])
def test_each_optional_input_may_be_missing(draw, tolerance, missing):
    shape = (2, 3, 13, 13, 3, False)
    tensors = make(draw, shape)
    tensors[missing] = None
    kept = [tensor for tensor in tensors if tensor is not None]
    expected = torch.autograd.grad(run(tensors, shape, "naive").sum(), kept)
    found = torch.autograd.grad(run(tensors, shape, "fft").sum(), kept)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@pytest.mark.parametrize("wanted", range(5), ids=["u", "k", "skip", "gate_in", "gate_out"])
def test_gradient_of_one_input_does_not_need_the_others(draw, tolerance, wanted):
    shape = (2, 3, 13, 9, 3, False)
    tensors = [t.requires_grad_(i == wanted) for i, t in enumerate(make(draw, shape))]
    (expected,) = torch.autograd.grad(run(tensors, shape, "naive").sum(), tensors[wanted])
    (found,) = torch.autograd.grad(run(tensors, shape, "fft").sum(), tensors[wanted])
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@shapes
def test_kept_spectra_change_nothing(draw, monkeypatch, shape):
    tensors = make(draw, shape)
    expected = torch.autograd.grad(run(tensors, shape, "fft").square().sum(), tensors)
    monkeypatch.setattr(fft, "KEEPING", ("cpu",))
    found = torch.autograd.grad(run(tensors, shape, "fft").square().sum(), tensors)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_kept_spectra_serve_twice(draw, monkeypatch):
    shape = (3, 4, 21, 21, 4, False)
    monkeypatch.setattr(fft, "KEEPING", ("cpu",))
    tensors = make(draw, shape)
    loss = run(tensors, shape, "fft").square().sum()
    first, second = (torch.autograd.grad(loss, tensors, retain_graph=True) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("wanted", range(5), ids=["u", "k", "skip", "gate_in", "gate_out"])
def test_kept_spectra_serve_one_gradient(draw, tolerance, monkeypatch, wanted):
    monkeypatch.setattr(fft, "KEEPING", ("cpu",))
    test_gradient_of_one_input_does_not_need_the_others(draw, tolerance, wanted)


@pytest.mark.parametrize(("kept", "transforms"), [((), 6), (("cpu",), 4)], ids=["recomputed", "kept"])
def test_kept_spectra_spare_transforms(draw, monkeypatch, kept, transforms):
    u, k = make(draw, (2, 3, 16, 16, 3, False))[:2]
    monkeypatch.setattr(fft, "KEEPING", kept)
    genuine, calls = torch.fft.rfft, []
    monkeypatch.setattr(torch.fft, "rfft", lambda *a, **b: (calls.append(1), genuine(*a, **b))[1])
    long_conv(u, k, backend="fft").sum().backward()
    assert len(calls) == transforms - 1


@pytest.mark.parametrize("wanted", [0, 1], ids=["u", "k"])
def test_spectrum_of_the_input_is_kept_only_for_gradients_that_need_it(draw, monkeypatch, wanted):
    monkeypatch.setattr(fft, "KEEPING", ("cpu",))
    u, k = (t.detach().requires_grad_(n == wanted) for n, t in enumerate((draw(2, 3, 16), draw(3, 16))))
    frequencies = [t.shape for t in long_conv(u, k, backend="fft").grad_fn.saved_tensors if t is not None][2:]
    assert frequencies == [(3, 17), (2, 3, 17)][: 1 + wanted]


def test_blocks_of_channels_do_not_change_the_result(draw, tolerance, monkeypatch):
    shape = (2, 7, 31, 31, 7, False)
    tensors = make(draw, shape)
    whole = torch.autograd.grad(run(tensors, shape, "fft").sum(), tensors)
    monkeypatch.setattr(fft, "CPU_BLOCK", (2 * 64 * 3, 2 * 64 * 3))
    blocked = torch.autograd.grad(run(tensors, shape, "fft").sum(), tensors)
    torch.testing.assert_close(blocked, whole, **tolerance(torch.float64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_narrow_types_are_as_exact_as_their_output(draw, tolerance, dtype):
    shape = (2, 4, 129, 129, 4, False)
    tensors = make(draw, shape, dtype)
    tensors[1] = (tensors[1] / 16).detach().requires_grad_()
    found = run(tensors, shape, "fft")
    expected = run([t.double() for t in tensors], shape, "naive")
    error = (found.double() - expected).norm() / expected.norm()
    assert found.dtype == dtype
    assert error < tolerance(dtype)["rtol"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_gradients_have_the_types_of_their_inputs(draw, dtype):
    shape = (2, 4, 9, 9, 4, False)
    tensors = make(draw, shape, dtype)
    tensors[1] = tensors[1].detach().float().requires_grad_()
    run(tensors, shape, "fft").sum().backward()
    assert [t.grad.dtype for t in tensors] == [dtype, torch.float32, dtype, dtype, dtype]


def test_half_precision_does_not_overflow_where_a_half_precision_spectrum_would():
    L = 131_072
    u = torch.full((1, 1, L), 0.5, dtype=torch.float16)
    k = torch.full((1, L), 1.0 / L)
    y = long_conv(u, k)
    expected = 0.5 * torch.arange(1, L + 1, dtype=torch.float64) / L  # the spectrum's first bin is 65536
    torch.testing.assert_close(y[0, 0].double(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("backend", ["fft", "naive"])
def test_autocast_does_not_narrow_the_arithmetic(draw, backend):
    tensors = make(draw, (2, 4, 33, 33, 4, False), torch.float32)
    plain = run(tensors, (0, 0, 0, 0, 0, False), backend)
    expected = torch.autograd.grad(plain.sum(), tensors)
    with torch.autocast("cpu", torch.bfloat16):
        inside = run(tensors, (0, 0, 0, 0, 0, False), backend)
        found = torch.autograd.grad(inside.sum(), tensors)
    assert torch.equal(inside, plain)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_same_input_gives_same_bits(draw):
    shape = (3, 5, 97, 97, 5, False)
    tensors = make(draw, shape, torch.float32)
    first, second = (
        torch.autograd.grad(run(tensors, shape, "fft").square().sum(), tensors) for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_views_need_not_be_contiguous(draw, tolerance):
    z = draw(2, 19, 12)
    u, gate = z.transpose(1, 2).chunk(2, dim=1)
    k = draw(19, 6)
    expected = long_conv(u.contiguous(), k.t().contiguous(), gate_in=gate.contiguous(), backend="naive")
    torch.testing.assert_close(long_conv(u, k.t(), gate_in=gate), expected, **tolerance(torch.float64))


def test_unused_batch_neighbour_gets_no_gradient(draw):
    u, k = draw(3, 4, 21), draw(4, 21)
    (grad,) = torch.autograd.grad(long_conv(u, k)[1].sum(), u)
    assert grad[[0, 2]].abs().max() == 0


@pytest.mark.parametrize("n", [1, 2, 7, 11, 16, 17, 1023, 1025, 4097, 99_999])
def test_next_fast_length_is_the_smallest_allowed(n):
    step = 8 if n >= 16 else 1
    smooth = [m for m in range(n, 2 * n + 8) if m % step == 0 and 30**20 % m == 0]
    assert next_fast_length(n) == smooth[0]


def test_rounding_error_stays_at_single_precision_for_long_sequences(draw):
    u, k = draw(1, 1, 4096, dtype=torch.float32), draw(1, 4096, dtype=torch.float32)
    exact = np.convolve(u.detach().double().numpy()[0, 0], k.detach().double().numpy()[0])[:4096]
    found = long_conv(u, k).detach().double().numpy()[0, 0]
    assert math.sqrt(np.square(found - exact).sum() / np.square(exact).sum()) < 1e-6
