from __future__ import annotations

import itertools
import logging
import math

import pytest
import torch

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.models.pde import (
    check_fields,
    check_goal,
    choose_basis,
    irreducible_loss,
    low_pass_box,
    mode_energy,
    relative_l2,
    top_modes,
)
from longwave.models.pde.selection import box_of, kept_energy
from longwave.ops.transforms import inverse, transform


@pytest.fixture
def fields(generator: torch.Generator) -> torch.Tensor:
    """Return fields of two channels whose energy falls with frequency, differently on each axis."""
    decay = torch.exp(-0.4 * torch.arange(9.0))[:, None] * torch.exp(-0.8 * torch.arange(7.0))
    z = torch.randn(5, 2, 9, 7, generator=generator) * decay
    return inverse(z.double(), "dct", (9, 7))


@pytest.mark.parametrize("basis", ["dct", "hartley", "rfft"])
@pytest.mark.parametrize("modes", [4, (3, 6), (9, 7), (1, 1)], ids=str)
def test_irreducible_loss_is_the_error_of_the_best_field(fields, basis, modes):
    best = inverse(transform(fields, basis, modes), basis, (9, 7))
    expected = relative_l2(best, fields).item()
    assert irreducible_loss(fields, modes, basis) == pytest.approx(expected, abs=1e-12)


def test_modes_left_out_of_the_box_are_lost_too(fields):
    z = torch.zeros(5, 2, 9, 7, dtype=torch.float64)
    for i, j in ((0, 0), (2, 1)):
        z[..., i, j] = transform(fields, "dct")[..., i, j]
    expected = relative_l2(inverse(z, "dct", (9, 7)), fields).item()
    assert irreducible_loss(fields, (3, 2), "dct", kept=(0, 5)) == pytest.approx(expected, rel=1e-12)


def test_kept_energy_is_the_rest_of_the_squared_loss(fields):
    one = fields[:1]
    assert kept_energy(one, 3) == pytest.approx(1 - irreducible_loss(one, 3) ** 2, rel=1e-12)


def test_many_samples_are_taken_in_parts(fields, monkeypatch):
    whole = irreducible_loss(fields, 4), mode_energy(fields, "dct")
    monkeypatch.setattr("longwave.models.pde.selection.CHUNK", 2 * 9 * 7 * 2)
    parts = irreducible_loss(fields, 4), mode_energy(fields, "dct")
    assert parts[0] == pytest.approx(whole[0])
    torch.testing.assert_close(parts[1], whole[1])


def test_shares_of_energy_sum_to_one(fields):
    assert mode_energy(fields, "rfft").sum().item() == pytest.approx(1)
    assert mode_energy(1000 * fields, "rfft").sum().item() == pytest.approx(1)


@pytest.mark.parametrize("energy", [0.5, 0.9, 0.99, 1.0])
def test_the_smallest_box_with_enough_energy_is_found(fields, energy):
    found = low_pass_box(fields, "dct", energy)
    enough = [
        (math.prod(box), -kept_energy(fields, box), box)
        for box in itertools.product(range(1, 10), range(1, 8))
        if kept_energy(fields, box) >= energy - 1e-12
    ]
    assert found == min(enough)[2]


def test_top_modes_are_those_with_the_most_energy(fields):
    shares = mode_energy(fields, "dct")
    rows = top_modes(fields, 6, "dct")
    assert (
        sorted((shares[row].item() for row in rows), reverse=True)
        == shares.flatten().sort(descending=True)[0][:6].tolist()
    )
    assert rows == sorted(rows)
    assert all(row[0] < 2 for row in top_modes(fields, 6, "dct", within=(2, 7)))


def test_of_equal_modes_the_lower_goes_first():
    impulse = torch.zeros(1, 1, 8, dtype=torch.float64)
    impulse[..., 0] = 1  # as much of every Hartley mode
    assert top_modes(impulse, 3, "hartley") == [(0,), (1,), (2,)]


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        ([(0, 0), (0, 1), (1, 0)], ((2, 2), (0, 1, 2))),
        ([(0, 0), (0, 1)], ((1, 2), None)),
        ([(2, 1)], ((3, 2), (5,))),
    ],
    ids=["corner", "full", "far"],
)
def test_modes_are_placed_in_the_smallest_box(modes, expected):
    assert box_of(modes, (9, 7)) == expected


