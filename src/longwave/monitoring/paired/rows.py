"""Two runs row by row: joined by position in the dataset, labels as codes, scores as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import DataError
from longwave.metrics.tidy import require

__all__ = [
    "PairedRows",
    "check_labels",
    "label_overlap",
    "pair_rows",
    "require_columns",
    "run_name",
    "score_labels",
]

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

RUN_KEY = ("task", "dataset", "api", "date")
_OWN = ("predicted_label", "confidence", "score", "latency_s", "cost_usd", "answer_chars", "tokens_out")


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedRows:
    """The rows that two runs share.

    Parameters
    ----------
    frame : DataFrame
        ``row``, ``true_label`` where known, the columns of both sides with ``_before`` and ``_after``, and
        the grouping columns; ascending by row.
    before, after : str
        What the runs are called.
    only_before, only_after : int
        Rows that one side has alone, left out.
    labels : tuple
        Labels in the order of their codes: those given, then others that occur, sorted.
    names : tuple of str
        What each label is called.
    cluster : str or None
        Column of what was drawn, where it is not rows.
    """

    frame: pl.DataFrame
    before: str
    after: str
    only_before: int = 0
    only_after: int = 0
    labels: tuple[object, ...] = ()
    names: tuple[str, ...] = ()
    cluster: str | None = None

    @property
    def n(self) -> int:
        """The number of rows that both have."""
        return len(self.frame)

    @property
    def has_sets(self) -> bool:
        """Whether a label is a list of tags."""
        return isinstance(self.frame.schema["predicted_label_before"], pl.List)

    @property
    def has_truth(self) -> bool:
        """Whether any row has a true label."""
        return "true_label" in self.frame.columns and self.frame["true_label"].null_count() < self.n

    def groups(self, by: str) -> pl.Series:
        """Return the group of each scored row as text; labels by their names."""
        groups = self.frame[by].filter(pl.Series(self.scored))
        if isinstance(groups.dtype, pl.List):
            raise DataError(f'"{by}" holds lists, which are no groups. Group by a column of text or numbers.')
        if by == "true_label" and not self.has_sets:
            old = pl.Series(self.labels, dtype=_label_type(groups))
            return groups.cast(old.dtype).replace_strict(old, self.names, return_dtype=pl.String)
        return groups.cast(pl.String)

    @cached_property
    def codes(self) -> tuple[Codes, Codes, Codes]:
        """Codes of truth, first and second prediction; -1 for none."""
        if self.has_truth:
            truth = _encode(self.frame["true_label"], self.labels)
        else:
            truth = np.full(self.n, -1, dtype=np.intp)
        first, second = (
            _encode(self.frame[f"predicted_label_{side}"], self.labels) for side in ("before", "after")
        )
        return truth, first, second

    @cached_property
    def scored(self) -> NDArray[np.bool_]:
        """Which rows have a score at both dates."""
        return np.asarray(~(np.isnan(self._scores[0]) | np.isnan(self._scores[1])))

    @cached_property
    def scores(self) -> tuple[Array, Array]:
        """Scores of both runs on the scored rows."""
        return self._scores[0][self.scored], self._scores[1][self.scored]

    @cached_property
    def _scores(self) -> tuple[Array, Array]:
        first, second = (_scores_of(self.frame, side, self.n) for side in ("before", "after"))
        return first, second

    @cached_property
    def overlap(self) -> Array:
        """How far the two predictions of each row agree: 0 or 1, for sets of tags their Jaccard index."""
        before, after = (self.frame[f"predicted_label_{side}"] for side in ("before", "after"))
        return label_overlap(before, after)

    @property
    def clusters(self) -> NDArray[np.generic] | None:
        """What each scored row was drawn with; a row without it stands for itself."""
        if self.cluster is None:
            return None
        rows = self.frame.filter(pl.Series(self.scored))
        own = "row " + pl.col("row").cast(pl.String)
        return rows.select(pl.col(self.cluster).cast(pl.String).fill_null(own)).to_series().to_numpy()

    def column(self, name: str) -> tuple[Array, Array] | None:
        """Return a number of both runs, NaN where unknown; None where a side has none at all."""
        names = [f"{name}_before", f"{name}_after"]
        if not set(names) <= set(self.frame.columns):
            return None
        first, second = (self.frame[each].cast(pl.Float64).fill_null(np.nan).to_numpy() for each in names)
        if np.isnan(first).all() or np.isnan(second).all():
            return None
        return first, second


def pair_rows(
    before: pl.DataFrame,
    after: pl.DataFrame,
    *,
    by: Sequence[str] = (),
    labels: Sequence[object] | None = None,
    names: Sequence[str] = (),
    cluster: str | None = None,
) -> PairedRows:
    """Join two runs of one dataset by ``row``.

    Parameters
    ----------
    before, after : DataFrame
        One run each, as ``table()`` of a store gives them: ``row``, ``predicted_label``, and what else there
        is of ``true_label, score, confidence, latency_s, cost_usd, answer_chars, tokens_out``.
    by : sequence of str
        Grouping columns, in either frame.
    labels : sequence, optional
        The common label space, in order. Others that occur come after it.
    names : sequence of str
        What those labels are called; the others are called what they are.
    cluster : str, optional
        Column, in either frame, of what was drawn where it is not rows: the speaker, the document.

    Raises
    ------
    TableError
        If a column is missing.
    DataError
        If a frame holds a row twice, no row is in both, or the true labels differ.
    """
    for frame in (before, after):
        require_columns(frame, ["row", "predicted_label"])
        check_labels(frame["predicted_label"])
    sides = [_side(frame, name) for frame, name in ((before, "before"), (after, "after"))]
    if before["row"].equals(after["row"]):
        frame = pl.concat([sides[0], sides[1].drop("row")], how="horizontal").sort("row")
    else:
        frame = sides[0].join(sides[1], on="row", how="inner").sort("row")
    called = run_name(before, "before"), run_name(after, "after")
    if not len(frame):
        raise DataError(
            f"{called[0]} and {called[1]} have no row in common; compare two runs of the same dataset."
        )
    frame = _add_truth(frame, before, after)
    for name in (*by, *([cluster] if cluster is not None else [])):
        frame = _add_once(frame, before, after, name)
    space = _label_space(frame, labels)
    return PairedRows(
        frame=frame,
        before=called[0],
        after=called[1],
        only_before=len(before) - len(frame),
        only_after=len(after) - len(frame),
        labels=space,
        cluster=cluster,
        names=(*names[: len(space)], *(str(label) for label in space[len(names) :])),
    )


def score_labels(predicted: pl.Series, truth: pl.Series) -> Array:
    """Score predictions against true labels, NaN where there is no true label.

    Parameters
    ----------
    predicted, truth : Series
        Of the same type: codes, texts or lists of tags.

    Notes
    -----
    1 where equal, else 0; lists by the Jaccard index of their sets ``|P ∩ Y| / |P ∪ Y|``, 1 if both are
    empty. No prediction (null) is wrong.

    References
    ----------
    Set Jaccard reproduces the rewards released with the FrugalMCT tables (2021-02); multisets do not.

    Examples
    --------
    >>> score_labels(pl.Series([["a", "b"], []]), pl.Series([["a"], []])).tolist()
    [0.5, 1.0]
    """
    scores = _agreement(predicted, truth)
    return np.where(truth.is_null().to_numpy(), np.nan, scores)


def label_overlap(first: pl.Series, second: pl.Series) -> Array:
    """Return how far two labels of each row agree: equal or not, or the Jaccard index of two sets.

    Two answers that are both missing (null) agree.
    """
    both_missing = (first.is_null() & second.is_null()).to_numpy()
    return np.where(both_missing, 1.0, _agreement(first, second))


def check_labels(labels: pl.Series) -> None:
    """Refuse labels that are fractions, which no two runs would share.

    Raises
    ------
    DataError
    """
    if labels.dtype.is_float() or labels.dtype.is_decimal():
        raise DataError(
            f"The labels are of type {labels.dtype}; accepted are whole numbers, text and lists of tags. "
            "Cast them, for example to pl.Int64."
        )


def require_columns(frame: pl.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a frame of runs that lacks a column.

    Raises
    ------
    TableError
        Naming the first missing column and the nearest one there is.
    """
    require(frame, columns, "Pass the rows of a run, as table() of a store gives them.")


