"""Sort a model's parameters into groups of equal learning rate and weight decay."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypedDict

from torch import nn

from longwave.errors import ConfigError
from longwave.mixers import S4ND, Mixer

__all__ = ["ParameterGroup", "parameter_groups"]

OPTIONS = ("lr", "max_lr", "weight_decay")  # that a mixer may set


class ParameterGroup(TypedDict):
    """One group as ``torch.optim`` takes it."""

    params: list[nn.Parameter]
    lr: float
    weight_decay: float


def parameter_groups(model: nn.Module, *, lr: float, weight_decay: float) -> list[ParameterGroup]:
    """Put every parameter of a model into exactly one group; shared parameters are counted once."""
    options = dict(_mixer_options(model))
    undecayed = {
        id(parameter)
        for module in model.modules()
        if isinstance(module, nn.Embedding | nn.LayerNorm)
        for parameter in module.parameters(recurse=False)
    }
    groups: dict[tuple[float, float], ParameterGroup] = {}
    for name, parameter in model.named_parameters():
        is_decayed = parameter.ndim > 1 and id(parameter) not in undecayed
        chosen = {"lr": lr, "weight_decay": weight_decay if is_decayed else 0.0} | options.get(name, {})
        key = (min(chosen["lr"], chosen.get("max_lr", math.inf)), chosen["weight_decay"])
        empty: ParameterGroup = {"params": [], "lr": key[0], "weight_decay": key[1]}
        groups.setdefault(key, empty)["params"].append(parameter)
    return list(groups.values())


def _mixer_options(model: nn.Module) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the exceptions that mixers ask for, by the parameter's full name."""
    for prefix, module in model.named_modules():
        if not isinstance(module, Mixer | S4ND):
            continue
        known = dict(module.named_parameters(remove_duplicate=False))
        for name, options in module.parameter_options().items():
            if name not in known or not options.keys() <= set(OPTIONS):
                raise ConfigError(
                    f'{type(module).__name__}.parameter_options names "{name}" with {sorted(options)}; '
                    'it takes "lr", "max_lr" and "weight_decay" of the mixer\'s own parameters '
                    f"({', '.join(known)}). Correct the mixer."
                )
            yield f"{prefix}.{name}" if prefix else name, options
