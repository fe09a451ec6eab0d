"""Services that answer the same questions at different prices, side by side."""

# Shapes: N rows, J services

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import polars as pl

from longwave.errors import ConfigError, DataError, TableError, UnknownName
from longwave.monitoring.classes import Codes, Floats, Label, plain_label, sort_classes
from longwave.monitoring.store import RunStore

__all__ = ["CALLS", "Services"]

CALLS = 10_000  # prices are those of so many calls


@dataclass(frozen=True, kw_only=True, eq=False)
class Services:
    """Recorded answers of several services to the same rows.

    Parameters
    ----------
    names : tuple of str
    prices : ndarray, shape (J,)
        US dollars for 10,000 calls.
    classes : tuple
        Answers, None for none; codes are places in it.
    predictions : ndarray of int, shape (N, J)
    confidence : ndarray, shape (N, J)
        Any score that is higher where an answer is surer; 0 throughout where a service tells none.
    score : ndarray, shape (N, J)
        1 for a right answer, 0 for a wrong one; or a share of the marks.
    groups : tuple of str or None, shape (N,)
        Subgroup of each row; empty where there are none.
    """

    names: tuple[str, ...]
    prices: Floats
    classes: tuple[Label, ...]
    predictions: Codes
    confidence: Floats
    score: Floats
    groups: tuple[str | None, ...] = ()

    @property
    def n_rows(self) -> int:
        """The number N of rows."""
        return len(self.score)

    def place(self, name: str) -> int:
        """Return the column of a service.

        Raises
        ------
        UnknownName
            If it is none of them.
        """
        if name not in self.names:
            raise UnknownName("service", name, self.names)
        return self.names.index(name)

    def subset(self, rows: Codes) -> Self:
        """Return the same services on some rows."""
        groups = tuple(self.groups[row] for row in rows) if self.groups else ()
        return replace(
            self,
            predictions=self.predictions[rows],
            confidence=self.confidence[rows],
            score=self.score[rows],
            groups=groups,
        )

    @classmethod
    def from_tables(
        cls, tables: Mapping[str, pl.DataFrame], *, prices: Mapping[str, float] | None = None
    ) -> Self:
        """Put tables of predictions side by side.

        Parameters
        ----------
        tables : mapping of str to DataFrame
            By the name of the service. Columns of the predictions table or of an archive: ``prediction`` or
            ``predicted_label``; ``score``, ``correct``, or a label to compare with; ``confidence`` and
            ``group`` where known. Rows are matched by ``instance`` or ``row``, else by position.
        prices : mapping of str to float, optional
            US dollars for 10,000 calls; default: 10,000 times the mean of ``cost_usd``.

        Raises
        ------
        DataError
            If there are fewer than two services, or they share no rows.
        ConfigError
            If a price is missing or negative.
        TableError
            If a table lacks a column, or has an instance twice.
        """
        if len(tables) < 2:
            raise DataError(f"{len(tables)} services leave nothing to choose. Give at least two tables.")
        known = [_price(name, table, prices) for name, table in tables.items()]
        frames = [_rows(name, table) for name, table in tables.items()]
        shared = set.intersection(*(set(frame["key"]) for frame in frames))
        if not shared:
            raise DataError("The services share no rows. Compare answers to the same instances.")
        first = frames[0].filter(pl.col("key").is_in(list(shared)))
        order = first.select("key")
        aligned = [order.join(frame, on="key", how="left", maintain_order="left") for frame in frames]
        answers = [[plain_label(x) for x in frame["prediction"]] for frame in aligned]
        classes = sort_classes({x for column in answers for x in column})
        codes = {label: code for code, label in enumerate(classes)}
        groups = tuple(aligned[0]["group"]) if aligned[0]["group"].null_count() < len(order) else ()
        return cls(
            names=tuple(tables),
            prices=np.array(known),
            classes=classes,
            predictions=np.array([[codes[x] for x in column] for column in answers], dtype=np.int64).T,
            confidence=np.stack([frame["confidence"].fill_null(0.0).to_numpy() for frame in aligned], axis=1),
            score=np.stack([frame["score"].to_numpy() for frame in aligned], axis=1),
            groups=groups,
        )

    @classmethod
    def from_store(
        cls,
        store: RunStore,
        *,
        task: str,
        dataset: str,
        apis: Sequence[str] | None = None,
        date: str | None = None,
        prices: Mapping[str, float] | None = None,
    ) -> Self:
        """Take the services of one dataset of an archive, each with its latest run.

        Parameters
        ----------
        store : RunStore
        task, dataset : str
        apis : sequence of str, optional
            Default: all that have rows.
        date : str, optional
            Runs of this date instead of the latest.
        prices : mapping of str to float, optional
            US dollars for 10,000 calls, where they differ from those of the archive.

        Raises
        ------
        DataError, ConfigError, UnknownName
            As `from_tables`, or if the archive has no such runs.
        """
        runs = store.runs(task=task, dataset=dataset, api=apis, date=date).filter(pl.col("n_rows") > 0)
        latest = runs.sort("date").group_by("api", maintain_order=True).last().sort("run")
        columns = ["row", "predicted_label", "confidence", "score", "group"]
        tables: dict[str, pl.DataFrame] = {}
        costs: dict[str, float] = {}
        for run in latest.iter_rows(named=True):
            api, day = str(run["api"]), str(run["date"])
            rows = store.table(task=task, dataset=dataset, api=api, date=day, columns=columns).collect()
            tables[api] = rows.filter(pl.col("score").is_not_null())
            price = (prices or {}).get(api, run["cost_per_10k"])
            if price is not None:
                costs[api] = float(price)
        return cls.from_tables(tables, prices=costs)


