"""Models that are bought: what changed between two snapshots, and what four services know together."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from longwave.quickstart.stages import Figures, Lesson, Observer, percent

if TYPE_CHECKING:
    import polars as pl

    from longwave.monitoring import HapiStore
    from longwave.prompting import VoteMatrix

__all__ = ["teach_monitoring", "watch_history"]

SNAPSHOTS = ("llm", "prime")  # two language models, two snapshots of each
SERVICES = ("scr", "command")  # four services that heard the same spoken commands
MOST_RECORDINGS = 1000  # of 64,727: as many rows as the report shows without haste
N_STEPS = 4


def watch_history(out: Path, *, seed: int, observer: Observer) -> Figures:
    """Write the bundled history into the table, compare the snapshots, choose and combine the services."""
    from longwave.monitoring import Services, compare_all, cross_validate, load_sample

    store = load_sample()
    observer.progress(0, N_STEPS, "reading")
    _record_snapshots(out, store)
    _record_services(out, store)
    observer.progress(1, N_STEPS, "comparing snapshots")
    compared = compare_all(store, task=SNAPSHOTS[0], dataset=SNAPSHOTS[1])
    shown = ["api", "date", "date_after", "n", "accuracy_before", "accuracy_after", "overlap", "verdict"]
    observer.progress(2, N_STEPS, "choosing services")
    savings = cross_validate(Services.from_store(store, task=SERVICES[0], dataset=SERVICES[1]), seeds=3)
    observer.progress(3, N_STEPS, "aggregating services")
    together = _aggregate(out, seed)
    observer.progress(N_STEPS, N_STEPS, "")
    return {
        "steps": compared.table.select(shown).to_dicts(),
        "saving": {
            "best": savings.best,
            "share": savings.saving.estimate,
            "gain_pp": savings.gain_pp.estimate,
        },
        "services": together,
    }


def _record_snapshots(out: Path, store: HapiStore) -> None:
    """Write the runs of the language models with their questions, unless an earlier call did."""
    from longwave.monitoring import to_predictions

    if not _is_recorded(out, SNAPSHOTS):
        to_predictions(store, out, task=SNAPSHOTS[0], dataset=SNAPSHOTS[1])


def _record_services(out: Path, store: HapiStore) -> None:
    """Write an even choice of what the services said, unless an earlier call did."""
    import polars as pl

    from longwave.monitoring import to_predictions
    from longwave.predictions import read_predictions, write_predictions

    if _is_recorded(out, SERVICES):
        return
    with tempfile.TemporaryDirectory() as folder:
        to_predictions(store, folder, task=SERVICES[0], dataset=SERVICES[1])
        rows = read_predictions(folder)
    instances = rows["instance"].unique(maintain_order=True)
    kept = instances.gather_every(max(1, len(instances) // MOST_RECORDINGS)).head(MOST_RECORDINGS)
    write_predictions(out, rows.filter(pl.col("instance").is_in(kept.to_list())))


def _is_recorded(out: Path, which: tuple[str, str]) -> bool:
    """Tell whether the rows of a dataset are there; they come as one shard, so all of them or none."""
    from longwave.monitoring.hapi import scenario_name
    from longwave.predictions import done_keys

    return scenario_name(*which) in set(done_keys(out)["scenario"])


def _aggregate(out: Path, seed: int) -> Figures:
    """Take each service's answers as votes, aggregate them without labels, add the aggregates as rows."""
    import polars as pl

    from longwave.monitoring.hapi import scenario_name
    from longwave.predictions import paired_bootstrap, read_predictions, skip_done, write_predictions
    from longwave.prompting import collect_votes
    from longwave.prompting.label_model import LabelModel, MajorityVote

    scenario = scenario_name(*SERVICES)
    rows = read_predictions(out).filter(
        pl.col("scenario") == scenario, ~pl.col("model").str.contains(" of ", literal=True)
    )
    voting = rows.with_columns(pl.col("model").alias("prompt"), pl.lit("services").alias("model"))
    votes = collect_votes(voting, scenario, "services")
    methods = {
        "majority": MajorityVote(n_classes=votes.n_classes),
        "label model": LabelModel(n_classes=votes.n_classes, seed=seed),
    }
    right: dict[str, np.ndarray] = {}
    for name, method in methods.items():
        codes = np.asarray(method.fit(votes.votes).predict(votes.votes))
        right[name] = codes == votes.labels
        new = _as_rows(rows, votes, codes, f"{name} of {len(votes.prompts)} services")
        write_predictions(out, skip_done(new, out))
    gain = paired_bootstrap(right["label model"], right["majority"], seed=seed)
    each = rows.group_by("model").agg(pl.col("correct").mean()).sort("model")
    return {
        "n": len(votes.instances),
        "accuracy": dict(each.iter_rows()) | {name: float(one.mean()) for name, one in right.items()},
        "gain_pp": {"estimate": 100 * gain.estimate, "low": 100 * gain.low, "high": 100 * gain.high},
    }


def _as_rows(rows: pl.DataFrame, votes: VoteMatrix, codes: np.ndarray, name: str) -> pl.DataFrame:
    """Return aggregated answers as rows of one more model, which costs what all its voters cost."""
    import polars as pl

    key = ("scenario", "instance", "version", "date", "prompt", "trial", "split", "label")
    said = pl.DataFrame(
        {
            "instance": votes.instances,
            "prediction": [votes.text(row, int(code)) for row, code in enumerate(codes)],
            "correct": codes == votes.labels,
        }
    )
    cost = rows.group_by("instance").agg(pl.col("cost_usd").sum())
    return (
        rows.select(key)
        .unique("instance", maintain_order=True)
        .join(said, on="instance", maintain_order="left")
        .join(cost, on="instance", maintain_order="left")
        .with_columns(
            pl.lit(name).alias("model"),
            pl.lit(None, pl.String()).alias("perturbation"),
            pl.col("correct").cast(pl.Float64).alias("score"),
        )
    )


def teach_monitoring(figures: Figures) -> Lesson:
    """Say what changed most, and what the services gain together."""
    steps = sorted(figures["steps"], key=_movement)
    told = ", ".join(
        f"{step['api']} {step['verdict']} from {percent(step['accuracy_before'])} to "
        f"{percent(step['accuracy_after'])}"
        for step in steps
    )
    together, saving = figures["services"], figures["saving"]
    accuracy, gain = together["accuracy"], together["gain_pp"]
    return Lesson(
        stage="monitor",
        page="monitoring.html",
        text=f"Within months {told}. Of {together['n']:,} spoken commands the majority of four services "
        f"hears {percent(accuracy['majority'])} right, the label model {percent(accuracy['label model'])} "
        f"without knowing a label ({gain['low']:+.1f} to {gain['high']:+.1f} points). Asking them in turn "
        f"saves {percent(saving['share'])} of what the best, {saving['best']}, costs.",
    )


def _movement(step: Mapping[str, float]) -> float:
    return step["accuracy_after"] - step["accuracy_before"]
