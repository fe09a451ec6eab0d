"""What an S4ND layer may be told, checked and spread over its axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeGuard, TypeVar, cast

from longwave.errors import ConfigError

__all__ = ["KernelName", "Steps", "check_bandlimits", "check_rates", "check_steps", "per_axis"]

T = TypeVar("T")
MAX_DIMS = 3

KernelName = Literal[
    "s4d-lin",
    "s4d-inv",
    "s4d-inv2",
    "s4d-quad",
    "s4d-legs",
    "s4d-real",
    "s4d-random",
    "s4d-fourier",
    "s4",
    "s4-fourier",
]
Steps = tuple[float, float] | Sequence[tuple[float, float]]


def per_axis(name: str, value: T | Sequence[T], dim: int) -> tuple[T, ...]:
    """Return a value for every axis: those of a sequence, or one for all.

    Raises
    ------
    ConfigError
        If a sequence has another length.
    """
    if not isinstance(value, list | tuple):
        return (cast(T, value),) * dim
    if len(value) != dim:
        raise ConfigError(
            f"{name} is {list(value)}, {len(value)} values for {dim} axes. Give one value, or one an axis."
        )
    return tuple(value)


def check_rates(rate: float | Sequence[float], dim: int) -> tuple[float, ...]:
    """Return a rate for every axis.

    Raises
    ------
    ConfigError
        If one is not above 0 and finite, or there are too few or too many.
    """
    rates = per_axis("rate", rate, dim)
    if not all(0 < one < math.inf for one in rates):
        raise ConfigError(
            f"rate is {rate}; rates are above 0 and finite. 2 is half as many points as the base, 0.5 twice."
        )
    return rates


def check_bandlimits(bandlimit: float | Sequence[float | None] | None, dim: int) -> tuple[float | None, ...]:
    """Return a bandlimit for every axis; None sets none.

    Raises
    ------
    ConfigError
        If one is not above 0 and up to 1, or there are too few or too many.
    """
    limits: tuple[float | None, ...] = per_axis("bandlimit", bandlimit, dim)
    if not all(one is None or 0 < one <= 1 for one in limits):
        raise ConfigError(
            f"bandlimit is {bandlimit}; it is above 0 and up to 1, the share of the frequencies that the "
            "base resolution shows, or None for no limit."
        )
    return limits


def check_steps(dt: Steps, dim: int) -> tuple[tuple[float, float], ...]:
    """Return the least and the largest step of every axis, from one pair or a pair an axis.

    Raises
    ------
    ConfigError
        If a pair is not ``0 < least <= largest``, or there are too few or too many.
    """
    is_pair = len(dt) == 2 and all(isinstance(step, int | float) for step in dt)
    pairs = (dt,) * dim if is_pair else tuple(dt)
    checked = tuple((float(pair[0]), float(pair[1])) for pair in pairs if _is_range(pair))
    if len(checked) != dim or len(pairs) != dim:
        raise ConfigError(
            f"dt is {dt}; give the least and the largest step, 0 < least <= largest, or such a pair for "
            f"each of {dim} axes."
        )
    return checked


def _is_range(pair: object) -> TypeGuard[tuple[float, float]]:
    return isinstance(pair, list | tuple) and len(pair) == 2 and 0 < pair[0] <= pair[1] < math.inf