def _price(name: str, table: pl.DataFrame, prices: Mapping[str, float] | None) -> float:
    if prices is not None and name in prices:
        price: float | None = prices[name]
    else:
        paid = table["cost_usd"].mean() if "cost_usd" in table.columns else None
        price = CALLS * float(paid) if isinstance(paid, int | float) else None
    if price is None or not np.isfinite(price) or price < 0:
        raise ConfigError(
            f'The price of "{name}" is {price}; accepted are US dollars for 10,000 calls, at least 0. '
            "Give it in prices."
        )
    return price


def _rows(name: str, table: pl.DataFrame) -> pl.DataFrame:
    """Return key, prediction, confidence, score and group of each row."""
    there = table.columns
    prediction = next((column for column in ("prediction", "predicted_label") if column in there), None)
    if prediction is None:
        raise TableError(f'The table of "{name}" lacks "prediction"; it has {", ".join(there)}.')
    key = next((column for column in ("instance", "row") if column in there), None)
    rows = table.select(
        (pl.col(key) if key else pl.int_range(pl.len())).cast(pl.String).alias("key"),
        _answers(table[prediction]).alias("prediction"),
        (pl.col("confidence") if "confidence" in there else pl.lit(None))
        .cast(pl.Float64)
        .alias("confidence"),
        _score(name, table, prediction).alias("score"),
        (pl.col("group") if "group" in there else pl.lit(None)).cast(pl.String).alias("group"),
    )
    if rows["key"].n_unique() < len(rows):
        twice = rows["key"].filter(rows["key"].is_duplicated())[0]
        raise TableError(
            f'The table of "{name}" has the row "{twice}" twice. Keep one prompt, trial and date of it.'
        )
    return rows


def _answers(predictions: pl.Series) -> pl.Series:
    """Return labels; lists of tags are no classes, so that one threshold serves them all."""
    if isinstance(predictions.dtype, pl.List):
        return pl.Series(["tags"] * len(predictions))
    return predictions


def _score(name: str, table: pl.DataFrame, prediction: str) -> pl.Series:
    for column in ("score", "correct"):
        if column in table.columns and table[column].null_count() == 0:
            return table[column].cast(pl.Float64)
    for column in ("label", "true_label"):
        if column in table.columns:
            return (table[prediction].eq_missing(table[column])).cast(pl.Float64)
    raise TableError(
        f'The table of "{name}" does not tell which answers are right: it needs score, correct or label for '
        "every row."
    )
