"""Gradient of every parameter against central differences, at a tiny size in double precision."""

from __future__ import annotations

import pytest
import torch

from longwave.mixers import Attention, FilterConfig, Hyena

L, D = 5, 4
STEP = 1e-5  # error of a central difference: about STEP² and rounding / STEP


def filter_config(**options):
    return FilterConfig(
        d_hidden=3,
        d_position=3,
        n_inner=1,
        frequency=2.0,
        init="sine",
        decay_lr=None,
        position_lr=None,
        **options,
    )


MIXERS = {
    "hyena": lambda: Hyena(D, L, filter=filter_config()),
    "hyena-order3-heads2": lambda: Hyena(D, L, order=3, n_heads=2, filter=filter_config()),
    "hyena-order4-both-ways": lambda: Hyena(D, L, order=4, bidirectional=True, filter=filter_config()),
    "hyena-heads-both-ways": lambda: Hyena(
        D, L, n_heads=4, bidirectional=True, filter=filter_config(shift=0.1)
    ),
    "hyena-norm-over-time": lambda: Hyena(D, L, filter=filter_config(normalize="time")),
    "hyena-norm-over-channels": lambda: Hyena(D, L, filter=filter_config(normalize="channels")),
    "attention": lambda: Attention(D, 2),
    "attention-both-ways-plain": lambda: Attention(D, 4, rotary=False, is_causal=False),
}
PARAMETERS = [
    pytest.param(build, name, id=f"{mixer}-{name}")
    for mixer, build in MIXERS.items()
    for name, _ in build().named_parameters()
]


@pytest.mark.parametrize(("build", "name"), PARAMETERS)
def test_gradient_equals_central_differences(draw, build, name):
    mixer = build().double()
    x, weight, parameter = draw(2, L, D), draw(2, L, D), mixer.get_parameter(name)
    (found,) = torch.autograd.grad((weight * mixer(x)).sum(), parameter)
    direction = draw(*parameter.shape)
    slope = (found * direction).sum()
    with torch.no_grad():
        parameter.add_(STEP * direction)
        above = (weight * mixer(x)).sum()
        parameter.sub_(2 * STEP * direction)
        below = (weight * mixer(x)).sum()
    assert float(slope) == pytest.approx(float((above - below) / (2 * STEP)), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("build", MIXERS.values(), ids=MIXERS)
def test_every_parameter_matters(draw, build):
    mixer = build().double()
    grads = torch.autograd.grad((draw(2, L, D) * mixer(draw(2, L, D))).sum(), list(mixer.parameters()))
    silent = [name for (name, _), grad in zip(mixer.named_parameters(), grads, strict=True) if not grad.any()]
    assert silent == []
