"""Draw from short sequences, faster than the methods of ``random.Random``: rows take thousands of draws."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["pick", "shuffled"]

T = TypeVar("T")


def pick(items: Sequence[T], rng: random.Random) -> T:
    """Draw one item; there must be one."""
    return items[int(rng.random() * len(items))]


def shuffled(items: Sequence[T], rng: random.Random) -> list[T]:
    """Return the items in a random order."""
    keys = [(rng.random(), place) for place in range(len(items))]
    return [items[place] for _, place in sorted(keys)]
