"""What was found, in sentences that lead to their page, say on how many instances and claim no more."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from markupsafe import Markup

from longwave.evaluation import VoteFigures
from longwave.report.analysis import Analysis
from longwave.report.formats import count, number
from longwave.report.links import rows_link
from longwave.report.monitoring_series import Watched
from longwave.report.summary_best import best_sentences
from longwave.report.summary_special import (
    group_sentences,
    resolution_scenarios,
    resolution_sentences,
    shift_sentences,
    votes_sentences,
)
from longwave.report.wording import MOST_NAMED, link, listed, names, sample, system_name

__all__ = ["MOST_SENTENCES", "at_floor", "summarise"]

MOST_SENTENCES = 10


def summarise(
    analysis: Analysis, *, votes: VoteFigures | None = None, watched: Sequence[Watched] = ()
) -> list[Markup]:
    """Write what was found in at most ten sentences.

    Parameters
    ----------
    analysis : Analysis
    votes : VoteFigures, optional
        Of the folder, where prompts vote.
    watched : sequence of Watched
        Scenarios that were asked on several days.

    Returns
    -------
    list of Markup
        Names are escaped; links start at the report's top folder.
    """
    if not analysis.n_rows:
        return [Markup("There are no predictions in this folder, so there is nothing to compare.")]
    first = [_what(analysis)]
    failures = _failures(analysis)
    if all(estimate is None for estimate in analysis.cells["value"]):
        return [*first, Markup("No answer could be scored."), *shift_sentences(analysis, watched), *failures]
    special = [
        *votes_sentences(analysis, votes),
        *shift_sentences(analysis, watched),
        *group_sentences(analysis),
        *resolution_sentences(analysis),
    ]
    rest = [*_floors(analysis), *special, *_robustness(analysis), *failures]
    best = best_sentences(analysis, max(1, MOST_SENTENCES - len(first) - len(rest)))
    return [*first, *best, *rest]


def at_floor(analysis: Analysis, scenario: str, system: str) -> bool:
    """Tell whether the interval of a score reaches the scenario's floor, so that guessing explains it."""
    floor, found = analysis.floor(scenario), analysis.cell(scenario, system)
    if floor is None or found is None or found.low is None or found.high is None:
        return False
    return found.high >= floor if analysis.measures[scenario].is_lower_better else found.low <= floor


def _what(analysis: Analysis) -> Markup:
    perturbations = len(analysis.overview["perturbation"].drop_nulls().unique())
    varied = f", the inputs also under {count(perturbations, 'perturbation')}" if perturbations else ""
    return Markup("{} answered {} ({}{}).").format(
        names(analysis.systems) if 0 < len(analysis.systems) <= 3 else count(len(analysis.systems), "model"),
        link("taxonomy.html", count(len(analysis.scenarios), "scenario")),
        link("instances/index.html", count(analysis.n_rows, "prediction")),
        varied,
    )


