"""Number generated rows and lay them out in splits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Literal, cast

from longwave.errors import ConfigError
from longwave.scenarios.base import CORRECT, Instance, Reference

__all__ = ["SIZES", "split_rows"]

# of both synthetic_reasoning scenarios, for each mode or difficulty (arXiv 2211.09110)
SIZES: Mapping[str, int] = {"train": 1000, "valid": 5000, "test": 5000}


def split_rows(
    rows: Iterable[tuple[str, str]], sizes: Mapping[str, int], *, name: str, by: str, value: str
) -> list[Instance]:
    """Make instances of pairs of input and answer, one split after the other; an input counts once.

    Parameters
    ----------
    rows : iterable of (str, str)
        Endless, or long enough for all splits.
    sizes : mapping
        Rows of each split, in order.
    name : str
        Name of the scenario.
    by, value : str
        Key of ``extra`` and its value, which is the group too.

    Raises
    ------
    ConfigError
        If a split is none of HELM's or its size is negative.
    """
    fresh = _without_repeats(rows)
    found: list[Instance] = []
    for split, size in sizes.items():
        if split not in ("train", "valid", "test") or size < 0:
            raise ConfigError(
                f'A split "{split}" of {size} rows was asked for; accepted are train, valid and test with 0 '
                "rows or more."
            )
        for row, (text, answer) in enumerate(islice(fresh, size)):
            found.append(
                Instance(
                    id=f"{name}-{split}-{value}-{row:05d}",
                    input=text,
                    references=(Reference(text=answer, tags=(CORRECT,)),),
                    split=cast(Literal["train", "valid", "test"], split),
                    group=value,
                    extra={by: value},
                )
            )
    return found


def _without_repeats(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for row in rows:
        if row[0] not in seen:
            seen.add(row[0])
            yield row
