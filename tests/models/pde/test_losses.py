from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ShapeError, UnknownName
from longwave.models.pde import coefficient_relative_l2, relative_l2, target_coefficients
from longwave.ops.transforms import BASES, inverse


def draw(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@settings(max_examples=30)
@given(
    st.sampled_from(BASES),
    st.lists(st.integers(2, 10), min_size=1, max_size=3),
    st.integers(0, 2**31),
    st.data(),
)
def test_the_loss_on_coefficients_is_the_loss_in_space(basis, grid, seed, data):
    modes = [data.draw(st.integers(1, n)) for n in grid]
    z, y = draw(seed, 3, 2, *modes), draw(seed + 1, 3, 2, *grid)
    found = coefficient_relative_l2(z, target_coefficients(y, modes, basis))
    torch.testing.assert_close(found, relative_l2(inverse(z, basis, grid), y), rtol=1e-6, atol=1e-6)


def test_both_losses_have_the_same_gradient():
    z, y = draw(0, 2, 1, 4, 3, dtype=torch.float64).requires_grad_(), draw(1, 2, 1, 9, 8, dtype=torch.float64)
    losses = (
        coefficient_relative_l2(z, target_coefficients(y, (4, 3), "dct")),
        relative_l2(inverse(z, "dct", (9, 8)), y),
    )
    torch.testing.assert_close(*(torch.autograd.grad(loss, z) for loss in losses), rtol=1e-10, atol=1e-12)


def test_loss_is_the_mean_of_ratios_of_norms():
    y = torch.tensor([[[3.0, 4.0]], [[0.0, 10.0]]])
    assert relative_l2(torch.zeros_like(y), y).item() == 1
    assert relative_l2(y + torch.tensor([[[0.0, 1.0]], [[0.0, 0.0]]]), y).item() == pytest.approx(0.1)


@pytest.mark.parametrize("dropped", [0.0, 0.5])
def test_a_prediction_that_hits_everything_has_a_finite_gradient(dropped):
    y = torch.ones(2, 1, 4)
    targets = target_coefficients(y, 4, "dct")
    object.__setattr__(targets, "dropped", torch.full((2,), dropped))
    z = targets.kept.clone().requires_grad_()
    loss = coefficient_relative_l2(z, targets)
    (gradient,) = torch.autograd.grad(loss, z)
    assert loss.item() == pytest.approx(dropped / 2)
    assert not gradient.any()


def test_targets_are_indexed_like_the_data_and_moved():
    y = draw(0, 5, 2, 8, 7)
    targets = target_coefficients(y, (3, 2), "rfft")
    assert len(targets) == 5
    part = targets[torch.tensor([4, 1])].to("cpu")
    again = target_coefficients(y[[4, 1]], (3, 2), "rfft")
    for name in ("kept", "dropped", "norm"):
        torch.testing.assert_close(getattr(part, name), getattr(again, name))
    assert len(targets[:2]) == 2


def test_targets_of_a_model_that_keeps_all_drop_nothing():
    targets = target_coefficients(draw(0, 2, 1, 6, 5), None, "dct")
    assert targets.kept.shape == (2, 1, 6, 5)
    assert not targets.dropped.any()


def test_many_targets_are_taken_in_parts(monkeypatch):
    y = draw(0, 5, 2, 8)
    whole = target_coefficients(y, 3, "dct")
    monkeypatch.setattr("longwave.models.pde.losses.CHUNK", 32)
    parts = target_coefficients(y, 3, "dct")
    torch.testing.assert_close(parts.kept, whole.kept)
    torch.testing.assert_close(parts.norm, whole.norm)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_narrow_types_are_summed_in_float32(dtype):
    y = 200 * draw(0, 2, 1, 64, 64)
    z = draw(1, 2, 1, 64, 64)
    loss = relative_l2((y + z).to(dtype), y.to(dtype))
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    narrow = coefficient_relative_l2(y.to(dtype), target_coefficients(y, None, "dct"))
    assert narrow.dtype == torch.float32


def test_shapes_must_agree():
    with pytest.raises(ShapeError, match=r"prediction has shape \(2, 1, 4\) and the target \(2, 4\)"):
        relative_l2(torch.zeros(2, 1, 4), torch.zeros(2, 4))
    with pytest.raises(
        ShapeError, match=r"coefficients have shape \(2, 1, 4\) and those of the targets \(2, 1, 3\)"
    ):
        coefficient_relative_l2(torch.zeros(2, 1, 4), target_coefficients(torch.ones(2, 1, 5), 3, "dct"))


def test_targets_need_a_basis_and_modes_of_their_grid():
    with pytest.raises(UnknownName, match='Unknown basis "cos"'):
        target_coefficients(torch.ones(2, 1, 5), 3, "cos")
    with pytest.raises(ShapeError, match=r"A box of \(6,\) modes does not fit"):
        target_coefficients(torch.ones(2, 1, 5), 6, "dct")