def _floors(analysis: Analysis) -> list[Markup]:
    """Tell who is at a floor: guessing, or always giving one answer, explains the score."""
    scored = {
        (name, system): found
        for name in analysis.scenarios
        for system in analysis.systems
        if (found := analysis.cell(name, system)) is not None and found.low is not None
    }
    known = set(analysis.floors["scenario"])
    with_floor = [name for name in analysis.scenarios if name in known and any(s == name for s, _ in scored)]
    if not with_floor:
        has_shares = any(analysis.measures[name].is_share for name, _ in scored)
        unknown = "No {} is known here, so nothing tells whether a score beats guessing."
        return [Markup(unknown).format(_FLOOR.format("floor"))] if has_shares else []
    stuck = {
        name: [system for s, system in scored if s == name and at_floor(analysis, name, system)]
        for name in with_floor
    }
    every = [name for name in with_floor if len(stuck[name]) == sum(s == name for s, _ in scored)]
    sizes = sample(found.n for (name, _), found in scored.items() if name in with_floor)
    if len(every) == len(with_floor):
        told = "No score on {} is clear of {}, what a model that understands nothing would have ({})."
        return [Markup(told).format(_which(analysis, with_floor), _FLOOR.format("its floor"), sizes)]
    if not any(stuck.values()):
        told = "Every score on {} is clear of {}, what a model that understands nothing would have ({})."
        return [Markup(told).format(_which(analysis, with_floor), _FLOOR.format("its floor"), sizes)]
    together: dict[tuple[str, ...], list[str]] = {}
    for system in analysis.systems:
        here = tuple(name for name in with_floor if name not in every and system in stuck[name])
        if here:
            together.setdefault(here, []).append(system)
    parts = [Markup("{} on {}").format(names(one), _which(analysis, here)) for here, one in together.items()]
    if every:
        parts.insert(0, Markup("every model on {}").format(_which(analysis, every)))
    if len(parts) > MOST_NAMED:
        parts = [*parts[:MOST_NAMED], Markup("others elsewhere")]
    told = (
        "Not clear of {}, what a model that understands nothing would score: {} ({}); all other scores are."
    )
    return [Markup(told).format(_FLOOR.format("the floor"), Markup("; ").join(parts), sizes)]


_FLOOR = Markup('<a href="index.html#floors">{}</a>')


def _which(analysis: Analysis, scenarios: Sequence[str]) -> Markup:
    """Name scenarios, of many the first."""
    most = MOST_NAMED if len(scenarios) <= MOST_NAMED else 1
    shown = [link(f"scenarios/{analysis.slugs[name]}.html", name) for name in scenarios[:most]]
    rest = [Markup("{} more").format(len(scenarios) - most)] if len(scenarios) > most else []
    return listed([*shown, *rest])


def _robustness(analysis: Analysis) -> list[Markup]:
    drops = []
    grids = resolution_scenarios(analysis)  # another grid is no edit that ought to change nothing
    for row in analysis.worst.iter_rows(named=True):
        before = analysis.cell(row["scenario"], row["system"])
        if (
            analysis.measures[row["scenario"]].is_share
            and row["scenario"] not in grids
            and before
            and before.value is not None
            and row["value"] is not None
        ):
            drops.append((before.value - row["value"], row["scenario"], row["system"], row["n"]))
    if not drops:
        return []
    drop, scenario, system, n = max(drops)
    if drop <= 0:
        sizes = sample(one[3] for one in drops)
        return [Markup("Edited inputs turn no right answer wrong ({}).").format(sizes)]
    href = rows_link(analysis.slugs[scenario], model=system, edits="robustness")
    return [
        Markup(
            "Counting an instance right only if it is under every edit costs {} on {} most: {} ({})."
        ).format(
            system_name(system),
            link(f"scenarios/{analysis.slugs[scenario]}.html", scenario),
            link(href, f"{number(100 * drop, 1)} points"),
            sample([n]),
        )
    ]


def _failures(analysis: Analysis) -> list[Markup]:
    failed = analysis.overview.group_by("scenario").agg(pl.col("failed").sum()).filter(pl.col("failed") > 0)
    if not len(failed):
        return []
    total = f"{count(int(failed['failed'].sum()), 'request')} of {analysis.n_rows:,}"
    counts = failed.sort("scenario").rows()
    if len(counts) == 1:
        shown = link(rows_link(analysis.slugs[counts[0][0]], outcome="failed"), total)
        return [Markup("{} failed; the rows say why.").format(shown)]
    parts = [
        Markup("{} on {}").format(
            link(rows_link(analysis.slugs[name], outcome="failed"), f"{n:,}"), names([name], bold=False)
        )
        for name, n in counts[:MOST_NAMED]
    ]
    if len(counts) > MOST_NAMED:
        parts.append(Markup("the rest on {} more").format(len(counts) - MOST_NAMED))
    return [Markup("{} failed: {}; the rows say why.").format(total, Markup(", ").join(parts))]
