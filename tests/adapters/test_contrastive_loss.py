"""The contrastive loss against loops over the formula: values, gradients, empty roles."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from longwave.adapters.contrastive_loss import contrastive_loss


def naive_loss(similarities: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
    """Write out L = -(1/|P|) Σ_j [s_j - log(e^{s_j} + Σ_k e^{s_k})], one term at a time."""
    losses = []
    for s, is_positive, is_negative in zip(similarities, positives, negatives, strict=True):
        total = s.new_zeros(())
        for j in is_positive.nonzero()[:, 0].tolist():
            against = s[j].exp() + sum(
                (s[k].exp() for k in is_negative.nonzero()[:, 0].tolist()), s.new_zeros(())
            )
            total = total - (s[j] - against.log())
        losses.append(total / max(1, int(is_positive.sum())))
    return torch.stack(losses)


def _problem(a: int, u: int, generator: torch.Generator, scale: float = 3.0) -> tuple[Tensor, Tensor, Tensor]:
    s = scale * torch.randn(a, u, generator=generator, dtype=torch.float64)
    role = torch.randint(3, (a, u), generator=generator)
    return s, role == 1, role == 2


@pytest.mark.parametrize(("a", "u"), [(1, 1), (1, 7), (5, 13), (17, 31)], ids=lambda v: str(v))
def test_loss_equals_the_formula(a: int, u: int, generator: torch.Generator) -> None:
    s, positives, negatives = _problem(a, u, generator)
    torch.testing.assert_close(
        contrastive_loss(s, positives, negatives), naive_loss(s, positives, negatives), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize(("a", "u"), [(1, 7), (5, 13)], ids=lambda v: str(v))
def test_gradient_equals_that_of_the_formula(a: int, u: int, generator: torch.Generator) -> None:
    s, positives, negatives = _problem(a, u, generator)
    weights = torch.randn(a, generator=generator, dtype=torch.float64)
    ours, slow = s.clone().requires_grad_(), s.clone().requires_grad_()
    (contrastive_loss(ours, positives, negatives) * weights).sum().backward()
    (naive_loss(slow, positives, negatives) * weights).sum().backward()
    torch.testing.assert_close(ours.grad, slow.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("missing", ["positives", "negatives", "both"])
def test_an_anchor_without_a_role_costs_nothing_and_has_no_gradient(
    missing: str, generator: torch.Generator
) -> None:
    s, positives, negatives = _problem(3, 9, generator)
    if missing in ("positives", "both"):
        positives[1] = False
    if missing in ("negatives", "both"):
        negatives[1] = False
    s.requires_grad_()
    losses = contrastive_loss(s, positives, negatives)
    losses.sum().backward()
    assert losses[1].item() == 0
    assert s.grad is not None
    assert not s.grad[1].any()
    assert s.grad.isfinite().all()


def test_positives_do_not_compete_with_each_other() -> None:
    s = torch.tensor([[2.0, 1.0, 0.5]])
    both = contrastive_loss(s, torch.tensor([[True, True, False]]), torch.tensor([[False, False, True]]))
    alone = [math.log(1 + math.exp(0.5 - value)) for value in (2.0, 1.0)]
    assert both.item() == pytest.approx(sum(alone) / 2, rel=1e-6)


def test_large_similarities_do_not_overflow() -> None:
    s = torch.tensor([[-1e4, 1e4]])
    loss = contrastive_loss(s, torch.tensor([[True, False]]), torch.tensor([[False, True]]))
    assert loss.item() == pytest.approx(2e4)


def test_loss_ignores_points_without_a_role(generator: torch.Generator) -> None:
    s, positives, negatives = _problem(4, 11, generator)
    kept = (positives | negatives).any(dim=0)
    changed = torch.where(positives | negatives, s, s + 50)
    torch.testing.assert_close(
        contrastive_loss(changed, positives, negatives),
        contrastive_loss(s[:, kept], positives[:, kept], negatives[:, kept]),
    )
