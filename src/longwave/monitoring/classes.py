"""Labels of any kind as classes with an order, and the arrays that hold them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from longwave.errors import DataError

__all__ = ["Codes", "Floats", "Label", "plain_label", "sort_classes"]

Label = str | int | None
Codes = NDArray[np.int64]
Floats = NDArray[np.float64]


def plain_label(value: object) -> Label:
    """Turn a label into what JSON can hold.

    Raises
    ------
    DataError
        If it is no text, whole number or None.
    """
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is None or isinstance(plain, str | int):
        return plain
    raise DataError(
        f"A label is {value!r}; accepted are texts, whole numbers, and None for no answer. Turn it into a "
        "text."
    )


def sort_classes(found: Iterable[Label]) -> tuple[Label, ...]:
    """Sort classes: numbers, texts, no answer."""
    return tuple(sorted(found, key=lambda label: (label is None, isinstance(label, str), label or 0)))
