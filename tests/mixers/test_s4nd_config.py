"""The kernels of S4ND in a configuration: every setting arrives."""

from __future__ import annotations

import torch

from longwave.config import load_config, to_dict
from longwave.mixers import S4NDConfig

H = 4


def test_a_config_says_all_of_the_kernels():
    config = S4NDConfig(
        kernel="s4d-inv",
        d_state=6,
        n_ssm=2,
        dt=((0.2, 0.3), (0.5, 0.5)),
        rule="bilinear",
        rank=2,
        bandlimit=(None, 0.5),
        bidirectional=(False, True),
        ssm_lr=1e-4,
    )
    layer = config.build(H, 2, channels=2, l_max=(7, 8), out="linear", dropout=0.25)
    assert (layer.rank, layer.bandlimit, layer.ssm_lr) == (2, (None, 0.5), 1e-4)
    assert (layer.channels, layer.l_max, layer.gated, layer.dropout) == (2, (7, 8), False, 0.25)
    first, second = layer.axes
    assert (first.bidirectional, second.bidirectional) == (False, True)
    assert (first.kernel, first.rule, tuple(first.A_imag.shape)) == ("s4d-inv", "bilinear", (2, 3))
    assert 0.2 <= first.log_dt.exp().min() <= first.log_dt.exp().max() <= 0.3
    torch.testing.assert_close(second.log_dt.exp(), torch.full((H,), 0.5))


def test_the_rate_of_learning_can_be_set():
    layer = S4NDConfig(ssm_lr=None).build(H, 2)
    assert layer.parameter_options()["axes.0.log_dt"] == {"weight_decay": 0.0}


def test_a_configuration_with_settings_of_each_axis_survives_a_file():
    config = S4NDConfig(kernel=("s4d-lin", "s4"), dt=((0.1, 0.2), (1.0, 1.0)), bandlimit=(None, 0.5))
    assert load_config(S4NDConfig, to_dict(config)) == config
