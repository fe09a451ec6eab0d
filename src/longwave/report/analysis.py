"""Everything the pages tell, computed once from the predictions table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from longwave.metrics import mean_win_rate, summarize_language, worst_case
from longwave.predictions import join_instances
from longwave.report.calibration import calibrate, confident_rows
from longwave.report.comparisons import compare_systems
from longwave.report.efficiency import efficiency
from longwave.report.estimates import ESTIMATE, Estimate, estimate, find_estimate
from longwave.report.floors import floor_values
from longwave.report.links import ORIGINAL, slugs
from longwave.report.measures import BITS_PER_BYTE, Measure, measure_of
from longwave.report.reading import Results

__all__ = ["Analysis", "analyse", "estimate_all"]


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The numbers behind the pages.

    Parameters
    ----------
    results : Results
    systems : tuple of str
        Models that are ranked, in the order of the palette.
    floor_systems : tuple of str
        Models that are floors.
    scenarios : tuple of str
    slugs : dict
        File name of each scenario.
    measures : dict
        What each scenario's score is.
    cells : DataFrame
        Estimates by scenario and system, on original inputs, floors too.
    floors : DataFrame
        Values of the floors by scenario.
    comparisons : DataFrame
        Paired tests of ranked systems.
    calibration : DataFrame
        Calibration errors by scenario and system.
    worst : DataFrame
        Estimates of the worst case over perturbations by scenario and system; empty without perturbations.
    costs : DataFrame
        Efficiency by system.
    win_rates : dict
        Mean win rate of each ranked system; None where it is undefined.
    """

    results: Results
    systems: tuple[str, ...]
    floor_systems: tuple[str, ...]
    scenarios: tuple[str, ...]
    slugs: Mapping[str, str]
    measures: Mapping[str, Measure]
    cells: pl.DataFrame
    floors: pl.DataFrame
    comparisons: pl.DataFrame
    calibration: pl.DataFrame
    worst: pl.DataFrame
    costs: pl.DataFrame
    win_rates: Mapping[str, float | None]

    def estimate(self, rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
        """Estimate the scores of some rows by scenario and more columns."""
        return estimate_all(rows, by, self.results.instances, self.measures)

    def floor(self, scenario: str) -> float | None:
        """Return the better of a scenario's floors, the one to pass."""
        values = self.floors.filter(pl.col("scenario") == scenario)["value"]
        if not len(values):
            return None
        return float(min(values) if self.measures[scenario].is_lower_better else max(values))

    @property
    def rows(self) -> pl.DataFrame:
        """Every row of the predictions table."""
        return self.results.predictions

    @property
    def ranked(self) -> tuple[str, ...]:
        """Systems from the highest mean win rate to the lowest."""
        return tuple(sorted(self.systems, key=lambda name: (-(self.win_rates.get(name) or 0.0), name)))

    def cell(self, scenario: str, system: str) -> Estimate | None:
        """Return the estimate of a system on the original inputs of a scenario."""
        return find_estimate(self.cells, scenario, system)

    def worst_cell(self, scenario: str, system: str) -> Estimate | None:
        """Return the estimate of a system's worst case on a scenario."""
        return find_estimate(self.worst, scenario, system)


def analyse(results: Results) -> Analysis:
    """Compute everything the pages tell."""
    rows = results.predictions
    originals = rows.filter(pl.col("input_name") == ORIGINAL)
    scenarios = tuple(rows["scenario"].unique().sort())
    measures = {name: measure_of(name, rows.filter(pl.col("scenario") == name)) for name in scenarios}
    cells = estimate_all(originals, ["scenario", "system"], results.instances, measures)
    ranked = originals.filter(~pl.col("is_floor"))
    systems = tuple(rows.filter(~pl.col("is_floor"))["system"].unique().sort())
    return Analysis(
        results=results,
        systems=systems,
        floor_systems=tuple(rows.filter("is_floor")["system"].unique().sort()),
        scenarios=scenarios,
        slugs=slugs(scenarios),
        measures=measures,
        cells=cells,
        floors=floor_values(cells, results.instances, measures),
        comparisons=compare_systems(ranked),
        calibration=calibrate(confident_rows(originals)),
        worst=_worst(rows, measures),
        costs=efficiency(rows),
        win_rates=_win_rates(cells, systems, measures),
    )


def estimate_all(
    rows: pl.DataFrame, by: Sequence[str], instances: pl.DataFrame, measures: Mapping[str, Measure]
) -> pl.DataFrame:
    """Estimate scores by scenario and more columns; bits per byte as a ratio of sums, others as means.

    Parameters
    ----------
    rows : DataFrame
        Rows of the predictions table with the columns of `describe_rows`.
    by : sequence of str
        Columns to group by, ``"scenario"`` among them.
    instances : DataFrame
        The instances side table; where it lacks a text, bits per byte are averaged over texts like other
        scores.
    measures : dict
        What each scenario's score is.
    """
    found = estimate(rows, by)
    texts = [name for name, measure in measures.items() if measure.unit == BITS_PER_BYTE]
    joined = join_instances(
        rows.filter(pl.col("scenario").is_in(texts), pl.col("score").is_finite()), instances
    )
    if not len(joined) or joined["input"].has_nulls() or joined["logprob"].has_nulls():
        return found
    # every row is asked for here, perturbed ones too, so none may be dropped as not original
    ratios = summarize_language(joined.with_columns(perturbation=pl.lit(None, pl.String)), by)
    ratios = ratios.select(*by, *(pl.col(name).alias(f"{name}_ratio") for name in ("value", "low", "high")))
    return found.join(ratios, on=by, how="left", maintain_order="left").select(
        *by,
        *(pl.coalesce(f"{name}_ratio", name).alias(name) for name in ("value", "low", "high")),
        *(name for name in ESTIMATE if name not in ("value", "low", "high")),
    )


def _worst(rows: pl.DataFrame, measures: Mapping[str, Measure]) -> pl.DataFrame:
    """Estimate the worst case of the systems and scenarios that were perturbed."""
    lower = [name for name, measure in measures.items() if measure.is_lower_better]
    found = worst_case(rows.filter(~pl.col("is_floor")), lower_is_better=lower)
    tested = found.filter((pl.col("edits").max() > 0).over("scenario", "system"))
    return estimate(tested.with_columns(score=pl.col("worst")), ["scenario", "system"])


def _win_rates(
    cells: pl.DataFrame, systems: Sequence[str], measures: Mapping[str, Measure]
) -> dict[str, float | None]:
    """Average the share of other models each model beats, over the scenarios with a known direction."""
    directed = [name for name, measure in measures.items() if measure.is_lower_better is not None]
    lower = [name for name in directed if measures[name].is_lower_better]
    ranked = cells.filter(pl.col("system").is_in(list(systems)), pl.col("scenario").is_in(directed))
    rates = mean_win_rate(ranked, lower, model="system")
    return dict.fromkeys(systems) | dict(rates.select("system", "value").iter_rows())
