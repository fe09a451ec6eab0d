"""LegalBench by class of reasoning: scores of tasks and classes, worst cases and the majority baseline."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import DataError, UnknownName
from longwave.evaluation.applicability import equivariance_names
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
from longwave.prompting.votes import AGGREGATES, VOTE_PREFIX, choose_prompts
from longwave.scenarios.legal import IRAC, LegalTask, find_legal_task

__all__ = ["summarize_irac", "summarize_legal_tasks"]

Array = NDArray[np.float64]
Mode = Literal["strict", "lenient"]
FLOOR = "floor:"
OWN = "own"  # what a task's published prompt is called, whatever examples it shows
KEYS = ("suite", "variant", "model")

# Shapes: n instances, C counts, R resamples


def summarize_irac(
    source: Path | str | pl.DataFrame,
    *,
    mode: Mode = "strict",
    labels: Collection[str] | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> pl.DataFrame:
    """Average the scores of tasks within each class of reasoning.

    Parameters
    ----------
    source : Path, str or DataFrame
        Folder of an evaluation, or rows of the predictions table; other scenarios are left out.
    mode : {"strict", "lenient"}
        See `longwave.metrics.evaluate_legal`.
    labels : collection of str, optional
        Only tasks that are answered by just these labels, such as ``("Yes", "No")``.
    n_resamples, seed : int
        Of the bootstrap over the instances of each task.

    Returns
    -------
    DataFrame
        One row a suite, variant of the template, model, class and prompt: ``suite, variant, model, irac,
        prompt, value, stderr, low, high, worst, n_tasks, n, majority, outside``. The prompt is ``own``, a
        chain such as ``ama-1``, or the name of an aggregate of their votes. ``worst`` is the score where the
        worst answer to each instance counts, that to it as it is or to a perturbed copy; null where there
        are no copies. ``majority`` is what always giving the most frequent answer scores, ``outside`` the
        share of answers to choices that are no label as they stand. There is no row over all classes: 118 of
        the 162 tasks are of one.

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
    and the tasks' scores averaged. It says nothing about other tasks of the class. Perturbations that change
    the right answer have no part in the worst case; a class has one if each of its tasks has.

    References
    ----------
    Section 5 of arXiv 2308.11462.
    """
    rows = []
    by_class: dict[tuple[str, ...], list[_Scored]] = {}
    for scored in _score_tasks(source, mode, labels, n_resamples, seed):
        by_class.setdefault((*scored.key, scored.task.irac, scored.prompt), []).append(scored)
    for key, tasks in by_class.items():
        draws = np.mean([scored.draws for scored in tasks], axis=0)
        known = [scored.outside for scored in tasks if scored.outside is not None]
        worst = [scored.worst for scored in tasks if scored.worst is not None]
        rows.append(
            {
                **dict(zip((*KEYS, "irac", "prompt"), key, strict=True)),
                "value": float(np.mean([scored.value for scored in tasks])),
                **spread(draws, min(len(scored.counts) for scored in tasks)),
                "worst": float(np.mean(worst)) if len(worst) == len(tasks) else None,
                "n_tasks": len(tasks),
                "n": sum(scored.n for scored in tasks),
                "majority": float(np.mean([scored.majority for scored in tasks])),
                "outside": float(np.mean(known)) if known else None,
            }
        )
    place = pl.col("irac").replace_strict({name: place for place, name in enumerate(IRAC)})
    found = pl.DataFrame(rows, schema=_CLASSES)
    return found.sort(*KEYS, place, _order(found["prompt"]), maintain_order=True)


def summarize_legal_tasks(
    source: Path | str | pl.DataFrame,
    *,
    mode: Mode = "strict",
    labels: Collection[str] | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> pl.DataFrame:
    """Score every task of LegalBench that an evaluation asked about; as `summarize_irac`.

    Returns
    -------
    DataFrame
        One row a suite, variant, model, task and prompt: ``suite, variant, model, task, irac, measure,
        prompt, value, stderr, low, high, worst, n, n_classes, majority, outside``.
    """
    rows = [
        {
            **dict(zip(KEYS, scored.key, strict=True)),
            "task": scored.task.name,
            "irac": scored.task.irac,
            "measure": scored.task.measure,
            "prompt": scored.prompt,
            "value": scored.value,
            **spread(scored.draws, len(scored.counts)),
            "worst": scored.worst,
            "n": scored.n,
            "n_classes": scored.n_classes,
            "majority": scored.majority,
            "outside": scored.outside,
        }
        for scored in _score_tasks(source, mode, labels, n_resamples, seed)
    ]
    found = pl.DataFrame(rows, schema=_TASKS)
    return found.sort(*KEYS, "task", _order(found["prompt"]), maintain_order=True)


def _order(prompts: pl.Series) -> pl.Series:
    """Put the own prompt before chains by number, and aggregates after both."""
    votes = choose_prompts(name for name in prompts.unique() if name != OWN)
    names = dict.fromkeys([OWN, *votes, *AGGREGATES])
    return prompts.replace_strict({name: place for place, name in enumerate(names)}, return_dtype=pl.Int64)


_NUMBERS = {name: pl.Float64() for name in ("value", "stderr", "low", "high", "worst")}
_CLASSES = pl.Schema(
    {
        **{name: pl.String() for name in (*KEYS, "irac", "prompt")},
        **_NUMBERS,
        "n_tasks": pl.Int64(),
        "n": pl.Int64(),
        "majority": pl.Float64(),
        "outside": pl.Float64(),
    }
)
_TASKS = pl.Schema(
    {
        **{name: pl.String() for name in (*KEYS, "task", "irac", "measure", "prompt")},
        **_NUMBERS,
        "n": pl.Int64(),
        "n_classes": pl.Int64(),
        "majority": pl.Float64(),
        "outside": pl.Float64(),
    }
)


@dataclass(frozen=True, kw_only=True)
class _Scored:
    """One model's answers to one task by one prompt."""

    key: tuple[str, str, str]
    task: LegalTask
    prompt: str
    value: float
    worst: float | None
    counts: Array  # (n, C)
    draws: Array  # (R,)
    n: int
    n_classes: int | None
    majority: float
    outside: float | None


