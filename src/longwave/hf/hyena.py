"""Hyena language models of HazyResearch/safari as models of Longwave."""

# Shapes: D width, N order, S short taps, F hidden width, E positional features, L length, C filters = D (N-1)

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from longwave.errors import CheckpointError
from longwave.hf.released import ReleasedWeights, linear
from longwave.mixers.filters import FilterConfig, decay_rates
from longwave.models import LanguageModelConfig

__all__ = ["convert_hyena"]


def convert_hyena(
    tensors: Mapping[str, Tensor],
    *,
    modulate: bool,
    vocab_size: int | None = None,
    shift: float = 0.0,
    normalize: Literal["channels"] | None = None,
) -> tuple[LanguageModelConfig, dict[str, Tensor]]:
    """Turn a state dict of safari's Hyena language model into a configuration and a state dict of Longwave.

    Sizes, order and filter network are read from the shapes.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        As ``read_state_dict`` returns them.
    modulate : bool
        Whether filters are multiplied by a decaying window. The tensors do not say, so you must: the released
        153 M model of 150 billion tokens is evaluated without (``modulate: False``).
    vocab_size : int, optional
        Number of tokens, 50257 for GPT-2's; default: all rows of the embedding, padding included.
    shift : float
        Added to the window.
    normalize : {"channels"}, optional
        Set it if the checkpoint was trained with ``normalized: True``.

    Returns
    -------
    LanguageModelConfig
    dict of Tensor
        For ``LanguageModel(config).load_state_dict``; the tensors keep their type.

    Raises
    ------
    CheckpointError
        If tensors are missing, left over or of unexpected shapes.

    Notes
    -----
    Positional features are kept as trained values, whether or not they were trained. The windows' rates
    become trained values only where they are not those of the defaults. Settings that change what is computed
    but leave no trace in the tensors (``inner_factor``, ``num_blocks``, ``activation``, ``outer_mixing``)
    must have had their defaults.

    References
    ----------
    The parameters' names: HazyResearch/safari, ``src/models/sequence/hyena.py`` and ``long_conv_lm.py``.
    """
    weights = ReleasedWeights(tensors)
    vocab_size, embedding = weights.take_embedding(vocab_size)
    d_model = embedding.shape[1]
    found: dict[str, Tensor] = {"embedding.weight": embedding}
    options: list[dict[str, object]] = []
    max_lengths: set[int] = set()
    for layer in range(weights.n_layers):
        found |= weights.take_block(layer, d_model)
        mixer, sizes, max_length = _convert_mixer(weights, layer, d_model)
        found |= mixer
        options.append(sizes)
        max_lengths.add(max_length)
    found |= weights.take_last_norm(d_model)
    weights.finish()
    if len(max_lengths) > 1 or any(sizes != options[0] for sizes in options):
        raise CheckpointError(
            f"The layers differ (lengths {sorted(max_lengths)}, options {options}), but in a Hyena model "
            "they are equal. Give an unchanged checkpoint."
        )
    filter_options = {**options[0], "modulate": modulate, "shift": shift, "normalize": normalize}
    order = filter_options.pop("order")
    short_kernel_size = filter_options.pop("short_kernel_size")
    config = LanguageModelConfig(
        vocab_size=vocab_size,
        d_model=d_model,
        n_layers=weights.n_layers,
        max_length=max_lengths.pop(),
        d_mlp=found["blocks.0.mlp.up.weight"].shape[0],
        mixer="hyena",
        mixer_options={"order": order, "short_kernel_size": short_kernel_size, "filter": filter_options},
    )
    return config, found


def _convert_mixer(
    weights: ReleasedWeights, layer: int, d_model: int
) -> tuple[dict[str, Tensor], dict[str, object], int]:
    """Return a layer's tensors, its options (of the mixer and of its filter) and its longest sequence."""
    old, new = f"backbone.layers.{layer}.mixer.", f"blocks.{layer}.mixer."
    short = weights.take(
        f"{old}short_filter.weight", -1, 1, -1
    )  # ((N+1) D, 1, S), its last tap is the present
    n_projections = short.shape[0] // d_model
    if short.shape[0] % d_model or n_projections < 3:
        raise CheckpointError(
            f'"{old}short_filter.weight" has {short.shape[0]} channels, which is no order of 2 or more at '
            f"width {d_model}. Only checkpoints with num_heads=1 and inner_factor=1 exist."
        )
    order = n_projections - 1
    skip = weights.take(f"{old}filter_fn.bias", d_model * (order - 1))
    filter_tensors, options, max_length = _convert_filter(weights, f"{old}filter_fn.", d_model * (order - 1))
    found = {
        **linear(weights, f"{old}in_proj", f"{new}in_proj", n_projections * d_model, d_model),
        f"{new}short_weight": short[:, 0].flip(-1).contiguous(),
        f"{new}short_bias": weights.take(f"{old}short_filter.bias", n_projections * d_model),
        # channels vary slowly and steps fast, there; here a row is a step
        f"{new}skip": skip.view(d_model, order - 1).t().contiguous(),
        **{f"{new}filter.{name}": tensor for name, tensor in filter_tensors.items()},
        **linear(weights, f"{old}out_proj", f"{new}out_proj", d_model, d_model),
    }
    return found, {"order": order, "short_kernel_size": short.shape[2], **options}, max_length


def _convert_filter(
    weights: ReleasedWeights, old: str, n_filters: int
) -> tuple[dict[str, Tensor], dict[str, object], int]:
    positions = weights.take(f"{old}pos_emb.z", 1, -1, -1)[0]  # (L, E)
    max_length, d_position = positions.shape
    weights.take(f"{old}pos_emb.t", 1, max_length, 1)  # evenly spaced times, computed here
    frequency = weights.take(f"{old}implicit_filter.1.freq", 1, -1)[0]
    width = frequency.shape[0]
    found = {"positions": positions, "frequency": frequency}
    d_in, n_linear = d_position, 0
    while weights.has(f"{old}implicit_filter.{2 * n_linear}.bias"):
        place = f"{old}implicit_filter.{2 * n_linear}"
        found[f"hidden_weights.{n_linear}"] = weights.take(f"{place}.weight", width, d_in)
        found[f"hidden_biases.{n_linear}"] = weights.take(f"{place}.bias", width)
        _check_shared(weights, f"{old}implicit_filter.{2 * n_linear + 1}.freq", frequency)
        d_in, n_linear = width, n_linear + 1
    found["out_weight"] = weights.take(f"{old}implicit_filter.{2 * n_linear}.weight", n_filters, width)
    rates = weights.take(f"{old}modulation.deltas", 1, 1, n_filters)[0, 0].abs()  # kept negative there
    usual = decay_rates(n_filters, FilterConfig())
    has_usual_rates = torch.allclose(rates.float(), usual, rtol=1e-4)
    if not has_usual_rates:
        found["decay"] = rates
    options: dict[str, object] = {
        "d_hidden": width,
        "d_position": d_position,
        "n_inner": n_linear - 1,
        "lr": None,
        "position_lr": None,
        "decay_lr": 0.0 if has_usual_rates else None,
    }
    return found, options, max_length


def _check_shared(weights: ReleasedWeights, name: str, frequency: Tensor) -> None:
    """Take a further name of the frequencies that all sines share."""
    if weights.has(name) and not torch.equal(weights.take(name, 1, frequency.shape[0])[0], frequency):
        raise CheckpointError(
            f'"{name}" differs from the first layer\'s, but all sines share their frequencies. '
            "Give an unchanged checkpoint."
        )
