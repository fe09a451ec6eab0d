"""The launches of the three-pass kernels: groups of channels, their scratch memory, two groups at a time."""

# Shapes: B batch, D width, L length, K taps; C channels at a time, S = C B sequences of a group

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor
from triton.compiler import CompiledKernel
from triton.runtime import JITFunction

from longwave.ops.long_conv.triton.call import Call, Gradients, strides, vector
from longwave.ops.long_conv.triton.factors import inner_factors, outer_factors
from longwave.ops.long_conv.triton.plans import PassPlan
from longwave.ops.long_conv.triton.three_pass import (
    columns_back_kernel,
    columns_kernel,
    rows_backward_kernel,
    rows_kernel,
)

__all__ = ["pass_backward", "pass_forward"]

PROGRAMS = 528  # of a pass over columns: four for each multiprocessor
LANES = 2  # groups of channels under way at a time
Arguments = tuple[Tensor | float | None, ...]
Pass = Callable[[int, int, int], None]  # runs one pass over C channels from channel h0 on, on a stream


def pass_forward(call: Call, y: Tensor, plan: PassPlan) -> None:
    """Write the convolution into ``y``."""

    def lane(C: int) -> list[Pass]:
        passes = _Passes(call, plan, C, 1)
        (x,) = passes.signals
        return [
            *passes.filter_columns(),
            passes.columns(call.u, call.gate_in, x),
            passes.rows(),
            *passes.columns_back(x, (y, call.gate_out)),
        ]

    _run(lane, call, plan, 1)


def pass_backward(call: Call, grad: Tensor, found: Gradients, plan: PassPlan) -> None:
    """Write the gradients that have a place in ``found``."""
    u, _, _, a, b = call
    wants_x = found.u is not None or found.gate_in is not None
    wants = wants_x, found.gate_out is not None, found.k is not None
    dk = () if found.k is None else tuple(found.k) if call.both else (found.k,)

    def lane(C: int) -> list[Pass]:
        passes = _Passes(call, plan, C, 2)
        x, h = passes.signals
        return [
            *passes.filter_columns(),
            passes.columns(grad, b, h),
            passes.columns(u, a, x),
            passes.rows_backward(wants),
            *passes.columns_back(h, (found.u, a), (found.gate_in, u)),
            *passes.columns_back(x, (found.gate_out, grad)),
            *(
                p
                for k, each in zip(passes.filters, dk, strict=False)
                for p in passes.columns_back(k, (each[None], None))
            ),
        ]

    _run(lane, call, plan, 2)


