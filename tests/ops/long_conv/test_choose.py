"""The rule behind ``backend="auto"`` on a CPU."""

from __future__ import annotations

import pytest
import torch

from longwave.ops import long_conv
from longwave.ops.long_conv.choose import ONE_TRANSFORM, choose_backend


def choice(L: int, K: int, *, requires_grad: bool = False, both: bool = False) -> str:
    u = torch.empty(1, 2, L, requires_grad=requires_grad)
    k = torch.empty(2, 2, K) if both else torch.empty(2, K)
    return choose_backend(u, k, None, None, None, both)


@pytest.mark.parametrize(
    ("L", "K", "expected"),
    [
        (1, 1, "fft"),
        (64, 64, "fft"),
        (4096, 4096, "fft"),
        (4096, 3, "direct"),
        (ONE_TRANSFORM, ONE_TRANSFORM, "fft"),
        (ONE_TRANSFORM + 1, ONE_TRANSFORM, "chunked"),
        (2**20, 1000, "chunked"),
        (2**15, 1000, "chunked"),
        (2**15, 2**12, "fft"),
        (8192, 3, "fft"),
    ],
    ids=str,
)
def test_choice_follows_the_measured_lengths(L, K, expected):
    assert choice(L, K) == expected


def test_few_taps_with_gradients_take_the_fft():
    assert choice(4096, 3, requires_grad=True) == "fft"


def test_few_taps_without_recording_are_shifted_sums_again():
    with torch.no_grad():
        assert choice(4096, 3, requires_grad=True) == "direct"


def test_looking_ahead_changes_nothing():
    assert choice(4096, 4096, both=True) == "fft"


@pytest.mark.parametrize("K", [1, 4, 1024])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64], ids=str)
def test_whatever_is_chosen_serves_the_call(draw, dtype, K):
    u, k = draw(1, 2, 1024, dtype=dtype), draw(2, K, dtype=dtype)
    assert long_conv(u, k).dtype == dtype
