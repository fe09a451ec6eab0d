"""Methods beside each other over seeds: the configuration of one run, and means with deviations of many."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from longwave.adapters.base import Adapter
from longwave.adapters.contrastive import ContrastiveConfig
from longwave.adapters.descent import DescentConfig
from longwave.adapters.group_report import GroupReport, report_groups, report_overlapping
from longwave.adapters.methods import make_method
from longwave.errors import DataError

__all__ = ["AdaptConfig", "MethodSummary", "Spread", "summarize_methods"]


@dataclass(frozen=True, kw_only=True)
class AdaptConfig:
    """One method for one data set; what ``longwave adapt`` writes beside a fitted adapter.

    Parameters
    ----------
    data : str
        Name of a bundled data set, or a file.
    method : str
        One of `METHODS`.
    descent : DescentConfig
        As it is, every method has its own defaults.
    contrast : ContrastiveConfig
    """

    data: str
    method: str = "contrastive"
    descent: DescentConfig = field(default_factory=DescentConfig)
    contrast: ContrastiveConfig = field(default_factory=ContrastiveConfig)

    def make(self, *, seed: int, device: str = "auto") -> Adapter:
        """Return the method, which has learned nothing yet.

        Raises
        ------
        UnknownName
            If there is no such method.
        """
        descent = None if self.descent == DescentConfig() else self.descent
        return make_method(self.method, seed=seed, device=device, descent=descent, contrast=self.contrast)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Mean over seeds and standard deviation, None for a single seed."""

    mean: float
    deviation: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise values, at least one."""
        return cls(
            mean=statistics.mean(values), deviation=statistics.stdev(values) if len(values) > 1 else None
        )


@dataclass(frozen=True, kw_only=True)
class MethodSummary:
    """Figures of one method over seeds.

    Parameters
    ----------
    method : str
    seeds : tuple of int
    worst, average, percentile_10 : Spread
        Shares.
    adjusted_average : Spread or None
        None where training groups are not known.
    gap_pp : Spread
        In points.
    reports : tuple of GroupReport
        One a seed.
    """

    method: str
    seeds: tuple[int, ...]
    worst: Spread
    average: Spread
    adjusted_average: Spread | None
    gap_pp: Spread
    percentile_10: Spread
    reports: tuple[GroupReport, ...]


def summarize_methods(
    rows: pl.DataFrame,
    *,
    methods: Iterable[str],
    training: Mapping[str, int] | None = None,
    overlapping: pl.DataFrame | None = None,
) -> list[MethodSummary]:
    """Summarise the rows of one scenario of the predictions table by method.

    Parameters
    ----------
    rows : DataFrame
        With ``model``, ``trial``, ``group`` and ``correct``; of one scenario, version and date a method.
    methods : iterable of str
        In the order of the answer.
    training : mapping from str to int, optional
        Training points of every group.
    overlapping : DataFrame, optional
        Rows of further groupings, in which a point may be several times; worst group, gap and percentile are
        then of their groups.

    Raises
    ------
    DataError
        If a method has no row.
    """
    found = []
    for method in methods:
        own = rows.filter(pl.col("model") == method)
        seeds = tuple(sorted(own["trial"].unique()))
        if not seeds:
            raise DataError(f'There are no rows of "{method}". Run it first.')
        reports = []
        for seed in seeds:
            part = own.filter(pl.col("trial") == seed)
            report = report_groups(part["correct"], part["group"].to_numpy(), training=training)
            if overlapping is not None and len(overlapping):
                many = overlapping.filter(pl.col("model") == method, pl.col("trial") == seed)
                report = report_overlapping(report, many["correct"], many["group"].to_numpy())
            reports.append(report)
        adjusted = [one.adjusted_average for one in reports if one.adjusted_average is not None]
        found.append(
            MethodSummary(
                method=method,
                seeds=seeds,
                worst=Spread.of([one.worst.accuracy for one in reports]),
                average=Spread.of([one.average for one in reports]),
                adjusted_average=Spread.of(adjusted) if adjusted else None,
                gap_pp=Spread.of([one.gap_pp for one in reports]),
                percentile_10=Spread.of([one.percentile_10 for one in reports]),
                reports=tuple(reports),
            )
        )
    return found
