"""Sentences that tell who is best: by kind of scenario, with intervals, as far as paired tests carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from markupsafe import Markup

from longwave.evaluation.adapted import GROUPS_PREFIX
from longwave.evaluation.fields import FIELD_PREFIX
from longwave.report.analysis import Analysis
from longwave.report.comparisons import ALPHA
from longwave.report.family_tables import family_link
from longwave.report.formats import count
from longwave.report.leaderboard import significant_best
from longwave.report.measures import describe_scenario
from longwave.report.wording import MOST_NAMED, link, names, p_text, sample, score, system_name

__all__ = ["best_sentences", "group_topics", "order_systems"]

_FIELDS = "fields"
_OTHER = "other"


def best_sentences(analysis: Analysis, most: int) -> list[Markup]:
    """Tell who is best, a sentence a topic; of more topics than ``most`` the last sentence takes the rest.

    A model is called better only where a paired test says so, corrected for every comparison of the report.
    """
    topics = group_topics(analysis)
    if len(topics) > most:
        kept = dict(list(topics.items())[: most - 1])
        rest = [name for topic, scenarios in topics.items() if topic not in kept for name in scenarios]
        topics = {**kept, _OTHER: sorted(rest)}
    if list(topics) == [_OTHER]:
        topics = {"": topics[_OTHER]}  # there are no others
    return [
        _one(analysis, scenarios[0]) if len(scenarios) == 1 else _several(analysis, topic, scenarios)
        for topic, scenarios in topics.items()
    ]


def group_topics(analysis: Analysis) -> dict[str, list[str]]:
    """Group the scenarios that have a score with a direction by their task, the largest group first.

    Those of groups are left out: the average is not what they are about.
    """
    found: dict[str, list[str]] = {}
    for scenario in analysis.scenarios:
        is_directed = analysis.measures[scenario].is_lower_better is not None
        if is_directed and not scenario.startswith(GROUPS_PREFIX) and order_systems(analysis, scenario):
            found.setdefault(_topic(scenario), []).append(scenario)
    return dict(sorted(found.items(), key=lambda one: (one[0] == _OTHER, -len(one[1]), one[0])))


def order_systems(analysis: Analysis, scenario: str) -> list[str]:
    """Return the ranked systems that have a score on a scenario, the best score first."""
    values = {
        system: found.value
        for system in analysis.systems
        if (found := analysis.cell(scenario, system)) is not None and found.value is not None
    }
    sign = 1 if analysis.measures[scenario].is_lower_better else -1
    return sorted(values, key=lambda system: (sign * values[system], system))


def _topic(scenario: str) -> str:
    if scenario.startswith(FIELD_PREFIX):
        return _FIELDS
    known = describe_scenario(scenario)
    return known.task if known is not None and known.task not in ("?", "n/a", "") else _OTHER


def _one(analysis: Analysis, scenario: str) -> Markup:
    """Tell who is best on one scenario."""
    order = order_systems(analysis, scenario)
    place = link(f"scenarios/{analysis.slugs[scenario]}.html", scenario)
    lead, others = order[0], order[1:]
    shown = score(analysis, scenario, lead)
    if not others:
        return Markup("On {}, {} scores {}; no other model has a score to compare.").format(
            place, system_name(lead), shown
        )
    tied = [name for name in order if _value(analysis, scenario, name) == _value(analysis, scenario, lead)]
    if len(tied) > 1:
        return _tie(place, tied, others, shown)
    p_values = _p_values(analysis, scenario, lead)
    clear = [name for name in others if p_values.get(name, 1.0) < ALPHA]
    against = score(analysis, scenario, others[0])
    test = p_text(p_values[others[0]]) if others[0] in p_values else "no instances in common"
    if len(others) == 1:
        told = "is significantly better than" if clear else "is not told apart from"
        return Markup("On {}, {} {} {}: {} against {}; {}.").format(
            place, system_name(lead), told, system_name(others[0]), shown, against, test
        )
    if len(clear) == len(others):
        return Markup("On {}, {} is significantly better than each of {}: {} against {} of {}; {}.").format(
            place,
            system_name(lead),
            count(len(others), "other model"),
            shown,
            against,
            system_name(others[0]),
            test,
        )
    rest = names([name for name in others if name not in clear])
    told = f"is significantly better than {len(clear)} of {len(others)} others, but" if clear else "but is"
    return Markup("On {}, {} has the best score, {}, {} not told apart from {}.").format(
        place, system_name(lead), shown, told, rest
    )


def _tie(place: Markup, tied: Sequence[str], others: Sequence[str], shown: Markup) -> Markup:
    if len(tied) == len(others) + 1:
        every = "both models" if len(tied) == 2 else f"all {len(tied)} models"
        return Markup("On {}, {} have the same score, {}.").format(place, every, shown)
    return Markup("On {}, {} share the best score, {}.").format(place, names(tied), shown)


def _several(analysis: Analysis, topic: str, scenarios: Sequence[str]) -> Markup:
    """Tell on how many scenarios of a topic each model is better than every other."""
    kind = f"{topic} " if topic else ""
    compared = [name for name in scenarios if len(order_systems(analysis, name)) > 1]
    sizes = sample(
        found.n
        for name in compared or scenarios
        if (found := analysis.cell(name, order_systems(analysis, name)[0])) is not None
    )
    if not compared:
        place = link(family_link("accuracy"), count(len(scenarios), f"{kind}scenario"))
        return Markup("On {} ({}) only one model has a score, so nothing is compared.").format(place, sizes)
    wins: dict[str, list[str]] = {}
    for name in compared:
        best = significant_best(analysis, name)
        if best is not None:
            wins.setdefault(best, []).append(name)
    place = link(family_link("accuracy"), count(len(compared), f"{kind}scenario"))
    rivals = "the other" if len(analysis.systems) == 2 else "every other"
    if not wins:
        return Markup("On none of {} ({}) is one model significantly better than {}.").format(
            place, sizes, rivals
        )
    if len(wins) == 1 and len(*wins.values()) == len(compared):
        system, won = next(iter(wins.items()))
        told = "On all of {} ({}), {} is significantly better than {}, as on {}."
        return Markup(told).format(place, sizes, system_name(system), rivals, _won(analysis, won[:1]))
    parts = [
        Markup("{} is significantly better than {} on {}").format(
            system_name(system), rivals, _won(analysis, found)
        )
        for system, found in sorted(wins.items(), key=lambda one: (-len(one[1]), one[0]))
    ]
    if len(parts) > MOST_NAMED:
        parts = [*parts[:MOST_NAMED], Markup("{} more models on others").format(len(parts) - MOST_NAMED)]
    n_rest = len(compared) - sum(map(len, wins.values()))
    tail = f"; on the other {n_rest if n_rest > 1 else 'one'} none is" if n_rest else ""
    return Markup("Of {} ({}), {}{}.").format(place, sizes, Markup("; ").join(parts), tail)


def _won(analysis: Analysis, scenarios: Sequence[str]) -> Markup:
    """Name the first scenario with its scores, of more their number."""
    first = scenarios[0]
    lead, second, *_ = order_systems(analysis, first)
    told = Markup("{} ({} against {})").format(
        link(f"scenarios/{analysis.slugs[first]}.html", first),
        _short(analysis, first, lead),
        _short(analysis, first, second),
    )
    return Markup("{} and {} more").format(told, len(scenarios) - 1) if len(scenarios) > 1 else told


def _short(analysis: Analysis, scenario: str, system: str) -> str:
    """Write a score with its interval."""
    found, measure = analysis.cell(scenario, system), analysis.measures[scenario]
    if found is None:
        return "no score"
    interval = measure.interval(found.low, found.high)
    return f"{measure.text(found.value)}, {interval}" if interval else measure.text(found.value)


def _value(analysis: Analysis, scenario: str, system: str) -> float | None:
    found = analysis.cell(scenario, system)
    return None if found is None else found.value


def _p_values(analysis: Analysis, scenario: str, system: str) -> Mapping[str, float]:
    """Return the corrected p-value of a system against each other one that it was compared with."""
    found = analysis.comparisons.filter(pl.col("scenario") == scenario)
    return {
        other: row["p_holm"]
        for row in found.iter_rows(named=True)
        for one, other in ((row["first"], row["second"]), (row["second"], row["first"]))
        if one == system
    }
