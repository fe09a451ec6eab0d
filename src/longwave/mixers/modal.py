"""Long filters that are sums of decaying oscillations, and their exact recurrence.

The filter a distilled Hyena carries, and one that can be trained from the start: ``h[0]`` is free and
``h[t] = Re sum_n R_n lambda_n^(t-1)`` from then on, so that a channel decodes from ``order`` complex numbers,
or from real ones where poles do not turn.
"""

# Shapes: B batch, P steps of a chunk, C filters, D channels, N order, J steps of a block, M blocks

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.mixers.long_filter import LongFilter, undecayed
from longwave.ops import long_conv

__all__ = ["ModalConfig", "ModalConv", "ModalFilter"]


@dataclass(frozen=True, kw_only=True)
class ModalConfig:
    """Settings of a modal filter.

    Parameters
    ----------
    kind : {"modal"}
        Tells this configuration from those of other filters.
    order : int
        Decaying oscillations a filter, N.
    poles : {"complex", "real"}
        ``"real"``: decays without oscillation, and real residues, at half the memory and time of a step. 16
        of them make Hyena-LI of StripedHyena 2. Distillation needs complex ones.
    lr : float, optional
        Learning rate of the poles; None takes the optimiser's.

    Raises
    ------
    ConfigError
        If ``order`` is below 1, or ``poles`` is neither.
    """

    kind: Literal["modal"] = "modal"
    order: int = 16
    poles: Literal["complex", "real"] = "complex"
    lr: float | None = 1e-3

    def __post_init__(self) -> None:
        if self.order < 1:
            raise ConfigError(f'"order" of ModalConfig is {self.order}; a filter has at least 1 pole.')
        if self.poles not in ("complex", "real"):
            raise ConfigError(f'"poles" of ModalConfig is {self.poles!r}; give "complex" or "real".')

    def build(self, n_filters: int, max_length: int) -> ModalFilter:
        """Make the filters this describes."""
        return ModalFilter(n_filters, max_length, self)


