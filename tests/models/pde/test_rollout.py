from __future__ import annotations

import pytest
import torch

from longwave.errors import ConfigError, ShapeError
from longwave.models import T1, T1Config
from longwave.models.pde import coefficient_rollout, rollout

ORDERS = pytest.mark.parametrize("order", [0, 1, 2])


def model(basis: str = "dct", context: int = 2, channels: int = 2, **changes: object) -> T1:
    sizes = {"in_channels": context * channels, "out_channels": channels, "resolution": (10, 9)}
    parts = {"n_modes": (5, 4), "basis": basis, "d_model": 6, "n_layers": 1, "d_head": 16, "head_std": 0.2}
    return T1(T1Config(**sizes | parts | changes), seed=2)


@ORDERS
@pytest.mark.parametrize("basis", ["dct", "rfft"])
@pytest.mark.parametrize("grid", [(10, 9), (13, 12)], ids=str)
@pytest.mark.parametrize(
    "changes", [{}, {"keep_high": True}, {"kept": (0, 3, 5)}], ids=["box", "high", "kept"]
)
def test_one_transform_in_and_one_out_equal_transforms_at_every_step(generator, order, basis, grid, changes):
    t1 = model(basis, **changes)
    frames = torch.randn(3, 2, 2, *grid, generator=generator)
    with torch.no_grad():
        expected = rollout(t1, frames, 5, order=order)
        found = coefficient_rollout(t1, frames, 5, order=order)
    assert found.shape == (3, 5, 2, *grid)
    assert (found - expected).norm() < 1e-5 * expected.norm()


def test_the_model_reads_the_last_frames_oldest_first():
    seen = []

    def step(x: torch.Tensor) -> torch.Tensor:
        seen.append(x[0, :, 0].tolist())
        return x.sum(1, keepdim=True)

    frames = torch.tensor([1.0, 2.0]).reshape(1, 2, 1, 1)
    assert rollout(step, frames, 3, order=0)[0, :, 0, 0].tolist() == [3, 5, 8]
    assert seen == [[1, 2], [2, 3], [3, 5]]


@pytest.mark.parametrize(("order", "expected"), [(0, [1, 1, 1]), (1, [4, 5, 6]), (2, [6, 10, 15])])
def test_orders_integrate_the_prediction(order, expected):
    frames = torch.tensor([1.0, 3.0]).reshape(1, 2, 1, 1)
    y = rollout(lambda x: torch.ones_like(x[:, :1]), frames, 3, order=order)
    assert y.flatten().tolist() == expected


def test_gradients_reach_through_all_steps(generator):
    t1 = model(context=1)
    frames = torch.randn(1, 1, 2, 10, 9, generator=generator, requires_grad=True)
    coefficient_rollout(t1, frames, 3)[:, -1].square().sum().backward()
    assert frames.grad.any()
    assert t1.head_down.weight.grad.any()


@pytest.mark.parametrize(
    "run",
    [lambda *a, **k: rollout(model(), *a, **k), lambda *a, **k: coefficient_rollout(model(), *a, **k)],
    ids=["space", "coefficients"],
)
class TestBothRefuse:
    def test_an_unknown_order_and_no_steps(self, run):
        for steps, order in ((3, 3), (0, 1)):
            with pytest.raises(
                ConfigError, match=f"A rollout of {steps} steps of order {order} cannot be made"
            ):
                run(torch.zeros(1, 2, 2, 10, 9), steps, order=order)

    def test_too_few_frames(self, run):
        with pytest.raises(ConfigError, match="order 2 needs 2 frames of context, and there are 1"):
            run(torch.zeros(1, 1, 4, 10, 9), 3, order=2)

    def test_frames_without_channels(self, run):
        with pytest.raises(ShapeError, match=r"give \(batch, frames, channels, \*grid\)"):
            run(torch.zeros(1, 10, 9), 3)

    def test_output_that_is_no_frame(self, run):
        with pytest.raises(ShapeError, match="a rollout feeds its output back"):
            run(torch.zeros(1, 1, 4, 10, 9), 3)
