"""Count the parameters and FLOPs of a configuration without allocating it, and make two of equal size."""

from __future__ import annotations

import dataclasses

import torch

from longwave.errors import ConfigError
from longwave.models.config import LanguageModelConfig
from longwave.models.language import LanguageModel

__all__ = ["count_flops", "count_parameters", "match_parameters"]


def count_parameters(config: LanguageModelConfig) -> int:
    """Count the trained numbers of a model; the shared embedding counts once, its padding included.

    Parameters
    ----------
    config : LanguageModelConfig

    Returns
    -------
    int

    Notes
    -----
    The model is built without memory (torch's meta device), so that any size can be counted.
    """
    return sum(parameter.numel() for parameter in _without_memory(config).parameters())


def count_flops(config: LanguageModelConfig, seq_len: int) -> float:
    """Count the forward FLOPs per token at a sequence length; see ``LanguageModel.flops``.

    Parameters
    ----------
    config : LanguageModelConfig
    seq_len : int

    Returns
    -------
    float
        A multiply-add is two; training costs three times as much.
    """
    return _without_memory(config).flops(seq_len)


def match_parameters(
    config: LanguageModelConfig, target: LanguageModelConfig, *, multiple_of: int = 1
) -> LanguageModelConfig:
    """Give a model the size of another by choosing the width of its MLPs.

    Parameters
    ----------
    config : LanguageModelConfig
        The model to change; depth, width and mixers stay.
    target : LanguageModelConfig
        The model whose parameter count is wanted.
    multiple_of : int
        Choose among multiples of this number; 1 agrees best, 8 is fast on a GPU.

    Returns
    -------
    LanguageModelConfig
        A copy of ``config`` with the ``d_mlp`` that agrees best.

    Raises
    ------
    ConfigError
        If the target is smaller than ``config`` without MLPs.
    """
    wanted = count_parameters(target)
    smallest, next_one = (
        count_parameters(dataclasses.replace(config, d_mlp=n * multiple_of)) for n in (1, 2)
    )
    slope = next_one - smallest
    n = 1 + round((wanted - smallest) / slope)  # the count is linear in d_mlp
    if n < 1:
        raise ConfigError(
            f"The target has {wanted} parameters, but the model has {smallest} with MLPs of width "
            f"{multiple_of}. Lower n_layers or d_model of the model to be matched, or choose a larger target."
        )
    return dataclasses.replace(config, d_mlp=n * multiple_of)


def _without_memory(config: LanguageModelConfig) -> LanguageModel:
    with torch.device("meta"):
        return LanguageModel(config)
