"""Answers that are sets, such as "Carol is big and weak.": which attributes were named, in any order."""

from __future__ import annotations

import re
from collections.abc import Callable

from longwave.metrics.accuracy import normalise
from longwave.metrics.base import InstanceMetric

__all__ = ["exact_set_match", "f1_set_match", "iou_set_match", "parse_set"]

_SENTENCE_END = re.compile(r"[.!?](?:\s|$)|\n")
_VERB = re.compile(r"\b(?:is|are)\b", re.IGNORECASE)
_BETWEEN = re.compile(r",|;|\band\b", re.IGNORECASE)
_NOTHING = "nothing"


def parse_set(text: str) -> set[str] | None:
    """Return the attributes that the first sentence of an answer names.

    Parameters
    ----------
    text : str
        ``"X is a and b."``, ``"a, b and c"`` or ``"Nothing."``.

    Returns
    -------
    set of str or None
        Normalised attributes; empty for "Nothing.", None where the text names none and does not say so.

    Examples
    --------
    >>> sorted(parse_set("Carol is the big and weak."))
    ['big', 'weak']
    """
    sentence = _SENTENCE_END.split(text.strip(), maxsplit=1)[0]
    named = _VERB.split(sentence, maxsplit=1)[-1]
    if normalise(named) == _NOTHING:
        return set()
    return {part for part in map(normalise, _BETWEEN.split(named)) if part} or None


def exact_set_match(prediction: str, reference: str) -> float:
    """Return 1 if both name the same attributes, whatever their order and the sentence's subject.

    Examples
    --------
    >>> exact_set_match("Carol is weak and big", "Carol is big and weak.")
    1.0
    """
    return _compared(prediction, reference, lambda got, want: float(got == want))


def f1_set_match(prediction: str, reference: str) -> float:
    """Return the F1 of the attributes that both name.

    Notes
    -----
    ``2 |A ∩ B| / (|A| + |B|)``. Where the reference says "Nothing.", 1 if the prediction does so too.

    Examples
    --------
    >>> f1_set_match("Carol is weak.", "Carol is big and weak.")
    0.6666666666666666
    """
    return _compared(prediction, reference, lambda got, want: 2 * len(got & want) / (len(got) + len(want)))


def iou_set_match(prediction: str, reference: str) -> float:
    """Return the share that both name of the attributes that either names, ``|A ∩ B| / |A ∪ B|``.

    Where the reference says "Nothing.", 1 if the prediction does so too.

    Examples
    --------
    >>> iou_set_match("Carol is weak.", "Carol is big and weak.")
    0.5
    """
    return _compared(prediction, reference, lambda got, want: len(got & want) / len(got | want))


def _compared(prediction: str, reference: str, of_both: Callable[[set[str], set[str]], float]) -> float:
    got, want = parse_set(prediction), parse_set(reference)
    if got is None or want is None:
        return 0.0
    return of_both(got, want) if got and want else float(got == want)


def _set_metric(name: str, function: Callable[[str, str], float]) -> InstanceMetric:
    return InstanceMetric(name=name, family="accuracy", higher_is_better=True, function=function)


EXACT_SET_MATCH = _set_metric("exact_set_match", exact_set_match)
F1_SET_MATCH = _set_metric("f1_set_match", f1_set_match)
IOU_SET_MATCH = _set_metric("iou_set_match", iou_set_match)
