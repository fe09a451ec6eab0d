from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from longwave.errors import CheckpointError, ConfigError, ShapeError
from longwave.models import T1, T1Config, irreducible_loss, relative_l2
from longwave.models.pde import coefficient_relative_l2, target_coefficients
from longwave.models.pde.domain import grid_coordinates
from longwave.models.pde.t1_block import T1Block
from longwave.ops.transforms import BASES, crop_modes, inverse, pad_modes, resample, transform

GRIDS = [((17,), (6,)), ((12, 9), (5, 4)), ((8, 6, 7), (3, 4, 2))]
CASES = [(basis, *sizes) for basis in BASES for sizes in GRIDS]
EVERY = pytest.mark.parametrize(("basis", "grid", "modes"), CASES, ids=[f"{b}-{g}" for b, g, _ in CASES])


def lively(basis: str = "dct", grid=(12, 9), modes=(5, 4), **changes: object) -> T1:
    """Return a small model whose output is not small."""
    options = {
        "in_channels": 2,
        "out_channels": 3,
        "d_model": 6,
        "n_layers": 2,
        "d_head": 16,
        "head_std": 0.3,
    }
    return T1(T1Config(**options | {"resolution": grid, "n_modes": modes, "basis": basis} | changes), seed=1)


def field(generator: torch.Generator, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=dtype)


def literal_order(model: T1, x: Tensor, literal_block: Callable[[T1Block, Tensor], Tensor]) -> Tensor:
    """Lift in space, transform every channel, run the head on all modes, as the paper's code does."""
    config, grid = model.config, x.shape[2:]
    places = grid_coordinates(grid, "centre" if config.basis == "dct" else "start", dtype=x.dtype)
    x = torch.cat([x, places.expand(len(x), *places.shape)], 1) if config.coordinates else x
    lifted = torch.einsum("oi,bi...->bo...", model.lift.weight, x) + model.lift.bias.reshape(
        -1, *(1,) * len(grid)
    )
    unit = math.prod(grid) ** 0.5 if config.scaling == "unit" else 1.0
    z = transform(lifted, config.basis) / unit
    low = crop_modes(z, config.box)
    for block in model.blocks:
        low = literal_block(block, low)
    inside = pad_modes(torch.ones(config.box), grid).bool()
    high = z if config.keep_high else torch.zeros_like(z)
    z = torch.where(inside, pad_modes(low, grid), high)
    hidden = torch.sin(torch.einsum("oi,bi...->bo...", model.head_up.weight, z))
    return inverse(unit * torch.einsum("oi,bi...->bo...", model.head_down.weight, hidden), config.basis, grid)


@EVERY
@pytest.mark.parametrize("keep_high", [False, True], ids=["box", "keep-high"])
def test_lift_and_head_on_coefficients_give_what_the_literal_order_gives(
    generator, literal_block, basis, grid, modes, keep_high
):
    model = lively(basis, grid, modes, keep_high=keep_high)
    x = field(generator, 3, 2, *grid, dtype=torch.float32)
    found, expected = model(x), literal_order(model, x, literal_block)
    assert (found - expected).norm() < 2e-6 * expected.norm()


@pytest.mark.parametrize("basis", ["dct", "rfft"])
@pytest.mark.parametrize("changes", [{"coordinates": False}, {"scaling": "orthonormal"}], ids=str)
def test_other_lifts_and_scales_give_the_literal_order_too(generator, literal_block, basis, changes):
    model = lively(basis, **changes).double()
    x = field(generator, 2, 2, 12, 9)
    torch.testing.assert_close(model(x), literal_order(model, x, literal_block), rtol=1e-10, atol=1e-10)


@EVERY
def test_output_has_nothing_above_the_modes(generator, basis, grid, modes):
    y = transform(lively(basis, grid, modes).double()(field(generator, 2, 2, *grid)), basis)
    inside = pad_modes(torch.ones(modes), grid).bool()
    assert y.masked_fill(inside, 0).abs().max() < 1e-13 * y.abs().max()
    assert y[..., inside].abs().min() > 0


