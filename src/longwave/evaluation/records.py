"""The records of an evaluation's folder: what was run, on which data, since which day."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from longwave.config import RunRecord, config_hash, read_run_record, to_dict, write_run_record
from longwave.errors import ConfigError, StorageError
from longwave.evaluation.config import EvaluateConfig
from longwave.evaluation.selection import Selection

__all__ = ["KIND", "make_folder", "with_date", "write_record"]

KIND = "evaluate"
RUNS = "runs"  # one record a configuration, beside the newest one in run.json


def make_folder(out: Path) -> None:
    """Make the folder of the results.

    Raises
    ------
    StorageError
        If it cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f'Cannot make the folder "{out}": {error}. Choose another one with out.'
        ) from error


def with_date(config: EvaluateConfig, out: Path) -> EvaluateConfig:
    """Fill in the day: that of the folder's evaluations, the latest where there are several, else today."""
    if config.date is not None:
        return config
    dates = [str(record.config.get("date")) for record in _records(out)]
    return replace(config, date=max(dates, default=datetime.date.today().isoformat()))


def write_record(config: EvaluateConfig, out: Path, selections: Mapping[str, Selection]) -> RunRecord:
    """Write what is run; a ``run.json`` of something else (a quickstart) is left alone.

    Raises
    ------
    ConfigError
        If the folder holds an evaluation of bundled rows and this one asks about official ones, or else the
        other way round.
    """
    _refuse_mixture(config, out)
    data_hash = _hash_data(selections)
    folder = out / RUNS / config_hash(to_dict(config), data_hash)
    record = write_run_record(folder, kind=KIND, config=config, seed=config.seed, data_hash=data_hash)
    known = read_run_record(out)
    if known is None or known.kind == KIND:
        write_run_record(out, kind=KIND, config=config, seed=config.seed, data_hash=data_hash)
    return record


def _refuse_mixture(config: EvaluateConfig, out: Path) -> None:
    """Keep bundled and official rows apart: the same id may stand for different rows in the two."""
    for record in _records(out):
        if bool(record.config.get("official", False)) != config.official:
            kinds = ("official", "bundled") if config.official else ("bundled", "official")
            raise ConfigError(
                f'"{out}" holds an evaluation of {kinds[1]} rows and this one asks about {kinds[0]} rows, '
                "whose ids may be the same. Choose another folder with out."
            )


def _records(out: Path) -> list[RunRecord]:
    found = (read_run_record(folder) for folder in sorted((out / RUNS).glob("*")))
    return [record for record in found if record is not None]


def _hash_data(selections: Mapping[str, Selection]) -> str:
    digest = hashlib.sha256()
    for key, selection in selections.items():
        digest.update(json.dumps(key).encode())
        for item in selection.instances:
            digest.update(json.dumps([item.id, item.perturbation, item.input]).encode())
    return digest.hexdigest()[:16]
