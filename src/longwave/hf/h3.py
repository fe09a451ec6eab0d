"""Released H3 language models (HazyResearch/H3) as models of Longwave."""

# Shapes: D width, H heads, M states of the shift, N stored modes of a diagonal state space

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from longwave.errors import CheckpointError, ConfigError
from longwave.hf.released import ReleasedWeights, linear
from longwave.models import LanguageModelConfig

__all__ = ["convert_h3"]


def convert_h3(
    tensors: Mapping[str, Tensor],
    *,
    attention_layers: Sequence[int],
    n_heads: int,
    vocab_size: int | None = None,
    max_length: int = 2048,
    rotary_dim: int = 0,
) -> tuple[LanguageModelConfig, dict[str, Tensor]]:
    """Turn a state dict of H3's language model into a configuration and a state dict of Longwave.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        As ``read_state_dict`` returns them.
    attention_layers : sequence of int
        Layers of attention, counted from 0, as they stand on the release's page. They follow no rule: the
        released 125 M model has (6,), those of 355 M and 1.3 B (8, 16), and 2.7 B has (8, 16, 24).
    n_heads : int
        Heads of those layers: 12, 16, 16 and 20. The tensors do not say.
    vocab_size : int, optional
        Number of tokens, 50257 for GPT-2's; default: all rows of the embedding, padding included.
    max_length : int
        Longest text to read. H3 has no limit; the models were trained at 2048.
    rotary_dim : int
        Channels of a head that are rotated by positions, the first ones; 0 for none, 64 for the 2.7 B model
        with two layers of attention.

    Returns
    -------
    LanguageModelConfig
    dict of Tensor
        For ``LanguageModel(config).load_state_dict``; the tensors keep their type.

    Raises
    ------
    CheckpointError
        If tensors are missing, left over or of unexpected shapes.
    ConfigError
        If ``n_heads`` does not divide the width, or ``rotary_dim`` is no even number within a head.

    Notes
    -----
    Heads of H3 itself are of width one in every release; wider ones are refused, because two orders of their
    channels exist and the tensors do not say which one they were trained in.

    References
    ----------
    The parameters' names: HazyResearch/H3, ``src/models/ssm/h3.py`` and ``ssm_seq.py``.
    """
    weights = ReleasedWeights(tensors)
    vocab_size, embedding = weights.take_embedding(vocab_size)
    d_model = embedding.shape[1]
    attention_options = _attention_options(rotary_dim, d_model, n_heads)
    found = {"embedding.weight": embedding}
    for layer in range(weights.n_layers):
        found |= weights.take_block(layer, d_model)
        found |= _convert_mixer(weights, layer, d_model, is_attention=layer in attention_layers)
    found |= weights.take_last_norm(d_model)
    weights.finish()
    config = LanguageModelConfig(
        vocab_size=vocab_size,
        d_model=d_model,
        n_layers=weights.n_layers,
        max_length=max_length,
        d_mlp=found["blocks.0.mlp.up.weight"].shape[0],
        mixer="h3",
        mixer_options={**_state_sizes(found), "train_b": True},
        attention_layers=tuple(attention_layers),
        attention_options=attention_options,
    )
    return config, found


def _convert_mixer(
    weights: ReleasedWeights, layer: int, d_model: int, *, is_attention: bool
) -> dict[str, Tensor]:
    _check_kind(weights, layer, is_attention)
    if is_attention:
        return _convert_attention(weights, layer, d_model)
    return _convert_h3(weights, layer, d_model)


def _state_sizes(found: Mapping[str, Tensor]) -> dict[str, object]:
    """Return the sizes of the state spaces, which all layers share."""
    shift = {tensor.shape[1] for name, tensor in found.items() if name.endswith("shift_kernel.C")}
    modes = {tensor.shape[1] for name, tensor in found.items() if name.endswith("memory_kernel.C")}
    if len(shift) != 1 or len(modes) != 1:
        raise CheckpointError(
            f"The layers have state spaces of {sorted(shift)} shifted steps and {sorted(modes)} modes, but "
            "those of an H3 model are equal. Give an unchanged checkpoint with at least one layer of H3."
        )
    return {"d_state": 2 * modes.pop(), "shift_state": shift.pop()}


