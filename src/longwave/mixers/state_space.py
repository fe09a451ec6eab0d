"""What layers made of state spaces share: parameters, the convolution, decoding.

What is unusual here, against the public references: step sizes that are not drawn are spaced evenly in their
logarithm (a reference stores the step itself where its logarithm is read, which makes every step about 1);
the discrete system is made from the parameters in every call and never kept in a module, so the convolution,
the step and any switching between them agree; odd lengths and any length work; the state has one number for
each stored mode, half of ``d_state``.
"""

# Shapes: B batch, L length, P steps of a chunk, D width, N stored modes (d_state / 2), R read-outs, C copies

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.mixers.base import Mixer
from longwave.mixers.filter_cache import KeepsFilters
from longwave.mixers.long_filter import ahead_of_present, undecayed
from longwave.mixers.projections import project_from_time_last
from longwave.mixers.shared import SharedPart
from longwave.mixers.ssm_storage import as_pairs, log_steps
from longwave.mixers.state import State
from longwave.ops import long_conv

__all__ = ["DiscreteSystem", "StateSpaceMixer", "StateSpaceState"]

MIN_DECAY = 1e-4  # of a mode at the start, so that its logarithm is finite


class DiscreteSystem(SharedPart, ABC):
    """A layer's state spaces at one length of steps; a part of states that all sequences share."""

    @abstractmethod
    def kernel(self, seq_len: int) -> Tensor:
        """Return the kernels, shape (R, D, seq_len), float32 or wider."""

    @abstractmethod
    def advance(self, u: Tensor, x0: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor]:
        """Return kernel (D, L), what the state adds to outputs (B, D, L), and the states after inputs.

        Inputs ``u`` are (B, D, L); states ``x0`` and those returned (B, D, N), None being zero.
        """

    @abstractmethod
    def step(self, x: Tensor, u_t: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs (B, D) and states (B, D, N) after one more input (B, D), in place or not."""

    def steps_in_place(self, _x: Tensor) -> bool:
        """Say whether ``step`` leaves these states where they are, changed."""
        return False


@dataclass
class StateSpaceState(State):
    """What a state-space layer remembers while it decodes, whatever the length.

    Parameters
    ----------
    modes : Tensor, shape (B, D, N)
        Complex, one of each conjugate pair.
    system : DiscreteSystem
        The recurrence, fixed when the state was made.
    """

    modes: Tensor
    system: DiscreteSystem

    realigns: ClassVar[bool] = True


class StateSpaceMixer(Mixer[StateSpaceState], KeepsFilters):
    """State spaces for every channel, GELU, dropout and a linear layer; see ``S4D`` and ``S4``.

    Parameters
    ----------
    d_model, max_length, n_ssm, dt_min, dt_max, random_dt, bidirectional, glu, dropout, tie_dropout, ssm_lr,
    backend
        As in ``S4D``.
    modes, entry : Tensor, shape (C, N)
        Complex starts of A and B.
    """

    def __init__(
        self,
        d_model: int,
        max_length: int | None,
        *,
        modes: Tensor,
        entry: Tensor,
        dt_min: float,
        dt_max: float,
        random_dt: bool,
        bidirectional: bool,
        glu: bool,
        dropout: float,
        tie_dropout: bool,
        ssm_lr: float | None,
        backend: str,
    ) -> None:
        super().__init__(d_model, max_length, is_causal=not bidirectional)
        _check_settings(d_model, len(modes), dt_min, dt_max, dropout)
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.tie_dropout = tie_dropout
        self.ssm_lr = ssm_lr
        self.backend = backend
        spread = torch.rand(d_model) if random_dt else torch.linspace(0, 1, d_model)
        self.log_dt = nn.Parameter(log_steps(spread, dt_min, dt_max))
        decay = (-modes.real).clamp(min=MIN_DECAY)
        self.log_A_real = nn.Parameter(decay.log().to(spread.dtype))
        self.A_imag = nn.Parameter(modes.imag.to(spread.dtype))
        self.B = nn.Parameter(as_pairs(entry))
        n_readouts = 2 if bidirectional else 1
        readout = torch.randn(n_readouts, d_model, modes.shape[-1], dtype=torch.complex64)
        self.C = nn.Parameter(as_pairs(readout))
        self.skip = nn.Parameter(torch.randn(d_model))
        self.out_proj = nn.Linear(d_model, 2 * d_model if glu else d_model)
        self.glu = glu

    @abstractmethod
    def system(self, rate: float = 1.0) -> DiscreteSystem:
        """Make the discrete system of the present parameters, with gradients.

        Parameters
        ----------
        rate : float
            Multiplies the step: 2 serves signals sampled half as often as in training.
        """

    def forward(self, x: Tensor, *, lengths: Tensor | None = None, rate: float = 1.0) -> Tensor:
        """Mix whole sequences.

        Parameters
        ----------
        x : Tensor, shape (B, L, D)
        lengths : Tensor, shape (B,), optional
            Steps of each sequence that are no padding at its end. Outputs within them then depend on nothing
            beyond; a causal layer needs none for that, a bidirectional one does.
        rate : float
            See ``system``.

        Returns
        -------
        Tensor, shape (B, L, D)

        Raises
        ------
        ShapeError
            If the width is wrong, the sequence longer than ``max_length`` or ``lengths`` no (B,) integers.
        """
        self._check_input(x)
        u = x.transpose(1, 2)  # (B, D, L)
        if lengths is not None:
            u = u * _within(lengths, x)
        k = self._filters(self._present_kernel(x.shape[1], rate))
        y = long_conv(u, k, self.skip, bidirectional=self.bidirectional, backend=self.backend)
        return self._project_out(y)

    def forward_from(
        self, x: Tensor, initial: Tensor | None = None, *, rate: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Mix sequences that go on from a state, with gradients.

        Parameters
        ----------
        x : Tensor, shape (B, L, D)
        initial : Tensor, shape (B, D, N), optional
            Complex state before the first step; zero unless given.
        rate : float
            See ``system``.

        Returns
        -------
        y : Tensor, shape (B, L, D)
        final : Tensor, shape (B, D, N)
            Complex state after the last step.

        Raises
        ------
        ConfigError
            If the layer looks ahead.
        ShapeError
            If shapes do not fit.
        """
        self._check_input(x)
        self._state_length(x.shape[1] or 1)  # refuses layers that look ahead
        expected = (x.shape[0], self.d_model, self.A_imag.shape[-1])
        if initial is not None and (initial.shape != expected or not initial.is_complex()):
            raise ShapeError(
                f"The initial state is {initial.dtype} of {tuple(initial.shape)}; it must be complex of "
                f"shape {expected}, one number for each stored mode. Pass what an earlier call returned."
            )
        y, final = self._advance(x.transpose(1, 2), self.system(rate), initial)
        return self._project_out(y), final

    def kernel(self, seq_len: int, *, rate: float = 1.0) -> Tensor:
        """Return the kernels, shape (R, D, seq_len); bidirectional: looking back and looking ahead."""
        return self.system(rate).kernel(seq_len)

    def init_state(self, batch: int, max_length: int | None = None, *, rate: float = 1.0) -> StateSpaceState:
        """Return an empty state of the present parameters; its size is fixed, ``max_length`` or not."""
        no_limit = max_length is None and self.max_length is None
        length = self._state_length(sys.maxsize if no_limit else max_length)
        with torch.no_grad():
            system = self.system(rate)
        dtype = self._arithmetic_type().to_complex()
        modes = torch.zeros(
            batch, self.d_model, self.A_imag.shape[-1], dtype=dtype, device=self.A_imag.device
        )
        return StateSpaceState(position=0, max_length=length, batch=batch, modes=modes, system=system)

    @torch.no_grad()
    def prefill(self, x: Tensor, state: StateSpaceState) -> tuple[Tensor, StateSpaceState]:
        """Mix the next chunk of shape (B, P, D) in O(P log P) time."""
        self._check_chunk(x, state)
        u, real = x.transpose(1, 2), state.real_steps(x.shape[1])
        u = u if real is None else u * real.mT
        initial = state.modes if state.position else None
        y, state.modes = self._advance(u, state.system, initial)
        state.position += x.shape[1]
        return self._project_out(y), state

    @torch.no_grad()
    def step(self, x_t: Tensor, state: StateSpaceState) -> tuple[Tensor, StateSpaceState]:
        """Mix one more step of shape (B, D) in O(D N) time."""
        self._check_chunk(x_t[:, None], state)
        real = state.real_steps(1)
        u_t = (x_t if real is None else x_t * real[:, 0]).to(state.modes.real.dtype)
        y_t, state.modes = state.system.step(state.modes, u_t)
        state.position += 1
        return self._gate(self.out_proj(F.gelu((y_t + self.skip * u_t).to(x_t.dtype)))), state

    def step_tensors(self, state: StateSpaceState) -> tuple[Tensor, ...] | None:
        """Return the states and the system where a step keeps them in place."""
        if state.real_steps(1) is not None or not state.system.steps_in_place(state.modes):
            return None
        return state.modes, *state.system.tensors()

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Exempt all but the linear layer from weight decay; give modes, steps and B their learning rate."""
        slow = undecayed(max_lr=self.ssm_lr)
        plain = {name: {"weight_decay": 0.0} for name in ("C", "skip", "out_proj.bias")}
        return {name: dict(slow) for name in self._slow_parameters()} | plain

    def flops(self, seq_len: int) -> float:
        """Return the operations of a forward pass per step.

        The convolution ``5 D log2 L`` (twice that when bidirectional) and the linear layer, all times 2:
        Hyena's way of counting, appendix A.2 of arXiv 2302.10866. Making the kernels does not grow with the
        batch and is not counted.
        """
        directions = 2 if self.bidirectional else 1
        convolution = 5 * directions * self.d_model * math.log2(max(seq_len, 1))
        return 2.0 * (convolution + self.out_proj.weight.numel())

    def _slow_parameters(self) -> tuple[str, ...]:
        return ("log_dt", "log_A_real", "A_imag", "B")

    def _modes(self) -> Tensor:
        """Return A, shape (D, N), in complex128: channel ``r * C + c`` has copy ``c``."""
        parts = self.log_A_real.double(), self.A_imag.double()
        return self._per_channel(torch.complex(-torch.exp(parts[0]), parts[1]))

    def _per_channel(self, copies: Tensor) -> Tensor:
        """Tile (C, N) to (D, N)."""
        return copies.repeat(self.d_model // copies.shape[0], 1)

    def _arithmetic_type(self) -> torch.dtype:
        return torch.promote_types(self.C.dtype, torch.float32)

    def _advance(self, u: Tensor, system: DiscreteSystem, x0: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return outputs (B, D, L), skip included, and the state after inputs (B, D, L)."""
        wide = u.to(torch.promote_types(u.dtype, torch.float32))
        kernel, from_state, final = system.advance(wide, x0)
        y = long_conv(wide, kernel, self.skip, backend=self.backend)
        y = y if from_state is None else y + from_state
        return y.to(u.dtype), final

    def _filters(self, kernel: Tensor) -> Tensor:
        """Bring kernels to the form of ``long_conv``."""
        return ahead_of_present(kernel) if self.bidirectional else kernel[0]

    def _present_kernel(self, seq_len: int, rate: float) -> Tensor:
        """Return ``kernel``; that of the last evaluation if nothing changed since."""
        if self.training or rate != 1:
            return self.kernel(seq_len, rate=rate)
        sources: list[Tensor] = [self.get_parameter(name) for name in (*self._slow_parameters(), "C")]
        return self.kept.get(seq_len, sources, lambda: self.kernel(seq_len))

    def _project_out(self, y: Tensor) -> Tensor:
        """Bring (B, D, L) to (B, L, D) through GELU, dropout, linear layer and gate."""
        y = F.gelu(y)
        if self.training and self.dropout > 0:
            y = (F.dropout1d if self.tie_dropout else F.dropout)(y, self.dropout)
        return self._gate(project_from_time_last(y, self.out_proj.weight, self.out_proj.bias))

    def _gate(self, z: Tensor) -> Tensor:
        return F.glu(z, dim=-1) if self.glu else z


def _within(lengths: Tensor, x: Tensor) -> Tensor:
    """Say which steps are within their sequence's length, (B, 1, L)."""
    if lengths.shape != x.shape[:1] or lengths.is_floating_point():
        raise ShapeError(
            f"lengths is {lengths.dtype} of shape {tuple(lengths.shape)}; give one integer for each of "
            f"{x.shape[0]} sequences."
        )
    return (torch.arange(x.shape[1], device=x.device) < lengths.to(x.device)[:, None])[:, None]


def _check_settings(d_model: int, n_ssm: int, dt_min: float, dt_max: float, dropout: float) -> None:
    if n_ssm < 1 or d_model % n_ssm:
        raise ConfigError(f"n_ssm is {n_ssm}, which does not divide d_model={d_model}. Choose a divisor.")
    if not 0 < dt_min <= dt_max:
        raise ConfigError(f"Steps run from dt_min={dt_min} to dt_max={dt_max}; give 0 < dt_min <= dt_max.")
    if not 0 <= dropout < 1:
        raise ConfigError(f"dropout is {dropout}; it must be from 0 to below 1.")
