"""All options of the long convolution together against autograd of one dense Toeplitz product."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longwave.ops import long_conv

# B, D, L, K, heads, bidirectional
SHAPES = {
    "shared-both": (2, 6, 13, 13, 2, True),
    "shared-back": (2, 6, 13, 13, 3, False),
    "one-filter-both": (1, 5, 11, 7, 1, True),
    "short-filter-both": (3, 4, 17, 2, 2, True),
    "own-filters-both": (2, 3, 8, 8, 3, True),
    "one-step-both": (2, 4, 1, 1, 2, True),
}
backends = pytest.mark.parametrize("backend", ["fft", "naive"])
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)


def toeplitz(k: torch.Tensor, L: int) -> torch.Tensor:
    """Return (H, L, L) with ``k[t - s]`` below the diagonal and zeros where there is no tap."""
    padded = torch.cat([k, k.new_zeros(k.shape[0], L)], dim=-1)
    lag = torch.arange(L)[:, None] - torch.arange(L)
    return torch.where(lag >= 0, padded[:, lag.clamp(min=0)], 0.0)


def dense(u, k, skip, gate_in, gate_out, *, bidirectional):
    """Compute the convolution with one L x L matrix a channel."""
    L, D = u.shape[-1], u.shape[1]
    matrix = toeplitz(k[0], L) + toeplitz(k[1], L).mT if bidirectional else toeplitz(k, L)
    matrix = matrix.repeat_interleave(D // matrix.shape[0], 0) + skip[:, None, None] * torch.eye(L)
    return gate_out * torch.einsum("dts,bds->bdt", matrix, gate_in * u)


def make(draw, shape):
    B, D, L, K, heads, both = shape
    k = draw(2, heads, K) if both else draw(heads, K)
    return [draw(B, D, L), k, draw(D), draw(B, D, L), draw(B, D, L)]


def run(tensors, shape, backend):
    u, k, skip, gate_in, gate_out = tensors
    return long_conv(u, k, skip, gate_in=gate_in, gate_out=gate_out, bidirectional=shape[5], backend=backend)


@backends
@shapes
def test_shared_heads_both_ways_with_gates_equal_the_dense_product(draw, tolerance, shape, backend):
    tensors = make(draw, shape)
    expected = dense(*tensors, bidirectional=shape[5])
    torch.testing.assert_close(run(tensors, shape, backend), expected, **tolerance(torch.float64))


@backends
@shapes
def test_gradients_equal_autograd_of_the_dense_product(draw, tolerance, shape, backend):
    tensors, weight = make(draw, shape), draw(*shape[:3], requires_grad=False)
    expected = torch.autograd.grad((weight * dense(*tensors, bidirectional=shape[5])).sum(), tensors)
    found = torch.autograd.grad((weight * run(tensors, shape, backend)).sum(), tensors)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@backends
@pytest.mark.parametrize("shape", [SHAPES["shared-both"], SHAPES["short-filter-both"]], ids=["full", "short"])
def test_second_gradients_equal_those_of_the_dense_product(draw, tolerance, shape, backend):
    tensors = make(draw, shape)

    def penalty(y):
        grads = torch.autograd.grad(y.square().sum(), tensors, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in grads), tensors)

    found, expected = penalty(run(tensors, shape, backend)), penalty(dense(*tensors, bidirectional=shape[5]))
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)


@shapes
def test_transposed_operator_is_its_adjoint(draw, shape):
    u, k, skip, gate_in, gate_out = make(draw, shape)
    x = draw(*shape[:3], requires_grad=False)
    y = run([u, k, skip, gate_in, gate_out], shape, "fft")
    (back,) = torch.autograd.grad(y, u, grad_outputs=x)
    torch.testing.assert_close((x * y).sum(), (back * u).sum(), rtol=1e-9, atol=1e-9)


def test_swapping_the_directions_turns_time_around(draw, tolerance):
    u, k = draw(2, 4, 15), draw(2, 2, 9)
    there = long_conv(u, k, bidirectional=True)
    back = long_conv(u.flip(-1), k.flip(0), bidirectional=True).flip(-1)
    torch.testing.assert_close(there, back, **tolerance(torch.float64))


def test_silent_filter_ahead_leaves_the_causal_convolution(draw, tolerance):
    u, k = draw(2, 4, 15), draw(4, 15)
    both = long_conv(u, torch.stack([k, torch.zeros_like(k)]), bidirectional=True)
    torch.testing.assert_close(both, long_conv(u, k), **tolerance(torch.float64))


def test_closed_gate_stops_the_gradient_of_everything_behind_it(draw):
    tensors = make(draw, SHAPES["shared-both"])
    tensors[4] = torch.zeros_like(tensors[4])
    grads = torch.autograd.grad(run(tensors, SHAPES["shared-both"], "fft").sum(), tensors[:4])
    assert [float(grad.abs().max()) for grad in grads] == [0, 0, 0, 0]


@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 40).flatmap(lambda L: st.tuples(st.just(L), st.integers(1, L))),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_backends_agree_on_any_shape(B, heads, shared, lengths, both, seed):
    (L, K), generator = lengths, torch.Generator().manual_seed(seed)
    shape = (B, heads * shared, L, K, heads, both)

    def draw(*size):
        return torch.randn(size, generator=generator, dtype=torch.float64)

    tensors = make(draw, shape)
    fft, naive = run(tensors, shape, "fft"), run(tensors, shape, "naive")
    torch.testing.assert_close(fft, naive, rtol=1e-10, atol=1e-10)
