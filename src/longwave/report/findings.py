"""What is computed from the rows of one scenario, so that the rows need not be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import polars as pl

from longwave import registry
from longwave.evaluation import (
    Tables,
    equivariance_names,
    fairness_names,
    headlines,
    robustness_names,
    summarize_families,
    unmeasured_families,
)
from longwave.evaluation._gaps import explain_gap
from longwave.metrics import FAMILIES, worst_case
from longwave.predictions import SCHEMA
from longwave.prompting.votes import VOTE_PREFIX
from longwave.report.calibration import calibrate, confident_rows
from longwave.report.comparisons import compare_systems, find_flips
from longwave.report.efficiency import COSTS
from longwave.report.estimates import estimate, estimate_all
from longwave.report.floors import floor_values
from longwave.report.links import ORIGINAL
from longwave.report.measures import Measure, describe_scenario
from longwave.report.ordering import error_kind, place_instances
from longwave.report.source import Part

__all__ = ["EDITS", "FAMILY_VALUES", "Findings", "edit_names", "find", "headline", "join_findings"]

EDITS: dict[str, Callable[[Iterable[str | None]], list[str]]] = {
    "robustness": robustness_names,
    "fairness": fairness_names,
}
FAMILY_VALUES = pl.Schema(
    {
        "scenario": pl.String(),
        "system": pl.String(),
        "family": pl.String(),
        "metric": pl.String(),
        "value": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "n": pl.Int64(),
    }
)
_GAPS = pl.Schema(
    {"scenario": pl.String(), "system": pl.String(), "family": pl.String(), "reason": pl.String()}
)
_VOTER = ("scenario", "system", "model", "version", "date")
_MOST_ERRORS = 20  # kinds of errors of a scenario and model that are listed


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Frames about one scenario, or about all of them.

    Parameters
    ----------
    cells : DataFrame
        Estimates by scenario and system, on original inputs, floors too.
    floors : DataFrame
        Values of the floors by scenario.
    comparisons, flips : DataFrame
        Paired tests of ranked systems, and the instances on which they differ most with their page.
    calibration : DataFrame
        Calibration errors by scenario and system.
    worst, fair : DataFrame
        Estimates of the worst case over robustness and over fairness perturbations; empty without them.
    families : DataFrame
        Columns of ``FAMILY_VALUES``: every figure of every family of metrics.
    gaps : DataFrame
        Why a system has no figure of a family.
    costs : DataFrame
        What each request cost, without its texts.
    errors : DataFrame
        How often which request failed, by scenario and system.
    votes : DataFrame
        Who votes: ``scenario, system, model, version, date``.
    """

    cells: pl.DataFrame
    floors: pl.DataFrame
    comparisons: pl.DataFrame
    flips: pl.DataFrame
    calibration: pl.DataFrame
    worst: pl.DataFrame
    fair: pl.DataFrame
    families: pl.DataFrame
    gaps: pl.DataFrame
    costs: pl.DataFrame
    errors: pl.DataFrame
    votes: pl.DataFrame


def find(scenario: str, part: Part, measure: Measure, asked: pl.DataFrame, systems: pl.DataFrame) -> Findings:
    """Compute everything about one scenario.

    Parameters
    ----------
    scenario : str
    part : Part
        Its rows.
    measure : Measure
        What the scenario's score is.
    asked : DataFrame
        Column ``perturbation``: those of the whole report.
    systems : DataFrame
        Column ``system``: the ranked systems of the whole report.
    """
    rows = part.rows
    measures = {scenario: measure}
    originals = rows.filter(pl.col("input_name") == ORIGINAL)
    ranked = originals.filter(~pl.col("is_floor"))
    cells = estimate_all(originals, ["scenario", "system"], part.instances, measures)
    lower = bool(measure.is_lower_better)
    worst = {kind: _worst(rows, edit_names(rows, kind), scenario, lower) for kind in EDITS}
    families = _families(part, cells, worst)
    return Findings(
        cells=cells,
        floors=floor_values(cells, part.instances, measures),
        comparisons=compare_systems(ranked),
        flips=find_flips(ranked, lower_is_better=lower).join(
            place_instances(rows).select("instance", "page"), on="instance", how="left", maintain_order="left"
        ),
        calibration=calibrate(confident_rows(originals)),
        worst=worst["robustness"],
        fair=worst["fairness"],
        families=families,
        gaps=_gaps(part, families, scenario, asked, systems),
        costs=rows.select("system", "is_floor", *COSTS).with_columns(
            error=pl.when(pl.col("error").is_not_null()).then(pl.lit(""))
        ),
        errors=_errors(rows),
        votes=_voters(originals),
    )


def join_findings(found: Sequence[Findings]) -> Findings:
    """Put the frames of several scenarios below one another."""
    names = [field.name for field in fields(Findings)]
    return Findings(**{name: pl.concat([getattr(one, name) for one in found]) for name in names})


