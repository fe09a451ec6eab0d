"""Implicit filters: a small sine network from position to the taps of every filter.

What is unusual here, against the public reference: the network has no ``nn.Linear``, so a language model
that redraws all its linear layers leaves it alone (``init="reference"``, the default, is that draw by name);
an L1 norm says its axis; dropout does something; taps are computed in float32 or wider even under autocast.
"""

# Shapes: L length, C filters, F hidden width of the network, E positional features

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError
from longwave.mixers.long_filter import LongFilter

__all__ = ["FilterConfig", "ImplicitFilter"]

FIRST_FREQUENCY = 1e-4  # of the positional features; not 0, as in the reference
REFERENCE_STD = 0.02


@dataclass(frozen=True, kw_only=True)
class FilterConfig:
    """Settings of an implicit filter; the defaults are those of Hyena's language models.

    Parameters
    ----------
    kind : {"implicit"}
        Tells this configuration from those of other filters.
    d_hidden : int
        Width of the sine network.
    d_position : int
        Positional features, odd and at least 3: time, and cosines and sines of ``(d_position - 1) / 2``
        frequencies.
    n_inner : int
        Hidden layers after the first; the paper's "depth 4" is input, 2 inner and output.
    frequency : float
        Initial factor inside every sine; the larger, the rougher the initial filters. 14 for text, 10 for
        synthetic tasks and DNA, 1 for images.
    modulate : bool
        Multiply the taps by a window that decays at another rate for every filter.
    shift : float
        Added to the window; above 0, filters need not vanish at the end.
    target, fast, slow : float
        The fastest window reaches ``target`` after the fraction ``fast`` of ``max_length``, the slowest
        after ``slow``.
    normalize : {"time", "channels"}, optional
        Divide by the L1 norm over all ``max_length`` taps of a filter, which bounds outputs by inputs, or
        over all filters at each tap, as the reference does.
    dropout : float
        Probability of dropping a tap in training.
    init : {"reference", "sine"}
        ``"reference"`` draws weights from N(0, 0.02²) and zeroes biases: small smooth filters, what the
        reference language model makes of them by redrawing every linear layer. ``"sine"`` draws every layer
        uniformly in ``±1/sqrt(fan_in)``: rough filters, as a stand-alone layer of the reference has; language
        models learn worse from them (``docs/concepts/hyena.md``).
    lr : float, optional
        Learning rate of the network; None takes the optimiser's.
    position_lr : float, optional
        Learning rate of the positional features; 0 fixes them, None takes the optimiser's.
    decay_lr : float, optional
        Learning rate of the windows' rates; 0 fixes them, None takes the optimiser's.
    weight_decay : float
        Of the network's weights.

    Raises
    ------
    ConfigError
        If a value is out of range.
    """

    kind: Literal["implicit"] = "implicit"
    d_hidden: int = 64
    d_position: int = 33
    n_inner: int = 2
    frequency: float = 14.0
    modulate: bool = True
    shift: float = 0.0
    target: float = 1e-2
    fast: float = 0.3
    slow: float = 1.5
    normalize: Literal["time", "channels"] | None = None
    dropout: float = 0.0
    init: Literal["reference", "sine"] = "reference"
    lr: float | None = 1e-3
    position_lr: float | None = 1e-5
    decay_lr: float | None = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        rules: tuple[tuple[str, object, bool, str], ...] = (
            ("d_hidden", self.d_hidden, self.d_hidden >= 1, "at least 1"),
            (
                "d_position",
                self.d_position,
                self.d_position >= 3 and self.d_position % 2 == 1,
                "odd and at least 3",
            ),
            ("n_inner", self.n_inner, self.n_inner >= 0, "at least 0"),
            ("target", self.target, 0 < self.target < 1, "between 0 and 1"),
            ("fast", self.fast, self.fast > 0, "above 0"),
            ("slow", self.slow, self.slow > 0, "above 0"),
            (
                "normalize",
                self.normalize,
                self.normalize in (None, "time", "channels"),
                '"time", "channels" or None',
            ),
            ("dropout", self.dropout, 0 <= self.dropout < 1, "from 0 to below 1"),
            ("init", self.init, self.init in ("sine", "reference"), '"sine" or "reference"'),
        )
        for name, value, is_good, accepted in rules:
            if not is_good:
                raise ConfigError(f'"{name}" of FilterConfig is {value!r}; it must be {accepted}.')

    def build(self, n_filters: int, max_length: int) -> ImplicitFilter:
        """Make the filters this describes."""
        return ImplicitFilter(n_filters, max_length, self)


