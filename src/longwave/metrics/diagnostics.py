"""Metrics of the diagnostics and closed-book questions of "Ask Me Anything" (arXiv 2210.02441)."""

from __future__ import annotations

import re

from longwave.metrics.base import Answer, AnswerMetric, InstanceMetric

__all__ = ["count_alternatives", "is_valid_choice", "span_overlap"]

_ITEM = re.compile(r"^\s*[-*•]\s*(.*?)\s*$")
WANTED = 2  # new alternatives that a reply should list


def span_overlap(prediction: str, reference: str) -> float:
    """Return 1 if one of the two texts holds the other, case and white space at the ends apart.

    An empty text holds nothing and is held by nothing; the published code lets it match everything.

    Examples
    --------
    >>> span_overlap("in Paris, France", "Paris"), span_overlap("", "Paris")
    (1.0, 0.0)
    """
    got, want = prediction.strip().casefold(), reference.strip().casefold()
    return float(bool(got and want) and (got in want or want in got))


def is_valid_choice(prediction: str, reference: str) -> float:
    r"""Return 1 if the first line of a reply is the reference, case and a final full stop apart.

    Examples
    --------
    >>> is_valid_choice("Written work.\nExample: A ...", "written work")
    1.0
    """
    first, want = _bare(prediction.strip().partition("\n")[0]), _bare(reference)
    return float(bool(first) and first == want)


def count_alternatives(text: str, given: str = "") -> int:
    r"""Count the different new items that a reply lists up to its first empty line.

    Parameters
    ----------
    text : str
        One item a line, with a dash before each; other lines are none.
    given : str
        An item that was there before: it is not new.

    Examples
    --------
    >>> count_alternatives("- is sold\n- is a paper\n- Is sold.\n\n- more", given="is sold")
    1
    """
    block = re.split(r"\n\s*\n", text.strip())[0]
    items = (_bare(found[1]) for line in block.split("\n") if (found := _ITEM.match(line)))
    return len({item for item in items if item} - {_bare(given)})


def _bare(text: str) -> str:
    return text.strip().removesuffix(".").strip().casefold()


def _two_alternatives(answer: Answer) -> float:
    text = answer.prediction or ""
    return float(count_alternatives(text, str(answer.instance.extra.get("given", ""))) == WANTED)


SPAN_OVERLAP = InstanceMetric(
    name="span_overlap", family="accuracy", higher_is_better=True, function=span_overlap
)
VALID_CHOICE = InstanceMetric(
    name="valid_choice", family="accuracy", higher_is_better=True, function=is_valid_choice
)
TWO_ALTERNATIVES = AnswerMetric(
    name="two_alternatives", family="accuracy", higher_is_better=True, function=_two_alternatives
)