@EVERY
def test_coefficients_are_those_of_the_output(generator, basis, grid, modes):
    model, x = lively(basis, grid, modes).double(), field(generator, 2, 2, *grid)
    finer = tuple(n + 3 for n in grid)
    for sizes in (None, finer):
        z = model.coefficients(x, sizes)
        torch.testing.assert_close(z, transform(model(x, sizes), basis, modes), rtol=1e-10, atol=1e-10)
    assert z.shape == (2, 3, *modes)


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("finer", [(24, 27), (31, 10), (13, 40)], ids=str)
def test_another_grid_sees_the_same_function(generator, basis, finer):
    model = lively(basis).double()
    modes = (11, 9) if basis != "dct" else (12, 9)
    coarse = inverse(field(generator, 2, 2, *modes), basis, (12, 9))
    through = "dct" if basis == "dct" else "rfft"
    fine = resample(coarse, finer, through)
    expected = resample(model(coarse), finer, through)
    for found in (model(fine), model(coarse, finer), model(fine, finer)):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_modes_outside_the_box_pass_beside_the_blocks(generator):
    model = lively("dct", (8, 6), (3, 2), keep_high=True, coordinates=False).double()
    x = field(generator, 1, 2, 8, 6)
    z = transform(x, "dct")
    other = z.clone()
    other[..., 4, 5] += 1
    change = model.coefficients(inverse(other, "dct", (8, 6))) - model.coefficients(x)
    alone = torch.zeros(8, 6).bool()
    alone[4, 5] = True
    assert change[..., alone].abs().min() > 1e-3
    assert change[..., ~alone].abs().max() < 1e-12


@pytest.mark.parametrize("keep_high", [False, True])
def test_a_set_of_modes_acts_on_itself_alone(generator, keep_high):
    kept = (0, 1, 2, 4, 5, 9)
    model = lively(kept=kept, keep_high=keep_high).double()
    assert model.blocks[0].channel_weight.shape[0] == 6
    z = model.coefficients(field(generator, 2, 2, 12, 9))[..., :5, :4].flatten(2).abs().amax((0, 1))
    is_zero = (z < 1e-13).nonzero().flatten().tolist()
    assert is_zero == ([] if keep_high else sorted(set(range(20)) - set(kept)))


