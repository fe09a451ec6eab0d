"""Swapping layers: in any model, in place, with a report."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from longwave.errors import ConfigError, ShapeError
from longwave.mixers import S4ND, S4NDConfig
from longwave.models import S4NDAttention, S4NDConv, replace_layers, s4nd_for_attention, s4nd_for_conv

SMALL = S4NDConfig(d_state=4)


def small_net():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 16, 5, padding=2, groups=8),
        nn.Sequential(nn.BatchNorm2d(16), nn.Conv2d(16, 4, 1)),
    )


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_convolutions_become_s4nd_and_sizes_stay(generator):
    model = small_net()
    x = torch.randn(2, 3, 9, 8, generator=generator)
    before, shape = count(model), model(x).shape
    report = replace_layers(model, nn.Conv2d, s4nd_for_conv(SMALL))
    assert model(x).shape == shape
    assert [layer.name for layer in report.layers] == ["0", "2", "3.1"]
    assert [model[0].conv.out_channels, model[2].conv.channels] == [8, 2]
    assert (report.parameters_before, report.parameters_after) == (before, count(model))
    assert report.layers[0].parameters_before == 3 * 9 * 8 + 8
    assert report.layers[0].parameters_after == count(model[0])
    model(x).sum().backward()


def test_a_report_has_a_line_for_each_layer_and_one_for_all():
    report = replace_layers(small_net(), nn.Conv2d, s4nd_for_conv(SMALL))
    lines = str(report).splitlines()
    assert lines[0].startswith("0: Conv2d (224) -> S4NDConv (")
    assert lines[-1] == f"all parameters: {report.parameters_before:,} -> {report.parameters_after:,}"


def test_a_stride_is_a_mean(generator, tolerance):
    model = nn.Sequential(nn.Conv1d(4, 4, 3, stride=3, groups=4)).double()
    replace_layers(model, nn.Conv1d, s4nd_for_conv(SMALL, l_max=5))
    x = torch.randn(1, 4, 9, generator=generator, dtype=torch.float64)
    expected = model[0].conv(x).unflatten(-1, (3, 3)).mean(-1)
    torch.testing.assert_close(model(x), expected, **tolerance(torch.float64))
    assert model[0].conv.l_max == (5,)


def test_three_axes_and_the_rate(generator):
    model = nn.Sequential(nn.Conv3d(2, 2, 3, padding=1))
    replace_layers(model, nn.Conv3d, s4nd_for_conv(SMALL))
    x = torch.randn(1, 2, 3, 4, 5, generator=generator)
    model[0].rate = (1.0, 2.0, 2.0)
    assert torch.equal(model(x), model[0].conv(x, (1.0, 2.0, 2.0)))


def test_a_match_may_look_at_names_and_a_factory_may_decline():
    model = small_net()
    report = replace_layers(
        model,
        lambda name, layer: isinstance(layer, nn.Conv2d) and "." not in name,
        lambda _, layer: nn.Identity() if layer.groups > 1 else None,
    )
    assert [layer.after for layer in report.layers] == ["Identity"]
    assert isinstance(model[0], nn.Conv2d)
    assert isinstance(model[2], nn.Identity)


def test_a_layer_in_two_places_stays_one_layer():
    layer = nn.Conv2d(4, 4, 3)
    model = nn.ModuleDict({"first": layer, "second": layer})
    report = replace_layers(model, nn.Conv2d, s4nd_for_conv(SMALL))
    assert model["first"] is model["second"]
    assert len(report.layers) == 2
    assert report.parameters_after == count(model["first"])


def test_what_is_inside_a_match_is_left_to_the_factory():
    model = nn.Sequential(nn.Sequential(nn.Conv2d(2, 2, 1)), nn.Conv2d(2, 2, 1))
    report = replace_layers(model, lambda name, _: name == "0", lambda _, __: nn.Identity())
    assert [layer.name for layer in report.layers] == ["0"]


def test_type_and_mode_are_those_of_the_old_layer():
    model = small_net().double().eval()
    replace_layers(model, nn.Conv2d, s4nd_for_conv(SMALL))
    assert not any(module.training for module in model.modules())
    assert {p.dtype for p in model.parameters()} == {torch.float64}


@pytest.mark.parametrize("training", [True, False])
def test_attention_of_torch_encoders(generator, training):
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).train(training)
    report = replace_layers(model, nn.MultiheadAttention, s4nd_for_attention(SMALL))
    assert len(report.layers) == 2
    x = torch.randn(2, 7, 8, generator=generator)
    y = model(x)
    assert y.shape == x.shape
    padded = torch.tensor([[False] * 7, [False] * 4 + [True] * 3])
    x[1, 4:] = 1e3
    masked = model(x, src_key_padding_mask=padded)
    assert masked[1, :4].abs().max() < 10


class Attention(nn.Module):
    """Attention in the manner of timm."""

    def __init__(self, width):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)

    def forward(self, x):
        return self.qkv(x)[..., :8]


def test_attention_that_tells_its_width_by_qkv(generator):
    model = nn.Sequential(Attention(8), nn.LayerNorm(8))
    replace_layers(model, Attention, s4nd_for_attention())
    assert isinstance(model[0].mixer, S4ND)
    assert model[0].mixer.channels == 2
    x = torch.randn(2, 5, 8, generator=generator)
    expected = model[0].mixer(x.mT).mT
    assert torch.equal(model(x), model[1](expected))


def test_attention_of_another_sequence_weights_and_masks_are_refused():
    layer, x = S4NDAttention(S4ND(4, 1), with_weights=True), torch.zeros(1, 3, 4)
    with pytest.raises(ShapeError, match="must be the query itself"):
        layer(x, torch.ones(1, 3, 4), x)
    for options in ({"attn_mask": torch.zeros(3, 3)}, {"is_causal": True}, {"need_weights": True}):
        with pytest.raises(ConfigError, match="no weights and takes no mask of pairs"):
            layer(x, x, x, **options)
    assert layer(x, x, x)[1] is None


@pytest.mark.parametrize(
    ("layer", "factory", "message"),
    [
        (nn.Conv2d(4, 4, 1, groups=2), s4nd_for_conv(), "4 channels in 2 groups"),
        (nn.ConvTranspose2d(4, 4, 1), s4nd_for_conv(), "is a ConvTranspose2d"),
        (nn.MultiheadAttention(4, 1), s4nd_for_attention(), "batch second"),
        (nn.ReLU(), s4nd_for_attention(), "does not tell its width"),
    ],
    ids=["groups", "transposed", "batch-second", "no-width"],
)
def test_layers_that_cannot_be_replaced_are_named(layer, factory, message):
    with pytest.raises(ConfigError, match=f'^"0".*{message}'):
        replace_layers(nn.Sequential(layer), type(layer), factory)


def test_no_match_lists_what_there_is():
    with pytest.raises(ConfigError, match="The model has BatchNorm2d, Conv2d, ReLU, Sequential"):
        replace_layers(small_net(), nn.Conv3d, s4nd_for_conv())


def test_the_model_itself_cannot_be_swapped():
    with pytest.raises(ConfigError, match="The model itself, a Conv2d, matches"):
        replace_layers(nn.Conv2d(1, 1, 1), nn.Conv2d, s4nd_for_conv())


def test_a_convolution_of_s4nd_tells_its_parts():
    layer = S4NDConv(S4ND(2, 1, d_state=2, out=None), (1,))
    assert layer(torch.zeros(1, 2, 4)).shape == (1, 2, 4)
