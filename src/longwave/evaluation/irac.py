"""LegalBench by class of reasoning: scores of tasks and classes, intervals and the majority baseline."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import DataError, UnknownName
from longwave.metrics.legal import count_items, is_outside_labels, is_right, read_answer
from longwave.metrics.legal_rules import first_line
from longwave.metrics.summed_counts import (
    balanced_share,
    count_choices,
    draw_sums,
    micro_f1,
    share,
    spread,
    sum_by_instance,
)
from longwave.predictions import read_predictions
from longwave.scenarios.legal import IRAC, LegalTask, find_legal_task

__all__ = ["summarize_irac", "summarize_legal_tasks"]

Array = NDArray[np.float64]
Mode = Literal["strict", "lenient"]
FLOOR = "floor:"
KEYS = ("suite", "variant", "model")

# Shapes: n instances, C counts, R resamples


def summarize_irac(
    source: Path | str | pl.DataFrame, *, mode: Mode = "strict", n_resamples: int = 1000, seed: int = 0
) -> pl.DataFrame:
    """Average the scores of tasks within each class of reasoning.

    Parameters
    ----------
    source : Path, str or DataFrame
        Folder of an evaluation, or rows of the predictions table; other scenarios are left out.
    mode : {"strict", "lenient"}
        See `longwave.metrics.evaluate_legal`.
    n_resamples, seed : int
        Of the bootstrap over the instances of each task.

    Returns
    -------
    DataFrame
        One row a suite, variant of the prompt, model and class: ``suite, variant, model, irac, value, stderr,
        low, high, n_tasks, n, majority, outside``. ``majority`` is what always giving the most frequent
        answer scores, ``outside`` the share of answers to choices that are no label as they stand. There is
        no row over all classes: 118 of the 162 tasks are of one.

    Raises
    ------
    DataError
        If there is no answer to a task that can be scored.
    UnknownName
        If the mode is unknown.
    MissingFile, TableError
        As `read_predictions`.

    Notes
    -----
    The interval is one of percentiles: the instances of each task are drawn again, apart from other tasks,
    and the tasks' scores averaged. It says nothing about other tasks of the class.

    References
    ----------
    Section 5 of arXiv 2308.11462.
    """
    rows = []
    by_class: dict[tuple[str, ...], list[_Scored]] = {}
    for scored in _score_tasks(source, mode, n_resamples, seed):
        by_class.setdefault((*scored.key, scored.task.irac), []).append(scored)
    for key, tasks in by_class.items():
        draws = np.mean([scored.draws for scored in tasks], axis=0)
        known = [scored.outside for scored in tasks if scored.outside is not None]
        rows.append(
            {
                **dict(zip((*KEYS, "irac"), key, strict=True)),
                "value": float(np.mean([scored.value for scored in tasks])),
                **spread(draws, min(len(scored.counts) for scored in tasks)),
                "n_tasks": len(tasks),
                "n": sum(scored.n for scored in tasks),
                "majority": float(np.mean([scored.majority for scored in tasks])),
                "outside": float(np.mean(known)) if known else None,
            }
        )
    place = pl.col("irac").replace_strict({name: place for place, name in enumerate(IRAC)})
    return pl.DataFrame(rows, schema=_CLASSES).sort(*KEYS, place)


def summarize_legal_tasks(
    source: Path | str | pl.DataFrame, *, mode: Mode = "strict", n_resamples: int = 1000, seed: int = 0
) -> pl.DataFrame:
    """Score every task of LegalBench that an evaluation asked about; as `summarize_irac`.

    Returns
    -------
    DataFrame
        One row a suite, variant, model and task: ``suite, variant, model, task, irac, measure, value, stderr,
        low, high, n, n_classes, majority, outside``.
    """
    rows = [
        {
            **dict(zip(KEYS, scored.key, strict=True)),
            "task": scored.task.name,
            "irac": scored.task.irac,
            "measure": scored.task.measure,
            "value": scored.value,
            **spread(scored.draws, len(scored.counts)),
            "n": scored.n,
            "n_classes": scored.n_classes,
            "majority": scored.majority,
            "outside": scored.outside,
        }
        for scored in _score_tasks(source, mode, n_resamples, seed)
    ]
    return pl.DataFrame(rows, schema=_TASKS).sort(*KEYS, "task")


_NUMBERS = {"value": pl.Float64(), "stderr": pl.Float64(), "low": pl.Float64(), "high": pl.Float64()}
_CLASSES = pl.Schema(
    {
        **{name: pl.String() for name in (*KEYS, "irac")},
        **_NUMBERS,
        "n_tasks": pl.Int64(),
        "n": pl.Int64(),
        "majority": pl.Float64(),
        "outside": pl.Float64(),
    }
)
_TASKS = pl.Schema(
    {
        **{name: pl.String() for name in (*KEYS, "task", "irac", "measure")},
        **_NUMBERS,
        "n": pl.Int64(),
        "n_classes": pl.Int64(),
        "majority": pl.Float64(),
        "outside": pl.Float64(),
    }
)


@dataclass(frozen=True, kw_only=True)
class _Scored:
    """One model's answers to one task."""

    key: tuple[str, str, str]
    task: LegalTask
    value: float
    counts: Array  # (n, C)
    draws: Array  # (R,)
    n: int
    n_classes: int | None
    majority: float
    outside: float | None


