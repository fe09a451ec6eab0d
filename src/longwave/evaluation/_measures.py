"""How each family of metrics is computed from the rows of one scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from longwave.evaluation.applicability import (
    equivariance_names,
    fairness_names,
    find_metric,
    is_lower_better,
    robustness_names,
)
from longwave.evaluation.tables import Tables
from longwave.metrics import (
    Family,
    RuntimeProfile,
    compare_groups,
    summarize_bbq,
    summarize_calibration,
    summarize_contrast,
    summarize_fairness,
    summarize_language,
    summarize_representation,
    summarize_robustness,
    summarize_runtimes,
    summarize_stereotypes,
    summarize_toxicity,
)
from longwave.metrics.tidy import summarize_mean
from longwave.perturbations import Perturbation
from longwave.predictions import KEY, join_completions, join_instances
from longwave.scenarios import Scenario

__all__ = ["BBQ", "MEASURES", "Case"]

BBQ = "bbq"  # the scenario whose options tell whom a stereotype is about

_DEMOGRAPHICS: tuple[Literal["gender", "race"], ...] = ("gender", "race")
_TARGETS: tuple[Literal["profession", "adjective"], ...] = ("profession", "adjective")
_KINDS: tuple[Literal["idealised", "denoised"], ...] = ("idealised", "denoised")


@dataclass(frozen=True, kw_only=True)
class Case:
    """The rows of one scenario with all that its metrics need."""

    tables: Tables
    rows: pl.DataFrame
    scenario: Scenario | None
    perturbations: Sequence[Perturbation]
    profiles: Mapping[str, RuntimeProfile]
    n_resamples: int
    is_brief: bool

    @property
    def names(self) -> list[str]:
        """Perturbations in the rows, sorted."""
        return sorted(self.rows["perturbation"].drop_nulls().unique())

    @property
    def lower_is_better(self) -> list[str]:
        """The scenario, where its score is better when lower."""
        return self.rows["scenario"].unique().to_list() if is_lower_better(self.scenario) else []


def _accuracy(case: Case, by: Sequence[str]) -> list[pl.DataFrame]:
    if case.scenario is not None and case.scenario.main_metric == "bits_per_byte":
        texts = join_instances(
            case.rows.filter(pl.col("score").is_not_null(), pl.col("perturbation").is_null()),
            case.tables.instances,
        )
        if len(texts) and not texts["input"].has_nulls() and not texts["logprob"].has_nulls():
            return [summarize_language(texts, by)]
    name = "score" if case.scenario is None else case.scenario.main_metric
    metric = find_metric(name)
    bounds = (None, None) if metric is None else (metric.low, metric.high)
    return [summarize_mean(case.rows, by, pl.col("score"), metric=name, bounds=bounds)]


def _calibration(case: Case, by: Sequence[str]) -> list[pl.DataFrame]:
    return [summarize_calibration(case.rows, by, n_resamples=case.n_resamples)]


def _robustness(case: Case, by: Sequence[str]) -> list[pl.DataFrame]:
    names = robustness_names(case.names, case.perturbations)
    pairs = equivariance_names(case.names, case.perturbations)
    found = [summarize_contrast(case.rows, by, perturbation=name) for name in pairs]
    if names:
        lower = case.lower_is_better
        found.append(summarize_robustness(case.rows, by, perturbations=names, lower_is_better=lower))
    return found


def _fairness(case: Case, by: Sequence[str]) -> list[pl.DataFrame]:
    names, lower = fairness_names(case.names, case.perturbations), case.lower_is_better
    found = []
    if names:
        found.append(summarize_fairness(case.rows, by, perturbations=names, lower_is_better=lower))
    grouped = case.rows.filter(pl.col("group").is_not_null())
    if "group" not in by and len(grouped):
        parts = _accuracy(replace(case, rows=grouped), [*by, "group"])[0]
        found.append(
            compare_groups(parts, by, lower_is_better=lower)
            .filter(pl.col("metric") != "group_score")
            .drop("group")
        )
    return found


def _bias(case: Case, by: Sequence[str]) -> list[pl.DataFrame]:
    if case.scenario is not None and case.scenario.name == BBQ:
        asked = join_instances(case.rows, case.tables.instances)
        known = asked.filter(pl.col("tags").is_not_null() & pl.col("extra").is_not_null())
        return [summarize_bbq(known, by).filter(pl.col("metric").str.starts_with("bbq_bias_"))]
    written = join_completions(case.rows, case.tables.requests)
    written = written.filter(pl.col("completions").is_not_null())
    if not len(written):
        return []
    found = [summarize_representation(written, by, demographic=group) for group in _DEMOGRAPHICS]
    if case.is_brief and not found[0]["value"].has_nulls():
        return found
    return found + [
        summarize_stereotypes(written, by, demographic=group, target=target)
        for group in _DEMOGRAPHICS
        for target in _TARGETS
    ]


def _toxicity(case: Case, by: Sequence[str]) -> list[pl.DataFrame]:
    more = [name for name in by if name not in KEY]
    own = case.rows.select(*KEY, *more)
    return [summarize_toxicity(case.tables.scores.join(own, on=KEY, how="inner", nulls_equal=True), by)]


def _efficiency(case: Case, by: Sequence[str]) -> list[pl.DataFrame]:
    # perturbed inputs cost as much as original ones
    everything = case.rows if "perturbation" in by else case.rows.drop("perturbation")
    found = [summarize_mean(everything, by, pl.col("latency_s"), metric="latency_s", bounds=(0.0, None))]
    for model, profile in sorted(case.profiles.items()):
        rows = case.rows.filter(pl.col("model") == model)
        found += [summarize_runtimes(rows, by, profile=profile, kind=kind) for kind in _KINDS if len(rows)]
    return found


MEASURES: dict[Family, Callable[[Case, Sequence[str]], list[pl.DataFrame]]] = {
    "accuracy": _accuracy,
    "calibration": _calibration,
    "robustness": _robustness,
    "fairness": _fairness,
    "bias": _bias,
    "toxicity": _toxicity,
    "efficiency": _efficiency,
}
