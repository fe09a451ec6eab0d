"""What the public code of S4ND gets wrong, one test each."""

from __future__ import annotations

import pytest
import torch

from longwave.mixers import S4ND
from longwave.mixers.s4nd_axis import KERNELS

H = 4


def build(dim=2, **options):
    return S4ND(H, dim, **({"d_state": 6, "out": None} | options)).double()


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_a_rank_adds_pieces_on_any_number_of_axes(draw, dim):
    """Beyond two axes the sum over pieces was written to a variable that nobody read."""
    layer, u = build(dim, rank=2), draw(1, H, *(5, 4, 3)[:dim])
    with torch.no_grad():
        layer.skip.zero_()
    pieces = []
    for piece in range(2):
        one = build(dim, rank=1)
        state = {
            name: value[:, piece : piece + 1] if name.endswith(".C") else value
            for name, value in layer.state_dict().items()
        }
        one.load_state_dict(state)
        pieces.append(one(u))
    torch.testing.assert_close(layer(u), torch.stack(pieces).mean(0), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_input_works(dtype):
    """An attribute was set on a list."""
    layer, u = build().float(), torch.ones(1, H, 3, 3, dtype=dtype)
    assert layer(u).dtype == dtype


@pytest.mark.parametrize("backend", ["fft", "matrices"])
@pytest.mark.parametrize("l_max", [1, 2, 5, 9])
def test_a_short_kernel_still_ends_at_lag_minus_one(l_max, backend):
    """Padding by the input's length moved the half that looks ahead away from its place."""
    layer = build(1, l_max=l_max)
    layer.backend = backend
    u = torch.zeros(1, H, 9, dtype=torch.float64)
    u[..., 4] = 1
    with torch.no_grad():
        layer.skip.zero_()
        y, k = layer(u)[0], layer.axes[0](l_max)[0]
    reach = min(l_max, 4)
    torch.testing.assert_close(y[:, 4 - reach : 4], k[:, l_max - reach : l_max], rtol=0, atol=1e-12)
    torch.testing.assert_close(y[:, 4 : 4 + reach], k[:, l_max : l_max + reach], rtol=0, atol=1e-12)
    assert y[:, : max(4 - l_max, 0)].abs().sum() < 1e-12
    assert y[:, 4 + l_max :].abs().sum() < 1e-12


def test_starting_an_axis_anew_is_a_method():
    """A hook named a class that was gone, and left the axis of time as it was."""
    layer = build(3)
    before = layer.axes[0].log_dt.clone()
    layer.reinit_axis(0, 2.0)
    assert not torch.equal(layer.axes[0].log_dt, before)


@pytest.mark.parametrize("kernel", KERNELS)
def test_another_length_changes_no_kernel(draw, kernel):
    """A kernel that remembers the length it was prepared for answers otherwise after a longer input."""
    layer, u = build(kernel=kernel), draw(1, H, 5, 6)
    before = layer(u)
    layer(draw(1, H, 24, 11))
    other = build(kernel=kernel)
    other.load_state_dict(layer.state_dict())
    assert torch.equal(layer(u), before)
    assert torch.equal(other(u), before)


def test_mixed_channels_have_no_skip():
    """A skip of the input's channels was added whatever came out."""
    layer = build(out_channels=3)
    assert layer.skip is None
    assert not any("skip" in name for name in layer.state_dict())
