"""What the pictures of groups are made of: files beside the predictions table, in ``group_maps/``.

One file a method and seed: coordinates of some points before and after it. No pickles; the schema version is
in the file, and older ones keep loading.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.config import replacing
from longwave.errors import DataError, ShapeError

__all__ = ["GROUP_MAPS", "GROUP_MAPS_SCHEMA", "MapOfGroups", "SpreadOfGroups", "write_group_map"]

GROUP_MAPS = "group_maps"
GROUP_MAPS_SCHEMA = 1
_KEY = ("scenario", "model", "version", "date", "trial")


class SpreadOfGroups(Protocol):
    """How groups lie; ``longwave.adapters.group_report.spread_groups`` measures it."""

    @property
    def within(self) -> float | None:
        """Mean cosine between groups of one class."""
        ...

    @property
    def between(self) -> float | None:
        """Mean cosine between groups of different classes."""
        ...

    @property
    def neighbours(self) -> float:
        """Share of nearest neighbours with the same label."""
        ...


class MapOfGroups(Protocol):
    """Coordinates of some points; ``longwave.adapters.maps.map_groups`` makes them."""

    @property
    def points(self) -> NDArray[np.int64]:
        """Numbers of the points among the rows, shape (m,)."""
        ...

    @property
    def before(self) -> NDArray[np.float32]:
        """Coordinates of the frozen embeddings, shape (m, 2)."""
        ...

    @property
    def after(self) -> NDArray[np.float32]:
        """Coordinates of the adapted ones, shape (m, 2)."""
        ...

    @property
    def before_share(self) -> float:
        """Share of the variance that they hold."""
        ...

    @property
    def after_share(self) -> float:
        """The same of the adapted ones."""
        ...

    @property
    def before_spread(self) -> SpreadOfGroups:
        """How groups lay."""
        ...

    @property
    def after_spread(self) -> SpreadOfGroups:
        """How groups lie."""
        ...


def write_group_map(out: Path | str, rows: pl.DataFrame, found: MapOfGroups) -> Path:
    """Keep the map of one method and seed.

    Parameters
    ----------
    out : Path or str
        Folder of the predictions table.
    rows : DataFrame
        Rows of the predictions table, one a point: all of one scenario, model, version, date and trial.
    found : MapOfGroups

    Returns
    -------
    Path
        The file. The same method and seed have the same one: written again, it takes its own place.

    Raises
    ------
    DataError
        If the rows are of several methods or seeds.
    ShapeError
        If a point has no row, or coordinates are not two a point.
    StorageError
        If the file cannot be written.
    """
    keys = rows.select(_KEY).unique()
    if len(keys) != 1:
        raise DataError(
            f"The rows are of {len(keys)} methods or seeds ({', '.join(_KEY)}); accepted are those of one. "
            "Write a file for each."
        )
    m = len(found.points)
    has_rows = not m or 0 <= found.points.min() <= found.points.max() < len(rows)
    if not has_rows or found.before.shape != (m, 2) or found.after.shape != (m, 2):
        raise ShapeError(
            f"There are {len(rows)} rows, {m} points and coordinates of shape {found.before.shape} and "
            f"{found.after.shape}; accepted are points among the rows, with coordinates (m, 2). Map these "
            "rows."
        )
    key = keys.row(0, named=True)
    about = {
        "schema": GROUP_MAPS_SCHEMA,
        **key,
        "instances": rows["instance"].gather(found.points).to_list(),
        "labels": rows["label"].gather(found.points).to_list(),
        "groups": rows["group"].gather(found.points).to_list(),
        "before": _told(found.before_spread, found.before_share),
        "after": _told(found.after_spread, found.after_share),
    }
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    path = Path(out) / GROUP_MAPS / f"{name}.npz"
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            about=np.array(json.dumps(about)),
            before=found.before.astype(np.float32),
            after=found.after.astype(np.float32),
        )
    return path


def _told(spread: SpreadOfGroups, share: float) -> dict[str, float | None]:
    return {
        "within": spread.within,
        "between": spread.between,
        "neighbours": spread.neighbours,
        "share": share,
    }
