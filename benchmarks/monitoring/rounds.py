"""Rounds of predictions to time: the bundled HAPI tables, and what they lack drawn by seed.

The twelve classification datasets have 587,139 inputs; three commercial APIs answered each, which makes
1,761,417 predictions. The bundled tables hold 710,892 of them: AFNet was published without confidences, and
Shop is too large to ship. Their inputs are drawn with replacement from the rows of ExpW and of Waimai, with
truth, answers and confidences of the three APIs together.

A second round is the first with a tenth of the answers replaced by that of another row of the API, and
confidences moved by up to 0.05. Groups are eight, drawn for each input.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from longwave.monitoring import load_sample

DRAWN = {"afnet": ("expw", 287_401), "shop": ("waimai", 62_774)}
DATES = ("20-10-21", "22-08-01")
GROUPS = 8
CHANGED = 0.1


@dataclass(frozen=True)
class Rounds:
    """Predictions sorted by dataset, API, date and row, and the labels of their datasets."""

    predictions: pl.DataFrame
    labels: pl.DataFrame
    n_real: int

    def write(self, folder: Path) -> tuple[Path, Path]:
        folder.mkdir(parents=True, exist_ok=True)
        paths = folder / "predictions.parquet", folder / "labels.parquet"
        for frame, path in zip((self.predictions, self.labels), paths, strict=True):
            frame.write_parquet(path, row_group_size=1 << 19)
        return paths


def make_rounds(n_dates: int = 1, *, seed: int = 0, share: float = 1.0) -> Rounds:
    """Return ``n_dates`` rounds; ``share`` below 1 keeps the first rows of each dataset, for tests."""
    rng = np.random.default_rng(seed)
    columns = ["dataset", "api", "row", "predicted_label", "confidence", "true_label"]
    table = load_sample().table(task=["fer", "sa", "scr"], columns=columns).collect()
    table = table.filter(~pl.col("api").cast(pl.String).str.contains("_lib_"))
    table = table.with_columns(pl.col("dataset", "api").cast(pl.String))
    there = set(table["dataset"].unique())
    made = [_draw(table, name, *how, rng).select(columns) for name, how in DRAWN.items() if name not in there]
    n_real = len(table)
    first = pl.concat([*made, table])
    if share < 1:
        first = first.filter(pl.col("row") < pl.col("row").max().over("dataset") * share)
    labels = first.group_by("dataset", "row").agg(pl.col("true_label").first()).sort("dataset", "row")
    names = [f"group {i}" for i in range(GROUPS)]
    groups = pl.Series("group", rng.choice(names, len(labels)), dtype=pl.Categorical)
    rounds = [first.sort("dataset", "api", "row").drop("true_label")]
    for _ in range(n_dates - 1):
        rounds.append(_next_round(rounds[-1], rng))
    dates = [*DATES, *(f"23-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in range(n_dates))][:n_dates]
    every = pl.concat(
        [frame.with_columns(date=pl.lit(date)) for frame, date in zip(rounds, dates, strict=True)]
    ).sort("dataset", "api", "date", maintain_order=True)
    return Rounds(
        predictions=every.select(
            pl.col("dataset", "api", "date").cast(pl.Categorical),
            pl.col("row").cast(pl.Int32),
            pl.col("predicted_label").cast(pl.Int8),
            pl.col("confidence").cast(pl.Float32),
        ).rechunk(),
        labels=labels.select(
            pl.col("dataset").cast(pl.Categorical),
            pl.col("row").cast(pl.Int32),
            pl.col("true_label").cast(pl.Int8),
            group=groups,
        ).rechunk(),
        n_real=n_real,
    )


def _draw(table: pl.DataFrame, name: str, source: str, n: int, rng: np.random.Generator) -> pl.DataFrame:
    rows = table.filter(pl.col("dataset") == source)
    drawn = rng.integers(0, rows["row"].n_unique(), n, dtype=np.int32)
    places = pl.DataFrame({"row": drawn, "new": np.arange(n, dtype=np.int32)})
    return rows.join(places, on="row").with_columns(row=pl.col("new"), dataset=pl.lit(name))


def _next_round(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    shuffled = pl.col("predicted_label").shuffle(seed=int(rng.integers(1 << 31))).over("dataset", "api")
    is_changed = pl.Series(rng.random(len(frame)) < CHANGED)
    moved = pl.Series(rng.uniform(-0.05, 0.05, len(frame)))
    return frame.with_columns(
        predicted_label=pl.when(is_changed).then(shuffled).otherwise("predicted_label"),
        confidence=(pl.col("confidence") + moved).clip(0.0, 1.0),
    )
