"""What the settings of all synthetic tasks are checked with."""

from __future__ import annotations

import numpy as np

from longwave.errors import ConfigError

__all__ = ["last_places", "require", "token_type"]


def require(name: str, value: object, holds: bool, accepted: str) -> None:
    """Refuse a setting, naming its value and what is accepted."""
    if not holds:
        raise ConfigError(f'"{name}" is {value}; accepted is {accepted}. Change it.')


def token_type(vocab_size: int) -> np.dtype[np.unsignedinteger]:
    """Return the narrowest unsigned integers that hold a vocabulary."""
    return np.dtype(np.min_scalar_type(vocab_size - 1))


def last_places(seq_len: int, count: int) -> np.ndarray:
    """Return a mask of shape (1, seq_len) that is true at the last ``count`` places."""
    mask = np.zeros((1, seq_len), dtype=bool)
    mask[:, seq_len - count :] = True
    return mask
