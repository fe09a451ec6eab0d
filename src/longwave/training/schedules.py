"""Learning rate schedules: a factor per step that multiplies the peak rate of every parameter group."""

from __future__ import annotations

import math

__all__ = ["warmup_cosine", "warmup_linear", "warmup_steps_down"]


def warmup_cosine(step: int, *, steps: int, warmup_steps: int, final_fraction: float) -> float:
    """Rise linearly to 1, then fall along half a cosine to ``final_fraction`` and stay there.

    Parameters
    ----------
    step : int
        Counted from 0.
    steps : int
        Length of the schedule; the last step has the final value.
    warmup_steps : int
        The step number ``warmup_steps - 1`` is the first with factor 1.
    final_fraction : float

    Examples
    --------
    >>> [round(warmup_cosine(s, steps=5, warmup_steps=2, final_fraction=0.0), 2) for s in range(5)]
    [0.5, 1.0, 0.75, 0.25, 0.0]
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = min(1.0, (step + 1 - warmup_steps) / max(1, steps - warmup_steps))
    return final_fraction + (1 - final_fraction) * (1 + math.cos(math.pi * progress)) / 2


def warmup_linear(step: int, *, steps: int, warmup_steps: int, final_fraction: float) -> float:
    """Rise linearly to 1, then fall evenly to ``final_fraction`` and stay there.

    Parameters
    ----------
    step, steps, warmup_steps, final_fraction
        As for ``warmup_cosine``.

    Examples
    --------
    >>> [round(warmup_linear(s, steps=5, warmup_steps=1, final_fraction=0.0), 2) for s in range(5)]
    [1.0, 0.75, 0.5, 0.25, 0.0]
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = min(1.0, (step + 1 - warmup_steps) / max(1, steps - warmup_steps))
    return final_fraction + (1 - final_fraction) * (1 - progress)


def warmup_steps_down(
    step: int, *, steps: int, warmup_steps: int, final_fraction: float, decay: float = 0.5
) -> float:
    """Rise linearly to 1, then fall by ``decay`` at equal distances, down to ``final_fraction``.

    Parameters
    ----------
    step, steps, warmup_steps
        As for ``warmup_cosine``.
    final_fraction : float
        What the rate falls to, or to the power of ``decay`` next to it.
    decay : float

    Examples
    --------
    >>> [warmup_steps_down(s, steps=6, warmup_steps=0, final_fraction=0.25) for s in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    falls = round(math.log(final_fraction) / math.log(decay))
    progress = min(1.0, (step - warmup_steps) / max(1, steps - warmup_steps))
    return decay ** min(falls, int(progress * (falls + 1) + 1e-9))
