"""The layout in which HAPI is released: ``tasks/`` with a table of runs and one JSON file a run.

What is unusual about it: rows of a file are matched with the labels by position where both list the same ids
in the same order, and by id only where ids are unique. Files are read when a table asks for them.
"""

from __future__ import annotations

import csv
import json
import logging
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import get_args

import polars as pl

from longwave._damage import POLARS_DAMAGE
from longwave.config import naming, replacing, write_json
from longwave.errors import DataError, MissingFile, StorageError
from longwave.monitoring.hapi.adding import no_examples
from longwave.monitoring.hapi.checks import check_confidence, check_labels, place_rows
from longwave.monitoring.hapi.columnar import Contents
from longwave.monitoring.hapi.labels import (
    canonical_dataset,
    check_name,
    confidence_kind,
    iso_date,
    label_space,
    status_of_release,
)
from longwave.monitoring.store import LABEL_TYPES, DateStatus, Examples, Rows, Run

__all__ = ["META_COLUMNS", "STATUSES", "read_released", "write_released"]

logger = logging.getLogger(__name__)

META_COLUMNS = ("task", "dataset", "api", "date", "path", "cost_per_10k")
STATUSES = "date_status.json"  # ours, beside tasks/: what the released table has no column for
LABELS = "labels.json"
_CHUNK, _EDGE = 1 << 20, 64  # bytes
_ID_KEY = b'"example_id"'


@dataclass(frozen=True, kw_only=True)
class _Listed:
    """A line of ``meta.csv``, or a file that it does not list."""

    run: Run
    path: Path


def read_released(folder: Path, *, date_status: DateStatus | None = None) -> Contents:
    """Open a folder in the released layout.

    Parameters
    ----------
    folder : Path
        Holds ``tasks``, or is that folder.
    date_status : {"confirmed", "not_later_than", "model_snapshot", "unknown"}, optional
        How far its dates can be trusted. Default: what a file of ours beside ``tasks`` says, else what is
        known of the day, else that the release names the day of collection.

    Raises
    ------
    MissingFile
        If there is no such folder.
    DataError
        If its table of runs is damaged, or names what cannot be a path.
    UnknownName
        If it has a task that is not one of HAPI's.
    """
    tasks = folder / "tasks" if (folder / "tasks").is_dir() else folder
    notes: list[str] = []
    listed = _list_runs(tasks, date_status, notes)
    examples: dict[tuple[str, str], Examples] = {}
    runs: list[tuple[Run, Rows]] = []
    for entry in listed:
        key = entry.run.key[:2]
        is_here = entry.path.is_file()
        if key not in examples and is_here:
            examples[key] = _examples_in(entry, notes)
        if is_here:
            runs.append((entry.run, _rows_in(entry, examples[key], notes)))
    absent = [entry.run for entry in listed if not entry.path.is_file()]
    for run in absent:
        examples.setdefault(run.key[:2], no_examples(label_space(*run.key[:2]).kind))
        runs.append((run, Rows(n_rows=0, read=pl.LazyFrame)))
    if absent:
        notes.append(
            f"{len(absent)} of {len(listed)} runs are listed without a file, {absent[0].path} first."
        )
    for note in notes:
        logger.warning(note)
    return Contents(
        source=f'the HAPI release in "{folder}"', licence="", examples=examples, runs=runs, notes=tuple(notes)
    )


def write_released(contents: Contents, folder: Path) -> list[Path]:
    """Write runs in the released layout, below ``folder/tasks``, and return the files.

    Parameters
    ----------
    contents : Contents
    folder : Path

    Raises
    ------
    DataError
        If a run cannot be read.
    StorageError
        If the folder cannot be written.

    Notes
    -----
    Rows keep the order of their source. The table of runs has the six columns of the release; what dates are
    lies beside ``tasks``, in ``date_status.json``. What the layout has no place for (latency, scores of
    single tags, groups, versions) is left out.
    """
    tasks = folder / "tasks"
    written: list[Path] = []
    for (task, dataset), part in contents.examples.items():
        if part.has_labels:
            path = tasks / task / dataset / LABELS
            _write_records(part.read().select("example_id", "true_label").collect(), path)
            written.append(path)
    for run, rows in contents.runs:
        if not rows.n_rows:
            continue
        ids = contents.examples[run.key[:2]].read().select("row", "example_id")
        frame = rows.read().join(ids, on="row", how="left", maintain_order="left")
        path = tasks / run.path
        _write_records(frame.select("confidence", "predicted_label", "example_id").collect(), path)
        written.append(path)
    present = [run for run, _ in contents.runs]
    _write_meta(present, tasks / "meta.csv")
    write_json(folder / STATUSES, {run.path: run.date_status for run in present})
    return [*written, tasks / "meta.csv", folder / STATUSES]


