"""A store of HAPI runs: open, choose, add a round, write it in either layout, and check it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Self

import polars as pl

from longwave._damage import POLARS_DAMAGE
from longwave.errors import DataError, UnknownName
from longwave.monitoring.hapi.adding import Records, check_examples, check_rows, no_examples
from longwave.monitoring.hapi.columnar import (
    MANIFEST,
    Contents,
    read_columnar,
    verify_columnar,
    write_columnar,
)
from longwave.monitoring.hapi.labels import (
    canonical_dataset,
    check_name,
    confidence_kind,
    hapi_date,
    label_space,
)
from longwave.monitoring.hapi.records import Predictions, TrueLabels, list_summary, no_inputs, records_of
from longwave.monitoring.hapi.released import read_released, write_released
from longwave.monitoring.store import DateStatus, Names, Rows, Run, RunStore

__all__ = ["HapiStore"]

_PROBLEMS = pl.DataFrame(schema={"path": pl.String(), "problem": pl.String()})
_LISTED = Rows(n_rows=0, read=pl.LazyFrame)  # a run whose predictions are elsewhere


class HapiStore(RunStore):
    """Predictions of machine learning APIs on fixed datasets, each run with its date.

    Attributes
    ----------
    source, licence : str
    notes : tuple of str
        What is partial or missing, in words.
    folder : Path or None
        Where it was opened.

    `open` reads one, `empty` begins one. `runs`, `series`, `table` and `labels` choose from it;
    `get_predictions`, `get_labels` and `summary` are what users of the reference package know.

    Examples
    --------
    >>> from longwave.monitoring import load_sample
    >>> store = load_sample()
    >>> store.series(task="llm", dataset="prime", api="openai_gpt-4")["dates"].to_list()
    [['23-03-14', '23-06-13']]
    """

    def __init__(self, contents: Contents, *, folder: Path | None = None) -> None:
        super().__init__(
            source=contents.source,
            examples=contents.examples,
            runs=contents.runs,
            notes=contents.notes,
            canonical=canonical_dataset,
        )
        self.licence = contents.licence
        self.folder = folder

    @classmethod
    def open(cls, path: Path | str, *, date_status: DateStatus | None = None) -> Self:
        """Open a folder in the released layout, or one that `save` wrote.

        Parameters
        ----------
        path : Path or str
        date_status : {"confirmed", "not_later_than", "model_snapshot", "unknown"}, optional
            How far the dates of a released layout can be trusted, where you know better than `read_hapi`
            does.

        Raises
        ------
        MissingFile, DataError, UnknownName
            As `read_hapi`.
        """
        folder = Path(path)
        if (folder / MANIFEST).is_file():
            return cls(read_columnar(folder), folder=folder)
        return cls(read_released(folder, date_status=date_status), folder=folder)

    @classmethod
    def empty(cls, source: str, *, licence: str = "") -> Self:
        """Begin a store of one's own; datasets and runs come by `add_labels` and `add_run`."""
        return cls(Contents(source=source, licence=licence, examples={}, runs=[], notes=()))

    def add_labels(self, task: str, dataset: str, records: Records) -> None:
        """Add a dataset: its examples in their order, with their truth where it is known.

        Parameters
        ----------
        task, dataset : str
        records : DataFrame or iterable of mapping
            ``example_id``, and ``true_label``, ``group``, ``input`` where they are known.

        Raises
        ------
        UnknownName
            If the task is not known.
        DataError
            If the dataset is there, a name cannot be part of a path, or labels are not of its space.
        """
        dataset = check_name("dataset", canonical_dataset(dataset))
        space = label_space(task, dataset)
        if (task, dataset) in self._examples:
            raise DataError(f"{task}/{dataset} is there already. Its examples are fixed; use another name.")
        self._examples[task, dataset] = check_examples(records, space, f"labels of {task}/{dataset}")

    def examples_of(self, task: str, dataset: str) -> pl.DataFrame:
        """Return the examples of a dataset, ``row``, ``example_id`` and ``true_label``, with or without runs.

        Raises
        ------
        DataError
            If the dataset is not here.
        """
        key = (task, canonical_dataset(dataset))
        if key not in self._examples:
            raise DataError(f"{'/'.join(key)} is no dataset of this store. Add its labels first: add_labels.")
        return self._examples[key].read().select("row", "example_id", "true_label").collect()

    def add_run(
        self,
        run: Run,
        records: Records,
        *,
        labelmap: Mapping[object, object] | None = None,
        allow_partial: bool = False,
    ) -> Run:
        """Add a round of predictions; `save` or `export_json` writes it.

        Parameters
        ----------
        run : Run
            ``date`` as a day, ``yy-mm-dd`` or ``YYYY-MM-DD``.
        records : DataFrame or iterable of mapping
            A row for each example, in the order of the labels: ``example_id``, ``predicted_label``,
            ``confidence``; and ``latency_s``, ``cost_usd``, ``answer_chars``, ``label_confidence`` where they
            are known.
        labelmap : mapping, optional
            From labels of the vendor to common ones.
        allow_partial : bool
            Accept a round with a part of the examples.

        Returns
        -------
        Run
            As it is kept.

        Raises
        ------
        DataError
            If its dataset is not here, the run is already, a label is none of the space, a confidence is not
            in [0, 1], an id is repeated or strange, or the ids are not those of the labels in their order.
            Nothing is added then.
        """
        dataset, api = canonical_dataset(run.dataset), check_name("api", run.api)
        run = replace(run, dataset=dataset, api=api, date=hapi_date(run.date))
        if run.confidence_kind == "score":
            run = replace(run, confidence_kind=confidence_kind(api))
        if run.key[:2] not in self._examples:
            raise DataError(
                f"{run.task}/{dataset} is no dataset of this store. Add its labels first: add_labels."
            )
        if any(run.key == other.key and rows.n_rows for other, rows in self._runs):
            raise DataError(f"{run.path} is there already. A round that was asked again has another date.")
        rows = check_rows(
            records,
            self._examples[run.key[:2]],
            label_space(run.task, dataset),
            where=run.path,
            labelmap=labelmap,
            allow_partial=allow_partial,
        )
        kept = [(other, there) for other, there in self._runs if other.key != run.key]
        self._runs = sorted([*kept, (run, rows)], key=lambda pair: pair[0].key)
        return run

    def add_listed(self, run: Run) -> None:
        """List a run whose predictions are not here, for its price or its published accuracy."""
        rows = next((rows for other, rows in self._runs if other.key == run.key), None)
        if rows is None:
            self._runs = sorted([*self._runs, (run, _LISTED)], key=lambda pair: pair[0].key)
            if run.key[:2] not in self._examples:
                self._examples[run.key[:2]] = no_examples(label_space(run.task, run.dataset).kind)

    def save(
        self, folder: Path | str, *, compression_level: int = 9, leave_out_damaged: bool = False
    ) -> pl.DataFrame:
        """Write the store as columns: a few bytes a prediction, and fast to read in part.

        Parameters
        ----------
        folder : Path or str
        compression_level : int
            Of zstandard, 1 to 22.
        leave_out_damaged : bool
            Go on without the runs that cannot be read, which are then only listed.

        Returns
        -------
        DataFrame
            ``path`` and ``problem`` of what was left out; no rows when all is there.

        Raises
        ------
        DataError
            If a run cannot be read.
        StorageError
            If the folder cannot be written.
        """
        contents = self._contents()
        problems = self.problems() if leave_out_damaged else _PROBLEMS.clear()
        damaged = set(problems["path"])
        if damaged:
            runs = [(run, _LISTED if run.path in damaged else rows) for run, rows in contents.runs]
            left = f"{len(damaged)} damaged runs were left out, {min(damaged)} first."
            contents = replace(contents, runs=runs, notes=(*contents.notes, left))
        write_columnar(contents, Path(folder), compression_level=compression_level)
        if self.folder is not None and self.folder.resolve() == Path(folder).resolve():
            written = read_columnar(self.folder)  # the files that this store reads have changed
            self._examples, self._runs = written.examples, written.runs
        return problems

    def export_json(self, folder: Path | str) -> list[Path]:
        """Write the store in the released layout, below ``folder/tasks``, and return the files.

        Raises
        ------
        DataError
            If a run cannot be read.
        StorageError
            If the folder cannot be written.
        """
        return write_released(self._contents(), Path(folder))

    def verify(self) -> int:
        """Check a store without the network, and return how many files or runs were found right.

        Files that `save` wrote are compared with their SHA-256. A released layout has no checksums: every run
        is read, and its labels, confidences and ids are checked.

        Raises
        ------
        DataError, MissingFile
            If anything is wrong; the message names the first and counts the others.
        """
        if self.folder is not None and (self.folder / MANIFEST).is_file():
            return verify_columnar(self.folder)
        problems = self.problems()
        if len(problems):
            others = (
                f" ({len(problems) - 1} further runs have problems, see problems().)"
                if len(problems) > 1
                else ""
            )
            raise DataError(f"{problems['problem'][0]}{others}")
        return sum(rows.n_rows > 0 for _, rows in self._runs)

    def problems(self) -> pl.DataFrame:
        """Read every run and say what is wrong with which.

        Returns
        -------
        DataFrame
            ``path`` and ``problem``, a row for each run that cannot be read.
        """
        found = []
        for run, rows in self._runs:
            if not rows.n_rows:
                continue
            try:
                rows.read().collect()
            except DataError as error:
                found.append((run.path, str(error)))
            except POLARS_DAMAGE as error:
                found.append((run.path, f"It cannot be decoded: {str(error).splitlines()[0]}"))
        return pl.DataFrame(found, schema=_PROBLEMS.schema, orient="row")

    def summary(self) -> pl.DataFrame:
        """Return the table of runs as released: task, dataset, api, date, path, cost_per_10k."""
        return list_summary([run for run, _ in self._runs])

    def get_predictions(
        self,
        task: Names = None,
        dataset: Names = None,
        api: Names = None,
        date: Names = None,
        include_dataset: bool | None = None,
    ) -> Predictions:
        """Return predictions as the reference package does: lists of dicts by ``task/dataset/api/date``.

        Parameters
        ----------
        task, dataset, api, date : str or sequence of str, optional
            All filters hold at once.
        include_dataset : bool, optional
            The reference puts inputs beside predictions; they are in no release.

        Raises
        ------
        DataError
            If inputs are asked for, no run has all that the filters ask for, or a file is damaged.
        UnknownName
            If a filter names what no run has.

        See Also
        --------
        table : the same as columns, without a dict for every row.
        """
        if include_dataset:
            raise no_inputs("every dataset")
        chosen = [self._runs[index] for index in self._select(task=task, dataset=dataset, api=api, date=date)]
        return {
            run.path.removesuffix(".json"): records_of(rows, self._examples[run.key[:2]])
            for run, rows in chosen
            if rows.n_rows
        }

    def get_labels(self, task: Names = None, dataset: Names = None) -> TrueLabels:
        """Return labels as the reference package does: lists of dicts by ``task/dataset``.

        Raises
        ------
        DataError, UnknownName
            As `get_predictions`.
        """
        keys = dict.fromkeys(
            self._runs[index][0].key[:2] for index in self._select(task=task, dataset=dataset)
        )
        return {
            "/".join(key): self._examples[key].read().select("example_id", "true_label").collect().to_dicts()
            for key in keys
            if self._examples[key].has_labels
        }

    def get_dataset(self, name: str) -> pl.DataFrame:
        """Refuse: inputs of the datasets are in no release.

        Raises
        ------
        UnknownName
            If there is no such dataset.
        DataError
            Otherwise; the message says where to get inputs and how to join them.
        """
        known = {key[1] for key in self._examples}
        if canonical_dataset(name) not in known:
            raise UnknownName("dataset", name, known)
        raise no_inputs(canonical_dataset(name))

    def _contents(self) -> Contents:
        return Contents(
            source=self.source,
            licence=self.licence,
            examples=dict(self._examples),
            runs=list(self._runs),
            notes=self.notes,
        )
