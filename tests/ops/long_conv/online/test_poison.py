"""Nothing that is not yet given or not yet computed reaches an output."""

from __future__ import annotations

import pytest
import torch

from longwave.ops import long_conv
from longwave.ops.long_conv.online import OnlineConv
from longwave.ops.long_conv.online.buffers import Buffers

modes = pytest.mark.parametrize("mode", ["lazy", "epoched", "relaxed"])
splits = pytest.mark.parametrize("split", [[], [70], [9, 0, 21, 0, 5]], ids=["steps", "whole", "mixed"])


@pytest.fixture(autouse=True)
def poison(monkeypatch):
    """Fill every new buffer with NaN."""
    empty = Buffers._empty
    monkeypatch.setattr(Buffers, "_empty", lambda self, *kind: empty(self, *kind).fill_(torch.nan))


def spoil(conv):
    """Overwrite all that counts no longer or not yet."""
    stream = conv._stream
    stream.buffers.inputs[..., stream.position :] = torch.nan
    if stream.buffers.sums is not None:
        stream.buffers.sums[..., : stream.position] = torch.nan
        stream.buffers.sums[..., stream.buffers.horizon :] = torch.nan


@modes
@splits
@pytest.mark.parametrize("K", [70, 9])
def test_poisoned_buffers_do_not_reach_an_output(draw, feed, mode, split, K):
    u, k = draw(2, 3, 70).detach(), draw(3, K).detach()
    y = feed(OnlineConv(k, 70, mode), u, split)
    torch.testing.assert_close(y, long_conv(u, k, backend="naive"), rtol=1e-12, atol=1e-12)


@modes
def test_every_output_is_made_before_later_slots_hold_anything(draw, mode):
    u, k = draw(2, 3, 70).detach(), draw(3, 70).detach()
    conv, outputs = OnlineConv(k, 70, mode), []
    for t in range(70):
        outputs.append(conv.step(u[..., t]))
        spoil(conv)
    expected = long_conv(u, k, backend="naive")
    torch.testing.assert_close(torch.stack(outputs, dim=-1), expected, rtol=1e-12, atol=1e-12)


@modes
@splits
@pytest.mark.parametrize("back", [0, 5, 33, 49])
def test_what_was_taken_back_does_not_reach_an_output(draw, feed, mode, split, back):
    u, k = draw(2, 3, 70).detach(), draw(3, 70).detach()
    conv = OnlineConv(k, 70, mode)
    feed(conv, u[..., :50], split)
    conv.truncate(back)
    spoil(conv)
    expected = long_conv(u, k, backend="naive")[..., back:]
    torch.testing.assert_close(feed(conv, u[..., back:], [4]), expected, rtol=1e-12, atol=1e-12)


@modes
def test_reordering_copies_what_counts_and_nothing_else(draw, feed, mode):
    u, k = draw(2, 3, 70).detach(), draw(3, 70).detach()
    conv = OnlineConv(k, 70, mode)
    feed(conv, u[..., :50], [30])
    conv.reorder([1, 0, 1])
    spoil(conv)
    expected = long_conv(u[[1, 0, 1]], k, backend="naive")[..., 50:]
    torch.testing.assert_close(feed(conv, u[[1, 0, 1]][..., 50:], []), expected, rtol=1e-12, atol=1e-12)