def wave(basis: str, n: int = 16) -> torch.Tensor:
    x = (torch.arange(n, dtype=torch.float64) + 0.5 * (basis == "dct")) / n
    values = torch.exp(torch.sin(2 * math.pi * x)) if basis == "rfft" else torch.exp(-x)
    return (values[:, None] * values)[None, None]


@pytest.mark.parametrize("basis", ["dct", "rfft"])
@pytest.mark.parametrize("options", [{}, {"n_modes": 7}, {"n_modes": (5, 9)}, {"energy": 0.9999}], ids=str)
def test_the_boundary_decides_the_basis(basis, options):
    assert choose_basis(wave(basis), **options) == basis


def test_when_both_lose_nothing_the_cosine_basis_is_chosen():
    assert choose_basis(torch.ones(2, 1, 8), 1) == "dct"


def test_a_goal_out_of_reach_is_refused_and_a_hard_one_warned_of(fields, caplog):
    loss = irreducible_loss(fields, (4, 3), "dct")
    with caplog.at_level(logging.WARNING):
        assert check_goal(fields, (4, 3), "dct", goal=2.01 * loss) == loss
        assert caplog.records == []
        check_goal(fields, (4, 3), "dct", goal=1.9 * loss)
    assert "4 x 3 modes" in caplog.text
    assert "more than half of the goal" in caplog.text
    with pytest.raises(ConfigError, match=r"4 x 3 modes.*no model on them reaches the goal.*Keep more modes"):
        check_goal(fields, (4, 3), "dct", goal=loss)


def test_the_sample_that_is_not_finite_is_named():
    fields = torch.zeros(6, 2, 4, 5)
    fields[3, 1, 2, 2] = math.nan
    fields[5, 0, 0, 0] = math.inf
    with pytest.raises(DataError, match=r"Sample 3 of inputs is not finite .*in channel 1; 2 of 6 samples"):
        check_fields(fields, "inputs")
    check_fields(fields[:3])


@pytest.mark.parametrize("shape", [(0, 1, 4), (2, 1), (2, 1, 4, 1), (2, 1, 3, 3, 3, 3), (2, 0, 4)], ids=str)
def test_fields_need_samples_and_axes_of_two_points(shape):
    with pytest.raises(ShapeError, match=r"fields have shape .* with 1 to 3 axes of at least 2 points"):
        check_fields(torch.zeros(shape))


def test_fields_must_be_real():
    with pytest.raises(ShapeError, match=r"type torch\.int64; they must be real fields"):
        check_fields(torch.zeros(2, 1, 4).long())


def test_a_field_of_zeros_is_named():
    fields = torch.ones(3, 1, 4)
    fields[1] = 0
    with pytest.raises(DataError, match="Sample 1 is zero everywhere, or not finite"):
        irreducible_loss(fields, 2)


@pytest.mark.parametrize("modes", [8, (3, 8), (3,), (0, 1)], ids=str)
def test_a_box_must_fit_the_grid(fields, modes):
    with pytest.raises(ShapeError, match=r"A box of .* modes does not fit a grid of \(9, 7\) points"):
        irreducible_loss(fields, modes)


@pytest.mark.parametrize("energy", [0.0, 1.1, -1.0])
def test_a_share_of_energy_is_above_zero_and_up_to_one(fields, energy):
    with pytest.raises(ConfigError, match="a share of energy is above 0 and up to 1"):
        low_pass_box(fields, "dct", energy)


@pytest.mark.parametrize("count", [0, 64])
def test_no_more_modes_than_there_are(fields, count):
    with pytest.raises(ConfigError, match=f"{count} modes were asked of 63"):
        top_modes(fields, count, "dct")