def test_all_modes_of_a_set_are_the_box(generator):
    box, every = lively().double(), lively(kept=tuple(range(20))).double()
    every.load_state_dict(box.state_dict())
    x = field(generator, 2, 2, 12, 9)
    torch.testing.assert_close(every(x), box(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("basis", BASES)
def test_no_model_on_these_modes_beats_the_irreducible_loss(generator, basis):
    targets = field(generator, 4, 3, 12, 9)
    floor = irreducible_loss(targets, (5, 4), basis)
    best = inverse(transform(targets, basis, (5, 4)), basis, (12, 9))
    assert relative_l2(best, targets).item() == pytest.approx(floor, rel=1e-9)
    y = lively(basis).double()(field(generator, 4, 2, 12, 9))
    assert relative_l2(y, targets) > floor


def test_settings_left_open_are_settled_by_data(generator):
    x = inverse(field(generator, 6, 1, 3, 3), "rfft", (12, 10))
    config = T1Config(
        in_channels=1,
        out_channels=1,
        resolution=(12, 10),
        energy=0.999,
        init="vp-data",
        d_model=4,
        n_layers=1,
    )
    model = T1.from_data(config, x, x)
    assert (model.config.basis, model.config.box) == ("rfft", (3, 3))
    assert model.config.input_energy == pytest.approx(1)
    assert model.double()(x).shape == x.shape


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_training_under_autocast_reaches_every_weight(generator, dtype):
    model = lively(head_std=1e-8)
    x = field(generator, 2, 2, 12, 9, dtype=torch.float32)
    with torch.autocast("cpu", dtype=dtype):
        y = model(x)
    assert y.dtype == torch.float32
    (y * 1e20).sum().backward()
    assert all(
        p.grad.isfinite().all() and p.grad.any() for p in (model.head_up.weight, model.head_down.weight)
    )


def test_autocast_changes_little(generator):
    model, x = lively(), field(generator, 2, 2, 12, 9, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        narrow = model(x)
    assert (narrow - model(x)).norm() < 0.05 * model(x).norm()


@pytest.mark.slow
def test_the_whole_model_is_one_graph_for_any_grid(generator):
    torch.compiler.reset()
    model = lively("rfft")
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    for shape in ((2, 2, 12, 9), (3, 2, 14, 11)):
        x = field(generator, *shape, dtype=torch.float32)
        torch.testing.assert_close(compiled(x), model(x), rtol=1e-5, atol=1e-6)


def test_no_weight_depends_on_the_batch_or_stays_without_gradient(generator):
    model, x = lively().double(), field(generator, 3, 2, 12, 9)
    torch.testing.assert_close(model(x)[1:2], model(x[1:2]), rtol=1e-12, atol=1e-12)
    model(x).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() and not p.is_complex() for p in model.parameters())


def test_training_after_inference_mode_works(generator):
    x = field(generator, 1, 2, 13, 10, dtype=torch.float32)
    model = lively(grid=(13, 10))
    with torch.inference_mode():
        model(x)
    model(x).sum().backward()
    assert model.lift.bias.grad.any()


@pytest.mark.parametrize("changes", [{}, {"kept": (1, 4)}, {"keep_high": True}], ids=["box", "kept", "high"])
def test_a_saved_model_comes_back(generator, tmp_path: Path, changes):
    model = lively("hartley", **changes).eval()
    model.save_pretrained(tmp_path)
    loaded = T1.from_pretrained(tmp_path)
    x = field(generator, 2, 2, 12, 9, dtype=torch.float32)
    assert loaded.config == model.config
    assert torch.equal(loaded(x), model(x))


def test_another_kind_of_model_is_not_loaded(tmp_path: Path):
    from longwave.models import FNO

    lively().save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match='of kind "T1Config", not "FNOConfig"'):
        FNO.from_pretrained(tmp_path)


@pytest.mark.parametrize("shape", [(2, 3, 12, 9), (2, 2, 12), (2, 2, 12, 9, 3), (2, 2, 12, 0)], ids=str)
def test_input_of_another_form_is_refused(shape):
    with pytest.raises(ShapeError, match=r"this T1 takes real fields of shape \(B, 2, N1, N2\)"):
        lively()(torch.zeros(shape))


@pytest.mark.parametrize(
    ("x", "sizes"), [((4, 9), None), ((12, 3), None), ((12, 9), (4, 4)), ((12, 9), (12,))], ids=str
)
def test_a_grid_that_cannot_show_the_modes_is_refused(x, sizes):
    with pytest.raises(ShapeError, match=r"cannot show the model's 5 x 4 modes.*Use a finer grid"):
        lively()(torch.zeros(1, 2, *x), sizes)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"basis": "auto"}, '"basis" must be settled'),
        ({"n_modes": None, "energy": 0.9}, '"energy" must be settled'),
        ({"top": 3, "init": "vp-data"}, '"top" and "input_energy" must be settled'),
    ],
    ids=["basis", "energy", "top"],
)
def test_a_model_is_not_built_while_choices_are_open(changes, named):
    with pytest.raises(ConfigError, match=rf"{named} by data.*Use T1.from_data"):
        lively(**changes)


@pytest.mark.slow
def test_a_nonlinear_operator_is_learned(generator):
    x = inverse(field(generator, 576, 1, 5, dtype=torch.float32), "rfft", (16,))
    y = x.roll(2, -1) / 2 - torch.tanh(x)
    config = T1Config(
        in_channels=1, out_channels=1, resolution=(16,), n_modes=(9,), d_model=24, n_layers=2, init="vp-data"
    )
    model = T1.from_data(config, x, y)
    targets = target_coefficients(y, model.config.box, model.config.basis)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for step in range(400):
        batch = slice(step % 8 * 64, step % 8 * 64 + 64)
        optimizer.zero_grad()
        coefficient_relative_l2(model.coefficients(x[batch]), targets[batch]).backward()
        optimizer.step()
    assert model.config.basis == "rfft"
    assert relative_l2(model(x[512:]), y[512:]) < 0.2


@pytest.mark.gpu
@pytest.mark.parametrize(
    "changes", [{}, {"kept": (0, 3, 4)}, {"keep_high": True}], ids=["box", "kept", "high"]
)
def test_a_gpu_gives_what_the_cpu_gives(generator, changes):
    model, x = lively("rfft", **changes).double(), field(generator, 3, 2, 14, 11)
    expected = model(x)
    found = model.cuda()(x.cuda())
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-10, atol=1e-10)
