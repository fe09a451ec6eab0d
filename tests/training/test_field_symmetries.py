"""Samples seen as symmetries of their equation would show them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from longwave.data.pde import FieldPairs, Symmetry
from longwave.errors import ConfigError, UnknownName
from longwave.models.pde import FNOConfig, T1Config, target_coefficients
from longwave.training import FieldDataConfig, TrainConfig, build_model, train
from longwave.training.distributed import Workers
from longwave.training.field_symmetries import FieldSymmetries, check_symmetries, odd_channels
from longwave.training.fields import FieldTraining, open_fields

Curve = Callable[[Path], list[dict[str, float]]]
ALONE = Workers(rank=0, world=1, device=torch.device("cpu"))
SWAP = Symmetry(name="swap", swaps=True, signs=((1,), (1,)))
QUARTER = Symmetry(name="turn", mirrors=(0, 1), share=(0.25, 0.0), signs=((1,), (1,)))
MIRROR = Symmetry(name="mirror-x", mirrors=(0,), signs=((1,), (1,)))


@pytest.fixture(params=["darcy-dct", "darcy-rfft", "navier_stokes_1e-3-rfft", "smoke-dct"])
def moved(request: pytest.FixtureRequest, field_folder: Path, field_run: TrainConfig) -> TrainConfig:
    """Return a run of a T1 on an equation with all of its symmetries."""
    equation, basis = request.param.rsplit("-", 1)
    options: dict[str, dict[str, object]] = {
        "darcy": {},
        "navier_stokes_1e-3": {"horizon": 0.5},
        "smoke": {"has_velocity": True, "n_frames": 3, "n_context": 2, "horizon": 0.3},
    }
    data = FieldDataConfig(
        equation=equation, n_train=6, n_test=2, resolution=12, folder=str(field_folder), symmetries="auto",
        options=options[equation],
    )  # fmt: skip
    inputs, targets = (len(part) for part in data.simulation().channels())
    model = T1Config(
        in_channels=inputs, out_channels=targets, resolution=(12, 12), n_modes=(7, 7), basis=basis, d_model=4,
        n_layers=1,
    )  # fmt: skip
    return replace(field_run, model=model, data=data)


@pytest.fixture
def mirrored(field_run: TrainConfig) -> TrainConfig:
    """Return a run on Burgers' equation, whose velocities change their sign in the mirror."""
    return replace(field_run, data=replace(field_run.fields, symmetries=("mirror-x",)))


def on_grid(config: TrainConfig, out: Path) -> FieldTraining:
    """Open the same data for a model of fields."""
    t1 = config.field_model
    fno = FNOConfig(
        in_channels=t1.in_channels, out_channels=t1.out_channels, n_modes=(2,) * t1.n_dims, d_model=4
    )
    return open_fields(replace(config, model=fno), out, ALONE)


def test_coefficients_move_as_the_fields_do(moved: TrainConfig, tmp_path: Path) -> None:
    fields = on_grid(moved, tmp_path / "grid").batch(2, 6, ALONE)
    training = open_fields(moved, tmp_path / "t1", ALONE)
    batch, model = training.batch(2, 6, ALONE), moved.field_model
    read = build_model(training.model).encode(training.input_scale.apply_to(fields.inputs))
    wanted = target_coefficients(fields.targets, model.box, model.basis)
    assert torch.allclose(batch.inputs, read, atol=1e-5)
    assert torch.allclose(batch.targets, wanted.kept, rtol=1e-4, atol=1e-5)
    assert torch.allclose(batch.rest[0], wanted.dropped, rtol=1e-4, atol=1e-5)
    assert torch.allclose(batch.rest[1], wanted.norm, rtol=1e-5)


