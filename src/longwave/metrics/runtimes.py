"""Run times a model would have on fixed hardware or without contention, from a profile of two figures.

The observed time of a request (`longwave.metrics.summarize_efficiency`) tells as much about the queue before
a model as about the model. A profile tells how long prompts and output tokens take on one stack; times
computed from it compare models. Where we differ from the reference code of arXiv 2211.09110: it holds tables
of the models of 2022; here a profile is a file of one's own, or fitted to one's own trials.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from longwave.config import load_config
from longwave.errors import ConfigError, DataError
from longwave.metrics.tidy import require, summarize_mean

__all__ = [
    "PROBE",
    "RuntimeKind",
    "RuntimeProfile",
    "fit_runtime_profile",
    "read_runtime_profile",
    "summarize_runtimes",
]

Array = NDArray[np.float64]
RuntimeKind = Literal["idealised", "denoised"]

PROBE = "synthetic_efficiency"  # scenarios that begin so measure a model's times
_TIMED = ("latency_s", "tokens_in", "tokens_out")
_FEW_SIZES, _BINS = 16, 10


@dataclass(frozen=True, kw_only=True)
class RuntimeProfile:
    """How long a model takes on one stack of hardware and software.

    Parameters
    ----------
    runtime_per_output_token_s : float
        Seconds of every output token after the first.
    runtime_for_prompt_tokens_s : mapping of int to float
        Seconds until the first output token, by tokens of the prompt.
    overhead_s : float
        Seconds of every request whatever its size: the network and the server in front of the model. Counts
        for denoised times only.

    Raises
    ------
    ConfigError
        If a time is negative or no number, a prompt has less than one token, or no prompt is given.

    References
    ----------
    Section 4.7 and appendix of arXiv 2211.09110.
    """

    runtime_per_output_token_s: float
    runtime_for_prompt_tokens_s: Mapping[int, float]
    overhead_s: float = 0.0

    def __post_init__(self) -> None:
        if not self.runtime_for_prompt_tokens_s:
            raise ConfigError(
                '"runtime_for_prompt_tokens_s" is empty; give the seconds of at least one prompt size, '
                "for example {512: 0.04}."
            )
        smallest = min(self.runtime_for_prompt_tokens_s)
        if smallest < 1:
            raise ConfigError(
                f'"runtime_for_prompt_tokens_s" has a prompt of {smallest} tokens; accepted are 1 and more.'
            )
        times = (
            self.runtime_per_output_token_s,
            *self.runtime_for_prompt_tokens_s.values(),
            self.overhead_s,
        )
        for time in times:
            if not (math.isfinite(time) and time >= 0):
                raise ConfigError(
                    f"A runtime profile holds {time} seconds; accepted are numbers from 0. Measure it again."
                )

    def estimate(self, tokens_in: int, tokens_out: int, *, kind: RuntimeKind = "idealised") -> float:
        """Compute the seconds of one request.

        Parameters
        ----------
        tokens_in : int
            Tokens P of the prompt.
        tokens_out : int
            Tokens O of all completions together; the echoed prompt does not count.
        kind : {"idealised", "denoised"}
            Without or with the overhead.

        Raises
        ------
        ConfigError
            If the kind is unknown.
        DataError
            If a number of tokens is negative.

        Notes
        -----
        ``F(P) + c (O - 1)``, or ``F(P)`` where O is 0. ``F(P)`` is the time of the smallest prompt size of
        the profile that is at least P, times P over that size; above the largest size it grows in proportion.

        Examples
        --------
        >>> profile = RuntimeProfile(
        ...     runtime_per_output_token_s=0.5, runtime_for_prompt_tokens_s={10: 1.0, 100: 4.0}
        ... )
        >>> profile.estimate(50, 3)
        3.0
        """
        return float(_runtimes(self, [tokens_in], [tokens_out], kind)[0])


def read_runtime_profile(path: Path | str) -> RuntimeProfile:
    """Read a profile from a YAML or JSON file with the names of `RuntimeProfile`.

    Raises
    ------
    MissingFile, ConfigError
        If the file does not exist, or a key, a type or a value is wrong.
    """
    return load_config(RuntimeProfile, path)


def fit_runtime_profile(frame: pl.DataFrame) -> RuntimeProfile:
    """Fit a profile to the trials of the scenarios synthetic_efficiency by linear regression.

    Parameters
    ----------
    frame : DataFrame
        Rows of the predictions table, of one model and version. Other scenarios, perturbed inputs, failed
        requests and rows without a latency or token counts do not count.

    Raises
    ------
    TableError
        If a column is missing.
    DataError
        If there is no trial, there are several models, or the numbers of output tokens do not vary, or only
        together with the prompts.

    Notes
    -----
    Least squares of the latency on prompt tokens P and on ``max(O - 1, 0)`` gives the overhead (what is left
    at no token) and the seconds c of an output token. What prompts take beside these is averaged by size:
    over ``K`` neighbouring sizes up to n, ``F(n) = n sum(latency - overhead - c max(O - 1, 0)) / sum(P)``,
    with ``K`` = 1 for up to 16 different sizes, else a tenth of them; so it need not be linear. With one size
    the overhead cannot be told from the prompt and is 0. Times that noise makes negative become 0.
    """
    trials = _trials(frame)
    latency, prompts, outputs = (trials[name].cast(pl.Float64).to_numpy() for name in _TIMED)
    later = np.maximum(outputs - 1, 0)
    sizes = np.unique(prompts)
    has_overhead = len(sizes) > 1
    design = np.stack([later, prompts, *([np.ones_like(prompts)] if has_overhead else [])], axis=1)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise DataError(
            f"The {len(trials)} trials cannot tell the time of an output token from that of the prompt: the "
            f"numbers of output tokens do not vary by themselves. Evaluate {PROBE}_1 besides {PROBE}."
        )
    found = np.maximum(np.linalg.lstsq(design, latency, rcond=None)[0], 0.0)
    overhead = min(float(found[2]), float(latency.min())) if has_overhead else 0.0
    left = latency - overhead - found[0] * later
    table = {}
    for part in np.array_split(sizes, len(sizes) if len(sizes) <= _FEW_SIZES else _BINS):
        is_in = (prompts >= part[0]) & (prompts <= part[-1])
        table[int(part[-1])] = max(float(part[-1] * left[is_in].sum() / prompts[is_in].sum()), 0.0)
    return RuntimeProfile(
        runtime_per_output_token_s=float(found[0]), runtime_for_prompt_tokens_s=table, overhead_s=overhead
    )


def summarize_runtimes(
    frame: pl.DataFrame,
    by: Sequence[str] = (),
    *,
    profile: RuntimeProfile,
    kind: RuntimeKind = "idealised",
) -> pl.DataFrame:
    """Average the computed time of every row, perturbed inputs included.

    Parameters
    ----------
    frame : DataFrame
        Rows of the predictions table, all of the model that the profile is of; rows without token counts do
        not count.
    by : sequence of str
        Grouping columns.
    profile : RuntimeProfile
    kind : {"idealised", "denoised"}

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`; metric ``idealised_runtime_s`` or ``denoised_runtime_s``.

    Raises
    ------
    TableError
        If a column is missing.
    ConfigError
        If the kind is unknown.

    Notes
    -----
    A row whose instance took several requests (separate multiple choice) holds their tokens together and
    counts as one request of that size.
    """
    require(frame, [*by, "tokens_in", "tokens_out"])
    is_known = pl.col("tokens_in").is_not_null() & pl.col("tokens_out").is_not_null()
    prompts, outputs = (frame[name].fill_null(0).to_numpy() for name in ("tokens_in", "tokens_out"))
    times = pl.Series("runtime_s", _runtimes(profile, prompts, outputs, kind), dtype=pl.Float64)
    rows = frame.with_columns(times).with_columns(runtime_s=pl.when(is_known).then("runtime_s"))
    # perturbed inputs cost as much as original ones
    rows = rows if "perturbation" in by else rows.drop("perturbation", strict=False)
    return summarize_mean(rows, by, pl.col("runtime_s"), metric=f"{kind}_runtime_s", bounds=(0.0, None))


def _runtimes(profile: RuntimeProfile, tokens_in: ArrayLike, tokens_out: ArrayLike, kind: str) -> Array:
    if kind not in ("idealised", "denoised"):
        raise ConfigError(f'Unknown kind of runtime "{kind}". Known: idealised, denoised.')
    prompts = np.asarray(tokens_in, dtype=np.float64)
    outputs = np.asarray(tokens_out, dtype=np.float64)
    for counts in (prompts, outputs):
        if (counts < 0).any():
            raise DataError(
                f"A request has {int(counts.min())} tokens; accepted are 0 and more. Leave it out."
            )
    table = sorted(profile.runtime_for_prompt_tokens_s.items())
    sizes, times = (np.array(column, dtype=np.float64) for column in zip(*table, strict=True))
    place = np.minimum(np.searchsorted(sizes, prompts), len(sizes) - 1)
    found = times[place] * prompts / sizes[place]
    found = found + profile.runtime_per_output_token_s * np.maximum(outputs - 1, 0)
    return np.asarray(found + (profile.overhead_s if kind == "denoised" else 0.0), dtype=np.float64)


def _trials(frame: pl.DataFrame) -> pl.DataFrame:
    require(frame, ["scenario", "model", "version", "perturbation", "error", *_TIMED])
    trials = frame.filter(
        pl.col("scenario").str.starts_with(PROBE),
        pl.col("perturbation").is_null(),
        pl.col("error").is_null(),
        *(pl.col(name).is_not_null() for name in _TIMED),
        pl.col("tokens_in") > 0,
    )
    if not len(trials):
        raise DataError(
            f"The frame has no timed row of a scenario {PROBE}. Evaluate the model on several of them first, "
            f"for example: longwave evaluate --scenario {PROBE}_1 --scenario {PROBE}."
        )
    models = trials.select("model", "version").unique().sort("model", "version")
    if len(models) > 1:
        names = ", ".join(f"{model} (version {version})" for model, version in models.iter_rows())
        raise DataError(
            f"The trials are of {len(models)} models: {names}. A profile is of one; filter the rows."
        )
    return trials