def _convert_h3(weights: ReleasedWeights, layer: int, d_model: int) -> dict[str, Tensor]:
    old, new = f"backbone.layers.{layer}.mixer.", f"blocks.{layer}.mixer."
    shift, memory = f"{old}ssm_k_kernel.kernel.", f"{old}kernel.kernel."
    in_proj = _take_projections(weights, old, d_model)
    read_out = weights.take(f"{shift}C", 1, d_model, -1)[0]  # (D, M)
    memory_skip = weights.take(f"{old}D", -1)
    if memory_skip.shape[0] != d_model:
        raise CheckpointError(
            f'"{old}D" has {memory_skip.shape[0]} heads for a width of {d_model}, so heads are wider than '
            "one, and their channels may be in either of two orders. Only heads of width one are converted."
        )
    modes = weights.take(f"{memory}C", 1, d_model, -1, 2)[0]  # (H, N, 2)
    shape = (d_model, modes.shape[1])
    found = {
        "in_proj.weight": in_proj[0],
        "in_proj.bias": in_proj[1],
        "shift_kernel.C": read_out,
        "shift_kernel.B": weights.take(f"{shift}B", *read_out.shape),
        "shift_skip": weights.take(f"{old}ssm_k_D", d_model),
        "memory_kernel.log_decay": _of_every_head(weights.take(f"{memory}inv_A_real", -1, shape[1]), d_model),
        "memory_kernel.frequency": _of_every_head(weights.take(f"{memory}A_imag", -1, shape[1]), d_model),
        "memory_kernel.B": _of_every_head(weights.take(f"{memory}B", -1, shape[1], 2), d_model),
        "memory_kernel.C": modes,
        "memory_kernel.log_dt": weights.take(f"{memory}log_dt", d_model),
        "memory_skip": memory_skip,
    }
    out = "output_linear" if weights.has(f"{old}output_linear.weight") else "out_proj"
    return {f"{new}{name}": tensor for name, tensor in found.items()} | linear(
        weights, f"{old}{out}", f"{new}out_proj", d_model, d_model
    )


def _convert_attention(weights: ReleasedWeights, layer: int, d_model: int) -> dict[str, Tensor]:
    old, new = f"backbone.layers.{layer}.mixer.", f"blocks.{layer}.mixer."
    for table in ("inv_freq", "scale"):  # of rotations, computed here
        if weights.has(f"{old}rotary_emb.{table}"):
            weights.take(f"{old}rotary_emb.{table}", -1)
    return {
        **linear(weights, f"{old}Wqkv", f"{new}in_proj", 3 * d_model, d_model),
        **linear(weights, f"{old}out_proj", f"{new}out_proj", d_model, d_model),
    }


def _take_projections(weights: ReleasedWeights, old: str, d_model: int) -> tuple[Tensor, Tensor]:
    """Take query, key and value projections: three layers, or one in releases of safari."""
    if weights.has(f"{old}Wqkv.weight"):
        joint = linear(weights, f"{old}Wqkv", "", 3 * d_model, d_model)
        return joint[".weight"], joint[".bias"]
    parts = [linear(weights, f"{old}{name}_proj", "", d_model, d_model) for name in "qkv"]
    return torch.cat([part[".weight"] for part in parts]), torch.cat([part[".bias"] for part in parts])


def _of_every_head(tensor: Tensor, n_heads: int) -> Tensor:
    """Repeat what heads share: head ``c + r t`` of ``t`` copies has copy ``c``."""
    copies = tensor.shape[0]
    if not copies or n_heads % copies:
        raise CheckpointError(
            f"A state space comes in {copies} copies, which cannot be shared by {n_heads} heads. "
            "Give an unchanged checkpoint."
        )
    return tensor.repeat(n_heads // copies, *[1] * (tensor.ndim - 1))


def _check_kind(weights: ReleasedWeights, layer: int, is_attention: bool) -> None:
    if weights.has(f"backbone.layers.{layer}.mixer.ssm_k_D") == is_attention:
        wanted, there = ("attention", "H3") if is_attention else ("H3", "attention")
        raise CheckpointError(
            f"Layer {layer} should be {wanted} by attention_layers, but its tensors are those of {there}. "
            "Give the attention_layers of this release."
        )


def _attention_options(rotary_dim: int, d_model: int, n_heads: int) -> dict[str, object]:
    if n_heads < 1 or d_model % n_heads:
        raise ConfigError(
            f"n_heads is {n_heads}, which does not divide the width {d_model}. Choose a divisor."
        )
    if rotary_dim % 2 or not 0 <= rotary_dim <= d_model // n_heads:
        raise ConfigError(
            f"rotary_dim is {rotary_dim}, but heads have {d_model // n_heads} channels; give an even number "
            "of them, or 0."
        )
    if rotary_dim == 0:
        return {"n_heads": n_heads, "rotary": False}
    return {"n_heads": n_heads, "rotary": True, "rotary_dim": rotary_dim}
