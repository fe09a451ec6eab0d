"""Draws that are the same on every machine, and the checks of their parameters."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from longwave.errors import ConfigError

__all__ = ["Chooser", "below", "check_at_least", "check_probability", "choose_once"]

Chooser = Callable[[str, Sequence[str]], str | None]


def below(n: int, rng: random.Random) -> int:
    """Draw from 0..n-1 by ``random()`` alone, whose results Python guarantees for all versions."""
    return int(rng.random() * n)


def choose_once(rate: float, rng: random.Random) -> Chooser:
    """Return a function that draws one form for a word with probability ``rate``, and remembers it.

    Whether a word is hit, and by what, is drawn where it occurs first; so a word is written alike wherever it
    stands, and the words hit at a lower rate are among those hit at a higher one.
    """
    drawn: dict[str, str | None] = {}

    def choose(word: str, forms: Sequence[str]) -> str | None:
        if word not in drawn:
            is_hit, form = rng.random() < rate, forms[below(len(forms), rng)]
            drawn[word] = form if is_hit else None
        return drawn[word]

    return choose


def check_probability(name: str, value: float) -> None:
    """Refuse what is no probability."""
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} is {value}; accepted are probabilities in [0, 1], for example 0.1.")


def check_at_least(name: str, value: int, least: int) -> None:
    """Refuse a number that is too small."""
    if value < least:
        raise ConfigError(f"{name} is {value}; accepted are {least} and more.")