class ModalFilter(LongFilter):
    """Filters ``h[0]``, then ``h[t] = Re sum_n R_n lambda_n^(t-1)``, with poles inside the unit circle.

    Parameters
    ----------
    n_filters : int
        Filters, C.
    max_length : int
        Longest filter.
    config : ModalConfig, optional

    Attributes
    ----------
    decay, angle : Parameter, shape (C, N)
        Poles ``lambda = exp(-softplus(decay) + i angle)``, inside the unit circle whatever their values. Real
        poles have no ``angle``.
    residue : Parameter, shape (C, N, 2)
        Real and imaginary parts of R; (C, N) with real poles.
    first : Parameter, shape (C,)
        The tap ``h[0]``.

    Notes
    -----
    Parameters stay in float32 or wider when a model is cast to a half type: a pole near 1 is not a number in
    those. Phases are computed in float64. O(C N (L + sqrt L)) time by a product of two short power tables.
    At the start poles decay over 1 to ``max_length`` steps, evenly in the logarithm, with angles up to pi/2;
    residues are drawn from a normal distribution that gives filters of unit energy.

    References
    ----------
    Section 3.2 of arXiv 2310.18780; real poles: Hyena-LI of arXiv 2503.01868.
    """

    has_recurrence: ClassVar[bool] = True
    angle: nn.Parameter

    def __init__(self, n_filters: int, max_length: int, config: ModalConfig | None = None) -> None:
        super().__init__(n_filters, max_length)
        self.config = config = config or ModalConfig()
        shape = (n_filters, config.order)
        turns = config.poles == "complex"
        self.decay = nn.Parameter(torch.empty(shape))
        self.register_parameter("angle", nn.Parameter(torch.empty(shape)) if turns else None)
        self.residue = nn.Parameter(torch.empty(*shape, 2) if turns else torch.empty(shape))
        self.first = nn.Parameter(torch.zeros(n_filters))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Place the poles and draw the residues from torch's global generator."""
        order = self.config.order
        rates = torch.logspace(0, -math.log10(max(self.max_length, 2)), order, dtype=torch.float64)
        energy = (1 / -torch.expm1(-2 * rates)).sum()  # of unit residues: sum_n sum_t |lambda_n|^2t
        with torch.no_grad():
            self.decay.copy_(inverse_softplus(rates).expand_as(self.decay))
            if self.config.poles == "complex":
                self.angle.copy_(torch.linspace(0, math.pi / 2, order).flip(0).expand_as(self.angle))
            nn.init.normal_(self.residue, std=1 / math.sqrt(float(energy)))

    def forward(self, seq_len: int) -> Tensor:
        """Return the first taps, shape (C, seq_len); see ``LongFilter``."""
        self._check_length(seq_len)
        with torch.autocast(self.first.device.type, enabled=False):
            log_poles, residues = self.modes()
            taps = oscillate(residues, log_poles, seq_len - 1)
            return torch.cat([self.first[:, None].to(taps.dtype), taps], dim=-1)[:, :seq_len]

    def modes(self) -> tuple[Tensor, Tensor]:
        """Return the logarithms of the poles, in 64-bit parts, and the residues, both (C, N)."""
        rates = -F.softplus(self.decay.double())
        if self.config.poles == "real":
            return rates, self.residue
        return torch.complex(rates, self.angle.double()), torch.view_as_complex(self.residue.contiguous())

    def stream(self, rows: slice, skip: Tensor, batch: int) -> ModalConv:
        """Return a stream that keeps N numbers a channel; arguments as in ``LongFilter``."""
        return ModalConv(self, rows, skip, batch)

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Exempt all from weight decay and give the poles their learning rate."""
        names = ("decay",) if self.config.poles == "real" else ("decay", "angle")
        poles = {name: undecayed(lr=self.config.lr) for name in names}
        return poles | {name: {"weight_decay": 0.0} for name in ("residue", "first")}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> ModalFilter:
        def widened(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return moved if moved.dtype.itemsize >= 4 else tensor.to(moved.device)

        applied: ModalFilter = super()._apply(widened, recurse)  # type: ignore[no-untyped-call]
        return applied


class ModalConv:
    """Convolve a signal that arrives piece by piece with modal filters, from a state of N numbers a channel.

    ``OnlineConv``'s interface; ``truncate`` goes back to marked positions only.

    Parameters
    ----------
    filter : ModalFilter
        Its values are copied.
    rows : slice
        Which of its filters; neighbouring channels share one where there are more channels.
    skip : Tensor, shape (D,)
        Weight of the input itself, added to the convolution.
    batch : int

    Notes
    -----
    ``y[t] = Re <R, x[t]> + (h[0] + skip) u[t]``, then ``x[t+1] = lambda x[t] + u[t]``, as section 3.3 of
    arXiv 2310.18780. A chunk is a convolution inside it plus what the state adds; O(D N P) for the latter.
    States are complex64, or complex128 where filters are float64; real for real poles.
    """

    def __init__(self, filter: ModalFilter, rows: slice, skip: Tensor, batch: int) -> None:
        dtype = torch.promote_types(filter.first.dtype, skip.dtype)
        dtype = torch.promote_types(dtype, torch.float32)
        with torch.inference_mode(False), torch.no_grad():
            log_poles, residues = (modes[rows] for modes in filter.modes())
            heads = skip.shape[0] // residues.shape[0]
            self._log_poles = log_poles.clone()  # (C, N)
            self._residues = residues.to(dtype.to_complex() if residues.is_complex() else dtype, copy=True)
            self._first = filter.first[rows].detach().to(dtype, copy=True)
            self._skip = skip.detach().to(dtype, copy=True)
            self._poles = self._log_poles.exp().to(self._residues.dtype)
            # (B, C, D/C, N)
            self._x = self._residues.new_zeros(batch, residues.shape[0], heads, residues.shape[1])
        self.position = 0
        self._marks: dict[int, Tensor] = {}

    @property
    def nbytes(self) -> int:
        """Memory held by the state, the modes and marked states."""
        own = (self._log_poles, self._residues, self._first, self._skip, self._poles, self._x)
        return sum(tensor.nbytes for tensor in (*own, *self._marks.values()))

    @torch.no_grad()
    def step(self, u_t: Tensor) -> Tensor:
        """Take one more step (B, D); return the output (B, D) in its type."""
        u = u_t.to(self._first.dtype).view(self._x.shape[:3])
        y = (self._x * self._residues[:, None]).sum(-1).real + u * self._first[:, None]
        self._x = torch.addcmul(u[..., None].to(self._x.dtype), self._x, self._poles[:, None])
        self.position += 1
        return torch.addcmul(y.reshape(u_t.shape), u.reshape(u_t.shape), self._skip).to(u_t.dtype)

    @torch.no_grad()
    def prefill(self, u: Tensor) -> Tensor:
        """Take the next chunk (B, D, P); return the outputs (B, D, P) in its type."""
        steps = u.shape[-1]
        if steps == 0:
            return u
        with torch.autocast(u.device.type, enabled=False):
            signal = u.to(self._first.dtype)
            taps = torch.cat(
                [self._first[:, None], oscillate(self._residues, self._log_poles, steps - 1)], -1
            )
            y = long_conv(signal, taps, self._skip)
            carried = oscillate(self._residues[:, None] * self._x, self._log_poles[:, None], steps)
            y = y + carried.reshape(y.shape)
            self._absorb(signal)
        self.position += steps
        return y.to(u.dtype)

    def mark(self) -> None:
        """Remember the present state for ``truncate``."""
        self._marks[self.position] = self._x  # steps make new states and never write into old ones

    def clear_marks(self) -> None:
        """Forget marked states."""
        self._marks.clear()

    def can_truncate(self, position: int) -> bool:
        """Say whether this position is the present one, marked, or the start."""
        return position in (0, self.position) or position in self._marks

    def truncate(self, position: int) -> None:
        """Go back to a marked position or the start.

        Raises
        ------
        ShapeError
            If the position is neither.
        """
        if not self.can_truncate(position):
            raise ShapeError(
                f"A modal state at position {self.position} goes back to marked positions only "
                f"({sorted(self._marks)}), not to {position}. Call mark() at the position before going on."
            )
        if position != self.position:
            self._x = self._marks[position] if position in self._marks else torch.zeros_like(self._x)
            self.position = position
        self._marks = {at: marked for at, marked in self._marks.items() if at <= position}

    def realign(self, position: int, max_length: int) -> None:  # noqa: ARG002 - nothing grows with the length
        """Let the steps so far end at another position."""
        self.position = position
        self._marks.clear()

    def put(self, row: int, other: ModalConv) -> None:
        """Let a sequence be the only one of another stream, which is left as it was."""
        self._marks.clear()
        with torch.inference_mode():  # may write into what steps made, whichever mode they ran in
            self._x[row] = other._x[0]

    def reorder(self, index: Tensor) -> None:
        """Replace the sequences by chosen ones of them."""
        with torch.inference_mode(False), torch.no_grad():
            index = index.to(self._x.device)
            self._x = self._x.index_select(0, index)
            self._marks = {at: marked.index_select(0, index) for at, marked in self._marks.items()}

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        with torch.inference_mode(False), torch.no_grad():
            for name in ("_log_poles", "_residues", "_first", "_skip", "_poles", "_x"):
                setattr(self, name, getattr(self, name).to(device))
            self._marks = {at: marked.to(device) for at, marked in self._marks.items()}

    def copy(self) -> ModalConv:
        """Return an independent stream at the same position; the modes' memory is shared."""
        new = copy.copy(self)
        new._x, new._marks = self._x.clone(), dict(self._marks)
        return new

    def _absorb(self, signal: Tensor) -> None:
        """Add a chunk (B, D, P) to the state: ``x <- lambda^P x + sum_s lambda^(P-1-s) u[s]``.

        Inner blocks of J steps first, then the blocks, so that no table has D N P entries.
        """
        steps = signal.shape[-1]
        block = math.isqrt(steps - 1) + 1
        padded = F.pad(signal, (-steps % block, 0))  # zeros in front
        batch, filters, heads, order = self._x.shape
        blocks = padded.view(batch, filters, -1, block).to(self._x.dtype)  # (B, C, D/C M, J)
        inner = blocks @ _powers(self._log_poles, block, 1, self._x.dtype).flip(-1).mT  # (B, C, D/C M, N)
        outer = _powers(self._log_poles, padded.shape[-1] // block, block, self._x.dtype).flip(
            -1
        )  # (C, N, M)
        summed = (inner.view(batch, filters, heads, -1, order) * outer.mT[:, None]).sum(-2)
        decayed = self._x * (self._log_poles * steps).exp().to(self._x.dtype)[:, None]
        self._x = decayed + summed


