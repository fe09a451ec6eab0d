"""Everything the pages tell, computed once, scenario by scenario."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import polars as pl

from longwave.evaluation import ContaminationPoint, find_contamination
from longwave.metrics import mean_win_rate
from longwave.predictions import SCHEMA
from longwave.report.comparisons import ALPHA, correct_p_values
from longwave.report.efficiency import efficiency
from longwave.report.estimates import ESTIMATE, Estimate, estimate_all
from longwave.report.findings import Findings, find, join_findings
from longwave.report.links import slugs
from longwave.report.measures import Measure, measure_of
from longwave.report.reading import Results
from longwave.report.source import FrameSource, Part

__all__ = ["Analysis", "Tally", "analyse"]

_MOST_PAIRS = 30  # pairs of models with a page of their own


@dataclass(frozen=True, kw_only=True)
class Tally:
    """In how many paired tests a system is significantly better or worse, of how many."""

    better: int = 0
    worse: int = 0
    tests: int = 0


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """The numbers behind the pages.

    Parameters
    ----------
    results : Results
    overview : DataFrame
        How many rows there are, by scenario, system and perturbation.
    systems : tuple of str
        Models that are ranked, in the order of the palette.
    floor_systems : tuple of str
        Models that are floors.
    scenarios : tuple of str
    slugs, model_slugs : dict
        File name of each scenario and of each ranked system.
    measures : dict
        What each scenario's score is.
    findings : Findings
        Frames of numbers; the most used are attributes here, too.
    costs : DataFrame
        Efficiency by system.
    win_rates : dict
        Mean win rate of each ranked system; None where it is undefined.
    """

    results: Results
    overview: pl.DataFrame
    systems: tuple[str, ...]
    floor_systems: tuple[str, ...]
    scenarios: tuple[str, ...]
    slugs: Mapping[str, str]
    model_slugs: Mapping[str, str]
    measures: Mapping[str, Measure]
    findings: Findings
    costs: pl.DataFrame
    win_rates: Mapping[str, float | None]

    @property
    def cells(self) -> pl.DataFrame:
        """Estimates by scenario and system, on original inputs, floors too."""
        return self.findings.cells

    @property
    def floors(self) -> pl.DataFrame:
        """Values of the floors by scenario."""
        return self.findings.floors

    @property
    def comparisons(self) -> pl.DataFrame:
        """Paired tests of ranked systems."""
        return self.findings.comparisons

    @property
    def calibration(self) -> pl.DataFrame:
        """Calibration errors by scenario and system."""
        return self.findings.calibration

    @property
    def worst(self) -> pl.DataFrame:
        """Estimates of the worst case over robustness perturbations."""
        return self.findings.worst

    @property
    def families(self) -> pl.DataFrame:
        """Every figure of every family of metrics."""
        return self.findings.families

    def part(self, scenario: str) -> Part:
        """Return the rows of one scenario; the last one asked for is kept."""
        return self.results.source.part(scenario)

    def estimate(self, scenario: str, rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
        """Estimate the scores of some rows of a scenario by scenario and more columns."""
        return estimate_all(rows, by, self.part(scenario).instances, self.measures)

    def floor(self, scenario: str) -> float | None:
        """Return the better of a scenario's floors, the one to pass."""
        values = self.floors.filter(pl.col("scenario") == scenario)["value"]
        if not len(values):
            return None
        return float(min(values) if self.measures[scenario].is_lower_better else max(values))

    @property
    def n_rows(self) -> int:
        """Rows of the predictions table."""
        return int(self.overview["rows"].sum())

    def n_models(self, scenario: str) -> int:
        """Ranked systems with rows on a scenario."""
        rows = self.overview.filter(pl.col("scenario") == scenario, ~pl.col("is_floor"))
        return rows["system"].n_unique()

    @property
    def ranked(self) -> tuple[str, ...]:
        """Systems by paired tests won less tests lost, the most first, then by name."""
        found = self.tallies
        return tuple(sorted(self.systems, key=lambda name: (found[name].worse - found[name].better, name)))

    @cached_property
    def tallies(self) -> Mapping[str, Tally]:
        """Count the paired tests that each ranked system won and lost; scores need a direction."""
        found = dict.fromkeys(self.systems, Tally())
        for row in self.comparisons.iter_rows(named=True):
            is_lower_better = self.measures[row["scenario"]].is_lower_better
            if is_lower_better is None:
                continue
            first_wins = (row["difference"] < 0) if is_lower_better else (row["difference"] > 0)
            is_clear = row["p_holm"] < ALPHA and row["difference"] != 0
            for system, wins in ((row["first"], first_wins), (row["second"], not first_wins)):
                one = found[system]
                found[system] = Tally(
                    better=one.better + (is_clear and wins),
                    worse=one.worse + (is_clear and not wins),
                    tests=one.tests + 1,
                )
        return found

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Pairs of systems with a page: all, or the first of the ranking with each of those that follow."""
        compared = set(self.comparisons.select("first", "second").unique().iter_rows())
        order = self.ranked
        every = [(one, other) for place, one in enumerate(order) for other in order[place + 1 :]]
        found = [pair for pair in every if tuple(sorted(pair)) in compared]
        if len(found) > _MOST_PAIRS:
            found = [pair for pair in found if order[0] in pair][:_MOST_PAIRS]
        return tuple(tuple(sorted(pair)) for pair in found)  # type: ignore[misc]  # of two each

    @cached_property
    def values(self) -> Mapping[tuple[str, str, str], Mapping[str, Mapping[str, float | None]]]:
        """Figures by scenario, system and family, then by metric."""
        found: dict[tuple[str, str, str], dict[str, Mapping[str, float | None]]] = {}
        for row in self.families.iter_rows(named=True):
            key = (row["scenario"], row["system"], row["family"])
            found.setdefault(key, {})[row["metric"]] = row
        return found

    @cached_property
    def _cells(self) -> Mapping[tuple[str, str], Estimate]:
        return _by_place(self.cells)

    @cached_property
    def _worst(self) -> Mapping[tuple[str, str], Estimate]:
        return _by_place(self.worst)

    @cached_property
    def _fair(self) -> Mapping[tuple[str, str], Estimate]:
        return _by_place(self.findings.fair)

    @cached_property
    def _models(self) -> Mapping[str, str]:
        return dict(self.overview.select("system", "model").unique().iter_rows())

    def cell(self, scenario: str, system: str) -> Estimate | None:
        """Return the estimate of a system on the original inputs of a scenario."""
        return self._cells.get((scenario, system))

    def worst_cell(self, scenario: str, system: str) -> Estimate | None:
        """Return the estimate of a system's worst case over robustness perturbations on a scenario."""
        return self._worst.get((scenario, system))

    def fair_cell(self, scenario: str, system: str) -> Estimate | None:
        """Return the estimate of a system's worst case over fairness perturbations on a scenario."""
        return self._fair.get((scenario, system))

    def contamination(self, scenario: str, system: str) -> ContaminationPoint | None:
        """Return the strongest evidence that a system saw a scenario in training."""
        return find_contamination(scenario, self._models[system])


