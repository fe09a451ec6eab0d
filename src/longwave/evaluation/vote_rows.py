"""The votes of a folder, read lazily: one model and scenario at a time, and only the columns they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from longwave._damage import POLARS_DAMAGE
from longwave.errors import DataError, MissingFile, TableError, UnknownName
from longwave.predictions import SCHEMA_VERSION
from longwave.predictions._conform import conform
from longwave.predictions._shards import list_shards, read_shards, read_steadily, shard_version
from longwave.predictions.schema import TABLES, Table
from longwave.prompting.votes import VOTE_PREFIX, VoteMatrix, build_votes, choose_prompts

__all__ = ["VOTER", "ScenarioVotes", "read_described", "read_inputs", "read_votes"]

VOTER = ("scenario", "model", "version", "date")
_INPUT = ("instance", "perturbation")
# a row of the train split that was asked for its vote only: nothing of it is scored
_IS_UNLABELLED = (pl.col("split") == "train").fill_null(value=False) & pl.col("label").is_null()


@dataclass(frozen=True, kw_only=True)
class ScenarioVotes:
    """What one model answered to one scenario by several prompts.

    Parameters
    ----------
    voter : mapping
        Values of ``scenario, model, version, date``.
    prompts : tuple of str
        Those that vote.
    rows : DataFrame
        ``instance, prompt, perturbation, split, prediction, label, score`` of all prompts, those that do not
        vote and aggregates too; of several trials the first.
    instances : DataFrame
        ``instance, perturbation, references, correct_references``.
    """

    voter: Mapping[str, str]
    prompts: tuple[str, ...]
    rows: pl.DataFrame
    instances: pl.DataFrame

    @cached_property
    def originals(self) -> VoteMatrix:
        """The votes on inputs as they are, those on unlabelled rows too."""
        return self._build(None, ())

    @cached_property
    def scored(self) -> VoteMatrix:
        """The votes on inputs as they are, without the unlabelled rows."""
        silent = set(self.rows.filter(_IS_UNLABELLED)["instance"])
        if not silent:
            return self.originals
        kept = [place for place, name in enumerate(self.originals.instances) if name not in silent]
        return self.originals.take(np.array(kept, dtype=np.int64))

    @property
    def perturbations(self) -> list[str]:
        """Names of the edits of which there are copies."""
        return self.rows["perturbation"].drop_nulls().unique().sort().to_list()

    def copies(self, perturbation: str) -> VoteMatrix:
        """Return the votes on perturbed copies; a code means what it means of the originals."""
        return self._build(perturbation, self.originals.classes)

    def _build(self, perturbation: str | None, classes: Sequence[str]) -> VoteMatrix:
        same = pl.col("perturbation").eq_missing(pl.lit(perturbation, pl.String()))
        rows = self.rows.filter(same & pl.col("prompt").is_in(self.prompts))
        if not len(rows):
            raise DataError(
                f'There are no votes of "{self.voter["model"]}" on the originals of '
                f'"{self.voter["scenario"]}", but on perturbed copies. Evaluate the originals, too.'
            )
        return build_votes(rows, self.prompts, instances=self.instances.filter(same), classes=classes)


def read_votes(folder: Path | str, prompts: Sequence[str] | None = None) -> Iterator[ScenarioVotes]:
    """Read the votes of a folder, model by model and scenario by scenario, sorted by name.

    Parameters
    ----------
    folder : Path or str
        Output folder of an evaluation.
    prompts : sequence of str, optional
        Those that vote; default: the chains ``ama-1``, ``ama-2``, ...

    Raises
    ------
    DataError
        If there are no votes.
    UnknownName
        If a prompt was named that no row has.
    MissingFile
        If there is no such folder.
    TableError
        If a file is damaged, breaks the schema or was written by a newer Longwave; the message names it.
    """
    asked = _read(
        folder, "predictions", [*VOTER, "prompt"], pl.col("trial") == 0, distinct=[*VOTER, "prompt"]
    )
    known = asked["prompt"].unique().sort().to_list()
    wrong = next((name for name in prompts or () if name not in known), None)
    if wrong is not None and known:
        raise UnknownName("prompt", wrong, known)
    name = pl.col("prompt")
    votes = asked.filter(name.str.starts_with(VOTE_PREFIX) if prompts is None else name.is_in(list(prompts)))
    if not len(votes):
        raise DataError(
            f'"{folder}" holds no votes. Fill it with: longwave evaluate --prompting ama --out {folder}'
        )
    columns = (*_INPUT, "prompt", "split", "prediction", "label", "score")
    for values, own in votes.sort(VOTER).group_by(VOTER, maintain_order=True):
        voter = dict(zip(VOTER, map(str, values), strict=True))
        where = pl.all_horizontal(_is(voter), pl.col("trial") == 0)
        yield ScenarioVotes(
            voter=voter,
            prompts=tuple(choose_prompts(own["prompt"]) if prompts is None else dict.fromkeys(prompts)),
            rows=_read(folder, "predictions", columns, where),
            instances=read_inputs(folder, voter["scenario"], ("references", "correct_references")),
        )


def read_inputs(folder: Path | str, scenario: str, columns: Sequence[str]) -> pl.DataFrame:
    """Read columns of the instances of a scenario; of rows that were written several times the last."""
    rows = _read(folder, "instances", [*_INPUT, *columns], pl.col("scenario") == scenario)
    return rows.unique(_INPUT, keep="last", maintain_order=True)


def read_described(folder: Path | str, votes: ScenarioVotes, columns: Sequence[str]) -> pl.DataFrame:
    """Read columns that every prompt has alike, one row an input that is scored."""
    where = pl.all_horizontal(_is(votes.voter), pl.col("prompt").is_in(votes.prompts), ~_IS_UNLABELLED)
    return _read(folder, "predictions", [*_INPUT, *columns], where, distinct=_INPUT)


def _is(voter: Mapping[str, str]) -> pl.Expr:
    return pl.all_horizontal(pl.col(name) == value for name, value in voter.items())


def _read(
    folder: Path | str,
    name: str,
    columns: Sequence[str],
    where: pl.Expr,
    *,
    distinct: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Read columns of the rows that fulfil a condition, one of those alike in the distinct columns."""
    if not Path(folder).is_dir():
        raise MissingFile(f'No folder "{folder}". Give the folder that "longwave evaluate --out" wrote.')
    table, path = TABLES[name], Path(folder) / name
    part = Table(
        name=name,
        schema=pl.Schema({column: table.schema[column] for column in columns}),
        key=tuple(column for column in table.key if column in columns),
    )

    def collect(paths: list[Path]) -> pl.DataFrame:
        found = [_scan(shard, table).filter(where).select(columns) for shard in paths]
        rows = pl.concat([pl.LazyFrame(schema=part.schema), *found])
        try:
            frame = (rows if distinct is None else rows.unique(distinct)).collect(engine="streaming")
        except (*POLARS_DAMAGE, OSError):
            read_shards(paths, table)  # says which of them is damaged
            raise
        return conform(frame, part)

    try:
        return read_steadily(lambda: list_shards(path), collect)
    except (*POLARS_DAMAGE, OSError) as error:
        raise TableError(f'"{path}" cannot be read: {error}. Run the same command again.') from error


def _scan(path: Path, table: Table) -> pl.LazyFrame:
    """Scan a shard; one that is not exactly of the table's form is read whole and brought into it."""
    # folder names are the user's: "run [2]" is no pattern and "date=2024" no column
    if shard_version(path) == SCHEMA_VERSION:
        rows = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        if rows.collect_schema() == table.schema:
            return rows
    return read_shards([path], table).lazy()
