"""Decoding steps as captured CUDA graphs: a step's device work is launched by one call, not by hundreds.

A step of a model is a chain of parts. Runs of neighbouring parts that do the same work on the same memory in
every step are captured once and then repeated; the parts between them, such as attention over a growing
cache, run as they are.
"""

# Shapes: B batch, D width, V vocabulary

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import torch
from torch import Tensor, nn

from longwave.errors import BackendUnavailable, LongwaveError

__all__ = ["StepGraphs", "StepPart", "run_parts"]

Tensors = tuple[Tensor, ...]

WARM_UP = 1  # steps that run as they are: kernels are compiled and libraries make their workspaces

_log = logging.getLogger(__name__)


class Counted(Protocol):
    """A state that counts its steps."""

    position: int


@dataclass(frozen=True, slots=True)
class StepPart:
    """A part of a decoding step.

    Parameters
    ----------
    run : callable
        From what the part before returned, a tuple of tensors, to the part's own.
    module : nn.Module
        Holds the parameters that it reads.
    held : callable, optional
        Returns the other tensors that it reads or changes in place, or None if its work is not the same in
        every step; without it there are none.
    state : object with ``position``, optional
        Its position grows by one in ``run``, and has no other influence where ``held`` returns tensors.
    """

    run: Callable[[Tensors], Tensors]
    module: nn.Module
    held: Callable[[], Tensors | None] | None = None
    state: Counted | None = None

    def tensors(self) -> Tensors | None:
        """Return what ``held`` does."""
        return () if self.held is None else self.held()


class StepGraphs:
    """Run the parts of decoding steps, from captured graphs where that is possible.

    One object serves one state at a time, on one device. The first steps run part by part; then graphs are
    captured, and again whenever a tensor that they read or change is replaced (after a prefill, ``reorder``,
    ``truncate`` or ``to``), so results are those of the parts. Parameters may change in place between steps.
    Where a capture fails, a warning says so and all further steps run part by part.

    Notes
    -----
    Nothing is captured on a CPU, under autocast or with gradients. A capture takes the time of about two
    steps and the memory of one step's activations.
    """

    def __init__(self) -> None:
        self._failed = False
        self._steps = 0
        self._runs: list[_Run] | None = None
        self._parts: Sequence[StepPart] = ()
        self._state: object = None

    def run(self, state: object, parts: Callable[[], Sequence[StepPart]], given: Tensors) -> Tensors:
        """Take a step.

        Parameters
        ----------
        state : object
            Whose parts these are.
        parts : callable
            Returns them in order; asked once for as long as the state stays the same.
        given : tuple of Tensor
            What the first part takes.

        Returns
        -------
        tuple of Tensor
            What the last part returns, in memory of its own.
        """
        if state is not self._state:
            self._state, self._parts, self._runs, self._steps = state, parts(), None, 0
        self._steps += 1
        if self._failed or self._steps <= WARM_UP or not _can_capture(given):
            return run_parts(self._parts, given)
        try:
            with torch.cuda.device(given[0].device):
                return self._replay(given)
        except _CaptureFailed as failure:
            self._failed, self._runs = True, None
            _log.warning("Steps are not captured as a CUDA graph, which is slower: %s", failure)
            return run_parts(self._parts[failure.done :], failure.reached)

    @property
    def captured(self) -> int:
        """Graphs in use."""
        return sum(run.graph is not None for run in self._runs or ())

    def _replay(self, given: Tensors) -> Tensors:
        held = [part.tensors() for part in self._parts]
        if self._runs is None or not all(run.is_valid(held) for run in self._runs):
            self._runs = None  # frees the memory of the old graphs first
            self._runs = list(_make_runs(self._parts, held))
        tensors = given
        for run in self._runs:
            tensors = run(tensors)
        return tuple(x.clone() for x in tensors) if self._runs[-1].graph is not None else tensors


class _CaptureFailed(LongwaveError):
    """A capture failed; the parts up to ``done`` have run and returned ``reached``."""

    def __init__(self, cause: BaseException | str, done: int, reached: Tensors) -> None:
        super().__init__(repr(cause))
        self.done, self.reached = done, reached


class _Shared:
    """What graphs of a step share: one pool, as they run in the order of their capture, and one workspace."""

    def __init__(self) -> None:
        self.pool = torch.cuda.graph_pool_handle()
        self.stream: torch.cuda.Stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]


