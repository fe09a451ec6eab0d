"""Pairs of fields: what fits together, and other resolutions."""

from __future__ import annotations

import math

import pytest
import torch

from longwave.data.pde import Channel, FieldPairs, PDEDataSet
from longwave.errors import DataError, ShapeError


def pairs(n: int, sizes: tuple[int, ...], channels: tuple[int, int] = (1, 2)) -> FieldPairs:
    inputs, targets = (torch.rand(n, c, *sizes) for c in channels)
    return FieldPairs(inputs=inputs, targets=targets)


def data_set(
    sizes: tuple[int, ...], *, is_periodic: bool = True, is_smooth: bool = True, **changes
) -> PDEDataSet:
    values = {
        "name": "made up",
        "train": pairs(3, sizes),
        "test": pairs(2, sizes),
        "input_channels": (Channel(name="a", is_smooth=is_smooth),),
        "target_channels": (Channel(name="u"), Channel(name="v")),
        "is_periodic": is_periodic,
        "hash": "abc",
    }
    return PDEDataSet(**{**values, **changes})


def test_splits_have_lengths_and_a_grid() -> None:
    made = data_set((8, 6))
    assert (len(made.train), len(made.test), made.sizes) == (3, 2, (8, 6))


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [
        ((2, 1, 8), (3, 1, 8)),
        ((2, 1, 8), (2, 1, 7)),
        ((2, 8), (2, 8)),
        ((2, 1, 4, 4, 4, 4), (2, 1, 4, 4, 4, 4)),
    ],
    ids=["samples", "grid", "no-grid", "four-axes"],
)
def test_what_makes_no_pairs_is_refused(inputs: tuple[int, ...], targets: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"accepted are \(n, C, \*grid\)"):
        FieldPairs(inputs=torch.zeros(inputs), targets=torch.zeros(targets))


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["inputs", "targets"])
def test_the_first_sample_that_is_not_finite_is_named(name: str, value: float) -> None:
    tensors = {"inputs": torch.zeros(5, 1, 4), "targets": torch.zeros(5, 1, 4)}
    tensors[name][3:, 0, 2] = value
    with pytest.raises(DataError, match=f"2 of 5 samples have {name} .* the first is sample 3"):
        FieldPairs(**tensors)


@pytest.mark.parametrize(
    "changes",
    [
        {"test": pairs(2, (8, 7))},
        {"test": pairs(2, (8, 6), (2, 2))},
        {"target_channels": (Channel(name="u"),)},
    ],
    ids=["grid", "channels", "names"],
)
def test_splits_that_differ_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ShapeError, match=r'of "made up" has'):
        data_set((8, 6), **changes)


@pytest.mark.parametrize("n", [8, 9, 20, 32])
def test_a_torus_keeps_its_low_waves_at_any_resolution(n: int) -> None:
    def wave(points: int) -> torch.Tensor:
        x = 2 * math.pi * torch.arange(points, dtype=torch.float64) / points
        return (torch.sin(x)[:, None] + torch.cos(3 * x)).expand(2, 1, points, points)

    split = FieldPairs(inputs=wave(32), targets=wave(32))
    names = (Channel(name="w"),)
    made = data_set((32, 32), train=split, test=split, input_channels=names, target_channels=names)
    assert torch.allclose(made.at_resolution(n).test.targets, wave(n), rtol=0, atol=1e-12)


def test_a_box_keeps_pieces_and_interpolates_what_is_smooth() -> None:
    made = data_set((8, 4), is_periodic=False, is_smooth=False).at_resolution(4)
    whole = data_set((8, 4), is_periodic=False, is_smooth=False)
    assert made.sizes == (4, 2)
    again = whole.at_resolution((4, 2))
    assert set(again.test.inputs.flatten().tolist()) <= set(whole.test.inputs.flatten().tolist())
    quarter = whole.test.targets.reshape(2, 2, 4, 2, 2, 2).mean((3, 5))
    assert torch.allclose(again.test.targets, quarter, atol=1e-6)


def test_another_resolution_is_other_data_and_the_same_one_is_not() -> None:
    made = data_set((8, 6))
    assert made.at_resolution(4).hash == "abc@4x3"
    assert made.at_resolution(8) is made


@pytest.mark.parametrize("is_periodic", [True, False], ids=["torus", "box"])
@pytest.mark.parametrize("sizes", [16, (8, 7), (8,), 0], ids=str)
def test_a_finer_resolution_is_refused(sizes, is_periodic: bool) -> None:
    with pytest.raises(ShapeError, match="at a finer resolution"):
        data_set((8, 6), is_periodic=is_periodic).at_resolution(sizes)


def test_a_proportion_that_is_no_whole_number_is_refused() -> None:
    with pytest.raises(ShapeError, match="no whole number of points"):
        data_set((8, 6)).at_resolution(5)
