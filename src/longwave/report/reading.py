"""Read a folder of results: its tables, training curves and generated samples."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from longwave.config import RunRecord, read_run_record
from longwave.errors import ConfigError, DataError, MissingFile
from longwave.report.source import FolderSource, Source

__all__ = ["CURVES", "Results", "Sample", "read_results"]

CURVES = pl.Schema(
    {
        "model": pl.String(),
        "split": pl.String(),
        "step": pl.Int64(),
        "tokens": pl.Int64(),
        "elapsed_s": pl.Float64(),
        "bits_per_byte": pl.Float64(),
    }
)
_SPLITS = {"bits_per_byte": "training", "validation_bits_per_byte": "validation"}
# what reading JSON of another shape than ours can raise; huge numbers overflow, deep nesting recurses
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
_LARGEST = 2**63 - 1  # what a column of whole numbers holds


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A text that a model generated after a prompt."""

    prompt: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Results:
    """Everything a report is made of.

    Parameters
    ----------
    source : Source
        The predictions table and its side tables.
    curves : DataFrame
        Columns of ``CURVES``; one row is one logged loss.
    samples : dict of str to tuple of Sample
        What each model generated.
    record : RunRecord or None
        How the run was configured.
    notes : tuple of str
        What is missing or could not be read, for the reader of the page.
    """

    source: Source
    curves: pl.DataFrame
    samples: dict[str, tuple[Sample, ...]]
    record: RunRecord | None
    notes: tuple[str, ...]


def read_results(folder: Path) -> Results:
    """Read a folder that an evaluation, a training run or the quickstart wrote.

    Raises
    ------
    MissingFile
        If the folder does not exist or holds nothing a report could show.
    TableError
        If a table breaks its schema.
    """
    if not folder.is_dir():
        raise MissingFile(f'No folder "{folder}". Give the folder that "longwave evaluate --out" wrote.')
    notes: list[str] = []
    curves = _read_curves(folder, notes)
    samples = _read_samples(folder / "samples.json", notes)
    has_rows = (folder / "predictions").is_dir()
    if not (has_rows or len(curves) or samples):
        raise MissingFile(
            f'"{folder}" holds no results: neither predictions/ nor metrics.jsonl nor samples.json. '
            f'Run "longwave evaluate --out {folder}" first.'
        )
    if has_rows:
        notes += [note for name, note in _MISSING.items() if not (folder / name).is_dir()]
    return Results(
        source=FolderSource(folder),
        curves=curves,
        samples=samples,
        record=_read_record(folder, notes),
        notes=tuple(notes),
    )


_MISSING = {
    "requests": "The requests table is missing, so prompts and completions are not shown.",
    "instances": "The instances table is missing, so inputs and references are not shown.",
}


def _read_record(folder: Path, notes: list[str]) -> RunRecord | None:
    try:
        return read_run_record(folder)
    except ConfigError as error:
        notes.append(str(error))
        return None


def _read_curves(folder: Path, notes: list[str]) -> pl.DataFrame:
    files = sorted(
        path
        for path in folder.rglob("metrics.jsonl")
        if path.is_file() and "report" not in path.relative_to(folder).parts[:-1]
    )
    rows: list[dict[str, object]] = []
    seen: set[str] = set()
    for path in files:
        parent = path.parent
        name = parent.name if parent != folder else folder.resolve().name
        name = name if name not in seen else str(parent.relative_to(folder))
        seen.add(name)
        rows += _curve_rows(name, path, notes)
    return pl.DataFrame(rows, schema=CURVES, orient="row").sort(
        ["model", "split", "step"], maintain_order=True
    )


def _curve_rows(name: str, path: Path, notes: list[str]) -> Iterator[dict[str, object]]:
    lines = path.read_text("utf-8", errors="replace").splitlines()
    unreadable = 0
    for line in lines:
        try:
            row = json.loads(line)
            yield from _logged_losses(name, row)
        except _DAMAGE:
            unreadable += 1
    if unreadable:
        notes.append(f'{unreadable} of {len(lines)} lines of the training log of "{name}" cannot be read.')


def _logged_losses(name: str, row: dict[str, object]) -> Iterator[dict[str, object]]:
    for key, split in _SPLITS.items():
        value = row.get(key)
        if isinstance(value, int | float) and math.isfinite(value):
            where = {"step": _whole(row["step"]), "tokens": _whole(row["tokens"])}
            elapsed = row.get("elapsed_s")
            time = float(elapsed) if isinstance(elapsed, int | float) and math.isfinite(elapsed) else None
            yield {"model": name, "split": split, **where, "elapsed_s": time, "bits_per_byte": float(value)}


def _whole(value: object) -> int:
    if not isinstance(value, int | float) or not 0 <= value <= _LARGEST:
        raise DataError(
            "A step or a number of tokens is a number from 0 that fits 64 bits. Leave the row out."
        )
    return int(value)


def _read_samples(path: Path, notes: list[str]) -> dict[str, tuple[Sample, ...]]:
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text("utf-8"))
        return {
            str(model): tuple(Sample(prompt=str(one["prompt"]), text=str(one["text"])) for one in samples)
            for model, samples in sorted(data.items())
        }
    except _DAMAGE as error:
        notes.append(
            f"The generated samples cannot be read: samples.json is not a mapping of models to prompts and "
            f"texts ({type(error).__name__})."
        )
        return {}
