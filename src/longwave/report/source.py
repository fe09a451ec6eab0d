"""The tables behind a report, one scenario at a time, so that memory grows with the largest one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import polars as pl

from longwave._damage import POLARS_DAMAGE
from longwave.errors import TableError
from longwave.predictions import INSTANCES, REQUESTS, SCHEMA, SCORES
from longwave.predictions._conform import conform
from longwave.predictions._shards import ROW_GROUP, list_shards, read_shards, shard_version
from longwave.predictions.schema import TABLES
from longwave.report.links import ORIGINAL
from longwave.report.style import FLOOR_PREFIX

__all__ = ["OVERVIEW", "FolderSource", "FrameSource", "Part", "Source", "describe_rows", "name_systems"]

_WHO = ("model", "version", "date")

OVERVIEW = pl.Schema(
    {
        "scenario": pl.String(),
        "model": pl.String(),
        "version": pl.String(),
        "date": pl.String(),
        "perturbation": pl.String(),
        "rows": pl.Int64(),
        "failed": pl.Int64(),
        "cost_usd": pl.Float64(),
        "system": pl.String(),
        "is_floor": pl.Boolean(),
    }
)


@dataclass(frozen=True, kw_only=True)
class Part:
    """The rows of one scenario.

    Parameters
    ----------
    rows : DataFrame
        Of the predictions table, with the columns of `describe_rows`.
    requests, instances, scores : DataFrame
        Of the side tables; empty where they are not there.
    """

    rows: pl.DataFrame
    requests: pl.DataFrame
    instances: pl.DataFrame
    scores: pl.DataFrame


class Source(Protocol):
    """Where a report takes its rows from."""

    @property
    def overview(self) -> pl.DataFrame:
        """Columns of ``OVERVIEW``: rows by scenario, model, version, date and perturbation."""

    def part(self, scenario: str) -> Part:
        """Return the rows of one scenario."""


class FrameSource:
    """Tables that are in memory already.

    Parameters
    ----------
    predictions : DataFrame
        Rows of the predictions table; columns of `describe_rows` may be there already.
    requests, instances, scores : DataFrame, optional
        The side tables.
    """

    def __init__(
        self,
        predictions: pl.DataFrame,
        *,
        requests: pl.DataFrame | None = None,
        instances: pl.DataFrame | None = None,
        scores: pl.DataFrame | None = None,
    ) -> None:
        self.predictions = describe_rows(predictions.select(list(SCHEMA)))
        self.requests = pl.DataFrame(schema=REQUESTS) if requests is None else requests
        self.instances = pl.DataFrame(schema=INSTANCES) if instances is None else instances
        self.scores = pl.DataFrame(schema=SCORES) if scores is None else scores
        self.overview = _with_names(_count(self.predictions.lazy()).collect())

    def part(self, scenario: str) -> Part:
        """Return the rows of one scenario."""
        rows = self.predictions.filter(pl.col("scenario") == scenario)
        hashes = rows["request_hash"].drop_nulls().unique()
        return Part(
            rows=rows,
            requests=self.requests.filter(pl.col("request_hash").is_in(hashes.implode())),
            instances=self.instances.filter(pl.col("scenario") == scenario),
            scores=self.scores.filter(pl.col("scenario") == scenario),
        )


class FolderSource:
    """Tables on disk, of which one scenario is read at a time.

    Parameters
    ----------
    folder : Path
        Holds ``predictions`` and perhaps the side tables.

    Raises
    ------
    TableError
        If a file is damaged, breaks its schema or was written by a newer Longwave.

    Notes
    -----
    Kept for the whole folder are an overview and, to find the requests of a scenario, which of them stand in
    which blocks of the requests table. The last scenario read is kept, too.
    """

    def __init__(self, folder: Path) -> None:
        self._shards = {name: list_shards(folder / name) for name in TABLES}
        for path in (path for paths in self._shards.values() for path in paths):
            shard_version(path)  # says what is wrong with a file that is damaged or too new
        self.overview = self._read_overview()
        self._systems = self.overview.select(*_WHO, "system").unique()
        self._holders = {name: self._find_holders(name) for name in ("predictions", "instances", "scores")}
        self._blocks = self._find_blocks()
        self._part = lru_cache(maxsize=1)(self._read_part)

    def part(self, scenario: str) -> Part:
        """Return the rows of one scenario."""
        return self._part(scenario)

    def _read_overview(self) -> pl.DataFrame:
        columns = ["scenario", *_WHO, "perturbation", "error", "cost_usd"]
        found = [_scan(path, "predictions").select(columns) for path in self._shards["predictions"]]
        empty = pl.LazyFrame(schema={name: SCHEMA[name] for name in columns})
        counted = _collect(_count(pl.concat([empty, *found])), self._shards["predictions"], "predictions")
        return _with_names(counted)

    def _read_part(self, scenario: str) -> Part:
        rows = self._read("predictions", scenario)
        hashes = rows["request_hash"].drop_nulls().unique()
        pieces = [pl.DataFrame(schema=REQUESTS)]
        for path, block in self._blocks.get(scenario, ()):
            piece = _scan(path, "requests").slice(block * ROW_GROUP, ROW_GROUP)
            piece = piece.filter(pl.col("request_hash").is_in(hashes.implode()))
            pieces.append(_checked(_collect(piece, [path], "requests"), path, "requests"))
        return Part(
            rows=describe_rows(rows, self._systems),
            requests=pl.concat(pieces).unique("request_hash", keep="last", maintain_order=True),
            instances=self._read_side("instances", scenario),
            scores=self._read_side("scores", scenario),
        )

    def _read_side(self, name: str, scenario: str) -> pl.DataFrame:
        return self._read(name, scenario).unique(TABLES[name].key, keep="last", maintain_order=True)

    def _read(self, name: str, scenario: str) -> pl.DataFrame:
        here = pl.col("scenario") == scenario
        frames = [
            _checked(_collect(_scan(path, name).filter(here), [path], name), path, name)
            for path in self._holders[name].get(scenario, ())
        ]
        return pl.concat([pl.DataFrame(schema=TABLES[name].schema), *frames])

    def _find_holders(self, name: str) -> dict[str, list[Path]]:
        """Find which shards hold rows of a scenario: an unfinished run has very many."""
        holders: dict[str, list[Path]] = {}
        for path in self._shards[name]:
            held = _collect(_scan(path, name).select(pl.col("scenario").unique()), [path], name)
            for scenario in held["scenario"].drop_nulls():
                holders.setdefault(scenario, []).append(path)
        return holders

    def _find_blocks(self) -> dict[str, list[tuple[Path, int]]]:
        """Find which blocks of which shards of the requests table hold requests of a scenario."""
        paths = self._shards["requests"]
        if not paths:
            return {}
        # a hash of eight bytes stands for the text of the hash; a collision costs one block read in vain
        short = pl.col("request_hash").hash()
        asked = [
            _collect(_scan(path, "predictions").select("scenario", short), [path], "predictions")
            for path in self._shards["predictions"]
        ]
        empty = pl.DataFrame(schema={"scenario": pl.String(), "request_hash": pl.UInt64()})
        wanted = pl.concat([empty, *asked]).with_columns(pl.col("scenario").cast(pl.Categorical))
        held = [
            _collect(_scan(path, "requests").select(short), [path], "requests")
            .with_row_index("block")
            .select("request_hash", pl.col("block") // ROW_GROUP, shard=pl.lit(place, pl.UInt32()))
            for place, path in enumerate(paths)
        ]
        found = pl.concat(held).join(wanted, on="request_hash").select("scenario", "shard", "block").unique()
        blocks: dict[str, list[tuple[Path, int]]] = {}
        for scenario, shard, block in found.sort("shard", "block").cast({"scenario": pl.String}).iter_rows():
            blocks.setdefault(scenario, []).append((paths[shard], block))
        return blocks


def describe_rows(predictions: pl.DataFrame, systems: pl.DataFrame | None = None) -> pl.DataFrame:
    """Add what every page groups by, and sort the rows so that equal tables give equal pages.

    Parameters
    ----------
    predictions : DataFrame
        Columns of ``SCHEMA``.
    systems : DataFrame, optional
        Result of `name_systems` on a whole table of which these rows are a part.

    Returns
    -------
    DataFrame
        With ``system`` (the model's name, followed by its version or date where the table holds several),
        ``input_name`` (the perturbation, ``"original"`` for none), ``outcome`` (``"right"``, ``"wrong"``,
        ``"failed"`` or ``"unscored"``) and ``is_floor``.
    """
    outcome = (
        pl.when(pl.col("error").is_not_null())
        .then(pl.lit("failed"))
        .when(pl.col("correct").is_null())
        .then(pl.lit("unscored"))
        .otherwise(pl.when(pl.col("correct")).then(pl.lit("right")).otherwise(pl.lit("wrong")))
    )
    named = name_systems(predictions) if systems is None else systems
    return (
        predictions.join(named, on=_WHO, how="left", nulls_equal=True)
        .with_columns(
            input_name=pl.col("perturbation").fill_null(ORIGINAL),
            outcome=outcome,
            is_floor=pl.col("model").str.starts_with(FLOOR_PREFIX),
        )
        .sort(["scenario", "instance", "system", "perturbation", "prompt", "trial"], nulls_last=False)
    )


def name_systems(rows: pl.DataFrame) -> pl.DataFrame:
    """Name every model, version and date of a table.

    Returns
    -------
    DataFrame
        ``model``, ``version``, ``date`` and ``system``, one row each.
    """
    several = [
        pl.when(pl.col(column).n_unique().over("model") > 1)
        .then(pl.format(" · {}", pl.col(column).fill_null("unknown")))
        .otherwise(pl.lit(""))
        for column in ("version", "date")
    ]
    return rows.select(_WHO).unique().with_columns(system=pl.concat_str([pl.col("model"), *several]))


def _count(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.group_by("scenario", *_WHO, "perturbation").agg(
        rows=pl.len().cast(pl.Int64),
        failed=pl.col("error").is_not_null().sum().cast(pl.Int64),
        cost_usd=pl.when(pl.col("cost_usd").is_not_null().all()).then(pl.col("cost_usd").sum()),
    )


def _with_names(counted: pl.DataFrame) -> pl.DataFrame:
    return (
        counted.join(name_systems(counted), on=_WHO, how="left", nulls_equal=True)
        .with_columns(is_floor=pl.col("model").str.starts_with(FLOOR_PREFIX))
        .select(list(OVERVIEW))
        .sort("scenario", "system", "perturbation")
    )


def _scan(path: Path, name: str) -> pl.LazyFrame:
    """Scan a shard; one that is not exactly of the table's form is read whole and brought into it."""
    table = TABLES[name]
    try:
        # folder names are the user's: "run [2]" is no pattern and "date=2024" no column
        rows = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        if rows.collect_schema() == table.schema:
            return rows
    except (*POLARS_DAMAGE, OSError):
        pass
    return read_shards([path], table).lazy()


def _collect(rows: pl.LazyFrame, paths: Sequence[Path], name: str) -> pl.DataFrame:
    """Collect a query over shards; where one of them is damaged, the message names it."""
    try:
        return rows.collect(engine="streaming")
    except (*POLARS_DAMAGE, OSError) as error:
        for path in paths:
            read_shards([path], TABLES[name])
        raise TableError(f'The table "{name}" cannot be read: {error}. Build the report again.') from error


def _checked(rows: pl.DataFrame, path: Path, name: str) -> pl.DataFrame:
    try:
        return conform(rows, TABLES[name])
    except TableError as error:
        raise TableError(f'"{path}": {error}') from error
