"""Projections to and from time-last: values, gradients, and the layout of every gradient."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck, gradgradcheck

from longwave.mixers.projections import project_from_time_last, project_to_time_last

SHAPES = [(2, 5, 3, 4), (1, 1, 2, 1), (3, 7, 1, 2), (0, 4, 2, 3), (2, 0, 3, 2)]
shapes = pytest.mark.parametrize(("B", "L", "D", "M"), SHAPES, ids=lambda n: str(n))


@shapes
def test_projection_to_time_last_is_a_transposed_linear_layer(draw, tolerance, B, L, D, M):
    x, weight = draw(B, L, D), draw(M, D)
    expected = F.linear(x, weight).transpose(1, 2)
    torch.testing.assert_close(project_to_time_last(x, weight), expected, **tolerance(torch.float64))


@shapes
def test_projection_from_time_last_is_a_linear_layer(draw, tolerance, B, L, D, M):
    w, weight, bias = draw(B, D, L), draw(M, D), draw(M)
    expected = F.linear(w.transpose(1, 2), weight, bias)
    torch.testing.assert_close(project_from_time_last(w, weight, bias), expected, **tolerance(torch.float64))


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck])
def test_projections_have_first_and_second_derivatives(draw, check):
    x, w, weight, bias = (t.requires_grad_() for t in (draw(2, 5, 3), draw(2, 3, 5), draw(4, 3), draw(4)))
    assert check(project_to_time_last, (x, weight))
    assert check(project_from_time_last, (w, weight, bias))


def test_every_gradient_has_the_layout_of_its_tensor(draw):
    x, w = draw(2, 5, 3).requires_grad_(), draw(2, 3, 5).requires_grad_()
    weight, bias = draw(4, 3).requires_grad_(), draw(4).requires_grad_()
    y, z = project_to_time_last(x, weight), project_from_time_last(w, weight, bias)
    assert y.is_contiguous()
    assert z.is_contiguous()
    for grad in torch.autograd.grad([y, z], [x, w, weight], [torch.ones_like(y), torch.ones_like(z)]):
        assert grad.is_contiguous()


@pytest.mark.parametrize("wanted", range(3), ids=["w", "weight", "bias"])
def test_each_gradient_comes_alone(draw, tolerance, wanted):
    tensors = [t.requires_grad_(n == wanted) for n, t in enumerate((draw(2, 3, 5), draw(4, 3), draw(4)))]
    (found,) = torch.autograd.grad(project_from_time_last(*tensors).square().sum(), tensors[wanted])
    w, *rest = tensors
    (expected,) = torch.autograd.grad(F.linear(w.transpose(1, 2), *rest).square().sum(), tensors[wanted])
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


def test_autocast_narrows_the_product_and_widens_the_gradients(draw):
    x, weight, bias = (draw(*s, dtype=torch.float32).requires_grad_() for s in [(2, 5, 3), (4, 3), (3,)])
    with torch.autocast("cpu", torch.bfloat16):
        y = project_to_time_last(x, weight)
        z = project_from_time_last(y, weight.t(), bias)
    assert (y.dtype, z.dtype) == (torch.bfloat16, torch.bfloat16)
    assert {g.dtype for g in torch.autograd.grad(z.sum(), [x, weight, bias])} == {torch.float32}


def test_autocast_leaves_float64_alone(draw):
    with torch.autocast("cpu", torch.bfloat16):
        assert project_to_time_last(draw(2, 5, 3), draw(4, 3)).dtype == torch.float64


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch's own tracing
def test_projections_trace_into_one_graph(draw):
    w, weight, bias = (t.requires_grad_() for t in (draw(2, 3, 5), draw(4, 3), draw(4)))
    traced = torch.compile(project_from_time_last, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(traced(w, weight, bias), project_from_time_last(w, weight, bias))
