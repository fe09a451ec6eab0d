"""Write tables for other programs: CSV, JSON, JSON lines, Parquet and LaTeX."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Literal

import polars as pl

from longwave.config import replacing
from longwave.errors import ConfigError, DataError, UnknownName
from longwave.interchange._latex import escape, tabular
from longwave.metrics import summarize_scores
from longwave.predictions import read_predictions, read_side

__all__ = ["FORMATS", "TABLES", "Format", "TableName", "export_results", "export_table"]

Format = Literal["csv", "json", "jsonl", "latex", "parquet"]
TableName = Literal["predictions", "requests", "instances", "scores", "summary"]

TABLES: tuple[TableName, ...] = ("predictions", "requests", "instances", "scores", "summary")
# by the end of a file's name
FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".tex": "latex",
    ".parquet": "parquet",
}
_CHUNK = 10_000  # rows turned into text at a time
_FORMULA = "^[=+\\-@\t\r\n]"  # what a spreadsheet takes for the beginning of a formula
_SUMMARY = ("scenario", "model", "metric", "value", "low", "high")
_SEVERAL = ("version", "date", "prompt")


def export_results(
    folder: Path | str,
    path: Path | str,
    *,
    format: Format | None = None,
    table: TableName = "predictions",
    safe: bool = False,
) -> Path:
    """Write one table of a folder of results to a file.

    Parameters
    ----------
    folder : Path or str
        Folder of an evaluation or an import.
    path : Path or str
        File to write; replaced when it is there.
    format : {"csv", "json", "jsonl", "latex", "parquet"}, optional
        Default: what the end of the file's name says.
    table : {"predictions", "requests", "instances", "scores", "summary"}
        ``"summary"`` holds one row a model and scenario: mean score with its interval of 95 %.
    safe : bool
        Only for CSV, see `export_table`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    MissingFile, TableError
        As `read_predictions`.
    UnknownName, ConfigError, DataError
        As `export_table`; or if there is no such table.
    StorageError
        If the file cannot be written; an old one stays.
    """
    if table not in TABLES:
        raise UnknownName("table", table, TABLES)
    if table == "predictions":
        frame = read_predictions(folder)
    elif table == "summary":
        frame = _summarize(read_predictions(folder))
    else:
        frame = read_side(folder, table)
    return export_table(frame, path, format=format, safe=safe)


def export_table(
    frame: pl.DataFrame,
    path: Path | str,
    *,
    format: Format | None = None,
    safe: bool = False,
) -> Path:
    """Write a frame to a file: any of Longwave's tables or summaries.

    Parameters
    ----------
    frame : DataFrame
        For LaTeX a tidy summary, as `summarize_scores` and `summarize_families` return it: ``scenario``,
        ``model``, ``metric``, ``value``, ``low``, ``high``. It becomes one table a family and metric, with a
        row a model and a column a scenario.
    path : Path or str
    format : str, optional
        Default: what the end of the file's name says.
    safe : bool
        CSV only: put ``'`` before texts that begin with ``=``, ``+``, ``-``, ``@``, a tab or a line
        end, so that no spreadsheet takes what a model wrote for a formula. This changes texts; leave it
        off where a program reads the file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    UnknownName
        If there is no such format.
    ConfigError
        If no format is given and the name does not tell it, or ``safe`` is asked for another format.
    DataError
        If LaTeX was asked for and the frame is no summary, or has several rows for one cell.
    StorageError
        If the file cannot be written; an old one stays.

    Notes
    -----
    Lists stand in CSV as JSON. In JSON, missing values and numbers that JSON does not have (infinity) are
    null. Equal frames give equal files.
    """
    path = Path(path)
    form = _format_of(path, format)
    if safe and form != "csv":
        raise ConfigError(f'"safe" is for CSV, and the format is "{form}". Leave it out.')
    with replacing(path, pl.exceptions.PolarsError) as temporary:
        if form == "csv":
            _flat(frame, is_safe=safe).lazy().sink_csv(temporary, engine="streaming")
        elif form == "parquet":
            frame.lazy().sink_parquet(temporary, engine="streaming")
        elif form == "latex":
            temporary.write_text(_to_latex(frame), "utf-8")
        else:
            _write_json(frame, temporary, is_lines=form == "jsonl")
    return path


def _format_of(path: Path, given: Format | None) -> Format:
    known = sorted(set(FORMATS.values()))
    if given is not None:
        if given not in known:
            raise UnknownName("format", given, known)
        return given
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(
            f'The name "{path.name}" does not tell a format. Known ends: {", ".join(FORMATS)}. Or give one '
            f"of the formats {', '.join(known)}."
        )
    return FORMATS[path.suffix.lower()]


def _flat(frame: pl.DataFrame, *, is_safe: bool) -> pl.DataFrame:
    """Return the frame with lists as JSON, and texts that no spreadsheet runs."""
    lists = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    frame = frame.with_columns(
        pl.Series(
            name,
            [
                None if cell is None else json.dumps(cell, ensure_ascii=False)
                for cell in frame[name].to_list()
            ],
            dtype=pl.String(),
        )
        for name in lists
    )
    if not is_safe:
        return frame
    return frame.with_columns(
        pl.when(pl.col(name).str.contains(_FORMULA))
        .then("'" + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name, dtype in frame.schema.items()
        if dtype == pl.String
    )


def _write_json(frame: pl.DataFrame, path: Path, *, is_lines: bool) -> None:
    """Write the rows one by one, an array around them unless lines are wanted."""
    separator = "\n" if is_lines else ",\n"
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("" if is_lines else "[\n")
        for start in range(0, len(frame), _CHUNK):
            rows = frame.slice(start, _CHUNK).iter_rows(named=True)
            texts = [json.dumps(_without_infinity(row), ensure_ascii=False, allow_nan=False) for row in rows]
            file.write((separator if start else "") + separator.join(texts))
        file.write(("\n" if len(frame) else "") if is_lines else "\n]\n")


def _without_infinity(row: dict[str, object]) -> dict[str, object]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }


def _summarize(predictions: pl.DataFrame) -> pl.DataFrame:
    """Average the scores of every model on every scenario, floors among them."""
    return summarize_scores(predictions, by=["scenario", "model", *_differing(predictions)])


def _differing(frame: pl.DataFrame) -> list[str]:
    """Return what tells rows of one model on one scenario apart, of the columns there are."""
    names = [name for name in _SEVERAL if name in frame.columns]
    counts = frame.group_by("scenario", "model").agg(pl.col(names).n_unique())
    return [name for name in names if (counts[name] > 1).any()]


def _to_latex(frame: pl.DataFrame) -> str:
    missing = [name for name in _SUMMARY if name not in frame.columns]
    if missing:
        raise DataError(
            f'A LaTeX table needs a summary, and the frame has no "{missing[0]}". Export the table "summary" '
            "or choose another format."
        )
    kinds = ["family", "metric"] if "family" in frame.columns else ["metric"]
    parts = frame.partition_by(kinds, as_dict=True, maintain_order=True)
    return "\n".join(
        _one_table(part, caption=" ".join(str(word) for word in dict.fromkeys(kind)))
        for kind, part in parts.items()
    )


def _one_table(frame: pl.DataFrame, *, caption: str) -> str:
    """Lay a metric out: a row a model, a column a scenario; a cell is the mean with its interval."""
    names = ["model", *_differing(frame)]
    scenarios = frame["scenario"].unique().sort().to_list()
    cells: dict[tuple[object, ...], dict[str, str]] = {}
    for row in frame.sort([*names, "scenario"]).iter_rows(named=True):
        key = tuple(row[name] for name in names)
        found = cells.setdefault(key, {})
        if row["scenario"] in found:
            raise DataError(
                f'The summary has several rows for "{row["model"]}" on "{row["scenario"]}", which a table of '
                "models by scenarios has no place for. Average them, or choose another format."
            )
        found[row["scenario"]] = _cell(row)
    rows = [
        [*(str(part) for part in key), *(found.get(name, "--") for name in scenarios)]
        for key, found in cells.items()
    ]
    return tabular([*names, *scenarios], rows, caption=f"{caption}: mean (95 % interval)", n_names=len(names))


def _cell(row: dict[str, object]) -> str:
    value, low, high = row["value"], row["low"], row["high"]
    if not isinstance(value, float):
        return "--"
    if not isinstance(low, float) or not isinstance(high, float):
        return _number(value)
    return f"{_number(value)} {{\\scriptsize ({_number(low)}, {_number(high)})}}"


def _number(value: float) -> str:
    """Write a number with three significant digits."""
    if not math.isfinite(value):
        return r"$\infty$" if value > 0 else r"$-\infty$"
    text = f"{value:.3g}" if value == 0 or 1e-4 <= abs(value) < 1e6 else f"{value:.2e}"
    return f"${text}$" if text.startswith("-") else escape(text)
