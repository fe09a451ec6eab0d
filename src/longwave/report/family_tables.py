"""One leaderboard for each metric of each family: models down, scenarios across."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from longwave import registry
from longwave.evaluation import headlines
from longwave.metrics import FAMILIES, Family, mean_score, mean_win_rate
from longwave.metrics.calibration import FEW
from longwave.report.analysis import Analysis
from longwave.report.findings import headline
from longwave.report.formats import ABSENT, count, number
from longwave.report.leaderboard import estimate_cell, leaderboard_table, scenario_column, system_row
from longwave.report.links import ORIGINAL, rows_link
from longwave.report.measures import Measure, describe_scenario, family_measure
from longwave.report.tables import NO_CELL, Cell, Column, Table

__all__ = [
    "FAMILY_TEXTS",
    "FamilyTable",
    "calibration_table",
    "family_link",
    "family_tables",
    "headline_metric",
    "overview_table",
    "present_families",
    "robustness_table",
    "value_cell",
]

# the figures that have a table each, in order; those that end with "_" go on with a classifier's name
_METRICS: dict[str, tuple[str, ...]] = {
    "calibration": ("expected_calibration_error", "platt_calibration_error", "selective_coverage_area"),
    "robustness": ("robustness", "contrast_score", "contrast_both_right"),
    "fairness": ("fairness", "worst_group_score", "score_gap"),
    "bias": (
        "representation_gender",
        "representation_race",
        "stereotype_gender_profession",
        "stereotype_race_profession",
        "bbq_bias_ambiguous",
        "bbq_bias_disambiguated",
    ),
    "toxicity": ("toxic_fraction_", "expected_max_toxicity_", "max_toxicity_probability_"),
    "efficiency": ("idealised_runtime_s", "denoised_runtime_s", "latency_s"),
}
FAMILY_TEXTS = {
    "accuracy": "How often a model is right, or how close it comes, by each scenario's own metric.",
    "calibration": "Whether a model knows what it knows: how far its confidence is from its accuracy.",
    "robustness": "What is left of the score when inputs are edited in ways that keep their meaning.",
    "fairness": "What is left of the score when dialect, gender or names change, and for the group that does "
    "worst.",
    "bias": "Whom the completions mention, and beside which words; 0 is even.",
    "toxicity": "How much of what a model writes a classifier calls toxic.",
    "efficiency": "How long a request takes.",
}
_IN_SCORE = (
    "robustness",
    "fairness",
    "contrast_score",
    "contrast_both_right",
    "worst_group_score",
    "score_gap",
)
_CAPTIONS = {
    "robustness": "Worst case under perturbation: an instance counts with the worst score among its original "
    "and its perturbed inputs. With its 95 % interval.",
    "fairness": "Worst case under changes of dialect, gender and names: an instance counts with the worst "
    "score among its original and its changed inputs. With its 95 % interval.",
    "contrast_score": "Score on the counterparts of instances that were changed so that the right answer is "
    "another one.",
    "contrast_both_right": "Share of instances right both as they are and changed so that another answer "
    "is right.",
    "worst_group_score": "Score of the group of instances with the worst score.",
    "score_gap": "How much worse than over all instances the worst group scores.",
    "platt_calibration_error": "Calibration error after the confidences were rescaled by Platt's method.",
    "selective_coverage_area": "Accuracy on the most confident answers, averaged over how many are answered.",
    "latency_s": "Mean wall time of a request, as observed, over all inputs. With its 95 % interval.",
}


@dataclass(frozen=True, kw_only=True)
class FamilyTable:
    """A leaderboard of a family with its title and the id of its place on the page."""

    id: str
    title: str
    table: Table


def present_families(analysis: Analysis) -> list[str]:
    """Return the families with at least one figure, in their order."""
    found = set(analysis.families["family"])
    return [family for family in FAMILIES if family in found]


def family_link(family: str) -> str:
    """Return the address of a family's page."""
    return f"families/{family}.html"


