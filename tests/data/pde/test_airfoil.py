"""Flow around airfoils: far away, at the surface, at the trailing edge, and around once."""

from __future__ import annotations

import math

import pytest
import torch

from longwave.data.pde import AirfoilConfig, Airfoils, potential_flow
from longwave.errors import ConfigError, ShapeError


@pytest.fixture(scope="module")
def airfoils() -> Airfoils:
    return AirfoilConfig().draw_airfoils([(0, i) for i in range(12)])


def circle(radius: float, n: int = 400) -> torch.Tensor:
    return radius * torch.exp(2j * math.pi * torch.arange(n, dtype=torch.float64) / n)


def just_outside(airfoils: Airfoils, n: int = 300) -> torch.Tensor:
    """Return the outline moved out by a hair, where velocities are along it, shape (B, n)."""
    turn = torch.exp(2j * math.pi * (torch.arange(n, dtype=torch.float64) + 0.5) / n)
    return airfoils.place(airfoils.centre[:, None] + (1 - airfoils.centre)[:, None] * turn * (1 + 1e-9))


def test_the_chord_is_one_and_in_the_middle(airfoils: Airfoils) -> None:
    x = airfoils.outline().real
    assert torch.allclose(x.amax(1), torch.full_like(x[:, 0], 0.5), rtol=0, atol=1e-12)
    assert torch.allclose(x.amin(1), torch.full_like(x[:, 0], -0.5), rtol=0, atol=1e-12)


def test_far_away_the_flow_is_the_oncoming_one(airfoils: Airfoils) -> None:
    flow = potential_flow(airfoils, circle(1e7))
    assert (flow.velocity - airfoils.oncoming[:, None]).abs().max() < 1e-6
    assert flow.pressure.abs().max() < 1e-6


def test_at_the_surface_the_flow_is_along_it(airfoils: Airfoils) -> None:
    along = airfoils.outline(4001).roll(-1, 1) - airfoils.outline(4001).roll(1, 1)
    points = just_outside(airfoils, 4001)
    middle = (along + along.roll(-1, 1)) / 2
    for row in range(len(points)):
        one = Airfoils(centre=airfoils.centre[row : row + 1], oncoming=airfoils.oncoming[row : row + 1])
        velocity = potential_flow(one, points[row]).velocity[0]
        across = (velocity * (middle[row] / middle[row].abs()).conj()).imag
        inner = slice(40, -40)  # the outline turns sharply at the trailing edge
        assert across[inner].abs().max() < 1e-4 * velocity.abs().max()


def test_going_around_once_gives_the_circulation(airfoils: Airfoils) -> None:
    points = circle(0.9)
    step = 2j * math.pi * points / len(points)
    around = (potential_flow(airfoils, points).velocity.conj() * step).sum(1)
    assert torch.allclose(around.real, airfoils.circulation, rtol=1e-10)
    assert around.imag.abs().max() < 1e-10  # nothing comes out of the airfoil


def test_lift_is_density_times_speed_times_circulation(airfoils: Airfoils) -> None:
    points = circle(0.9)
    step = 2j * math.pi * points / len(points)
    flow = potential_flow(airfoils, points)
    outward = -1j * step  # length times normal
    through = (flow.velocity * outward.conj()).real
    force = -(flow.pressure * outward).sum(1) - (flow.velocity * through).sum(1)
    expected = -1j * airfoils.oncoming * airfoils.circulation  # across the flow: no drag
    assert torch.allclose(force, expected, rtol=1e-9, atol=1e-10)


def test_a_symmetric_airfoil_in_line_with_the_flow_has_no_lift() -> None:
    one = Airfoils(centre=torch.tensor([-0.1 + 0j]), oncoming=torch.tensor([2.0 + 0j]))
    assert one.circulation.abs() < 1e-6


@pytest.mark.parametrize("angle", [-10, 10], ids=lambda a: f"{a}deg")
def test_flow_from_below_lifts(angle: int) -> None:
    oncoming = torch.polar(torch.ones(1, dtype=torch.float64), torch.tensor([math.radians(angle)]).double())
    one = Airfoils(centre=torch.tensor([-0.1 + 0j], dtype=torch.complex128), oncoming=oncoming)
    # the closed form for a symmetric airfoil, before its chord is made 1
    low, high = -1.2 - 1 / 1.2, 2.0
    expected = -4 * math.pi * 1.1 * math.sin(math.radians(angle)) / (high - low)
    assert float(one.circulation) == pytest.approx(expected, rel=1e-5)


def test_velocity_is_finite_up_to_the_trailing_edge(airfoils: Airfoils) -> None:
    edge = airfoils.place(torch.ones(len(airfoils.centre), 1, dtype=torch.complex128))
    speeds = [potential_flow(airfoils, (edge[0] + gap)).velocity.abs().max() for gap in (1e-3, 1e-9, 0.0)]
    assert max(map(float, speeds)) < 3


def test_pressure_is_bernoullis(airfoils: Airfoils) -> None:
    flow = potential_flow(airfoils, circle(0.7))
    total = flow.pressure + flow.velocity.abs() ** 2 / 2
    assert torch.allclose(total, (airfoils.oncoming.abs() ** 2 / 2)[:, None].expand_as(total), rtol=1e-12)


def test_air_at_rest_stays_at_rest() -> None:
    still = Airfoils(centre=torch.tensor([-0.1 + 0.1j]), oncoming=torch.zeros(1, dtype=torch.complex64))
    assert not potential_flow(still, circle(0.8)).velocity.any()


@pytest.mark.parametrize("resolution", [31, 64], ids=lambda n: f"N{n}")
def test_samples_are_zero_inside_and_finite_everywhere(resolution: int) -> None:
    inputs, targets = AirfoilConfig(resolution=resolution).draw(
        [(0, i) for i in range(4)], torch.device("cpu")
    )
    inside = inputs[:, 2].bool()
    assert 0 < float(inside.double().mean()) < 0.05
    assert not inputs[:, :2].movedim(1, -1)[inside].any()
    assert not targets.movedim(1, -1)[inside].any()
    assert targets.isfinite().all()
    assert (targets[:, 1].flatten(1).mean(1) > 0).all()


def test_first_axis_is_along_the_chord() -> None:
    inputs, _ = AirfoilConfig(resolution=64).draw([(0, 0)], torch.device("cpu"))
    along, across = inputs[0, 2].any(1).sum(), inputs[0, 2].any(0).sum()
    assert along > 4 * across


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"accepted is \(B,\) for both"):
        Airfoils(centre=torch.zeros(2, dtype=torch.complex64), oncoming=torch.zeros(1, dtype=torch.complex64))


def test_a_circle_that_makes_no_outline_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'"centre.real" is 0\.5'):
        Airfoils(centre=torch.tensor([0.5 + 0j]), oncoming=torch.tensor([1 + 0j]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"resolution": 1},
        {"max_angle": 90.0},
        {"min_speed": 0.0},
        {"max_speed": 0.1},
        {"max_thickness": 0.0},
        {"max_camber": -0.1},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_settings_out_of_range_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f'"{next(iter(wrong))}" is'):
        AirfoilConfig(**wrong)