def analyse(results: Results) -> Analysis:
    """Compute everything the pages tell."""
    overview = results.source.overview
    names = overview.filter(~pl.col("is_floor")).select("system").unique().sort("system")
    scenarios = tuple(overview["scenario"].unique().sort())
    asked = overview.select("perturbation").unique()
    measures: dict[str, Measure] = {}
    found: list[Findings] = []
    for scenario in scenarios:
        part = results.source.part(scenario)
        measures[scenario] = measure_of(scenario, part.rows)
        found.append(find(scenario, part, measures[scenario], asked, names))
    findings = join_findings(found or [_nothing(asked, names)])
    systems = tuple(names["system"])
    return Analysis(
        results=results,
        overview=overview,
        systems=systems,
        floor_systems=tuple(overview.filter("is_floor")["system"].unique().sort()),
        scenarios=scenarios,
        slugs=slugs(scenarios),
        model_slugs=slugs(systems, noun="model"),
        measures=measures,
        findings=_corrected(findings),
        costs=efficiency(findings.costs),
        win_rates=_win_rates(findings.cells, systems, measures),
    )


def _nothing(asked: pl.DataFrame, names: pl.DataFrame) -> Findings:
    part = FrameSource(pl.DataFrame(schema=SCHEMA)).part("")
    return find("", part, Measure(name="score", is_share=False, is_lower_better=None), asked, names)


def _corrected(findings: Findings) -> Findings:
    """Correct the p-values of all scenarios together."""
    return replace(findings, comparisons=correct_p_values(findings.comparisons))


def _by_place(frame: pl.DataFrame) -> dict[tuple[str, str], Estimate]:
    rows = frame.select("scenario", "system", *ESTIMATE).iter_rows(named=True)
    return {(row.pop("scenario"), row.pop("system")): Estimate(**row) for row in rows}


def _win_rates(
    cells: pl.DataFrame, systems: Sequence[str], measures: Mapping[str, Measure]
) -> dict[str, float | None]:
    """Average the share of other models each model beats, over the scenarios with a known direction."""
    directed = [name for name, measure in measures.items() if measure.is_lower_better is not None]
    lower = [name for name in directed if measures[name].is_lower_better]
    ranked = cells.filter(pl.col("system").is_in(list(systems)), pl.col("scenario").is_in(directed))
    rates = mean_win_rate(ranked, lower, model="system")
    return dict.fromkeys(systems) | dict(rates.select("system", "value").iter_rows())
