from __future__ import annotations

import math

import pytest
import torch

from longwave.models import T1Config
from longwave.models.pde.coefficient_model import CoefficientLift, box_places, constant_coefficients
from longwave.models.pde.domain import grid_coordinates
from longwave.ops.transforms import BASES, inverse, pad_modes, transform

SIZES = {
    "in_channels": 1,
    "out_channels": 1,
    "resolution": (6, 5),
    "n_modes": (3, 2),
    "scaling": "orthonormal",
}


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("coordinates", [True, False])
def test_constants_are_transforms_of_coordinates_and_of_one(basis, coordinates):
    config = T1Config(**SIZES, basis=basis, coordinates=coordinates)
    found = constant_coefficients(config, (3, 2), torch.zeros((), dtype=torch.float64))
    places = grid_coordinates((6, 5), "centre" if basis == "dct" else "start", dtype=torch.float64)
    fields = torch.cat([places[: 2 * coordinates], torch.ones(1, 6, 5, dtype=torch.float64)])
    expected = transform(fields[None], basis, (3, 2))[0].flatten(1).mT
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("basis", BASES)
def test_only_the_lowest_mode_sees_the_bias(basis):
    config = T1Config(**SIZES, basis=basis)
    one = constant_coefficients(config, (6, 5), torch.zeros((), dtype=torch.float64))[:, -1]
    expected = torch.zeros(30, dtype=torch.float64).index_fill(0, torch.tensor(0), math.sqrt(30))
    torch.testing.assert_close(one, expected, rtol=0, atol=1e-12)


def test_constants_come_in_the_unit_of_the_network():
    orthonormal = T1Config(**SIZES, basis="dct")
    unit = T1Config(**SIZES | {"scaling": "unit"}, basis="dct")
    like = torch.zeros((), dtype=torch.float64)
    found, expected = (constant_coefficients(config, (3, 2), like) for config in (unit, orthonormal))
    torch.testing.assert_close(found, expected / math.sqrt(30))
    assert found[0, -1].item() == pytest.approx(1)


def test_coordinates_say_nothing_about_modes_above_their_grid():
    config = T1Config(**SIZES, basis="dct", keep_high=True)
    found = constant_coefficients(config, (8, 7), torch.zeros((), dtype=torch.float64))
    whole = constant_coefficients(config, (6, 5), torch.zeros((), dtype=torch.float64))
    expected = pad_modes(whole.mT.reshape(3, 6, 5), (8, 7)).flatten(1).mT
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_the_lift_is_a_linear_layer_in_space(generator):
    config = T1Config(**SIZES, basis="rfft")
    lift = CoefficientLift(config, 4).double()
    x = torch.randn(2, 1, 6, 5, generator=generator, dtype=torch.float64)
    places = grid_coordinates((6, 5), dtype=torch.float64).expand(2, 2, 6, 5)
    expected = torch.nn.functional.linear(torch.cat([x, places], 1).movedim(1, -1), lift.weight, lift.bias)
    lifted = lift(transform(x, "rfft")).permute(1, 2, 0).reshape(2, 4, 6, 5)
    torch.testing.assert_close(
        inverse(lifted, "rfft", (6, 5)).movedim(1, -1), expected, rtol=1e-10, atol=1e-10
    )


def test_places_of_a_box_are_counted_row_by_row():
    cpu = torch.device("cpu")
    assert box_places((4, 5), (2, 3), None, cpu).tolist() == [0, 1, 2, 5, 6, 7]
    assert box_places((4, 5), (2, 3), torch.tensor([0, 4]), cpu).tolist() == [0, 6]
