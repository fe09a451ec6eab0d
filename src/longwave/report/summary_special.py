"""Sentences about what has a page of its own: votes, days, groups, resolutions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from longwave.evaluation import VoteFigures
from longwave.evaluation.fields import FIELD_PREFIX
from longwave.predictions import holm
from longwave.report.adapters_page import GROUPS_PAGE, WorstGroup, group_scenarios, worst_groups
from longwave.report.analysis import Analysis
from longwave.report.comparisons import ALPHA, compare_scores
from longwave.report.fields_page import FIELDS_PAGE
from longwave.report.formats import count, number, points, signed
from longwave.report.images_page import IMAGES_PAGE
from longwave.report.links import ORIGINAL, rows_link
from longwave.report.measures import Measure
from longwave.report.monitoring_page import MONITORING_PAGE
from longwave.report.monitoring_series import Step, Watched
from longwave.report.votes_page import VOTES_PAGE
from longwave.report.wording import link, p_text, sample, system_name, whole

__all__ = [
    "group_sentences",
    "resolution_scenarios",
    "resolution_sentences",
    "shift_sentences",
    "votes_sentences",
]

_LABEL_MODEL, _MAJORITY = "label-model", "majority"
_BASELINES = ("zero-shot", "linear-probe", "erm")  # what stands for the model before its groups are repaired
_RESOLUTION = re.compile(r"resolution-([0-9]{1,6})")


def votes_sentences(analysis: Analysis, figures: VoteFigures | None) -> list[Markup]:
    """Tell what the label model gains over the majority vote."""
    if figures is None:
        return []
    place = link(VOTES_PAGE, "votes")
    found = figures.differences.filter(
        pl.col("prompt") == _LABEL_MODEL, pl.col("baseline") == _MAJORITY, pl.col("p_holm").is_not_null()
    )
    if not len(found):
        return [Markup("Prompts {}, but the label model has not weighed their votes yet.").format(place)]
    rows = found.with_columns(p=pl.Series(holm(found["p_holm"].to_numpy()), dtype=pl.Float64))
    largest = rows.sort(pl.col("difference_pp").abs(), "scenario", "model", descending=[True, False, False])
    row = largest.row(0, named=True)
    measure = analysis.measures[row["scenario"]]
    write = measure.difference
    where = Markup("{} on {} ({} to {}, {}, {})").format(
        system_name(row["model"]),
        link(f"{VOTES_PAGE}#s-{analysis.slugs[row['scenario']]}", row["scenario"]),
        write(row["low_pp"] / 100),
        write(row["high_pp"] / 100),
        p_text(row["p"]),
        sample([row["n"]]),
    )
    size = _size(measure, row["difference_pp"] / 100)
    if len(rows) == 1:
        told = "a significant difference" if row["p"] < ALPHA else "not a significant difference"
        return [
            Markup(
                "Weighing {} by the label model instead of by majority changes the score by {}: {}, {}."
            ).format(place, size, where, told)
        ]
    up = int(((rows["p"] < ALPHA) & (rows["difference_pp"] > 0)).sum())
    down = int(((rows["p"] < ALPHA) & (rows["difference_pp"] < 0)).sum())
    return [
        Markup(
            "Weighing {} by the label model instead of by majority is significantly better in {} and worse "
            "in {} of {} pairs of model and scenario; the largest difference is {}: {}."
        ).format(place, up, down, len(rows), size, where)
    ]


def shift_sentences(analysis: Analysis, watched: Sequence[Watched]) -> list[Markup]:
    """Tell the largest change of a model from one day to the next that a test confirms."""
    steps = [(one, step) for one in watched for step in one.steps if step.change is not None]
    if not steps:
        return []
    counts = {word: sum(step.verdict == word for _, step in steps) for word in ("declined", "improved")}
    place = link(MONITORING_PAGE, count(len(steps), "step"))
    if not any(counts.values()):
        sizes = sample(step.change.n for _, step in steps if step.change)
        return [
            Markup(
                "In {} from one day to the next ({}) no score moved by a significant point or more."
            ).format(place, sizes)
        ]
    judged = [one for one in steps if one[1].verdict in counts]
    one, step = max(judged, key=lambda pair: _extent(analysis, *pair))
    tally = Markup("{} of {} from one day to the next declined and {} improved").format(
        counts["declined"], place, counts["improved"]
    )
    return [Markup("{}; {}.").format(_shift(analysis, one, step), tally)]


def _extent(analysis: Analysis, watched: Watched, step: Step) -> tuple[bool, float]:
    """Order changes by size; shares, which compare with each other, before scores in other units."""
    return analysis.measures[watched.scenario].is_share, abs(step.change.estimate) if step.change else 0.0


def _shift(analysis: Analysis, watched: Watched, step: Step) -> Markup:
    change, measure = step.change, analysis.measures[watched.scenario]
    if change is None:
        return Markup("")
    return Markup("{} {} most over time, on {} from {} to {}: {} ({} to {}, {}, {})").format(
        system_name(step.model),
        step.verdict,
        link(f"{MONITORING_PAGE}#s-{watched.slug}", watched.scenario),
        whole(step.before),
        whole(step.after),
        _size(measure, change.estimate),
        measure.difference(change.low),
        measure.difference(change.high),
        p_text(step.p_adjusted),
        sample([change.n]),
    )


def group_sentences(analysis: Analysis) -> list[Markup]:
    """Tell the worst group before and after, of the set of embeddings with the largest gain."""
    found = [
        (_gain(one), one) for scenario in group_scenarios(analysis) if (one := _repair(analysis, scenario))
    ]
    return [_repaired(analysis, max(found, key=lambda pair: pair[0])[1])] if found else []


@dataclass(frozen=True, kw_only=True)
class _Repair:
    """The worst groups of the model as it was, if a method stands for it, and of the best of the others."""

    scenario: str
    before: WorstGroup | None
    after: WorstGroup
    n_methods: int


def _gain(one: _Repair) -> float:
    return one.after.mean - one.before.mean if one.before else -1.0


def _repair(analysis: Analysis, scenario: str) -> _Repair | None:
    worst = worst_groups(analysis, scenario)
    models = {one.model: one for one in worst}
    before = next((models[name] for name in _BASELINES if name in models), None)
    others = [one for one in worst if one is not before]
    if not others:
        return None
    after = max(others, key=lambda one: (one.mean, one.system))
    return _Repair(scenario=scenario, before=before, after=after, n_methods=len(others))


def _repaired(analysis: Analysis, one: _Repair) -> Markup:
    place = link(f"{GROUPS_PAGE}#s-{analysis.slugs[one.scenario]}", one.scenario)
    best = (
        Markup("{}, the best of {},").format(system_name(one.after.system), count(one.n_methods, "method"))
        if one.n_methods > 1
        else system_name(one.after.system)
    )
    if one.before is None:
        return Markup("On {}, {} has its worst group, {}, at {}.").format(
            place, best, _quoted(one.after.group), _told(analysis, one, one.after)
        )
    row = _on_group(analysis, one)
    test = Markup("")
    if row is not None:
        p = min(1.0, row["p"] * one.n_methods)
        told = "significantly " if p < ALPHA else "not significantly "
        than = "better" if row["difference"] > 0 else "worse"
        test = Markup("; on the first group itself it is {}{} ({}, {}, {})").format(
            told, than, points(row["difference"]), p_text(p), sample([row["n"]])
        )
    return Markup("On {}, the worst group of {} is {}, at {}; {} has its own, {}, at {}{}.").format(
        place,
        system_name(one.before.system),
        _quoted(one.before.group),
        _told(analysis, one, one.before),
        best,
        _quoted(one.after.group),
        _told(analysis, one, one.after),
        test,
    )


def _quoted(group: str) -> str:
    return f"“{group}”"


def _told(analysis: Analysis, one: _Repair, worst: WorstGroup) -> Markup:
    """Write the accuracy of a worst group, with its interval or its spread over seeds."""
    href = rows_link(analysis.slugs[one.scenario], model=worst.system, group=worst.group)
    return Markup("{} ({}, {})").format(
        link(href, f"{number(100 * worst.mean, 1)} %"), worst.spread, sample([worst.n])
    )


def _on_group(analysis: Analysis, one: _Repair) -> dict[str, Any] | None:
    """Compare both methods on the points of the group that was worst before; seeds are averaged."""
    if one.before is None:
        return None
    rows = analysis.part(one.scenario).rows.filter(pl.col("group") == one.before.group)
    return _paired(rows, (one.after.system, ORIGINAL), (one.before.system, ORIGINAL))


def resolution_scenarios(analysis: Analysis) -> list[str]:
    """List the scenarios that were answered on several grids."""
    told = analysis.overview.filter(~pl.col("is_floor")).select("scenario", "perturbation").drop_nulls()
    return sorted({scenario for scenario, name in told.iter_rows() if _RESOLUTION.fullmatch(name)})


def resolution_sentences(analysis: Analysis) -> list[Markup]:
    """Tell what is lost most on another grid than that of the training: of images, and of fields."""
    kinds: dict[bool, list[str]] = {}
    for scenario in resolution_scenarios(analysis):
        kinds.setdefault(scenario.startswith(FIELD_PREFIX), []).append(scenario)
    sentences = []
    for is_field, names in sorted(kinds.items()):
        losses = [loss for scenario in names for loss in _losses(analysis, scenario)]
        if losses:
            sentences.append(_loss(analysis, losses, FIELDS_PAGE if is_field else IMAGES_PAGE))
    return sentences


def _losses(analysis: Analysis, scenario: str) -> Iterator[dict[str, Any]]:
    """Yield what every model loses on every other grid; a loss is positive whatever the score's direction."""
    part = analysis.part(scenario)
    sign = -1 if analysis.measures[scenario].is_lower_better else 1
    seen = part.rows.filter(~pl.col("is_floor")).select("system", "input_name").unique().sort(pl.all())
    for system, name in seen.iter_rows():
        grid = _RESOLUTION.fullmatch(name)
        row = _paired(part.rows, (system, ORIGINAL), (system, name)) if grid else None
        if row is not None and grid is not None:
            yield {
                **row,
                "scenario": scenario,
                "system": system,
                "input": name,
                "grid": int(grid[1]),
                "loss": sign * row["difference"],
            }