def oscillate(weights: Tensor, log_poles: Tensor, length: int) -> Tensor:
    """Return ``Re sum_n weights_n exp(log_poles_n t)`` for ``t = 0 ... length-1``.

    Parameters
    ----------
    weights : Tensor, shape (..., N), complex or real
    log_poles : Tensor, complex128 or float64
        Of a shape that broadcasts to ``weights``; real where those are.
    length : int

    Returns
    -------
    Tensor, shape (..., length)
        In the real type of ``weights``.
    """
    block = math.isqrt(max(length, 1) - 1) + 1
    n_blocks = -(-max(length, 0) // block)
    coarse = weights[..., None] * _powers(log_poles, n_blocks, block, weights.dtype)  # (..., N, M)
    fine = _powers(log_poles, block, 1, weights.dtype)  # (..., N, J)
    if weights.is_complex():  # Re(a b) = Re a Re b - Im a Im b: one real product over 2 N terms
        coarse = torch.cat([coarse.real, -coarse.imag], dim=-2)
        fine = torch.cat([fine.real, fine.imag], dim=-2)
    return (coarse.mT @ fine).flatten(-2)[..., : max(length, 0)]


def inverse_softplus(y: Tensor) -> Tensor:
    """Return ``x`` with ``softplus(x) = y > 0``."""
    return y + torch.log(-torch.expm1(-y))


def _powers(log_poles: Tensor, count: int, stride: int, dtype: torch.dtype) -> Tensor:
    """Return ``exp(log_poles * stride * m)`` for ``m = 0 ... count-1``, (..., N, count).

    Phases need float64: in float32 an angle times 10⁵ steps is off by 0.01.
    """
    steps = stride * torch.arange(count, device=log_poles.device, dtype=torch.float64)
    return (log_poles[..., None] * steps).exp().to(dtype)
