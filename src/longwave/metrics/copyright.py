"""Copying of a known text: how far an output follows what comes next (arXiv 2211.09110).

Words are runs of letters and digits, with hyphens, apostrophes, dots and commas inside; every other sign that
is not white space is a word of its own. The reference code uses the rules of the Penn Treebank, which split
contractions ("don't" is two words there) and part a full stop from its word only at the end of a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from longwave.metrics.base import Answer, AnswerMetric

__all__ = ["edit_distance", "edit_similarity", "longest_common_prefix_length"]

_WORD = re.compile(r"[^\W_]+(?:[-'’.,][^\W_]+)*|\S")


def longest_common_prefix_length(outputs: Sequence[str], reference: str) -> int:
    """Return how many words an output and the reference have in common from their beginning, at most.

    Parameters
    ----------
    outputs : sequence of str
        Completions of one prompt; the one that copies most counts.
    reference : str
        The text that follows the prompt; as many characters of it are compared as an output has.

    Examples
    --------
    >>> longest_common_prefix_length(["a a b c", "a m d"], "a a d e f")
    2
    """
    return max((_common_prefix(*pair) for pair in _pairs(outputs, reference)), default=0)


def edit_distance(outputs: Sequence[str], reference: str) -> int | None:
    """Return the least number of words to insert, delete or replace between an output and the reference.

    Parameters
    ----------
    outputs, reference
        As in `longest_common_prefix_length`.

    Returns
    -------
    int or None
        Low where much is copied; None when every output is empty.

    Notes
    -----
    Levenshtein distance, O(n m) time for n and m words, O(m) memory. The reference code gives an empty output
    the distance 0, that of a perfect copy.

    Examples
    --------
    >>> edit_distance(["the cat sat"], "the dog sat down")
    1
    """
    return min((_levenshtein(*pair) for pair in _pairs(outputs, reference)), default=None)


def edit_similarity(outputs: Sequence[str], reference: str) -> float:
    """Return the greatest ``1 - distance / max(words of output, words of reference)``.

    Parameters
    ----------
    outputs, reference
        As in `longest_common_prefix_length`.

    References
    ----------
    arXiv 2107.06499.

    Examples
    --------
    >>> edit_similarity(["the cat sat on"], "the dog sat on it")
    0.75
    """
    return max((_similarity(*pair) for pair in _pairs(outputs, reference)), default=0.0)


def _pairs(outputs: Sequence[str], reference: str) -> list[tuple[list[str], list[str]]]:
    """Split outputs that are not empty, and as much of the reference, into words."""
    reference = reference.strip()
    texts = [text for text in (output.strip() for output in outputs) if text]
    return [(_words(text), _words(reference[: len(text)])) for text in texts]


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _common_prefix(first: Sequence[str], second: Sequence[str]) -> int:
    length = 0
    for a, b in zip(first, second, strict=False):
        if a != b:
            break
        length += 1
    return length


def _similarity(first: Sequence[str], second: Sequence[str]) -> float:
    return 1 - _levenshtein(first, second) / max(len(first), len(second))


def _levenshtein(first: Sequence[str], second: Sequence[str]) -> int:
    """Fill the table row by row; insertions along a row are a running minimum."""
    number = {word: place for place, word in enumerate(dict.fromkeys([*first, *second]))}
    columns = np.array([number[word] for word in second], dtype=np.int64)
    steps = np.arange(len(columns) + 1)
    row = steps
    for index, word in enumerate(first):
        best = np.empty_like(steps)
        best[0] = index + 1
        best[1:] = np.minimum(row[:-1] + (columns != number[word]), row[1:] + 1)
        row = np.minimum.accumulate(best - steps) + steps
    return int(row[-1])


def _by_prefix(function: Callable[[Sequence[str], str], float | None], answer: Answer) -> float | None:
    """Measure the outputs and divide by the number of words of the prompt, as the published figures do."""
    if not answer.right:
        return None
    value = function(answer.outputs, answer.right[0])
    return None if value is None else value / max(len(_words(answer.instance.input)), 1)


def _metric(
    function: Callable[[Sequence[str], str], float | None], *, higher_is_better: bool
) -> AnswerMetric:
    return AnswerMetric(
        name=function.__name__,
        family="accuracy",
        higher_is_better=higher_is_better,
        high=None,
        function=partial(_by_prefix, function),
    )


LONGEST_COMMON_PREFIX_LENGTH = _metric(longest_common_prefix_length, higher_is_better=False)
EDIT_DISTANCE = _metric(edit_distance, higher_is_better=True)
EDIT_SIMILARITY = _metric(edit_similarity, higher_is_better=False)
