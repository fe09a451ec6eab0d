"""Long filters stored tap by tap: how they start, and what keeps them smooth and sparse."""

# Shapes: D width, K taps; ... any axes before

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.mixers.filter_cache import KeepsFilters
from longwave.mixers.long_filter import undecayed
from longwave.ops import smooth, squash

__all__ = ["ExplicitKernel", "KernelConfig", "double_exponential_window"]

logger = logging.getLogger(__name__)

STD = {"double_exp": 0.02, "random": 0.002}  # of the taps at the start, before the window
FEW_ALIVE = 0.01  # share of taps above the threshold under which a start deserves a warning
ENOUGH_TAPS = 100  # from which on none alive is no accident of the draw


@dataclass(frozen=True, kw_only=True)
class KernelConfig:
    """Settings of filters that are stored tap by tap; the defaults are those of H3 with long convolutions.

    Parameters
    ----------
    init : {"double_exp", "random"}
        ``"double_exp"`` draws from N(0, 0.02²) under ``double_exponential_window``, ``"random"`` from N(0,
        0.002²).
    squash : float
        Threshold by which every tap moves towards zero; 0 for none.
    smooth : int, optional
        Odd number of taps to average over, before the threshold; the paper's is 7, and it helps no squashed
        filter there.
    smooth_frequency : int, optional
        Odd number of frequencies to average over, after ``smooth``.
    dropout : float
        Probability of dropping a tap in training; the others grow by ``1 / (1 - dropout)``.
    lr : float, optional
        Learning rate of the taps; None takes the optimiser's.

    Raises
    ------
    ConfigError
        If a value is out of range.
    """

    init: Literal["double_exp", "random"] = "double_exp"
    squash: float = 0.003
    smooth: int | None = None
    smooth_frequency: int | None = None
    dropout: float = 0.2
    lr: float | None = None

    def __post_init__(self) -> None:
        widths = (self.smooth, self.smooth_frequency)
        is_odd = [width is None or (width > 0 and width % 2 == 1) for width in widths]
        rules = (
            ("init", self.init, self.init in STD, '"double_exp" or "random"'),
            ("squash", self.squash, 0 <= self.squash < math.inf, "a finite number of at least 0"),
            ("smooth", self.smooth, is_odd[0], "odd and at least 1, or None"),
            ("smooth_frequency", self.smooth_frequency, is_odd[1], "odd and at least 1, or None"),
            ("dropout", self.dropout, 0 <= self.dropout < 1, "from 0 to below 1"),
        )
        for name, value, is_good, accepted in rules:
            if not is_good:
                raise ConfigError(f'"{name}" of a long filter is {value!r}; it must be {accepted}.')


class ExplicitKernel(KeepsFilters):
    """Filters stored tap by tap: smoothed, squashed, and dropped out of in that order.

    Parameters
    ----------
    copies : tuple of int
        Leading axes, as many sets of filters with starts alike.
    width : int
        Filters of a set, D.
    max_length : int
        Taps, K.
    config : KernelConfig, optional

    Raises
    ------
    ConfigError
        If the threshold leaves none of at least 100 taps: such filters are zero and stay so.

    Notes
    -----
    ``dropout(squash(smooth(taps)))``. Evaluation without gradients keeps the result, until the length or the
    taps change or ``train()`` is called. A start with less than 1 % of taps above the threshold is logged as
    a warning.

    References
    ----------
    Section 3 of arXiv 2302.06646.
    """

    def __init__(
        self, copies: tuple[int, ...], width: int, max_length: int, config: KernelConfig | None = None
    ) -> None:
        super().__init__()
        self.config = config or KernelConfig()
        self.taps = nn.Parameter(torch.empty(*copies, width, max_length))
        self.reset_parameters()

    @property
    def max_length(self) -> int:
        """Longest filter."""
        return self.taps.shape[-1]

    def reset_parameters(self) -> None:
        """Draw the taps again from torch's global generator."""
        with torch.no_grad():
            nn.init.normal_(self.taps, std=STD[self.config.init])
            if self.config.init == "double_exp":
                self.taps.mul_(double_exponential_window(*self.taps.shape[-2:]).to(self.taps))
        if not self.taps.is_meta:
            self._check_alive()

    def forward(self, seq_len: int) -> Tensor:
        """Return the first taps of every filter as they are used now, with dropout in training.

        Parameters
        ----------
        seq_len : int
            At most ``max_length``; a shorter filter is the beginning of a longer one.

        Returns
        -------
        Tensor, shape (..., D, seq_len)
            Float32 or wider.

        Raises
        ------
        ShapeError
            If ``seq_len`` is beyond ``max_length``.
        """
        if self.training:
            return F.dropout(self.without_dropout(seq_len), self.config.dropout)
        return self.kept.get(seq_len, [self.taps], lambda: self.without_dropout(seq_len))

    def without_dropout(self, seq_len: int) -> Tensor:
        """Return the first taps as evaluation uses them; arguments and errors as in ``forward``."""
        if seq_len > self.max_length:
            raise ShapeError(
                f"A filter of {seq_len} taps was asked for but it was built with {self.max_length}. "
                f"Build a longer one."
            )
        has_neighbours = self.config.smooth is not None or self.config.smooth_frequency is not None
        k = self.taps if has_neighbours else self.taps[..., :seq_len]
        k = k.to(torch.promote_types(k.dtype, torch.float32))
        if self.config.smooth is not None:
            k = smooth(k, self.config.smooth)
        if self.config.smooth_frequency is not None:
            k = smooth(k, self.config.smooth_frequency, domain="frequency")
        return squash(k[..., :seq_len], self.config.squash)

    def alive_share(self) -> float:
        """Return the share of taps that are not zero, from 0 to 1: those that have a gradient."""
        with torch.no_grad():
            return (self.without_dropout(self.max_length) != 0).float().mean().item()

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Exempt the taps from weight decay and give them their learning rate."""
        return {"taps": undecayed(lr=self.config.lr)}

    def _check_alive(self) -> None:
        share = self.alive_share()
        if share == 0 and self.taps.numel() >= ENOUGH_TAPS:
            raise ConfigError(
                f"squash={self.config.squash} leaves none of {self.taps.numel()} taps that start with a "
                f"deviation of {STD[self.config.init]}; such filters are zero, have no gradient and never "
                f'learn. Lower "squash" (the paper uses 0.001 to 0.004), or set it to 0.'
            )
        if share < FEW_ALIVE:
            logger.warning(
                "Only %.2g %% of %d taps lie above squash=%g at the start; the others have no gradient. "
                'Lower "squash".',
                100 * share,
                self.taps.numel(),
                self.config.squash,
            )


def double_exponential_window(width: int, max_length: int) -> Tensor:
    """Return windows that decay at rates from slow to fast over the channels.

    Parameters
    ----------
    width : int
        Channels, D.
    max_length : int
        Taps, K.

    Returns
    -------
    Tensor, shape (D, K), float64
        ``exp(-(j / K) (D // 2)^(i / D))`` for channel ``i`` and tap ``j``.

    References
    ----------
    Appendix of arXiv 2302.06646 on initialisation, in the form of its public code.

    Examples
    --------
    >>> double_exponential_window(4, 2)[:, 1]
    tensor([0.6065, 0.5518, 0.4931, 0.4313], dtype=torch.float64)
    """
    rates = float(width // 2) ** (torch.arange(width, dtype=torch.float64) / width)
    return torch.outer(-rates, torch.arange(max_length, dtype=torch.float64) / max_length).exp()
