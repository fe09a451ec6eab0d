"""The H3 layer: a query reads what a state space remembers of products of keys and values.

What is unusual here, against the public reference: channels come in the one order (head, index within the
head) whichever way the layer is computed; heads wider than one decode; a prompt may come in any number of
chunks; a filter in place of a state space has one row a head, and decodes.
"""

# Shapes: B batch, L length, P steps of a chunk, D width, H heads, E = D / H, M states of the shift,
# N stored modes of a diagonal state space

from __future__ import annotations

import math
from typing import Literal, cast

import torch
from torch import Tensor, nn

from longwave.errors import ConfigError, UnknownName
from longwave.mixers.base import Mixer
from longwave.mixers.explicit_kernel import ExplicitKernel, KernelConfig
from longwave.mixers.h3_kernels import DiagonalKernel, ShiftKernel
from longwave.mixers.h3_state import H3ConvState, H3State, H3StepSystem
from longwave.mixers.outer_products import columns, rows, sum_rows
from longwave.mixers.projections import project_from_time_last, project_to_time_last
from longwave.ops import OnlineConv, long_conv, ssm_final_state, ssm_state_outputs
from longwave.ops.ssm import shift_step, ssm_step, steps_in_place

__all__ = ["H3", "H3ConvState", "H3State"]


