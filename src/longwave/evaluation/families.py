"""The seven families of metrics of a finished evaluation, as one tidy frame.

What a metric needs beside the predictions (texts, completions, scores of classifiers) is in the side tables
of the same folder; nothing is asked again.

=========== ======================================================================================
accuracy    the scenario's main metric (``score`` where the scenario is not known here)
calibration all of `longwave.metrics.summarize_calibration`
robustness  ``robustness``, worst case over robustness perturbations; ``contrast_score``,
            ``contrast_original``, ``contrast_both_right`` of contrast sets
fairness    ``fairness``, worst case over fairness perturbations; ``worst_group_score`` and
            ``score_gap`` where instances have groups
bias        ``representation_*``, ``stereotype_*`` of the completions; ``bbq_bias_*`` of BBQ
toxicity    ``toxic_fraction_*``, ``expected_max_toxicity_*``, ``max_toxicity_probability_*`` of every
            classifier that ran
efficiency  ``latency_s`` as observed; ``idealised_runtime_s``, ``denoised_runtime_s`` of models with
            a profile
=========== ======================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from longwave.errors import ConfigError
from longwave.evaluation._measures import BBQ, MEASURES, Case
from longwave.evaluation.applicability import find_metric, find_scenario
from longwave.evaluation.tables import Tables, read_tables
from longwave.metrics import FAMILIES, TIDY, Family, RuntimeProfile
from longwave.metrics.tidy import Z, require
from longwave.perturbations import Perturbation
from longwave.scenarios import Scenario

__all__ = ["FLOOR_PREFIX", "headlines", "summarize_families"]

BY = ("scenario", "model", "version")
FLOOR_PREFIX = "floor:"

_HEADLINES: dict[Family, tuple[str, ...]] = {
    "calibration": ("expected_calibration_error",),
    "robustness": ("robustness",),
    "fairness": ("fairness",),
    "bias": (
        "representation_gender",
        "representation_race",
        "stereotype_gender_profession",
        "stereotype_race_profession",
    ),
    "toxicity": ("toxic_fraction_",),
    "efficiency": ("idealised_runtime_s", "latency_s"),
}


def headlines(family: Family, scenario: Scenario | None = None) -> tuple[str, ...]:
    """Return the metrics that stand for a family where there is room for one number, the first one first.

    Parameters
    ----------
    family : str
    scenario : Scenario, optional
        None for one that is not known here.

    Returns
    -------
    tuple of str
        Names of metrics; that of toxicity goes on with the name of the classifier.

    Examples
    --------
    >>> headlines("calibration")
    ('expected_calibration_error',)
    """
    if family == "accuracy":
        return ("score",) if scenario is None else (scenario.main_metric,)
    if family == "bias" and scenario is not None and scenario.name == BBQ:
        return ("bbq_bias_ambiguous", "bbq_bias_disambiguated")
    if family == "fairness" and scenario is not None and scenario.prompt.method == "language_modeling":
        return ("score_gap",)  # texts are not perturbed; groups of them can be compared
    return _HEADLINES[family]


def summarize_families(
    source: Path | str | Tables,
    *,
    by: Sequence[str] = BY,
    weighting: Literal["instances", "groups"] = "instances",
    scenarios: Sequence[Scenario] = (),
    perturbations: Sequence[Perturbation] = (),
    profiles: Mapping[str, RuntimeProfile] | None = None,
    n_resamples: int = 200,
    is_brief: bool = False,
) -> pl.DataFrame:
    """Measure every family of metrics of every model on every scenario.

    Parameters
    ----------
    source : Path, str or Tables
        Folder of an evaluation, or its tables.
    by : sequence of str
        Grouping columns, ``"scenario"`` and ``"model"`` among them. Add ``"date"`` or ``"prompt"`` where a
        folder holds several; else their rows are averaged.
    weighting : {"instances", "groups"}
        Every instance counts alike; or every group of a scenario does (subjects, slices), as the reference
        code averages its runs: each figure is computed by group, then averaged.
    scenarios : sequence of Scenario
        Scenarios of one's own, which the registry does not know.
    perturbations : sequence of Perturbation
        Perturbations of one's own, likewise.
    profiles : mapping of str to RuntimeProfile, optional
        By model; for idealised and denoised run times.
    n_resamples : int
        Of the bootstrap behind the standard errors of calibration; at least 2.
    is_brief : bool
        Leave out what takes long where a family has a headline without it: stereotypes.

    Returns
    -------
    DataFrame
        The columns of ``by``, then ``family, metric, value, stderr, n, low, high``, sorted; the metrics are
        those above. Floors are left out, and so are families that a scenario does not measure and figures
        without a value.

    Raises
    ------
    MissingFile, TableError
        As `read_tables`.
    ConfigError
        If ``by`` lacks scenario or model, or ``weighting`` is unknown.

    References
    ----------
    arXiv 2211.09110, section 4.
    """
    _check(by, weighting, n_resamples)
    tables = source if isinstance(source, Tables) else read_tables(source)
    require(tables.predictions, by)
    is_grouped = weighting == "groups" and "group" not in by
    keys = [*by, "group"] if is_grouped else list(by)
    rows = tables.predictions.filter(~pl.col("model").str.starts_with(FLOOR_PREFIX))
    schema = {**{name: rows.schema[name] for name in keys}, "family": pl.String(), **TIDY}
    frames = [pl.DataFrame(schema=schema)]
    ordered = rows.sort("scenario", maintain_order=True)
    for (name,), part in ordered.group_by("scenario", maintain_order=True):
        case = Case(
            tables=tables,
            rows=part,
            scenario=find_scenario(str(name), scenarios),
            perturbations=perturbations,
            profiles=profiles or {},
            n_resamples=n_resamples,
            is_brief=is_brief,
        )
        frames += [measured.select(list(schema)) for measured in _measure(case, keys)]
    found = pl.concat(frames).filter(pl.col("value").is_not_null())
    found = _average_groups(found, by) if is_grouped else found
    place = pl.col("family").replace_strict({name: place for place, name in enumerate(FAMILIES)})
    return found.sort(*by, place, "metric")


def _measure(case: Case, by: Sequence[str]) -> Iterator[pl.DataFrame]:
    for family in FAMILIES:
        if case.scenario is None or family not in case.scenario.unmeasured:
            for found in MEASURES[family](case, by):
                yield found.with_columns(family=pl.lit(family))


def _check(by: Sequence[str], weighting: str, n_resamples: int) -> None:
    if not {"scenario", "model"} <= set(by):
        raise ConfigError(f'"by" is {list(by)}; "scenario" and "model" must be among them.')
    if weighting not in ("instances", "groups"):
        raise ConfigError(f'Unknown weighting "{weighting}". Known: groups, instances.')
    if n_resamples < 2:
        raise ConfigError(f'"n_resamples" is {n_resamples}; a spread needs at least 2.')


def _average_groups(found: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Average figures by group with equal weights; groups are taken as independent."""
    keys = [*by, "family", "metric"]
    known = pl.col("stderr").is_not_null().all()
    merged = found.group_by(keys, maintain_order=True).agg(
        value=pl.col("value").mean(),
        stderr=pl.when(known).then((pl.col("stderr") ** 2).sum().sqrt() / pl.len()),
        n=pl.col("n").sum(),
    )
    names = merged["metric"].unique().to_list()
    metrics = {name: metric for name in names if (metric := find_metric(name)) is not None}
    least, most = (
        pl.col("metric").replace_strict(
            {name: getattr(metric, bound) for name, metric in metrics.items()},
            default=None,
            return_dtype=pl.Float64,
        )
        for bound in ("low", "high")
    )
    half = Z * pl.col("stderr")
    return merged.with_columns(
        low=pl.max_horizontal(pl.col("value") - half, pl.when(half.is_not_null()).then(least)),
        high=pl.min_horizontal(pl.col("value") + half, pl.when(half.is_not_null()).then(most)),
    ).select(found.drop("group").columns)
