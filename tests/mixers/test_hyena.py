"""Hyena against the dense matrices of its formula, its parameters, and its variants."""

from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as F

from longwave.errors import ConfigError, UnknownName
from longwave.mixers import FilterConfig, Hyena


def dense(mixer: Hyena, x: torch.Tensor) -> torch.Tensor:
    """Compute Hyena with one dense L x L matrix per channel and step: diag(x0) (T + d I) diag(x1) v."""
    L = x.shape[1]
    z = mixer.in_proj(x).transpose(1, 2)
    z = F.pad(z, (mixer.short_kernel_size - 1, 0))
    z = F.conv1d(z, mixer.short_weight.flip(-1)[:, None], mixer.short_bias, groups=z.shape[1])
    *gates, w = z.split(mixer.d_model, dim=1)
    lag = torch.arange(L)[:, None] - torch.arange(L)
    filters = mixer.filters(L).repeat_interleave(mixer.n_heads, dim=-2)
    for n, i in enumerate(range(mixer.order - 1, 0, -1)):
        back = filters[n][0] if mixer.bidirectional else filters[n]
        matrix = torch.where(lag >= 0, back[:, lag.clamp(min=0)], 0.0)
        if mixer.bidirectional:
            matrix = matrix + torch.where(lag <= 0, filters[n][1][:, (-lag).clamp(min=0)], 0.0)
        matrix = matrix + mixer.skip[n][:, None, None] * torch.eye(L)
        w = torch.einsum("dts,bds->bdt", matrix, gates[i] * w)
    return mixer.out_proj((gates[0] * w).transpose(1, 2))


VARIANTS = {
    "order2": {},
    "order3": {"order": 3},
    "order4": {"order": 4},
    "order2-heads2": {"n_heads": 2},
    "order3-heads4": {"order": 3, "n_heads": 4},
    "one-head-a-channel": {"n_heads": 8},
    "short5": {"short_kernel_size": 5},
    "short1": {"short_kernel_size": 1},
    "bidirectional": {"bidirectional": True},
    "bidirectional-order3-heads2": {"bidirectional": True, "order": 3, "n_heads": 2},
    "naive": {"backend": "naive"},
}
variants = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)


@variants
@pytest.mark.parametrize("L", [1, 2, 31], ids=lambda L: f"L{L}")
def test_forward_equals_dense_matrices(draw, tolerance, options, L):
    mixer = Hyena(8, 31, **options).double()
    x = draw(2, L, 8)
    torch.testing.assert_close(mixer(x), dense(mixer, x), **tolerance(torch.float64))


@variants
def test_gradients_equal_those_of_dense_matrices(draw, tolerance, options):
    mixer = Hyena(8, 31, **options).double()
    tensors = [draw(2, 23, 8).requires_grad_(), *mixer.parameters()]
    expected = torch.autograd.grad(dense(mixer, tensors[0]).square().sum(), tensors)
    found = torch.autograd.grad(mixer(tensors[0]).square().sum(), tensors)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@pytest.mark.parametrize(
    "options", [v for v in VARIANTS.values() if "bidirectional" not in v], ids=lambda v: str(v)
)
def test_every_causal_variant_decodes_exactly(draw, tolerance, options):
    mixer = Hyena(8, 20, **options).double()
    x = draw(3, 20, 8)
    state = mixer.init_state(3)
    pieces = [mixer.prefill(x[:, a:b], state)[0] for a, b in [(0, 7), (7, 7), (7, 8), (8, 13)]]
    pieces += [mixer.step(x[:, t], state)[0][:, None] for t in range(13, 20)]
    torch.testing.assert_close(torch.cat(pieces, 1), mixer(x), **tolerance(torch.float64))


@pytest.mark.parametrize("order", [2, 3, 4])
def test_order_counts_gates_and_owns_one_filter_a_channel_less_one(order):
    mixer = Hyena(6, 16, order=order)
    assert mixer.filters(16).shape == (order - 1, 6, 16)
    assert mixer.in_proj.out_features == (order + 1) * 6
    assert mixer.skip.shape == (order - 1, 6)


def test_order_two_owns_exactly_one_long_filter_a_channel():
    assert Hyena(6, 16).filter.n_filters == 6


def test_every_convolution_has_slow_and_fast_windows():
    mixer = Hyena(6, 16, order=3)
    first, second = mixer.filter.decay.view(6, 2).unbind(1)
    assert (first.max() - first.min()) > 0.9 * (mixer.filter.decay.max() - mixer.filter.decay.min())
    assert (second.max() - second.min()) > 0.9 * (mixer.filter.decay.max() - mixer.filter.decay.min())


