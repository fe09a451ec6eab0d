"""Streaming against the convolution in one go, for every mode, shape, type and split."""

from __future__ import annotations

import pytest
import torch

from longwave.ops import long_conv
from longwave.ops.long_conv.online import OnlineConv

MODES = ["lazy", "epoched", "relaxed", "auto"]
# B, D, L, K, heads
SHAPES = [
    (2, 6, 64, 64, 6),
    (3, 6, 37, 20, 2),
    (1, 1, 1, 1, 1),
    (1, 5, 101, 101, 5),
    (2, 6, 90, 7, 3),
    (5, 4, 33, 1, 1),
    (2, 3, 257, 256, 3),
]
SPLITS = {
    "steps": [],
    "whole": [10_000],
    "prompt": [23],
    "odd-chunks": [7] * 100,
    "long-chunks": [13, 64, 100, 3],
    "late-chunk": [0] * 40 + [50],
    "mixed": [0, 5, 0, 0, 17, 1, 2, 0, 30, 0],
}

modes = pytest.mark.parametrize("mode", MODES)
shapes = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "B{}-D{}-L{}-K{}-H{}".format(*s))
splits = pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)


def make(draw, shape, dtype=torch.float64):
    B, D, L, K, heads = shape
    drawn = draw(B, D, L), draw(heads, K) / K**0.5, draw(D)
    return [tensor.detach().to(dtype) for tensor in drawn]


def relative_error(found, expected):
    return float((found.double() - expected).norm() / expected.norm())


@modes
@shapes
@splits
def test_stream_equals_convolution_in_one_go(draw, feed, mode, shape, split):
    u, k, skip = make(draw, shape)
    y = feed(OnlineConv(k, u.shape[-1], mode, skip=skip), u, split)
    assert relative_error(y, long_conv(u, k, skip, backend="naive")) < 1e-12


@modes
def test_stream_works_with_the_shipped_blocks(draw, feed, mode, monkeypatch):
    monkeypatch.undo()
    u, k, skip = make(draw, (1, 3, 600, 600, 3))
    y = feed(OnlineConv(k, 600, mode, skip=skip), u, [100, 0, 0, 170])
    assert relative_error(y, long_conv(u, k, skip, backend="naive")) < 1e-12


@modes
def test_stream_may_end_before_max_length(draw, feed, mode):
    u, k, _ = make(draw, (2, 3, 30, 30, 3))
    longer = torch.cat([k, k], dim=-1)
    expected = long_conv(u, k, backend="naive")
    assert relative_error(feed(OnlineConv(longer, 1000, mode), u, [9]), expected) < 1e-12


@modes
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_narrow_types_are_as_exact_as_their_output(draw, feed, tolerance, mode, dtype):
    u, k, skip = make(draw, (2, 4, 129, 129, 4), dtype)
    y = feed(OnlineConv(k, 129, mode, skip=skip), u, [40, 0, 3])
    expected = long_conv(u.double(), k.double(), skip.double(), backend="naive")
    assert y.dtype == dtype
    assert relative_error(y, expected) < tolerance(dtype)["rtol"]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_sums_are_float32_for_narrow_filters(draw, dtype):
    conv = OnlineConv(draw(3, 20, dtype=dtype), 20)
    assert conv.dtype == torch.float32


def test_half_input_is_computed_in_float64_by_a_float64_filter(draw):
    k = draw(3, 20)
    u = draw(1, 3, dtype=torch.float16).detach()
    conv = OnlineConv(k, 20)
    expected = (u.double() * k[:, 0]).half()
    assert (conv.dtype, conv.step(u).tolist()) == (torch.float64, expected.tolist())


@modes
def test_autocast_does_not_narrow_the_arithmetic(draw, feed, mode):
    u, k, skip = make(draw, (3, 4, 50, 50, 4), torch.float32)
    plain = feed(OnlineConv(k, 50, mode, skip=skip), u, [20])
    with torch.autocast("cpu", torch.bfloat16):
        inside = feed(OnlineConv(k, 50, mode, skip=skip), u, [20])
    assert torch.equal(inside, plain)


@modes
def test_same_input_gives_same_bits(draw, feed, mode):
    u, k, skip = make(draw, (3, 4, 50, 50, 4), torch.float32)
    first, second = (feed(OnlineConv(k, 50, mode, skip=skip), u, [20, 0, 6]) for _ in range(2))
    assert torch.equal(first, second)