def _list_runs(tasks: Path, date_status: DateStatus | None, notes: list[str]) -> list[_Listed]:
    statuses = _read_statuses(tasks.parent / STATUSES)
    meta = tasks / "meta.csv"
    lines = _read_meta(meta) if meta.is_file() else []
    if not lines:
        notes.append(
            "There is no table of runs (meta.csv): runs are those of the folders, their prices unknown."
        )
    found: dict[tuple[str, str, str, str], _Listed] = {}
    for line in lines:
        with naming(meta):
            entry = _entry(line, tasks, statuses, date_status)
        if entry.run.key in found:
            raise DataError(f'"{meta}" lists {entry.run.path} twice. Keep one line of it.')
        found[entry.run.key] = entry
    unlisted = 0
    for path in sorted(tasks.glob("*/*/*/*.json")):
        task, dataset, api = path.relative_to(tasks).parts[:3]
        line = {"task": task, "dataset": dataset, "api": api, "date": path.stem, "cost_per_10k": ""}
        entry = _entry(line, tasks, statuses, date_status)
        if entry.run.key not in found:
            found[entry.run.key] = entry
            unlisted += bool(lines)
    if unlisted:
        notes.append(f"{unlisted} runs have a file and no line in meta.csv; their prices are unknown.")
    if not found:
        raise MissingFile(
            f'"{tasks}" holds no runs. Give the folder that holds "tasks", or get the release: '
            "longwave monitor import --download"
        )
    return [found[key] for key in sorted(found)]


def _entry(
    line: dict[str, str], tasks: Path, statuses: dict[str, DateStatus], date_status: DateStatus | None
) -> _Listed:
    task, api, date = line["task"], line["api"], line["date"]
    dataset = canonical_dataset(line["dataset"])
    check_name("task", task)
    check_name("dataset", dataset)
    check_name("api", api)
    iso_date(date)
    label_space(task, dataset)  # an unknown task is told here
    own = f"{task}/{dataset}/{api}/{date}.json"
    status = date_status or statuses.get(own) or line.get("date_status") or status_of_release(task, date)
    run = Run(
        task=task,
        dataset=dataset,
        api=api,
        date=date,
        cost_per_10k=_number(line.get("cost_per_10k"), f"cost_per_10k of {own}"),
        date_status=status,  # type: ignore[arg-type]
        confidence_kind=confidence_kind(api),
        accuracy=_number(line.get("accuracy"), f"accuracy of {own}"),
    )
    path = tasks / task / line["dataset"] / api / f"{date}.json"
    return _Listed(run=run, path=path)


def _read_meta(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f'"{path}" is no table of runs: {error}. Get the release again.') from error
    for place, line in enumerate(lines, start=2):
        missing = [name for name in META_COLUMNS if name != "path" and not isinstance(line.get(name), str)]
        if missing:
            raise DataError(
                f'Line {place} of "{path}" has no {", ".join(missing)}; its columns are '
                f"{', '.join(META_COLUMNS)}. Get the release again."
            )
    return lines


def _read_statuses(path: Path) -> dict[str, DateStatus]:
    if not path.is_file():
        return {}
    try:
        loaded: dict[str, DateStatus] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f'"{path}" is no JSON: {error}. Write it again with export_json, or remove it.'
        ) from error
    known = get_args(DateStatus)
    if not isinstance(loaded, dict) or any(status not in known for status in loaded.values()):
        raise DataError(
            f'"{path}" holds something else than runs with one of {", ".join(known)}. Write it again with '
            "export_json, or remove it."
        )
    return loaded


