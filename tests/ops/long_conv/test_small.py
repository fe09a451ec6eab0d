"""Small signals: the dense product and torch's own FFT against the direct sum, and where they are taken."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradgradcheck

from longwave.ops import long_conv
from longwave.ops.long_conv.recompute import Inputs
from longwave.ops.long_conv.small import FEW_STEPS, FEW_VALUES, FEW_WITHOUT_GRADIENTS, is_small, small_conv

# B, D, L, K, heads, bidirectional
SHAPES = [
    (2, 6, 16, 16, 6, False),
    (3, 6, 31, 20, 2, False),
    (1, 1, 1, 1, 1, False),
    (1, 1, 1, 1, 1, True),
    (1, 5, 29, 29, 5, True),
    (2, 6, FEW_STEPS, 7, 3, True),
    (2, 6, FEW_STEPS + 1, 7, 3, True),
    (2, 3, 101, 64, 3, False),
]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "B{}-D{}-L{}-K{}-H{}-{}".format(*s))


def make(draw, shape, dtype=torch.float64):
    B, D, L, K, heads, both = shape
    k = draw(2, heads, K, dtype=dtype) if both else draw(heads, K, dtype=dtype)
    gates = (draw(B, D, L, dtype=dtype) for _ in range(2))
    return Inputs(draw(B, D, L, dtype=dtype), k, draw(D, dtype=dtype), *gates)


def naive(inputs, both):
    u, k, skip, gate_in, gate_out = inputs
    return long_conv(u, k, skip, gate_in=gate_in, gate_out=gate_out, bidirectional=both, backend="naive")


@shapes
def test_small_conv_equals_direct_sum(draw, tolerance, shape):
    inputs = make(draw, shape)
    found, expected = small_conv(inputs, shape[5]), naive(inputs, shape[5])
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@shapes
def test_small_conv_has_the_gradients_of_the_direct_sum(draw, tolerance, shape):
    inputs = make(draw, shape)
    found = torch.autograd.grad(small_conv(inputs, shape[5]).square().sum(), inputs)
    expected = torch.autograd.grad(naive(inputs, shape[5]).square().sum(), inputs)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@pytest.mark.parametrize("missing", range(2, 5), ids=["skip", "gate_in", "gate_out"])
@pytest.mark.parametrize("L", [16, FEW_STEPS + 1])
def test_each_optional_input_may_be_missing(draw, tolerance, L, missing):
    inputs = Inputs(*(None if n == missing else t for n, t in enumerate(make(draw, (2, 3, L, L, 3, False)))))
    found, expected = small_conv(inputs, False), naive(inputs, False)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


def test_small_conv_can_be_differentiated_twice(draw):
    inputs = make(draw, (2, 4, 5, 3, 2, True))
    assert gradgradcheck(lambda *tensors: small_conv(Inputs(*tensors), True), tuple(inputs))


@pytest.mark.parametrize("L", [16, FEW_STEPS + 1])
@pytest.mark.parametrize("wanted", range(5), ids=["u", "k", "skip", "gate_in", "gate_out"])
def test_gradient_of_one_input_does_not_need_the_others(draw, tolerance, wanted, L):
    inputs = make(draw, (2, 3, L, 9, 3, False))
    inputs = Inputs(*(t.detach().requires_grad_(n == wanted) for n, t in enumerate(inputs)))
    (found,) = torch.autograd.grad(small_conv(inputs, False).sum(), inputs[wanted])
    (expected,) = torch.autograd.grad(naive(inputs, False).sum(), inputs[wanted])
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@pytest.mark.parametrize("L", [16, FEW_STEPS + 1])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_types_are_rounded_once(draw, dtype, L):
    inputs = make(draw, (2, 4, L, L, 4, False), dtype)
    wide = Inputs(*(t.detach().float() for t in inputs))
    assert torch.equal(small_conv(inputs, False), small_conv(wide, False).to(dtype))


def alone(*shape: int, requires_grad: bool = True, device: str = "cpu") -> Inputs:
    """Return a call with a signal of this shape, without memory of its own."""
    u = torch.zeros(1, device=device).expand(shape)
    k = torch.zeros(1, 1, device=device, requires_grad=requires_grad)
    return Inputs(u, k, None, None, None)


@pytest.mark.parametrize(
    ("shape", "requires_grad", "is_it"),
    [
        ((1, 1, FEW_VALUES), True, True),
        ((1, 1, FEW_VALUES + 1), True, False),
        ((1, 1, FEW_WITHOUT_GRADIENTS), False, True),
        ((1, 1, FEW_WITHOUT_GRADIENTS + 1), False, False),
        ((1, FEW_VALUES, FEW_STEPS), True, True),
        ((1, FEW_VALUES, FEW_STEPS + 1), True, False),
    ],
    ids=str,
)
def test_signals_are_small_by_steps_or_by_values(shape, requires_grad, is_it):
    assert is_small(alone(*shape, requires_grad=requires_grad)) == is_it


def test_gradients_switched_off_do_not_count():
    with torch.no_grad():
        assert is_small(alone(1, 1, FEW_WITHOUT_GRADIENTS))


def test_nothing_is_small_on_another_device_or_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        under_autocast = is_small(alone(1, 1, 8))
    assert (is_small(alone(1, 1, 8, device="meta")), under_autocast) == (False, False)


@pytest.mark.parametrize("L", [16, FEW_STEPS + 1])
def test_autocast_does_not_narrow_the_arithmetic(draw, tolerance, L):
    u, k = draw(2, 4, L, dtype=torch.float32), draw(4, L, dtype=torch.float32)
    expected = torch.autograd.grad(long_conv(u, k).sum(), (u, k))
    with torch.autocast("cpu", torch.bfloat16):
        found = torch.autograd.grad(long_conv(u, k).sum(), (u, k))
    torch.testing.assert_close(found, expected, **tolerance(torch.float32))
