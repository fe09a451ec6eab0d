"""Turn logits into the next token: greedy, temperature, top-k and top-p."""

# Shapes: B batch, V vocabulary

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from longwave.errors import ConfigError, DataError

__all__ = ["SamplingConfig", "filter_logits", "keep_top_k", "keep_top_p", "make_generator", "sample_ids"]


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How the next token is drawn.

    Parameters
    ----------
    temperature : float
        Logits are divided by it; 0 takes the most likely token (greedy) and ignores the other settings.
    top_k : int, optional
        Draw from the ``top_k`` most likely tokens only.
    top_p : float, optional
        Draw from the smallest set of most likely tokens whose probabilities sum to at least ``top_p``. With
        ``top_k`` given too, the probabilities are those that remain after it.
    seed : int
        Equal seeds give equal draws on the same device.

    Raises
    ------
    ConfigError
        If a value is out of its range.

    References
    ----------
    Top-k: section 5.4 of arXiv 1805.04833. Top-p: section 3.1 of arXiv 1904.09751.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise ConfigError(
                f'"temperature" is {self.temperature}; it must be a finite number of at least 0. '
                "Use 0 for the most likely token and 1 for the model's own probabilities."
            )
        _check_top_k(self.top_k)
        _check_top_p(self.top_p)
        if not -(1 << 63) <= self.seed < 1 << 64:
            raise ConfigError(f'"seed" is {self.seed}; it must fit into 64 bits. Choose a smaller number.')

    @property
    def is_greedy(self) -> bool:
        """Whether the most likely token is always taken."""
        return self.temperature == 0


def keep_top_k(logits: Tensor, top_k: int) -> Tensor:
    """Set all but the ``top_k`` largest logits to minus infinity.

    Parameters
    ----------
    logits : Tensor, shape (..., V)
    top_k : int
        At least 1; a value above V keeps everything. Exactly ``top_k`` stay, also among equal logits.

    Returns
    -------
    Tensor, shape (..., V)

    Raises
    ------
    ConfigError
        If ``top_k`` is below 1.

    Examples
    --------
    >>> keep_top_k(torch.tensor([1.0, 3.0, 2.0]), 2)
    tensor([-inf, 3., 2.])
    """
    _check_top_k(top_k)
    if top_k >= logits.shape[-1]:
        return logits
    values, indices = logits.topk(top_k, dim=-1)  # (..., K)
    return torch.full_like(logits, -torch.inf).scatter(-1, indices, values)


def keep_top_p(logits: Tensor, top_p: float) -> Tensor:
    """Set the logits outside the smallest most likely set of probability ``top_p`` to minus infinity.

    Parameters
    ----------
    logits : Tensor, shape (..., V)
    top_p : float
        Above 0, at most 1. The most likely token always stays.

    Returns
    -------
    Tensor, shape (..., V)

    Raises
    ------
    ConfigError
        If ``top_p`` is not in (0, 1].

    Notes
    -----
    A token stays when the tokens more likely than it sum to less than ``top_p`` (in float32 or wider).

    Examples
    --------
    >>> keep_top_p(torch.tensor([0.5, 0.3, 0.2]).log(), 0.6).isfinite()
    tensor([ True,  True, False])
    """
    _check_top_p(top_p)
    if top_p == 1:
        return logits
    wide = torch.promote_types(logits.dtype, torch.float32)
    ordered, indices = logits.sort(dim=-1, descending=True, stable=True)
    probabilities = ordered.to(wide).softmax(dim=-1)
    before = probabilities.cumsum(dim=-1) - probabilities  # (..., V) mass of the more likely tokens
    before[..., 0] = 0.0  # rounding must never remove the most likely token
    kept = ordered.masked_fill(before >= top_p, -torch.inf)
    return torch.empty_like(logits).scatter(-1, indices, kept)


def filter_logits(logits: Tensor, sampling: SamplingConfig) -> Tensor:
    """Apply temperature, then top-k, then top-p.

    Parameters
    ----------
    logits : Tensor, shape (..., V)
    sampling : SamplingConfig

    Returns
    -------
    Tensor, shape (..., V)
        In float32 or wider; minus infinity where a token cannot be drawn. Draws follow their softmax.
    """
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if sampling.is_greedy:
        return keep_top_k(wide, 1)
    # Subtracting the maximum first keeps a tiny temperature from overflowing to infinity.
    # One that is 0 in the logits' own precision would still divide 0 by 0.
    temperature = max(sampling.temperature, torch.finfo(wide.dtype).tiny)
    scaled = (wide - wide.amax(dim=-1, keepdim=True)) / temperature
    if sampling.top_k is not None:
        scaled = keep_top_k(scaled, sampling.top_k)
    return scaled if sampling.top_p is None else keep_top_p(scaled, sampling.top_p)


def sample_ids(logits: Tensor, sampling: SamplingConfig, generator: torch.Generator | None = None) -> Tensor:
    """Draw one token per row.

    Parameters
    ----------
    logits : Tensor, shape (B, V)
    sampling : SamplingConfig
    generator : torch.Generator, optional
        Source of randomness on the logits' device, by default ``make_generator(sampling.seed, device)``.

    Returns
    -------
    Tensor, shape (B,), int64

    Raises
    ------
    DataError
        If a logit is NaN or plus infinity, or a whole row is minus infinity.
    """
    if not logits.amax(dim=-1).isfinite().all():  # NaN wins every maximum
        raise DataError(
            "The model's logits contain NaN or infinity; they must be numbers. The model has probably "
            "diverged in training: load an earlier checkpoint, or generate in float32."
        )
    if sampling.is_greedy:
        return logits.argmax(dim=-1)
    generator = generator or make_generator(sampling.seed, logits.device)
    probabilities = filter_logits(logits, sampling).softmax(dim=-1)
    return torch.multinomial(probabilities, 1, generator=generator).squeeze(-1)


def make_generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a seeded source of randomness that lives on a device."""
    return torch.Generator(device=device).manual_seed(seed)


def _check_top_k(top_k: int | None) -> None:
    if top_k is not None and top_k < 1:
        raise ConfigError(
            f'"top_k" is {top_k}; it must be at least 1. Leave it out to draw from the whole vocabulary.'
        )


def _check_top_p(top_p: float | None) -> None:
    if top_p is not None and not 0 < top_p <= 1:
        raise ConfigError(
            f'"top_p" is {top_p}; it must be above 0 and at most 1. '
            "Leave it out to draw from the whole vocabulary."
        )
