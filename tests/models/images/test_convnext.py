"""ConvNeXt: its formula, its published size, and S4ND in all three places."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from longwave.errors import ConfigError
from longwave.mixers import S4ND, S4NDConfig
from longwave.models.images import ConvNeXt, ConvNeXtConfig

SMALL = {"depths": (1, 1), "widths": (4, 6), "patch": 2, "s4nd": S4NDConfig(d_state=4)}
RATE = (1.0, 1.0)


def build(**changes):
    return ConvNeXt(ConvNeXtConfig(**(SMALL | changes)), 3, 2).eval()


def norm(x, layer):
    return F.layer_norm(x.movedim(1, -1), (x.shape[1],), layer.weight, layer.bias, 1e-6).movedim(-1, 1)


def block(x, layer):
    y = norm(F.conv2d(x, layer.conv.weight, layer.conv.bias, padding=3, groups=x.shape[1]), layer.norm)
    y = F.gelu(F.linear(y.movedim(1, -1), layer.up.weight, layer.up.bias))
    y = F.linear(y, layer.down.weight, layer.down.bias).movedim(-1, 1)
    return x + layer.scale[:, None, None] * y


def test_forward_is_that_of_the_paper(generator):
    model, x = build(), torch.randn(2, 3, 12, 10, generator=generator)
    with torch.no_grad():
        for stage in model.stages:
            stage[0].scale.fill_(0.7)
    h = norm(F.conv2d(x, model.stem.conv.weight, model.stem.conv.bias, stride=2), model.stem.norm)
    h = block(h, model.stages[0][0])
    down = model.downsamples[0]
    h = F.conv2d(norm(h, down.norm), down.conv.weight, down.conv.bias, stride=2)
    h = block(h, model.stages[1][0])
    torch.testing.assert_close(model.features(x, RATE), h)
    expected = F.layer_norm(h.mean((2, 3)), (6,), model.norm.weight, model.norm.bias, 1e-6)
    torch.testing.assert_close(model(x, RATE), expected)


def test_s4nd_stands_in_stem_blocks_and_between_stages(generator):
    model = build(mixer="s4nd", stem="s4nd", downsample="s4nd", stem_channels=5, stem_kernel=3)
    x = torch.randn(2, 3, 12, 10, generator=generator)
    stem = model.stem
    assert (stem.conv.out_channels, stem.conv.l_max, stem.conv.skip) == (5, (3, 3), None)
    y = F.avg_pool2d(stem.conv(x, RATE), 2).movedim(1, -1)
    y = norm(F.glu(F.linear(y, stem.linear.weight, stem.linear.bias), -1).movedim(-1, 1), stem.norm)
    torch.testing.assert_close(stem(x, RATE), y)
    down = model.downsamples[0]
    z = F.avg_pool2d(down.conv(norm(y, down.norm), RATE), 2).movedim(1, -1)
    z = F.glu(F.linear(z, down.linear.weight, down.linear.bias), -1).movedim(-1, 1)
    torch.testing.assert_close(down(y, RATE), z)
    assert all(isinstance(layer[0].conv, S4ND) and layer[0].conv.out_proj is None for layer in model.stages)


def test_blocks_are_dropped_more_the_later_they_are():
    model = build(depths=(2, 1), drop_path=0.5)
    drops = [layer.drop_path.probability for stage in model.stages for layer in stage]
    assert drops == [0.0, 0.25, 0.5]


def test_a_dropped_block_leaves_whole_samples_as_they_were(generator):
    model = build(drop_path=0.5).train()
    layer = model.stages[1][0]
    with torch.no_grad():
        layer.scale.fill_(1.0)
    x = torch.randn(200, 6, 2, 2, generator=generator)
    torch.manual_seed(0)
    added = (layer(x, RATE) - x).flatten(1)
    dropped = (added == 0).all(1)
    assert ((added == 0).any(1) == dropped).all()
    assert 70 < dropped.sum() < 130
    torch.testing.assert_close(added[~dropped], 2 * (layer.eval()(x, RATE) - x).flatten(1)[~dropped])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depths": (1,)}, '"depths" is .* and "widths" is'),
        ({"depths": (), "widths": ()}, '"depths" is'),
        ({"widths": (4, 0)}, '"widths" is'),
        ({"patch": 0}, '"patch" is 0'),
        ({"kernel_size": 4}, "only odd kernels"),
        ({"time_kernel": 2}, "only odd kernels"),
        ({"drop_path": 1.0}, '"drop_path" is 1.0'),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_settings_out_of_range_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        build(**changes)
