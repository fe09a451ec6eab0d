"""Which kernel, with which tiles, serves which length: tables found by measurement on an H100 and an H200.

Registers set the tiles: at most 32 complex sums a thread in a convolution, 16 where the filter's gradient is
summed as well. The first factor is 64 for 4 warps and 128 for 8, so that warps divide rows only.
"""

# Shapes: N1, N2 factors of P points, N0 rows of P columns, R rows of a block, M columns of a tile

from __future__ import annotations

from dataclasses import dataclass

from longwave.ops.long_conv.triton.factors import gain

__all__ = ["LONGEST", "ChunkPlan", "PassPlan", "backward_plan", "forward_plan"]

LONGEST = 2**22


@dataclass(frozen=True, kw_only=True)
class ChunkPlan:
    """Tiles of the one-chunk kernels; ``parts`` shares of the batch, each a program of its own."""

    N1: int
    N2: int
    warps: int
    stages: int
    parts: int
    registers: int | None = None  # a cap, where one more program then fits on a multiprocessor

    @property
    def points(self) -> int:
        """Longest sequence."""
        return self.N1 * self.N2

    @property
    def gain(self) -> float:
        """Factor of the result."""
        return gain(self.N1, self.N2)


@dataclass(frozen=True, kw_only=True)
class PassPlan:
    """Tiles of the three-pass kernels, and bytes of the spectra between the passes.

    N0 is any number of rows; R, N1, N2 and M are powers of two.
    """

    N0: int
    R: int
    N1: int
    N2: int
    M: int
    warps: tuple[int, int]  # of the columns, of the rows
    stages: tuple[int, int]
    scratch: int

    @property
    def P(self) -> int:  # noqa: N802
        """Columns."""
        return self.N1 * self.N2

    @property
    def blocks(self) -> int:
        """Blocks of rows of the outer matrix, the last one perhaps not full."""
        return -(-self.N0 // self.R)

    @property
    def points(self) -> int:
        """Longest sequence."""
        return self.N0 * self.P

    @property
    def gain(self) -> float:
        """Factor of the result."""
        return gain(self.N0, self.N1, self.N2)


_FORWARD = (
    ChunkPlan(N1=16, N2=16, warps=1, stages=2, parts=4),
    ChunkPlan(N1=32, N2=16, warps=1, stages=2, parts=4),
    ChunkPlan(N1=32, N2=32, warps=2, stages=3, parts=4),
    ChunkPlan(N1=64, N2=32, warps=4, stages=2, parts=1, registers=168),
    ChunkPlan(N1=64, N2=64, warps=4, stages=2, parts=1),
    ChunkPlan(N1=128, N2=64, warps=8, stages=2, parts=1),
)

_BACKWARD = (
    ChunkPlan(N1=16, N2=16, warps=1, stages=2, parts=4),
    ChunkPlan(N1=32, N2=16, warps=1, stages=2, parts=4),
    ChunkPlan(N1=32, N2=32, warps=2, stages=3, parts=4),
    ChunkPlan(N1=64, N2=32, warps=4, stages=3, parts=1),
    ChunkPlan(N1=128, N2=32, warps=8, stages=2, parts=1),
)

# Longest sequence: N1, N2, warps and stages of the rows, scratch in MB. More scratch means larger launches,
# which fill the GPU better by a few percent; this much keeps the memory of the benchmark's shapes in bounds.
# Where it is little, groups borrow more from results not yet written (``passes.LITTLE``).
_FORWARD_ROWS = {
    2**14: (32, 16, 1, 3, 36),
    2**15: (32, 16, 1, 3, 192),
    2**16: (32, 32, 2, 3, 192),
    2**17: (64, 32, 4, 2, 192),
    2**18: (64, 64, 4, 2, 192),
    LONGEST: (128, 64, 8, 2, 256),
}
_BACKWARD_ROWS = {
    2**13: (32, 16, 1, 3, 128),
    2**14: (32, 16, 1, 3, 96),
    2**15: (32, 16, 1, 3, 56),
    2**16: (32, 32, 2, 3, 192),
    2**17: (64, 32, 4, 2, 192),
    2**18: (128, 32, 8, 2, 64),
    LONGEST: (128, 64, 8, 2, 256),
}
_COLUMNS = {16: (128, 4), 32: (64, 4), 64: (64, 4), 128: (64, 8)}  # rows of a block: columns of a tile, warps


def forward_plan(L: int) -> ChunkPlan | PassPlan:
    """Return the plan of the forward pass over ``L`` steps."""
    return next((plan for plan in _FORWARD if plan.points >= L), None) or pass_plan(L, _FORWARD_ROWS)


def backward_plan(L: int) -> ChunkPlan | PassPlan:
    """Return the plan of the backward pass over ``L`` steps."""
    return next((plan for plan in _BACKWARD if plan.points >= L), None) or pass_plan(L, _BACKWARD_ROWS)


def pass_plan(L: int, table: dict[int, tuple[int, int, int, int, int]]) -> PassPlan:
    """Return the three-pass plan for ``L`` steps: as many rows as it takes, beyond 128 in blocks of 64."""
    N1, N2, warps, stages, scratch_mb = next(row for longest, row in table.items() if longest >= L)
    N0 = -(-L // (N1 * N2))
    R = 64 if N0 > 128 else max(16, 2 ** (N0 - 1).bit_length())
    M, columns_warps = _COLUMNS[R]
    columns_stages = 1 if N0 > 128 else 2 if N0 > 64 else 4 if 16 < N0 < 32 else 3
    return PassPlan(
        N0=N0, R=R, N1=N1, N2=N2, M=max(N2, M), warps=(columns_warps, warps),
        stages=(columns_stages, stages), scratch=scratch_mb * 2**20,
    )  # fmt: skip
