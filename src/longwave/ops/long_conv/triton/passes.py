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
LITTLE = 72 * 2**20  # bytes of scratch; with more, larger groups gain nothing
LENT = 4  # times as large are groups of channels whose spectra lie in results not yet written
STEP = 8  # halves in a unit of the distances between spectra, which have 32 bits
Arguments = tuple[Tensor | float | None, ...]
Pass = Callable[[int, int, int], None]  # runs one pass over C channels from channel h0 on, on a stream
Places = list[Tensor | None]  # where the spectra of a lane's signals lie; None: in memory of their own
Lane = Callable[[int, Places], list[Pass]]
Compiled = dict[int, CompiledKernel]  # of one call, in the order of its launchers


def pass_forward(call: Call, y: Tensor, plan: PassPlan) -> None:
    """Write the convolution into ``y``."""
    compiled: Compiled = {}

    def lane(C: int, places: Places) -> list[Pass]:
        passes = _Passes(call, plan, C, places, compiled)
        (x,) = passes.signals
        return [
            *passes.filter_columns(),
            passes.columns(call.u, call.gate_in, x),
            passes.rows(),
            *passes.columns_back(x, (y, call.gate_out)),
        ]

    _run(lane, call, plan, 1, [y])


def pass_backward(call: Call, grad: Tensor, found: Gradients, plan: PassPlan) -> None:
    """Write the gradients that have a place in ``found``."""
    u, _, _, a, b = call
    wants_x = found.u is not None or found.gate_in is not None
    wants = wants_x, found.gate_out is not None, found.k is not None
    dk = () if found.k is None else tuple(found.k) if call.both else (found.k,)

    compiled: Compiled = {}

    def lane(C: int, places: Places) -> list[Pass]:
        passes = _Passes(call, plan, C, places, compiled)
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

    results = (found.u, found.gate_in, found.gate_out)
    _run(lane, call, plan, 2, [each for each in results if each is not None])