def family_tables(analysis: Analysis, family: str) -> list[FamilyTable]:
    """Build the leaderboards of a family; only those with a figure."""
    if family == "accuracy":
        return [FamilyTable(id="score", title="Score", table=leaderboard_table(analysis, has_means=True))]
    here = analysis.families.filter(pl.col("family") == family)
    names = here["metric"].unique().sort().to_list()
    built = []
    for name in _METRICS[family]:
        for metric in [one for one in names if one == name or (name.endswith("_") and one.startswith(name))]:
            words = family_measure(metric, Measure(name="score", is_share=True, is_lower_better=None)).name
            title = words[0].upper() + words[1:]
            built.append(FamilyTable(id=metric, title=title, table=_table(analysis, family, metric)))
    return built


def calibration_table(analysis: Analysis) -> Table | None:
    """Build the table of calibration errors; None when no model told its confidence."""
    if not len(analysis.calibration):
        return None
    return _table(analysis, "calibration", "expected_calibration_error")


def robustness_table(analysis: Analysis) -> Table | None:
    """Build the table of worst cases under perturbation; None when nothing was perturbed."""
    return _table(analysis, "robustness", "robustness") if len(analysis.worst) else None


def headline_metric(analysis: Analysis, scenario: str, system: str, family: str) -> str | None:
    """Return the metric that stands for a family of a model on a scenario; None without a figure."""
    values = analysis.values.get((scenario, system, family), {})
    names = ("score",) if family == "accuracy" else headlines(_family(family), describe_scenario(scenario))
    return headline(values, names)


def value_cell(analysis: Analysis, scenario: str, system: str, family: str, metric: str) -> Cell:
    """Write one figure of a family with its interval, its mark and a link to its rows."""
    if metric in ("score", "robustness", "fairness"):
        found = {
            "score": analysis.cell,
            "robustness": analysis.worst_cell,
            "fairness": analysis.fair_cell,
        }[metric](scenario, system)
        edits = None if metric == "score" else metric
        return estimate_cell(analysis, scenario, system, found, edits=edits)
    row = analysis.values.get((scenario, system, family), {}).get(metric)
    if row is None:
        return NO_CELL
    measure = family_measure(metric, analysis.measures[scenario])
    text, below = measure.cell(row["value"]), measure.interval(row["low"], row["high"])
    if metric == "expected_calibration_error":
        text = number(100 * (row["value"] or 0.0), 1)
        one = analysis.values[scenario, system, family].get("expected_calibration_error_1_bin")
        below = "" if one is None else f"one bin {number(100 * (one['value'] or 0.0), 1)}"
    point = analysis.contamination(scenario, system)
    mark = "" if point is None else point.level
    return Cell(text=text, below=below, href=_rows(analysis, scenario, system, family), mark=mark)


def overview_table(analysis: Analysis) -> Table | None:
    """Build the table of families: the mean win rate of each model over the scenarios; None without any."""
    families = present_families(analysis)
    if not families:
        return None
    rates = {family: _headline_rates(analysis, family) for family in families}
    rows = []
    for system in analysis.ranked:
        cells = []
        for family in families:
            n = sum((name, system, family) in analysis.values for name in analysis.scenarios)
            rate = rates[family].get(system)
            text = number(rate, 2) if rate is not None else count(n, "scenario") if n else ABSENT
            below = f"{n} of {len(analysis.scenarios)} scenarios" if n and rate is not None else ""
            cells.append(Cell(text=text, below=below, href=family_link(family) if n else None))
        rows.append(system_row(analysis, system, cells))
    columns = [Column(text=family, href=family_link(family)) for family in families]
    return Table(
        caption="Mean win rate of each model in each family of metrics: the share of the other models it "
        "beats, averaged over the scenarios that measure the family; higher is better throughout.",
        corner="model",
        columns=columns,
        rows=rows,
    )


def _headline_rates(analysis: Analysis, family: str) -> dict[str, float | None]:
    rows = []
    for scenario in analysis.scenarios:
        for system in analysis.systems:
            metric = headline_metric(analysis, scenario, system, family)
            if metric is not None:
                value = analysis.values[scenario, system, family][metric]["value"]
                rows.append({"scenario": scenario, "metric": metric, "system": system, "value": value})
    return _rates(analysis, rows)


