"""Accuracy of one text against one reference, as HELM defines it (arXiv 2211.09110, appendix C.1).

Where we differ: a text that normalisation empties (the answer "A", an article) is compared as it stands. The
reference code takes every other emptied text for equal, and an empty reference for a prefix of everything.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Literal

import polars as pl

from longwave.metrics.base import InstanceMetric, TableMetric
from longwave.metrics.tidy import summarize_mean

__all__ = [
    "exact_match",
    "exact_match_indicator",
    "final_number_exact_match",
    "normalise",
    "prefix_exact_match",
    "quasi_exact_match",
    "quasi_prefix_exact_match",
    "summarize_accuracy",
    "summarize_errors",
    "summarize_scores",
    "token_f1",
]

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NUMBER = re.compile(r"-?(?:\d[\d,]*(?:\.\d+)?|\.\d+)")


def normalise(text: str) -> str:
    """Lower the text, delete ASCII punctuation and the words a, an, the, and collapse white space.

    Examples
    --------
    >>> normalise("The  U.S. President!")
    'us president'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def exact_match(prediction: str, reference: str) -> float:
    """Return 1 if the two are equal but for white space at the ends; an empty prediction gets 0."""
    stripped = prediction.strip()
    return float(bool(stripped) and stripped == reference.strip())


def quasi_exact_match(prediction: str, reference: str) -> float:
    """Return 1 if the two are equal after `normalise`; an empty prediction gets 0.

    Examples
    --------
    >>> quasi_exact_match("the Thames.", "Thames")
    1.0
    """
    got, want = normalise(prediction), normalise(reference)
    if not got and not want:
        return exact_match(prediction.lower(), reference.lower())
    return float(got == want)


def prefix_exact_match(prediction: str, reference: str) -> float:
    """Return 1 if the prediction starts with the reference, white space at the ends apart."""
    start = reference.strip()
    return float(bool(start) and prediction.strip().startswith(start))


def quasi_prefix_exact_match(prediction: str, reference: str) -> float:
    """Return 1 if the prediction starts with the reference after `normalise`."""
    start = normalise(reference)
    if not start:
        return quasi_exact_match(prediction, reference)
    return float(normalise(prediction).startswith(start))


def token_f1(prediction: str, reference: str, *, counting: Literal["sets", "bags"] = "sets") -> float:
    """Return the F1 of the normalised words of prediction and reference.

    Parameters
    ----------
    prediction, reference : str
    counting : {"sets", "bags"}
        HELM compares sets of words, in which a repeated word counts once; the F1 of SQuAD compares bags. The
        default gives HELM's numbers.

    Notes
    -----
    ``2 P R / (P + R)`` with ``P = |G ∩ P̂| / |P̂|`` and ``R = |G ∩ P̂| / |G|``; 0 if a side has no word.

    References
    ----------
    arXiv 2211.09110, appendix C.1 (sets); arXiv 1606.05250, section 6.1 (bags).

    Examples
    --------
    >>> token_f1("yes yes no", "yes no"), token_f1("yes yes no", "yes no", counting="bags")
    (1.0, 0.8)
    """
    got, want = Counter(normalise(prediction).split()), Counter(normalise(reference).split())
    if not got and not want:
        return exact_match(prediction.lower(), reference.lower())
    if counting == "sets":
        got, want = Counter(set(got)), Counter(set(want))
    return 2 * (got & want).total() / (got.total() + want.total())


def exact_match_indicator(prediction: str, reference: str) -> float:
    """Return 1 if what follows the last blank is the same in both: the final answer of a worked solution."""
    return exact_match(prediction.strip().rpartition(" ")[2], reference.strip().rpartition(" ")[2])


def final_number_exact_match(prediction: str, reference: str) -> float:
    """Return 1 if the last number of both has the same value.

    Notes
    -----
    Thousands separators are ignored. Two differences to the reference code: its pattern has an unescaped dot,
    which reads "5 10" as one number, and it compares texts, which tells 18 from 18.0.

    Examples
    --------
    >>> final_number_exact_match("so 6 x 300 = 1,800.0", "The answer is 1800.")
    1.0
    """
    got, want = _last_number(prediction), _last_number(reference)
    return float(got is not None and got == want)


def summarize_scores(frame: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Average the ``score`` column, the main metric of each scenario.

    Parameters
    ----------
    frame : DataFrame
        Rows of the predictions table; perturbed ones count only when ``by`` holds ``"perturbation"``.
    by : sequence of str
        Grouping columns. Average over scenarios only where they share a metric.

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`; one row a group, metric ``"score"``.
    """
    return summarize_mean(frame, by, pl.col("score"), metric="score", bounds=(None, None))


def summarize_accuracy(frame: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Average the ``correct`` column; as `summarize_scores`, metric ``"accuracy"``."""
    return summarize_mean(frame, by, pl.col("correct").cast(pl.Float64), metric="accuracy")


def summarize_errors(frame: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Return the share of rows whose request failed; as `summarize_scores`, metric ``"error_rate"``."""
    return summarize_mean(frame, by, pl.col("error").is_not_null().cast(pl.Float64), metric="error_rate")


def _last_number(text: str) -> Decimal | None:
    found = _NUMBER.findall(text)
    return Decimal(found[-1].replace(",", "")) if found else None


def _token_f1_bags(prediction: str, reference: str) -> float:
    return token_f1(prediction, reference, counting="bags")


def _accuracy(name: str, function: Callable[[str, str], float]) -> InstanceMetric:
    return InstanceMetric(name=name, family="accuracy", higher_is_better=True, function=function)


EXACT_MATCH = _accuracy("exact_match", exact_match)
QUASI_EXACT_MATCH = _accuracy("quasi_exact_match", quasi_exact_match)
PREFIX_EXACT_MATCH = _accuracy("prefix_exact_match", prefix_exact_match)
QUASI_PREFIX_EXACT_MATCH = _accuracy("quasi_prefix_exact_match", quasi_prefix_exact_match)
TOKEN_F1 = _accuracy("token_f1", token_f1)
TOKEN_F1_BAGS = _accuracy("token_f1_bags", _token_f1_bags)
EXACT_MATCH_INDICATOR = _accuracy("exact_match_indicator", exact_match_indicator)
FINAL_NUMBER_EXACT_MATCH = _accuracy("final_number_exact_match", final_number_exact_match)
ACCURACY = TableMetric(name="accuracy", family="accuracy", higher_is_better=True, function=summarize_accuracy)
ERROR_RATE = TableMetric(
    name="error_rate", family="efficiency", higher_is_better=False, function=summarize_errors
)
