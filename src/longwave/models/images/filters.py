"""The filters of a model's S4ND layers on a grid, as arrays to look at."""

# Shapes: C channels, k kernels, D axes, L points of an axis of a layer's input

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from longwave.errors import ConfigError
from longwave.mixers import S4ND
from longwave.mixers.s4nd_settings import check_rates
from longwave.models.images.classifier import Classifier

__all__ = ["SampledFilter", "sample_filters"]

MOST_AXES = 3  # of a layer; a picture has two


@dataclass(frozen=True, kw_only=True)
class SampledFilter:
    """Some kernels of one layer, sampled where the points of its input are.

    Parameters
    ----------
    layer : str
        Name of the layer in the model.
    values : ndarray, shape (k, 2 L) or (k, 2 L_1, 2 L_2), float32
        By lag, as ``S4ND.kernel`` has them; an axis that looks back only has L points. Of three axes the
        first one is cut at lag 0.
    rate : tuple of float
        Distance between points of each axis that is left, as a multiple of the base resolution's.
    bandlimit : tuple of float or None
        Of each axis that is left.
    """

    layer: str
    values: NDArray[np.float32]
    rate: tuple[float, ...]
    bandlimit: tuple[float | None, ...]


def sample_filters(
    model: Classifier, sizes: Sequence[int], rate: float | Sequence[float] = 1.0, *, n_kernels: int = 8
) -> tuple[SampledFilter, ...]:
    """Sample the kernels of the first and the last S4ND layer of a model on a grid.

    Parameters
    ----------
    model : Classifier
        Or any module called as one, with ``config.in_channels``.
    sizes : sequence of int
        Points of each axis of the model's input.
    rate : float, or sequence of float
        As in the model's ``forward``.
    n_kernels : int
        Kernels of a layer, the first ones, so that every grid shows the same; of layers with a kernel for
        each pair of channels those of the first output channel come first.

    Returns
    -------
    tuple of SampledFilter
        Two, one for a model with a single such layer, none for a model without.

    Raises
    ------
    ConfigError
        If ``n_kernels`` is below 1, or as the model raises it for the rate.
    ShapeError
        If the model cannot read this grid.

    Notes
    -----
    One empty image goes through the model, in evaluation: so every layer tells the grid and the rate that it
    is given behind strides and pools. Modules are left in the mode they were in.
    """
    if n_kernels < 1:
        raise ConfigError(f"n_kernels is {n_kernels}; it must be at least 1. Give a positive whole number.")
    layers = [(name, module) for name, module in model.named_modules() if isinstance(module, S4ND)]
    chosen = layers if len(layers) < 2 else [layers[0], layers[-1]]
    if not chosen:
        return ()
    with torch.no_grad():
        seen = _watch(model, [layer for _, layer in chosen], sizes, rate)
        return tuple(_sample(name, layer, *seen[layer], n_kernels) for name, layer in chosen if layer in seen)


Call = tuple[tuple[int, ...], tuple[float, ...]]


def _watch(
    model: Classifier, layers: Sequence[S4ND], sizes: Sequence[int], rate: float | Sequence[float]
) -> dict[nn.Module, Call]:
    """Send an empty image through the model, and tell on which grid and at which rate layers were called."""
    seen: dict[nn.Module, Call] = {}

    def note(layer: nn.Module, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        signal, told = args[0], args[1] if len(args) > 1 else options.get("rate", 1.0)
        seen[layer] = (tuple(signal.shape[2:]), check_rates(told, signal.dim() - 2))

    first = next(model.parameters())
    image = torch.zeros(1, model.config.in_channels, *sizes, dtype=first.dtype, device=first.device)
    hooks = [layer.register_forward_pre_hook(note, with_kwargs=True) for layer in layers]
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        model(image, rate=rate)
    finally:
        for hook in hooks:
            hook.remove()
        for module, was_training in modes.items():
            module.training = was_training
    return seen


def _sample(
    name: str, layer: S4ND, sizes: tuple[int, ...], rate: tuple[float, ...], n_kernels: int
) -> SampledFilter:
    values, bandlimit = layer.kernel(sizes, rate), tuple(layer.bandlimit)
    if layer.out_channels is not None:
        values = values.flatten(0, 1)  # (O, H, ...) to one kernel a pair
    values = values[:n_kernels]
    if layer.dim == MOST_AXES:
        present = values.shape[1] // 2 if layer.axes[0].bidirectional else 0
        values, rate, bandlimit = values[:, present], rate[1:], bandlimit[1:]
    return SampledFilter(layer=name, values=values.float().cpu().numpy(), rate=rate, bandlimit=bandlimit)
