"""The tables of plans, and the factors of the transforms against torch's own, in float64."""

from __future__ import annotations

import importlib
import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from longwave.ops.long_conv.triton import plans
from longwave.ops.long_conv.triton.factors import gain, inner_factors, outer_factors, shifted_factors
from longwave.ops.long_conv.triton.plans import LONGEST, ChunkPlan, PassPlan, backward_plan, forward_plan

CPU = torch.device("cpu")
LENGTHS = [1, 2, 31, 1000, 12345, 3 * 2**19, *(2**n + more for n in range(8, 22) for more in (0, 1)), LONGEST]
PLANS = pytest.mark.parametrize("plan_of", [forward_plan, backward_plan])
FACTORS = pytest.mark.parametrize(("N1", "N2"), [(16, 16), (32, 16), (64, 32), (128, 64)], ids=str)


def is_power_of_two(n: float) -> bool:
    return math.frexp(n)[0] == 0.5


@PLANS
@pytest.mark.parametrize("L", LENGTHS)
def test_every_length_has_a_plan_long_enough(plan_of, L):
    assert plan_of(L).points >= L


@PLANS
@pytest.mark.parametrize("L", LENGTHS)
def test_no_plan_is_more_than_twice_too_long(plan_of, L):
    assert plan_of(L).points < max(2 * L, 257)


@PLANS
@pytest.mark.parametrize("L", [n for n in LENGTHS if n > 2**13])
def test_no_plan_of_three_passes_has_a_row_too_many(plan_of, L):
    plan = plan_of(L)
    assert plan.points - plan.P < L <= plan.points


@pytest.mark.parametrize("table", [plans._FORWARD, plans._BACKWARD], ids=["forward", "backward"])
def test_chunk_plans_are_sorted(table):
    assert all(small.points < large.points for small, large in pairwise(table))


@pytest.mark.parametrize(
    ("plan_of", "table"), [(forward_plan, plans._FORWARD), (backward_plan, plans._BACKWARD)]
)
@pytest.mark.parametrize("L", LENGTHS)
def test_the_smallest_chunk_that_holds_a_sequence_is_taken(plan_of, table, L):
    fitting = [plan for plan in table if plan.points >= L]
    plan = plan_of(L)
    assert plan == min(fitting, key=lambda each: each.points) if fitting else isinstance(plan, PassPlan)


@PLANS
@pytest.mark.parametrize("L", LENGTHS)
def test_tiles_divide_what_they_tile(plan_of, L):
    plan = plan_of(L)
    if isinstance(plan, PassPlan):
        assert (plan.P % plan.M, plan.M % plan.N2) == (0, 0)
        assert (plan.blocks - 1) * plan.R < plan.N0 <= plan.blocks * plan.R


@PLANS
@pytest.mark.parametrize("L", LENGTHS)
def test_sizes_of_tiles_are_powers_of_two(plan_of, L):
    plan = plan_of(L)
    names = ("N1", "N2") if isinstance(plan, ChunkPlan) else ("R", "N1", "N2", "M")
    assert [n for n in names if not is_power_of_two(getattr(plan, n))] == []


@pytest.mark.parametrize("sizes", [(16,), (32, 16), (128, 64), (16, 32, 16)], ids=str)
def test_gains_of_powers_of_two_are_powers_of_two(sizes):
    assert is_power_of_two(gain(*sizes))


@PLANS
@pytest.mark.parametrize("L", LENGTHS)
def test_no_side_of_a_product_is_below_sixteen(plan_of, L):
    plan = plan_of(L)
    names = ("N1", "N2") if isinstance(plan, ChunkPlan) else ("R", "N1", "N2", "M")
    assert min(getattr(plan, name) for name in names) >= 16


@PLANS
def test_beyond_the_longest_there_is_no_plan(plan_of):
    with pytest.raises(StopIteration):
        plan_of(LONGEST + 1)


@pytest.mark.parametrize("N", [16, 32, 33, 64, 100, 128, 4096])
def test_gain_makes_up_for_the_scales_of_three_transforms(N):
    scale = float(shifted_factors(N, 16, CPU)[0][0, 0, 0]) if N <= 128 else 2.0**-6
    assert gain(N) == 1 / (scale**3 * N)


def test_gain_of_factors_is_their_product():
    assert gain(16, 32, 64) == gain(16) * gain(32) * gain(64)


def numbers(pair: Tensor) -> Tensor:
    """Return complex numbers from real and imaginary parts."""
    return torch.complex(pair[0].double(), pair[1].double())