def _loss(analysis: Analysis, losses: Sequence[dict[str, Any]], page: str) -> Markup:
    corrected = holm([loss["p"] for loss in losses])
    tested = [{**loss, "p_holm": float(p)} for loss, p in zip(losses, corrected, strict=True)]
    worst = max(tested, key=lambda loss: (loss["loss"], loss["system"]))
    scenario, measure = worst["scenario"], analysis.measures[worst["scenario"]]
    slug = analysis.slugs[scenario]
    place = link(f"{page}#s-{slug}", scenario)
    test = Markup("{}, {}").format(p_text(worst["p_holm"]), sample([worst["n"]]))
    if worst["p_holm"] >= ALPHA or worst["loss"] <= 0:
        return Markup(
            "On {}, no model is significantly worse on another grid than on that of its training ({})."
        ).format(place, sample(loss["n"] for loss in tested))
    there = [loss for loss in tested if (loss["scenario"], loss["grid"]) == (scenario, worst["grid"])]
    least = min(there, key=lambda loss: (loss["loss"], loss["system"]))
    tail = Markup("")
    if least is not worst:
        tail = Markup("; {} changes least there, by {}").format(
            system_name(least["system"]), _size(measure, -least["difference"])
        )
    return Markup(
        "On {}, {} loses most on another grid: {} on that of its training, {} at {} points ({}){}."
    ).format(
        place,
        system_name(worst["system"]),
        link(rows_link(slug, model=worst["system"], input_=ORIGINAL), measure.text(worst["first_mean"])),
        link(
            rows_link(slug, model=worst["system"], input_=worst["input"]), measure.text(worst["second_mean"])
        ),
        worst["grid"],
        test,
        tail,
    )


def _paired(rows: pl.DataFrame, first: tuple[str, str], second: tuple[str, str]) -> dict[str, Any] | None:
    """Compare two systems or inputs on the instances of both, trials averaged; None for fewer than two."""
    frames = [
        rows.filter(pl.col("system") == system, pl.col("input_name") == name, pl.col("score").is_finite())
        .group_by("instance")
        .agg(pl.col("score").mean().alias(f"{place}_mean"))
        for place, (system, name) in (("first", first), ("second", second))
    ]
    both = frames[0].join(frames[1], on="instance").sort("instance")
    if len(both) < 2:
        return None
    found = compare_scores(both["first_mean"].to_numpy(), both["second_mean"].to_numpy())
    return {**found, "first_mean": both["first_mean"].mean(), "second_mean": both["second_mean"].mean()}


def _size(measure: Measure, value: float) -> str:
    """Write a difference with its unit."""
    if measure.is_share:
        return f"{signed(100 * value)} points"
    return f"{measure.difference(value)} {measure.unit}".strip()