class _Run:
    """Neighbouring parts, all captured or all not."""

    def __init__(
        self,
        parts: Sequence[StepPart],
        first: int,
        held: Sequence[Tensors] | None,
        shared: _Shared,
    ) -> None:
        self.parts, self.first, self.held, self.shared = parts, first, held, shared
        self.graph: torch.cuda.CUDAGraph | None = None
        self.inputs: Tensors = ()
        self.outputs: Tensors = ()
        modules = {part.module for part in parts} if held is not None else set()
        self.parameters = [p for module in modules for p in (*module.parameters(), *module.buffers())]
        self.places = self._places()

    def is_valid(self, held: Sequence[Tensors | None]) -> bool:
        """Whether all tensors are where they were when this run was made."""
        now = held[self.first : self.first + len(self.parts)]
        if self.held is None:
            return all(tensors is None for tensors in now)
        are_same = all(
            new is not None and _are_same(old, new) for old, new in zip(self.held, now, strict=True)
        )
        return are_same and self.places == self._places()

    def __call__(self, given: Tensors) -> Tensors:
        if self.held is None:
            return run_parts(self.parts, given)
        if self.graph is None or not _are_alike(self.inputs, given):
            self.graph = self._capture(given)
        else:
            for part in self.parts:
                if part.state is not None:
                    part.state.position += 1
            self._fill(given)
        self.graph.replay()
        return self.outputs

    def _capture(self, given: Tensors) -> torch.cuda.CUDAGraph:
        """Record the parts; their states count one step, which the first replay takes."""
        positions = [None if part.state is None else part.state.position for part in self.parts]
        with torch.inference_mode(False), torch.no_grad():
            self.inputs = tuple(torch.empty_like(x) for x in given)
        self._fill(given)
        graph = torch.cuda.CUDAGraph()
        stream = self.shared.stream
        stream.wait_stream(torch.cuda.current_stream())
        try:
            with torch.cuda.stream(stream):
                # Not torch.cuda.graph, which collects garbage and empties the allocator's cache every time.
                graph.capture_begin(pool=self.shared.pool, capture_error_mode="thread_local")
                try:
                    self.outputs = run_parts(self.parts, self.inputs)
                finally:
                    graph.capture_end()
        except RuntimeError as failure:
            _recover(self.shared)
            for part, position in zip(self.parts, positions, strict=True):
                if part.state is not None and position is not None:
                    part.state.position = position
            raise _CaptureFailed(failure, self.first, given) from failure
        torch.cuda.current_stream().wait_stream(stream)
        if not self.is_valid([*[None] * self.first, *(part.tensors() for part in self.parts)]):
            names = ", ".join(sorted({type(part.module).__name__ for part in self.parts if part.held}))
            raise BackendUnavailable(
                f"A step of one of these replaced tensors that it said it changes in place: {names}. Return "
                "None from step_tensors, or decode with DecodingConfig(graphs=False)."
            )
        return graph

    def _fill(self, given: Tensors) -> None:
        for buffer, x in zip(self.inputs, given, strict=True):
            buffer.copy_(x)

    def _places(self) -> tuple[int, ...]:
        return tuple(x.data_ptr() for x in self.parameters)


def _make_runs(parts: Sequence[StepPart], held: Sequence[Tensors | None]) -> Iterator[_Run]:
    """Cut the parts where those that can be captured meet those that cannot."""
    shared = _Shared()
    first = 0
    for is_fixed, group in groupby(held, lambda tensors: tensors is not None):
        tensors = list(group)
        own = [own for own in tensors if own is not None] if is_fixed else None
        yield _Run(parts[first : first + len(tensors)], first, own, shared)
        first += len(tensors)


def _recover(shared: _Shared) -> None:
    """Close what a failed ``capture_end`` leaves open: the allocator and the random numbers still capture."""
    end = getattr(torch._C, "_cuda_endAllocateToPool", None)
    if end is not None:
        with contextlib.suppress(RuntimeError):  # nothing is open where the capture itself went well
            end(torch.cuda.current_device(), shared.pool)
    graph, one = torch.cuda.CUDAGraph(), torch.zeros(1, device="cuda")
    with torch.cuda.stream(shared.stream):
        graph.capture_begin(capture_error_mode="thread_local")
        one.add_(1)
        graph.capture_end()  # ends the capture of the random numbers too


def run_parts(parts: Sequence[StepPart], tensors: Tensors) -> Tensors:
    """Run parts one after the other; return what the last one returns."""
    for part in parts:
        tensors = part.run(tensors)
    return tensors


def _are_same(old: Tensors, new: Tensors) -> bool:
    return len(old) == len(new) and all(a is b for a, b in zip(old, new, strict=True))


def _are_alike(buffers: Tensors, given: Tensors) -> bool:
    return len(buffers) == len(given) and all(
        (a.shape, a.dtype, a.device) == (b.shape, b.dtype, b.device)
        for a, b in zip(buffers, given, strict=True)
    )


def _can_capture(given: Tensors) -> bool:
    is_plain = not torch.is_grad_enabled() and not torch.is_autocast_enabled("cuda")
    return is_plain and all(x.is_cuda and x.numel() > 0 for x in given)
