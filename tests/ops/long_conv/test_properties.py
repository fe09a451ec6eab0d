"""What holds of any convolution, over generated shapes and every backend that runs on a CPU."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.ops import long_conv
from longwave.ops.long_conv import BACKENDS

backends = st.sampled_from(sorted(set(BACKENDS) - {"triton"}))
lengths = st.integers(1, 40)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=40)


def draw(seed: int, *shapes: tuple[int, ...]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]


@few
@given(backends, lengths, seeds, st.floats(-3, 3), st.booleans())
def test_convolution_is_linear_in_the_input(backend, L, seed, factor, both):
    a, b, k = draw(seed, (2, 3, L), (2, 3, L), (2, 3, L) if both else (3, L))

    def conv(x):
        return long_conv(x, k, bidirectional=both, backend=backend)

    torch.testing.assert_close(conv(a + factor * b), conv(a) + factor * conv(b), rtol=1e-9, atol=1e-9)


@few
@given(backends, lengths, seeds, st.data())
def test_convolution_is_linear_in_the_filter(backend, L, seed, data):
    K = data.draw(st.integers(0, L))
    u, a, b = draw(seed, (2, 3, L), (3, K), (3, K))
    total = long_conv(u, a + b, backend=backend)
    parts = long_conv(u, a, backend=backend) + long_conv(u, b, backend=backend)
    torch.testing.assert_close(total, parts, rtol=1e-9, atol=1e-9)


@few
@given(backends, lengths, seeds, st.data())
def test_future_input_does_not_change_the_past(backend, L, seed, data):
    cut = data.draw(st.integers(0, L))
    u, other, k = draw(seed, (2, 3, L), (2, 3, L), (3, L))
    changed = torch.cat([u[..., :cut], other[..., cut:]], dim=-1)
    before, after = (long_conv(x, k, backend=backend)[..., :cut] for x in (u, changed))
    torch.testing.assert_close(after, before, rtol=1e-10, atol=1e-10)


@few
@given(backends, lengths, seeds, st.data())
def test_delayed_input_gives_delayed_output(backend, L, seed, data):
    delay = data.draw(st.integers(0, L))
    u, k = draw(seed, (2, 3, L), (3, L))
    late = torch.nn.functional.pad(u, (delay, 0))[..., :L]
    expected = torch.nn.functional.pad(long_conv(u, k, backend=backend), (delay, 0))[..., :L]
    torch.testing.assert_close(long_conv(late, k, backend=backend), expected, rtol=1e-9, atol=1e-9)


@few
@given(backends, lengths, seeds)
def test_unit_impulse_returns_the_input(backend, L, seed):
    (u,) = draw(seed, (2, 3, L))
    impulse = torch.zeros(1, L, dtype=torch.float64)
    impulse[0, 0] = 1
    torch.testing.assert_close(long_conv(u, impulse, backend=backend), u, rtol=1e-10, atol=1e-10)


@few
@given(lengths, seeds, st.data())
def test_prefix_of_input_and_filter_gives_prefix_of_output(L, seed, data):
    cut = data.draw(st.integers(0, L))
    u, k = draw(seed, (2, 3, L), (3, L))
    torch.testing.assert_close(
        long_conv(u[..., :cut], k[:, :cut]), long_conv(u, k)[..., :cut], rtol=1e-9, atol=1e-9
    )