def spectrum(x: Tensor, factors: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Transform by ``X = ((F1 A) * T1) F2``; frequency k1 + N1 k2 stands at [k1, k2]."""
    F1, F2, T1 = (numbers(each) for each in factors)
    A = x.view(F1.shape[0], F2.shape[0]).to(F1.dtype)
    return (((F1 @ A) * T1) @ F2).T.flatten()


def unscaled(*sizes: int) -> float:
    return math.prod(2.0 ** -math.ceil(math.log2(n) / 2) for n in sizes)


def shifted_fft(x: Tensor) -> Tensor:
    """Return the spectrum at the frequencies k + 1/4."""
    n = torch.arange(len(x), dtype=torch.float64)
    return torch.fft.fft(x * torch.exp(-0.5j * math.pi * n / len(x)))


def differ(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


@FACTORS
def test_inner_factors_are_a_fourier_transform(draw, N1, N2):
    x = torch.complex(draw(N1 * N2, requires_grad=False), draw(N1 * N2, requires_grad=False))
    found = spectrum(x, inner_factors(N1, N2, CPU))
    assert differ(found / unscaled(N1, N2), torch.fft.fft(x)) < 1e-3


@FACTORS
def test_shifted_factors_are_a_transform_at_quarter_frequencies(draw, N1, N2):
    x = draw(N1 * N2, requires_grad=False)
    found = spectrum(x, shifted_factors(N1, N2, CPU))
    assert differ(found / unscaled(N1, N2), shifted_fft(x)) < 1e-3


@pytest.mark.parametrize(
    ("N0", "N1", "N2"), [(16, 32, 16), (128, 16, 16), (17, 16, 16), (3, 32, 16)], ids=str
)
def test_outer_and_inner_factors_together_are_the_shifted_transform(draw, N0, N1, N2):
    P = N1 * N2
    x = draw(N0 * P, requires_grad=False)
    F0, T0 = (numbers(each) for each in outer_factors(N0, P, N0, CPU))
    E = (F0 @ x.view(N0, P).to(F0.dtype)) * T0
    rows = torch.stack([spectrum(row, inner_factors(N1, N2, CPU)) for row in E])  # [k0, k'], at k0 + N0 k'
    assert differ(rows.T.flatten() / unscaled(N0, N1, N2), shifted_fft(x)) < 1e-3


@pytest.mark.parametrize(("N0", "R", "N"), [(5, 16, 16), (33, 32, 64), (32, 32, 32), (130, 64, 192)], ids=str)
def test_outer_factors_end_in_zeros_up_to_a_multiple_of_the_tile(N0, R, N):
    F0, T0 = outer_factors(N0, 16, R, CPU)
    assert (F0.shape, T0.shape) == ((3, N, N), (2, N, 16))
    exact_F0, exact_T0 = outer_factors(N0, 16, 1, CPU)
    assert torch.equal(F0[:, :N0, :N0], exact_F0)
    assert torch.equal(T0[:, :N0], exact_T0)
    assert F0.count_nonzero() == exact_F0.count_nonzero()
    assert T0.count_nonzero() == exact_T0.count_nonzero()


def test_negated_imaginary_parts_come_along():
    F1, F2, _ = shifted_factors(32, 16, CPU)
    assert torch.equal(F1[2], -F1[1])
    assert torch.equal(F2[2], -F2[1])


def test_matrices_without_a_shift_are_symmetric():
    F1, F2, _ = inner_factors(64, 32, CPU)
    assert torch.equal(F1, F1.mT)
    assert torch.equal(F2, F2.mT)


def test_halves_are_the_types_of_products_and_the_outer_twiddles_are_floats():
    types = [t.dtype for t in (*shifted_factors(16, 16, CPU), *outer_factors(16, 256, 16, CPU))]
    assert types == [torch.float16] * 4 + [torch.float32]


@pytest.mark.parametrize("P", [16, 96, 256])
def test_quarter_shift_gives_the_causal_head_and_minus_the_tail(draw, P):
    x, k = draw(P, requires_grad=False), draw(P, requires_grad=False)
    n = torch.arange(P, dtype=torch.float64)
    back = torch.fft.ifft(shifted_fft(x) * shifted_fft(k)) * torch.exp(0.5j * math.pi * n / P)
    full = torch.fft.irfft(
        torch.fft.rfft(x, 2 * P) * torch.fft.rfft(k, 2 * P), 2 * P
    )  # 2 P - 1 points and a zero
    torch.testing.assert_close(torch.cat([back.real, -back.imag]), full)


def test_limit_of_the_package_is_that_of_the_plans():
    assert importlib.import_module("longwave.ops.long_conv.triton").LONGEST == LONGEST