def test_input_and_target_move_together(mirrored: TrainConfig, tmp_path: Path) -> None:
    training = on_grid(mirrored, tmp_path)
    still = on_grid(replace(mirrored, data=replace(mirrored.fields, symmetries=())), tmp_path)
    batch, kept = training.batch(3, 8, ALONE), still.batch(3, 8, ALONE)
    chosen = training.symmetries.draw(3, 8, ALONE)[:, 0].tolist()
    assert set(chosen) == {False, True}
    for i, is_moved in enumerate(chosen):
        for found, before in ((batch.inputs[i], kept.inputs[i]), (batch.targets[i], kept.targets[i])):
            assert torch.equal(found, -before.flip(1).roll(1, 1) if is_moved else before)


def test_all_products_of_moves_are_equally_likely() -> None:
    symmetries = FieldSymmetries((SWAP, MIRROR), (4, 4), is_periodic=False, basis=None, seed=1)
    draws = torch.cat([symmetries.draw(step, 50, ALONE) for step in range(80)]).long()
    counts = torch.bincount(2 * draws[:, 0] + draws[:, 1])
    assert len(counts) == 4
    assert counts.min() > 900  # of 4000; a deviation of 27 around 1000


def test_processes_share_the_moves_of_one() -> None:
    symmetries = FieldSymmetries((SWAP, MIRROR), (4, 4), is_periodic=False, basis=None, seed=1)
    whole = symmetries.draw(5, 8, ALONE)
    halves = [symmetries.draw(5, 8, replace(ALONE, rank=rank, world=2)) for rank in (0, 1)]
    assert torch.equal(whole, torch.cat(halves))
    assert not torch.equal(whole, symmetries.draw(6, 8, ALONE))


def test_channels_that_change_their_sign_have_mean_0(mirrored: TrainConfig, tmp_path: Path) -> None:
    training = on_grid(mirrored, tmp_path)
    inputs = training.data.train.inputs + 3
    data = dataclasses.replace(
        training.data, train=FieldPairs(inputs=inputs, targets=training.data.train.targets)
    )
    (mean,), (std,) = FieldTraining(mirrored, data, training.model, ALONE.device).input_scale.lists()
    assert mean == 0
    assert std == pytest.approx(float(inputs.double().square().mean().sqrt()), rel=1e-5)


def test_odd_channels_are_those_with_a_changing_sign() -> None:
    smoke = FieldDataConfig(
        equation="smoke", options={"has_velocity": True, "n_frames": 3, "n_context": 2}, symmetries="auto"
    )
    assert odd_channels(smoke.chosen_symmetries()) == ({1, 4}, {1})
    assert odd_channels(FieldDataConfig(equation="darcy").chosen_symmetries()) == (set(), set())


def test_shifts_and_the_shift_of_an_equation_are_one(fields: FieldDataConfig) -> None:
    both = replace(fields, shifts=((1,), (2,)), symmetries="auto").chosen_symmetries()
    assert both.directions == ((1,), (2,))
    assert both.names == ("shift", "mirror-x")
    assert replace(fields, symmetries=("mirror-x",)).chosen_symmetries().directions == ()
    assert fields.chosen_symmetries().names == ()


@pytest.mark.parametrize("names", ["auto", ("auto",), ("shift", "mirror-x")], ids=str)
def test_auto_is_all_of_them(names: str | tuple[str, ...], fields: FieldDataConfig) -> None:
    assert replace(fields, symmetries=names).chosen_symmetries() == fields.simulation().symmetries()
    assert replace(fields, symmetries="shift").chosen_symmetries().names == ("shift",)


def test_an_interrupted_run_goes_on_bit_for_bit(mirrored: TrainConfig, curve: Curve, tmp_path: Path) -> None:
    def stop(row: dict[str, float]) -> None:
        if row["step"] == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(mirrored, tmp_path / "out", on_step=stop)
    train(mirrored, tmp_path / "out")
    train(mirrored, tmp_path / "whole")
    assert curve(tmp_path / "out") == curve(tmp_path / "whole")


