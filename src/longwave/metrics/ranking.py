"""Ranking of documents: reciprocal rank, NDCG, recall and success among the top ones, per query.

The plain functions take the relevances of documents in the order of a ranking. The metrics read them from
the references of an instance: a document counts as relevant when it has the tag ``"correct"``, and its grade
is that of its tag ``"relevance=G"``, else 1 for relevant documents and 0 for others. Metrics whose names end
in ``_retrieved`` look only at the documents that a first search had found, those with a tag ``"rank=R"``; the
others look at all of an instance's documents, which may hold relevant ones that the search had missed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from longwave.errors import DataError
from longwave.metrics.base import Answer, AnswerMetric
from longwave.scenarios.base import Instance, Reference

__all__ = ["document_relevance", "ndcg", "recall_at", "reciprocal_rank", "success_at"]

GRADE, RETRIEVED = "relevance=", "rank="


def reciprocal_rank(relevances: Sequence[float], k: int) -> float:
    """Return one over the rank of the first relevant document among the top ``k``; 0 if there is none.

    Parameters
    ----------
    relevances : sequence of float
        Of documents in the order of the ranking; above 0 is relevant.
    k : int
        Documents to look at, 1 or more.

    Examples
    --------
    >>> reciprocal_rank([0, 0, 1, 1], 10)
    0.3333333333333333
    """
    return next((1 / rank for rank, value in enumerate(relevances[:k], 1) if value > 0), 0.0)


def ndcg(relevances: Sequence[float], ideal: Sequence[float], k: int) -> float:
    """Return the discounted cumulative gain of the top ``k``, as a share of the greatest possible one.

    Parameters
    ----------
    relevances : sequence of float
        Grades of documents in the order of the ranking.
    ideal : sequence of float
        Grades of all judged documents, in any order; those of documents that were not ranked too.
    k : int
        Documents to look at, 1 or more.

    Notes
    -----
    ``DCG@k = sum_{r <= k} max(g_r, 0) / log2(1 + r)``; the gain is the grade itself. 0 where nothing is
    relevant.

    References
    ----------
    Järvelin and Kekäläinen 2002; with these gains and discounts in arXiv 2211.09110, appendix C.1.

    Examples
    --------
    >>> ndcg([3, 2, 0], [3, 2, 0], 10), round(ndcg([0, 2], [3, 2, 0], 10), 3)
    (1.0, 0.296)
    """
    best = _discounted(sorted(ideal, reverse=True)[:k])
    return _discounted(relevances[:k]) / best if best > 0 else 0.0


def recall_at(relevances: Sequence[float], n_relevant: int, k: int) -> float:
    """Return the share of all ``n_relevant`` relevant documents that are among the top ``k``; 0 for none.

    Examples
    --------
    >>> recall_at([1, 0, 1, 1], 4, 3)
    0.5
    """
    return sum(value > 0 for value in relevances[:k]) / n_relevant if n_relevant > 0 else 0.0


def success_at(relevances: Sequence[float], k: int) -> float:
    """Return 1 if a relevant document is among the top ``k``, else 0.

    Examples
    --------
    >>> success_at([0, 1], 1), success_at([0, 1], 2)
    (0.0, 1.0)
    """
    return float(any(value > 0 for value in relevances[:k]))


def document_relevance(document: Reference) -> float:
    """Return the grade of a document: of its tag ``"relevance=G"``, else 1 for a right one and 0 for others.

    Raises
    ------
    DataError
        If the grade is no number.
    """
    grade = next((tag.removeprefix(GRADE) for tag in document.tags if tag.startswith(GRADE)), None)
    if grade is None:
        return float(document.is_correct)
    try:
        value = float(grade)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(
            f'A document has the tag "{GRADE}{grade}"; write a number after "{GRADE}", such as "{GRADE}2".'
        )
    return value


def _discounted(gains: Sequence[float]) -> float:
    return sum(max(gain, 0.0) / math.log2(1 + rank) for rank, gain in enumerate(gains, 1))


@dataclass(frozen=True)
class _Ranked:
    """What the measures need to know of one ranked query."""

    is_relevant: list[bool]
    grades: list[float]
    ideal: list[float]
    n_relevant: int


MEASURES: dict[str, Callable[[_Ranked, int], float]] = {
    "reciprocal_rank": lambda ranked, k: reciprocal_rank(ranked.is_relevant, k),
    "ndcg": lambda ranked, k: ndcg(ranked.grades, ranked.ideal, k),
    "recall": lambda ranked, k: recall_at(ranked.is_relevant, ranked.n_relevant, k),
    "success": lambda ranked, k: success_at(ranked.is_relevant, k),
}


def _rank(answer: Answer, *, is_retrieved: bool) -> _Ranked:
    documents = answer.instance.references
    order = answer.ranking or _alone(answer)
    candidates = _retrieved(documents) if is_retrieved else set(range(len(documents)))
    ranked = [documents[place] for place in order if place in candidates]
    return _Ranked(
        is_relevant=[document.is_correct for document in ranked],
        grades=[document_relevance(document) for document in ranked],
        ideal=[document_relevance(document) for document in documents],
        n_relevant=_count_relevant(answer.instance),
    )


def _alone(answer: Answer) -> tuple[int, ...]:
    """Rank the predicted document alone, where a method names one and ranks none."""
    texts = [document.text for document in answer.instance.references]
    return (texts.index(answer.prediction),) if answer.prediction in texts else ()


def _retrieved(documents: Sequence[Reference]) -> set[int]:
    """Return the places of documents that a first search had found; all where none is marked so."""
    found = {
        place
        for place, document in enumerate(documents)
        if any(tag.startswith(RETRIEVED) for tag in document.tags)
    }
    return found or set(range(len(documents)))


def _count_relevant(instance: Instance) -> int:
    known = instance.extra.get("n_relevant")
    listed = sum(document.is_correct for document in instance.references)
    return max(known, listed) if isinstance(known, int) else listed


def _metric(measure: str, k: int, *, is_retrieved: bool = False) -> AnswerMetric:
    def function(answer: Answer) -> float:
        return MEASURES[measure](_rank(answer, is_retrieved=is_retrieved), k)

    return AnswerMetric(
        name=f"{measure}_{k}" + "_retrieved" * is_retrieved,
        family="accuracy",
        higher_is_better=True,
        function=function,
    )


RECIPROCAL_RANK_5 = _metric("reciprocal_rank", 5)
RECIPROCAL_RANK_10 = _metric("reciprocal_rank", 10)
RECIPROCAL_RANK_20 = _metric("reciprocal_rank", 20)
NDCG_5 = _metric("ndcg", 5)
NDCG_10 = _metric("ndcg", 10)
NDCG_20 = _metric("ndcg", 20)
RECALL_1 = _metric("recall", 1)
RECALL_2 = _metric("recall", 2)
RECALL_3 = _metric("recall", 3)
RECALL_5 = _metric("recall", 5)
RECALL_10 = _metric("recall", 10)
RECALL_20 = _metric("recall", 20)
SUCCESS_1 = _metric("success", 1)
SUCCESS_2 = _metric("success", 2)
SUCCESS_3 = _metric("success", 3)
SUCCESS_5 = _metric("success", 5)
SUCCESS_10 = _metric("success", 10)
SUCCESS_20 = _metric("success", 20)
RECIPROCAL_RANK_10_RETRIEVED = _metric("reciprocal_rank", 10, is_retrieved=True)
NDCG_10_RETRIEVED = _metric("ndcg", 10, is_retrieved=True)
RECALL_10_RETRIEVED = _metric("recall", 10, is_retrieved=True)
SUCCESS_10_RETRIEVED = _metric("success", 10, is_retrieved=True)
