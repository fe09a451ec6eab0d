"""The optimiser keeps the model's groups, their own rates, and a bound on the gradient."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from longwave.models import LanguageModel, LanguageModelConfig
from longwave.training import OptimConfig
from longwave.training.optim import build_optimizer, clip_gradients, set_rates

CONFIG = OptimConfig(lr=0.01, warmup_fraction=0.5, final_lr_fraction=0.0)


class TwoRates(LanguageModel):
    """A model whose norm asks for a rate of its own."""

    def optimizer_groups(self, *, lr: float, weight_decay: float) -> list[dict[str, object]]:
        own = {id(p) for p in self.norm.parameters()}
        rest = [p for p in self.parameters() if id(p) not in own]
        return [
            {"params": rest, "lr": lr, "weight_decay": weight_decay},
            {"params": list(self.norm.parameters()), "lr": 10 * lr, "weight_decay": 0.0},
        ]


@pytest.fixture
def model() -> TwoRates:
    return TwoRates(LanguageModelConfig(vocab_size=11, d_model=4, n_layers=1, max_length=8))


def test_every_parameter_is_in_exactly_one_group(model: TwoRates) -> None:
    grouped = [id(p) for group in build_optimizer(model, CONFIG).param_groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters())


@pytest.mark.parametrize(("step", "factor"), [(0, 0.5), (1, 1.0), (3, 0.0)])
def test_all_groups_follow_one_schedule(step: int, factor: float, model: TwoRates) -> None:
    optimizer = build_optimizer(model, CONFIG)
    rate = set_rates(optimizer, CONFIG, step, steps=4)
    assert rate == pytest.approx(0.01 * factor)
    assert [g["lr"] for g in optimizer.param_groups] == pytest.approx([0.01 * factor, 0.1 * factor])


def test_decay_and_betas_arrive(model: TwoRates) -> None:
    groups = build_optimizer(model, OptimConfig(weight_decay=0.3, betas=(0.5, 0.6))).param_groups
    assert [(g["weight_decay"], g["betas"]) for g in groups] == [(0.3, (0.5, 0.6)), (0.0, (0.5, 0.6))]


@pytest.mark.parametrize(
    ("limit", "after"), [(1.0, 1.0), (100.0, 5.0), (0.0, 5.0)], ids=["clip", "large", "off"]
)
def test_gradients_are_bounded_and_their_norm_told(limit: float, after: float) -> None:
    parameters = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))]
    parameters[0].grad = torch.tensor([3.0, 0.0])
    parameters[1].grad = torch.tensor([4.0])
    assert float(clip_gradients(parameters, limit)) == 5.0
    left = torch.cat([parameters[0].grad, parameters[1].grad]).norm()
    assert float(left) == pytest.approx(after, rel=1e-5)
