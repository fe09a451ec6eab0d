"""The index by which the filters of the instance browser work across pages, packed column by column."""

from __future__ import annotations

import base64

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.report.analysis import Analysis
from longwave.report.findings import EDITS, edit_names
from longwave.report.links import ORIGINAL
from longwave.report.ordering import error_kind
from longwave.report.text import embed_json

__all__ = ["OUTCOMES", "confidence_index", "filter_lists", "row_index"]

OUTCOMES = ("right", "wrong", "failed", "unscored")
_MOST_ERRORS = 200  # kinds of errors to choose from

_TYPES: tuple[tuple[str, type], ...] = (("u1", np.uint8), ("u2", np.uint16), ("u4", np.uint32))


def filter_lists(analysis: Analysis, rows: pl.DataFrame) -> dict[str, list[str]]:
    """Return what the filters let one choose from, by the name of the filter."""
    errors = rows.select(error_kind(pl.col("error")).alias("kind")).drop_nulls().group_by("kind").len()
    names = rows["input_name"].unique().to_list()
    kinds = [kind for kind in EDITS if edit_names(rows, kind)]
    return {
        "model": [*analysis.systems, *analysis.floor_systems],
        "input": sorted(names, key=lambda name: (name != ORIGINAL, name)),
        "prompt": rows["prompt"].drop_nulls().unique().sort().to_list(),
        "edits": kinds,
        "outcome": list(OUTCOMES),
        "group": rows["group"].drop_nulls().unique().sort().to_list(),
        "error": errors.sort(["len", "kind"], descending=[True, False])["kind"].head(_MOST_ERRORS).to_list(),
    }


def row_index(rows: pl.DataFrame, lists: dict[str, list[str]], page_size: int) -> str:
    """Write the script by which the filters know the rows of every page.

    Parameters
    ----------
    rows : DataFrame
        All rows of a scenario in the order of the browser.
    lists : dict
        Result of `filter_lists`.
    page_size : int
        Instances on a page.

    Notes
    -----
    A column is ``{"all": value}`` or base64 of little-endian whole numbers: places in the lists, from 0; of
    prompts, groups and errors from 1, and 0 for none. ``count`` holds how many rows each instance has, in
    order.
    """
    counts = rows.group_by("instance", maintain_order=True).len()["len"].to_numpy()
    variants = rows.select(
        pl.format("{}/{}", pl.col("trial"), pl.col("prompt").fill_null("")).alias("variant")
    )["variant"]
    columns = {
        "count": counts,
        "model": _places(rows["system"], lists["model"]),
        "input": _places(rows["input_name"], lists["input"]),
        "prompt": _places(rows["prompt"], lists["prompt"]) + 1,
        "outcome": _places(rows["outcome"], lists["outcome"]),
        "group": _places(rows["group"], lists["group"]) + 1,
        "error": _places(rows.select(error_kind(pl.col("error")))["error"], lists["error"]) + 1,
        "variant": _places(variants, variants.unique().sort().to_list()),
    }
    edits = {kind: [lists["input"].index(name) for name in edit_names(rows, kind)] for kind in EDITS}
    index = {
        **lists,
        "edits": edits,
        "rows": len(rows),
        "instances": len(counts),
        "pageSize": page_size,
        "columns": {name: _pack(values) for name, values in columns.items()},
    }
    return f"window.longwaveRows={embed_json(index)};\n"


def confidence_index(rows: pl.DataFrame) -> str:
    """Write the script that holds the confidence of every row, whole, so that links cut where bins were cut.

    Nothing (NaN) stands for no confidence.
    """
    values = rows["confidence"].fill_null(float("nan")).to_numpy().astype("<f8")
    text = base64.b64encode(values.tobytes()).decode()
    return f"window.longwaveConfidence={embed_json(text)};\n"


def _places(values: pl.Series, names: list[str]) -> NDArray[np.int64]:
    """Return the place of each value in a list; -1 for null and for what is not listed."""
    listed = pl.DataFrame({"name": names}, schema={"name": pl.String()}).with_row_index("place")
    found = values.to_frame("name").join(listed, on="name", how="left", maintain_order="left")
    return found["place"].cast(pl.Int64).fill_null(-1).to_numpy()


def _pack(values: NDArray[np.int64]) -> dict[str, object]:
    if len(values) and (values == values[0]).all():
        return {"all": int(values[0])}
    largest = int(values.max(initial=0))
    name, kind = next((name, kind) for name, kind in _TYPES if largest <= np.iinfo(kind).max)
    data = np.ascontiguousarray(values, dtype=np.dtype(kind).newbyteorder("<"))
    return {"type": name, "data": base64.b64encode(data.tobytes()).decode()}
