"""Every known defect of the public Hyena code, shown to be absent here: one test a defect, named for it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from longwave.errors import ConfigError, ShapeError
from longwave.mixers import FilterConfig, Hyena, ImplicitFilter, build_mixer
from longwave.mixers.filters import position_features


def unknown(key: str, value: object) -> None:
    with pytest.raises(TypeError, match=key):
        Hyena(8, 16, **{key: value})
    with pytest.raises(ConfigError, match=f'"{key}" in Hyena'):
        build_mixer("hyena", d_model=8, max_length=16, options={key: value})


@pytest.mark.parametrize("order", [2, 3])
def test_defect_heads_crash_by_splitting_the_full_width(draw, order):
    mixer = Hyena(8, 16, order=order, n_heads=2)
    assert mixer(draw(2, 16, 8, dtype=torch.float32)).shape == (2, 16, 8)
    assert mixer.filters(16).shape == (order - 1, 4, 16)


def test_defect_heads_share_their_filters(draw, tolerance):
    mixer = Hyena(8, 16, n_heads=2).double()
    with torch.no_grad():
        mixer.skip.zero_()
        mixer.in_proj.weight[8:].copy_(
            mixer.in_proj.weight[8:].view(8, 2, 8)[:, :1].expand(8, 2, 8).flatten(0, 1)
        )
        mixer.in_proj.bias[8:] = 0
        mixer.short_weight[:] = mixer.short_weight[:1]
        mixer.short_bias.zero_()
        mixer.in_proj.weight[:8] = 0
        mixer.in_proj.bias[:8] = 1
        mixer.out_proj.weight.copy_(torch.eye(8))
    y = mixer(draw(1, 16, 8))
    y = y - mixer.out_proj.bias
    torch.testing.assert_close(y[..., 0::2], y[..., 1::2], **tolerance(torch.float64))


def test_defect_outer_products_work_for_one_head_only(draw):
    """Several heads of outer products, each a function of its own channels alone."""
    mixer, x = Hyena(8, 16, outer_head_dim=2).double(), draw(1, 16, 8)
    with torch.no_grad():
        mixer.out_proj.weight.copy_(torch.eye(8))
        before = mixer(x)
        mixer.in_proj.weight.view(3, 4, 2, 8)[:, 1] += 1  # queries, keys and values of the second head
        changed = (mixer(x) - before).abs().amax((0, 1)) > 1e-9
    assert changed.tolist() == [False, False, True, True, False, False, False, False]


def test_defect_mixing_heads_after_a_convolution_is_the_identity_for_one():
    unknown("post_order_ffn", True)


def test_defect_num_blocks_leaks_the_future():
    unknown("num_blocks", 2)


def test_defect_inner_factor_crashes():
    unknown("inner_factor", 2)


def test_defect_sequence_beyond_max_length_is_silently_truncated(draw):
    with pytest.raises(ShapeError, match=r"17 steps.*max_length=16"):
        Hyena(8, 16)(draw(1, 17, 8, dtype=torch.float32))


def test_defect_filter_dropout_is_ignored():
    mixer = Hyena(8, 64, filter=FilterConfig(dropout=0.5))
    assert 0.3 < (mixer.filters(64) == 0).float().mean() < 0.7


def test_defect_local_order_is_swallowed():
    unknown("local_order", 5)


def test_defect_length_of_the_short_filter_has_an_effect():
    assert Hyena(8, 16, short_kernel_size=5).short_weight.shape == (24, 5)


def test_defect_norm_runs_over_channels_instead_of_time():
    over_time = ImplicitFilter(6, 20, FilterConfig(normalize="time"))(20)
    over_channels = ImplicitFilter(6, 20, FilterConfig(normalize="channels"))(20)
    torch.testing.assert_close(over_time.abs().sum(1), torch.ones(6))
    torch.testing.assert_close(over_channels.abs().sum(0), torch.ones(20))


def test_defect_first_positional_frequency_is_not_zero():
    """Kept from the reference on purpose: 1e-4, so that released checkpoints mean the same."""
    features = position_features(1000, 5)
    angle = 2 * math.pi * 999 / 1000 * 1e-4
    assert features[-1, 1].item() == pytest.approx(math.cos(angle), abs=1e-7)
    assert features[-1, 3].item() == pytest.approx(-math.sin(angle), rel=1e-4)


def test_defect_window_constants_are_exact():
    decay = Hyena(64, 1000).filter.decay
    assert decay[0].item() == pytest.approx(3.0701, abs=1e-4)
    assert decay[-1].item() == pytest.approx(15.3506, abs=1e-4)
    assert math.exp(-decay[0].item()) == pytest.approx(0.0464, abs=1e-4)
    assert math.exp(-decay[-1].item()) == pytest.approx(2.15e-7, rel=5e-3)


def test_defect_redrawing_every_linear_layer_redraws_the_filter_network():
    """A language model's own draw of all ``nn.Linear`` cannot reach the filter."""
    mixer = Hyena(8, 16)
    before = mixer.filters(16).detach()
    for module in mixer.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)
    assert torch.equal(mixer.filters(16), before)


def test_defect_small_draw_of_the_filter_is_a_choice_by_name():
    reference = Hyena(64, 256, filter=FilterConfig(init="reference")).filter
    standalone = Hyena(64, 256, filter=FilterConfig(init="sine")).filter
    stds = [weight.std().item() for weight in reference.hidden_weights]
    assert stds == pytest.approx([0.02] * 3, rel=0.1)
    assert all(bias.abs().max() == 0 for bias in reference.hidden_biases)
    assert reference(256).abs().sum(1).mean() < standalone(256).abs().sum(1).mean()


def test_defect_weight_decay_reaches_filter_skip_and_biases():
    mixer = Hyena(8, 16, filter=FilterConfig(decay_lr=1e-4))
    spared = {name for name, option in mixer.parameter_options().items() if option["weight_decay"] == 0}
    decayed = {name for name, _ in mixer.named_parameters()} - spared
    assert decayed == {"in_proj.weight", "short_weight", "out_proj.weight"}


def test_defect_filter_learns_at_its_own_rate():
    options = Hyena(8, 16, filter=FilterConfig(lr=5e-4)).parameter_options()
    network = {option.get("lr") for name, option in options.items() if name.startswith("filter.hidden")}
    assert network == {5e-4}


def test_defect_residual_scaling_by_name_misses_the_output_projection():
    """The residual projection of every mixer has the one name ``out_proj``."""
    assert "out_proj.weight" in dict(Hyena(8, 16).named_parameters())


def test_defect_unknown_keyword_is_swallowed():
    unknown("filter_orderr", 64)


def test_defect_filters_run_in_half_precision_under_autocast(draw):
    mixer = Hyena(8, 16)
    expected = mixer.filters(16)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(mixer.filters(16), expected)
