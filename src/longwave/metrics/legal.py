"""LegalBench's measures: whole tasks as the paper scores them, and single answers as metrics of rows."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal, cast

from longwave.errors import DataError, ShapeError, UnknownName
from longwave.metrics.base import Answer, AnswerMetric, InstanceMetric
from longwave.metrics.legal_rules import (
    Counts,
    contains_case_name,
    count_classes,
    count_listed,
    find_label,
    first_line,
    is_within_10_percent,
    normalise_answer,
    shares_stem,
)
from longwave.samples import sample_path

__all__ = [
    "EXCEPTIONS",
    "LegalMode",
    "LegalScore",
    "count_items",
    "evaluate_legal",
    "is_outside_labels",
    "is_right",
    "legal_exact_match",
    "legal_measure",
    "read_answer",
]

LegalMode = Literal["strict", "compat", "lenient"]
Measure = Literal["balanced_accuracy", "set_f1", "within_10_percent", "stem", "contains", "list_f1", "manual"]
MODES: tuple[LegalMode, ...] = ("strict", "compat", "lenient")
# what the answer to successor_liability may name
EXCEPTIONS = ("express agreement", "fraudulent conveyance", "de facto merger", "mere continuation")
_RULES: dict[str, Callable[..., bool]] = {
    "within_10_percent": is_within_10_percent,
    "stem": shares_stem,
    "contains": contains_case_name,
}


@dataclass(frozen=True, kw_only=True)
class LegalScore:
    """The score of a task.

    Parameters
    ----------
    value : float
        In [0, 1]; NaN where the released evaluator gives that.
    measure : str
        What it is: ``balanced_accuracy``, ``set_f1``, ``within_10_percent``, ``stem``, ``contains`` or
        ``list_f1``.
    n : int
        Rows.
    n_classes : int, optional
        Classes among the gold answers, over which a balanced accuracy is the mean.
    outside : float, optional
        Share of answers that are no label as they stand; tells why a strict score is low.
    majority : float, optional
        What always giving the most frequent answer scores: ``1 / n_classes``.
    """

    value: float
    measure: str
    n: int
    n_classes: int | None = None
    outside: float | None = None
    majority: float | None = None


def evaluate_legal(
    task: str,
    predictions: Sequence[str | None],
    answers: Sequence[str],
    *,
    mode: LegalMode = "strict",
    labels: Sequence[str] = (),
) -> LegalScore:
    """Score the answers to a task of LegalBench.

    Parameters
    ----------
    task : str
        A task of 2023 or of the seed of 2022.
    predictions : sequence of str or None
        What the model wrote; None for nothing.
    answers : sequence of str
        The gold answers, row by row.
    mode : {"strict", "compat", "lenient"}
        ``strict``: the rules of the paper, an answer being the first line of what was written. ``compat``:
        the released evaluator bug for bug. ``lenient``: as ``strict``, but for a choice the first label that
        is named counts ("Yes, because ...").
    labels : sequence of str
        Labels to choose from; default those of the task, and the gold answers.

    Raises
    ------
    UnknownName
        If there is no such task or mode.
    ShapeError
        If the two differ in length.
    DataError
        If the task is graded by hand, there is no row, or the released evaluator cannot score these.

    Notes
    -----
    Balanced accuracy: mean over the gold classes of the share that was answered rightly; a class that is only
    predicted counts as an error. F1: ``2 TP / (2 TP + FP + FN)`` from the sums over all rows, 1 where nothing
    is named and nothing is gold. The others are shares of rows.

    ``compat`` differs thus. successor_liability is scored by balanced accuracy: it stands in the list that is
    asked first. F1 of lists counts left-over names once per gold name. Amounts lose their points and commas,
    and none is near 0. No rows give NaN, or a division by zero (here a DataError). What was written is not
    cut at a line end. The seed's intra_rule_distinguishing is still in its list.

    References
    ----------
    arXiv 2308.11462; ``evaluation.py`` of the public repository.

    Examples
    --------
    >>> evaluate_legal("hearsay", ["Yes, it is", "No"], ["Yes", "No"]).value
    0.5
    >>> evaluate_legal("hearsay", ["Yes, it is", "No"], ["Yes", "No"], mode="lenient").value
    1.0
    """
    measure = legal_measure(task)
    if mode not in MODES:
        raise UnknownName("mode of scoring", mode, MODES)
    if measure == "manual":
        raise DataError(
            f'"{task}" is graded by hand: a person trained in law judges whether an answer is right and its '
            "analysis shown. Read the answers in the requests table."
        )
    if len(predictions) != len(answers):
        raise ShapeError(f"{len(predictions)} predictions but {len(answers)} answers; give one each a row.")
    is_compat = mode == "compat"
    if not answers and not (is_compat and measure in ("balanced_accuracy", "set_f1", "within_10_percent")):
        raise DataError(f'There are no answers to "{task}" to score; give at least 1. Leave empty sets out.')
    written = [_written(text, mode) for text in predictions]
    if measure == "balanced_accuracy" or (is_compat and measure == "set_f1"):
        return _choice(task, written, answers, mode, labels)
    if measure in ("set_f1", "list_f1"):
        pairs = zip(written, answers, strict=True)
        counts = [count_items(measure, text, gold, is_compat=is_compat) for text, gold in pairs]
        return LegalScore(value=_micro_f1(counts), measure=measure, n=len(answers))
    pairs = zip(written, answers, strict=True)
    right = [is_right(measure, text, gold, is_compat=is_compat) for text, gold in pairs]
    return LegalScore(value=sum(right) / len(right) if right else math.nan, measure=measure, n=len(right))


def legal_measure(task: str) -> Measure:
    """Return how a task is judged.

    Raises
    ------
    UnknownName
        If LegalBench has no such task.

    Examples
    --------
    >>> legal_measure("sara_numeric")
    'within_10_percent'
    """
    known = _facts()
    if task not in known:
        raise UnknownName("task of LegalBench", task, known)
    return known[task][0]


def read_answer(text: str | None, labels: Sequence[str], mode: LegalMode = "strict") -> str:
    """Return the normalised answer to a choice; what names no label stays as it is.

    Examples
    --------
    >>> read_answer("Yes, because ...", ["Yes", "No"]), read_answer("Yes, so", ["Yes", "No"], "lenient")
    ('yes because', 'yes')
    """
    written = _written(text, mode)
    found = find_label(written, labels) if mode == "lenient" else None
    return normalise_answer(written if found is None else found)


def legal_exact_match(prediction: str, reference: str) -> float:
    """Return 1 if the first line of an answer is the reference, but for case and ASCII punctuation."""
    got = normalise_answer(first_line(prediction))
    return float(bool(got) and got == normalise_answer(first_line(reference)))


def is_outside_labels(prediction: str | None, labels: Sequence[str]) -> bool:
    """Tell whether an answer is no label as it stands, so that an exact match is not possible."""
    return read_answer(prediction, ()) not in {normalise_answer(label) for label in labels}


def count_items(measure: str, prediction: str, gold: str, *, is_compat: bool = False) -> Counts:
    """Count hits, alarms and misses of an answer that names several things: ``set_f1`` or ``list_f1``."""
    if measure == "set_f1":
        return count_classes(prediction, gold, EXCEPTIONS)
    return count_listed(prediction, gold, is_compat=is_compat)


def is_right(measure: str, prediction: str, gold: str, *, is_compat: bool = False) -> bool:
    """Judge an answer that is right or wrong: ``within_10_percent``, ``stem`` or ``contains``."""
    return _RULES[measure](prediction, gold, is_compat=is_compat)


def _written(text: str | None, mode: LegalMode) -> str:
    if mode == "compat":
        return str(text)
    if text is None:
        return ""
    return text.strip() if mode == "lenient" else first_line(text)


def _choice(
    task: str, written: Sequence[str], answers: Sequence[str], mode: LegalMode, labels: Sequence[str]
) -> LegalScore:
    space = list(dict.fromkeys([*(labels or _facts()[task][1]), *answers]))
    gold = [normalise_answer(answer) for answer in answers]
    got = [read_answer(text, space, mode) for text in written]
    total = Counter(gold)
    hits = Counter(want for want, answer in zip(gold, got, strict=True) if want == answer)
    value = sum(hits[name] / total[name] for name in total) / len(total) if total else math.nan
    outside = [is_outside_labels(text, space) for text in written]
    return LegalScore(
        value=value,
        measure="balanced_accuracy",
        n=len(gold),
        n_classes=len(total),
        outside=sum(outside) / len(outside) if outside else None,
        majority=1 / len(total) if total else None,
    )


def _micro_f1(counts: Sequence[Counts]) -> float:
    hits, alarms, misses = (sum(column) for column in zip(*counts, strict=True))
    there = 2 * hits + alarms + misses
    return 2 * hits / there if there else 1.0


@cache
def _facts() -> dict[str, tuple[Measure, tuple[str, ...]]]:
    """Measure and labels by task; where a name is in both releases, those of 2023."""
    table = json.loads(sample_path("legalbench/tasks.json").read_text("utf-8"))
    rows = [*table["seed"], *table["tasks"]]
    return {row["name"]: (cast(Measure, row["measure"]), tuple(row["labels"])) for row in rows}


def _by_rule(answer: Answer, *, measure: str) -> float:
    text = first_line(answer.prediction or "")
    return float(any(is_right(measure, text, gold) for gold in answer.right))


def _by_amount(answer: Answer) -> float | None:
    """Judge an amount; a row whose gold answer is none cannot be judged."""
    if not any(character.isdigit() for gold in answer.right for character in gold):
        return None
    return _by_rule(answer, measure="within_10_percent")


def _by_counts(answer: Answer, *, measure: str) -> float:
    text = first_line(answer.prediction or "")
    found = [_micro_f1([count_items(measure, text, gold)]) for gold in answer.right]
    return max(found, default=0.0)


def _lenient(answer: Answer) -> float:
    labels = [reference.text for reference in answer.instance.references]
    got = read_answer(answer.prediction, labels, "lenient")
    return float(bool(got) and got in {normalise_answer(text) for text in answer.right})


def _outside(answer: Answer) -> float:
    return float(is_outside_labels(answer.prediction, [each.text for each in answer.instance.references]))


def _manual(answer: Answer) -> None:
    """Say nothing: a person trained in law must read the answer."""


def _metric(name: str, function: Callable[[Answer], float | None], *, higher: bool = True) -> AnswerMetric:
    return AnswerMetric(name=name, family="accuracy", higher_is_better=higher, function=function)


LEGAL_EXACT_MATCH = InstanceMetric(
    name="legal_exact_match", family="accuracy", higher_is_better=True, function=legal_exact_match
)
LEGAL_LENIENT_MATCH = _metric("legal_lenient_match", _lenient)
LEGAL_OUTSIDE_LABELS = _metric("legal_outside_labels", _outside, higher=False)
LEGAL_WITHIN_10_PERCENT = _metric("legal_within_10_percent", _by_amount)
LEGAL_STEM_MATCH = _metric("legal_stem_match", partial(_by_rule, measure="stem"))
LEGAL_CONTAINS = _metric("legal_contains", partial(_by_rule, measure="contains"))
LEGAL_SET_F1 = _metric("legal_set_f1", partial(_by_counts, measure="set_f1"))
LEGAL_LIST_F1 = _metric("legal_list_f1", partial(_by_counts, measure="list_f1"))
LEGAL_MANUAL = _metric("legal_manual", _manual)
