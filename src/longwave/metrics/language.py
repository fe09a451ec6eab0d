"""Language modelling: how well a text is predicted, whatever the tokenizer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import DataError
from longwave.metrics.base import TableMetric
from longwave.metrics.tidy import CLUSTER, collect, groups_of, originals, require, tidy_row

__all__ = ["bits_per_byte", "logprob_per_byte", "perplexity", "summarize_language"]


def bits_per_byte(logprob: float, n_bytes: int) -> float:
    """Return ``-logprob / (n_bytes ln 2)``.

    Parameters
    ----------
    logprob : float
        Sum of the log-probabilities of the predicted tokens in nats. Over a scenario: add up first, then
        divide.
    n_bytes : int
        Length of the same text in UTF-8.

    Raises
    ------
    DataError
        If there is no byte.

    Notes
    -----
    Comparable between tokenizers, unlike `perplexity`.

    Examples
    --------
    >>> bits_per_byte(-math.log(256), 1)
    8.0
    """
    return -logprob_per_byte(logprob, n_bytes) / math.log(2)


def logprob_per_byte(logprob: float, n_bytes: int) -> float:
    """Return ``logprob / n_bytes`` in nats; arguments and errors as `bits_per_byte`."""
    if n_bytes < 1:
        raise DataError(
            f"A text of {n_bytes} bytes has no rate per byte; accepted are 1 and more. Leave it out."
        )
    return logprob / n_bytes


def perplexity(logprob: float, n_tokens: int) -> float:
    """Return ``exp(-logprob / n_tokens)``; say which tokenizer made the tokens.

    Parameters
    ----------
    logprob : float
        Sum over the predicted tokens in nats.
    n_tokens : int
        Their number.

    Raises
    ------
    DataError
        If there is no token.

    Notes
    -----
    Infinite where the sum is minus infinity or the power too large for a float.
    """
    if n_tokens < 1:
        raise DataError(
            f"A text of {n_tokens} tokens has no perplexity; accepted are 1 and more. Leave it out."
        )
    mean = -logprob / n_tokens
    return math.exp(mean) if mean < 709 else math.inf


def summarize_language(frame: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Compute bits per byte of each group: all log-probabilities over all bytes, long texts weigh more.

    Parameters
    ----------
    frame : DataFrame
        Rows of language-modelling scenarios, whose ``logprob`` is that of the whole ``input``; get the text
        with `longwave.predictions.join_instances`. Rows without one of the two do not count, perturbed ones
        only when ``by`` holds ``"perturbation"``.
    by : sequence of str
        Grouping columns.

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`; metric ``bits_per_byte``, ``n`` texts.

    Notes
    -----
    A ratio of sums; its standard error is that of the linearised ratio, ``sqrt(n/(n-1) sum_i (b_i - r a_i)²)
    / sum_i a_i`` with bits b, bytes a and their ratio r, texts taken as independent.
    """
    require(frame, [*by, *CLUSTER, "logprob", "input"])
    rows = originals(frame, by).select(
        *dict.fromkeys([*by, *CLUSTER]),
        bits=-pl.col("logprob") / math.log(2),
        size=pl.col("input").str.len_bytes().cast(pl.Float64),
    )
    rows = rows.filter(pl.col("bits").is_not_null() & (pl.col("size") > 0))
    found: list[dict[str, object]] = []
    for key, group in groups_of(rows, by):
        sums = group.group_by(CLUSTER).agg(pl.col("bits").sum(), pl.col("size").sum())
        bits, size, n = sums["bits"].to_numpy(), sums["size"].to_numpy(), len(sums)
        ratio = float(bits.sum() / size.sum())
        stderr = _ratio_stderr(bits, size) if n > 1 and math.isfinite(ratio) else None
        found.append({**key, "n": len(group), **tidy_row("bits_per_byte", ratio, stderr, bounds=(0.0, None))})
    return collect(found, frame, by)


def _ratio_stderr(bits: NDArray[np.float64], size: NDArray[np.float64]) -> float:
    n, total = len(bits), float(size.sum())
    residuals = bits - float(bits.sum()) / total * size
    return math.sqrt(n / (n - 1) * float(residuals @ residuals)) / total


BITS_PER_BYTE = TableMetric(
    name="bits_per_byte", family="accuracy", higher_is_better=False, high=None, function=summarize_language
)
