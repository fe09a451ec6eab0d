"""Put seeds together, and hold what was found against the goals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from studies import CONV, LIMITED, OMNIGLOT_RATE, PROGRESSIVE, SEQUENCE, STUDIES, UNLIMITED

from longwave.training.tasks import wilson_bounds

Row = dict[str, object]
COARSE, FINE = 7, 28
KEY = ("study", "model", "bandlimit_at_test", "points", "is_shrunk")


def summarise(results: Sequence[Row]) -> list[Row]:
    """Return a row for every study, model, bandlimit at test and resolution: the mean over seeds.

    All seeds answer the same test images, so the interval is Wilson's for one set of them.
    """
    groups: dict[tuple[object, ...], list[Row]] = {}
    for result in results:
        for answer in result["answers"]:
            row = {**answer, **{key: result[key] for key in ("study", "model", "seed", "training_s")}}
            groups.setdefault(tuple(row[key] for key in KEY), []).append(row)
    rows = []
    for key in sorted(groups, key=_order):
        runs = sorted(groups[key], key=lambda run: int(run["seed"]))
        shares = [float(run["accuracy"]) for run in runs]
        low, high = wilson_bounds(float(np.mean(shares)), int(runs[0]["n"]))
        rows.append(
            {
                **dict(zip(KEY, key, strict=True)),
                "seeds": [int(run["seed"]) for run in runs],
                "accuracies": shares,
                "accuracy": float(np.mean(shares)),
                "low": low,
                "high": high,
                "n": int(runs[0]["n"]),
                "parameters": int(runs[0]["parameters"]),
                "training_s": float(np.mean([run["training_s"] for run in runs])),
            }
        )
    return rows


def goals(rows: Sequence[Row], speed: Row | None = None) -> list[Row]:
    """Return what was hoped for and what came out; only what can be told from the rows."""
    found = Found(rows)
    listed = [*_across_resolutions(found), *_at_full_resolution(found), *_of_speed(speed or {})]
    return [
        {"goal": text, "found": value, "wanted": wanted, "is_met": _is_met(value, wanted)}
        for text, value, wanted in listed
        if value is not None
    ]


Seeds = dict[int, float]  # accuracy in points of every seed


class Found:
    """Accuracies by study, model and resolution; no seeds where there are no runs."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = {tuple(row[key] for key in KEY): row for row in rows}

    def at(self, study: str, model: str, points: int) -> Seeds:
        row = self.rows.get((study, model, "model", points, False))
        return (
            {} if row is None else {s: 100 * a for s, a in zip(row["seeds"], row["accuracies"], strict=True)}
        )


def difference(one: Seeds, other: Seeds) -> float | None:
    """Return by how much one is ahead, the mean over the seeds that both have."""
    shared = sorted(one.keys() & other.keys())
    return mean({seed: one[seed] - other[seed] for seed in shared})


def mean(seeds: Seeds) -> float | None:
    return round(float(np.mean(list(seeds.values()))), 2) if seeds else None


def _across_resolutions(found: Found) -> Iterator[tuple[str, float | None, str]]:
    digits = {name: found.at("zero-shot", name, FINE) for name in (LIMITED, UNLIMITED, CONV)}
    coarse = {name: found.at("zero-shot", name, COARSE) for name in (LIMITED, UNLIMITED)}
    yield (
        "MNIST 7 -> 28: S4ND ahead of convolutions, points",
        difference(digits[LIMITED], digits[CONV]),
        ">= 25",
    )
    yield "MNIST 7 -> 28: what S4ND loses, points", difference(coarse[LIMITED], digits[LIMITED]), "<= 20"
    yield (
        "MNIST 7 -> 28: the same, bound asked for first, points",
        difference(coarse[LIMITED], digits[LIMITED]),
        "<= 8",
    )
    yield (
        "MNIST 7 -> 28: what the bandlimit brings, points",
        difference(digits[LIMITED], digits[UNLIMITED]),
        ">= 20",
    )
    yield (
        "MNIST at 7: what the bandlimit brings, points",
        difference(coarse[LIMITED], coarse[UNLIMITED]),
        ">= -1",
    )
    finest = STUDIES["omniglot"].resolutions[-1]
    ahead = difference(found.at("omniglot", LIMITED, finest), found.at("omniglot", CONV, finest))
    yield (
        f"Omniglot {finest / OMNIGLOT_RATE:g} -> {finest}: S4ND ahead of convolutions, points",
        ahead,
        ">= 25",
    )


def _at_full_resolution(found: Found) -> Iterator[tuple[str, float | None, str]]:
    whole = {name: found.at("full", name, FINE) for name in (LIMITED, CONV, SEQUENCE)}
    yield "MNIST at 28: S4ND, %", mean(whole[LIMITED]), ">= 99"
    yield "MNIST at 28: S4ND ahead of convolutions, points", difference(whole[LIMITED], whole[CONV]), ">= 0"
    yield "MNIST as 784 pixels: S4ND, %", mean(whole[SEQUENCE]), ">= 98.5"
    lost = difference(whole[LIMITED], found.at("progressive", PROGRESSIVE, FINE))
    yield "progressive resizing: what is lost, points", lost, "<= 1"
    ahead = difference(found.at("video", LIMITED, 16), found.at("video", CONV, 16))
    yield "moving digits: S4ND ahead of 3-D convolutions, points", ahead, ">= 0"


def _of_speed(speed: Row) -> Iterator[tuple[str, float | None, str]]:
    steps = [row for row in speed.get("steps", []) if row["model"] == LIMITED]
    for name, text in (("flops", "operations"), ("seconds", "seconds")):
        for row in steps:
            share = round(100 * row[f"saved_{name}"], 2)
            yield f"progressive resizing: {text} saved with batches of {row['batch']}, %", share, ">= 22"
    layer = speed.get("layer", {}).get("ratio")
    yield "a layer: times as fast as naive complex transforms", layer, ">= 2"


def _is_met(value: float, wanted: str) -> bool:
    sign, bound = wanted.split()
    return value >= float(bound) if sign == ">=" else value <= float(bound)


def _order(key: tuple[object, ...]) -> tuple[object, ...]:
    study, model, limit, points, is_shrunk = key
    models = STUDIES[str(study)].models
    return (
        list(STUDIES).index(str(study)),
        models.index(str(model)),
        limit != "model",
        limit,
        points,
        is_shrunk,
    )