class H3(Mixer[H3State | H3ConvState]):
    """Two state spaces with products between them: shifted keys times values, remembered, times queries.

    Parameters
    ----------
    d_model : int
        Width.
    head_dim : int
        Width of a head, E; must divide ``d_model``. Released models have 1, pure H3 experiments had 8.
    max_length : int, optional
        Longest sequence; None sets no limit, except for ``kernel="long_conv"``.
    d_state : int
        Size of the diagonal state space of every head, even.
    shift_state : int
        Steps that the shift state space remembers, M.
    kernel : {"ssm", "long_conv"}
        ``"long_conv"`` replaces both state spaces by filters stored tap by tap (H3-Conv).
    rule : {"bilinear", "zoh"}
        How continuous time becomes steps.
    train_b : bool
        Learn how keys enter the shift state.
    dt_min, dt_max : float
        Range of the steps' lengths at the start.
    ssm_lr : float, optional
        Bound of the learning rate of modes, way in and step lengths, which is otherwise the optimiser's; None
        sets none.
    readout_weight_decay : float
        Weight decay of the read-outs ``C`` and the skips. The reference decays them like any weight (0.1).
    filter : KernelConfig, optional
        Settings of the filters, for ``kernel="long_conv"``.
    backend : str
        Of ``longwave.ops.long_conv``.

    Raises
    ------
    ConfigError
        If a value is out of range.

    Notes
    -----
    With projections ``q, k, v`` of the input, in head ``h``, for indices ``i, j`` below E and channel ``h E +
    i``:

        kk[i] = K_shift[i] * k[i] + D_s[i] k[i]         S[i, j] = K[h] * (kk[i] v[j]) + D_d[h] kk[i] v[j]
        o[j] = sum_i q[i] S[i, j]                       y = W_out o + b_out

    where ``*`` is the causal convolution. There is no pointwise nonlinearity. O(D E L log L + D² L) time. As
    a recurrence a step costs O(D (M + E N)), whatever came before; filters and states are float32 or wider,
    under autocast too.

    References
    ----------
    Algorithm 1 and section 3 of arXiv 2212.14052; with long filters: section 4 of arXiv 2302.06646.

    Examples
    --------
    >>> mixer = H3(d_model=8, head_dim=2)
    >>> mixer(torch.zeros(2, 77, 8)).shape
    torch.Size([2, 77, 8])
    """

    def __init__(
        self,
        d_model: int,
        head_dim: int = 1,
        *,
        max_length: int | None = None,
        d_state: int = 64,
        shift_state: int = 64,
        kernel: Literal["ssm", "long_conv"] = "ssm",
        rule: Literal["bilinear", "zoh"] = "bilinear",
        train_b: bool = False,
        dt_min: float = 1e-3,
        dt_max: float = 1e-1,
        ssm_lr: float | None = 1e-3,
        readout_weight_decay: float = 0.0,
        filter: KernelConfig | None = None,
        backend: str = "auto",
    ) -> None:
        super().__init__(d_model, max_length, is_causal=True)
        _check_settings(d_model, head_dim, kernel, max_length, readout_weight_decay, filter)
        self.head_dim = head_dim
        self.n_heads = d_model // head_dim
        self.shift_state = shift_state
        self.readout_weight_decay = readout_weight_decay
        self.backend = backend
        self.in_proj = nn.Linear(d_model, 3 * d_model)  # q, k, v
        self.shift_kernel: ShiftKernel | ExplicitKernel
        self.memory_kernel: DiagonalKernel | ExplicitKernel
        if kernel == "ssm":
            self.decode_modes = ("recurrent",)
            self.shift_kernel = ShiftKernel(d_model, shift_state, train_b=train_b, max_lr=ssm_lr)
            self.memory_kernel = DiagonalKernel(
                self.n_heads, d_state, rule=rule, dt_min=dt_min, dt_max=dt_max, max_lr=ssm_lr
            )
        else:
            self.decode_modes = ("lazy", "epoched", "relaxed")
            self.shift_kernel = ExplicitKernel((), d_model, max_length or 0, filter)
            self.memory_kernel = ExplicitKernel((), self.n_heads, max_length or 0, filter)
        self.shift_skip = nn.Parameter(torch.randn(d_model))
        self.memory_skip = nn.Parameter(torch.randn(self.n_heads))
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, x: Tensor) -> Tensor:
        """Mix whole sequences of shape (B, L, D)."""
        self._check_input(x)
        q, k, v = self._project(x)
        k = long_conv(k, self.shift_kernel(x.shape[1]), self.shift_skip, backend=self.backend)
        products = long_conv(
            rows(k, self.head_dim),
            self.memory_kernel(x.shape[1]),
            self._skip_of_products(),
            gate_in=columns(v, self.head_dim),
            gate_out=rows(q, self.head_dim),
            backend=self.backend,
        )
        return self._project_out(sum_rows(products, self.head_dim))

    @torch.no_grad()
    def init_state(
        self, batch: int, max_length: int | None = None, *, mode: str = "auto"
    ) -> H3State | H3ConvState:
        """Return an empty state; with long filters ``mode`` is that of ``OnlineConv``."""
        length = self._state_length(max_length)
        shift, memory = self.shift_kernel, self.memory_kernel
        if isinstance(shift, ExplicitKernel) and isinstance(memory, ExplicitKernel):
            convs = [
                OnlineConv(kernel.without_dropout(length), length, mode, skip=skip, batch=batch)
                for kernel, skip in ((shift, self.shift_skip), (memory, self._skip_of_products()))
            ]
            return H3ConvState(position=0, max_length=length, batch=batch, shift=convs[0], memory=convs[1])
        if mode not in ("auto", "recurrent"):
            raise UnknownName("decoding mode of H3", mode, ["auto", "recurrent"])
        system = self._step_system()
        weight, slots = self.in_proj.weight, system.taps.shape[1]
        with torch.inference_mode(False):  # written in place, within and without inference mode
            keys = torch.zeros(batch, self.d_model, slots, dtype=weight.dtype, device=weight.device)
            slot = torch.zeros(batch, self.d_model, dtype=torch.int32, device=weight.device)
            products = system.diagonal.new_zeros(batch, self.head_dim**2, *system.diagonal.shape[1:])
        return H3State(
            position=0, max_length=length, batch=batch, keys=keys, slot=slot, memory=products, system=system
        )

    @torch.no_grad()
    def prefill(self, x: Tensor, state: H3State | H3ConvState) -> tuple[Tensor, H3State | H3ConvState]:
        """Mix the next chunk of shape (B, P, D): a convolution, and what the state adds to it."""
        self._check_chunk(x, state)
        if x.shape[1] == 0:
            return x, state
        if x.shape[1] == 1:
            y_t, state = self.step(x[:, 0], state)
            return y_t[:, None], state
        return self._project_out(self._advance(*self._project(x), state)), state

    @torch.no_grad()
    def step(self, x_t: Tensor, state: H3State | H3ConvState) -> tuple[Tensor, H3State | H3ConvState]:
        """Mix one more step of shape (B, D); a state on a GPU is changed where it is."""
        self._check_chunk(x_t[:, None], state)
        q, k, v = self.in_proj(x_t).chunk(3, dim=1)
        if isinstance(state, H3ConvState):
            read = self._advance(q[..., None], k[..., None], v[..., None], state)[..., 0]
        else:
            read = self._recur(q, k, v, state)
        y_t: Tensor = self.out_proj(read)
        return y_t, state

    def step_tensors(self, state: H3State | H3ConvState) -> tuple[Tensor, ...] | None:
        """Return the ring, its slots, the memory and the system where a step keeps them in place."""
        if isinstance(state, H3ConvState) or state.real_steps(1) is not None:
            return None
        if not (steps_in_place(state.memory) and steps_in_place(state.keys)):
            return None
        return state.keys, state.slot, state.memory, *state.system.tensors()

    def parameter_options(self) -> dict[str, dict[str, float]]:
        """Exempt biases and state spaces from weight decay; read-outs and skips have their own."""
        options = {name: {"weight_decay": 0.0} for name in ("in_proj.bias", "out_proj.bias")}
        readouts = ["shift_skip", "memory_skip"]
        for part, kernel in (("shift_kernel", self.shift_kernel), ("memory_kernel", self.memory_kernel)):
            options |= {f"{part}.{name}": found for name, found in kernel.parameter_options().items()}
            if not isinstance(kernel, ExplicitKernel):
                readouts.append(f"{part}.C")
        return options | {name: {"weight_decay": self.readout_weight_decay} for name in readouts}

    def flops(self, seq_len: int) -> float:
        """Return the operations of a forward pass per step.

        Projections ``4 D²``, convolutions ``5 D log2 L`` of the keys and ``5 D E log2 L`` of the products,
        reading ``D E``, all times 2: Hyena's way of counting, appendix A.2 of arXiv 2302.10866. Computing the
        filters, which does not grow with the batch, is not counted.
        """
        width, head = self.d_model, self.head_dim
        convolutions = 5 * width * (1 + head) * math.log2(max(seq_len, 1))
        return 2.0 * (4 * width**2 + convolutions + width * head)

    def _project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, each (B, D, L)."""
        z = project_to_time_last(x, self.in_proj.weight)
        q, k, v = (z + self.in_proj.bias.to(z.dtype)[:, None]).chunk(3, dim=1)
        return q, k, v

    def _project_out(self, y: Tensor) -> Tensor:
        return project_from_time_last(y, self.out_proj.weight, self.out_proj.bias)

    def _skip_of_products(self) -> Tensor:
        return self.memory_skip.repeat_interleave(self.head_dim**2)

    def _diagonal(self) -> DiagonalKernel:
        return cast(DiagonalKernel, self.memory_kernel)

    def _step_system(self) -> H3StepSystem:
        taps = self.shift_kernel(self.shift_state)
        skips = (skip.detach().to(taps.dtype) for skip in (self.shift_skip, self.memory_skip))
        shift_skip, memory_skip = skips
        return H3StepSystem(taps, shift_skip, self._diagonal().step_system(), memory_skip)

    def _recur(self, q: Tensor, k: Tensor, v: Tensor, state: H3State) -> Tensor:
        """Take one step of queries, keys and values (B, D); return what is read, in their type."""
        real, system, E = state.real_steps(1), state.system, self.head_dim
        k = k if real is None else k * real[:, 0]
        k = shift_step(state.keys, state.slot, k, system.taps, system.shift_skip, position=state.position)
        state.position += 1
        queries = q if E == 1 else q.to(k.dtype)  # sums over a head are rounded once
        products = [z.reshape(-1, self.n_heads, E).mT for z in (k, v, queries)]  # (B, E, H) each
        if E > 1:  # (B, E², H) in the order (i, j)
            rows, columns, queries = products
            products = [
                rows.repeat_interleave(E, 1),
                columns.repeat(1, E, 1),
                queries.repeat_interleave(E, 1),
            ]
        read, state.memory = ssm_step(
            state.memory,
            products[0],
            *system.diagonal,
            skip=system.memory_skip,
            gate_in=products[1],
            gate_out=products[2],
            in_place=True,
        )
        if E > 1:
            read = read.view(-1, E, E, self.n_heads).sum(1).mT
        return read.flatten(1).to(q.dtype)

    def _advance(self, q: Tensor, k: Tensor, v: Tensor, state: H3State | H3ConvState) -> Tensor:
        """Take P steps (B, D, P) of queries, keys and values; return what is read, in their type."""
        real = state.real_steps(k.shape[-1])
        k = k if real is None else k * real.mT
        read = self._convolve(q, k, v, state) if isinstance(state, H3State) else self._stream(q, k, v, state)
        state.position += k.shape[-1]
        return read

    def _stream(self, q: Tensor, k: Tensor, v: Tensor, state: H3ConvState) -> Tensor:
        dtype = torch.promote_types(k.dtype, torch.float32)
        keys = state.shift.prefill(k.to(dtype))
        products = rows(keys, self.head_dim) * columns(v.to(dtype), self.head_dim)
        read = rows(q.to(dtype), self.head_dim) * state.memory.prefill(products)
        return sum_rows(read, self.head_dim).to(q.dtype)

    def _convolve(self, q: Tensor, k: Tensor, v: Tensor, state: H3State) -> Tensor:
        """Convolve inside the chunk, as ``forward`` does, and add what the state remembers."""
        steps = k.shape[-1]
        keys, values = rows(self._shift(k, state), self.head_dim), columns(v, self.head_dim)
        queries = rows(q, self.head_dim)
        read = long_conv(
            keys,
            self.memory_kernel(steps),
            self._skip_of_products(),
            gate_in=values,
            gate_out=queries,
            backend=self.backend,
        )
        shape = (keys.shape[0], self.n_heads, self.head_dim**2, steps)
        dA, dB, C = self._diagonal().system()
        if state.position:
            earlier = ssm_state_outputs(C, dA, steps, state.memory)  # (B, E², H, P)
            read = torch.addcmul(read, queries, earlier.transpose(1, 2).flatten(1, 2))
        products = (keys.to(state.memory.real.dtype) * values).reshape(shape).transpose(1, 2)
        state.memory = ssm_final_state(products, dA, dB, state.memory if state.position else None)
        return sum_rows(read, self.head_dim).to(q.dtype)

    def _shift(self, k: Tensor, state: H3State) -> Tensor:
        """Convolve the next keys (B, D, P) with the shift filter, skip included."""
        slots, start = state.keys.shape[-1], state.position
        past = state.keys.roll(-(start % slots), -1)[..., 1:].to(k.dtype)  # oldest first
        window = torch.cat([past, k[..., -slots:]], dim=-1)[..., -slots:]
        end = (start + k.shape[-1]) % slots
        state.keys.copy_(window.roll(end, -1))
        state.slot.fill_(end)
        signal = k if start == 0 else torch.cat([past, k], dim=-1)
        taps = self.shift_kernel(signal.shape[-1])
        return long_conv(signal, taps, self.shift_skip, backend=self.backend)[..., -k.shape[-1] :]


def _check_settings(
    d_model: int,
    head_dim: int,
    kernel: str,
    max_length: int | None,
    readout_weight_decay: float,
    filter: KernelConfig | None,
) -> None:
    if head_dim < 1 or d_model % head_dim:
        raise ConfigError(
            f"head_dim is {head_dim}, which does not divide d_model={d_model}. Choose a divisor."
        )
    if kernel not in ("ssm", "long_conv"):
        raise ConfigError(f'kernel is "{kernel}"; give "ssm" or "long_conv".')
    if kernel == "ssm" and filter is not None:
        raise ConfigError(
            'filter is given but kernel is "ssm", whose filters come from state spaces. Leave filter out, or '
            'set kernel="long_conv".'
        )
    if kernel == "long_conv" and max_length is None:
        raise ConfigError(
            'H3 with kernel="long_conv" needs max_length, the length of its filters; give the longest '
            "sequence you will use."
        )
    if not 0 <= readout_weight_decay < math.inf:
        raise ConfigError(
            f"readout_weight_decay is {readout_weight_decay}; give a finite number of at least 0 (the "
            f"reference has 0.1)."
        )
