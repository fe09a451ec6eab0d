"""Attention against its formula, rotary positions, and its settings."""

from __future__ import annotations

import math

import pytest
import torch

from longwave.errors import ConfigError, ShapeError
from longwave.mixers import Attention


def formula(mixer: Attention, x: torch.Tensor) -> torch.Tensor:
    """Compute attention head by head, rotating complex pairs."""
    L, width = x.shape[1], mixer.d_model // mixer.n_heads
    q, k, v = mixer.in_proj(x).split(mixer.d_model, dim=-1)
    half = mixer.rotary_dim // 2
    rates = mixer.rotary_base ** (-torch.arange(half, dtype=torch.float64) / half)
    turns = torch.polar(torch.ones(L, half, dtype=torch.float64), torch.arange(L)[:, None] * rates)
    heads = []
    for h in range(mixer.n_heads):
        one = slice(h * width, (h + 1) * width)
        qh, kh, vh = q[..., one], k[..., one], v[..., one]
        if mixer.rotary:
            qh, kh = (
                torch.cat([z.real, z.imag, y[..., 2 * half :]], -1)
                for y in (qh, kh)
                for z in [torch.complex(y[..., :half], y[..., half : 2 * half]) * turns]
            )
        scores = qh @ kh.transpose(1, 2) / math.sqrt(width)
        if mixer.is_causal:
            scores = scores.masked_fill(torch.ones(L, L).triu(1).bool(), -torch.inf)
        heads.append(scores.softmax(-1) @ vh)
    return mixer.out_proj(torch.cat(heads, -1))


VARIANTS = {
    "default": {},
    "one-head": {"n_heads": 1},
    "no-rotary": {"rotary": False},
    "both-ways": {"is_causal": False},
    "base100": {"rotary_base": 100.0},
    "half-rotary": {"n_heads": 2, "rotary_dim": 4},
    "width-one-a-head": {"n_heads": 16, "rotary": False},
}
variants = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)


@variants
@pytest.mark.parametrize("L", [1, 2, 29], ids=lambda L: f"L{L}")
def test_forward_equals_the_formula(draw, tolerance, options, L):
    mixer, x = Attention(16, **options).double(), draw(2, L, 16)
    torch.testing.assert_close(mixer(x), formula(mixer, x), **tolerance(torch.float64))


@variants
def test_gradients_equal_those_of_the_formula(draw, tolerance, options):
    mixer = Attention(16, **options).double()
    tensors = [draw(2, 13, 16).requires_grad_(), *mixer.parameters()]
    expected = torch.autograd.grad(formula(mixer, tensors[0]).square().sum(), tensors)
    found = torch.autograd.grad(mixer(tensors[0]).square().sum(), tensors)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


def test_rotary_scores_depend_on_distances_only(draw, tolerance):
    mixer, x = Attention(8, n_heads=1).double(), draw(1, 1, 8).expand(1, 6, 8)
    q, k, _ = mixer._project(x, start=0)
    scores = (q @ k.transpose(-1, -2))[0, 0]
    shifted_q, shifted_k, _ = mixer._project(x, start=100)
    shifted = (shifted_q @ shifted_k.transpose(-1, -2))[0, 0]
    torch.testing.assert_close(scores, shifted, **tolerance(torch.float64))


def test_no_max_length_means_no_limit(draw):
    assert Attention(8)(draw(1, 300, 8, dtype=torch.float32)).shape == (1, 300, 8)


def test_a_state_needs_a_length_when_the_mixer_has_none():
    with pytest.raises(ShapeError, match="needs max_length"):
        Attention(8).init_state(1)


def test_a_state_with_its_own_length_decodes(draw, tolerance):
    mixer, x = Attention(8).double(), draw(2, 5, 8)
    y, _ = mixer.prefill(x, mixer.init_state(2, max_length=5))
    torch.testing.assert_close(y, mixer(x), **tolerance(torch.float64))


def test_attention_that_looks_ahead_does_not_decode():
    with pytest.raises(ConfigError, match="looks ahead"):
        Attention(8, max_length=16, is_causal=False).init_state(1)


def test_dropout_acts_in_training_only(draw):
    mixer, x = Attention(8, dropout=0.5), draw(2, 12, 8, dtype=torch.float32)
    assert not torch.equal(mixer(x), mixer(x))
    mixer.eval()
    assert torch.equal(mixer(x), mixer(x))


def test_operations_follow_chinchillas_count():
    width, heads, L = 768, 12, 2048
    projections, scores, softmax, weighted_sum = 4 * 2 * width**2, 2 * L * width, 3 * heads * L, 2 * L * width
    assert Attention(width, n_heads=heads).flops(L) == projections + scores + softmax + weighted_sum


def test_operations_of_gpt_125m_on_15_billion_tokens_follow_the_paper():
    """1.88e19 published by Hyena; its formula gives 1.80e19."""
    per_token = 12 * (Attention(768, n_heads=12).flops(2048) + 2 * 8 * 768**2) + 2 * 2 * 768 * 50264
    assert 3 * per_token * 15e9 == pytest.approx(1.80e19, abs=0.005e19)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_heads": 3}, "n_heads is 3, which does not divide d_model=8"),
        ({"n_heads": 0}, "n_heads is 0"),
        ({"n_heads": 8}, "even number of features from 2 to 1, the width of a head, not 1"),
        ({"n_heads": 2, "rotary_dim": 3}, "from 2 to 4, the width of a head, not 3"),
        ({"n_heads": 2, "rotary_dim": 6}, "from 2 to 4, the width of a head, not 6"),
        ({"dropout": -0.1}, r"dropout is -0.1"),
    ],
    ids=["heads3", "heads0", "odd-width", "odd-rotary", "wide-rotary", "dropout"],
)
def test_settings_out_of_range_are_an_error(options, message):
    with pytest.raises(ConfigError, match=message):
        Attention(8, **options)
