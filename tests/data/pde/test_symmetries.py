"""Symmetries of equations: to solve for a moved input gives the moved output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from longwave.data.pde import (
    PDE_DATA,
    AirfoilConfig,
    BurgersConfig,
    DarcyConfig,
    NavierStokesConfig,
    PDEConfig,
    SmokeConfig,
    Symmetry,
    diagonal_force,
    potential_flow,
    solve_burgers,
    solve_darcy,
    solve_navier_stokes,
    solve_smoke,
)
from longwave.data.pde.airfoil import SPAN, Airfoils
from longwave.data.pde.smoke import draw_plume
from longwave.errors import UnknownName
from longwave.ops.transforms import shift, transform

Solve = Callable[[Tensor], Tensor]
KEYS = [(3, 0), (3, 1)]
CPU = torch.device("cpu")

BURGERS = BurgersConfig(resolution=33, dt=0.02)
DARCY = DarcyConfig(resolution=13)
STIRRED = NavierStokesConfig(resolution=16, horizon=4.0, n_frames=2, courant=1.28)
FREE = replace(STIRRED, force=0.0)
EQUATIONS: dict[str, PDEConfig] = {"burgers": BURGERS, "darcy": DARCY, "stirred": STIRRED, "free": FREE}


def solver(config: PDEConfig) -> Solve:
    """Return what maps inputs, (B, C, *grid), to targets."""
    if isinstance(config, BurgersConfig):
        return lambda x: solve_burgers(x[:, 0], viscosity=0.1, horizon=1.0, dt=0.02)
    if isinstance(config, DarcyConfig):
        return lambda x: solve_darcy(x[:, 0])[:, None]
    assert isinstance(config, NavierStokesConfig)
    n = config.resolution
    force = diagonal_force(n, config.force)
    settings = {"viscosity": config.viscosity, "horizon": config.horizon, "n_frames": config.n_frames}
    return lambda x: solve_navier_stokes(x[:, 0], **settings, dt=config.courant / n, force=force)


def sides(moved: Tensor, n_inputs: int) -> tuple[Tensor, Tensor]:
    return moved[:, :n_inputs], moved[:, n_inputs:]


MOVES = [
    pytest.param(config, move, id=f"{name}-{move.name}")
    for name, config in EQUATIONS.items()
    for move in config.symmetries().moves
]

ON_MODES = [
    pytest.param(config, move, basis, id=f"{name}-{move.name}-{basis}")
    for name, config in EQUATIONS.items()
    for move in config.symmetries().moves
    for basis in ("dct", "rfft", "hartley")
    if basis != "dct" or not config.is_periodic  # cosines do not move on a torus
]


@pytest.mark.parametrize(("config", "move"), MOVES)
def test_solving_for_the_moved_input_gives_the_moved_output(config: PDEConfig, move: Symmetry) -> None:
    inputs, targets = config.draw(KEYS, CPU)
    placement = "start" if config.is_periodic else "centre"
    moved, wanted = sides(move.move(torch.cat([inputs, targets], 1), placement), inputs.shape[1])
    assert not torch.allclose(moved, inputs)
    assert torch.allclose(solver(config)(moved), wanted, atol=1e-10 * float(targets.abs().max()), rtol=0)


@pytest.mark.parametrize("name", ["burgers", "stirred", "free"])
def test_solving_for_an_input_moved_along_gives_the_output_moved_along(name: str) -> None:
    config = EQUATIONS[name]
    inputs, targets = config.draw(KEYS, CPU)
    for direction in config.symmetries().directions:
        steps = torch.tensor([direction, direction]) * torch.tensor([[3], [5]])
        found = solver(config)(shift(inputs, steps))
        wanted = shift(targets, steps)
        assert torch.allclose(found, wanted, atol=1e-10 * float(targets.abs().max()), rtol=0)


@pytest.mark.parametrize(
    "wrong",
    [
        Symmetry(name="", swaps=True, signs=((-1,), (-1, -1))),
        Symmetry(name="", mirrors=(0, 1), signs=((1,), (1, 1))),
        Symmetry(name="", swaps=True, share=(0.5, 0.0), signs=((1,), (1, 1))),
    ],
    ids=["swap-alone", "turn-alone", "swap-without-sign"],
)
def test_a_stirred_flow_tells_the_moves_that_are_none(wrong: Symmetry) -> None:
    inputs, targets = STIRRED.draw(KEYS, CPU)
    moved, wanted = sides(wrong.move(torch.cat([inputs, targets], 1), "start"), 1)
    found = solver(STIRRED)(moved)
    assert float((found - wanted).norm() / wanted.norm()) > 0.1


def test_smoke_is_mirrored_with_its_swirl_and_its_source() -> None:
    smoke, swirl, source = draw_plume(KEYS, 12)
    options = {"horizon": 0.5, "dt": 0.02, "viscosity": 1e-3, "n_frames": 3}
    frames = solve_smoke(smoke, stream=swirl, source=source, **options)
    config = SmokeConfig(resolution=12, n_frames=3, n_context=1, has_velocity=True)
    (move,) = config.symmetries().moves
    wanted = move.move(frames.flatten(1, 2), "centre")
    mirrored = solve_smoke(smoke.flip(1), stream=-swirl.flip(1), source=source.flip(1), **options)
    assert torch.allclose(mirrored.flatten(1, 2), wanted, atol=1e-12)


def test_an_airfoil_upside_down_has_its_flow_upside_down() -> None:
    config = AirfoilConfig(resolution=14)
    airfoils = config.draw_airfoils(KEYS)
    inputs, targets = config.draw(KEYS, CPU)
    (move,) = config.symmetries().moves
    _, wanted = sides(move.move(torch.cat([inputs, targets], 1), "centre"), 3)
    x = SPAN * ((torch.arange(14, dtype=torch.float64) + 0.5) / 14 - 0.5)
    points = torch.complex(*torch.meshgrid(x, x, indexing="ij"))
    below = Airfoils(centre=airfoils.centre.conj(), oncoming=airfoils.oncoming.conj())
    flow = potential_flow(below, points)
    found = torch.stack([flow.pressure, flow.velocity.real, flow.velocity.imag], dim=1)
    assert torch.allclose(found, wanted, atol=1e-9)


@pytest.mark.parametrize(("config", "move", "basis"), ON_MODES)
def test_coefficients_move_as_the_fields_do(config: PDEConfig, move: Symmetry, basis: str) -> None:
    placement = "start" if config.is_periodic else "centre"
    fields = torch.cat(config.draw(KEYS, CPU), 1)
    sizes = fields.shape[2:]
    modes = (7,) * len(sizes)
    wanted = transform(move.move(fields, placement), basis, modes)
    found = move.move_modes(transform(fields, basis, modes), placement, basis, sizes)
    assert torch.allclose(found, wanted, atol=1e-11)


@pytest.mark.parametrize("name", list(PDE_DATA))
def test_every_equation_has_symmetries_with_a_sign_for_every_channel(name: str) -> None:
    config = PDE_DATA[name]
    found = config.symmetries()
    assert len(set(found.names)) == len(found.names) > 0
    for move in found.moves:
        assert tuple(map(len, move.signs)) == tuple(map(len, config.channels()))


def test_frames_of_a_flow_change_their_sign_together() -> None:
    config = replace(STIRRED, n_frames=5, n_context=3)
    swap, turn = config.symmetries().moves
    assert swap.signs == ((-1, -1, -1), (-1, -1))
    assert turn.signs == ((1, 1, 1), (1, 1))


def test_only_what_is_named_is_chosen() -> None:
    known = STIRRED.symmetries()
    assert known.names == ("shift", "swap", "turn")
    assert known.choose(["turn"]).names == ("turn",)
    assert known.choose(["swap", "shift"]).directions == ((1, -1),)


def test_a_symmetry_that_the_equation_lacks_is_refused() -> None:
    with pytest.raises(UnknownName, match=r'Unknown symmetry of the equation "turn".*Known: mirror-x'):
        DARCY.symmetries().choose(["turn"])
