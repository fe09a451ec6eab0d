"""Burgers' equation against its exact solution by the transform of Cole and Hopf."""

from __future__ import annotations

import math

import pytest
import torch

from longwave.data.pde import BurgersConfig, solve_burgers
from longwave.errors import ConfigError, ShapeError

VISCOSITY = 0.02


def exact(n: int, time: float) -> torch.Tensor:
    """Return ``-2 nu phi_x / phi`` for a phi that diffuses, shape (1, n)."""
    x = 2 * math.pi * torch.arange(n, dtype=torch.float64) / n
    phi, slope = torch.full_like(x, 2.0), torch.zeros_like(x)
    for k, a, b in ((1, 1.0, 0.3), (2, -0.2, 0.4)):
        kept = math.exp(-VISCOSITY * (2 * math.pi * k) ** 2 * time)
        phi += kept * (a * torch.cos(k * x) + b * torch.sin(k * x))
        slope += kept * 2 * math.pi * k * (b * torch.cos(k * x) - a * torch.sin(k * x))
    return (-2 * VISCOSITY * slope / phi)[None]


@pytest.mark.parametrize("n", [96, 125], ids=lambda n: f"N{n}")
def test_velocity_is_that_of_a_potential_that_diffuses(n: int) -> None:
    found = solve_burgers(exact(n, 0.0), viscosity=VISCOSITY, horizon=0.5, dt=5e-3, n_frames=2)
    assert torch.allclose(found[:, 0], exact(n, 0.25), rtol=0, atol=1e-6)
    assert torch.allclose(found[:, 1], exact(n, 0.5), rtol=0, atol=1e-6)


def test_mean_velocity_stays_and_energy_falls() -> None:
    (first,) = BurgersConfig(resolution=64).draw([(0, 0), (0, 1)], torch.device("cpu"))[:1]
    first = first[:, 0] + 0.3
    frames = solve_burgers(first, viscosity=0.05, horizon=0.2, dt=5e-3, n_frames=3)
    assert (frames.mean(-1) - first.mean(-1, keepdim=True)).abs().max() < 1e-13
    energy = torch.cat([first[:, None], frames], dim=1).square().mean(-1)
    assert (energy.diff(dim=1) < 0).all()


def test_a_sample_does_not_depend_on_its_batch() -> None:
    config = BurgersConfig(resolution=4096, horizon=0.01, dt=5e-3)
    many = config.draw([(0, i) for i in range(10)], torch.device("cpu"))
    alone = config.draw([(0, 9)], torch.device("cpu"))
    assert torch.allclose(many[1][9], alone[1][0], rtol=0, atol=1e-14)


def test_a_finer_simulation_gives_the_same_samples() -> None:
    coarse, fine = (
        BurgersConfig(resolution=64, solve_resolution=n, horizon=0.5, dt=5e-3).draw([2], torch.device("cpu"))
        for n in (None, 256)
    )
    assert torch.equal(coarse[0], fine[0])
    assert torch.allclose(coarse[1], fine[1], rtol=0, atol=1e-4)


def test_channels_are_named_by_time() -> None:
    first, last = BurgersConfig(horizon=0.5).channels()
    assert [first[0].name, last[0].name] == ["velocity at t=0", "velocity at t=0.5"]


@pytest.mark.parametrize("shape", [(8,), (1, 3), (1, 8, 8)], ids=str)
def test_what_is_no_batch_of_lines_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"accepted is \(B, N\)"):
        solve_burgers(torch.zeros(shape), viscosity=0.1, horizon=1.0, dt=0.1)


@pytest.mark.parametrize(
    "wrong",
    [{"resolution": 3}, {"solve_resolution": 8}, {"viscosity": 0.0}, {"horizon": -1.0}, {"dt": 0.0}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_settings_out_of_range_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f'"{next(iter(wrong))}" is'):
        BurgersConfig(**wrong)
