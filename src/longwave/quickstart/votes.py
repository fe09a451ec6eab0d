"""Prompts that vote: each twin judges sentences after five beginnings, the label model weighs them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

from longwave.quickstart.stages import Figures, Lesson, Observer, percent
from longwave.quickstart.twins import twin_models

__all__ = ["ask_in_five_ways", "teach_votes"]

INSTANCES_PER_MINUTE = 20
CHAINS = "beginnings.yaml"  # models this small answer no question, but they can tell which text is likelier
N_VOTES = 5
SCENARIO = "blimp"


def ask_in_five_ways(
    out: Path, names: Sequence[str], *, seed: int, minutes: float, observer: Observer
) -> Figures:
    """Let five prompts vote on each pair of sentences, and make one answer of the votes in two ways."""
    import polars as pl

    from longwave.evaluation import aggregate_votes, evaluate, summarize_votes

    with as_file(files("longwave.quickstart") / CHAINS) as chains:
        evaluate(
            models=twin_models(out, names),
            scenarios=[SCENARIO],
            prompting=str(chains),
            votes=N_VOTES,
            max_instances=max(10, round(minutes * INSTANCES_PER_MINUTE)),
            seed=seed,
            out=out,
            on_progress=lambda progress: observer.progress(progress.done, progress.total, progress.text),
        )
    for method in ("majority", "label-model"):
        aggregate_votes(out, method=method, seed=seed)
    found = summarize_votes(out)
    agreement = dict(found.pairs.group_by("model").agg(pl.col("agreement").mean()).iter_rows())
    figures: Figures = {}
    for row in found.accuracy.iter_rows(named=True):
        if row["model"] in names:
            own = figures.setdefault(row["model"], {"n": row["n"], "agreement": agreement[row["model"]]})
            own[row["prompt"]] = row["value"]
    return figures


def teach_votes(figures: Figures) -> Lesson:
    """Say what the aggregates add to the prompts."""
    told = [
        f"{name} {percent(own['mean of votes'])} by a prompt on average, {percent(own['majority'])} by "
        f"majority, {percent(own['label-model'])} by the label model"
        for name, own in figures.items()
    ]
    n = next(iter(figures.values()))["n"]
    alike = sum(own["agreement"] for own in figures.values()) / len(figures)
    return Lesson(
        stage="votes",
        page="votes.html",
        text=f"Five prompts on {n} pairs of sentences: {'; '.join(told)}. Two prompts agree on "
        f"{percent(alike)} of the pairs.",
    )
