"""Mirroring fields, on the grid and on coefficients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError, ShapeError, UnknownName
from longwave.ops.transforms import mirror, mirror_modes, transform


@pytest.mark.parametrize("n", [1, 4, 5])
def test_cells_change_ends_and_points_of_a_torus_their_sign(n, generator):
    x = torch.randn(2, 1, n, 3, generator=generator)
    centre, start = mirror(x, [0], "centre"), mirror(x, [0], "start")
    for i in range(n):
        assert torch.equal(centre[:, :, i], x[:, :, n - 1 - i])
        assert torch.equal(start[:, :, i], x[:, :, -i % n])


def test_axes_are_mirrored_together(generator):
    x = torch.randn(1, 2, 4, 5, generator=generator)
    once = mirror(mirror(x, [1], "start"), [0], "start")
    assert torch.equal(mirror(x, [0, 1], "start"), once)


def test_nothing_is_mirrored_without_axes(generator):
    x = torch.randn(1, 1, 3, generator=generator)
    assert torch.equal(mirror(x, [], "start"), x)
    assert torch.equal(mirror_modes(x, "rfft", [], "centre", [8]), x)


CASES = [
    ("dct", "centre"),
    ("rfft", "start"),
    ("hartley", "start"),
    ("rfft", "centre"),
    ("hartley", "centre"),
]


@settings(max_examples=60)
@given(n=st.integers(1, 12), m=st.sampled_from([1, 3, 5, 7]), case=st.sampled_from(CASES))
def test_coefficients_are_those_of_the_mirrored_field(n, m, case):
    basis, placement = case
    m = min(m, n - 1 + n % 2)
    x = torch.randn(2, 3, n, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
    wanted = transform(mirror(x, [0], placement), basis, m)
    found = mirror_modes(transform(x, basis, m), basis, [0], placement, [n])
    assert torch.allclose(found, wanted, atol=1e-12, rtol=0)


@pytest.mark.parametrize("case", CASES, ids="-".join)
@pytest.mark.parametrize("axes", [[0], [1], [0, 1]], ids=["first", "second", "both"])
def test_axes_of_different_sizes_are_mirrored_apart(axes, case, generator):
    basis, placement = case
    x = torch.randn(2, 1, 8, 9, dtype=torch.float64, generator=generator)
    wanted = transform(mirror(x, axes, placement), basis, (5, 7))
    found = mirror_modes(transform(x, basis, (5, 7)), basis, axes, placement, (8, 9))
    assert torch.allclose(found, wanted, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("basis", "placement"), [("dct", "centre"), ("rfft", "start")])
def test_an_even_number_of_modes_is_mirrored_where_no_pair_turns(basis, placement, generator):
    x = torch.randn(2, 1, 9, dtype=torch.float64, generator=generator)
    wanted = transform(mirror(x, [0], placement), basis, 4)
    assert torch.allclose(
        mirror_modes(transform(x, basis, 4), basis, [0], placement, [9]), wanted, atol=1e-12
    )


def test_twice_is_not_at_all_and_gradients_pass(generator):
    z = torch.randn(2, 1, 5, dtype=torch.float64, generator=generator, requires_grad=True)
    twice = mirror_modes(mirror_modes(z, "rfft", [0], "centre", [8]), "rfft", [0], "centre", [8])
    assert torch.allclose(twice, z)
    assert torch.autograd.gradcheck(lambda z: mirror_modes(z, "rfft", [0], "centre", [8]), (z,))


def test_cosines_are_not_mirrored_at_a_point_of_a_torus():
    with pytest.raises(ConfigError, match='Take the basis "rfft" or "hartley"'):
        mirror_modes(torch.zeros(1, 1, 3), "dct", [0], "start", [8])


@pytest.mark.parametrize(
    ("basis", "placement"), [("hartley", "start"), ("rfft", "centre")], ids=["partner", "turn"]
)
def test_half_a_pair_cannot_be_mirrored(basis, placement):
    with pytest.raises(ShapeError, match="4 modes of an axis cut a pair"):
        mirror_modes(torch.zeros(1, 1, 4), basis, [0], placement, [8])


@pytest.mark.parametrize("axis", [1, -1])
def test_an_axis_that_is_not_there_is_refused(axis):
    with pytest.raises(ShapeError, match=r"have the axes \[0\] of a grid"):
        mirror(torch.zeros(1, 1, 4), [axis], "centre")


def test_an_unknown_basis_is_refused():
    with pytest.raises(UnknownName, match="basis"):
        mirror_modes(torch.zeros(1, 1, 4), "dft", [0], "centre", [4])
