"""Filters of few taps, stored one by one, bare or under a decay: the short and medium ones of StripedHyena 2.

What is unusual here, against the public code: taps start at a size that carries the signal (the code's medium
filters start 100 000 times smaller, so that a layer begins as its skip alone; ``std`` gives that too).
"""

# Shapes: C filters, K taps

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from longwave.errors import ConfigError
from longwave.mixers.long_filter import LongFilter, undecayed
from longwave.mixers.window_conv import WindowConv

__all__ = ["DecayingConfig", "ExplicitConfig", "ExplicitFilter"]


@dataclass(frozen=True, kw_only=True)
class ExplicitConfig:
    """Settings of filters stored tap by tap.

    Parameters
    ----------
    kind : {"explicit"}
        Tells this configuration from those of other filters.
    n_taps : int
        Taps, K: 7 in Hyena-SE of StripedHyena 2, 64 in the Conv1d of Hyena's study of parametrisations. Those
        beyond a mixer's ``max_length`` are left out.
    std : float, optional
        Standard deviation of the taps at the start; None takes ``1 / sqrt(n_taps)``, which keeps the size of
        a signal.
    lr : float, optional
        Learning rate of the taps; None takes the optimiser's.

    Raises
    ------
    ConfigError
        If a value is out of range.
    """

    kind: Literal["explicit"] = "explicit"
    n_taps: int = 7
    std: float | None = None
    lr: float | None = None

    def __post_init__(self) -> None:
        _check_taps(self.n_taps, self.std, "ExplicitConfig")

    def build(self, n_filters: int, max_length: int) -> ExplicitFilter:
        """Make the filters this describes."""
        return ExplicitFilter(n_filters, max_length, self)


@dataclass(frozen=True, kw_only=True)
class DecayingConfig:
    """Settings of filters stored tap by tap under an exponential decay.

    Parameters
    ----------
    kind : {"decaying"}
        Tells this configuration from those of other filters.
    n_taps : int
        Taps, K: 128 in Hyena-MR of StripedHyena 2.
    slowest, fastest : float
        Decays from the first tap to the last, as exponents; filters are spread between them evenly in the
        logarithm. The defaults are those of the public code.
    std : float, optional
        Standard deviation of the taps at the start, before the decay; None takes ``1 / sqrt(n_taps)``. The
        public code has 1e-5 of that.
    lr : float, optional
        Learning rate of the taps; None takes the optimiser's.

    Raises
    ------
    ConfigError
        If a value is out of range.
    """

    kind: Literal["decaying"] = "decaying"
    n_taps: int = 128
    slowest: float = 1.0
    fastest: float = 100.0
    std: float | None = None
    lr: float | None = None

    def __post_init__(self) -> None:
        _check_taps(self.n_taps, self.std, "DecayingConfig")
        if not 0 < self.slowest <= self.fastest < math.inf:
            raise ConfigError(
                f"Decays of DecayingConfig run from slowest={self.slowest} to fastest={self.fastest}; give "
                f"0 < slowest <= fastest (StripedHyena 2 has 1 and 100)."
            )

    def build(self, n_filters: int, max_length: int) -> ExplicitFilter:
        """Make the filters this describes."""
        return ExplicitFilter(n_filters, max_length, self)


class ExplicitFilter(LongFilter):
    """Filters of few taps, each tap a parameter, times a fixed decay if the configuration has one.

    Parameters
    ----------
    n_filters : int
        Filters, C.
    max_length : int
        Longest signal; the filters have no more taps than that.
    config : ExplicitConfig or DecayingConfig, optional

    Notes
    -----
    ``h[c, j] = taps[c, j] exp(-alpha_c j / (K - 1))`` with K of the configuration, or without the decay.

    References
    ----------
    Hyena-SE and Hyena-MR of arXiv 2503.01868.
    """

    has_recurrence: ClassVar[bool] = True
    decay: Tensor

    def __init__(
        self, n_filters: int, max_length: int, config: ExplicitConfig | DecayingConfig | None = None
    ) -> None:
        super().__init__(n_filters, max_length)
        self.config = config = config or ExplicitConfig()
        self.taps = nn.Parameter(torch.empty(n_filters, min(config.n_taps, max_length)))
        if isinstance(config, DecayingConfig):
            self.register_buffer("decay", decay_rates(n_filters, config), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the taps again from torch's global generator."""
        std = self.config.std
        nn.init.normal_(self.taps, std=1 / math.sqrt(self.config.n_taps) if std is None else std)

    def forward(self, seq_len: int) -> Tensor:
        """Return the first taps, shape (C, min(K, seq_len)); see ``LongFilter``."""
        self._check_length(seq_len)
        taps = self.taps[:, :seq_len]
        taps = taps.to(torch.promote_types(taps.dtype, torch.float32))
        if not isinstance(self.config, DecayingConfig):
            return taps
        tau = torch.arange(taps.shape[1], dtype=taps.dtype, device=taps.device)
        tau = tau / max(self.config.n_taps - 1, 1)
        return taps * torch.exp(-self.decay.to(taps.dtype)[:, None] * tau)

    def conv_flops(self, seq_len: int) -> float:
        """Return the multiply-adds of a convolution a step and channel: K, or those by FFT if fewer."""
        return min(self.taps.shape[1], super().conv_flops(seq_len))

    def stream(self, rows: slice, skip: Tensor, batch: int) -> WindowConv:
        """Return a stream that keeps the last K - 1 steps; arguments as in ``LongFilter``."""
        return WindowConv(self(self.max_length)[rows], skip, batch)

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Exempt the taps from weight decay and give them their learning rate."""
        return {"taps": undecayed(lr=self.config.lr)}


def decay_rates(n_filters: int, config: DecayingConfig) -> Tensor:
    """Return the exponents of all decays, shape (C,), from the slowest to the fastest."""
    low, high = math.log(config.slowest), math.log(config.fastest)
    return torch.linspace(low, high, n_filters, dtype=torch.float64).exp().float()


def _check_taps(n_taps: int, std: float | None, name: str) -> None:
    if n_taps < 1:
        raise ConfigError(f'"n_taps" of {name} is {n_taps}; a filter has at least 1 tap.')
    if std is not None and not 0 <= std < math.inf:
        raise ConfigError(f'"std" of {name} is {std}; give a finite number of at least 0, or None.')
