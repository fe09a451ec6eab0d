"""When a streaming convolution moves old inputs from the direct sum into the running sums: integers only.

Every mode of ``OnlineConv`` computes an output as ``sums[t]``, made in advance, plus a direct sum over the
newest inputs, those from ``base`` on. A schedule says how long the direct sum may get (``block``), and which
tile of work lets ``base`` move up when it is full. A tile is a rectangle of (input, output) pairs; whatever
the schedule, each pair ``s <= t`` lies in exactly one tile or one direct sum.
"""

# Here n is a position: the number of inputs taken so far, and the index of the next one.

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

__all__ = ["Epoched", "Lazy", "Relaxed", "Schedule", "Tile", "fft_length"]

# A chunk of fewer steps than this does not pay for an FFT over all outputs to come.
SETTLE_FROM = 64


class Tile(NamedTuple):
    """Inputs ``begin..end-1`` contribute to outputs ``first..last-1``; ``end <= first``."""

    begin: int
    end: int
    first: int
    last: int

    def clip(self, taps: int, max_length: int) -> Tile | None:
        """Cut off what a filter of so many taps, or the end of the stream, makes zero; None if all is."""
        begin = max(self.begin, self.first - taps + 1)
        last = min(self.last, self.end + taps - 1, max_length)
        return Tile(begin, self.end, self.first, last) if begin < self.end and self.first < last else None

    @property
    def n_fft(self) -> int:
        """Points of the circular convolution that has this tile's outputs right.

        Shorter than a linear one: what wraps around ends at ``end - 2``, before the first output.
        """
        return fft_length(self.last - self.begin)


def fft_length(n: int) -> int:
    """Return the smallest power of two, or three times one, from ``n`` on.

    Few enough lengths that the filter's spectrum of each can be kept.

    Examples
    --------
    >>> [fft_length(n) for n in (1, 2, 5, 8, 33, 49)]
    [1, 2, 6, 8, 48, 64]
    """
    power = 1 << max(n - 1, 0).bit_length()
    return 3 * power // 4 if power >= 4 and 3 * power // 4 >= n else power


class Schedule(ABC):
    """One mode's plan; holds settings, not the state of a stream."""

    block: int  # inputs that the direct sum may hold

    @abstractmethod
    def tile(self, n: int, origin: int) -> Tile | None:
        """Return what must be added to the sums before ``base`` may move to ``n``.

        ``origin`` is where ``restore`` last started the stream.
        """

    @abstractmethod
    def tiles(self, base: int, origin: int) -> list[Tile]:
        """Return the tiles that make the sums of a stream with this base from nothing, widest first."""

    def restore(self, n: int) -> tuple[int, list[Tile]]:
        """Return a base for position ``n``, where a stream starts anew, and the tiles that make its sums."""
        return n, self.tiles(n, n)

    def settles(self, steps: int) -> bool:
        """Say whether a chunk this long is followed by ``restore``, its whole future computed at once."""
        return steps >= SETTLE_FROM

    def piece_end(self, n: int, base: int, end: int) -> int:  # noqa: ARG002
        """Return where the part of a chunk that is treated in one go ends, if the chunk ends at ``end``."""
        return min(end, base + self.block)


class Lazy(Schedule):
    """All inputs since the last long chunk stay in the direct sum."""

    def __init__(self, max_length: int) -> None:
        self.block = max_length + 1  # never full
        self.max_length = max_length

    def tile(self, n: int, origin: int) -> Tile | None:  # noqa: ARG002
        """Return None: there are no tiles."""
        return None

    def tiles(self, base: int, origin: int) -> list[Tile]:  # noqa: ARG002
        """Send everything before the base to everything after it."""
        return [Tile(0, base, base, self.max_length)]


class Epoched(Schedule):
    """Every ``block`` steps, one FFT sends all inputs since the origin to the next ``block`` outputs.

    Notes
    -----
    With ``block = sqrt(L log2 L)`` the two parts cost the same: O(L^1.5 sqrt(log L)) in all.

    References
    ----------
    Epoched-FutureFill of arXiv 2410.03766.
    """

    def __init__(self, max_length: int) -> None:
        wanted = math.sqrt(max_length * math.log2(max_length + 1))
        self.block = 1 << max(round(math.log2(wanted)), 0)
        self.max_length = max_length

    def tile(self, n: int, origin: int) -> Tile | None:
        """Send the inputs since the origin to the next epoch."""
        return Tile(origin, n, n, n + self.block)

    def tiles(self, base: int, origin: int) -> list[Tile]:
        """Send everything before the origin to everything after the base, the rest to the epoch."""
        return [Tile(0, origin, base, self.max_length), Tile(origin, base, base, base + self.block)]


class Relaxed(Schedule):
    """Tiles that double in size, the quasi-linear schedule.

    After ``n`` inputs, ``n`` a multiple of ``block``, the last ``U`` inputs go to the next ``U`` outputs,
    where ``U`` is the largest power of two that divides ``n``. Half of the tiles have size ``block``, a
    quarter twice that, and so on.

    Notes
    -----
    O(L log² L) in all, O(L log L) for the worst single step. A chunk is cut into the largest aligned powers
    of two, so that any split of a stream into chunks costs the same up to a constant.

    References
    ----------
    The tiling of arXiv 2410.12982 (Flash Inference), after van der Hoeven's relaxed multiplication; tiles
    below ``block`` are left to the direct sum.
    """

    def __init__(self, block: int) -> None:
        self.block = block

    def tile(self, n: int, origin: int) -> Tile | None:  # noqa: ARG002
        """Send the last U inputs to the next U outputs."""
        size = n & -n
        return Tile(n - size, n, n, n + size)

    def restore(self, n: int) -> tuple[int, list[Tile]]:
        """Return the last border of blocks before ``n`` and the tiles that make its sums."""
        base = n - n % self.block
        return base, self.tiles(base, base)

    def tiles(self, base: int, origin: int) -> list[Tile]:  # noqa: ARG002
        """Send each block of the binary form of the base to what its tiles have reached past the base."""
        tiles, begin = [], 0
        for bit in reversed(range(base.bit_length())):
            size = base & (1 << bit)
            if size:
                tiles.append(Tile(begin, begin + size, base, begin + 2 * size))
                begin += size
        return tiles

    def settles(self, steps: int) -> bool:  # noqa: ARG002
        """Return False: the tiles carry the future of a chunk."""
        return False

    def piece_end(self, n: int, base: int, end: int) -> int:
        """Return the end of the largest aligned power of two, or of the block if that is shorter."""
        if n != base:
            return min(end, base + self.block)
        size = 1 << (end - n).bit_length() - 1
        while n % size:
            size //= 2
        return n + size if size >= self.block else min(end, n + self.block)
