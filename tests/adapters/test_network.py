"""The adapter: its size, its start, and cosines by narrow products."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from longwave.adapters import AdapterConfig
from longwave.adapters.network import AdapterNet, pick_rows
from longwave.errors import ConfigError

CONFIGS = [
    AdapterConfig(hidden=5),
    AdapterConfig(hidden=5, mix=0.2),
    AdapterConfig(hidden=5, batchnorm=False),
    AdapterConfig(hidden=1),
]
IDS = ["plain", "mixed", "gelu", "one-unit"]


def _net(config: AdapterConfig, width: int, seed: int = 3) -> AdapterNet:
    return AdapterNet(width, config, torch.Generator().manual_seed(seed)).double()


def _points(n: int, width: int, generator: torch.Generator) -> Tensor:
    return torch.randn(n, width, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("is_training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_cosines_are_those_of_the_outputs(
    config: AdapterConfig, is_training: bool, generator: torch.Generator
) -> None:
    net = _net(config, 7).train(is_training)
    x, rows = _points(11, 7, generator), torch.tensor([3, 0, 3])
    z = F.normalize(net(x), dim=1)
    torch.testing.assert_close(net.cosines(x, rows), z[rows] @ z.T, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("config", CONFIGS, ids=IDS)
def test_cosines_have_the_gradients_of_the_outputs(config: AdapterConfig, generator: torch.Generator) -> None:
    x, rows = _points(11, 7, generator), torch.tensor([3, 0, 3])
    weights = torch.randn(3, 11, generator=generator, dtype=torch.float64)
    fast, slow = _net(config, 7), _net(config, 7)
    (fast.cosines(x, rows) * weights).sum().backward()
    z = F.normalize(slow(x), dim=1)
    ((z[rows] @ z.T) * weights).sum().backward()
    for ours, theirs in zip(fast.parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-8, atol=1e-9)


def test_the_published_size_has_the_published_number_of_parameters() -> None:
    net = AdapterNet(1024, AdapterConfig(), torch.Generator())
    assert sum(parameter.numel() for parameter in net.parameters()) == 263_424


def test_the_start_depends_on_the_generator_alone() -> None:
    torch.manual_seed(0)
    first = _net(AdapterConfig(hidden=4), 6).state_dict()
    torch.manual_seed(1)
    second = _net(AdapterConfig(hidden=4), 6).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_half_and_half_is_the_residual_connection(generator: torch.Generator) -> None:
    plain, mixed = _net(AdapterConfig(hidden=4), 6).eval(), _net(AdapterConfig(hidden=4, mix=0.5), 6).eval()
    x = F.normalize(_points(5, 6, generator), dim=1)
    torch.testing.assert_close(F.normalize(mixed(x), dim=1), F.normalize(plain(x) + x, dim=1))


def test_logits_are_cosines_times_the_temperature(generator: torch.Generator) -> None:
    net = _net(AdapterConfig(hidden=4, temperature=7.0), 6).eval()
    x, q = _points(5, 6, generator), F.normalize(_points(3, 6, generator), dim=1)
    torch.testing.assert_close(net.logits(x, q), 7 * F.cosine_similarity(net(x)[:, None], q[None], dim=2))


def test_one_point_passes_in_training_by_the_running_statistics(generator: torch.Generator) -> None:
    net = _net(AdapterConfig(hidden=4), 6)
    x = _points(1, 6, generator)
    torch.testing.assert_close(net.train()(x), net.eval()(x))


def test_rows_picked_by_a_product_are_the_rows(generator: torch.Generator) -> None:
    x, rows = _points(6, 3, generator), torch.tensor([5, 0, 5])
    one_hot = F.one_hot(rows, 6).double() @ x
    torch.testing.assert_close(pick_rows(x, rows), one_hot, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"hidden": 0}, "hidden is 0"),
        ({"mix": 0.0}, "mix is 0.0"),
        ({"temperature": 0.0}, "temperature is 0.0"),
    ],
    ids=["hidden", "mix", "temperature"],
)
def test_settings_out_of_range_are_refused(setting: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AdapterConfig(**setting)  # type: ignore[arg-type]
