"""Truth and groups of the examples that predictions are about, by row of their dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from longwave.errors import DataError
from longwave.monitoring.analysis.counts import Codes, Vocabulary, split_runs

__all__ = ["ExampleTable"]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Examples:
    """Codes by position, -1 where there is none."""

    truth: Codes
    groups: Mapping[str, Codes] = field(default_factory=dict)

    def at(self, place: slice | Codes) -> tuple[Codes, Mapping[str, Codes]]:
        return self.truth[place], {name: codes[place] for name, codes in self.groups.items()}


class ExampleTable:
    """Looks up truth and groups: in the labels of datasets, or where they stand beside the predictions.

    Parameters
    ----------
    keys : sequence of str
        Names of the parts of a run's key.
    labels : DataFrame, optional
        ``row, true_label``, grouping columns, and what of ``task`` and ``dataset`` tells datasets apart.
    by : sequence of str
        Grouping columns.

    Attributes
    ----------
    vocabulary : Vocabulary
        Codes of labels.
    """

    def __init__(self, *, keys: Sequence[str], labels: pl.DataFrame | None, by: Sequence[str]) -> None:
        self.vocabulary = Vocabulary()
        self._groups = {name: Vocabulary() for name in by}
        self._batch: _Examples | None = None
        self._places: list[int] = []
        self._datasets: dict[tuple[str, ...], _Examples] | None = None
        if labels is not None:
            parts = [name for name in ("task", "dataset") if name in keys and name in labels.columns]
            self._places = [keys.index(name) for name in parts]
            self._datasets = self._read_labels(labels, parts)

    @property
    def group_names(self) -> dict[str, Vocabulary]:
        """What the codes of groups stand for, by grouping column."""
        return {
            name: self.vocabulary if name == "true_label" else each for name, each in self._groups.items()
        }

    def read(self, batch: pl.DataFrame) -> None:
        """Take truth and groups from a batch of rows, unless datasets have them."""
        if self._datasets is None:
            self._batch = self._encode(batch)

    def of(self, key: tuple[str, ...], rows: Codes, part: slice) -> tuple[Codes, Mapping[str, Codes]]:
        """Return truth and groups of some rows of a run.

        Parameters
        ----------
        key : tuple of str
            The run's.
        rows : ndarray
            Their positions in the dataset.
        part : slice
            Their places in the batch.

        Raises
        ------
        DataError
            If the dataset has no such row.
        """
        if self._datasets is None:
            return self._batch.at(part) if self._batch is not None else (rows[:0], {})
        examples = self._datasets.get(tuple(key[place] for place in self._places))
        size = 0 if examples is None else len(examples.truth)
        if examples is None or not (rows.min() >= 0 and rows.max() < size):
            raise DataError(
                f"{'/'.join(key)} has row {rows.max()}, but its dataset has {size} rows in the labels; "
                "accepted are rows from 0 to one less. Pass the labels of every dataset."
            )
        if rows[-1] - rows[0] == len(rows) - 1 and bool((rows[1:] > rows[:-1]).all()):
            return examples.at(slice(int(rows[0]), int(rows[-1]) + 1))  # a view: rows follow each other
        return examples.at(rows)

    def _read_labels(self, labels: pl.DataFrame, parts: Sequence[str]) -> dict[tuple[str, ...], _Examples]:
        if not parts:
            return {(): self._dense(labels)}
        known = labels.with_columns(pl.col(parts).cast(pl.Categorical))
        stretches = split_runs(known, parts)
        if len({key for key, _, _ in stretches}) < len(stretches):
            known = known.sort(parts)
            stretches = split_runs(known, parts)
        return {key: self._dense(known[start:stop]) for key, start, stop in stretches}

    def _dense(self, rows: pl.DataFrame) -> _Examples:
        place, coded = rows["row"].to_numpy(), self._encode(rows)
        size = int(place.max(initial=-1)) + 1
        if len(place) == size and bool((place == np.arange(size)).all()):
            return coded
        return _Examples(
            truth=_scatter(coded.truth, place, size),
            groups={name: _scatter(codes, place, size) for name, codes in coded.groups.items()},
        )

    def _encode(self, rows: pl.DataFrame) -> _Examples:
        if "true_label" in rows.columns:
            truth = self.vocabulary.encode(rows["true_label"])
        else:
            truth = np.full(len(rows), -1, dtype=np.int16)
        groups = {
            name: truth if name == "true_label" else vocabulary.encode(_as_text(rows[name]))
            for name, vocabulary in self._groups.items()
        }
        return _Examples(truth=truth, groups=groups)


def _as_text(groups: pl.Series) -> pl.Series:
    """Return groups as text: numbers are names here, not codes."""
    return groups if isinstance(groups.dtype, pl.Categorical) else groups.cast(pl.String)


def _scatter(codes: Codes, place: Codes, size: int) -> Codes:
    dense = np.full(size, -1, dtype=np.int32)
    dense[place] = codes
    return dense
