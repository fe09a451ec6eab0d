"""Convolutions of few taps: by shifts as by the operator, and streamed from the last steps."""

from __future__ import annotations

import pytest
import torch

from longwave.errors import ShapeError
from longwave.mixers.window_conv import FEW_TAPS, WindowConv, gated_conv
from longwave.ops import long_conv

B, D, L = 2, 6, 21


@pytest.mark.parametrize("heads", [6, 3, 1], ids=lambda heads: f"filters{heads}")
@pytest.mark.parametrize("taps", [0, 1, 2, FEW_TAPS, FEW_TAPS + 1, L], ids=lambda taps: f"K{taps}")
@pytest.mark.parametrize("gates", [True, False], ids=["gates", "bare"])
def test_gated_conv_equals_the_naive_operator_with_its_gradients(draw, tolerance, taps, heads, gates):
    u, k, skip = draw(B, D, L).requires_grad_(), draw(heads, taps).requires_grad_(), draw(D).requires_grad_()
    pair = {"gate_in": draw(B, D, L), "gate_out": draw(B, D, L)} if gates else {}
    pair = {name: gate.requires_grad_() for name, gate in pair.items()}
    tensors = [u, k, skip, *pair.values()]
    expected = long_conv(u, k, skip, **pair, backend="naive")
    found = gated_conv(u, k, skip, **pair)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))
    torch.testing.assert_close(
        torch.autograd.grad(found.square().sum(), tensors),
        torch.autograd.grad(expected.square().sum(), tensors),
        **tolerance(torch.float64),
    )


def test_a_backend_that_is_named_is_taken(draw):
    u, k, skip = draw(B, D, L), draw(D, 3), draw(D)
    assert torch.equal(gated_conv(u, k, skip, backend="naive"), long_conv(u, k, skip, backend="naive"))


CUTS = {"whole": [L], "steps": [-1] * L, "chunks": [5, 0, 1, 4, 11], "mixed": [9, -1, -1, 3, -1, 6]}


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
@pytest.mark.parametrize("taps", [1, 2, 7, 13, 30], ids=lambda taps: f"K{taps}")
def test_streaming_equals_the_convolution(draw, tolerance, cuts, taps):
    k, skip, u = draw(3, taps), draw(D), draw(B, D, L)
    conv, outputs, start = WindowConv(k, skip, B), [], 0
    for size in cuts:
        piece = u[..., start : start + abs(size)]
        outputs.append(conv.step(piece[..., 0])[..., None] if size == -1 else conv.prefill(piece))
        start += abs(size)
    expected = long_conv(u, k[:, :L], skip, backend="naive")
    assert conv.position == start == L
    torch.testing.assert_close(torch.cat(outputs, -1), expected, **tolerance(torch.float64))


def test_a_stream_beyond_its_buffer_stays_exact(draw, tolerance):
    k, skip, u = draw(D, 5), draw(D), draw(1, D, 300)
    conv = WindowConv(k, skip, 1)
    found = torch.stack([conv.step(u_t) for u_t in u.unbind(-1)], dim=-1)
    torch.testing.assert_close(found, long_conv(u, k, skip, backend="naive"), **tolerance(torch.float64))


def test_memory_does_not_grow(draw):
    conv = WindowConv(draw(D, 7), draw(D), B)
    before = conv.nbytes
    conv.prefill(draw(B, D, 500))
    assert conv.nbytes == before


@pytest.mark.parametrize("back", [1, 17, 32], ids=lambda back: f"back{back}")
def test_going_back_over_recent_steps_is_free(draw, tolerance, back):
    k, skip, u = draw(D, 7), draw(D), draw(1, D, 90)
    conv = WindowConv(k, skip, 1)
    conv.prefill(u[..., : 50 - back])
    for _ in range(back):
        conv.step(draw(1, D))
    conv.truncate(50 - back)
    expected = long_conv(u, k, skip, backend="naive")[..., 50 - back :]
    torch.testing.assert_close(conv.prefill(u[..., 50 - back :]), expected, **tolerance(torch.float64))


def test_going_back_far_without_a_mark_is_refused(draw):
    conv = WindowConv(draw(D, 7), draw(D), 1)
    conv.prefill(draw(1, D, 200))
    assert not conv.can_truncate(100)
    with pytest.raises(ShapeError, match="not to 100"):
        conv.truncate(100)


def test_later_changes_of_taps_and_skip_leave_a_stream_alone(draw):
    k, skip, u = draw(D, 3), draw(D), draw(1, D, 4)
    conv = WindowConv(k, skip, 1)
    expected = conv.copy().prefill(u)
    k.zero_()
    skip.zero_()
    assert torch.equal(conv.prefill(u), expected)


@pytest.mark.parametrize("kind", ["bfloat16", "float16"])
def test_narrow_inputs_are_summed_in_float32(draw, kind):
    dtype = getattr(torch, kind)
    k, skip, u = draw(D, 7).float(), draw(D).float(), draw(1, D, L).to(dtype)
    y = WindowConv(k, skip, 1).prefill(u)
    expected = long_conv(u.float(), k, skip, backend="naive").to(dtype)
    assert y.dtype == dtype
    torch.testing.assert_close(y, expected, rtol=1e-2, atol=1e-2)
