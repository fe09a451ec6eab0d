"""Sequences a little longer than a tile: a head and a tail in that tile, instead of the next larger one.

Let L = P + t steps, t small. At the frequencies of the quarter shift z**P = -i (see ``factors``), so the
transform of P points takes a head v0 and a tail v1 as v0 - i v1. A product of two such spectra belongs to a
polynomial w, with negative powers where one of them is conjugated. At n, 0 <= n < P, comes back

    the real part               w[n] - w[n + 2 P] - w[n - 2 P]
    minus the imaginary part    w[n + P] - w[n - P]

1.  y, the product of v and k, has no negative powers, and above 2 P only 2 t - 1 of them. So the real part
    is y from step 2 t on, and the other is its tail. The first 2 t steps are a convolution of their own.
2.  dv, the product of h and the conjugate of k, reaches down to -(L - 1). So the real part is dv up to step
    P - t, and the last 2 t steps are the gradient of a convolution of their own.
3.  dk, the product of h and the conjugate of v, likewise: its taps from P - t on come from the last 2 t steps
    of h and the first 2 t of v.

The two ends of 2 t steps are served by the plan for so many. A filter that looks ahead has powers at -P too,
which would mix with the tail; it takes the next tile.
"""

# Shapes: L = P + t length, P points of the head, t steps of the tail, S steps of an end

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from longwave.ops.long_conv.triton.call import Call
from longwave.ops.long_conv.triton.plans import ChunkPlan, PassPlan

__all__ = ["SplitPlan", "end_steps", "plan_for"]

SHORTEST_HEAD = 512  # below, the ends take as large a tile as what is saved
HEAD_TO_TAIL = 4  # at least: a longer tail has ends that take as large a tile as the head
MOST_SHIFT = 7  # most steps by which a row moves
LEAST_ROWS = 16  # of an operand
WIDE_HEAD, WIDE_STAGES = 2048, 2  # from so many steps on, a third stage costs 15 % with a tail


@dataclass(frozen=True, kw_only=True)
class SplitPlan:
    """Tiles of the head and of the two ends; ``rows`` of the head's tile hold the tail."""

    head: ChunkPlan
    ends: ChunkPlan
    rows: int

    @property
    def points(self) -> int:
        """Longest sequence."""
        return self.head.points + min(self.rows * self.head.N2, self.ends.points // 2)


def end_steps(L: int, P: int) -> int:
    """Return the steps of an end: twice the tail's, and a few more so that the last ones start aligned."""
    return L - (2 * P - L) // 8 * 8


def plan_for(call: Call, plan_of: Callable[[int], ChunkPlan | PassPlan]) -> ChunkPlan | PassPlan | SplitPlan:
    """Return the plan for a call; ``plan_of`` knows one for every length, and split ones are made of them.

    Split calls took 10 to 49 % less time wherever this rule allows them (forward, H200, bfloat16, two gates).
    """
    L = call.u.shape[-1]
    P = 2 ** (max(L - 1, 1).bit_length() - 1)  # the largest power of two below L
    if call.both or P < SHORTEST_HEAD or HEAD_TO_TAIL * (L - P) > P:
        return plan_of(L)
    head, ends = plan_of(P), plan_of(end_steps(L, P))
    if not isinstance(head, ChunkPlan) or not isinstance(ends, ChunkPlan) or head.points != P:
        return plan_of(L)
    rows = -(-(L - P + L % 2 * MOST_SHIFT) // head.N2)  # rows of odd length move in their tile
    if P >= WIDE_HEAD:
        head = replace(head, stages=min(head.stages, WIDE_STAGES))
    return SplitPlan(head=head, ends=ends, rows=max(LEAST_ROWS, 2 ** (rows - 1).bit_length()))
