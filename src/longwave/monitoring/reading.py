"""Open runs whatever they are kept in."""

from __future__ import annotations

from pathlib import Path

from longwave.monitoring.hapi.reading import read_hapi
from longwave.monitoring.own_tables import runs_from_predictions
from longwave.monitoring.store import RunStore

__all__ = ["read_runs"]


def read_runs(path: Path | str, *, prompt: str | None = None) -> RunStore:
    """Open HAPI data or a predictions table, whichever the path is.

    Parameters
    ----------
    path : Path or str
        As `read_hapi` or `runs_from_predictions` take it.
    prompt : str, optional
        Of a predictions table with several.

    Raises
    ------
    LongwaveError
        As those two.
    """
    source = Path(path)
    is_table = (
        source.suffix == ".parquet" or any(source.glob("part-*.parquet")) or (source / "predictions").is_dir()
    )
    return runs_from_predictions(source, prompt=prompt) if is_table else read_hapi(source)
