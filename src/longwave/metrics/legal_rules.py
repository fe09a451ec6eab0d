"""How one answer to a LegalBench task is judged: the released rules, their slips, and the rules without them.

Where they differ, ``is_compat`` repeats the released evaluator bug for bug (see `evaluate_legal`).
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import NamedTuple

from longwave.errors import DataError
from longwave.metrics.stemming import porter_stem

__all__ = [
    "Counts",
    "contains_case_name",
    "count_classes",
    "count_listed",
    "find_label",
    "first_line",
    "is_within_10_percent",
    "normalise_answer",
    "shares_stem",
]

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_DIGITS = re.compile(r"\d+")
_AMOUNT = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")
_CONCLUSION = re.compile(r"\banswer is:?\s*", re.IGNORECASE)
TOLERANCE = 0.1
LEAST = 1.0  # dollars: below, ten percent would be less than ten cents, and nothing at zero


class Counts(NamedTuple):
    """Items named rightly, named wrongly, and missed."""

    hits: int
    alarms: int
    misses: int


def normalise_answer(text: str, *, stem: bool = False) -> str:
    """Delete ASCII punctuation, strip, lower, and optionally cut the ending of the whole text.

    Unlike `normalise` it keeps articles and inner blanks: the answer "A" is one.

    Examples
    --------
    >>> normalise_answer(" Common-Law. "), normalise_answer("Authorized", stem=True)
    ('commonlaw', 'author')
    """
    plain = text.translate(_NO_PUNCTUATION).strip().lower()
    return porter_stem(plain) if stem else plain


def first_line(text: str) -> str:
    """Return the first line that is not blank, stripped: an answer ends before the next question."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def find_label(text: str, labels: Sequence[str]) -> str | None:
    """Return the label that an answer names first, after its last "the answer is" where it says so.

    Parameters
    ----------
    text : str
        Of several lines or words, such as "Yes, because ...".
    labels : sequence of str
        Labels of one character count only as they are written and alone ("Option B"), an ``A`` not before a
        word in lower case, where it is an article.

    Examples
    --------
    >>> find_label("Irrelevant, I think", ["Relevant", "Irrelevant"])
    'Irrelevant'
    >>> find_label("A party may assign, so the answer is B.", ["A", "B"])
    'B'
    """
    ends = [found.end() for found in _CONCLUSION.finditer(text)]
    for part in ([text[ends[-1] :]] if ends else []) + [text]:
        places = [
            (place, -len(label), label) for label in labels if (place := _place(part, label)) is not None
        ]
        if places:
            return min(places)[2]
    return None


def _place(text: str, label: str) -> int | None:
    """Return where a label stands in a text, as a word of its own."""
    is_letter = len(label) == 1
    after = r"(?! [a-z])" if label == "A" else ""
    flags = re.NOFLAG if is_letter else re.IGNORECASE
    found = re.search(rf"(?<!\w){re.escape(label)}(?!\w){after}", text, flags)
    return None if found is None else found.start()


def count_classes(prediction: str, gold: str, classes: Sequence[str]) -> Counts:
    """Count the classes that an answer names, as they are written, against a gold list with commas.

    Examples
    --------
    >>> count_classes("a de facto merger", "mere continuation", ["de facto merger", "mere continuation"])
    Counts(hits=0, alarms=1, misses=1)
    """
    named = [name for name in classes if name in prediction]
    wanted = [item.strip() for item in gold.split(",") if item.strip()]
    hits = sum(name in wanted for name in named)
    return Counts(hits, len(named) - hits, len(wanted) - hits)


def count_listed(prediction: str, gold: str, *, is_compat: bool = False) -> Counts:
    """Count the gold names that some listed name contains; each listed name serves once.

    Released code adds the names that are left to the alarms once for every gold name, and takes an empty item
    for a name, which everything contains.
    """
    listed, wanted = ([normalise_answer(item) for item in text.split(",")] for text in (prediction, gold))
    if not is_compat:
        listed, wanted = ([item for item in items if item] for items in (listed, wanted))
    hits = alarms = 0
    for name in wanted:
        place = next((place for place, item in enumerate(listed) if name in item), None)
        if place is not None:
            del listed[place]
            hits += 1
        alarms += len(listed)
    return Counts(hits, alarms if is_compat else len(listed), len(wanted) - hits)


def is_within_10_percent(prediction: str, gold: str, *, is_compat: bool = False) -> bool:
    """Tell whether the first amount of an answer is within ten percent of the gold one.

    Released code deletes commas and points, so that "$27,181.50" is 2718150, takes an answer without a number
    for 0, and adds 0.1 to the gold amount, so that none is near 0. Here amounts are decimals, an answer needs
    a number, and amounts below a dollar are compared with a tolerance of ten cents.

    Raises
    ------
    DataError
        If the gold answer is no amount; with ``is_compat`` also one with a comma or a point.
    """
    if is_compat:
        digits = _DIGITS.search(prediction.replace(",", "").replace(".", ""))
        return abs((float(digits[0]) if digits else 0) / (_whole_amount(gold) + 0.1) - 1) < TOLERANCE
    wanted, got = _amount(gold), _amount(prediction)
    if wanted is None:
        raise DataError(f'The gold answer "{gold}" holds no amount. Write for example $27,181.50.')
    return got is not None and abs(got - wanted) < TOLERANCE * max(abs(wanted), LEAST)


def shares_stem(prediction: str, gold: str, *, is_compat: bool = False) -> bool:
    """Tell whether an item of an answer equals a gold item, items separated by commas, after stemming.

    Examples
    --------
    >>> shares_stem("Authorize", "authorized,authorizes")
    True
    """
    got, want = (
        {normalise_answer(item, stem=True) for item in text.split(",")} for text in (prediction, gold)
    )
    return bool(got & want if is_compat else (got & want) - {""})


def contains_case_name(prediction: str, gold: str, *, is_compat: bool = False) -> bool:
    """Tell whether an answer contains the gold case name; reporter and circuit are not looked at."""
    name = normalise_answer(gold)
    return name in normalise_answer(prediction) and bool(name or is_compat)


def _amount(text: str) -> float | None:
    found = _AMOUNT.search(text)
    return None if found is None else float(found[0].replace(",", ""))


def _whole_amount(gold: str) -> int:
    try:
        return int(gold.replace("$", ""))
    except ValueError as error:
        raise DataError(
            f'The released evaluator cannot read the gold answer "{gold}"; accepted are whole dollars. '
            "Use the mode strict."
        ) from error