def edit_names(rows: pl.DataFrame, kind: str) -> list[str]:
    """Return the perturbations in some rows that count for robustness or for fairness.

    One that is not installed here counts for robustness.
    """
    names = rows["perturbation"].drop_nulls().unique().sort().to_list()
    counted = EDITS[kind](names)
    if kind == "robustness":
        known = registry.entries("perturbations")
        others = {*fairness_names(names), *equivariance_names(names)}
        counted += [
            name
            for name in names
            if name not in (*counted, *others)
            and not any(name == each or name.startswith(f"{each}-") for each in known)
        ]
    return sorted(counted)


def headline(values: Mapping[str, object], names: Sequence[str]) -> str | None:
    """Return which of some metrics stands for a family; a name may be the start of a metric's name."""
    for name in names:
        for metric in values:
            if metric == name or (name.endswith("_") and metric.startswith(name)):
                return metric
    return None


def _worst(rows: pl.DataFrame, names: Sequence[str], scenario: str, lower: bool) -> pl.DataFrame:
    """Estimate the worst case of the systems that were perturbed."""
    found = worst_case(
        rows.filter(~pl.col("is_floor")), perturbations=names, lower_is_better=[scenario] if lower else []
    )
    tested = found.filter((pl.col("edits").max() > 0).over("scenario", "system"))
    return estimate(tested.with_columns(score=pl.col("worst")), ["scenario", "system"])


def _families(part: Part, cells: pl.DataFrame, worst: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Measure every family; what other tables show, too, is what they show."""
    tables = Tables(
        predictions=part.rows.select(*SCHEMA, "system"),
        requests=part.requests,
        instances=part.instances,
        scores=part.scores,
    )
    measured = summarize_families(tables, by=["scenario", "model", "system"], n_resamples=2)
    floors = part.rows.filter("is_floor")["system"].unique()
    calibration = calibrate(confident_rows(part.rows.filter(pl.col("input_name") == ORIGINAL)))
    ours = [
        _named(cells.filter(~pl.col("system").is_in(floors.implode())), "accuracy", "score"),
        *(_named(frame, kind, kind) for kind, frame in worst.items()),
        *(
            _named(calibration.with_columns(value=pl.col(column), low=None, high=None), "calibration", metric)
            for metric, column in _CALIBRATION.items()
        ),
    ]
    is_ours = pl.col("metric").is_in([*EDITS, *_CALIBRATION]) | (pl.col("family") == "accuracy")
    no_spread = pl.when(pl.col("family") != "calibration")  # its bootstrap is the slow part of it
    others = measured.filter(~is_ours).with_columns(low=no_spread.then("low"), high=no_spread.then("high"))
    return pl.concat([others.select(list(FAMILY_VALUES)), *ours])


_CALIBRATION = {
    "expected_calibration_error": "ece",
    "expected_calibration_error_1_bin": "ece_1",
    "selective_coverage_area": "selective_area",
}


def _named(frame: pl.DataFrame, family: str, metric: str) -> pl.DataFrame:
    known = frame.filter(pl.col("value").is_not_null())
    return known.with_columns(family=pl.lit(family), metric=pl.lit(metric)).select(
        pl.col(name).cast(dtype) for name, dtype in FAMILY_VALUES.items()
    )


def _gaps(
    part: Part, families: pl.DataFrame, scenario: str, asked: pl.DataFrame, systems: pl.DataFrame
) -> pl.DataFrame:
    known = describe_scenario(scenario)
    never = unmeasured_families(known)
    tables = Tables(predictions=asked, requests=part.requests, instances=part.instances, scores=part.scores)
    rows = []
    for system in systems["system"]:
        own = part.rows.filter(pl.col("system") == system)
        here = families.filter(pl.col("system") == system)
        for family in FAMILIES:
            values = dict.fromkeys(here.filter(pl.col("family") == family)["metric"])
            names = ("score",) if family == "accuracy" else headlines(family, known)
            if family not in never and headline(values, names) is None:
                reason = explain_gap(family, own, tables)
                rows.append({"scenario": scenario, "system": system, "family": family, "reason": reason})
    return pl.DataFrame(rows, schema=_GAPS)


def _errors(rows: pl.DataFrame) -> pl.DataFrame:
    failed = rows.filter(pl.col("error").is_not_null(), ~pl.col("is_floor"))
    return (
        failed.with_columns(error_kind(pl.col("error")))
        .group_by("scenario", "system", "error")
        .agg(n=pl.len().cast(pl.Int64))
        .sort(["scenario", "system", "n", "error"], descending=[False, False, True, False])
        .group_by("scenario", "system", maintain_order=True)
        .head(_MOST_ERRORS)
        .select("scenario", "system", "error", "n")
    )


def _voters(originals: pl.DataFrame) -> pl.DataFrame:
    """Tell which models answered by several prompts that vote."""
    votes = originals.filter(pl.col("prompt").str.starts_with(VOTE_PREFIX), pl.col("trial") == 0)
    return votes.select(_VOTER).unique().sort(_VOTER)
