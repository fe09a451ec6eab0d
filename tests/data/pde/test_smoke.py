"""Smoke rises; none is lost, none goes through walls, and air is neither made nor squeezed."""

from __future__ import annotations

import math

import pytest
import torch

from longwave.data.pde import SmokeConfig, solve_smoke
from longwave.data.pde.marching import march
from longwave.data.pde.smoke import _Box, _from_stream, divergence, draw_plume
from longwave.errors import ConfigError, ShapeError

N = 24


@pytest.fixture(scope="module")
def plume() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return draw_plume([(0, i) for i in range(3)], N)


def run(plume, **options) -> torch.Tensor:
    smoke, stream, source = plume
    settings = {"stream": stream, "source": source, "horizon": 1.0, "dt": 0.4 / N, "viscosity": 5e-4}
    return solve_smoke(smoke, **{**settings, **options})


def test_smoke_grows_by_the_source_alone(plume) -> None:
    frames = run(plume, n_frames=2)
    mass = frames[:, :, 0].sum((-1, -2)) - plume[0].sum((1, 2))[:, None]
    expected = plume[2].sum((1, 2))[:, None] * torch.tensor([0.5, 1.0], dtype=torch.float64)
    assert torch.allclose(mass, expected, rtol=1e-12)


def test_without_source_smoke_stays_within_its_first_bounds(plume) -> None:
    density = run(plume, source=None, n_frames=4, horizon=2.0)[:, :, 0]
    assert float(density.min()) >= 0
    assert (density.amax((1, 2, 3)) <= plume[0].amax((1, 2)) + 1e-12).all()


def test_uniform_smoke_stays_uniform_in_any_flow(plume) -> None:
    even = torch.full_like(plume[0], 0.7)
    density = solve_smoke(even, stream=5 * plume[1], horizon=0.5, dt=5e-3)[:, 0, 0]
    assert (density - 0.7).abs().max() < 1e-12


def test_what_flows_into_a_cell_flows_out_of_it(plume) -> None:
    smoke, stream, source = plume
    box = _Box(smoke, 1.0, 5e-4, 0.4 / N)
    state = (smoke, *_from_stream(stream), source)
    frames = march(box.step, state, n_frames=2, steps_a_frame=20, dt=0.4 / N)
    for _, across, up, _ in frames:
        assert float(up.abs().max()) > 0.05
        assert divergence(across, up).abs().max() < 1e-11


def test_projection_changes_nothing_that_is_free_of_divergence(plume) -> None:
    across, up = _from_stream(plume[1])
    again = _Box(plume[0], 1.0, 0.0, 0.1)._project(across, up)
    assert torch.allclose(again[0], across, rtol=0, atol=1e-13)
    assert torch.allclose(again[1], up, rtol=0, atol=1e-13)


def test_smoke_rises_and_still_air_without_smoke_stays_still(plume) -> None:
    height = (torch.arange(N, dtype=torch.float64) + 0.5) / N
    rising = run(plume, source=None, stream=None)[:, 0, 0]
    before, after = ((part.sum(1) * height).sum(1) / part.sum((1, 2)) for part in (plume[0], rising))
    assert (after > before + 0.02).all()
    assert not solve_smoke(torch.zeros(1, 8, 8), horizon=1.0, dt=0.1).any()


def test_a_picture_and_its_mirror_image_stay_mirror_images(plume) -> None:
    smoke, _, source = plume
    one = solve_smoke(smoke, source=source, horizon=0.5, dt=0.01)
    other = solve_smoke(smoke.flip(1), source=source.flip(1), horizon=0.5, dt=0.01)
    assert torch.allclose(one[:, :, 0], other[:, :, 0].flip(-2), rtol=0, atol=1e-12)
    assert torch.allclose(one[:, :, 1], -other[:, :, 1].flip(-2), rtol=0, atol=1e-12)


def test_a_decaying_vortex_is_that_of_the_closed_form() -> None:
    n, viscosity = 32, 0.02
    x = math.pi * torch.arange(n + 1, dtype=torch.float64) / n
    stream = (torch.sin(x)[:, None] * torch.sin(x))[None] * 0.1
    last = solve_smoke(
        torch.zeros(1, n, n), stream=stream, horizon=0.5, dt=5e-3, viscosity=viscosity, buoyancy=0.0
    )
    middle = math.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n
    kept = 0.1 * math.pi * math.exp(-2 * math.pi**2 * viscosity * 0.5)
    expected = kept * torch.sin(middle)[:, None] * torch.cos(middle)
    assert float((last[0, 0, 1] - expected).norm() / expected.norm()) < 0.02


def test_a_sample_does_not_depend_on_its_batch(plume) -> None:
    smoke = plume[0][:1].repeat(60, 1, 1)  # more than a CPU takes at once
    both = solve_smoke(smoke, horizon=0.1, dt=0.02)
    assert torch.allclose(both[59], solve_smoke(smoke[:1], horizon=0.1, dt=0.02)[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("has_velocity", [False, True], ids=["smoke", "smoke-and-velocity"])
def test_channels_are_frames_with_all_their_quantities(has_velocity: bool) -> None:
    config = SmokeConfig(resolution=12, n_frames=4, horizon=0.4, has_velocity=has_velocity)
    inputs, targets = config.draw([(0, 0), (0, 1)], torch.device("cpu"))
    seen, told = config.channels()
    assert (inputs.shape[1], targets.shape[1]) == (len(seen), len(told)) == (6, 6) if has_velocity else (2, 2)
    names = [channel.name for channel in seen]
    assert names[:2] == (
        ["smoke at t=0.1", "velocity across at t=0.1"]
        if has_velocity
        else ["smoke at t=0.1", "smoke at t=0.2"]
    )


def test_samples_of_a_finer_simulation_are_its_middles() -> None:
    options = {"n_frames": 2, "n_context": 1, "horizon": 0.2, "courant": 0.3}
    fine = SmokeConfig(resolution=24, **options).draw([(0, 0)], torch.device("cpu"))
    coarse = SmokeConfig(resolution=8, solve_resolution=24, **options).draw([(0, 0)], torch.device("cpu"))
    assert torch.allclose(coarse[1], fine[1][..., 1::3, 1::3], rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"smoke": torch.zeros(8, 8)}, "The smoke has shape"),
        ({"smoke": torch.zeros(1, 3, 3)}, "N at least 4"),
        ({"source": torch.zeros(7, 8)}, "The source has shape"),
        ({"stream": torch.zeros(1, 8, 8)}, r"accepted is \(1, 9, 9\)"),
    ],
    ids=["no-batch", "too-small", "source", "stream"],
)
def test_shapes_that_do_not_fit_are_refused(options: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        solve_smoke(**{"smoke": torch.zeros(1, 8, 8), **options}, horizon=1.0, dt=0.1)


def test_blow_up_is_told(plume) -> None:
    with pytest.raises(ConfigError, match=r"Sample \d is no longer finite .*dt = 0\.2"):
        run(plume, dt=0.4, horizon=400.0, viscosity=0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"resolution": 3},
        {"solve_resolution": 8},
        {"n_frames": 1},
        {"n_context": 0},
        {"n_context": 12},
        {"horizon": 0.0},
        {"courant": -1.0},
        {"viscosity": -1.0},
        {"source": -1.0},
    ],
    ids=str,
)
def test_settings_out_of_range_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f'"{next(iter(wrong))}" is'):
        SmokeConfig(**wrong)