def test_unit_filter_on_the_first_step_makes_order_three_the_papers_order_two(draw, tolerance):
    """The paper's recurrence has one more convolution; with a unit impulse there the conventions agree."""
    mixer, x = Hyena(4, 12, order=3).double(), draw(2, 12, 4)
    impulse = torch.zeros(4, 12, dtype=torch.float64)
    impulse[:, 0] = 1
    taps = mixer.filters(12)[1].detach()
    mixer.filters = lambda _: torch.stack([impulse, taps])
    with torch.no_grad():
        mixer.skip[0] = 0
    z = F.pad(mixer.in_proj(x).transpose(1, 2), (2, 0))
    z = F.conv1d(z, mixer.short_weight.flip(-1)[:, None], mixer.short_bias, groups=16)
    x0, x1, x2, v = z.split(4, dim=1)
    lag = torch.arange(12)[:, None] - torch.arange(12)
    matrix = torch.where(lag >= 0, taps[:, lag.clamp(min=0)], 0.0)
    matrix = matrix + mixer.skip[1][:, None, None] * torch.eye(12)
    expected = mixer.out_proj((x0 * torch.einsum("dts,bds->bdt", matrix, x1 * x2 * v)).transpose(1, 2))
    torch.testing.assert_close(mixer(x), expected, **tolerance(torch.float64))


def test_bidirectional_sees_the_future(draw):
    mixer, x = Hyena(4, 12, bidirectional=True).double(), draw(1, 12, 4).requires_grad_()
    (grad,) = torch.autograd.grad(mixer(x)[:, 3].sum(), x)
    assert grad.abs().amax(-1).min() > 0


def test_bidirectional_does_not_claim_to_be_causal():
    assert not Hyena(4, 12, bidirectional=True).is_causal


def test_bidirectional_does_not_decode():
    with pytest.raises(ConfigError, match="looks ahead"):
        Hyena(4, 12, bidirectional=True).init_state(1)


def test_dropout_acts_in_training_only(draw):
    mixer, x = Hyena(4, 12, dropout=0.5), draw(2, 12, 4, dtype=torch.float32)
    assert not torch.equal(mixer(x), mixer(x))
    mixer.eval()
    assert torch.equal(mixer(x), mixer(x))


def test_operations_follow_the_papers_count():
    width, L = 864, 2048
    expected = 2 * (3 * width**2 + 3 * width * 3 + 5 * width * 11 + width**2)
    assert Hyena(width, L, filter=FilterConfig(d_hidden=4)).flops(L) == expected


def test_operations_of_hyena_153m_on_15_billion_tokens_follow_the_paper():
    """Section A.2: 1.87e19 published; its own formula gives 1.76e19."""
    mixer = Hyena(864, 2048, filter=FilterConfig(d_hidden=4))
    per_token = 18 * (mixer.flops(2048) + 2 * 2 * 864 * 1728) + 2 * 2 * 864 * 50264
    assert 3 * per_token * 15e9 == pytest.approx(1.76e19, rel=0.01)


def test_skip_is_drawn_from_a_unit_normal():
    skip = Hyena(1000, 4, filter=FilterConfig(d_hidden=2)).skip
    assert abs(skip.mean()) < 0.15
    assert abs(skip.std() - 1) < 0.1


def test_short_filter_is_drawn_like_a_conv1d():
    mixer = Hyena(64, 4)
    bound = 1 / math.sqrt(3)
    assert 0.9 * bound < mixer.short_weight.abs().max() <= bound
    assert 0.9 * bound < mixer.short_bias.abs().max() <= bound


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 1}, "order is 1; Hyena has at least 2 gates"),
        ({"n_heads": 3}, "n_heads is 3, which does not divide d_model=8"),
        ({"n_heads": 0}, "n_heads is 0"),
        ({"short_kernel_size": 0}, "short_kernel_size is 0"),
        ({"dropout": 1.0}, r"dropout is 1.0"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_settings_out_of_range_are_an_error(options, message):
    with pytest.raises(ConfigError, match=message):
        Hyena(8, 16, **options)


def test_missing_max_length_is_an_error():
    with pytest.raises(ConfigError, match="Hyena needs max_length"):
        Hyena(8, None)


def test_unknown_backend_is_an_error(draw):
    with pytest.raises(UnknownName, match='"quick"'):
        Hyena(8, 16, backend="quick")(draw(1, 4, 8, dtype=torch.float32))


@pytest.mark.gpu
@pytest.mark.parametrize("L", [256, 255], ids=lambda L: f"L{L}")
@pytest.mark.parametrize("options", [{}, {"order": 3, "n_heads": 2}, {"bidirectional": True}], ids=str)
def test_gpu_agrees_with_float64_on_a_cpu(draw, options, L):
    mixer, x = Hyena(8, 256, **options), draw(2, L, 8, dtype=torch.float32)
    wide = copy.deepcopy(mixer).double()
    expected = torch.autograd.grad(wide(x.double()).square().sum(), list(wide.parameters()))
    mixer.cuda()
    y = mixer(x.cuda())
    found = torch.autograd.grad(y.square().sum(), list(mixer.parameters()))
    errors = [(a.cpu() - b).norm() / b.norm() for a, b in zip(found, expected, strict=True)]
    assert max(errors) < 1e-3
    torch.testing.assert_close(y.cpu().double(), wide(x.double()), rtol=1e-4, atol=1e-4)


@pytest.mark.gpu
def test_gpu_keeps_filters_wide_and_the_rest_narrow_under_autocast(draw):
    mixer, x = Hyena(8, 256).cuda(), draw(2, 255, 8, dtype=torch.float32).cuda()
    with torch.autocast("cuda", torch.bfloat16):
        y, filters = mixer(x), mixer.filters(255)
    assert (y.dtype, filters.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(y.float(), mixer(x), rtol=5e-2, atol=5e-2)
