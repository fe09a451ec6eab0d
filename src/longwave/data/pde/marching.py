"""Steps in time: many of one kind, watched for blow-up, from a captured CUDA graph where that is possible."""

# Shapes: B samples

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from longwave.errors import ConfigError

__all__ = ["IntegratingFactor", "State", "Step", "StepLimit", "count_steps", "march"]

State = tuple[Tensor, ...]  # each with samples first
Step = Callable[[State], State]

CHECK_EVERY = 100  # steps between looks at the numbers
WARM_UP = 2  # steps before a capture, so that plans of FFTs and workspaces exist

_log = logging.getLogger(__name__)


def count_steps(horizon: float, n_frames: int, dt: float) -> tuple[int, float]:
    """Return how many equal steps of at most ``dt`` lead from a frame to the next one, and their length.

    Raises
    ------
    ConfigError
        If a time is no positive number, or there are no frames.
    """
    for name, value in (("horizon", horizon), ("dt", dt), ("n_frames", n_frames)):
        if not 0 < value < math.inf:
            raise ConfigError(
                f'"{name}" of a simulation is {value}; accepted is a number above 0. Change it.'
            )
    n_steps = max(1, math.ceil(horizon / n_frames / dt - 1e-9))
    return n_steps, horizon / n_frames / n_steps


def march(
    step: Step,
    state: State,
    *,
    n_frames: int,
    steps_a_frame: int,
    dt: float,
    first: int = 0,
    limit: StepLimit | None = None,
) -> Iterator[State]:
    """Step through time and yield the state at each of equally spaced frames.

    Parameters
    ----------
    step : callable
        From a state to the next one; reads nothing that changes between steps, and on a GPU never waits for
        it.
    state : tuple of Tensor, each with B samples first
        Where it begins.
    n_frames, steps_a_frame : int
    dt : float
        Length of a step, for messages.
    first : int
        Number of the first sample, for messages.
    limit : StepLimit, optional
        Asked every 100 steps.

    Yields
    ------
    tuple of Tensor
        Valid until the next frame is asked for.

    Raises
    ------
    ConfigError
        If a number is no longer finite; it names the sample, the steps between which that happened, and a
        smaller ``dt``.
    """
    advance = _Advance(step, state)
    done = 0
    for _ in range(n_frames):
        left = steps_a_frame
        while left:
            n = min(left, CHECK_EVERY)
            state = advance(n)
            _check_finite(state, done, done + n, dt, first)
            if limit is not None:
                limit.check(state, done + n, first)
            left, done = left - n, done + n
        yield state


class StepLimit:
    """Warns once of steps that are longer than is stable.

    Parameters
    ----------
    share : callable
        From a state to the share of the longest stable step that is taken, (B,).
    dt : float
        Length of a step, for the message.
    """

    def __init__(self, share: Callable[[State], Tensor], dt: float) -> None:
        self.share, self.dt = share, dt
        self.is_warned = False

    def check(self, state: State, step: int, first: int) -> None:
        """Look at a state, unless a warning was given already; its samples count from ``first``."""
        if self.is_warned:
            return
        share = self.share(state)
        worst = float(share.max())
        if worst > 1:
            self.is_warned = True
            _log.warning(
                "At step %d sample %d moves %.2f times as far in one step as is stable; take dt = %.3g or "
                "less.",
                step,
                first + int(share.argmax()),
                worst,
                self.dt / worst,
            )


class IntegratingFactor:
    """Fourth-order Runge-Kutta steps for ``dw/dt = -rate * w + g(w)`` in which the decay is exact.

    Parameters
    ----------
    rate : Tensor
        Of decay of each mode, at least 0; broadcasts to a state.
    dt : float
    g : callable
        The rest of the right-hand side, from a state's tensor to its change.

    Notes
    -----
    The classical method on ``exp(rate * t) w``; without g a mode decays exactly, whatever dt. On oscillations
    of frequency f it is stable up to ``f * dt = 2.82``.
    """

    LIMIT = 2.82  # on the imaginary axis

    def __init__(self, rate: Tensor, dt: float, g: Callable[[Tensor], Tensor]) -> None:
        self.dt, self.g = dt, g
        self.half = torch.exp(-rate * (dt / 2))
        self.third = self.half * (dt / 3)
        self.whole = self.half.square()

    def __call__(self, state: State) -> State:
        """Take one step."""
        (w,), dt, g = state, self.dt, self.g
        kept = self.half * w
        first = g(w)
        second = g(torch.add(kept, self.half * first, alpha=dt / 2))
        third = g(torch.add(kept, second, alpha=dt / 2))
        fourth = g(self.half * torch.add(kept, third, alpha=dt))
        whole = self.whole * torch.add(w, first, alpha=dt / 6)
        return (torch.add(whole, self.third * (second + third)).add_(fourth, alpha=dt / 6),)


class _Advance:
    """Take steps: eagerly on the CPU, by replaying one captured step on a GPU."""

    def __init__(self, step: Step, state: State) -> None:
        self.step, self.state = step, state
        self.graph = _capture(step, state) if state[0].is_cuda else None

    def __call__(self, n: int) -> State:
        """Take n steps and return the state."""
        for _ in range(n):
            if self.graph is None:
                self.state = self.step(self.state)
            else:
                self.graph.replay()
        if self.graph is not None:
            self.state = self.graph.state
        return self.state


class _Captured:
    """A CUDA graph that takes one step in place."""

    def __init__(self, step: Step, state: State) -> None:
        self.state = tuple(part.clone() for part in state)
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                step(self.state)
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            for part, new in zip(self.state, step(self.state), strict=True):
                part.copy_(new)

    def replay(self) -> None:
        self.graph.replay()


def _capture(step: Step, state: State) -> _Captured | None:
    try:
        with torch.cuda.device(state[0].device):
            return _Captured(step, state)
    except RuntimeError as failure:
        _log.warning("Steps of a simulation are not captured as a CUDA graph, which is slower: %s", failure)
        return None


def _check_finite(state: State, before: int, after: int, dt: float, first: int) -> None:
    total = sum(torch.view_as_real(x).sum() if x.is_complex() else x.sum() for x in state)
    if torch.isfinite(torch.as_tensor(total)):
        return
    is_whole = torch.stack([torch.isfinite(part.flatten(1)).all(1) for part in state]).all(0)
    lost = torch.nonzero(~is_whole).flatten().tolist()
    if lost:  # the sum alone may overflow
        raise ConfigError(
            f"Sample {first + lost[0]} is no longer finite between steps {before} and {after} of {dt:.3g} "
            f"each (lost are {len(lost)} of a batch of {len(is_whole)}). Take smaller steps, for example dt "
            f"= {dt / 2:.3g}, or more viscosity, and see that the input is finite."
        )