def _score_tasks(
    source: Path | str | pl.DataFrame, mode: Mode, n_resamples: int, seed: int
) -> Iterator[_Scored]:
    if mode not in ("strict", "lenient"):
        raise UnknownName("mode of scoring", mode, ("strict", "lenient"))
    table = source if isinstance(source, pl.DataFrame) else read_predictions(source)
    rows = table.filter(
        pl.col("perturbation").is_null(),
        pl.col("error").is_null(),
        pl.col("label").is_not_null(),
        ~pl.col("model").str.starts_with(FLOOR),
    )
    is_empty = True
    for (scenario, model), part in rows.sort("scenario", "model", maintain_order=True).group_by(
        "scenario", "model", maintain_order=True
    ):
        found = find_legal_task(str(scenario))
        if found is None or found[0].measure == "manual" or found[1].endswith("application_prompt"):
            continue
        is_empty = False
        key = (str(scenario).partition("/")[0], found[1], str(model))
        guided = found[1].startswith("guided")  # its answers reason first
        yield _score(key, found[0], part, "lenient" if guided else mode, n_resamples, seed)
    if is_empty:
        raise DataError(
            "There are no answers to tasks of LegalBench that can be scored. Ask some, for example with "
            "longwave evaluate --suite legalbench, or grade those by hand."
        )


def _score(
    key: tuple[str, str, str], task: LegalTask, rows: pl.DataFrame, mode: Mode, n_resamples: int, seed: int
) -> _Scored:
    written, gold = rows["prediction"].to_list(), rows["label"].to_list()
    commonest = min(Counter(gold).items(), key=lambda item: (-item[1], item[0]))[0]
    count, statistic = _counting(task, gold, mode)
    counts = sum_by_instance(rows, count(written))
    constant = count([commonest] * len(gold)).sum(axis=0, keepdims=True)
    is_choice = task.measure == "balanced_accuracy"
    space = [*task.labels, *gold]
    return _Scored(
        key=key,
        task=task,
        value=float(statistic(counts.sum(axis=0, keepdims=True))[0]),
        counts=counts,
        # each task has draws of its own, or equal sizes would be drawn alike
        draws=statistic(draw_sums(counts, n_resamples, seed + zlib.crc32(task.name.encode()))),
        n=len(rows),
        n_classes=counts.shape[1] // 2 if is_choice else None,
        majority=float(statistic(constant)[0]),
        outside=float(np.mean([is_outside_labels(text, space) for text in written])) if is_choice else None,
    )


def _counting(
    task: LegalTask, gold: Sequence[str], mode: Mode
) -> tuple[Callable[[Sequence[str | None]], Array], Callable[[Array], Array]]:
    """Return how answers to a task are counted row by row, and the statistic of the sums."""
    measure = task.measure
    if measure == "balanced_accuracy":
        space, labels = sorted({*task.labels, *gold}), [read_answer(text, ()) for text in gold]
        return (
            lambda written: count_choices([read_answer(text, space, mode) for text in written], labels),
            balanced_share,
        )
    if measure in ("set_f1", "list_f1"):
        return (
            lambda written: np.array(
                [
                    count_items(measure, first_line(text or ""), want)
                    for text, want in zip(written, gold, strict=True)
                ],
                dtype=np.float64,
            ),
            micro_f1,
        )
    return (
        lambda written: np.array(
            [
                (is_right(measure, first_line(text or ""), want), 1)
                for text, want in zip(written, gold, strict=True)
            ],
            dtype=np.float64,
        ),
        share,
    )
