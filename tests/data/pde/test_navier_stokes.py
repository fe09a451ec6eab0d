"""Vorticity is carried, spread and stirred as the equation says."""

from __future__ import annotations

import math

import pytest
import torch

from longwave.data.pde import NavierStokesConfig, diagonal_force, solve_navier_stokes
from longwave.data.pde.navier_stokes import draw_vorticity
from longwave.errors import ConfigError, ShapeError


def plane(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    return x[:, None].expand(n, n), x.expand(n, n)


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("n", [16, 17, 21], ids=lambda n: f"N{n}")
def test_a_single_wave_decays_as_viscosity_says(n: int) -> None:
    wave = torch.sin(3 * plane(n)[0])[None]
    found = solve_navier_stokes(wave, viscosity=1e-2, horizon=0.5, dt=0.1)
    assert relative(found[0, 0], wave[0] * math.exp(-0.5e-2 * 36 * math.pi**2)) < 1e-12


def test_crossed_waves_do_not_carry_each_other() -> None:
    x, y = plane(16)
    wave = (torch.sin(x) * torch.sin(y))[None]
    found = solve_navier_stokes(wave, viscosity=1e-2, horizon=0.5, dt=0.05)
    assert relative(found[0, 0], wave[0] * math.exp(-8 * math.pi**2 * 0.5e-2)) < 1e-12


def test_the_mean_stays() -> None:
    first = draw_vorticity(range(3), 32) + 0.5
    last = solve_navier_stokes(first, viscosity=1e-3, horizon=1.0, dt=0.05, force=diagonal_force(32))
    assert (last.mean((-1, -2)) - 0.5).abs().max() < 1e-12


def test_without_viscosity_and_force_enstrophy_stays() -> None:
    first = 4 * draw_vorticity(range(2), 64)
    start = solve_navier_stokes(first, viscosity=0.0, horizon=1e-6, dt=1e-6)
    end = solve_navier_stokes(first, viscosity=0.0, horizon=1.0, dt=1e-2)
    drift = end.square().mean((-1, -2)) / start.square().mean((-1, -2)) - 1
    assert drift.abs().max() < 1e-6


def change_by_definition(w: torch.Tensor, viscosity: float, force: torch.Tensor) -> torch.Tensor:
    """Evaluate the equation on a grid fine enough for products, from the formula."""
    n = w.shape[-1]
    k = 2j * math.pi * torch.fft.fftfreq(n, 1 / n, dtype=torch.float64)
    kx, ky = k[:, None], k[None]
    square = (kx**2 + ky**2).real
    what = torch.fft.fft2(w)
    psi = torch.where(square < 0, -what / torch.where(square < 0, square, 1), 0)

    def back(z: torch.Tensor) -> torch.Tensor:
        return torch.fft.ifft2(z).real

    u, v = back(ky * psi), back(-kx * psi)
    return -(u * back(kx * what) + v * back(ky * what)) + viscosity * back(square * what) + force


def test_a_short_step_changes_what_the_equation_says() -> None:
    x, y = plane(32)
    w = (torch.sin(x + 2 * y) + 0.5 * torch.cos(3 * x - y) + 0.3 * torch.sin(2 * x))[None]
    force, dt = diagonal_force(32), 1e-4
    before, after = (
        solve_navier_stokes(w, viscosity=1e-2, horizon=t, dt=dt, force=force)[0, 0] for t in (dt, 2 * dt)
    )
    middle = (before + after) / 2
    assert relative((after - before) / dt, change_by_definition(middle, 1e-2, force)) < 1e-6


def by_crank_nicolson_and_heun(w: torch.Tensor, viscosity: float, force: torch.Tensor, steps: int, dt: float):
    """Step as the published data were made, with complex transforms and u . grad w."""
    n = w.shape[-1]
    k = torch.fft.fftfreq(n, 1 / n, dtype=torch.float64)
    kept = (k.abs()[:, None] < n / 3) & (k.abs() < n / 3)
    x, y = 2j * math.pi * k[:, None], 2j * math.pi * k
    square = -(x**2 + y**2).real
    inverse = torch.where(square > 0, 1 / square, 0.0)
    decay = viscosity * square * dt / 2

    def change(w: torch.Tensor) -> torch.Tensor:
        psi = w * inverse
        u, v, wx, wy = (torch.fft.ifft2(z).real for z in (y * psi, -x * psi, x * w, y * w))
        return kept * torch.fft.fft2(force - u * wx - v * wy)

    w = kept * torch.fft.fft2(w)
    for _ in range(steps):
        first = change(w)
        guess = ((1 - decay) * w + dt * first) / (1 + decay)
        w = ((1 - decay) * w + dt / 2 * (first + change(guess))) / (1 + decay)
    return torch.fft.ifft2(w).real


def test_vorticity_is_that_of_the_published_method_with_short_steps() -> None:
    first, force = 2 * draw_vorticity([3], 24), diagonal_force(24)
    expected = by_crank_nicolson_and_heun(first[0], 1e-3, force, 500, 2e-3)
    found = solve_navier_stokes(first, viscosity=1e-3, horizon=1.0, dt=0.05, force=force)[0, 0]
    assert relative(found, expected) < 2e-6


def test_steps_are_of_fourth_order() -> None:
    first = draw_vorticity([1], 32)
    force = diagonal_force(32)
    coarse, middle, fine = (
        solve_navier_stokes(first, viscosity=1e-3, horizon=2.0, dt=dt, force=force)
        for dt in (0.1, 0.05, 0.0125)
    )
    assert relative(coarse, fine) / relative(middle, fine) == pytest.approx(16, rel=0.4)


def test_single_precision_costs_little() -> None:
    first = draw_vorticity([1], 32)
    one, other = (
        solve_navier_stokes(first, viscosity=1e-3, horizon=2.0, dt=0.05, dtype=dtype)
        for dtype in (torch.float32, torch.float64)
    )
    assert 0 < relative(one, other) < 1e-5


def test_frames_end_where_one_long_run_ends() -> None:
    first = draw_vorticity([0], 16)
    frames = solve_navier_stokes(first, viscosity=1e-3, horizon=1.0, dt=0.05, n_frames=4)
    half = solve_navier_stokes(first, viscosity=1e-3, horizon=0.5, dt=0.05)
    assert frames.shape == (1, 4, 16, 16)
    assert torch.allclose(frames[:, 1], half[:, 0], rtol=0, atol=1e-14)


def test_a_sample_does_not_depend_on_its_batch() -> None:
    first = draw_vorticity(range(5), 128)  # more than a CPU takes at once
    options = {"viscosity": 1e-3, "horizon": 0.02, "dt": 0.01}
    whole, alone = solve_navier_stokes(first, **options), solve_navier_stokes(first[4:], **options)
    assert torch.allclose(whole[4], alone[0], rtol=0, atol=1e-14)


def test_first_vorticities_are_as_large_as_published_ones() -> None:
    assert float(draw_vorticity(range(300), 16).std()) == pytest.approx(0.262, rel=0.03)


@pytest.mark.parametrize("n_context", [0, 2])
def test_inputs_are_the_beginning_or_the_first_frames(n_context: int) -> None:
    config = NavierStokesConfig(resolution=16, horizon=0.4, n_frames=4, n_context=n_context)
    inputs, targets = config.draw([(0, 0)], torch.device("cpu"))
    names = [[channel.name for channel in part] for part in config.channels()]
    assert [inputs.shape[1], targets.shape[1]] == [len(part) for part in names]
    assert names[0] == (["vorticity at t=0.1", "vorticity at t=0.2"] if n_context else ["vorticity at t=0"])
    assert names[1][-1] == "vorticity at t=0.4"
    if n_context == 0:
        assert torch.equal(inputs[0, 0], draw_vorticity([(0, 0)], 16)[0])


def test_a_finer_simulation_gives_nearly_the_same_samples() -> None:
    pairs = [
        NavierStokesConfig(resolution=24, solve_resolution=fine, horizon=1.0, courant=0.5).draw(
            [5], torch.device("cpu")
        )
        for fine in (None, 48)
    ]
    assert torch.equal(pairs[0][0], pairs[1][0])
    assert 0 < relative(pairs[0][1], pairs[1][1]) < 0.02


@pytest.mark.parametrize("shape", [(16, 16), (1, 16, 8), (1, 3, 3)], ids=str)
def test_what_is_no_batch_of_squares_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"accepted is \(B, N, N\)"):
        solve_navier_stokes(torch.zeros(shape), viscosity=1e-3, horizon=1.0, dt=0.1)