def _run(lane: Callable[[int], list[Pass]], call: Call, plan: PassPlan, n_spectra: int) -> None:
    """Run the passes of a lane over groups of channels; two lanes in turn, on streams of their own.

    While one group's columns wait for memory, another's rows keep the arithmetic units busy.
    """
    (B, D, _), device = call.u.shape, call.u.device
    each = 4 * plan.points * (B * n_spectra + (2 if call.both else 1))  # bytes of a channel
    n_groups = -(-D // max(1, plan.scratch // LANES // each))
    if D * each <= plan.scratch:  # one group needs no turns
        n_groups = 1
    C = -(-D // n_groups)
    groups = [(h0, min(C, D - h0)) for h0 in range(0, D, C)]
    if device.type != "cuda":
        passes = lane(C)
        for group in groups:
            for run in passes:
                run(*group, 0)
        return
    here = torch.cuda.current_stream(device)
    streams = [here, *(_side_stream(device, n) for n in range(1, min(LANES, len(groups))))]
    lanes = [(stream, lane(C)) for stream in streams]
    for stream in streams[1:]:
        stream.wait_stream(here)
    for (h0, channels), (stream, passes) in zip(groups, itertools.cycle(lanes), strict=False):
        with torch.cuda.stream(stream):
            for run in passes:
                run(h0, channels, stream.cuda_stream)
    for stream in streams[1:]:
        here.wait_stream(stream)


@functools.lru_cache(maxsize=32)
def _side_stream(device: torch.device, number: int) -> torch.cuda.Stream:
    del number
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


class _Launcher:
    """One kernel and those of its arguments that are the same for all groups of channels.

    The first launch chooses the compiled variant and looks at tensors, which takes the host 30 microseconds,
    as long as a group keeps the GPU busy. The others repeat it with addresses, as Triton's own launch would.
    """

    def __init__(self, kernel: JITFunction, before: Arguments, after: Arguments, **options: int) -> None:
        self.kernel, self.before, self.after, self.options = kernel, before, after, options
        self.compiled: CompiledKernel | None = None

    def __call__(self, grid: tuple[int, int, int], stream: int, *between: int) -> None:
        compiled = self.compiled
        if compiled is None:
            self.compiled = self.kernel[grid](*self.before, *between, *self.after, **self.options)
            if self.compiled is not None:  # the interpreter compiles nothing
                self.before, self.after = _addresses(self.before), _addresses(self.after)
        else:
            shared = (compiled.function, compiled.packed_metadata, None, None, None)
            compiled.run(*grid, stream, *shared, *self.before, *between, *self.after)


def _addresses(arguments: Arguments) -> Arguments:
    return tuple(x.data_ptr() if isinstance(x, Tensor) else x for x in arguments)


class _Spectra:
    """Scratch of one group of sequences: half-transformed rows, and the powers of two that scale them."""

    def __init__(self, sequences: int, plan: PassPlan, device: torch.device) -> None:
        tiles = plan.N0 // plan.R * (plan.P // plan.M)
        self.E = torch.empty((sequences, plan.N0, 2, plan.P), dtype=torch.float16, device=device)
        self.scales = torch.empty((sequences, tiles), device=device)
        self.rows = torch.empty((sequences, plan.N0), device=device)


class _Passes:
    """Makes the passes over groups of C channels, and holds their scratch."""

    def __init__(self, call: Call, plan: PassPlan, C: int, n_spectra: int) -> None:
        self.call, self.plan, self.C = call, plan, C
        B, device = call.u.shape[0], call.u.device
        self.directions = tuple(call.k) if call.both else (call.k,)
        self.signals = [_Spectra(self.C * B, plan, device) for _ in range(n_spectra)]
        self.filters = [_Spectra(self.C, plan, device) for _ in self.directions]
        self.outer = outer_factors(plan.N0, plan.P, device)
        self.inner = inner_factors(plan.N1, plan.N2, device)
        self.tiles = (plan.N0, plan.R, plan.P, plan.M)

    def columns(self, u: Tensor, gate: Tensor | None, into: _Spectra) -> Pass:
        """Transform the columns of ``gate * u``."""
        V = vector(u.shape[-1], u, gate)
        return self._columns(u, gate, None, into, u.shape[0], V, 1, (*strides(u, V), *strides(gate, V)))

    def filter_columns(self) -> list[Pass]:
        """Transform the columns of the filters, the skip added at lag zero."""
        K, stride = self.directions[0].shape[-1], self.directions[0].stride(0)
        V = math.gcd(4, K, stride)
        return [
            self._columns(k, None, skip, into, 1, V, self.call.share, (0, stride // V, 0, 0))
            for k, skip, into in zip(self.directions, (self.call.skip, None), self.filters, strict=False)
        ]

    def _columns(
        self, u: Tensor, gate: Tensor | None, skip: Tensor | None, into: _Spectra,
        B: int, V: int, share: int, strides: tuple[int, int, int, int],
    ) -> Pass:  # fmt: skip
        launch = _Launcher(
            columns_kernel,
            (u, gate, skip, into.E, into.scales, *self.outer),
            (u.shape[-1] // V, share, *strides, V, *self.tiles, self.plan.stages[0]),
            num_warps=self.plan.warps[0],
        )

        def run(h0: int, C: int, stream: int) -> None:
            grid, each = self._grid(C * B)
            launch(grid, stream, h0, B, C * B, each)

        return run

    def _grid(self, sequences: int) -> tuple[tuple[int, int, int], int]:
        """Return tiles, blocks of rows and shares of the sequences, and the sequences of a share."""
        tiles, blocks = self.plan.P // self.plan.M, self.plan.N0 // self.plan.R
        each = max(1, -(-sequences * tiles * blocks // PROGRAMS))
        return (tiles, blocks, -(-sequences // each)), each

    def rows(self) -> Pass:
        """Convolve the rows of the signal."""
        (x,), plan, B = self.signals, self.plan, self.call.u.shape[0]
        k, ahead = self.filters[0], self.filters[-1]
        launch = _Launcher(
            rows_kernel,
            (k.E, k.scales, ahead.E, ahead.scales, x.E, x.scales, x.rows, *self.inner, B),
            (*self._row_tiles, plan.stages[1]),
            num_warps=plan.warps[1],
        )
        return lambda _, C, stream: launch((plan.N0, C, 1), stream)

    @property
    def _row_tiles(self) -> tuple[int, int, int, int, int, bool]:
        plan = self.plan
        return plan.N0, plan.R, plan.M, plan.N1, plan.N2, self.call.both

    def rows_backward(self, wants: tuple[bool, bool, bool]) -> Pass:
        """Replace the spectra by those of the gradients."""
        (x, h), plan, B = self.signals, self.plan, self.call.u.shape[0]
        k, ahead = self.filters[0], self.filters[-1]
        filters = (k.E, k.scales, k.rows, ahead.E, ahead.scales, ahead.rows)
        launch = _Launcher(
            rows_backward_kernel,
            (*filters, x.E, x.scales, x.rows, h.E, h.scales, h.rows, *self.inner, B),
            (*self._row_tiles, *wants, plan.stages[1]),
            num_warps=plan.warps[1],
        )
        return lambda _, C, stream: launch((plan.N0, C, 1), stream)

    def columns_back(self, spectra: _Spectra, *products: tuple[Tensor | None, Tensor | None]) -> list[Pass]:
        """Transform columns back and write ``y = m * c`` for one or two pairs (y, m); none if y is None."""
        (y1, m1), (y2, m2) = (*products, (None, None))[:2]
        y = y1 if y1 is not None else y2
        if y is None:
            return []
        (B, _, L), V = y.shape, vector(y.shape[-1], y, m1, m2)
        places = (*strides(y, V), *strides(m1, V), *strides(m2, V))
        launch = _Launcher(
            columns_back_kernel,
            (spectra.E, spectra.rows, m1, y1, m2, y2, *self.outer),
            (L // V, *places, V, *self.tiles, self.plan.gain, self.plan.stages[0]),
            num_warps=self.plan.warps[0],
        )

        def run(h0: int, C: int, stream: int) -> None:
            grid, each = self._grid(C * B)
            launch(grid, stream, h0, B, C * B, each)

        return [run]