def test_a_symmetry_that_the_equation_lacks_is_refused(field_run: TrainConfig, tmp_path: Path) -> None:
    config = replace(field_run, data=replace(field_run.fields, symmetries=("swap",)))
    with pytest.raises(UnknownName, match=r'"swap".*Known: mirror-x, shift'):
        open_fields(config, tmp_path, ALONE)


def test_a_file_tells_no_symmetries() -> None:
    with pytest.raises(ConfigError, match=r'come from "flow\.mat", which does not tell any'):
        FieldDataConfig(file="flow.mat", symmetries="auto").chosen_symmetries()


@pytest.fixture
def square(field_folder: Path, tmp_path: Path) -> FieldTraining:
    """Return the training on an open flow at 12 x 12 points, with an FNO."""
    data = FieldDataConfig(
        equation="navier_stokes_1e-3", n_train=6, n_test=2, resolution=12, folder=str(field_folder),
        options={"horizon": 0.5},
    )  # fmt: skip
    fno = FNOConfig(in_channels=1, out_channels=1, n_modes=(2, 2), d_model=4)
    return open_fields(
        TrainConfig(model=fno, data=data, steps=1, batch_size=2, device="cpu"), tmp_path, ALONE
    )


def narrow(training: FieldTraining, columns: int) -> FieldTraining:
    """Cut the second axis of the grid."""
    pairs = [
        FieldPairs(inputs=split.inputs[..., :columns], targets=split.targets[..., :columns])
        for split in (training.data.train, training.data.test)
    ]
    training.data = dataclasses.replace(training.data, train=pairs[0], test=pairs[1])
    return training


def test_axes_of_different_lengths_do_not_change_places(square: FieldTraining) -> None:
    with pytest.raises(ConfigError, match=r"the grid of .* is \[12, 10\]. Take a square grid"):
        check_symmetries((SWAP,), square.model, narrow(square, 10).data)


def test_a_share_of_a_point_is_refused_on_a_grid(square: FieldTraining) -> None:
    check_symmetries((QUARTER,), square.model, square.data)
    turned = replace(QUARTER, share=(0.0, 0.25))
    with pytest.raises(ConfigError, match=r"no whole number of points on a grid of \[12, 10\]"):
        check_symmetries((turned,), square.model, narrow(square, 10).data)


def t1(**change: object) -> T1Config:
    settings = {"resolution": (12, 12), "n_modes": (7, 7), "basis": "rfft", "d_model": 4, "n_layers": 1}
    return T1Config(in_channels=1, out_channels=1, **{**settings, **change})


def test_modes_of_different_numbers_do_not_change_places(square: FieldTraining) -> None:
    check_symmetries((SWAP,), t1(basis="dct"), square.data)
    with pytest.raises(ConfigError, match="keeps 7 x 5 modes"):
        check_symmetries((SWAP,), t1(n_modes=(7, 5)), square.data)


def test_cosines_do_not_move_on_a_torus(square: FieldTraining) -> None:
    with pytest.raises(ConfigError, match=r"Set model\.basis=rfft"):
        check_symmetries((QUARTER,), t1(basis="dct"), square.data)


@pytest.mark.parametrize(
    "change", [{"n_modes": (8, 8)}, {"keep_high": True}], ids=["half-a-pair", "all-of-an-even-grid"]
)
def test_an_even_number_of_modes_does_not_turn(change: dict[str, object], square: FieldTraining) -> None:
    with pytest.raises(ConfigError, match=r"cut one in two. Set model\.n_modes="):
        check_symmetries((QUARTER,), t1(**change), square.data)


def test_a_mirror_in_a_box_turns_fourier_pairs_and_no_cosines(square: FieldTraining) -> None:
    box = dataclasses.replace(square.data, is_periodic=False)
    check_symmetries((MIRROR,), t1(basis="dct", n_modes=(8, 8)), box)
    with pytest.raises(ConfigError, match=r"8 x 8 modes cut one in two\. Set model\.basis=dct or"):
        check_symmetries((MIRROR,), t1(n_modes=(8, 8)), box)
