"""What the page of monitoring tells: models that were asked on several days, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from longwave.errors import LongwaveError
from longwave.monitoring import Comparison, RunStore, compare, judge_all, runs_from_predictions
from longwave.monitoring.comparison import Flips, flips_of
from longwave.monitoring.own_tables import OWN_TASK
from longwave.monitoring.paired import PairedRows, pair_rows, paired_change
from longwave.monitoring.rounds import fold_free_answers
from longwave.predictions import SCHEMA, PairedDifference
from longwave.prompting.votes import AGGREGATES
from longwave.report.analysis import Analysis
from longwave.report.links import ORIGINAL

__all__ = ["HAPI_PREFIX", "Step", "Watched", "watch", "watched_scenarios"]

HAPI_PREFIX = "hapi-"  # scenarios that were imported from an archive of APIs
_COLUMNS = (
    *("task", "dataset", "api", "date", "row", "example_id", "predicted_label", "true_label", "score"),
    *("confidence", "group", "latency_s", "cost_usd"),
)
_MOST_CLASSES = 20  # labels by which groups are made
_MOST_DETAILS = 12  # models of a scenario with a section of their own
_N_RESAMPLES = 500
_WHO = ("scenario", "model")


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """A model on one scenario from one date to the next.

    Parameters
    ----------
    model, before, after : str
        The model, and the dates.
    systems : tuple of str
        What the two are called in the report.
    pair : PairedRows
    change : PairedDifference or None
        None without scores.
    flips : Flips or None
    p_adjusted : float or None
        Corrected for all steps of the scenario.
    verdict : {"improved", "declined", "steady", ""}
    """

    model: str
    before: str
    after: str
    systems: tuple[str, str]
    pair: PairedRows
    change: PairedDifference | None
    flips: Flips | None
    p_adjusted: float | None = None
    verdict: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Watched:
    """A scenario that was asked on several days, or of several APIs of an archive.

    Parameters
    ----------
    scenario, slug : str
    store : RunStore or None
        None where the rows are no runs; ``problem`` says why.
    systems : mapping of (str, str) to str
        By model and date of the store.
    prompt : str or None
        Which prompt is shown, where there are several.
    steps : tuple of Step
        By model, then by date.
    notes : tuple of str
    problem : str
    """

    scenario: str
    slug: str
    store: RunStore | None
    systems: Mapping[tuple[str, str], str]
    prompt: str | None = None
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""

    @property
    def models(self) -> tuple[str, ...]:
        """Models by name."""
        return tuple(sorted({model for model, _ in self.systems}))

    @property
    def newest(self) -> tuple[Step, ...]:
        """The last step of each model, at most twelve."""
        last = {step.model: step for step in self.steps}
        return tuple(last.values())[:_MOST_DETAILS]

    def frame(self, model: str, date: str) -> pl.DataFrame:
        """Return the rows of one run; empty where there is no store."""
        if self.store is None:
            return pl.DataFrame()
        return self.store.table(
            task=OWN_TASK, dataset=self.scenario, api=model, date=date, columns=_COLUMNS
        ).collect()

    def detail(self, step: Step) -> Comparison:
        """Compare the two rounds of a step in every way."""
        frames = fold_free_answers(self.frame(step.model, step.before), self.frame(step.model, step.after))
        labels = _ordered_labels(step.pair)
        return compare(*frames, by=_groupings(step.pair), labels=labels, n_resamples=_N_RESAMPLES)


def watched_scenarios(analysis: Analysis) -> list[str]:
    """List the scenarios of the page: several dates of a model, or several APIs of an archive."""
    asked = analysis.overview.filter(~pl.col("is_floor"), pl.col("perturbation").is_null())
    dated = asked.group_by(_WHO).agg(pl.col("date").n_unique()).filter(pl.col("date") > 1)
    apis = asked.filter(pl.col("scenario").str.starts_with(HAPI_PREFIX))
    several = apis.group_by("scenario").agg(pl.col("model").n_unique()).filter(pl.col("model") > 1)
    return sorted({*dated["scenario"], *several["scenario"]})


def watch(analysis: Analysis, scenario: str) -> Watched:
    """Collect the runs of a scenario and compare every date with the next."""
    rows = analysis.part(scenario).rows.filter(
        ~pl.col("is_floor"), pl.col("input_name") == ORIGINAL, pl.col("date").is_not_null()
    )
    prompt = _choose_prompt(rows)
    if prompt is not None:
        rows = rows.filter(pl.col("prompt") == prompt)
    systems = _systems(rows)
    slug = analysis.slugs[scenario]
    try:
        store = runs_from_predictions(rows.select(list(SCHEMA)))
    except LongwaveError as error:
        return Watched(scenario=scenario, slug=slug, store=None, systems=systems, problem=str(error))
    watched = Watched(
        scenario=scenario, slug=slug, store=store, systems=systems, prompt=prompt, notes=store.notes
    )
    is_share = analysis.measures[scenario].is_share
    is_lower_better = analysis.measures[scenario].is_lower_better
    steps = list(_steps(watched))
    judged = _judged(steps, is_share=is_share, is_lower_better=bool(is_lower_better))
    return replace(watched, steps=tuple(judged))


def _choose_prompt(rows: pl.DataFrame) -> str | None:
    """Return the prompt that is shown where there are several: an aggregate, else the first by name."""
    several = rows.group_by(_WHO).agg(pl.col("prompt").n_unique()).filter(pl.col("prompt") > 1)
    if not len(several):
        return None
    names = rows["prompt"].drop_nulls().unique().sort().to_list()
    return next((name for name in AGGREGATES if name in names), names[0] if names else None)


def _systems(rows: pl.DataFrame) -> dict[tuple[str, str], str]:
    """Return what a model at a date is called; dates that several versions share carry the version."""
    found: dict[tuple[str, str], str] = {}
    listed = rows.select("model", "version", "date", "system").unique().sort("model", "date", "version")
    several = listed.group_by("model", "date").len().filter(pl.col("len") > 1)
    shared = set(several.select("model", "date").iter_rows())
    for model, version, date, system in listed.iter_rows():
        found[model, f"{date}@{version}" if (model, date) in shared else date] = system
    return found


def _steps(watched: Watched) -> Iterator[Step]:
    if watched.store is None:
        return
    for model, dates in watched.store.series().select("api", "dates").iter_rows():
        frames = [watched.frame(model, date) for date in dates]
        for place in range(1, len(dates)):
            folded = fold_free_answers(frames[place - 1], frames[place])
            if not len(folded[0].join(folded[1], on="row", how="semi")):
                continue  # two rounds of other instances have nothing to compare
            pair = pair_rows(*folded, by=("group",))
            first, second = pair.scores
            yield Step(
                model=model,
                before=dates[place - 1],
                after=dates[place],
                systems=(
                    watched.systems.get((model, dates[place - 1]), model),
                    watched.systems.get((model, dates[place]), model),
                ),
                pair=pair,
                change=paired_change(first, second) if len(first) else None,
                flips=flips_of(pair),
            )


def _judged(steps: Sequence[Step], *, is_share: bool, is_lower_better: bool) -> Iterator[Step]:
    """Correct the p-values of all steps of a scenario, and judge each."""
    table = pl.DataFrame(
        {
            "change": [step.change.estimate if step.change else None for step in steps],
            "p_value": [step.change.p_value if step.change else None for step in steps],
        },
        schema={"change": pl.Float64, "p_value": pl.Float64},
    )
    found = judge_all(table, min_change=0.01 if is_share else 0.0)
    turned = {"improved": "declined", "declined": "improved"} if is_lower_better else {}
    for step, p_adjusted, verdict in zip(steps, found["p_adjusted"], found["verdict"], strict=True):
        word = turned.get(verdict, verdict or "")
        yield replace(step, p_adjusted=p_adjusted, verdict=word)


def _ordered_labels(pair: PairedRows) -> list[str] | None:
    """Return the labels that are true somewhere, numbers by size and before words; None without truth."""
    if not pair.has_truth:
        return None
    return sorted(pair.frame["true_label"].drop_nulls().unique().to_list(), key=_place)


def _place(label: str) -> tuple[bool, int, str]:
    is_number = label.isascii() and label.isdigit() and len(label) < 10
    return not is_number, int(label) if is_number else 0, label


def _groupings(pair: PairedRows) -> tuple[str, ...]:
    """Return the columns by which a step is looked at: groups, and few labels that are no groups."""
    groups = pair.frame["group"]
    found = ["group"] if groups.drop_nulls().n_unique() > 1 else []
    if pair.has_truth:
        truth = pair.frame["true_label"].cast(pl.String)
        is_new = not found or not (truth == groups).fill_null(value=False).all()
        if is_new and 1 < truth.drop_nulls().n_unique() <= _MOST_CLASSES:
            found.append("true_label")
    return tuple(found)
