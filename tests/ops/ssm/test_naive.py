"""The oracle itself, against scipy and by hand."""

from __future__ import annotations

import pytest
import torch
from scipy.signal import cont2discrete

from longwave.errors import UnknownName
from longwave.ops.ssm.naive import dense_discretize, dense_recurrence, naive_ssm_kernel


@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
def test_dense_rules_equal_scipys(draw, tolerance, rule):
    A, B = draw(4, 4, requires_grad=False), draw(4, requires_grad=False)
    dA, dB = dense_discretize(A, B, 0.3, rule=rule)
    found_A, found_B, *_ = cont2discrete((A.numpy(), B[:, None].numpy(), A[:1].numpy(), [[0.0]]), 0.3, rule)
    torch.testing.assert_close(dA, torch.from_numpy(found_A), **tolerance(torch.float64))
    torch.testing.assert_close(dB, torch.from_numpy(found_B)[:, 0], **tolerance(torch.float64))


def test_oscillating_modes_are_held_to_the_last_digits():
    """Where ``torch.matrix_exp`` is off by 2e-10."""
    A = torch.diag(torch.complex(torch.full((8,), -0.5), torch.pi * torch.arange(8))).to(torch.complex128)
    dA, _ = dense_discretize(A, torch.ones_like(A[0]), 0.1, rule="zoh")
    torch.testing.assert_close(dA.diag(), torch.exp(0.1 * A.diag()), rtol=1e-14, atol=0)


def test_zero_order_hold_serves_an_integrator():
    dA, dB = dense_discretize(torch.zeros(1, 1), torch.ones(1), 0.25, rule="zoh")
    assert (dA.item(), dB.item()) == (1, 0.25)


def test_recurrence_reads_the_state_after_the_input_entered():
    half, one = torch.tensor([[0.5]]), torch.ones(1)
    y, x = dense_recurrence(half, one, 3 * one, torch.tensor([1.0, 0.0, 2.0]))
    assert y.tolist() == [3, 1.5, 6.75]
    assert x.item() == 2.25


def test_kernel_by_hand_counts_both_modes_of_a_pair():
    A, B = torch.tensor([[-1 + 0j]]), torch.tensor([[0.5 + 0j]])
    kernel = naive_ssm_kernel(A, B, 2 * B, torch.tensor([2.0]).log(), 3)
    torch.testing.assert_close(kernel, torch.tensor([[0.5, 0.25, 0.125]]))


def test_unknown_rule_is_an_error():
    with pytest.raises(UnknownName, match='"tustin"'):
        dense_discretize(torch.zeros(1, 1), torch.ones(1), 0.1, rule="tustin")
