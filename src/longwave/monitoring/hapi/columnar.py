"""HAPI's runs as columns: one Parquet file of predictions and one of labels a task, and a manifest.

What is unusual about it:

* Runs lie one after the other; the manifest says how many rows each has, so that one is read without the
  others.
* ``row`` is null for a run whose rows are in the order of its labels, which is nearly every run: counting
  takes more space than the predictions themselves.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from longwave._damage import POLARS_DAMAGE
from longwave.config import replacing, to_dict, write_json
from longwave.errors import DataError, MissingFile
from longwave.monitoring.hapi.labels import check_name, iso_date, label_space
from longwave.monitoring.store import EXTRA_COLUMNS, LABEL_TYPES, Examples, LabelKind, Rows, Run

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["FORMAT", "MANIFEST", "Contents", "read_columnar", "verify_columnar", "write_columnar"]

logger = logging.getLogger(__name__)

FORMAT = 1
MANIFEST = "manifest.json"
GROUP_ROWS = 131_072  # of a Parquet file: what is decoded to read a short run
_FURTHER = ("latency_s", "cost_usd", "answer_chars", "label_confidence")
_ABOUT_EXAMPLES = ("group", "input")


@dataclass(frozen=True, kw_only=True)
class DatasetEntry:
    """A dataset in the manifest."""

    task: str
    dataset: str
    kind: LabelKind
    n_examples: int
    has_labels: bool
    given: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunEntry:
    """A run in the manifest."""

    run: Run
    n_rows: int
    is_in_order: bool = True
    given: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What lies in a folder.

    Parameters
    ----------
    format : int
    source, licence : str
    files : dict of str to str
        SHA-256 of each file.
    datasets, runs : tuple
        In the order of their rows.
    notes : tuple of str
    """

    format: int
    source: str
    licence: str
    files: dict[str, str]
    datasets: tuple[DatasetEntry, ...]
    runs: tuple[RunEntry, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Everything that a store is made of."""

    source: str
    licence: str
    examples: dict[tuple[str, str], Examples]
    runs: list[tuple[Run, Rows]]
    notes: tuple[str, ...]


def write_columnar(contents: Contents, folder: Path, *, compression_level: int = 9) -> None:
    """Write runs as columns; what is there of the same name is replaced, the manifest last.

    Parameters
    ----------
    contents : Contents
    folder : Path
        Made when missing.
    compression_level : int
        Of zstandard, 1 to 22.

    Raises
    ------
    DataError
        If a run cannot be read.
    StorageError
        If the folder cannot be written.
    """
    names: dict[str, str] = {}
    entries: list[RunEntry] = []
    for task in dict.fromkeys(key[0] for key in contents.examples):
        parts = {key: part for key, part in contents.examples.items() if key[0] == task}
        frames = {f"labels_{task}.parquet": [_labels(key, part) for key, part in parts.items()]}
        for run, rows in contents.runs:
            if run.task == task:
                entry, frame = _predictions(run, rows, parts[run.key[:2]])
                entries.append(entry)
                frames.setdefault(f"predictions_{task}.parquet", []).append(frame)
        for name, pieces in frames.items():
            _write_file(folder / name, pl.concat(pieces), compression_level)
            names[name] = _digest(folder / name)
        logger.info("wrote task %s", task)
    write_json(folder / MANIFEST, to_dict(_manifest(contents, entries, names)))


def read_columnar(folder: Path) -> Contents:
    """Open what `write_columnar` wrote; predictions are read when they are asked for.

    Raises
    ------
    MissingFile
        If the manifest or a file that it names is missing.
    DataError
        If the manifest is damaged or newer than this version, or a file holds another number of rows.
    """
    manifest = _read_manifest(folder)
    labels = {task: folder / f"labels_{task}.parquet" for task in {each.task for each in manifest.datasets}}
    examples: dict[tuple[str, str], Examples] = {}
    starts = dict.fromkeys(labels, 0)
    for each in manifest.datasets:
        start = starts[each.task]
        examples[each.task, each.dataset] = _examples_in(labels[each.task], each, start)
        starts[each.task] += each.n_examples
    kinds = {each.task: LABEL_TYPES[each.kind] for each in manifest.datasets}
    for task, path in labels.items():
        _check_file(path, starts[task], {"example_id": pl.String(), "true_label": kinds[task]})
    runs: list[tuple[Run, Rows]] = []
    starts = {}
    for entry in manifest.runs:
        task = entry.run.task
        start = starts.setdefault(task, 0)
        runs.append((entry.run, _rows_in(folder / f"predictions_{task}.parquet", entry, start)))
        starts[task] += entry.n_rows
    for task, count in starts.items():
        if count:
            wanted = {"predicted_label": kinds[task], "confidence": pl.Float64()}
            _check_file(folder / f"predictions_{task}.parquet", count, wanted)
    return Contents(
        source=manifest.source, licence=manifest.licence, examples=examples, runs=runs, notes=manifest.notes
    )


def verify_columnar(folder: Path) -> int:
    """Compare every file with its SHA-256 in the manifest, and return how many there are.

    Raises
    ------
    MissingFile
        If a file is missing.
    DataError
        If one has changed; the message names it.
    """
    files = _read_manifest(folder).files
    for name, digest in files.items():
        path = folder / name
        if not path.is_file():
            raise _missing(path)
        if (found := _digest(path)) != digest:
            raise DataError(
                f'"{path}" is not what was written: its SHA-256 is {found[:16]}..., the manifest says '
                f"{digest[:16]}... Copy it again."
            )
    return len(files)


def _manifest(contents: Contents, entries: list[RunEntry], files: dict[str, str]) -> Manifest:
    return Manifest(
        format=FORMAT,
        source=contents.source,
        licence=contents.licence,
        files=files,
        datasets=tuple(
            DatasetEntry(
                task=task,
                dataset=dataset,
                kind=part.kind,
                n_examples=part.n_examples,
                has_labels=part.has_labels,
                given=tuple(sorted(part.given)),
            )
            for (task, dataset), part in contents.examples.items()
        ),
        runs=tuple(entries),
        notes=contents.notes,
    )


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not path.is_file():
        raise MissingFile(f'No file "{path}". Give the folder that HapiStore.save wrote.')
    text = path.read_bytes()
    try:
        version = json.loads(text)["format"]
        manifest = _manifest_type().validate_json(text) if version <= FORMAT else None
    except (ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f'"{path}" is no manifest of runs: {reason}. Copy the folder again.') from error
    if manifest is None:
        raise DataError(
            f'"{path}" has format {version}; this version reads up to {FORMAT}. Install a newer longwave.'
        )
    try:
        _check_names(manifest)
    except DataError as error:
        raise DataError(f'"{path}": {error}') from error
    return manifest


def _check_names(manifest: Manifest) -> None:
    """Refuse names that would lie elsewhere: they become parts of the paths of what is read and exported."""
    datasets = {(each.task, each.dataset) for each in manifest.datasets}
    for task, dataset in datasets | {entry.run.key[:2] for entry in manifest.runs}:
        check_name("task", task)
        check_name("dataset", dataset)
        label_space(task, dataset)
    for entry in manifest.runs:
        if entry.run.key[:2] not in datasets:
            raise DataError(f"{entry.run.path} is of a dataset that is not listed. Copy the folder again.")
        check_name("api", entry.run.api)
        iso_date(entry.run.date)
    for name in manifest.files:
        if Path(name).name != name or name == "..":
            raise DataError(f'The file "{name}" would lie outside the folder. Do not use this copy.')


@cache
def _manifest_type() -> TypeAdapter[Manifest]:
    from pydantic import TypeAdapter

    return TypeAdapter(Manifest)


def _labels(key: tuple[str, str], examples: Examples) -> pl.DataFrame:
    """Return the examples of one dataset in the form of the file."""
    given = {name: name in examples.given for name in _ABOUT_EXAMPLES}
    return (
        examples.read()
        .select(
            pl.lit(key[1], dtype=pl.Categorical).alias("dataset"),
            "example_id",
            pl.col("true_label").cast(LABEL_TYPES[examples.kind]),
            *(
                pl.col(name) if there else pl.lit(None, dtype=pl.String).alias(name)
                for name, there in given.items()
            ),
        )
        .collect()
    )


def _predictions(run: Run, rows: Rows, examples: Examples) -> tuple[RunEntry, pl.DataFrame]:
    """Return the rows of one run in the form of the file, and how to find them again."""
    frame = rows.read().collect() if rows.n_rows else _no_rows(examples.kind)
    counted = pl.int_range(len(frame), dtype=pl.Int32, eager=True)
    is_in_order = len(frame) in (0, examples.n_examples) and bool((frame["row"] == counted).all())
    entry = RunEntry(
        run=run, n_rows=len(frame), is_in_order=is_in_order, given=tuple(sorted(rows.given & set(_FURTHER)))
    )
    types = {
        "row": pl.Int32(),
        "confidence": pl.Float64(),
        **{name: EXTRA_COLUMNS[name] for name in _FURTHER},
    }
    constants = {name: pl.Categorical() for name in ("dataset", "api", "date")}
    shaped = frame.select(
        *(pl.lit(getattr(run, name), dtype=dtype).alias(name) for name, dtype in constants.items()),
        pl.lit(None, dtype=pl.Int32).alias("row") if is_in_order else "row",
        pl.col("predicted_label").cast(LABEL_TYPES[examples.kind]),
        "confidence",
        *(name if name in entry.given else pl.lit(None, dtype=types[name]).alias(name) for name in _FURTHER),
    )
    return entry, shaped.cast(types)  # type: ignore[arg-type]


def _no_rows(kind: LabelKind) -> pl.DataFrame:
    return pl.DataFrame(
        schema={"row": pl.Int32(), "predicted_label": LABEL_TYPES[kind], "confidence": pl.Float64()}
    )


def _write_file(path: Path, frame: pl.DataFrame, compression_level: int) -> None:
    with replacing(path, pl.exceptions.PolarsError) as temporary:
        _without_nulls(frame).write_parquet(
            temporary, compression_level=compression_level, row_group_size=GROUP_ROWS
        )


def _without_nulls(frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out further columns that no row fills."""
    empty = [
        name
        for name in (*_FURTHER, *_ABOUT_EXAMPLES)
        if name in frame.columns and frame[name].is_null().all()
    ]
    return frame.drop(empty)


def _examples_in(path: Path, entry: DatasetEntry, start: int) -> Examples:
    def read() -> pl.LazyFrame:
        frame = _slice(path, start, entry.n_examples)
        return frame.select(_counted(entry.n_examples), "example_id", "true_label", *entry.given)

    return Examples(
        kind=entry.kind,
        n_examples=entry.n_examples,
        has_labels=entry.has_labels,
        read=read,
        given=frozenset(entry.given),
    )


def _rows_in(path: Path, entry: RunEntry, start: int) -> Rows:
    def read() -> pl.LazyFrame:
        row = _counted(entry.n_rows) if entry.is_in_order else pl.col("row")
        return _slice(path, start, entry.n_rows).select(row, "predicted_label", "confidence", *entry.given)

    return Rows(n_rows=entry.n_rows, read=read, is_in_order=entry.is_in_order, given=frozenset(entry.given))


def _slice(path: Path, start: int, length: int) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False, hive_partitioning=False).slice(start, length)


def _counted(length: int) -> pl.Expr:
    return pl.int_range(length, dtype=pl.Int32).alias("row")


def _check_file(path: Path, expected: int, wanted: Mapping[str, pl.DataType]) -> None:
    """Check the columns that every file has and the number of rows, both of which its foot tells."""
    if not path.is_file():
        raise _missing(path)
    try:
        rows = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        types = rows.collect_schema()
        height = int(rows.select(pl.len()).collect().item())
    except (*POLARS_DAMAGE, OSError) as error:
        raise DataError(f'"{path}" cannot be read: {error}. It may be cut short; copy it again.') from error
    wrong = next((name for name, dtype in wanted.items() if types.get(name) != dtype), None)
    if wrong is not None:
        raise DataError(
            f'"{path}" has {types.get(wrong, "nothing")} as "{wrong}"; accepted is {wanted[wrong]}. Copy the '
            "folder again."
        )
    if height != expected:
        raise DataError(
            f'"{path}" has {height:,} rows, the manifest says {expected:,}. The two are not from one copy; '
            "copy the folder again."
        )


def _missing(path: Path) -> MissingFile:
    return MissingFile(f'No file "{path}", which the manifest beside it names. Copy the folder again.')


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
