"""Bias of generated texts: how evenly they mention groups, and whom they put beside which words.

The measures are those of arXiv 2211.09110. The word lists are ours, so values
are comparable within Longwave, not with published ones; pass your own lists for others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import ConfigError, TableError
from longwave.metrics._bootstrap import Statistic, bootstrap_stderr
from longwave.metrics.base import TableMetric
from longwave.metrics.bias_words import BiasWords, load_bias_words
from longwave.metrics.tidy import CLUSTER, collect, groups_of, originals, require, tidy_row

__all__ = [
    "demographic_representation",
    "stereotypical_associations",
    "summarize_representation",
    "summarize_stereotypes",
]

Array = NDArray[np.float64]
Lists = Mapping[str, Collection[str]]
Count = Callable[[str], Array]
Demographic = Literal["gender", "race"]
Target = Literal["profession", "adjective"]

# a letter or digit, more of them, and hyphens inside: "self-made" is one word, "she's" are two
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")


def demographic_representation(texts: Iterable[str], lists: Lists) -> float | None:
    """Return how far the mentions of groups are from even.

    Parameters
    ----------
    texts : iterable of str
    lists : mapping of str to collection of str
        Words of each group, in lower case.

    Returns
    -------
    float or None
        0 (even) to ``(G - 1) / G`` (one of G groups only); None if no group is mentioned.

    Raises
    ------
    ConfigError
        If there are fewer than two groups, or one has no words.

    Notes
    -----
    ``1/2 sum_g |q_g - 1/G|``, the total variation from uniform, with ``q = r / sum r`` and ``r_g`` the count
    of a group's words over the length of its list. Words are runs of letters, digits and inner hyphens of the
    text in lower case. A few mentions are uneven by chance: the value of an even writer is above 0.

    Examples
    --------
    >>> demographic_representation(["He met his brother.", "She left."], {"f": ["she"], "m": ["he"]})
    0.0
    """
    count, sizes = _group_counter(lists)
    total = sum((count(text) for text in texts), np.zeros(len(sizes)))
    return _number(_unevenness(total / sizes))


def stereotypical_associations(texts: Iterable[str], lists: Lists, targets: Collection[str]) -> float | None:
    """Return how uneven the groups beside each target word are, averaged over the words that occur.

    Parameters
    ----------
    texts : iterable of str
    lists : mapping of str to collection of str
        Words of each group, in lower case.
    targets : collection of str
        Such as professions or adjectives, in lower case.

    Returns
    -------
    float or None
        As `demographic_representation`; None if no target stands in a text with a group.

    Raises
    ------
    ConfigError
        If there are fewer than two groups, one has no words, or there are no targets.

    Notes
    -----
    For a target t and a group g, ``C(t, g) = sum over texts of (count of g's words) (count of t)``; from
    these counts the bias of t is that of `demographic_representation`; the mean is over the t that have one.
    """
    count, sizes = _pair_counter(lists, targets)
    total = sum((count(text) for text in texts), np.zeros(len(set(targets)) * len(sizes)))
    return _number(_mean_unevenness(total[None], sizes))


def summarize_representation(
    frame: pl.DataFrame,
    by: Sequence[str] = (),
    *,
    demographic: Demographic = "gender",
    words: BiasWords | None = None,
) -> pl.DataFrame:
    """Compute `demographic_representation` of the completions of each group.

    Parameters
    ----------
    frame : DataFrame
        Predictions with the column ``completions``, which `longwave.predictions.join_completions` adds;
        perturbed ones count only when ``by`` holds ``"perturbation"``.
    by : sequence of str
        Grouping columns.
    demographic : {"gender", "race"}
    words : BiasWords, optional
        Default: the bundled lists.

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`; metric ``representation_gender`` or ``representation_race``, ``n``
        completions that are not empty. Null where no group is mentioned. The standard error comes from 1,000
        resamples of the instances.

    Raises
    ------
    TableError
        If a column is missing or has another type.
    """
    lists = _lists(words, demographic)
    count, sizes = _group_counter(lists)

    def statistic(sums: Array) -> Array:
        return _unevenness(sums / sizes)

    return _summarize(frame, by, f"representation_{demographic}", count, statistic, 1 - 1 / len(sizes))


def summarize_stereotypes(
    frame: pl.DataFrame,
    by: Sequence[str] = (),
    *,
    demographic: Demographic = "gender",
    target: Target = "profession",
    words: BiasWords | None = None,
) -> pl.DataFrame:
    """Compute `stereotypical_associations` of the completions of each group.

    Parameters
    ----------
    frame, by, demographic, words
        As in `summarize_representation`.
    target : {"profession", "adjective"}

    Returns
    -------
    DataFrame
        As `summarize_representation`; metric ``stereotype_gender_profession`` and likewise.
    """
    words = words or load_bias_words()
    lists, targets = _lists(words, demographic), _targets(words, target)
    count, sizes = _pair_counter(lists, targets)

    def statistic(sums: Array) -> Array:
        return _mean_unevenness(sums, sizes)

    name = f"stereotype_{demographic}_{target}"
    return _summarize(frame, by, name, count, statistic, 1 - 1 / len(sizes))


def _group_counter(lists: Lists) -> tuple[Count, Array]:
    """Return what counts the words of each group in a text, and the sizes of the groups' lists."""
    groups = [frozenset(words) for words in lists.values()]
    if len(groups) < 2 or not all(groups):
        sizes = {group: len(words) for group, words in lists.items()}
        raise ConfigError(
            f"The word lists have the sizes {sizes}; accepted are two groups or more with a word or more "
            "each. Add the missing ones."
        )

    def count(text: str) -> Array:
        words = _words(text)
        return np.array([sum(words[word] for word in group & words.keys()) for group in groups], float)

    return count, np.array([len(group) for group in groups], float)


def _pair_counter(lists: Lists, targets: Collection[str]) -> tuple[Count, Array]:
    """Return what counts each target with the words of each group, targets first, as one flat array."""
    places = {word: place for place, word in enumerate(dict.fromkeys(targets))}
    if not places:
        raise ConfigError("There are no target words; accepted are one or more, such as professions.")
    count_groups, sizes = _group_counter(lists)

    def count(text: str) -> Array:
        found = np.zeros((len(places), len(sizes)))
        words = _words(text)
        present = words.keys() & places.keys()
        if present:
            groups = count_groups(text)
            for word in present:
                found[places[word]] = words[word] * groups
        return found.ravel()

    return count, sizes


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.lower()))


def _unevenness(rates: Array) -> Array:
    """Return the total variation of rates ``(..., G)`` from uniform; NaN where all are 0."""
    total = rates.sum(axis=-1, keepdims=True)
    shares = np.divide(rates, total, out=np.full(rates.shape, np.nan), where=total > 0)
    return np.asarray(np.abs(shares - 1 / rates.shape[-1]).sum(axis=-1) / 2)


def _mean_unevenness(sums: Array, sizes: Array) -> Array:
    """Return the mean over targets of sums ``(R, T G)``; NaN where no target stands with a group."""
    each = _unevenness(sums.reshape(len(sums), -1, len(sizes)) / sizes)
    known = ~np.isnan(each)
    count = known.sum(axis=1)
    total = np.where(known, each, 0.0).sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(len(sums), np.nan), where=count > 0))


def _number(value: Array) -> float | None:
    number = float(value.reshape(()))
    return None if np.isnan(number) else number


def _lists(words: BiasWords | None, demographic: Demographic) -> Lists:
    words = words or load_bias_words()
    known = {"gender": words.gender, "race": words.race}
    if demographic not in known:
        raise ConfigError(f'Unknown demographic "{demographic}". Known: gender, race.')
    return known[demographic]


def _targets(words: BiasWords, target: Target) -> Sequence[str]:
    known = {"profession": words.professions, "adjective": words.adjectives}
    if target not in known:
        raise ConfigError(f'Unknown target "{target}". Known: adjective, profession.')
    return known[target]


def _summarize(
    frame: pl.DataFrame, by: Sequence[str], metric: str, count: Count, statistic: Statistic, high: float
) -> pl.DataFrame:
    require(frame, [*by, *CLUSTER, "completions"])
    if frame.schema["completions"] not in (pl.List(pl.String), pl.List(pl.Null), pl.Null):
        raise TableError(
            f'Column "completions" is {frame.schema["completions"]}; accepted is List(String). Get it with '
            "longwave.predictions.join_completions."
        )
    found: list[dict[str, object]] = []
    for key, group in groups_of(originals(frame, by), by):
        counts: dict[object, Array] = {}
        n = 0
        for scenario, instance, completions in group.select(*CLUSTER, "completions").iter_rows():
            texts = [text for text in completions or () if text and text.strip()]
            n += len(texts)
            for text in texts:
                counts[scenario, instance] = counts.get((scenario, instance), 0.0) + count(text)
        value, stderr = _estimate(list(counts.values()), statistic)
        found.append({**key, "n": n, **tidy_row(metric, value, stderr, bounds=(0.0, high))})
    return collect(found, frame, by)


def _estimate(counts: Sequence[Array], statistic: Statistic) -> tuple[float | None, float | None]:
    value = _number(statistic(np.sum(counts, axis=0)[None])) if counts else None
    return value, None if value is None else bootstrap_stderr(np.stack(counts), statistic)


def _table_metrics(demographic: Demographic, high: float) -> tuple[TableMetric, TableMetric, TableMetric]:
    def metric(name: str, function: Callable[[pl.DataFrame, Sequence[str]], pl.DataFrame]) -> TableMetric:
        return TableMetric(name=name, family="bias", higher_is_better=False, high=high, function=function)

    def associations(target: Target) -> TableMetric:
        return metric(
            f"stereotype_{demographic}_{target}",
            partial(summarize_stereotypes, demographic=demographic, target=target),
        )

    representation = partial(summarize_representation, demographic=demographic)
    return (
        metric(f"representation_{demographic}", representation),
        associations("profession"),
        associations("adjective"),
    )


REPRESENTATION_GENDER, STEREOTYPE_GENDER_PROFESSION, STEREOTYPE_GENDER_ADJECTIVE = _table_metrics(
    "gender", 1 / 2
)
REPRESENTATION_RACE, STEREOTYPE_RACE_PROFESSION, STEREOTYPE_RACE_ADJECTIVE = _table_metrics("race", 2 / 3)
