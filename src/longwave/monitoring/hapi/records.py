"""HAPI's runs as lists of dicts, in the shapes that the reference package returns."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from longwave.errors import DataError
from longwave.monitoring.store import Examples, Rows, Run

__all__ = ["Predictions", "TrueLabels", "list_summary", "no_inputs", "records_of"]

Predictions = dict[str, list[dict[str, object]]]
TrueLabels = dict[str, list[dict[str, object]]]

_SUMMARY = pl.Schema(
    {
        "task": pl.String(),
        "dataset": pl.String(),
        "api": pl.String(),
        "date": pl.String(),
        "path": pl.String(),
        "cost_per_10k": pl.Float64(),
    }
)


def list_summary(runs: Sequence[Run]) -> pl.DataFrame:
    """Return the released table of runs."""
    return pl.DataFrame(
        [(*run.key, run.path, run.cost_per_10k) for run in runs], schema=_SUMMARY, orient="row"
    )


def records_of(rows: Rows, examples: Examples) -> list[dict[str, object]]:
    """Return the rows of one run in the order of its source: confidence, predicted_label, example_id."""
    ids = examples.read().select("row", "example_id")
    joined = rows.read().join(ids, on="row", how="left", maintain_order="left")
    return joined.select("confidence", "predicted_label", "example_id").collect().to_dicts()


def no_inputs(name: str) -> DataError:
    """Return the error that tells why there are no inputs, and what to do."""
    return DataError(
        f"The inputs of {name} (images, texts, sound) are in no release of HAPI; their owners publish them "
        "under terms of their own. Get them there and join on example_id, which is the file's name without "
        ".jpg, .jpeg, .png or .txt; where ids repeat, in the order of labels()."
    )
