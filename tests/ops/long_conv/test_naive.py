"""The direct sum against numbers one can check by hand and against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from longwave.ops import long_conv


def test_direct_sum_by_hand():
    u = torch.tensor([[[1.0, 2.0, 3.0]]])
    y = long_conv(
        u,
        torch.tensor([[1.0, 10.0]]),
        torch.tensor([100.0]),
        gate_in=torch.tensor([[[1.0, 1.0, 2.0]]]),
        gate_out=torch.tensor([[[1.0, -1.0, 1.0]]]),
        backend="naive",
    )
    assert y.tolist() == [[[101.0, -212.0, 626.0]]]


@pytest.mark.parametrize("L", [1, 2, 31, 64])
def test_direct_sum_equals_numpy(rng, L):
    u, k = rng.normal(size=L), rng.normal(size=L)
    y = long_conv(torch.from_numpy(u)[None, None], torch.from_numpy(k)[None], backend="naive")
    np.testing.assert_allclose(y[0, 0], np.convolve(u, k)[:L], rtol=1e-12, atol=1e-12)


def test_direct_sum_is_strictly_causal(draw):
    u, k = draw(1, 2, 9, dtype=torch.float32), draw(2, 9, dtype=torch.float32)
    loud = u.detach().clone()
    loud[..., 5:] = 1e10
    before, after = long_conv(u, k, backend="naive"), long_conv(loud, k, backend="naive")
    assert torch.equal(before[..., :5], after[..., :5])


def test_no_taps_leave_only_the_skip(draw):
    u, skip = draw(2, 3, 5), draw(3)
    y = long_conv(u, draw(3, 0), skip, backend="naive")
    torch.testing.assert_close(y, skip[:, None] * u)