class ImplicitFilter(LongFilter):
    """Filters whose taps are a function of position.

    Parameters
    ----------
    n_filters : int
        Filters, C.
    max_length : int
        Longest filter.
    config : FilterConfig, optional

    Notes
    -----
    With ``tau = t / (max_length - 1)`` and features ``z`` of it (``position_features``), ``h[:, t] = W_out
    sin(a (W_n ... sin(a (W_0 z[t] + b_0)) ... + b_n)) * (exp(-tau alpha) + shift)``: equations 6 and 7 of
    arXiv 2302.10866, with one trainable frequency vector ``a`` shared by all sines. O(L F (F + C)) time.

    References
    ----------
    Section 3.3 and appendix D.3 of arXiv 2302.10866.
    """

    positions: Tensor
    decay: Tensor

    def __init__(self, n_filters: int, max_length: int, config: FilterConfig | None = None) -> None:
        super().__init__(n_filters, max_length)
        self.config = config = config or FilterConfig()
        widths = [config.d_position, *[config.d_hidden] * (config.n_inner + 1)]
        self.hidden_weights = nn.ParameterList(torch.empty(d_out, d_in) for d_in, d_out in pairwise(widths))
        self.hidden_biases = nn.ParameterList(torch.empty(width) for width in widths[1:])
        self.out_weight = nn.Parameter(torch.empty(n_filters, config.d_hidden))
        self.frequency = nn.Parameter(torch.full((config.d_hidden,), config.frequency))
        self._store("positions", position_features(max_length, config.d_position), config.position_lr)
        self._store("decay", decay_rates(n_filters, config), config.decay_lr)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the network's weights again from torch's global generator, as ``config.init`` says."""
        for weight, bias in zip(self.hidden_weights, self.hidden_biases, strict=True):
            self._draw(weight, bias)
        self._draw(self.out_weight, None)

    def forward(self, seq_len: int) -> Tensor:
        """Return the first taps, shape (C, seq_len); see ``LongFilter``."""
        self._check_length(seq_len)
        with torch.autocast(self.out_weight.device.type, enabled=False):
            n_taps = self.max_length if self.config.normalize == "time" else seq_len
            taps = self._normalize(self._network(n_taps) * self.window(n_taps))[:, :seq_len]
            return F.dropout(taps, self.config.dropout, self.training)

    def window(self, seq_len: int) -> Tensor:
        """Return the factor of every tap, shape (C, seq_len); ones when the window is off."""
        dtype = torch.promote_types(self.decay.dtype, torch.float32)
        if not self.config.modulate:
            return torch.ones((), dtype=dtype, device=self.decay.device)
        tau = torch.arange(seq_len, dtype=dtype, device=self.decay.device) / max(self.max_length - 1, 1)
        window = torch.outer(-self.decay.to(dtype), tau).exp_()
        return window + self.config.shift if self.config.shift else window

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Return learning rate and weight decay of every parameter, by name relative to this module."""
        rates = {"positions": self.config.position_lr, "decay": self.config.decay_lr}
        decayed = ("hidden_weights", "out_weight")
        options = {}
        for name, _ in self.named_parameters():
            lr = rates.get(name, self.config.lr)
            weight_decay = self.config.weight_decay if name.startswith(decayed) else 0.0
            options[name] = {"weight_decay": weight_decay} | ({} if lr is None else {"lr": lr})
        return options

    def _network(self, seq_len: int) -> Tensor:
        dtype = torch.promote_types(self.out_weight.dtype, torch.float32)
        hidden = self.positions[:seq_len].to(dtype).t()  # (E, L)
        frequency = self.frequency.to(dtype)[:, None]
        for weight, bias in zip(self.hidden_weights, self.hidden_biases, strict=True):
            hidden = torch.addmm(bias.to(dtype)[:, None], weight.to(dtype), hidden)  # (F, L)
            hidden = torch.sin(frequency * hidden)
        return self.out_weight.to(dtype) @ hidden  # (C, L)

    def _normalize(self, taps: Tensor) -> Tensor:
        if self.config.normalize is None:
            return taps
        dim = -1 if self.config.normalize == "time" else 0
        return F.normalize(taps, p=1.0, dim=dim)

    def _store(self, name: str, values: Tensor, lr: float | None) -> None:
        """Keep values as a parameter, or as a buffer when their learning rate is 0."""
        if lr == 0:
            self.register_buffer(name, values, persistent=False)
        else:
            self.register_parameter(name, nn.Parameter(values))

    def _draw(self, weight: Tensor, bias: Tensor | None) -> None:
        bound = 1 / math.sqrt(weight.shape[1])
        if self.config.init == "reference":
            nn.init.normal_(weight, std=REFERENCE_STD)
        else:
            nn.init.uniform_(weight, -bound, bound)
        if bias is not None and self.config.init == "reference":
            nn.init.zeros_(bias)
        elif bias is not None:
            nn.init.uniform_(bias, -bound, bound)


def position_features(max_length: int, d_position: int) -> Tensor:
    """Return time and the cosines and sines of it that feed the network.

    Parameters
    ----------
    max_length : int
    d_position : int
        Odd, at least 3.

    Returns
    -------
    Tensor, shape (max_length, d_position)
        ``[tau, cos(f omega), -sin(f omega)]`` with ``tau`` from 0 to 1, ``omega = 2 pi t / max_length`` and
        ``f`` evenly spaced from 1e-4 to ``(d_position - 1) / 2 - 1``.
    """
    n_bands = (d_position - 1) // 2
    t = torch.arange(max_length, dtype=torch.float64)
    tau = t / max(max_length - 1, 1)
    bands = torch.linspace(FIRST_FREQUENCY, n_bands - 1, n_bands, dtype=torch.float64)
    angles = 2 * math.pi * t[:, None] / max_length * bands
    return torch.cat([tau[:, None], angles.cos(), -angles.sin()], dim=1).float()


def decay_rates(n_filters: int, config: FilterConfig) -> Tensor:
    """Return the rates of all windows, shape (C,), evenly spaced from the slowest to the fastest."""
    slowest, fastest = (-math.log(config.target) / time for time in (config.slow, config.fast))
    return torch.linspace(slowest, fastest, n_filters, dtype=torch.float64).float()