@modes
def test_views_need_not_be_contiguous(draw, feed, mode):
    z = draw(2, 19, 12).detach()
    u, k = z.transpose(1, 2)[:, ::2], draw(19, 6).detach().t()
    y = feed(OnlineConv(k, 19, mode), u, [5])
    assert relative_error(y, long_conv(u, k, backend="naive")) < 1e-12


@modes
def test_expanded_input_is_taken(draw, feed, mode):
    u, k = draw(1, 1, 19).detach().expand(2, 3, 19), draw(3, 19).detach()
    assert relative_error(feed(OnlineConv(k, 19, mode), u, [8]), long_conv(u, k, backend="naive")) < 1e-12


@modes
def test_sequences_do_not_see_their_neighbours(draw, feed, mode):
    u, k, _ = make(draw, (3, 4, 40, 40, 4))
    changed = torch.cat([u[:1], u[1:] + 1e3])
    first, second = (feed(OnlineConv(k, 40, mode), x, [13])[0] for x in (u, changed))
    torch.testing.assert_close(first, second, rtol=1e-12, atol=1e-12)


@modes
def test_empty_chunk_changes_nothing(draw, feed, mode):
    u, k, _ = make(draw, (2, 3, 20, 20, 3))
    conv = OnlineConv(k, 20, mode)
    empty = conv.prefill(u[..., :0])
    conv.step(u[..., 0])
    conv.prefill(u[..., :0])
    assert (empty.shape, conv.position) == ((2, 3, 0), 1)


def test_empty_first_chunk_does_not_set_the_batch(draw):
    conv = OnlineConv(draw(3, 20), 20)
    conv.prefill(draw(2, 3, 0))
    assert conv.step(draw(5, 3)).shape == (5, 3)


@modes
def test_batch_of_no_sequences_gives_no_outputs(draw, feed, mode):
    assert feed(OnlineConv(draw(3, 20), 20, mode), draw(0, 3, 20), [9]).shape == (0, 3, 20)


@modes
def test_filter_without_taps_leaves_the_skip(draw, feed, mode):
    u, skip = draw(2, 3, 20).detach(), draw(3).detach()
    y = feed(OnlineConv(draw(3, 0), 20, mode, skip=skip), u, [9])
    torch.testing.assert_close(y, u * skip[:, None])


def test_outputs_carry_no_gradient(draw):
    conv = OnlineConv(draw(3, 20), 20, skip=draw(3))
    outputs = [conv.step(draw(2, 3)), conv.prefill(draw(2, 3, 2)), conv.prefill(draw(2, 3, 9))]
    assert not any(y.requires_grad for y in outputs)


@modes
def test_stream_begun_in_inference_mode_goes_on_outside(draw, feed, mode):
    u, k, _ = make(draw, (2, 3, 60, 60, 3))
    conv = OnlineConv(k, 60, mode)
    with torch.inference_mode():
        first = feed(conv, u[..., :21], [16])
    y = torch.cat([first, feed(conv, u[..., 21:], [0, 0, 9])], dim=-1)
    assert relative_error(y, long_conv(u, k, backend="naive")) < 1e-12


def test_later_change_of_the_filter_does_not_reach_the_stream(draw):
    k, u = draw(3, 20).detach(), draw(2, 3).detach()
    conv = OnlineConv(k, 20)
    expected = u * k[:, 0]
    k.zero_()
    torch.testing.assert_close(conv.step(u), expected)


@pytest.mark.parametrize(
    ("B", "L", "chosen"), [(1, 256, "lazy"), (512, 256, "relaxed"), (1, 2**17, "relaxed")]
)
def test_auto_is_lazy_for_small_streams_and_relaxed_for_large_ones(draw, B, L, chosen):
    conv = OnlineConv(draw(1, 4), L)
    assert conv.mode == "auto"
    conv.step(draw(B, 1))
    assert conv.mode == chosen


def test_auto_chooses_anew_after_a_reset(draw):
    conv = OnlineConv(draw(1, 4), 2**16)
    conv.step(draw(1, 1))
    conv.reset()
    conv.step(draw(2, 1))
    assert conv.mode == "relaxed"