def run_name(frame: pl.DataFrame, default: str) -> str:
    """Return ``task/dataset/api/date`` of a frame, as far as it has them, else the default.

    Raises
    ------
    DataError
        If the frame holds several runs.
    """
    parts = []
    for name in RUN_KEY:
        if name in frame.columns and len(frame):
            values = frame[name].unique().cast(pl.String).drop_nulls().sort().to_list()
            if len(values) > 1:
                raise DataError(
                    f'The frame holds several runs: {name} is "{values[0]}" and "{values[1]}". '
                    "Filter it to one, or use compare_all."
                )
            parts += values
    return "/".join(parts) or default


def _side(frame: pl.DataFrame, side: str) -> pl.DataFrame:
    if frame["row"].null_count():
        raise DataError(
            f"{frame['row'].null_count()} rows of {run_name(frame, side)} have no position (row is null). "
            "Align them first (longwave.monitoring.align)."
        )
    twice = frame["row"].is_duplicated()
    if twice.any():
        raise DataError(
            f"{run_name(frame, side)} has row {frame['row'].filter(twice)[0]} more than once; accepted is "
            "each position once. Filter to one run, and average repeated calls first."
        )
    there = [name for name in _OWN if name in frame.columns]
    return frame.select("row", *(pl.col(name).alias(f"{name}_{side}") for name in there))


