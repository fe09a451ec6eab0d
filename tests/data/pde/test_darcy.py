"""Darcy flow against a series, a sparse direct solver, and the balance of what flows."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from longwave.data.pde import DarcyConfig, solve_darcy
from longwave.data.pde.darcy import boundary_flux, draw_rock
from longwave.errors import ConfigError, DataError, ShapeError


def rock(n: int, count: int = 2) -> torch.Tensor:
    return draw_rock([(0, i) for i in range(count)], n, low=3.0, high=12.0)


def by_series(n: int, terms: int = 199) -> torch.Tensor:
    """Sum the sine series of ``-Laplace u = 1`` in the middles of cells."""
    k = torch.arange(1, terms + 1, 2, dtype=torch.float64)
    sines = torch.sin(math.pi * k[:, None] * (torch.arange(n, dtype=torch.float64) + 0.5) / n)
    weights = 16 / (math.pi**4 * k[:, None] * k * (k[:, None] ** 2 + k**2))
    return sines.T @ weights @ sines


def test_uniform_rock_gives_the_series_with_an_error_of_second_order() -> None:
    errors = [
        float((solve_darcy(torch.full((1, n, n), 2.0))[0] - by_series(n) / 2).abs().max()) for n in (16, 32)
    ]
    assert errors[1] < 2e-4
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("n", [1, 2, 13], ids=lambda n: f"N{n}")
def test_pressure_is_that_of_a_direct_solver(n: int) -> None:
    from scipy import sparse
    from scipy.sparse.linalg import spsolve

    (a,) = rock(n, 1).numpy()
    matrix = sparse.lil_matrix((n * n, n * n))
    for i in range(n):
        for j in range(n):
            here = i * n + j
            for ii, jj in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
                inside = 0 <= ii < n and 0 <= jj < n
                through = 2 / (1 / a[i, j] + 1 / a[ii, jj]) if inside else 2 * a[i, j]
                matrix[here, here] += through
                if inside:
                    matrix[here, ii * n + jj] -= through
    expected = spsolve(matrix.tocsc(), np.full(n * n, 1 / n**2)).reshape(n, n)
    assert np.allclose(solve_darcy(rock(n, 1))[0], expected, rtol=1e-10)


@pytest.mark.parametrize("n", [7, 32], ids=lambda n: f"N{n}")
def test_what_is_made_inside_leaves_through_the_walls(n: int) -> None:
    a = rock(n, 3)
    source = torch.rand(3, n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    balance = boundary_flux(a, solve_darcy(a, source)) - source.mean((1, 2))
    assert balance.abs().max() < 1e-12


def test_without_a_source_there_is_no_pressure() -> None:
    assert not solve_darcy(rock(8), torch.tensor([0.0])).any()


def test_samples_with_and_without_a_source_do_not_disturb_each_other() -> None:
    source = torch.stack([torch.zeros(8, 8), torch.ones(8, 8)])
    both = solve_darcy(rock(8), source)
    assert not both[0].any()
    assert torch.allclose(both[1], solve_darcy(rock(8))[1], rtol=1e-10)


def test_no_samples_are_no_error() -> None:
    assert solve_darcy(torch.ones(0, 4, 4)).shape == (0, 4, 4)


def test_rock_is_of_two_kinds_in_about_equal_parts() -> None:
    a = rock(32, 40)
    assert a.unique().tolist() == [3.0, 12.0]
    assert 0.45 < float((a == 12).double().mean()) < 0.55


def test_the_same_rock_is_seen_at_another_resolution() -> None:
    fine, coarse = rock(45, 4), rock(15, 4)
    assert float((fine[:, 1::3, 1::3] == coarse).double().mean()) > 0.93


def test_samples_of_a_finer_solution_lie_in_the_middles_of_its_cells() -> None:
    inputs, targets = DarcyConfig(resolution=5, solve_resolution=15).draw([(0, 0)], torch.device("cpu"))
    fine = rock(15, 1)
    assert torch.equal(inputs[:, 0], fine[:, 1::3, 1::3])
    assert torch.allclose(targets[:, 0], solve_darcy(fine)[:, 1::3, 1::3], rtol=1e-12)


@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 5), (1, 0, 0)], ids=str)
def test_what_is_no_batch_of_squares_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="The permeability has shape"):
        solve_darcy(torch.ones(shape))


def test_a_source_on_another_grid_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"The source has shape \(3, 3\)"):
        solve_darcy(torch.ones(1, 4, 4), torch.ones(3, 3))


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_rock_that_lets_nothing_through_is_refused(value: float) -> None:
    a = torch.ones(3, 4, 4)
    a[1, 2, 2] = value
    with pytest.raises(DataError, match="Sample 1 has a permeability that is no positive number"):
        solve_darcy(a)


def test_a_tolerance_that_is_not_reached_is_told() -> None:
    with pytest.raises(ConfigError, match=r"after 2 iterations; accepted is 1\.0e-12"):
        solve_darcy(rock(16), max_iterations=2)


@pytest.mark.parametrize(
    "wrong",
    [{"resolution": 1}, {"solve_resolution": 80}, {"low": 0.0}, {"high": math.inf}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_settings_out_of_range_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f'"{next(iter(wrong))}" is'):
        DarcyConfig(**wrong)
