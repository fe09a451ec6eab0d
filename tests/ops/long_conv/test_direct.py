"""The convolution without a transform: exact, and blind to the future to the last bit."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from longwave.ops import long_conv
from longwave.ops.long_conv import direct

# B, D, L, K, heads, bidirectional
SHAPES = [
    (1, 1, 1, 1, 1, False),
    (1, 1, 1, 1, 1, True),
    (2, 6, 3, 2, 3, True),
    (2, 4, 31, 8, 4, False),
    (2, 4, 31, 9, 2, False),
    (2, 6, 127, 127, 3, False),
    (1, 3, 128, 65, 3, True),
    (2, 2, 331, 331, 1, False),
    (1, 2, 257, 200, 2, True),
    (1, 2, 130, 70, 2, False),
]


def name(shape: tuple[int, int, int, int, int, bool]) -> str:
    return "B{}-D{}-L{}-K{}-H{}".format(*shape[:5]) + ("-both" if shape[5] else "")


shapes = pytest.mark.parametrize("shape", SHAPES, ids=name)
small = pytest.mark.parametrize("shape", [(2, 2, 19, 17, 1, False), (1, 2, 6, 3, 2, True)], ids=name)


def make(draw, shape, dtype=torch.float64):
    B, D, L, K, heads, both = shape
    k = draw(2, heads, K, dtype=dtype) if both else draw(heads, K, dtype=dtype)
    gates = [draw(B, D, L, dtype=dtype) for _ in range(2)]
    return [draw(B, D, L, dtype=dtype), k, draw(D, dtype=dtype), *gates]


def run(tensors, shape, backend="direct"):
    u, k, skip, gate_in, gate_out = tensors
    return long_conv(u, k, skip, gate_in=gate_in, gate_out=gate_out, bidirectional=shape[5], backend=backend)


@shapes
def test_direct_equals_naive(draw, tolerance, shape):
    tensors = make(draw, shape)
    torch.testing.assert_close(run(tensors, shape), run(tensors, shape, "naive"), **tolerance(torch.float64))


@shapes
def test_direct_gradients_equal_those_of_naive(draw, tolerance, shape):
    tensors, weight = make(draw, shape), draw(*shape[:3], requires_grad=False)
    expected = torch.autograd.grad((run(tensors, shape, "naive") * weight).sum(), tensors)
    found = torch.autograd.grad((run(tensors, shape) * weight).sum(), tensors)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@small
def test_direct_passes_gradcheck(draw, shape):
    assert gradcheck(lambda *t: run(t, shape), make(draw, shape))


@small
def test_direct_passes_second_order_gradcheck(draw, shape):
    assert gradgradcheck(lambda *t: run(t, shape), make(draw, shape))


@pytest.mark.parametrize("future", [1e10, float("inf"), float("nan")], ids=str)
@pytest.mark.parametrize("K", [5, 50, 300])
@pytest.mark.parametrize("cut", [1, 13, 100, 200])
def test_the_future_leaves_every_bit_of_the_past(draw, future, K, cut):
    u, k = draw(2, 3, 300, dtype=torch.float32), draw(3, K, dtype=torch.float32)
    poisoned = u.detach().clone()
    poisoned[..., cut:] = future
    before, after = (long_conv(x, k, backend="direct")[..., :cut] for x in (u, poisoned))
    assert torch.equal(before, after)


@pytest.mark.parametrize("missing", [2, 3, 4], ids=["skip", "gate_in", "gate_out"])
def test_each_optional_input_may_be_missing(draw, tolerance, missing):
    shape = (2, 3, 43, 21, 3, False)
    tensors = make(draw, shape)
    tensors[missing] = None
    kept = [tensor for tensor in tensors if tensor is not None]
    expected = torch.autograd.grad(run(tensors, shape, "naive").sum(), kept)
    found = torch.autograd.grad(run(tensors, shape).sum(), kept)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@pytest.mark.parametrize("wanted", range(5), ids=["u", "k", "skip", "gate_in", "gate_out"])
def test_gradient_of_one_input_does_not_need_the_others(draw, tolerance, wanted):
    shape = (2, 3, 23, 19, 3, True)
    tensors = [t.requires_grad_(i == wanted) for i, t in enumerate(make(draw, shape))]
    (expected,) = torch.autograd.grad(run(tensors, shape, "naive").sum(), tensors[wanted])
    (found,) = torch.autograd.grad(run(tensors, shape).sum(), tensors[wanted])
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_narrow_types_are_as_exact_as_their_output(draw, tolerance, dtype):
    shape = (2, 4, 129, 129, 4, False)
    tensors = make(draw, shape, dtype)
    tensors[1] = (tensors[1] / 16).detach().requires_grad_()
    found = run(tensors, shape)
    expected = run([t.double() for t in tensors], shape, "naive")
    assert found.dtype == dtype
    assert (found.double() - expected).norm() / expected.norm() < tolerance(dtype)["rtol"]


def test_same_input_gives_same_bits(draw):
    tensors = make(draw, (2, 3, 150, 150, 3, False), torch.float32)
    shape = (2, 3, 150, 150, 3, False)
    first, second = (torch.autograd.grad(run(tensors, shape).square().sum(), tensors) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_toeplitz_holds_tap_lag_plus_column_minus_row():
    k = torch.arange(1.0, 8.0)[None]
    assert direct._toeplitz(k, 4, 4)[0].tolist() == [
        [5.0, 6.0, 7.0, 0.0],
        [4.0, 5.0, 6.0, 7.0],
        [3.0, 4.0, 5.0, 6.0],
        [2.0, 3.0, 4.0, 5.0],
    ]


def test_diagonals_are_summed_from_the_lowest_to_the_highest():
    outer = torch.tensor([[[1.0, 2.0], [4.0, 8.0]]])  # rows s, columns t; t - s = -1, 0, 1
    assert direct._diagonal_sums(outer).tolist() == [[4.0, 9.0, 2.0]]