def _run(lane: Lane, call: Call, plan: PassPlan, n_spectra: int, results: list[Tensor]) -> None:
    """Run the passes of a lane over all channels, in groups whose spectra take ``plan.scratch`` bytes.

    Where that is little, the groups are larger and lie in the last channels of the results, which are written
    last; these channels themselves then come in groups with memory of their own.
    """
    B, D = call.u.shape[:2]
    filters = 4 * plan.points * (2 if call.both else 1)  # bytes of a channel, always in memory of its own
    each = filters + 4 * plan.points * B * n_spectra
    most, done = max(1, plan.scratch // LANES // each), 0
    if plan.scratch <= LITTLE and D * each > plan.scratch:
        C = max(1, min(LENT * most, plan.scratch // LANES // filters))
        lent, before = borrow(results, C, plan.points, n_spectra)
        if before >= LANES * C:
            done = before // C * C
            _take_turns(lane, call, [(h0, C) for h0 in range(0, done, C)], lent)
    own: list[Places] = [[None] * n_spectra] * LANES
    n_groups = 1 if (D - done) * each <= plan.scratch else -(-(D - done) // most)
    C = -(-(D - done) // n_groups)
    _take_turns(lane, call, [(h0, min(C, D - h0)) for h0 in range(done, D, C)], own)


def borrow(results: list[Tensor], C: int, points: int, n_spectra: int) -> tuple[list[Places], int]:
    """Find room for the spectra of all lanes, of C channels each, in the last channels of results.

    Parameters
    ----------
    results : list of Tensor, shape (B, D, L)
        Memory to be written channel by channel; what is contiguous and of the first one's type serves.
    C, points, n_spectra : int
        Channels of a group, points of a spectrum, and the spectra of a lane.

    Returns
    -------
    list of list of Tensor, shape (C, B, 2 points)
        For each lane its spectra in fp16, which do not overlap.
    int
        The channels before them; none where the results do not serve.
    """
    alike = [each for each in results if each.dtype == results[0].dtype and each.is_contiguous()]
    halves = [each.view(torch.float16) for each in alike]
    B, D, length = halves[0].shape if halves else (0, 0, 0)
    if length % STEP or not 0 < D * length < STEP * 2**31:
        return [], 0
    n_rows = -(-2 * points // length)  # channels that hold the spectra of one
    n_places = LANES * n_spectra
    before = D - -(-n_places // len(halves)) * C * n_rows
    if before <= 0:
        return [], 0
    places: list[Tensor | None] = []
    for number in range(n_places):
        result = halves[number % len(halves)]
        first = result[:, before + number // len(halves) * C * n_rows :]
        strides = n_rows * length, D * length, 1
        places.append(first.as_strided((C, B, 2 * points), strides))
    return [places[at : at + n_spectra] for at in range(0, n_places, n_spectra)], before


def _take_turns(lane: Lane, call: Call, groups: list[tuple[int, int]], places: list[Places]) -> None:
    """Run groups of channels, the first the largest, two lanes in turn, on streams of their own.

    While one group's columns wait for memory, another's rows keep the arithmetic units busy.
    """
    device, C = call.u.device, groups[0][1]
    if device.type != "cuda":
        turns = itertools.cycle([lane(C, each) for each in places[: len(groups)]])
        for group, passes in zip(groups, turns, strict=False):
            for run in passes:
                run(*group, 0)
        return
    here = torch.cuda.current_stream(device)
    streams = [here, *(_side_stream(device, n) for n in range(1, min(LANES, len(groups))))]
    lanes = [(stream, lane(C, each)) for stream, each in zip(streams, places, strict=False)]
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
    as long as a group keeps the GPU busy. The others, those of other lanes too, repeat it with addresses, as
    Triton's own launch would: lanes differ in addresses, and in numbers that no variant depends on.
    """

    def __init__(
        self,
        known: Compiled,
        number: int,
        kernel: JITFunction,
        before: Arguments,
        after: Arguments,
        warps: int,
    ) -> None:
        self.known, self.number, self.kernel, self.warps = known, number, kernel, warps
        self.arguments, self.addresses = (before, after), (_addresses(before), _addresses(after))

    def __call__(self, grid: tuple[int, int, int], stream: int, *between: int) -> None:
        compiled = self.known.get(self.number)
        if compiled is None:
            before, after = self.arguments
            compiled = self.kernel[grid](*before, *between, *after, num_warps=self.warps)
            if compiled is not None:  # the interpreter compiles nothing
                self.known[self.number] = compiled
        else:
            before, after = self.addresses
            shared = (compiled.function, compiled.packed_metadata, None, None, None)
            compiled.run(*grid, stream, *shared, *before, *between, *after)


def _addresses(arguments: Arguments) -> Arguments:
    return tuple(x.data_ptr() if isinstance(x, Tensor) else x for x in arguments)


class _Spectra:
    """Half-transformed rows of a group, (C, B, 2 points), and the powers of two that scale them."""

    def __init__(self, C: int, B: int, plan: PassPlan, device: torch.device, place: Tensor | None) -> None:
        tiles = plan.blocks * (plan.P // plan.M)
        if place is None:
            place = torch.empty((C, B, 2 * plan.points), dtype=torch.float16, device=device)
        self.E = place
        self.strides = place.stride(1) // STEP, place.stride(0) // STEP
        self.scales = torch.empty((C * B, tiles), device=device)
        self.rows = torch.empty((C * B, plan.N0), device=device)


class _Passes:
    """Makes the passes over groups of C channels, and holds their scratch."""

    def __init__(self, call: Call, plan: PassPlan, C: int, places: Places, compiled: Compiled) -> None:
        self.call, self.plan = call, plan
        self.compiled, self.numbers = compiled, itertools.count()
        B, device = call.u.shape[0], call.u.device
        self.directions = tuple(call.k) if call.both else (call.k,)
        self.signals = [_Spectra(C, B, plan, device, place) for place in places]
        self.filters = [_Spectra(C, 1, plan, device, None) for _ in self.directions]
        self.outer = outer_factors(plan.N0, plan.P, plan.R, device)
        self.inner = inner_factors(plan.N1, plan.N2, device)
        self.tiles = (plan.R, plan.P, plan.M, plan.blocks > 1, plan.N0 % plan.R == 0, plan.stages[0])

    def _launcher(self, kernel: JITFunction, before: Arguments, after: Arguments, warps: int) -> _Launcher:
        return _Launcher(self.compiled, next(self.numbers), kernel, before, after, warps)

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
        launch = self._launcher(
            columns_kernel,
            (u, gate, skip, into.E, into.scales, *self.outer, self.plan.N0),
            (u.shape[-1] // V, share, *strides, *into.strides, V, *self.tiles),
            self.plan.warps[0],
        )

        def run(h0: int, C: int, stream: int) -> None:
            grid, each = self._grid(C * B)
            launch(grid, stream, h0, B, C * B, each)

        return run

    def _grid(self, sequences: int) -> tuple[tuple[int, int, int], int]:
        """Return tiles, blocks of rows and shares of the sequences, and the sequences of a share."""
        tiles, blocks = self.plan.P // self.plan.M, self.plan.blocks
        each = max(1, -(-sequences * tiles * blocks // PROGRAMS))
        return (tiles, blocks, -(-sequences // each)), each

    def rows(self) -> Pass:
        """Convolve the rows of the signal."""
        (x,), plan, B = self.signals, self.plan, self.call.u.shape[0]
        k, ahead = self.filters[0], self.filters[-1]
        launch = self._launcher(
            rows_kernel,
            (k.E, k.scales, ahead.E, ahead.scales, x.E, x.scales, x.rows, *self.inner, B, *x.strides),
            (*self._row_tiles, plan.stages[1]),
            plan.warps[1],
        )
        return lambda _, C, stream: launch((plan.N0, C, 1), stream)

    @property
    def _row_tiles(self) -> tuple[int, int, int, int, bool]:
        plan = self.plan
        return plan.R, plan.M, plan.N1, plan.N2, self.call.both

    def rows_backward(self, wants: tuple[bool, bool, bool]) -> Pass:
        """Replace the spectra by those of the gradients."""
        (x, h), plan, B = self.signals, self.plan, self.call.u.shape[0]
        k, ahead = self.filters[0], self.filters[-1]
        filters = (k.E, k.scales, k.rows, ahead.E, ahead.scales, ahead.rows)
        signals = (x.E, x.scales, x.rows, h.E, h.scales, h.rows)
        launch = self._launcher(
            rows_backward_kernel,
            (*filters, *signals, *self.inner, B, *x.strides),
            (*self._row_tiles, *wants, plan.stages[1]),
            plan.warps[1],
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
        launch = self._launcher(
            columns_back_kernel,
            (spectra.E, spectra.rows, m1, y1, m2, y2, *self.outer, self.plan.N0, self.plan.gain),
            (L // V, *places, *spectra.strides, V, *self.tiles),
            self.plan.warps[0],
        )

        def run(h0: int, C: int, stream: int) -> None:
            grid, each = self._grid(C * B)
            launch(grid, stream, h0, B, C * B, each)

        return [run]
