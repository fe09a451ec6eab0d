"""Moving periodic fields, on the grid and on coefficients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError, ShapeError
from longwave.ops.transforms import shift, shift_modes, transform


def test_every_sample_moves_by_its_own_steps(generator):
    x = torch.randn(3, 2, 5, 4, generator=generator)
    steps = torch.tensor([[0, 0], [2, -1], [7, 3]])
    moved = shift(x, steps)
    for sample, step, found in zip(x, steps.tolist(), moved, strict=True):
        assert torch.equal(found, sample.roll(step, (1, 2)))


@settings(max_examples=30)
@given(
    n=st.integers(3, 12),
    m=st.sampled_from([1, 3, 5]),
    step=st.integers(-20, 20),
    basis=st.sampled_from(["rfft", "hartley"]),
)
def test_coefficients_turn_as_the_field_moves(n, m, step, basis):
    m = min(m, n - 1 + n % 2)
    x = torch.randn(2, 3, n, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    steps = torch.tensor([[step], [1]])
    wanted = transform(shift(x, steps), basis, m)
    found = shift_modes(transform(x, basis, m), basis, steps.double() / n)
    assert torch.allclose(found, wanted, atol=1e-12, rtol=0)


def test_axes_move_apart(generator):
    x = torch.randn(2, 1, 8, 9, dtype=torch.float64, generator=generator)
    steps = torch.tensor([[3, -3], [1, 2]])
    found = shift_modes(transform(x, "rfft", (5, 7)), "rfft", steps.double() / torch.tensor([8, 9]))
    assert torch.allclose(found, transform(shift(x, steps), "rfft", (5, 7)), atol=1e-12, rtol=0)


def test_energy_and_gradient_pass(generator):
    z = torch.randn(2, 1, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    shares = torch.tensor([[0.3], [0.7]])
    assert torch.allclose(shift_modes(z, "rfft", shares).norm(), z.norm())
    assert torch.autograd.gradcheck(lambda z: shift_modes(z, "rfft", shares), (z,))


def test_an_empty_batch_stays_empty():
    assert shift(torch.zeros(0, 1, 4), torch.zeros(0, 1, dtype=torch.int64)).shape == (0, 1, 4)
    assert shift_modes(torch.zeros(0, 1, 3), "rfft", torch.zeros(0, 1)).shape == (0, 1, 3)


def test_cosines_do_not_move():
    with pytest.raises(ConfigError, match=r'not in "dct"'):
        shift_modes(torch.zeros(1, 1, 3), "dct", torch.zeros(1, 1))


def test_half_a_pair_cannot_turn():
    with pytest.raises(ShapeError, match="4 modes of an axis cut a pair"):
        shift_modes(torch.zeros(1, 1, 4), "rfft", torch.zeros(1, 1))


@pytest.mark.parametrize("call", [shift, lambda x, steps: shift_modes(x, "rfft", steps)])
def test_a_move_for_every_sample_and_axis_is_needed(call):
    with pytest.raises(ShapeError, match=r"need \(2, 1\)"):
        call(torch.zeros(2, 1, 5), torch.zeros(2, 2, dtype=torch.int64))
