"""Shifts planted into real labels and predictions, and the two real ones there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longwave.monitoring import RunStore

__all__ = ["KINDS", "REAL", "SETS", "Case", "load_case", "table"]

Codes = NDArray[np.int64]

# data: task, dataset, service, the service that stands in for its next version
SETS = {
    "command": ("scr", "command", "google_scr", "ibm_scr"),
    "ferplus": ("fer", "ferplus", "google_fer", "microsoft_fer"),
    "imdb": ("sa", "imdb", "google_sa", "amazon_sa"),
}
# real snapshots: dataset, service
REAL = {
    "prime-gpt-4": ("prime", "openai_gpt-4"),
    "prime-gpt-3.5": ("prime", "openai_gpt-3.5"),
    "counthappy-gpt-4": ("counthappy", "openai_gpt-4"),
    "counthappy-gpt-3.5": ("counthappy", "openai_gpt-3.5"),
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """Labels, earlier and later predictions as codes."""

    labels: Codes
    before: Codes
    after: Codes

    @property
    def n_classes(self) -> int:
        return int(max(self.labels.max(), self.before.max(), self.after.max())) + 1

    @property
    def delta(self) -> float:
        return float((self.after == self.labels).mean() - (self.before == self.labels).mean())

    @property
    def churn(self) -> float:
        return float((self.after != self.before).mean())

    @property
    def shift(self) -> NDArray[np.float64]:
        return table(self.labels, self.after, self.n_classes) - table(
            self.labels, self.before, self.n_classes
        )


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What a shift is planted into; ``vendor`` is what another service says."""

    labels: Codes
    before: Codes
    vendor: Codes


def table(labels: Codes, predictions: Codes, n_classes: int) -> NDArray[np.float64]:
    """Return the confusion matrix as shares of all rows."""
    size = n_classes * n_classes
    counts = np.bincount(labels * n_classes + predictions, minlength=size)
    return counts.reshape(n_classes, n_classes) / len(labels)


def load_case(store: RunStore, data: str, kind: str, *, seed: int = 1) -> Case:
    """Load a data set with a shift."""
    if data in REAL:
        dataset, api = REAL[data]
        runs = store.runs(task="llm", dataset=dataset, api=api).sort("date")
        frames = [
            store.table(task="llm", dataset=dataset, api=api, date=str(day)).collect()
            for day in (runs["date"][0], runs["date"][-1])
        ]
        columns = [frames[0]["true_label"], *(frame["predicted_label"] for frame in frames)]
        place = {name: code for code, name in enumerate(sorted({x for c in columns for x in c}))}
        labels, before, after = (np.array([place[x] for x in column]) for column in columns)
        return Case(labels=labels, before=before, after=after)
    task, dataset, api, other = SETS[data]
    columns = ["predicted_label", "true_label"]
    frames = [
        store.table(task=task, dataset=dataset, api=name, columns=columns).collect() for name in (api, other)
    ]
    labels = frames[0]["true_label"].to_numpy().astype(np.int64)
    before, vendor = (frame["predicted_label"].to_numpy().astype(np.int64) for frame in frames)
    rows = Rows(labels=labels, before=before, vendor=vendor)
    after = KINDS[kind](rows, np.random.default_rng([seed, 5]))
    return Case(labels=labels, before=before, after=after)


def _confused(labels: Codes, before: Codes, label: int) -> int:
    """Return what a label was mistaken for most often."""
    wrong = before[(labels == label) & (before != label)]
    return int(np.bincount(wrong).argmax())


def _lose(labels: Codes, before: Codes, rng: np.random.Generator, n: int, share: float) -> Codes:
    """Let the n commonest labels lose a share of their right answers to their commonest error."""
    after = before.copy()
    for label in np.argsort(-np.bincount(labels), kind="stable")[:n]:
        right = np.flatnonzero((labels == label) & (before == label))
        lost = rng.choice(right, int(share * len(right)), replace=False)
        after[lost] = _confused(labels, before, int(label))
    return after


def _none(rows: Rows, _rng: np.random.Generator) -> Codes:
    return rows.before.copy()


def _one(rows: Rows, rng: np.random.Generator) -> Codes:
    return _lose(rows.labels, rows.before, rng, 1, 0.3)


def _three(rows: Rows, rng: np.random.Generator) -> Codes:
    return _lose(rows.labels, rows.before, rng, 3, 0.2)


def _fixed(rows: Rows, rng: np.random.Generator) -> Codes:
    after = rows.before.copy()
    wrong = np.flatnonzero(rows.before != rows.labels)
    mended = rng.choice(wrong, len(wrong) // 4, replace=False)
    after[mended] = rows.labels[mended]
    return after


def _rare(rows: Rows, rng: np.random.Generator) -> Codes:
    """Let the rarest label that has 1 % of the rows lose 60 % of them to the commonest other answer."""
    counts = np.bincount(rows.labels)
    label = next(x for x in np.argsort(counts, kind="stable") if counts[x] >= 0.01 * len(rows.labels))
    after = rows.before.copy()
    those = np.flatnonzero(rows.labels == label)
    moved = rng.choice(those, int(0.6 * len(those)), replace=False)
    after[moved] = int(np.bincount(rows.before[rows.labels != label]).argmax())
    return after


def _blend(rows: Rows, rng: np.random.Generator) -> Codes:
    after = rows.before.copy()
    some = rng.choice(len(after), len(after) // 10, replace=False)
    after[some] = rows.vendor[some]
    return after


def _vendor(rows: Rows, _rng: np.random.Generator) -> Codes:
    return rows.vendor.copy()


KINDS: dict[str, Callable[[Rows, np.random.Generator], Codes]] = {
    "none": _none,
    "one": _one,
    "three": _three,
    "rare": _rare,
    "fixed": _fixed,
    "blend": _blend,
    "vendor": _vendor,
}
