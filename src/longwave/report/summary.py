"""The first paragraph of the report, written from the numbers and claiming no more than they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from longwave.report.analysis import Analysis
from longwave.report.comparisons import ALPHA
from longwave.report.formats import count, number, p_value
from longwave.report.links import ORIGINAL, rows_link
from longwave.report.text import markup, plain

__all__ = ["at_floor", "summarise"]

_MOST_NAMED = 4  # scenarios named one by one in a sentence


def summarise(analysis: Analysis) -> list[Markup]:
    """Write the sentences of the summary; names are escaped, numbers lead to their rows."""
    if not analysis.n_rows:
        return [Markup("There are no predictions in this folder, so there is nothing to compare.")]
    sentences = [_what(analysis)]
    if all(estimate is None for estimate in analysis.cells["value"]):
        return [*sentences, Markup("No answer could be scored."), *_failures(analysis)]
    if len(analysis.systems) == 2:
        sentences.append(_two_models(analysis))
    elif len(analysis.systems) > 2:
        sentences.append(_many_models(analysis))
    return [*sentences, *_floors(analysis), *_robustness(analysis), *_failures(analysis)]


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
        _names(analysis.systems) if 0 < len(analysis.systems) <= 3 else count(len(analysis.systems), "model"),
        count(len(analysis.scenarios), "scenario"),
        Markup('<a href="instances/index.html">{}</a>').format(count(analysis.n_rows, "prediction")),
        varied,
    )


def _two_models(analysis: Analysis) -> Markup:
    pairs = list(analysis.comparisons.iter_rows(named=True))
    if not pairs:
        return Markup("They share no instances, so they cannot be compared.")
    clear = [row for row in pairs if row["p_holm"] < ALPHA and _direction(analysis, row["scenario"])]
    if not clear:
        return Markup(
            "No difference between them is significant on any of {} (paired tests, Holm-corrected)."
        ).format(count(len(pairs), "scenario"))
    parts = []
    for system in analysis.systems:
        wins = [row for row in clear if _winner(analysis, row) == system]
        if wins:
            shown = Markup("; ").join(_win(analysis, row) for row in wins[:_MOST_NAMED])
            more = f" and {len(wins) - _MOST_NAMED} more" if len(wins) > _MOST_NAMED else ""
            parts.append(Markup("<b>{}</b> is better on {}{}").format(markup(plain(system)), shown, more))
    rest = len(pairs) - len(clear)
    tail = (
        f"; on the other {rest if rest > 1 else 'one'} the difference is not significant"
        if rest
        else "; no scenario is undecided"
    )
    return Markup("{}{} (paired tests, Holm-corrected).").format(Markup("; ").join(parts), tail)


def _win(analysis: Analysis, row: dict[str, Any]) -> Markup:
    scenario, measure = row["scenario"], analysis.measures[row["scenario"]]
    difference = row["difference"]
    unit = " points" if measure.is_share else f" {measure.unit}"
    href = rows_link(analysis.slugs[scenario], input_=ORIGINAL)
    size = number(100 * abs(difference), 1) if measure.is_share else number(abs(difference), 3)
    return Markup('{} (by <a href="{}">{}{}</a>, p {})').format(
        markup(plain(scenario)), href, size, unit, _p(row["p_holm"])
    )


def _many_models(analysis: Analysis) -> Markup:
    clear = int((analysis.comparisons["p_holm"] < ALPHA).sum())
    tested = (
        f"of {count(len(analysis.comparisons), 'paired comparison')}, {clear} "
        f"{'is' if clear == 1 else 'are'} significant after Holm's correction"
    )
    best = analysis.ranked[0]
    rate = analysis.win_rates.get(best)
    if rate is None:
        return Markup("{}.").format(tested[0].upper() + tested[1:])
    return Markup(
        '<b>{}</b> has the highest <a href="index.html#mean-win-rate">mean win rate</a>, {}; {}.'
    ).format(markup(plain(best)), number(rate, 2), tested)


def _floors(analysis: Analysis) -> list[Markup]:
    sentences = []
    with_floor = [name for name in analysis.scenarios if name in set(analysis.floors["scenario"])]
    if not with_floor:
        return []
    stuck = [
        name
        for name in with_floor
        if all(at_floor(analysis, name, s) for s in analysis.systems if analysis.cell(name, s))
    ]
    if len(stuck) == len(with_floor):
        every = (
            "the one scenario with a floor"
            if len(stuck) == 1
            else f"any of the {len(stuck)} scenarios with a floor"
        )
        return [
            Markup("No model beats its floor, guessing or always giving one answer, on {}.").format(every)
        ]
    if stuck:
        sentences.append(
            Markup("On {} no model beats its floor (guessing, or always giving one answer).").format(
                _names(stuck, bold=False)
            )
        )
    together: dict[tuple[str, ...], list[str]] = {}
    for system in analysis.systems:
        here = tuple(name for name in with_floor if name not in stuck and at_floor(analysis, name, system))
        if here:
            together.setdefault(here, []).append(system)
    for here, systems in together.items():
        verb = "does not beat its floor" if len(systems) == 1 else "do not beat their floor"
        sentences.append(Markup("{} {} on {}.").format(_names(systems), verb, _names(here, bold=False)))
    return sentences


def _robustness(analysis: Analysis) -> list[Markup]:
    drops = []
    for row in analysis.worst.iter_rows(named=True):
        before = analysis.cell(row["scenario"], row["system"])
        if (
            analysis.measures[row["scenario"]].is_share
            and before
            and before.value is not None
            and row["value"] is not None
        ):
            drops.append((before.value - row["value"], row["scenario"], row["system"]))
    if not drops:
        return []
    drop, scenario, system = max(drops)
    if drop <= 0:
        return [Markup("Perturbing the inputs changes no score for the worse.")]
    link = rows_link(analysis.slugs[scenario], model=system, edits="robustness")
    return [
        Markup(
            'Perturbed inputs cost at most <a href="{}">{} points</a> in the worst case (<b>{}</b> on {}).'
        ).format(link, number(100 * drop, 1), markup(plain(system)), markup(plain(scenario)))
    ]


def _failures(analysis: Analysis) -> list[Markup]:
    failed = analysis.overview.group_by("scenario").agg(pl.col("failed").sum()).filter(pl.col("failed") > 0)
    if not len(failed):
        return []
    total = count(int(failed["failed"].sum()), "request")
    counts = failed.sort("scenario").rows()
    link = Markup('<a href="{}">{}</a>')
    if len(counts) == 1:
        shown = link.format(rows_link(analysis.slugs[counts[0][0]], outcome="failed"), total)
        return [Markup("{} failed; the rows say why.").format(shown)]
    parts = [
        Markup("{} on {}").format(
            link.format(rows_link(analysis.slugs[name], outcome="failed"), f"{n:,}"), markup(plain(name))
        )
        for name, n in counts[:_MOST_NAMED]
    ]
    if len(counts) > _MOST_NAMED:
        parts.append(Markup("the rest on {} more").format(len(counts) - _MOST_NAMED))
    return [Markup("{} failed: {}; the rows say why.").format(total, Markup(", ").join(parts))]


def _direction(analysis: Analysis, scenario: str) -> bool:
    return analysis.measures[scenario].is_lower_better is not None


def _winner(analysis: Analysis, row: dict[str, Any]) -> str:
    is_first = row["difference"] > 0
    if analysis.measures[row["scenario"]].is_lower_better:
        is_first = not is_first
    return str(row["first"] if is_first else row["second"])


def _p(value: float) -> str:
    text = p_value(value)
    return text if text.startswith("<") else f"= {text}"


def _names(names: Sequence[str], *, bold: bool = True) -> Markup:
    form = Markup("<b>{}</b>") if bold else Markup("{}")
    shown = [form.format(markup(plain(name))) for name in names[:_MOST_NAMED]]
    if len(names) > _MOST_NAMED:
        shown.append(Markup("{} more").format(len(names) - _MOST_NAMED))
    if len(shown) < 2:
        return Markup("").join(shown)
    return Markup("{} and {}").format(Markup(", ").join(shown[:-1]), shown[-1])
