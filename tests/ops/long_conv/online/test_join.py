"""Streams whose sequences move to another position and take each other's places."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from longwave.errors import ShapeError
from longwave.ops import OnlineConv, OnlineConvGroup, long_conv

D, L = 3, 300
MODES = ["lazy", "epoched", "relaxed"]


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def feed(conv: OnlineConv, u: Tensor) -> Tensor:
    return torch.stack([conv.step(u_t) for u_t in u.unbind(-1)], dim=-1)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("taps", [1, 50, L], ids=lambda taps: f"K{taps}")
@pytest.mark.parametrize(("old", "new"), [(64, 64), (129, 1), (200, 77)], ids=str)
def test_a_sequence_in_place_of_another_goes_on_as_it_would_alone(mode, taps, old, new, tolerance):
    k, u, v = draw(D, taps), draw(2, D, L), draw(1, D, L)
    conv, other = OnlineConv(k, L, mode), OnlineConv(k, L, mode)
    conv.prefill(u[..., : old // 2])
    feed(conv, u[..., old // 2 : old])
    other.prefill(v[..., :new])
    conv.put(1, other)
    found = feed(conv, torch.cat([u[:1, :, old : old + 99], v[..., new : new + 99]]))
    expected = torch.cat([long_conv(u[:1], k)[..., old : old + 99], long_conv(v, k)[..., new : new + 99]])
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@pytest.mark.parametrize("mode", MODES)
def test_steps_move_up_and_down_again(mode, tolerance):
    k, u = draw(D, L), draw(2, D, L)
    conv = OnlineConv(k, L, mode)
    conv.prefill(u[..., :70])
    conv.realign(170, 180)
    first = feed(conv, u[..., 70:80])
    conv.realign(80, L)
    found = torch.cat([first, feed(conv, u[..., 80:200])], dim=-1)
    torch.testing.assert_close(found, long_conv(u, k)[..., 70:200], **tolerance(torch.float64))


def test_members_of_a_group_join_alike(tolerance):
    ks, u, v = [draw(D, L), draw(D, L) + 1], draw(2, D, L), draw(1, D, L)
    convs = [OnlineConv(k, L, "relaxed") for k in ks]
    OnlineConvGroup(convs)
    for u_t in u[..., :64].unbind(-1):  # after which a tile is due
        for conv in convs:
            conv.step(u_t)
    for conv, k in zip(convs, ks, strict=True):
        other = OnlineConv(k, L, "relaxed")
        other.prefill(v[..., :40])
        conv.put(0, other)
    more = torch.cat([v[..., 40:90], u[1:, :, 64:114]])
    for conv, k in zip(convs, ks, strict=True):
        expected = torch.cat([long_conv(v, k)[..., 40:90], long_conv(u, k)[1:, :, 64:114]])
        torch.testing.assert_close(feed(conv, more), expected, **tolerance(torch.float64))


def test_what_does_not_fit_is_refused():
    k = draw(D, 9)
    conv, other, none = OnlineConv(k, 9), OnlineConv(k, 9), OnlineConv(k, 9)
    conv.prefill(draw(2, D, 4))
    other.prefill(draw(1, D, 5))
    for row, given in ((0, other), (0, none), (0, conv), (2, other)):
        with pytest.raises(ShapeError, match="realign this stream first"):
            conv.put(row, given)
    with pytest.raises(ShapeError, match="max_length up to 9"):
        conv.realign(4, 10)
    with pytest.raises(ShapeError, match="without any step it is 0"):
        none.realign(1, 9)
