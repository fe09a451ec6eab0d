"""Random fields have the covariance they are named for, and the same noise at every resolution."""

from __future__ import annotations

import math

import pytest
import torch

from longwave.data.pde import neumann_field, periodic_field
from longwave.errors import ConfigError, ShapeError
from longwave.ops import dct
from longwave.ops.transforms import resample

ALPHA, TAU, SCALE = 2.5, 7.0, 686.0


def draw_periodic(n: int, sizes: tuple[int, ...]) -> torch.Tensor:
    return periodic_field(range(n), sizes, alpha=ALPHA, tau=TAU, scale=SCALE)


def shells(energy: torch.Tensor, frequency: torch.Tensor) -> torch.Tensor:
    """Sum energies over shells of |k| from 1 to 4."""
    return torch.stack([energy[(frequency >= k - 0.5) & (frequency < k + 0.5)].sum() for k in range(1, 5)])


def test_energy_of_every_shell_is_that_of_the_covariance() -> None:
    field = draw_periodic(400, (16, 16))
    energy = torch.fft.fft2(field, norm="forward").abs().square().mean(0)
    k = torch.fft.fftfreq(16, 1 / 16, dtype=torch.float64)
    square = k[:, None] ** 2 + k**2
    expected = SCALE * (4 * math.pi**2 * square + TAU**2) ** -ALPHA
    found, wanted = (shells(part, square.sqrt()) for part in (energy, expected))
    assert ((found / wanted - 1).abs() < 0.05).all()


def test_energy_of_a_neumann_field_is_that_of_its_series() -> None:
    field = neumann_field(range(400), (16, 16), alpha=2.0, tau=3.0)
    energy = (dct(dct(field, -1), -2) / 16).square().mean(0)
    k = torch.arange(16, dtype=torch.float64)
    square = k[:, None] ** 2 + k**2
    found, wanted = (shells(x, square.sqrt()) for x in (energy, (math.pi**2 * square + 9) ** -2))
    assert ((found / wanted - 1).abs() < 0.15).all()  # fewer modes a shell than on a torus


@pytest.mark.parametrize(
    ("fine", "coarse"),
    [((33,), (17,)), ((64, 64), (21, 21)), ((24, 15), (9, 15)), ((9, 9, 9), (5, 7, 9))],
    ids=str,
)
def test_a_coarse_grid_has_the_low_frequencies_of_a_fine_one(
    fine: tuple[int, ...], coarse: tuple[int, ...]
) -> None:
    restricted = resample(draw_periodic(2, fine)[:, None], coarse)[:, 0]
    assert torch.allclose(restricted, draw_periodic(2, coarse), rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("fine", "coarse"), [((20,), (7,)), ((16, 16), (8, 8)), ((6, 6, 8), (5, 6, 7))], ids=str
)
def test_a_coarse_neumann_field_has_the_low_frequencies_too(
    fine: tuple[int, ...], coarse: tuple[int, ...]
) -> None:
    one, other = (neumann_field([3], sizes, alpha=2.0, tau=3.0) for sizes in (fine, coarse))
    assert torch.allclose(resample(one[:, None], coarse, "dct")[:, 0], other, rtol=0, atol=1e-13)


@pytest.mark.parametrize("field", [periodic_field, neumann_field])
def test_a_sample_is_the_same_whatever_else_is_drawn(field) -> None:
    few, many = (field([(7, 0, i) for i in rows], (8, 9), alpha=2.0, tau=3.0) for rows in ([4], range(6)))
    assert torch.equal(few[0], many[4])


@pytest.mark.parametrize("field", [periodic_field, neumann_field])
@pytest.mark.parametrize("sizes", [(1,), (2, 1), (5, 3, 4)], ids=str)
def test_the_mean_is_zero(field, sizes: tuple[int, ...]) -> None:
    drawn = field([1, 2], sizes, alpha=2.0, tau=3.0)
    assert drawn.shape == (2, *sizes)
    assert drawn.flatten(1).mean(1).abs().max() < 1e-15


def test_no_samples_are_no_error() -> None:
    assert periodic_field([], (4, 4), alpha=2.0, tau=3.0).shape == (0, 4, 4)


@pytest.mark.parametrize("sizes", [(), (0,), (2, 2, 2, 2)], ids=str)
def test_a_grid_that_is_none_is_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="1 to 3 axes"):
        periodic_field([0], sizes, alpha=2.0, tau=3.0)


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"tau": -1.0}, {"scale": math.nan}], ids=str)
def test_a_setting_out_of_range_is_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f'"{next(iter(wrong))}" of a random field'):
        neumann_field([0], (4,), **{"alpha": 2.0, "tau": 3.0, **wrong})
