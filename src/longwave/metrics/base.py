"""What a metric is: a function with a name, a family, a direction and a range."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from longwave import registry
from longwave.errors import ConfigError

__all__ = ["FAMILIES", "Family", "InstanceMetric", "Metric", "TableMetric", "get_metric"]

Family = Literal["accuracy", "calibration", "robustness", "fairness", "bias", "toxicity", "efficiency"]
FAMILIES: tuple[Family, ...] = (
    "accuracy",
    "calibration",
    "robustness",
    "fairness",
    "bias",
    "toxicity",
    "efficiency",
)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What every metric tells about itself.

    Parameters
    ----------
    name : str
        As in the registry and in the ``metric`` column of summaries.
    family : str
        One of the seven desiderata of arXiv 2211.09110.
    higher_is_better : bool
    low, high : float, optional
        Least and greatest value; None where there is no bound.
    """

    name: str
    family: Family
    higher_is_better: bool
    low: float | None = 0.0
    high: float | None = 1.0


@dataclass(frozen=True, kw_only=True)
class InstanceMetric(Metric):
    """A metric of one prediction: ``metric(prediction, reference)``, or over all references ``score``.

    Parameters
    ----------
    function : callable
        ``(prediction, reference) -> value``.
    """

    function: Callable[[str, str], float]
    low: float = 0.0
    high: float = 1.0

    def __call__(self, prediction: str, reference: str) -> float:
        """Compare a prediction with one reference."""
        return self.function(prediction, reference)

    def score(self, prediction: str | None, references: Iterable[str]) -> float:
        """Compare a prediction with the right references and keep the best value.

        Parameters
        ----------
        prediction : str or None
            None, no prediction, gets the worst value.
        references : iterable of str
            Right answers; without any the value is the worst.
        """
        best, worst = (max, self.low) if self.higher_is_better else (min, self.high)
        if prediction is None:
            return worst
        return best((self.function(prediction, reference) for reference in references), default=worst)

    def is_full_marks(self, score: float) -> bool:
        """Tell whether a score is the best there is: the ``correct`` column."""
        return score >= self.high if self.higher_is_better else score <= self.low


@dataclass(frozen=True, kw_only=True)
class TableMetric(Metric):
    """A metric of many predictions at once, such as a calibration error.

    Parameters
    ----------
    function : callable
        ``(frame, by) -> tidy frame``; may hold rows of other metrics too.
    """

    function: Callable[[pl.DataFrame, Sequence[str]], pl.DataFrame]

    def summarize(self, frame: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
        """Summarise a predictions table by groups.

        Returns
        -------
        DataFrame
            The columns of ``by``, then ``metric, value, stderr, n, low, high``; see `longwave.metrics.TIDY`.
        """
        return self.function(frame, by).filter(pl.col("metric") == self.name)


def get_metric(name: str) -> InstanceMetric | TableMetric:
    """Return a registered metric.

    Raises
    ------
    UnknownName
        If nothing has this name; the message lists the nearest ones.
    ConfigError
        If the entry of an installed package is no metric.

    Examples
    --------
    >>> get_metric("quasi_exact_match").score("The Thames.", ["Seine", "Thames"])
    1.0
    """
    found = registry.load("metrics", name)
    if isinstance(found, InstanceMetric | TableMetric):
        return found
    raise ConfigError(
        f'The metrics entry "{name}" is {type(found).__name__}; accepted are InstanceMetric and TableMetric. '
        f"Mend the package that registers it."
    )
