"""Runs of predictors on fixed datasets, as one table: what HAPI archives and our own tables have in common.

What is unusual about it:

* Rows are matched by their position in the dataset, ``row``. An ``example_id`` may stand for several
  examples, and a join on it would multiply them.
* The table is put together from slices side by side; there is no join unless a run has gaps.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import polars as pl

from longwave.errors import ConfigError, DataError, UnknownName
from longwave.monitoring.store.parts import (
    EXTRA_COLUMNS,
    LABEL_COLUMNS,
    LABEL_TYPES,
    RUN_COLUMNS,
    TABLE_COLUMNS,
    Examples,
    Rows,
    Run,
    table_schema,
)
from longwave.monitoring.store.scores import released_score_expression, score_expression

__all__ = ["Names", "RunStore"]

Names = str | Sequence[str] | None
_FROM_EXAMPLES = {"example_id", "true_label", "group", "score", "released_score"}


class RunStore:
    """Runs of predictors on fixed datasets.

    Parameters
    ----------
    source : str
        Where they come from, for messages and reports.
    examples : mapping of (str, str) to Examples
        By task and dataset.
    runs : sequence of (Run, Rows)
    notes : sequence of str
        What is missing or partial, in words.
    canonical : callable
        Brings the name of a dataset into the form it has here.

    Attributes
    ----------
    source : str
    notes : tuple of str
    """

    def __init__(
        self,
        *,
        source: str,
        examples: Mapping[tuple[str, str], Examples],
        runs: Sequence[tuple[Run, Rows]],
        notes: Sequence[str] = (),
        canonical: Callable[[str], str] = str,
    ) -> None:
        self.source = source
        self.notes = tuple(notes)
        self._examples = dict(examples)
        self._runs = sorted(runs, key=lambda pair: pair[0].key)
        self._canonical = canonical

    def __repr__(self) -> str:
        here = sum(rows.n_rows > 0 for _, rows in self._runs)
        return f"{type(self).__name__}({self.source!r}, {here} runs of {len(self._examples)} datasets)"

    def runs(
        self, *, task: Names = None, dataset: Names = None, api: Names = None, date: Names = None
    ) -> pl.DataFrame:
        """List runs, sorted by task, dataset, api and date.

        Parameters
        ----------
        task, dataset, api, date : str or sequence of str, optional
            Keep these only; all filters hold at once.

        Returns
        -------
        DataFrame
            Columns of ``RUN_COLUMNS``. ``run`` is the index that `table` uses too; ``n_rows`` is 0 for a run
            that is only listed, and below ``n_examples`` for a partial one.

        Raises
        ------
        UnknownName
            If a filter names what no run has.
        DataError
            If no run has all that the filters ask for.
        """
        chosen = self._select(task=task, dataset=dataset, api=api, date=date)
        return pl.DataFrame([self._run_row(index) for index in chosen], schema=RUN_COLUMNS, orient="row")

    def series(
        self, *, task: Names = None, dataset: Names = None, api: Names = None, date: Names = None
    ) -> pl.DataFrame:
        """List series, each an API on a dataset with the dates it was asked on.

        Returns
        -------
        DataFrame
            ``task``, ``dataset``, ``api``, ``kind``, ``dates`` (ascending), ``n_dates``; runs whose
            predictions are not here do not count.

        Raises
        ------
        UnknownName, DataError
            As `runs`.
        """
        runs = self.runs(task=task, dataset=dataset, api=api, date=date).filter(pl.col("n_rows") > 0)
        grouped = runs.group_by("task", "dataset", "api", maintain_order=True)
        return grouped.agg(
            pl.col("kind").first(), pl.col("date").cast(pl.String).alias("dates"), pl.len().alias("n_dates")
        )

    def kinds(
        self, *, task: Names = None, dataset: Names = None, api: Names = None, date: Names = None
    ) -> list[str]:
        """List the kinds of labels that the chosen runs have; a table holds one of them."""
        chosen = self._select(task=task, dataset=dataset, api=api, date=date)
        return sorted({self._examples_of(index).kind for index in chosen})

    def table(
        self,
        *,
        task: Names = None,
        dataset: Names = None,
        api: Names = None,
        date: Names = None,
        columns: Sequence[str] | None = None,
    ) -> pl.LazyFrame:
        """Return the predictions of the chosen runs, one row each, with truth and score.

        Parameters
        ----------
        task, dataset, api, date : str or sequence of str, optional
            Keep these only; all filters hold at once.
        columns : sequence of str, optional
            Of ``TABLE_COLUMNS`` and ``EXTRA_COLUMNS``; default: the first. Only what they need is read.

        Returns
        -------
        LazyFrame
            Runs in the order of `runs`, within each ``row`` ascending. Labels are Int16 codes, lists of texts
            or texts, by kind; see `table_schema`. Rows are read when it is collected; a damaged page of a
            file shows only then, as an error of polars.

        Raises
        ------
        UnknownName
            If a filter or a column names what there is not.
        ConfigError
            If the chosen runs have labels of several kinds.
        DataError
            If no run has all that the filters ask for, the predictions of all that have are elsewhere, or a
            file is damaged.
        """
        chosen = self._select(task=task, dataset=dataset, api=api, date=date)
        present = [index for index in chosen if self._runs[index][1].n_rows]
        if not present:
            first = "/".join(self._runs[chosen[0]][0].key)
            raise DataError(
                f"{self.source} lists {len(chosen)} such runs, {first} first, but holds no predictions of "
                "them. Choose runs with n_rows > 0 in runs(), or get the whole release."
            )
        kinds = sorted({self._examples_of(index).kind for index in present})
        if len(kinds) > 1:
            tasks = sorted({self._runs[index][0].task for index in present})
            raise ConfigError(
                f"The chosen runs have labels of several kinds, {', '.join(kinds)} (tasks "
                f"{', '.join(tasks)}). A table holds one kind; choose with task=."
            )
        wanted = tuple(columns) if columns is not None else tuple(TABLE_COLUMNS)
        for name in wanted:
            if name not in TABLE_COLUMNS and name not in EXTRA_COLUMNS:
                raise UnknownName("column", name, [*TABLE_COLUMNS, *EXTRA_COLUMNS])
        return pl.concat([self._frame(index, wanted) for index in present])

    def labels(
        self, *, task: Names = None, dataset: Names = None, columns: Sequence[str] = LABEL_COLUMNS
    ) -> pl.LazyFrame:
        """Return the examples of the chosen datasets with their truth.

        Parameters
        ----------
        task, dataset : str or sequence of str, optional
        columns : sequence of str
            Of ``LABEL_COLUMNS`` and ``"input"``, the text that was asked, where there is one.

        Raises
        ------
        UnknownName, ConfigError, DataError
            As `table`.
        """
        chosen = self._select(task=task, dataset=dataset)
        keys = dict.fromkeys(self._runs[index][0].key[:2] for index in chosen)
        if len({self._examples[key].kind for key in keys}) > 1:
            raise ConfigError(
                "The chosen datasets have labels of several kinds. A table holds one kind; choose with task=."
            )
        for name in columns:
            if name not in (*LABEL_COLUMNS, "input"):
                raise UnknownName("column", name, [*LABEL_COLUMNS, "input"])
        return pl.concat([self._label_frame(key, tuple(columns)) for key in keys])

    def with_groups(self, frame: pl.DataFrame) -> Self:
        """Return a store whose examples have subgroups.

        Parameters
        ----------
        frame : DataFrame
            ``dataset``, ``group``, and ``row`` or ``example_id``. Examples that are not listed have no group.

        Returns
        -------
        RunStore
            The same runs; this store stays as it is.

        Raises
        ------
        DataError
            If a column is missing, an example has two groups, or an ``example_id`` stands for several
            examples.
        UnknownName
            If a dataset is not here.
        """
        on = next((name for name in ("row", "example_id") if name in frame.columns), None)
        if on is None or not {"dataset", "group"} <= set(frame.columns):
            raise DataError(
                "Groups need the columns dataset, group, and row or example_id; got "
                f"{', '.join(frame.columns)}."
            )
        new = copy.copy(self)
        new._examples = dict(self._examples)
        for (name,), part in frame.group_by("dataset", maintain_order=True):
            keys = [key for key in self._examples if key[1] == self._canonical(str(name))]
            if not keys:
                raise UnknownName("dataset", str(name), {key[1] for key in self._examples})
            for key in keys:
                new._examples[key] = _grouped(self._examples[key], part.select(on, "group"), on=on, name=key)
        return new

    def _select(
        self, *, task: Names = None, dataset: Names = None, api: Names = None, date: Names = None
    ) -> list[int]:
        """Return the places of the runs that all filters keep."""
        kept = list(range(len(self._runs)))
        asked: list[str] = []
        for place, (what, names) in enumerate(
            {"task": task, "dataset": dataset, "api": api, "date": date}.items()
        ):
            if names is None:
                continue
            listed = [names] if isinstance(names, str) else list(names)
            known = {run.key[place] for run, _ in self._runs}
            wanted = {
                name if name in known or what != "dataset" else self._canonical(name) for name in listed
            }
            for name in sorted(wanted - known):
                raise UnknownName(what, name, known)
            asked.append(f"{what} {' or '.join(listed)}")
            kept = [index for index in kept if self._runs[index][0].key[place] in wanted]
        if not kept:
            raise DataError(
                f"{self.source} has no run of {', '.join(asked) or 'anything'}. See runs() for what there is."
            )
        return kept

    def _examples_of(self, index: int) -> Examples:
        return self._examples[self._runs[index][0].key[:2]]

    def _run_row(self, index: int) -> tuple[object, ...]:
        run, rows = self._runs[index]
        examples = self._examples_of(index)
        return (
            index,
            *run.key,
            run.version,
            examples.kind,
            rows.n_rows,
            examples.n_examples,
            examples.has_labels,
            run.cost_per_10k,
            run.date_status,
            run.confidence_kind,
            run.accuracy,
        )

    def _frame(self, index: int, wanted: tuple[str, ...]) -> pl.LazyFrame:
        """Return the rows of one run, with the columns and types of the table."""
        run, rows = self._runs[index]
        examples = self._examples_of(index)
        frame = rows.read()
        if not rows.is_in_order:
            frame = frame.sort("row")
        if _FROM_EXAMPLES & set(wanted):
            beside = examples.read()
            if rows.n_rows == examples.n_examples:
                frame = pl.concat([frame, beside.drop("row")], how="horizontal")
            else:
                frame = frame.join(beside, on="row", how="left", maintain_order="left")
        if "score" in wanted and "score" not in rows.given:
            frame = frame.with_columns(score_expression(examples.kind))
        if "released_score" in wanted:
            frame = frame.with_columns(released_score_expression(examples.kind))
        constants: dict[str, object] = dict(zip(("task", "dataset", "api", "date"), run.key, strict=True))
        constants |= {"run": index}
        if "version" not in rows.given:
            constants["version"] = run.version
        missing = (
            {"group", *EXTRA_COLUMNS} - {"released_score"} - rows.given - examples.given - set(constants)
        )
        schema = table_schema(examples.kind, wanted)
        return _shaped(frame, schema, constants | dict.fromkeys(missing))

    def _label_frame(self, key: tuple[str, str], columns: tuple[str, ...]) -> pl.LazyFrame:
        examples = self._examples[key]
        types: dict[str, pl.DataType] = {
            **TABLE_COLUMNS,
            "true_label": LABEL_TYPES[examples.kind],
            "input": pl.String(),
        }
        missing = set(columns) - {"row", "example_id", "true_label"} - examples.given
        constants: dict[str, object] = dict.fromkeys(missing)
        constants |= {"task": key[0], "dataset": key[1]}
        schema = pl.Schema({name: types[name] for name in columns})
        return _shaped(examples.read(), schema, constants)


def _shaped(frame: pl.LazyFrame, schema: pl.Schema, constants: Mapping[str, object]) -> pl.LazyFrame:
    """Return the columns of a schema; constants are put in first: a frame of them alone has one row."""
    filled = frame.with_columns(
        pl.lit(constants[name], dtype=dtype).alias(name)
        for name, dtype in schema.items()
        if name in constants
    )
    return filled.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def _grouped(examples: Examples, groups: pl.DataFrame, *, on: str, name: tuple[str, str]) -> Examples:
    """Return examples with the groups that are listed for them."""
    where = "/".join(name)
    listed = groups.select(pl.col(on), pl.col("group").cast(pl.String)).unique()
    twice = listed.filter(pl.col(on).is_duplicated())
    if len(twice):
        raise DataError(f"Example {twice[on][0]} of {where} has two groups. Give each example one.")
    frame = examples.read().collect().drop("group", strict=False)
    if on == "example_id" and frame["example_id"].is_duplicated().any():
        raise DataError(
            f"In {where} an example_id stands for several examples ({frame['example_id'].n_unique():,} ids, "
            f"{len(frame):,} examples). Give groups by row."
        )
    joined = frame.join(
        listed.with_columns(pl.col(on).cast(frame.schema[on])), on=on, how="left", maintain_order="left"
    )
    return Examples(
        kind=examples.kind,
        n_examples=examples.n_examples,
        has_labels=examples.has_labels,
        read=joined.lazy,
        given=examples.given | {"group"},
    )
