"""For whom it changed: the change of accuracy and of errors by group, and whether the sum hides a part.

On the same rows the change of the whole is the weighted mean of the changes of its groups, so that not all
groups can go down while the whole goes up. One of them can. Between two *different* sets of rows the whole
may even go against every group (Simpson's paradox), because the shares of the groups changed; `mix_change`
takes the two apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import DataError
from longwave.monitoring.paired import Adjustment, PairedRows, adjust_p_values, paired_change, require_columns

__all__ = ["GROUP_SHIFT", "MixChange", "group_shift", "hidden_changes", "mix_change"]

Array = NDArray[np.float64]

GROUP_SHIFT = pl.Schema(
    {
        "by": pl.String(),
        "group": pl.String(),
        "n": pl.Int64(),
        "weight": pl.Float64(),
        "before": pl.Float64(),
        "after": pl.Float64(),
        "change": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "p_value": pl.Float64(),
        "p_adjusted": pl.Float64(),
        "overlap": pl.Float64(),
        "error_shift": pl.Float64(),
    }
)


def group_shift(
    pair: PairedRows,
    by: Sequence[str],
    *,
    adjust: Adjustment = "holm",
    confidence: float = 0.95,
    n_resamples: int = 9999,
    seed: int = 0,
) -> pl.DataFrame:
    """Compare two runs within each group of rows.

    Parameters
    ----------
    pair : PairedRows
        Paired with the same ``by``.
    by : sequence of str
        Grouping columns, each for itself; ``"true_label"`` groups by class. A row without a group is left
        out of that grouping.
    adjust : {"holm", "bh", "none"}
        Correction over all groups of all groupings.
    confidence : float
    n_resamples, seed : int
        Of the sign-flip test, where scores are not 0 or 1.

    Returns
    -------
    DataFrame
        See `GROUP_SHIFT`: ``weight`` is the group's share of the grouping's scored rows; ``change`` has the
        interval and test of `paired_change`; ``overlap`` is the mean agreement of predictions;
        ``error_shift`` the total variation, off the diagonal, between the joint shares of (truth, prediction)
        within the group, null for tags. ``sum(weight · change)`` of a grouping is the change over its rows.

    Raises
    ------
    TableError
        If a grouping column is missing.
    """
    require_columns(pair.frame, by)
    found: list[dict[str, object]] = []
    for name in by:
        groups = pair.groups(name)
        size = len(groups) - groups.null_count()
        for group in groups.drop_nulls().unique().sort().to_list():
            member = (groups == group).fill_null(value=False).to_numpy()
            row = _group_row(pair, member, confidence, n_resamples, seed)
            found.append({"by": name, "group": group, "weight": int(member.sum()) / size, **row})
    frame = pl.DataFrame(found, schema={k: v for k, v in GROUP_SHIFT.items() if k != "p_adjusted"})
    corrected = adjust_p_values(frame["p_value"].to_numpy(), adjust)
    corrected_column = pl.Series(corrected, dtype=pl.Float64)
    return frame.with_columns(pl.col("low", "high").fill_nan(None), p_adjusted=corrected_column).select(
        *GROUP_SHIFT
    )


def hidden_changes(
    groups: pl.DataFrame, change: float, *, alpha: float = 0.05, min_change: float = 0.01, n_min: int = 30
) -> tuple[str, ...]:
    """Say which groups went against the whole, in words.

    Parameters
    ----------
    groups : DataFrame
        Of `group_shift`.
    change : float
        That of all rows.
    alpha, min_change : float
        A group counts if its corrected p-value is at most ``alpha`` and its change at least ``min_change``.
    n_min : int
        Smaller groups are never named.

    Returns
    -------
    tuple of str
        One sentence for each group that fell while the whole did not, or rose while it did not.
    """
    clear = groups.filter(
        (pl.col("p_adjusted") <= alpha) & (pl.col("change").abs() >= min_change) & (pl.col("n") >= n_min)
    )
    falls = clear.filter(pl.col("change") < 0) if change > -min_change else clear.clear()
    rises = clear.filter(pl.col("change") > 0) if change < min_change else clear.clear()
    whole = "rose" if change >= min_change else "fell" if change <= -min_change else "stood still"
    return tuple(
        f'The whole {whole} ({100 * change:+.1f} points), but {row["by"]} "{row["group"]}" '
        f"{'fell' if row['change'] < 0 else 'rose'} by {100 * abs(row['change']):.1f} points "
        f"(n = {row['n']})."
        for row in pl.concat([falls, rises]).sort("change").iter_rows(named=True)
    )


@dataclass(frozen=True, kw_only=True)
class MixChange:
    """The change of a mean between two sets of rows, taken apart.

    Parameters
    ----------
    change : float
        Mean of the second set minus that of the first.
    within : float
        ``Σ_g (w_g + w'_g)/2 · (m'_g - m_g)``: what changed inside groups.
    mix : float
        ``Σ_g (w'_g - w_g) · (m_g + m'_g)/2``: what came of other shares of the groups. ``within + mix =
        change``.
    is_reversed : bool
        Whether the whole went one way and every group the other: Simpson's paradox.
    left_out : tuple of str
        Groups that one set lacks; their rows count in neither term, nor in ``change``.
    """

    change: float
    within: float
    mix: float
    is_reversed: bool
    left_out: tuple[str, ...] = ()


def mix_change(before: pl.DataFrame, after: pl.DataFrame, *, by: str, value: str = "score") -> MixChange:
    """Take the change of a mean between two sets of rows apart: inside groups, and by their shares.

    Parameters
    ----------
    before, after : DataFrame
        Any two sets of rows with the columns ``by`` and ``value``; they need not be the same examples. Rows
        that lack one are left out.

    Raises
    ------
    TableError
        If a column is missing.
    DataError
        If the two sets share no group.

    References
    ----------
    E. M. Kitagawa, J. Am. Stat. Assoc. 50 (1955) 1168-1194.
    """
    sides = []
    for frame in (before, after):
        require_columns(frame, [by, value])
        rows = frame.select(
            group=pl.col(by).cast(pl.String), value=pl.col(value).cast(pl.Float64)
        ).drop_nulls()
        sides.append(rows.group_by("group").agg(n=pl.len(), mean=pl.col("value").mean()))
    both = sides[0].join(sides[1], on="group", suffix="_after").sort("group")
    if not len(both):
        raise DataError(f'The two sets share no group of "{by}"; compare sets that have one in common.')
    w1, w2 = (_shares(both[name]) for name in ("n", "n_after"))
    m1, m2 = both["mean"].to_numpy(), both["mean_after"].to_numpy()
    change = float(w2 @ m2 - w1 @ m1)
    moves = m2 - m1
    alone = set(sides[0]["group"]) ^ set(sides[1]["group"])
    return MixChange(
        change=change,
        within=float((w1 + w2) / 2 @ moves),
        mix=float((w2 - w1) @ (m1 + m2) / 2),
        is_reversed=bool((change > 0 and (moves < 0).all()) or (change < 0 and (moves > 0).all())),
        left_out=tuple(sorted(alone)),
    )


def _shares(counts: pl.Series) -> Array:
    values = counts.to_numpy().astype(np.float64)
    return np.asarray(values / values.sum(), dtype=np.float64)


def _group_row(
    pair: PairedRows, member: NDArray[np.bool_], confidence: float, n_resamples: int, seed: int
) -> dict[str, object]:
    first, second = (scores[member] for scores in pair.scores)
    clusters = None if pair.clusters is None else pair.clusters[member]
    change = paired_change(
        first, second, clusters=clusters, confidence=confidence, n_resamples=n_resamples, seed=seed
    )
    return {
        "n": change.n,
        "before": float(first.mean()),
        "after": float(second.mean()),
        "change": change.estimate,
        "low": change.low,
        "high": change.high,
        "p_value": change.p_value,
        "overlap": float(pair.overlap[pair.scored][member].mean()),
        "error_shift": None if pair.has_sets else _error_shift(pair, member),
    }


def _error_shift(pair: PairedRows, member: NDArray[np.bool_]) -> float:
    """Return half the sum of absolute changes of (truth, prediction) shares where the two differ."""
    truth, first, second = (codes[pair.scored][member] for codes in pair.codes)
    k = len(pair.labels) + 1
    changes = np.zeros(k * k)
    for codes, sign in ((first, -1.0), (second, 1.0)):
        wrong = codes != truth
        cells = truth[wrong] * k + np.where(codes[wrong] < 0, k - 1, codes[wrong])
        changes += sign * np.bincount(cells, minlength=k * k)
    return float(np.abs(changes).sum() / 2 / len(truth))
