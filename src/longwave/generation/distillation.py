"""Distil the long filters of a trained Hyena model, so that it decodes from a state of fixed size."""

# Shapes: L length, V vocabulary

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.generation.modal_fit import ModalFit, fit_modes
from longwave.mixers import Hyena

__all__ = ["DistillReport", "Distillable", "FilterReport", "distill", "perplexity"]


class Distillable(Protocol):
    """What distillation needs of a model; a language model of Longwave is one.

    ``type(model)(config)`` must build a model of the same kind, whose ``blocks`` hold a ``mixer`` each and
    whose configuration holds ``mixer`` and ``mixer_options``.
    """

    @property
    def config(self) -> Any:
        """Configuration of the model."""
        ...

    @property
    def max_length(self) -> int:
        """Most tokens the model can read."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        ...

    @property
    def blocks(self) -> nn.ModuleList:
        """The layers."""
        ...

    def __call__(self, ids: Tensor, /) -> Tensor:
        """Return the logits (B, L, V) of ids (B, L)."""
        ...


ModelT = TypeVar("ModelT", bound=Distillable)


@dataclass(frozen=True, kw_only=True)
class FilterReport:
    """How well one filter was distilled.

    Parameters
    ----------
    layer, filter : int
        Where it is, counted from 0; ``filter`` counts the rows of ``Hyena.filter``.
    order : int
        Modes used; a pair of conjugate poles counts as one.
    l1_error : float
        ``sum |h - h^|``: an output of the convolution is off by at most this times the largest input.
    l1_share : float
        ``l1_error`` over ``sum |h|``.
    l2_share : float
        ``||h - h^||_2 / ||h||_2``.
    hankel_tail : float
        ``sigma_(d+1) / sigma_1`` of the filter's Hankel matrix at the poles used: small where so few suffice.
    """

    layer: int
    filter: int
    order: int
    l1_error: float
    l1_share: float
    l2_share: float
    hankel_tail: float


@dataclass(frozen=True, kw_only=True)
class DistillReport:
    """What distillation did.

    Parameters
    ----------
    order : int
        Modes of every filter of the distilled model, the largest any of them needed.
    state_numbers : int
        Real numbers that all long convolutions remember a sequence, ``2 order`` a channel, instead of all
        inputs.
    filters : tuple of FilterReport
    """

    order: int
    state_numbers: int
    filters: tuple[FilterReport, ...]


def distill(
    model: ModelT,
    *,
    order: int | None = None,
    tolerance: float = 1e-2,
    max_order: int = 64,
    steps: int = 200,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ModelT, DistillReport]:
    """Replace the long filters of a Hyena model by sums of decaying oscillations.

    Parameters
    ----------
    model : LanguageModel
        With Hyena layers, possibly among others; left as it is.
    order : int, optional
        Modes a filter; default: what the tolerance asks for.
    tolerance : float
        See ``fit_modes``.
    max_order : int
        Modes that the tolerance may ask for at most.
    steps : int
        Of the optimiser, for every layer.
    progress : callable, optional
        Called as ``progress(done, total)`` over the optimiser's steps of all layers.

    Returns
    -------
    model : LanguageModel
        A copy in evaluation mode whose Hyena layers have ``filter: {kind: modal, order: N}``: it saves, loads
        and trains as any other and decodes recurrently.
    report : DistillReport

    Raises
    ------
    ConfigError
        If no layer is a Hyena, its filters have a fixed memory already, or a setting is out of range.
    ShapeError
        If the model reads fewer than 4 tokens.

    Notes
    -----
    An approximation: look at ``report`` and at the change of ``perplexity`` before using the result. Filters
    at the start of training are rough and of high order; distil trained ones. Everything but the filters is
    copied.

    References
    ----------
    arXiv 2310.18780 (Laughing Hyena), section 3.
    """
    layers = [n for n, block in enumerate(model.blocks) if isinstance(block.mixer, Hyena)]
    if not layers:
        raise ConfigError(
            f'The model has no Hyena layer (mixer "{model.config.mixer}"), so no long filter to distil. '
            "Distil a model trained with mixer hyena; others decode from a state already, or keep their past."
        )
    if any(_mixer(model, layer).filter.has_recurrence for layer in layers):
        raise ConfigError(
            f"The filters of this model ({model.config.mixer_options.get('filter')}) decode from a memory of "
            "fixed size already, so there is nothing to distil. Distil a model whose filters are as long as "
            "its texts."
        )
    fits: dict[int, ModalFit] = {}
    for done, layer in enumerate(layers):
        with torch.no_grad():
            taps = _evaluated(_mixer(model, layer).filter, model.max_length)
        fits[layer] = fit_modes(
            taps,
            order=order,
            tolerance=tolerance,
            max_order=max_order,
            steps=steps,
            progress=_shifted(progress, done * steps, len(layers) * steps),
        )
    width = max(fit.filter.config.order for fit in fits.values())
    return _deploy(model, fits, width), _report(model, fits, width)


@torch.no_grad()
def perplexity(model: Distillable, ids: Tensor, *, seq_len: int | None = None) -> float:
    """Return ``exp`` of the mean loss a token over a text, cut into windows.

    Parameters
    ----------
    model : LanguageModel
        Used in the mode it is in.
    ids : Tensor, shape (L,), int64
        At least 2 tokens.
    seq_len : int, optional
        Tokens a window reads; default: the model's ``max_length``.

    Raises
    ------
    ShapeError
        If there are fewer than 2 tokens.
    """
    if ids.dim() != 1 or len(ids) < 2:
        raise ShapeError(
            f"perplexity takes at least 2 ids in one row, not shape {tuple(ids.shape)}. Give more text."
        )
    size = seq_len or model.max_length
    nats = 0.0
    for start in range(0, len(ids) - 1, size):
        window = ids[start : start + size + 1].to(model.device)
        logits = model(window[None, :-1])[0]  # (L, V)
        nats += float(F.cross_entropy(logits.float(), window[1:], reduction="sum"))
    return math.exp(nats / (len(ids) - 1))


def _deploy(model: ModelT, fits: dict[int, ModalFit], width: int) -> ModelT:
    """Build the model with modal filters and copy everything else."""
    module = cast(nn.Module, model)
    options = {**model.config.mixer_options, "filter": {"kind": "modal", "order": width}}
    distilled = cast(Any, type(model))(dataclasses.replace(model.config, mixer_options=options))
    distilled.to(model.device, next(module.parameters()).dtype)
    kept = {name: value for name, value in module.state_dict().items() if ".mixer.filter." not in name}
    distilled.load_state_dict(kept, strict=False)
    with torch.no_grad():
        for layer, fit in fits.items():
            target = _mixer(distilled, layer).filter
            for name, value in fit.filter.named_parameters():
                own: Tensor = getattr(target, name)
                own.zero_()
                own[tuple(slice(0, size) for size in value.shape)] = value.to(own.dtype)
    return cast(ModelT, distilled.eval())


def _report(model: Distillable, fits: dict[int, ModalFit], width: int) -> DistillReport:
    rows = []
    for layer, fit in fits.items():
        columns = (fit.orders, fit.l1_error, fit.l1_norm, fit.l2_error, fit.hankel_tail)
        for number, (order, error, norm, l2, tail) in enumerate(
            zip(*(column.tolist() for column in columns), strict=True)
        ):
            rows.append(
                FilterReport(
                    layer=layer,
                    filter=number,
                    order=order,
                    l1_error=error,
                    l1_share=error / norm if norm else 0.0,
                    l2_share=l2,
                    hankel_tail=tail,
                )
            )
    mixers = [_mixer(model, layer) for layer in fits]
    channels = sum(mixer.d_model * mixer.outer_head_dim * (mixer.order - 1) for mixer in mixers)
    return DistillReport(order=width, state_numbers=2 * width * channels, filters=tuple(rows))


def _mixer(model: Distillable, layer: int) -> Hyena:
    mixer = model.blocks[layer].mixer
    if not isinstance(mixer, Hyena):
        raise ConfigError(f"Layer {layer} is {type(mixer).__name__}, not Hyena. Choose a Hyena layer.")
    return mixer


def _evaluated(filter: nn.Module, length: int) -> Tensor:
    """Return the taps without dropout, and give the filter its mode back."""
    mode = filter.training
    filter.training = False
    try:
        taps: Tensor = filter(length)
    finally:
        filter.training = mode
    return taps


def _shifted(
    progress: Callable[[int, int], None] | None, done: int, total: int
) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda step, _: progress(done + step, total)
