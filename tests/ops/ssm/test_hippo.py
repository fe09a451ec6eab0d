"""Starting points against their formulas."""

from __future__ import annotations

import math

import pytest
import torch

from longwave.errors import ConfigError, UnknownName
from longwave.ops.ssm import hippo_legs, initial_modes, legs_modes

N = 8
FORMULAS = {
    "lin": lambda n: complex(-0.5, math.pi * n),
    "inv": lambda n: complex(-0.5, N / math.pi * (N / (2 * n + 1) - 1)),
    "inv2": lambda n: complex(-0.5, N / math.pi * (N / (n + 1) - 1)),
    "quad": lambda n: complex(-0.5, (1 + 2 * n) ** 2 / math.pi),
    "real": lambda n: complex(-(n + 1), 0),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_modes_follow_their_formula(name):
    expected = torch.tensor([FORMULAS[name](n) for n in range(N // 2)], dtype=torch.complex128)
    torch.testing.assert_close(initial_modes(name, N), expected[None], rtol=1e-14, atol=1e-14)


def test_legs_matrix_by_hand():
    A, B = hippo_legs(3)
    r3, r5, r15 = math.sqrt(3), math.sqrt(5), math.sqrt(15)
    torch.testing.assert_close(A, torch.tensor([[-1, 0, 0], [-r3, -2, 0], [-r5, -r15, -3]]).double())
    torch.testing.assert_close(B, torch.tensor([1, r3, r5]).double())


@pytest.mark.parametrize("d_state", [2, 4, 64, 256])
def test_legs_spectrum_is_half_of_its_normal_parts(d_state):
    A, _ = hippo_legs(d_state)
    p = torch.sqrt(torch.arange(d_state).double() + 0.5)
    spectrum = torch.linalg.eigvals(A + torch.outer(p, p))
    upper = spectrum[spectrum.imag > 0]
    expected = upper[upper.imag.argsort()]
    found = initial_modes("legs", d_state)[0]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 * d_state)


@pytest.mark.parametrize("d_state", [2, 8, 64])
def test_low_rank_form_has_the_transfer_function_of_legs(d_state):
    """``p^T (s - A)^-1 B`` for any read-out; that of P tells a wrong P or B from a right one."""
    A, B = hippo_legs(d_state)
    modes, P, entry = legs_modes(d_state)
    s = torch.tensor(0.7 + 2.3j, dtype=torch.complex128)
    both = [torch.cat([x, x.conj()]) for x in (modes, P, entry)]
    system = torch.diag(both[0]) - torch.outer(both[1], both[1].conj())
    found = both[1].conj() @ torch.linalg.solve(s * torch.eye(d_state) - system, both[2])
    p = torch.sqrt(torch.arange(d_state).double() + 0.5).to(s.dtype)
    expected = p @ torch.linalg.solve(s * torch.eye(d_state) - A, B.to(s.dtype))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-11)


def test_copies_are_alike():
    modes = initial_modes("inv", N, n_copies=3)
    assert modes.shape == (3, N // 2)
    assert torch.equal(modes[0], modes[2])


def test_random_modes_differ_between_copies_and_follow_the_seed():
    first, again = (
        initial_modes("random", N, n_copies=2, generator=torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first[0], first[1])
    assert (first.real == -0.5).all()


def test_unknown_start_lists_the_known_ones():
    with pytest.raises(UnknownName, match=r'initialisation of modes "line".*"lin".*legs, lin'):
        initial_modes("line", N)


@pytest.mark.parametrize("d_state", [0, 1, 7, -2])
def test_state_that_is_not_pairs_is_an_error(d_state):
    with pytest.raises(ConfigError, match=f"d_state is {d_state}.*conjugate pairs"):
        initial_modes("lin", d_state)