def _score_tasks(
    source: Path | str | pl.DataFrame,
    mode: Mode,
    labels: Collection[str] | None,
    n_resamples: int,
    seed: int,
) -> Iterator[_Scored]:
    if mode not in ("strict", "lenient"):
        raise UnknownName("mode of scoring", mode, ("strict", "lenient"))
    table = source if isinstance(source, pl.DataFrame) else read_predictions(source)
    changing = equivariance_names(table["perturbation"].unique())
    rows = table.filter(
        pl.col("error").is_null(),
        pl.col("label").is_not_null(),
        ~pl.col("model").str.starts_with(FLOOR),
        ~pl.col("perturbation").is_in(changing).fill_null(value=False),
    )
    own = pl.when(pl.col("prompt").is_in(AGGREGATES) | pl.col("prompt").str.starts_with(VOTE_PREFIX))
    rows = rows.with_columns(own.then("prompt").otherwise(pl.lit(OWN)).alias("prompt"))
    groups = ("scenario", "model", "prompt")
    is_empty = True
    for (scenario, model, prompt), part in rows.sort(groups, maintain_order=True).group_by(
        groups, maintain_order=True
    ):
        found = find_legal_task(str(scenario))
        if found is None or found[0].measure == "manual" or found[1].endswith("application_prompt"):
            continue
        if (labels is not None and {*found[0].labels} != {*labels}) or part["perturbation"].null_count() == 0:
            continue
        is_empty = False
        key = (str(scenario).partition("/")[0], found[1], str(model))
        guided = found[1].startswith("guided")  # its answers reason first
        judged = "lenient" if guided else mode
        yield _score(key, found[0], str(prompt), part, judged, n_resamples, seed)
    if is_empty:
        asked = "" if labels is None else f" with the labels {', '.join(sorted(labels))}"
        raise DataError(
            f"There are no answers to tasks of LegalBench{asked} that can be scored. Ask some, for example "
            "with longwave evaluate --suite legalbench, or grade those by hand."
        )


def _score(
    key: tuple[str, str, str],
    task: LegalTask,
    prompt: str,
    every: pl.DataFrame,
    mode: Mode,
    n_resamples: int,
    seed: int,
) -> _Scored:
    is_original = every["perturbation"].is_null()
    rows = every.filter(is_original)
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
        prompt=prompt,
        value=float(statistic(counts.sum(axis=0, keepdims=True))[0]),
        worst=None if is_original.all() else _worst(task, every, mode),
        counts=counts,
        # each task has draws of its own, or equal sizes would be drawn alike
        draws=statistic(draw_sums(counts, n_resamples, seed + zlib.crc32(task.name.encode()))),
        n=len(rows),
        n_classes=counts.shape[1] // 2 if is_choice else None,
        majority=float(statistic(constant)[0]),
        outside=float(np.mean([is_outside_labels(text, space) for text in written])) if is_choice else None,
    )


def _worst(task: LegalTask, rows: pl.DataFrame, mode: Mode) -> float:
    """Score a task where of the answers to an instance, as it is and perturbed, the worst counts."""
    count, statistic = _counting(task, rows["label"].to_list(), mode)
    counts = count(rows["prediction"].to_list())
    asked = rows.select(*_ASKED, "perturbation", quality=pl.Series(statistic(counts))).with_row_index("row")
    originals = asked.filter(pl.col("perturbation").is_null()).select(_ASKED)
    least = asked.sort("quality", maintain_order=True).unique(_ASKED, keep="first")
    places = least.join(originals, on=_ASKED, how="semi", nulls_equal=True)["row"].to_numpy()
    return float(statistic(counts[places].sum(axis=0, keepdims=True))[0])


_ASKED = ("instance", "version", "date", "trial")


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
