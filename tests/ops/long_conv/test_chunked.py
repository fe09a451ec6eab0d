"""The chunked convolution: the same numbers as the direct sum for every chunk size, in bounded memory."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck

from longwave.ops import long_conv
from longwave.ops.long_conv import chunked

# B, D, L, K, heads, bidirectional, chunk
SHAPES = [
    (2, 6, 16, 16, 6, False, 4),
    (3, 6, 37, 20, 2, False, 5),
    (1, 1, 1, 1, 1, False, 1),
    (1, 1, 1, 1, 1, True, 3),
    (1, 5, 101, 101, 5, True, 10),
    (2, 6, 33, 7, 3, True, 8),
    (2, 4, 127, 3, 4, False, 16),
    (2, 3, 31, 31, 1, False, 1),
]


def name(shape: tuple[int, int, int, int, int, bool, int]) -> str:
    return "B{}-D{}-L{}-K{}-H{}".format(*shape[:5]) + ("-both" if shape[5] else "") + f"-P{shape[6]}"


shapes = pytest.mark.parametrize("shape", SHAPES, ids=name)
small = pytest.mark.parametrize("shape", [(2, 2, 7, 5, 1, True, 3), (2, 2, 9, 2, 2, False, 4)], ids=name)


def make(draw, shape, dtype=torch.float64):
    B, D, L, K, heads, both = shape[:6]
    k = draw(2, heads, K, dtype=dtype) if both else draw(heads, K, dtype=dtype)
    gates = [draw(B, D, L, dtype=dtype) for _ in range(2)]
    return [draw(B, D, L, dtype=dtype), k, draw(D, dtype=dtype), *gates]


def run(tensors, shape):
    return chunked.chunked_conv(*tensors, shape[5], chunk_size=shape[6])


def naive(tensors, shape):
    u, k, skip, gate_in, gate_out = tensors
    return long_conv(u, k, skip, gate_in=gate_in, gate_out=gate_out, bidirectional=shape[5], backend="naive")


def relative_error(found, expected):
    return ((found - expected).norm() / expected.norm().clamp(min=1e-30)).item()


@shapes
def test_chunked_equals_direct_sum(draw, tolerance, shape):
    tensors = make(draw, shape)
    torch.testing.assert_close(run(tensors, shape), naive(tensors, shape), **tolerance(torch.float64))


@shapes
@pytest.mark.parametrize("buffer", [1, 100, 2**20], ids=["tiny", "small", "whole"])
def test_gradients_equal_those_of_direct_sum_in_blocks_of_any_size(
    draw, tolerance, monkeypatch, shape, buffer
):
    monkeypatch.setattr(chunked, "BUFFER", buffer)
    tensors, weight = make(draw, shape), draw(*shape[:3], requires_grad=False)
    expected = torch.autograd.grad((naive(tensors, shape) * weight).sum(), tensors)
    found = torch.autograd.grad((run(tensors, shape) * weight).sum(), tensors)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@settings(max_examples=60)
@given(st.integers(1, 90), st.integers(0, 2**32 - 1), st.booleans(), st.data())
def test_chunk_size_does_not_change_the_result(L, seed, both, data):
    K, P = data.draw(st.integers(1, L)), data.draw(st.integers(1, L + 2))
    generator = torch.Generator().manual_seed(seed)
    u = torch.randn((2, 3, L), generator=generator, dtype=torch.float64)
    k = torch.randn((2, 3, K) if both else (3, K), generator=generator, dtype=torch.float64)
    whole = long_conv(u, k, bidirectional=both, backend="naive")
    found = chunked.chunked_conv(u, k, None, None, None, both, chunk_size=P)
    assert relative_error(found, whole) < 1e-12


@small
def test_chunked_passes_gradcheck(draw, shape):
    assert gradcheck(lambda *t: run(t, shape), make(draw, shape))


@small
def test_chunked_passes_second_order_gradcheck(draw, shape):
    assert gradgradcheck(lambda *t: run(t, shape), make(draw, shape))


@pytest.mark.parametrize("missing", [2, 3, 4], ids=["skip", "gate_in", "gate_out"])
def test_each_optional_input_may_be_missing(draw, tolerance, missing):
    shape = (2, 3, 13, 13, 3, False, 4)
    tensors = make(draw, shape)
    tensors[missing] = None
    kept = [tensor for tensor in tensors if tensor is not None]
    expected = torch.autograd.grad(naive(tensors, shape).sum(), kept)
    found = torch.autograd.grad(run(tensors, shape).sum(), kept)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@pytest.mark.parametrize("wanted", range(5), ids=["u", "k", "skip", "gate_in", "gate_out"])
def test_gradient_of_one_input_does_not_need_the_others(draw, tolerance, wanted):
    shape = (2, 3, 13, 9, 3, True, 4)
    tensors = [t.requires_grad_(i == wanted) for i, t in enumerate(make(draw, shape))]
    (expected,) = torch.autograd.grad(naive(tensors, shape).sum(), tensors[wanted])
    (found,) = torch.autograd.grad(run(tensors, shape).sum(), tensors[wanted])
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_narrow_types_are_as_exact_as_their_output(draw, tolerance, dtype):
    shape = (2, 4, 129, 129, 4, False, 32)
    tensors = make(draw, shape, dtype)
    tensors[1] = (tensors[1] / 16).detach().requires_grad_()
    found = run(tensors, shape)
    expected = naive([t.double() for t in tensors], shape)
    assert found.dtype == dtype
    assert relative_error(found.double(), expected) < tolerance(dtype)["rtol"]


def test_views_need_not_be_contiguous(draw, tolerance):
    u, gate = draw(2, 19, 12).transpose(1, 2).chunk(2, dim=1)
    k = draw(19, 6).t()
    found = chunked.chunked_conv(u, k, None, gate, gate, False, chunk_size=5)
    expected = long_conv(u, k, gate_in=gate, gate_out=gate, backend="naive")
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@pytest.mark.parametrize("L", [40, 400, 4000])
def test_short_filter_extends_to_any_length(draw, tolerance, L):
    u, k = draw(1, 2, L), draw(2, 40)
    found = long_conv(u, k, backend="chunked")
    torch.testing.assert_close(found, long_conv(u, k, backend="naive"), **tolerance(torch.float64))


@pytest.mark.parametrize("taps", [1, 100, 2048, 5000, 10**6])
@pytest.mark.parametrize("both", [False, True], ids=["back", "both"])
def test_chunk_follows_the_filter_and_not_the_signal(taps, both):
    chunk = chunked._chunk_size(taps, both)
    assert chunked.SHORTEST // 2 <= chunk <= chunked.LONGEST
    assert -(-taps // chunk) <= 16


@pytest.mark.parametrize("gradients", [False, True], ids=["forward", "both-passes"])
def test_transforms_of_a_long_signal_stay_within_the_buffer(monkeypatch, gradients):
    seen = []
    transform = torch.fft.rfft

    def rfft(x, n=None):
        seen.append(x.numel())
        return transform(x, n=n)

    monkeypatch.setattr(torch.fft, "rfft", rfft)
    monkeypatch.setattr(chunked, "BUFFER", 2**13)
    u = torch.zeros(2, 2, 20_000, requires_grad=gradients)
    y = chunked.chunked_conv(u, torch.zeros(2, 30), None, None, None, False, chunk_size=227)
    if gradients:
        y.sum().backward()
    assert max(seen) <= 2**13
