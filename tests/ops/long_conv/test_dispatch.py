"""Choice of a backend, empty inputs, and every message of ``long_conv``."""

from __future__ import annotations

import pytest
import torch

from longwave.errors import ShapeError, UnknownName
from longwave.ops import long_conv
from longwave.ops.long_conv import BACKENDS

U = torch.zeros(2, 6, 10)


@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
@pytest.mark.parametrize("shape", [(0, 3, 5), (2, 3, 0), (2, 0, 5), (0, 3, 0)], ids=str)
def test_empty_input_gives_empty_output(backend, shape):
    u = torch.zeros(shape, requires_grad=True)
    heads = max(shape[1], 1)
    y = long_conv(u, torch.zeros(heads, shape[2]), backend=backend)
    y.sum().backward()
    assert y.shape == u.grad.shape == shape


def test_empty_batch_still_gives_the_filter_a_gradient():
    k = torch.ones(3, 5, requires_grad=True)
    long_conv(torch.zeros(0, 3, 5), k).sum().backward()
    assert torch.equal(k.grad, torch.zeros(3, 5))


def test_unknown_backend_lists_the_known_ones():
    with pytest.raises(UnknownName, match=r'"fftt".*fft'):
        long_conv(U, torch.zeros(6, 10), backend="fftt")


def test_backend_is_checked_even_when_there_is_nothing_to_do():
    with pytest.raises(UnknownName):
        long_conv(U[:0], torch.zeros(6, 10), backend="fftt")


@pytest.mark.parametrize(
    ("k", "options", "message"),
    [
        pytest.param((6, 11), {}, r"11 taps but the input has 10 steps", id="longer-than-input"),
        pytest.param((5, 10), {}, r"width 5 but the input has width 6 \(u: \(2, 6, 10\)", id="width"),
        pytest.param((0, 10), {}, "width 0", id="no-filters"),
        pytest.param((2, 6, 10), {}, r"is \(D, K\)", id="not-bidirectional"),
        pytest.param((6, 10), {"bidirectional": True}, r"is \(2, D, K\)", id="bidirectional"),
        pytest.param((6, 10), {"skip": torch.zeros(5)}, r"skip has shape \(5,\), not \(6,\)", id="skip"),
        pytest.param((6, 10), {"gate_in": U[:1]}, r"gate_in has shape \(1, 6, 10\)", id="gate_in"),
        pytest.param((6, 10), {"gate_out": U[..., :9]}, r"gate_out has shape \(2, 6, 9\)", id="gate_out"),
    ],
)
def test_shapes_that_do_not_fit_are_named(k, options, message):
    with pytest.raises(ShapeError, match=message):
        long_conv(U, torch.zeros(k), **options)


def test_input_must_have_three_axes():
    with pytest.raises(ShapeError, match="not 2-dimensional"):
        long_conv(U[0], torch.zeros(6, 10))


def test_whole_numbers_are_refused():
    with pytest.raises(ShapeError, match="floating-point"):
        long_conv(U.long(), torch.zeros(6, 10))