def _add_truth(frame: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    known = [each for each in (before, after) if "true_label" in each.columns]
    known = [each for each in known if each["true_label"].null_count() < len(each)]
    if not known:
        return frame
    found = [
        frame.select("row").join(each.select("row", "true_label"), on="row", how="left") for each in known
    ]
    truth = found[0]["true_label"]
    if len(found) == 2:
        differs = (truth != found[1]["true_label"]).fill_null(value=False)
        if differs.any():
            place = int(differs.arg_max() or 0)
            raise DataError(
                f"The true label of row {frame['row'][place]} is {truth[place]!r} in the first run and "
                f"{found[1]['true_label'][place]!r} in the second; accepted are two runs of the same dataset."
            )
        if truth.null_count():
            truth = found[0].select(pl.col("true_label").fill_null(found[1]["true_label"]))["true_label"]
    return frame.with_columns(true_label=truth)


def _add_once(frame: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame, name: str) -> pl.DataFrame:
    """Add a grouping column from the side that has it; ``true_label`` is one too, and there already."""
    if name in frame.columns:
        return frame
    holder = before if name in before.columns else after
    require_columns(holder, [name])
    return frame.join(holder.select("row", name), on="row", how="left", maintain_order="left")


def _label_space(frame: pl.DataFrame, labels: Sequence[object] | None) -> tuple[object, ...]:
    if isinstance(frame.schema["predicted_label_before"], pl.List):
        return ()
    names = ["predicted_label_before", "predicted_label_after"]
    names += ["true_label"] if "true_label" in frame.columns else []
    dtype = _label_type(frame[names[0]])
    seen = pl.concat([frame[name].unique().cast(dtype) for name in names]).drop_nulls().unique().sort()
    given = list(labels or ())
    known = set(given)
    return (*given, *(value for value in seen.to_list() if value not in known))


def _encode(values: pl.Series, labels: Sequence[object]) -> Codes:
    old = pl.Series(labels, dtype=_label_type(values))
    codes = values.cast(old.dtype).replace_strict(old, range(len(old)), default=-1, return_dtype=pl.Int64)
    return codes.fill_null(-1).to_numpy().astype(np.intp)


def _scores_of(frame: pl.DataFrame, side: str, n: int) -> Array:
    if f"score_{side}" in frame.columns:
        return frame[f"score_{side}"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    if "true_label" not in frame.columns:
        return np.full(n, np.nan)
    return score_labels(frame[f"predicted_label_{side}"], frame["true_label"])


def _agreement(first: pl.Series, second: pl.Series) -> Array:
    if isinstance(first.dtype, pl.List):
        pair = pl.DataFrame({"a": first, "b": second}).select(
            shared=pl.col("a").list.set_intersection("b").list.len(),
            total=pl.col("a").list.set_union("b").list.len(),
        )
        share = pl.when(pl.col("total") > 0).then(pl.col("shared") / pl.col("total")).otherwise(1.0)
        is_known = pl.col("total").is_not_null()
        return pair.select(pl.when(is_known).then(share).otherwise(0.0).alias("x"))["x"].to_numpy()
    if _is_text(first):
        first, second = first.cast(pl.String), second.cast(pl.String)
    return (first == second).fill_null(value=False).cast(pl.Float64).to_numpy()


def _label_type(values: pl.Series) -> type[pl.String] | type[pl.Int64]:
    return pl.String if _is_text(values) else pl.Int64


def _is_text(values: pl.Series) -> bool:
    return isinstance(values.dtype, pl.String | pl.Categorical | pl.Enum)
