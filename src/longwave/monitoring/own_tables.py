"""Rows of the predictions table as runs: the same analyses on one's own models as on HAPI's."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import polars as pl

from longwave.errors import TableError
from longwave.monitoring.store import Examples, Rows, Run, RunStore
from longwave.predictions import read_predictions

__all__ = ["OWN_TASK", "runs_from_predictions"]

logger = logging.getLogger(__name__)

OWN_TASK = "own"
_FLOOR = "floor:"  # models that guess without reading
_PER_10K = 10_000
_USED = (
    *(
        "scenario",
        "instance",
        "model",
        "version",
        "date",
        "prompt",
        "perturbation",
        "trial",
        "split",
        "prediction",
    ),
    *("label", "correct", "score", "confidence", "group", "error", "latency_s", "cost_usd"),
)


def runs_from_predictions(
    predictions: Path | str | pl.DataFrame,
    *,
    prompt: str | None = None,
    perturbation: str | None = None,
    trial: int | None = None,
    split: str | None = None,
) -> RunStore:
    """Take rows of the predictions table as runs.

    Parameters
    ----------
    predictions : Path, str or DataFrame
        Folder of a run of ``longwave evaluate``, a Parquet file, or rows that `read_predictions` returned.
    prompt : str, optional
        Prompt variant, or aggregation of variants; needed where there are several.
    perturbation : str, optional
        Take perturbed inputs of this name; default: original inputs.
    trial : int, optional
        Take one draw of examples; default: all, each a row of its own.
    split : str, optional
        Take one split; default: all.

    Returns
    -------
    RunStore
        Task ``"own"``; dataset: the scenario; api: the model; date: the day the run was started, with
        ``@VERSION`` where a model answered in several versions on one day. ``score`` is that of the table:
        ``correct`` as 0 or 1 where the main metric is an accuracy, the metric's value otherwise.

    Raises
    ------
    TableError
        If no row is left, there are several prompts and none is chosen, or an instance was answered twice.
    MissingFile
        If there is no such table.

    Notes
    -----
    Rows whose request failed are left out, and ``notes`` counts them; so are floors.
    """
    frame = predictions if isinstance(predictions, pl.DataFrame) else read_predictions(predictions)
    source = "the given rows" if isinstance(predictions, pl.DataFrame) else f'"{predictions}"'
    frame = frame.select(_USED).filter(
        ~pl.col("model").str.starts_with(_FLOOR), pl.col("perturbation").eq_missing(pl.lit(perturbation))
    )
    for name, value in (("trial", trial), ("split", split)):
        if value is not None:
            frame = frame.filter(pl.col(name) == value)
    frame = _choose_prompt(frame, prompt, source)
    notes: list[str] = []
    frame = _without_failures(frame, notes)
    if not len(frame):
        raise TableError(
            f"{source} has no row of a model with these settings. See read_predictions for what there is."
        )
    examples: dict[tuple[str, str], Examples] = {}
    runs: list[tuple[Run, Rows]] = []
    for (scenario,), part in frame.with_columns(_dates()).group_by("scenario", maintain_order=True):
        key = (OWN_TASK, str(scenario))
        table = _example_table(part, str(scenario), notes)
        examples[key] = _examples(table, part)
        for (model, date), rows in _placed(part, table).group_by("model", "date", maintain_order=True):
            runs.append(_run(key, str(model), str(date), rows, len(table), notes, source))
    for note in notes:
        logger.info(note)
    return RunStore(source=source, examples=examples, runs=runs, notes=notes)


def _without_failures(frame: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    failed = frame["error"].is_not_null()
    if failed.any():
        notes.append(f"{failed.sum():,} of {len(frame):,} requests failed; their rows are left out.")
    return frame.filter(~failed)


def _examples(table: pl.DataFrame, part: pl.DataFrame) -> Examples:
    return Examples(
        kind="text",
        n_examples=len(table),
        has_labels=bool(
            part.select(pl.any_horizontal(pl.col("score", "correct").is_not_null()).any()).item()
        ),
        read=table.drop("trial").lazy,
        given=frozenset({"group"}),
    )


def _placed(part: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """Put the place of its example beside every row."""
    places = table.select("row", pl.col("example_id").alias("instance"), "trial")
    return part.join(places, on=["instance", "trial"], how="left", maintain_order="left")


def _choose_prompt(frame: pl.DataFrame, prompt: str | None, source: str) -> pl.DataFrame:
    prompts = sorted(frame["prompt"].unique())
    if prompt is not None:
        if prompt not in prompts:
            raise TableError(f'{source} has no prompt "{prompt}". It has {", ".join(prompts) or "none"}.')
        return frame.filter(pl.col("prompt") == prompt)
    several = (
        frame.group_by("scenario", "model").agg(pl.col("prompt").n_unique()).filter(pl.col("prompt") > 1)
    )
    if len(several):
        raise TableError(
            f"{source} has several prompts for one scenario and model: {', '.join(prompts)}. Choose one with "
            "prompt=."
        )
    return frame


def _dates() -> pl.Expr:
    """Return the date, with the version where several share it."""
    shared = pl.col("version").n_unique().over("scenario", "model", "date") > 1
    return pl.when(shared).then(pl.col("date") + "@" + pl.col("version")).otherwise("date").alias("date")


def _example_table(part: pl.DataFrame, scenario: str, notes: list[str]) -> pl.DataFrame:
    """Return the examples of a scenario: every instance and trial of any run, in the order of the table."""
    grouped = part.group_by("instance", "trial", maintain_order=True).agg(
        pl.col("label").drop_nulls().first(),
        pl.col("label").drop_nulls().n_unique().alias("labels"),
        pl.col("group").drop_nulls().first(),
    )
    if changed := int((grouped["labels"] > 1).sum()):
        notes.append(f"{changed:,} instances of {scenario} have several labels; the first is shown.")
    return grouped.select(
        pl.int_range(pl.len(), dtype=pl.Int32).alias("row"),
        pl.col("instance").alias("example_id"),
        pl.col("label").alias("true_label"),
        "group",
        "trial",
    )


def _run(
    key: tuple[str, str],
    model: str,
    date: str,
    rows: pl.DataFrame,
    n_examples: int,
    notes: list[str],
    source: str,
) -> tuple[Run, Rows]:
    versions = rows["version"].unique().to_list()
    if rows["row"].is_duplicated().any():
        twice = rows.filter(pl.col("row").is_duplicated())["instance"][0]
        raise TableError(
            f'In {source}, {model} answered instance "{twice}" of {key[1]} twice on {date}. Choose a '
            "prompt or a trial."
        )
    if len(rows) < n_examples:
        notes.append(
            f"{model} on {date} has {len(rows):,} of {n_examples:,} instances of {key[1]}: a partial round."
        )
    cost = rows["cost_usd"].mean()
    run = Run(
        task=key[0],
        dataset=key[1],
        api=model,
        date=date,
        cost_per_10k=_PER_10K * float(cost) if isinstance(cost, float) else None,
        date_status="confirmed",
        version=versions[0] if len(versions) == 1 else None,
        confidence_kind="probability" if rows["confidence"].is_not_null().any() else "none",
    )
    kept = rows.sort("row").select(
        "row",
        pl.col("prediction").alias("predicted_label"),
        "confidence",
        pl.coalesce(pl.col("correct").cast(pl.Float64), "score").alias("score"),
        "version",
        "latency_s",
        "cost_usd",
    )
    given = frozenset({"score", "version", "latency_s", "cost_usd"})
    return run, Rows(n_rows=len(kept), read=partial(pl.DataFrame.lazy, kept), given=given)
