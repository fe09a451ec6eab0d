from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from longwave.errors import ConfigError
from longwave.mixers import Mixer
from longwave.models import LanguageModel, LanguageModelConfig

Tiny = Callable[..., LanguageModelConfig]


def settings_of(model: LanguageModel) -> dict[str, tuple[float, float]]:
    """Return learning rate and weight decay of every parameter by name."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in model.optimizer_groups(lr=0.5, weight_decay=0.1)
        for parameter in group["params"]
    }


def test_every_parameter_is_in_exactly_one_group(kind: str, tiny: Tiny) -> None:
    model = LanguageModel(tiny(kind))
    grouped = [p for group in model.optimizer_groups(lr=0.5, weight_decay=0.1) for p in group["params"]]
    assert len(grouped) == len({id(p) for p in grouped})
    assert {id(p) for p in grouped} == {id(p) for p in model.parameters()}


def test_groups_differ_in_their_settings(kind: str, tiny: Tiny) -> None:
    groups = LanguageModel(tiny(kind)).optimizer_groups(lr=0.5, weight_decay=0.1)
    settings = [(group["lr"], group["weight_decay"]) for group in groups]
    assert len(settings) == len(set(settings))


def test_embedding_norms_and_biases_are_not_decayed(kind: str, tiny: Tiny) -> None:
    model = LanguageModel(tiny(kind))
    settings = settings_of(model)
    bare = {
        f"{prefix}.{name}".strip(".")
        for prefix, module in model.named_modules()
        for name, _ in module.named_parameters(recurse=False)
        if isinstance(module, nn.Embedding | nn.LayerNorm) or name == "bias"
    }
    assert {settings[name][1] for name in bare} == {0.0}


def test_matrices_of_the_mlp_are_decayed_at_the_base_rate(tiny: Tiny) -> None:
    settings = settings_of(LanguageModel(tiny()))
    assert settings["blocks.0.mlp.up.weight"] == settings["blocks.1.mlp.down.weight"] == (0.5, 0.1)


def test_what_a_mixer_asks_for_goes_first(kind: str, tiny: Tiny) -> None:
    model = LanguageModel(tiny(kind))
    settings = settings_of(model)
    asked = {
        f"blocks.{i}.mixer.{name}": (options.get("lr", settings[f"blocks.{i}.mixer.{name}"][0]), options)
        for i, block in enumerate(model.blocks)
        for name, options in block.mixer.parameter_options().items()
    }
    assert all(
        settings[name] == (lr, options.get("weight_decay", settings[name][1]))
        for name, (lr, options) in asked.items()
    )


def test_implicit_filters_and_skips_are_not_decayed(tiny: Tiny) -> None:
    model = LanguageModel(tiny("hyena"))
    matrices = {name for name, (_, decay) in settings_of(model).items() if decay and ".mixer." in name}
    decayed = {name.partition("mixer.")[2] for name in matrices}
    assert not any("filter" in name or "skip" in name for name in decayed)
    assert len(matrices) >= 2 * model.config.n_layers  # projections in and out


def test_torch_optimisers_take_the_groups(tiny: Tiny, ids: torch.Tensor) -> None:
    model = LanguageModel(tiny())
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = torch.optim.AdamW(model.optimizer_groups(lr=0.01, weight_decay=0.1))
    model(ids).square().mean().backward()
    optimizer.step()
    assert all(not torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("options", [{"nothing": {"lr": 1.0}}, {"w": {"momentum": 1.0}}], ids=["name", "key"])
def test_options_that_no_parameter_can_take_are_refused(
    tiny: Tiny, options: dict[str, dict[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LanguageModel(tiny())
    mixer = model.blocks[0].mixer
    assert isinstance(mixer, Mixer)
    mixer.register_parameter("w", nn.Parameter(torch.ones(2, 2)))
    monkeypatch.setattr(type(mixer), "parameter_options", lambda _: options)
    with pytest.raises(
        ConfigError, match=r'parameter_options names .*; it takes "lr", "max_lr" and "weight_decay"'
    ):
        model.optimizer_groups(lr=0.5, weight_decay=0.1)


@pytest.mark.parametrize(("base", "expected"), [(0.5, 1e-3), (6e-4, 6e-4)], ids=["above", "below"])
def test_a_bound_of_the_learning_rate_holds_from_above_only(tiny: Tiny, base: float, expected: float) -> None:
    model = LanguageModel(tiny("hyena", mixer="s4d", mixer_options={}))
    rates = {
        id(p): group["lr"]
        for group in model.optimizer_groups(lr=base, weight_decay=0.1)
        for p in group["params"]
    }
    bounded, free = (model.get_parameter(f"blocks.0.mixer.{name}") for name in ("log_dt", "C"))
    assert (rates[id(bounded)], rates[id(free)]) == (expected, base)
