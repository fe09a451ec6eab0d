"""Cut windows out of packed tokens: deterministic, stateless, the same for any number of processes."""

# Shapes: B batch, L length

from __future__ import annotations

from functools import lru_cache

import numpy as np

from longwave.data.tokens import TokenFile
from longwave.errors import ConfigError, DataError

__all__ = ["WindowSampler", "spread_windows", "take_windows"]


class WindowSampler:
    """Draw training windows of ``seq_len + 1`` tokens.

    An epoch is a permutation of windows that do not overlap, from a random first token, so nothing repeats
    within it. The batch of a step depends on ``(seed, step, batch_size)`` only; nothing needs to be saved to
    resume.

    Parameters
    ----------
    tokens : TokenFile or ndarray, shape (n,)
        Packed documents; windows may cross an end token.
    seq_len : int
        Tokens the model reads; a window has one more, for the targets.
    seed : int

    Attributes
    ----------
    windows_per_epoch : int

    Raises
    ------
    DataError
        If there are fewer tokens than one window needs.
    """

    def __init__(self, tokens: TokenFile | np.ndarray, seq_len: int, seed: int = 0) -> None:
        self.tokens = tokens.tokens if isinstance(tokens, TokenFile) else tokens
        self.seq_len = seq_len
        self.seed = seed
        check_length(len(self.tokens), seq_len, "training")
        # One window is given up, where there is more than one, so that each epoch can start anywhere in the
        # first.
        self.windows_per_epoch = max(1, len(self.tokens) // seq_len - 1)
        self._epoch = lru_cache(maxsize=2)(
            self._draw_epoch
        )  # a batch touches at most its own epoch and the next

    def batch(self, step: int, batch_size: int, rank: int = 0, world: int = 1) -> np.ndarray:
        """Return this process's rows of the batch of a step.

        Parameters
        ----------
        step : int
            Counted from 0.
        batch_size : int
            Windows of all processes together.
        rank, world : int
            Number of this process, and of all.

        Returns
        -------
        ndarray, shape (batch_size / world, seq_len + 1), int64

        Raises
        ------
        ConfigError
            If the batch cannot be split evenly.
        """
        share = share_of_batch(step, batch_size, rank, world, "windows")
        starts = np.array([self._start(index) for index in share], dtype=np.int64)
        return take_windows(self.tokens, starts, self.seq_len)

    def _start(self, index: int) -> int:
        epoch, place = divmod(index, self.windows_per_epoch)
        offset, order = self._epoch(epoch)
        return offset + int(order[place]) * self.seq_len

    def _draw_epoch(self, epoch: int) -> tuple[int, np.ndarray]:
        rng = np.random.default_rng((self.seed, epoch))
        slack = len(self.tokens) - 1 - self.windows_per_epoch * self.seq_len
        offset = int(rng.integers(min(slack, self.seq_len - 1) + 1))
        return offset, rng.permutation(self.windows_per_epoch)


def share_of_batch(step: int, batch_size: int, rank: int, world: int, what: str) -> range:
    """Return one process's running numbers of what a step's batch holds, all steps counted on."""
    if batch_size % world:
        raise ConfigError(
            f"A batch of {batch_size} {what} cannot be split over {world} processes. Make batch_size a "
            "multiple."
        )
    share = batch_size // world
    first = step * batch_size + rank * share
    return range(first, first + share)


def spread_windows(n_tokens: int, seq_len: int, count: int | None = None) -> np.ndarray:
    """Return the starts of validation windows: not overlapping, spread evenly over the text, always the same.

    Parameters
    ----------
    n_tokens, seq_len : int
    count : int, optional
        At most so many; default: all that fit.

    Raises
    ------
    DataError
        If there are fewer tokens than one window needs.
    """
    check_length(n_tokens, seq_len, "validation")
    fitting = (n_tokens - 1) // seq_len
    count = fitting if count is None else min(count, fitting)
    return np.arange(count, dtype=np.int64) * fitting // count * seq_len


def take_windows(tokens: np.ndarray, starts: np.ndarray, seq_len: int) -> np.ndarray:
    """Copy windows of ``seq_len + 1`` tokens into an int64 array of shape (B, L + 1)."""
    windows = np.empty((len(starts), seq_len + 1), dtype=np.int64)
    for row, start in zip(windows, starts, strict=True):
        row[:] = tokens[start : start + seq_len + 1]
    return windows


def check_length(n_tokens: int, seq_len: int, what: str) -> None:
    """Refuse a text that is shorter than one window."""
    if n_tokens < seq_len + 1:
        raise DataError(
            f"The {what} text has {n_tokens} tokens, but one window needs {seq_len + 1} (max_length "
            f"{seq_len} and one more). Give more text or lower max_length."
        )
