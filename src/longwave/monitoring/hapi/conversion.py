"""HAPI's runs as rows of the predictions table, so that everything that reads that table reads them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Literal

import polars as pl

from longwave.config import config_hash
from longwave.monitoring.hapi.labels import iso_date, label_space
from longwave.monitoring.hapi.store import HapiStore
from longwave.monitoring.store import Names
from longwave.predictions import append_side, write_predictions

__all__ = ["PROMPT", "scenario_name", "to_predictions"]

logger = logging.getLogger(__name__)

PROMPT = "as-collected"  # nobody here chose a prompt
RAW_CONFIDENCE = "api_confidence"
_PER_10K = 10_000
_COLUMNS = (
    *("api", "date", "row", "example_id", "predicted_label", "true_label", "score", "confidence", "group"),
    *("version", "latency_s", "cost_usd"),
)


def scenario_name(task: str, dataset: str) -> str:
    """Return the scenario that a dataset becomes.

    Examples
    --------
    >>> scenario_name("scr", "command")
    'hapi-scr-command@1'
    """
    return f"hapi-{task}-{dataset}@1"


def to_predictions(
    store: HapiStore,
    out: Path | str,
    *,
    task: Names = None,
    dataset: Names = None,
    api: Names = None,
    date: Names = None,
    confidences: Literal["probabilities", "all"] = "probabilities",
) -> int:
    """Write runs into a folder of the predictions table, and return how many rows.

    Parameters
    ----------
    store : HapiStore
    out : Path or str
        Folder of the tables; made when missing.
    task, dataset, api, date : str or sequence of str, optional
        Write these runs only.
    confidences : {"probabilities", "all"}
        The column ``confidence`` is for probabilities. Those of other APIs go to the side table of scores, as
        ``api_confidence``; ``"all"`` puts them into the column, where the report takes them for
        probabilities.

    Raises
    ------
    TableError
        If the folder holds these runs already.
    UnknownName, DataError, StorageError
        As `RunStore.table` and `write_predictions`.

    Notes
    -----
    Scenario ``hapi-TASK-DATASET@1``; model: the API; version: the snapshot, else the day; date: YYYY-MM-DD.
    Codes become names of classes, lists of tags JSON. No answer is null, unless some examples have that class
    as their truth. Where an ``example_id`` stands for several examples, instances are ``ID#0``, ``ID#1``, ...
    in the order of the dataset.
    """
    folder = Path(out)
    total = 0
    runs = store.runs(task=task, dataset=dataset, api=api, date=date).filter(pl.col("n_rows") > 0)
    for (a_task, a_dataset), part in runs.group_by("task", "dataset", maintain_order=True):
        key = str(a_task), str(a_dataset)
        names = _instance_names(store, *key)
        frames = [_run_rows(store, run, names, confidences) for run in part.iter_rows(named=True)]
        rows = pl.concat(frames)
        raw = rows.filter(pl.col(RAW_CONFIDENCE).is_not_null())
        written = config_hash(store.source, *key)
        if len(raw):
            append_side(folder, "scores", _as_scores(raw), run=written)
        _write_inputs(store, folder, key, names, written)
        write_predictions(folder, rows.drop(RAW_CONFIDENCE), run=written)
        total += len(rows)
        logger.info("wrote %d rows of %s/%s", len(rows), *key)
    return total


def _instance_names(store: HapiStore, task: str, dataset: str) -> pl.DataFrame:
    """Return ``row`` and ``instance``, which unlike an ``example_id`` is unique."""
    frame = store.labels(task=task, dataset=dataset, columns=["row", "example_id"]).collect()
    name = pl.col("example_id")
    if frame["example_id"].is_duplicated().any():
        name = name + "#" + pl.int_range(pl.len()).over("example_id").cast(pl.String)
    return frame.select("row", name.alias("instance"))


def _run_rows(
    store: HapiStore,
    run: dict[str, object],
    names: pl.DataFrame,
    confidences: Literal["probabilities", "all"],
) -> pl.DataFrame:
    """Return one run as rows of the predictions table, with the raw confidence where it is no probability."""
    task, dataset, api, date = (str(run[name]) for name in ("task", "dataset", "api", "date"))
    frame = store.table(task=task, dataset=dataset, api=api, date=date, columns=_COLUMNS).collect()
    is_probability = confidences == "all" or run["confidence_kind"] == "probability"
    price = run["cost_per_10k"]
    each_usd = price / _PER_10K if isinstance(price, float) else None
    null = pl.lit(None, dtype=pl.Float64)
    score, day = pl.col("score"), iso_date(date)
    return frame.join(names, on="row", how="left", maintain_order="left").select(
        pl.lit(scenario_name(task, dataset)).alias("scenario"),
        "instance",
        pl.lit(api).alias("model"),
        pl.col("version").fill_null(day),
        pl.lit(day).alias("date"),
        pl.lit(PROMPT).alias("prompt"),
        pl.lit(None, dtype=pl.String).alias("perturbation"),
        pl.lit(0, dtype=pl.Int32).alias("trial"),
        pl.lit("test").alias("split"),
        _text(frame["predicted_label"], task, dataset, is_truth=False).alias("prediction"),
        _text(frame["true_label"], task, dataset, is_truth=True).alias("label"),
        pl.when(score.is_not_null()).then(score == 1).alias("correct"),
        "score",
        (pl.col("confidence") if is_probability else null).alias("confidence"),
        "group",
        "latency_s",
        pl.col("cost_usd").fill_null(each_usd) if each_usd is not None else pl.col("cost_usd"),
        pl.lit(config_hash(store.source, task, dataset, api, date)).alias("run"),
        (null if is_probability else pl.col("confidence")).alias(RAW_CONFIDENCE),
    )


def _text(labels: pl.Series, task: str, dataset: str, *, is_truth: bool) -> pl.Series:
    """Return labels as texts; no answer is null."""
    space = label_space(task, dataset)
    if space.kind == "tags":
        lists = [
            None if tags is None or not (tags or is_truth) else json.dumps(tags, ensure_ascii=False)
            for tags in labels.to_list()
        ]
        return pl.Series(lists, dtype=pl.String)
    none = None if is_truth or space.is_class_too else space.no_answer
    if space.kind == "text":
        return labels if none is None else labels.set(labels == none, None)
    codes = range(space.n_classes) if space.n_classes is not None else labels.drop_nulls().unique().to_list()
    names = {code: None if code == none else space.name(code) for code in codes}
    return labels.replace_strict(names, return_dtype=pl.String)


def _as_scores(rows: pl.DataFrame) -> pl.DataFrame:
    key = ("scenario", "instance", "model", "version", "date", "prompt", "perturbation", "trial")
    return rows.select(*key, pl.lit(RAW_CONFIDENCE).alias("metric"), pl.col(RAW_CONFIDENCE).alias("value"))


def _write_inputs(
    store: HapiStore, folder: Path, key: tuple[str, str], names: pl.DataFrame, written: str
) -> None:
    """Write the texts that were asked, where the store has them."""
    inputs = store.labels(
        task=key[0], dataset=key[1], columns=["row", "true_label", "group", "input"]
    ).collect()
    if inputs["input"].is_null().all():
        return
    label = pl.col("true_label")
    rows = inputs.join(names, on="row", maintain_order="left").select(
        pl.lit(scenario_name(*key)).alias("scenario"),
        "instance",
        pl.lit(None, dtype=pl.String).alias("perturbation"),
        pl.lit("test").alias("split"),
        "group",
        "input",
        pl.concat_list(label).alias("references"),
        pl.lit([0], dtype=pl.List(pl.Int32)).alias("correct_references"),
    )
    append_side(folder, "instances", rows, run=written)
