"""Contrast sets (arXiv 2004.02709): inputs that people edited so that the right answer changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from longwave.scenarios.base import CORRECT

__all__ = ["CONTRAST_HOME", "Contrast", "describe_contrasts"]

CONTRAST_HOME = (
    "https://raw.githubusercontent.com/allenai/contrast-sets/e2b87316ba7b30093bc9ffbc340e6550cab79f67"
)


class Contrast(NamedTuple):
    """An edited input and its right answer."""

    text: str
    answer: str


def describe_contrasts(contrasts: Sequence[Contrast], options: Sequence[str]) -> dict[str, object]:
    """Write edited inputs and their references as ``Instance.extra`` holds them; nothing for none.

    Examples
    --------
    >>> describe_contrasts([Contrast("Dull.", "Negative")], ["Positive"])
    {'contrast_inputs': ['Dull.'], 'contrast_references': [[{'text': 'Positive', 'tags': []}]]}
    """
    if not contrasts:
        return {}
    return {
        "contrast_inputs": [contrast.text for contrast in contrasts],
        "contrast_references": [
            [{"text": text, "tags": [CORRECT] if text == contrast.answer else []} for text in options]
            for contrast in contrasts
        ],
    }
