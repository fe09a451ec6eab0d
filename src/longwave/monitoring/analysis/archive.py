"""All runs of an archive at once: accuracy, groups, confusions, calibration and flips in one pass.

`longwave.monitoring.compare` says everything about two runs; this says the main things about all of them,
over millions of rows in a tenth of a second a million, or over a stream that does not fit in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import ConfigError, TableError
from longwave.monitoring.analysis.counts import RunCounts, Stretch, split_runs
from longwave.monitoring.analysis.examples import ExampleTable
from longwave.monitoring.analysis.frames import change_rows, group_rows, run_rows
from longwave.monitoring.analysis.order import PairBy, PairQueue, is_ordered
from longwave.monitoring.paired import RUN_KEY, Adjustment, require_columns

__all__ = ["Analysis", "analyse"]

_SLICE = 1 << 16  # rows counted at once: their codes stay in the cache
_BATCH = 1 << 19  # rows read at once from a lazy frame


@dataclass(frozen=True, kw_only=True, eq=False)
class Analysis:
    """What `analyse` finds.

    Parameters
    ----------
    runs : DataFrame
        One row a run, see `longwave.monitoring.analysis.frames.RUNS`.
    groups : DataFrame
        One row a run, grouping and group.
    changes : DataFrame
        One row a pair of runs.
    confusions : dict of tuple of str to ndarray, shape (K, K + 1)
        By the run's key; the last column has no prediction.
    keys : tuple of str
        Names of the parts of a key.
    labels : tuple of str
        Names of the codes, where labels are text.
    """

    runs: pl.DataFrame
    groups: pl.DataFrame
    changes: pl.DataFrame
    confusions: dict[tuple[str, ...], NDArray[np.int64]]
    keys: tuple[str, ...]
    labels: tuple[str, ...] = ()


def analyse(
    rows: pl.DataFrame | pl.LazyFrame,
    *,
    labels: pl.DataFrame | None = None,
    by: Sequence[str] = (),
    pairs: PairBy = "dates",
    alpha: float = 0.05,
    min_change: float = 0.01,
    adjust: Adjustment = "holm",
) -> Analysis:
    """Analyse all runs of a table.

    Parameters
    ----------
    rows : DataFrame or LazyFrame
        ``row, predicted_label`` and at least one of ``task, dataset, api, date``; ``confidence`` and
        ``true_label`` where there are any. Labels are whole numbers from 0 or text. The rows of a run stand
        together, runs in the order of their dates: a lazy frame is read in batches and must be sorted so, a
        frame in memory is sorted if it is not.
    labels : DataFrame, optional
        ``row, true_label`` and grouping columns of every example, by ``task`` and ``dataset`` as far as both
        have them; stored once, they need not be repeated for every run.
    by : sequence of str
        Grouping columns of ``labels`` or, where those are not given, of ``rows``, each for itself;
        ``"true_label"`` is one.
    pairs : {"dates", "apis", "none"}
        Compare each run with the one before of the same API, or the last run of every two APIs of a dataset.
    alpha, min_change, adjust
        Of the verdicts, see `longwave.monitoring.judge`; corrected over all pairs.

    Returns
    -------
    Analysis

    Raises
    ------
    TableError
        If a column is missing.
    DataError
        If labels are lists of tags, a row has no entry in ``labels``, or runs of a lazy frame are not
        together.
    ConfigError
        If ``pairs`` or ``adjust`` is none of the accepted.

    Notes
    -----
    Confidences are told apart to 1/3,840; the calibration error of 15 equal bins and the mean confidence
    are exact beside that, those of equal-mass bins, AUROC and accuracy at coverage take confidences within a
    level as tied. A confidence outside [0, 1] leaves the run without calibration. Memory: one batch, and one
    label a row of the last run of the series (``"apis"``: of all runs of the dataset).
    """
    if pairs not in ("dates", "apis", "none"):
        raise ConfigError(f'Unknown pairs "{pairs}". Known: apis, dates, none.')
    columns = rows.lazy().collect_schema().names()
    keys = tuple(name for name in RUN_KEY if name in columns)
    _check(columns, keys, labels, by)
    inline = [] if labels is not None else ["true_label", *by]
    optional = [name for name in dict.fromkeys(["confidence", *inline]) if name in columns]
    examples = ExampleTable(keys=keys, labels=labels, by=by)
    queue = PairQueue(keys=keys, by=pairs)
    for batch, stretches in _batches(rows, [*keys, "row", "predicted_label", *optional], keys, pairs):
        _count(batch, stretches, examples, queue)
    queue.close()
    return Analysis(
        runs=run_rows(queue.done, keys),
        groups=group_rows(queue.done, keys, examples.group_names),
        changes=change_rows(queue.compared, keys, pairs, alpha=alpha, min_change=min_change, adjust=adjust),
        confusions={run.key: run.confusion for run in queue.done},
        keys=keys,
        labels=tuple(examples.vocabulary.codes),
    )


def _count(
    batch: pl.DataFrame, stretches: Sequence[Stretch], examples: ExampleTable, queue: PairQueue
) -> None:
    rows = batch["row"].to_numpy()
    predicted = examples.vocabulary.encode(batch["predicted_label"])
    confidence = batch["confidence"].to_numpy() if "confidence" in batch.columns else None
    examples.read(batch)
    for key, start, stop in stretches:
        if queue.run is None or queue.run.key != key:
            queue.open(RunCounts(key=key, keeps_rows=queue.by != "none"))
        run = queue.run
        for low in range(start, stop, _SLICE):
            part = slice(low, min(low + _SLICE, stop))
            truth, groups = examples.of(key, rows[part], part)
            some = None if confidence is None else confidence[part]
            if run is not None:
                run.add(rows[part], truth, predicted[part], some, groups)


def _check(
    columns: Sequence[str], keys: Sequence[str], labels: pl.DataFrame | None, by: Sequence[str]
) -> None:
    if not keys:
        raise TableError(
            f"The frame has none of the columns {', '.join(RUN_KEY)}; it has: {', '.join(columns)}. "
            "Pass the rows of runs, as table() of a store gives them."
        )
    rows = pl.DataFrame(schema=list(columns))
    require_columns(rows, ["row", "predicted_label"])
    if labels is not None:
        require_columns(labels, ["row", "true_label", *by])
    else:
        require_columns(rows, by)


def _batches(
    rows: pl.DataFrame | pl.LazyFrame, columns: Sequence[str], keys: Sequence[str], pairs: PairBy
) -> Iterator[tuple[pl.DataFrame, list[Stretch]]]:
    as_categories = pl.col(keys).cast(pl.Categorical)
    if isinstance(rows, pl.LazyFrame):
        lazy = rows.select(columns).with_columns(as_categories)
        for batch in lazy.collect_batches(chunk_size=_BATCH, maintain_order=True):
            yield batch, split_runs(batch, keys)
        return
    chosen = rows.select(columns).with_columns(as_categories)
    stretches = split_runs(chosen, keys)
    if not is_ordered([key for key, _, _ in stretches], keys, pairs):
        as_text = pl.col(keys).cast(pl.String)
        chosen = chosen.with_columns(as_text).sort([*keys, "row"]).with_columns(as_categories)
        stretches = split_runs(chosen, keys)
    yield chosen, stretches