def test_a_force_on_another_grid_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"The force has shape \(8, 8\)"):
        solve_navier_stokes(
            torch.zeros(1, 16, 16), viscosity=1e-3, horizon=1.0, dt=0.1, force=diagonal_force(8)
        )


def test_blow_up_is_told() -> None:
    with pytest.raises(ConfigError, match=r"Sample 0 is no longer finite .*Take smaller steps"):
        solve_navier_stokes(200 * draw_vorticity([0], 32), viscosity=1e-4, horizon=50.0, dt=0.2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"resolution": 3},
        {"solve_resolution": 32},
        {"viscosity": -1.0},
        {"horizon": 0.0},
        {"courant": 0.0},
        {"n_frames": 0},
        {"n_context": 1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_settings_out_of_range_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f'"{next(iter(wrong))}" is'):
        NavierStokesConfig(**wrong)


@pytest.mark.gpu
def test_a_gpu_gives_what_a_cpu_gives() -> None:
    first = draw_vorticity(range(3), 32)
    options = {"viscosity": 1e-3, "horizon": 2.0, "dt": 0.05, "n_frames": 2}
    here = solve_navier_stokes(first, force=diagonal_force(32), **options)
    there = solve_navier_stokes(first.cuda(), force=diagonal_force(32, device="cuda"), **options)
    assert torch.allclose(here, there.cpu(), rtol=0, atol=1e-11)
