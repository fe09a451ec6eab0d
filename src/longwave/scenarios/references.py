"""Write the references of an instance: right answers, or options of which some are right."""

from __future__ import annotations

from collections.abc import Iterable

from longwave.scenarios.base import CORRECT, Reference

__all__ = ["options", "right_answers"]


def right_answers(texts: Iterable[str]) -> tuple[Reference, ...]:
    """Return a right reference of each text; of equal texts one stays.

    Examples
    --------
    >>> [reference.text for reference in right_answers(["1969", "July 1969", "1969"])]
    ['1969', 'July 1969']
    """
    return tuple(Reference(text=text, tags=(CORRECT,)) for text in dict.fromkeys(texts))


def options(texts: Iterable[str], right: str) -> tuple[Reference, ...]:
    """Return a reference of each option; those whose text is ``right`` are right.

    Examples
    --------
    >>> [reference.is_correct for reference in options(["Yes", "No"], "No")]
    [False, True]
    """
    return tuple(Reference(text=text, tags=(CORRECT,) if text == right else ()) for text in texts)
