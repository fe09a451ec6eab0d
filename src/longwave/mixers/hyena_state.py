"""What Hyena remembers while it decodes."""

# Shapes: D width, N order, S short taps, E outer_head_dim

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from longwave.mixers.long_filter import StreamingConv
from longwave.mixers.recent import RecentSteps
from longwave.mixers.state import State

__all__ = ["HyenaState"]


@dataclass
class HyenaState(State):
    """What Hyena remembers while it decodes.

    Goes back freely over the last 32 steps, and to the start; further to marked positions only, where the
    mark costs ``(N+1) D (S-1)`` numbers a sequence. With modal filters to marked positions only.

    Parameters
    ----------
    recent : RecentSteps
        Last projected inputs, for the short filter.
    convs : tuple of StreamingConv
        The long convolutions in the order of their use. Memory is ``D E max_length`` inputs a sequence for
        each, and as many running sums unless lazy. Recurrent ones do not grow with the length: modal filters
        hold ``2 D E order`` numbers (half with real poles), explicit ones their last ``n_taps + 63`` steps.
    """

    recent: RecentSteps
    convs: tuple[StreamingConv, ...]

    rewinds_freely: ClassVar[bool] = True  # its parts know how far
    realigns: ClassVar[bool] = True
