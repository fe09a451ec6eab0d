"""The short convolution against torch's depthwise ``conv1d``."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from longwave.errors import ShapeError
from longwave.ops import long_conv
from longwave.ops.short_conv import short_conv, split_short_conv

SHAPES = [(2, 4, 16, 3), (1, 1, 1, 3), (3, 2, 7, 1), (2, 3, 13, 5), (2, 3, 2, 7)]
shapes = pytest.mark.parametrize(("B", "D", "L", "K"), SHAPES, ids=lambda n: str(n))


def depthwise(u, k, bias, offset=None):
    u = u if offset is None else u + offset[:, None]
    return F.conv1d(F.pad(u, (k.shape[1] - 1, 0)), k.flip(-1)[:, None], bias, groups=k.shape[0])


@shapes
def test_short_conv_equals_depthwise_conv1d(draw, tolerance, B, D, L, K):
    u, k, bias = draw(B, D, L), draw(D, K), draw(D)
    torch.testing.assert_close(short_conv(u, k, bias), depthwise(u, k, bias), **tolerance(torch.float64))


@shapes
def test_short_conv_passes_gradcheck(draw, B, D, L, K):
    assert gradcheck(short_conv, (draw(B, D, L), draw(D, K), draw(D)))


@shapes
def test_offset_is_added_to_inputs_but_not_to_the_zeros_before(draw, tolerance, B, D, L, K):
    u, k, bias, offset = draw(B, D, L), draw(D, K), draw(D), draw(D)
    found = short_conv(u, k, bias, offset=offset)
    torch.testing.assert_close(found, depthwise(u, k, bias, offset), **tolerance(torch.float64))


def test_short_conv_with_offset_passes_gradcheck(draw):
    def convolve(u, k, bias, offset):
        return short_conv(u, k, bias, offset=offset)

    assert gradcheck(convolve, (draw(2, 3, 7), draw(3, 3), draw(3), draw(3)))


def test_offset_has_a_gradient_where_the_input_has_none(draw, tolerance):
    u, k, offset = draw(2, 3, 7, requires_grad=False), draw(3, 3), draw(3)
    (found,) = torch.autograd.grad(short_conv(u, k, offset=offset).sum(), [offset])
    (expected,) = torch.autograd.grad(depthwise(u, k, None, offset).sum(), [offset])
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


def test_split_short_conv_cuts_the_channels(draw):
    u, k, bias = draw(2, 6, 5), draw(6, 3), draw(6)
    parts = split_short_conv(u, k, bias, parts=3)
    assert [tuple(part.shape) for part in parts] == [(2, 2, 5)] * 3
    assert torch.equal(torch.cat(parts, dim=1), short_conv(u, k, bias))


@pytest.mark.parametrize("parts", [0, -1, 4, 12])
def test_split_short_conv_names_parts_that_do_not_divide(parts):
    with pytest.raises(ShapeError, match=f"parts is {parts}, which does not divide the width 6"):
        split_short_conv(torch.zeros(1, 6, 5), torch.zeros(6, 3), parts=parts)


def test_short_conv_works_without_bias(draw, tolerance):
    u, k = draw(2, 3, 8), draw(3, 3)
    torch.testing.assert_close(short_conv(u, k), depthwise(u, k, None), **tolerance(torch.float64))


@pytest.mark.parametrize("shape", [(0, 3, 5), (2, 3, 0)], ids=str)
def test_short_conv_of_nothing_is_nothing(draw, shape):
    u, k = draw(*shape), draw(3, 3)
    short_conv(u, k).sum().backward()
    assert u.grad.shape == shape
    assert torch.equal(k.grad, torch.zeros_like(k))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_short_conv_rounds_half_types_once(draw, dtype):
    u, k, bias = draw(2, 3, 33, dtype=dtype), draw(3, 3, dtype=torch.float32), draw(3, dtype=torch.float32)
    expected = short_conv(u.float(), k, bias).to(dtype)
    assert torch.equal(short_conv(u, k, bias), expected)


def test_short_conv_gradients_ignore_autocast(draw):
    tensors = [draw(2, 3, 33, dtype=torch.float32), draw(3, 3, dtype=torch.float32)]
    expected = torch.autograd.grad(short_conv(*tensors).sum(), tensors)
    with torch.autocast("cpu", torch.bfloat16):
        found = torch.autograd.grad(short_conv(*tensors).sum(), tensors)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_short_conv_refuses_a_second_derivative(draw):
    u, k = draw(1, 1, 4), draw(1, 2)
    (grad,) = torch.autograd.grad(short_conv(u, k).square().sum(), u, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad.sum().backward()


@pytest.mark.parametrize("k", [(4, 3), (3, 0), (3,)], ids=str)
def test_short_conv_names_shapes_that_do_not_fit(k):
    with pytest.raises(ShapeError, match=r"\(2, 3, 8\)"):
        short_conv(torch.zeros(2, 3, 8), torch.zeros(k))


@pytest.mark.parametrize("name", ["bias", "offset"])
def test_short_conv_names_a_wrong_vector(name):
    with pytest.raises(ShapeError, match=rf"{name} has shape \(2,\), not \(3,\)"):
        short_conv(torch.zeros(2, 3, 8), torch.zeros(3, 3), **{name: torch.zeros(2)})


@pytest.mark.parametrize(("L", "K"), [(1, 1), (1, 4), (5, 7), (13, 3)], ids=lambda n: f"{n}")
def test_short_conv_equals_the_long_one(draw, tolerance, L, K):
    u, k = draw(2, 3, L), draw(3, K)
    expected = long_conv(u, k[:, :L], backend="naive")
    torch.testing.assert_close(short_conv(u, k), expected, **tolerance(torch.float64))


@pytest.mark.parametrize("wrong", ["input", "filter"])
def test_short_conv_refuses_whole_numbers(wrong):
    u, k = torch.ones(1, 2, 4), torch.ones(2, 2)
    tensors = (u.long(), k) if wrong == "input" else (u, k.long())
    with pytest.raises(ShapeError, match=r"real floating-point.*int64"):
        short_conv(*tensors)


@pytest.mark.parametrize("has_offset", [False, True], ids=["plain", "offset"])
def test_short_conv_gradient_reaches_only_taps_within_the_signal(draw, has_offset):
    u, k, offset = draw(1, 2, 3), draw(2, 5), draw(2) if has_offset else None
    (grad,) = torch.autograd.grad(short_conv(u, k, offset=offset).sum(), [k])
    assert torch.count_nonzero(grad, dim=0).tolist() == [2, 2, 2, 0, 0]


def test_short_conv_is_deaf_to_the_future(draw):
    u, k = draw(1, 2, 9), draw(2, 4)
    (grad,) = torch.autograd.grad(short_conv(u, k)[..., 4].sum(), [u])
    assert not grad[..., 5:].any()
    assert grad[..., 1:5].all()