def _rates(analysis: Analysis, rows: Sequence[Mapping[str, object]]) -> dict[str, float | None]:
    """Average the share of rivals beaten; a figure without a direction does not count."""
    lower, directed = set(), []
    for row in rows:
        measure = family_measure(str(row["metric"]), analysis.measures[str(row["scenario"])])
        if measure.is_lower_better is not None:
            directed.append(row)
            lower |= {row["scenario"]} if measure.is_lower_better else set()
    frame = pl.DataFrame(directed, schema={**dict.fromkeys(_PLACE, pl.String()), "value": pl.Float64()})
    found = mean_win_rate(frame, [str(name) for name in lower], model="system")
    return dict(found.select("system", "value").iter_rows())


_PLACE = ("scenario", "metric", "system")


def _table(analysis: Analysis, family: str, metric: str) -> Table:
    here = analysis.families.filter(pl.col("family") == family, pl.col("metric") == metric)
    scenarios = [name for name in analysis.scenarios if name in set(here["scenario"])]
    measures = {name: family_measure(metric, analysis.measures[name]) for name in scenarios}
    means = _means(analysis, here, measures)
    rows = []
    for system in analysis.ranked:
        lead = [
            Cell(text=text(found[system])) if found.get(system) is not None else NO_CELL
            for _, found, text in means
        ]
        cells = [value_cell(analysis, name, system, family, metric) for name in scenarios]
        rows.append(system_row(analysis, system, [*lead, *cells]))
    columns = [
        scenario_column(
            analysis,
            name,
            below=_below(metric, measures[name]),
            arrow=measures[name].arrow,
        )
        for name in scenarios
    ]
    return Table(
        caption=_caption(analysis, metric),
        corner="model",
        columns=[*(column for column, _, _ in means), *columns],
        rows=rows,
    )


def _below(metric: str, measure: Measure) -> str | None:
    if metric == "expected_calibration_error":
        return "points"
    return None if metric in _IN_SCORE else measure.unit


def _means(
    analysis: Analysis, here: pl.DataFrame, measures: Mapping[str, Measure]
) -> list[tuple[Column, dict[str, float | None], Callable[[float | None], str]]]:
    """Return the columns over all scenarios: win rate, and mean where every scenario has the same unit."""
    found: list[tuple[Column, dict[str, float | None], Callable[[float | None], str]]] = []
    rates = _rates(analysis, here.to_dicts())
    if any(rate is not None for rate in rates.values()):
        column = Column(
            text="mean win rate", arrow="↑", below="share of rivals beaten", href="index.html#mean-win-rate"
        )
        found.append((column, rates, lambda value: number(value, 2)))
    kinds = {(one.is_share, one.unit, one.is_lower_better) for one in measures.values()}
    if len(kinds) == 1 and len(measures) > 1:
        first = next(iter(measures.values()))
        is_points = set(here["metric"]) == {"expected_calibration_error"}
        means = mean_score(here, model="system").select("system", "value").iter_rows()
        column = Column(text="mean", below="points" if is_points else first.unit, arrow=first.arrow)
        found.append(
            (column, dict(means), (lambda one: number(100 * (one or 0), 1)) if is_points else first.cell)
        )
    return found


def _caption(analysis: Analysis, metric: str) -> str:
    if metric == "expected_calibration_error":
        is_small = bool((analysis.calibration["n"] < FEW).any())
        return (
            "Expected calibration error in percentage points, ten bins of equal count; below it with one "
            "bin: the distance of mean confidence from accuracy."
            + (f" With fewer than {FEW} instances such an error is mostly noise." if is_small else "")
        )
    if metric in _CAPTIONS:
        return _CAPTIONS[metric]
    entry = registry.entries("metrics").get(metric)
    return f"{entry.description if entry else metric.replace('_', ' ')}. With its 95 % interval, if known."


def _rows(analysis: Analysis, scenario: str, system: str, family: str) -> str:
    slug = analysis.slugs[scenario]
    if family == "efficiency":
        return rows_link(slug, model=system)
    bounds = (0.0, 1.0) if family == "calibration" else (None, None)
    return rows_link(slug, model=system, input_=ORIGINAL, low=bounds[0], high=bounds[1])


def _family(name: str) -> Family:
    return next(family for family in FAMILIES if family == name)