def _number(text: str | None, what: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError as error:
        raise DataError(f'The {what} is "{text}"; write a number or nothing.') from error


def _examples_in(entry: _Listed, notes: list[str]) -> Examples:
    """Return the examples of a run's dataset; without labels, they are those of the run."""
    task, dataset = entry.run.key[:2]
    kind = label_space(task, dataset).kind
    path = entry.path.parent.parent / LABELS
    has_labels = path.is_file()
    if not has_labels:
        notes.append(f"{task}/{dataset} has no {LABELS}: its runs have no scores.")
        path = entry.path
    return Examples(
        kind=kind,
        n_examples=_count(path),
        has_labels=has_labels,
        read=cache(partial(_read_examples, path, task, dataset, has_labels)),
    )


def _read_examples(path: Path, task: str, dataset: str, has_labels: bool) -> pl.LazyFrame:
    space = label_space(task, dataset)
    dtype = LABEL_TYPES[space.kind]
    frame = _read_records(
        path, {"example_id": pl.String(), "true_label": dtype} if has_labels else {"example_id": pl.String()}
    )
    if has_labels:
        check_labels(frame["true_label"], space, f'"{path}"')
    else:
        frame = frame.with_columns(pl.lit(None, dtype=dtype).alias("true_label"))
    return frame.select(
        pl.int_range(pl.len(), dtype=pl.Int32).alias("row"), "example_id", "true_label"
    ).lazy()


def _rows_in(entry: _Listed, examples: Examples, notes: list[str]) -> Rows:
    count = _count(entry.path)
    if not _is_whole(entry.path):
        notes.append(f"{entry.run.path} is damaged or cut short.")
        count = max(count, 1)  # reading it tells what is wrong
    elif count < examples.n_examples:
        notes.append(f"{entry.run.path} has {count:,} of {examples.n_examples:,} rows: a partial round.")
    return Rows(
        n_rows=count,
        is_in_order=False,  # known after reading; sorting what is sorted costs little
        read=partial(_read_rows, entry, examples),
    )


def _read_rows(entry: _Listed, examples: Examples) -> pl.LazyFrame:
    run, where = entry.run, f'"{entry.path}"'
    space = label_space(run.task, run.dataset)
    frame = _read_records(
        entry.path,
        {"confidence": pl.Float64(), "predicted_label": LABEL_TYPES[space.kind], "example_id": pl.String()},
    )
    check_labels(frame["predicted_label"], space, where)
    check_confidence(frame["confidence"], where)
    rows = place_rows(
        frame["example_id"], examples.read().select("example_id").collect()["example_id"], where
    )
    return frame.select(rows, "predicted_label", "confidence").lazy()


def _read_records(path: Path, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    """Read a JSON list of objects; keys may stand in any order, and further ones are ignored."""
    try:
        if not _is_whole(path):
            raise DataError(f'"{path}" is no whole list of rows; it may be cut short. Get it again.')
        frame = pl.read_json(path, schema=schema)
    except POLARS_DAMAGE as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f'"{path}" cannot be read as rows of {", ".join(schema)}: {reason} It may be cut short or of '
            "another task; get it again."
        ) from error
    except OSError as error:
        raise StorageError(f'Cannot read "{path}": {error}.') from error
    if frame["example_id"].null_count():
        row = int(frame["example_id"].is_null().arg_max() or 0)
        raise DataError(f'Row {row} of "{path}" has no example_id. Get it again.')
    return frame


def _count(path: Path) -> int:
    """Count the rows of a file without parsing it: a key appears once a row, quotes in texts are escaped."""
    total, tail = 0, b""
    with path.open("rb") as file:
        while block := file.read(_CHUNK):
            data = tail + block
            total += data.count(_ID_KEY)
            tail = data[-len(_ID_KEY) + 1 :]
    return total


def _is_whole(path: Path) -> bool:
    """Tell whether a file begins and ends as a list does."""
    with path.open("rb") as file:
        first = file.read(_EDGE).lstrip()[:1]
        file.seek(max(0, path.stat().st_size - _EDGE))
        last = file.read().rstrip()[-1:]
    return (first, last) == (b"[", b"]")


def _write_records(frame: pl.DataFrame, path: Path) -> None:
    with replacing(path, pl.exceptions.PolarsError) as temporary:
        frame.write_json(temporary)


def _write_meta(runs: list[Run], path: Path) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(META_COLUMNS)
        writer.writerows(
            (*run.key, run.path, "" if run.cost_per_10k is None else run.cost_per_10k) for run in runs
        )
