"""Checks that the configurations of all models share."""

from __future__ import annotations

from collections.abc import Sequence

from longwave.errors import ConfigError

__all__ = ["check_fractions", "check_sizes"]


def check_sizes(**sizes: int | Sequence[int] | None) -> None:
    """Refuse sizes below 1, and sequences that are empty or hold one; None is left to a default.

    Raises
    ------
    ConfigError
        Naming the first.
    """
    for name, value in sizes.items():
        if value is None:
            continue
        accepted = "a positive whole number" if isinstance(value, int) else "positive whole numbers"
        if (value if isinstance(value, int) else min(value, default=0)) < 1:
            raise ConfigError(f'"{name}" is {value}; it must be at least 1. Give {accepted}.')


def check_fractions(**fractions: float | None) -> None:
    """Refuse shares to drop outside [0, 1); None is left to a default.

    Raises
    ------
    ConfigError
        Naming the first.
    """
    for name, value in fractions.items():
        if value is not None and not 0 <= value < 1:
            raise ConfigError(
                f'"{name}" is {value}; it must be at least 0 and below 1. Use 0 for no dropout.'
            )
