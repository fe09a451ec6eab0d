"""What a metric is: a function with a name, a family, a direction and a range."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from longwave import registry
from longwave.clients.base import Completion
from longwave.errors import ConfigError
from longwave.scenarios.base import Instance

__all__ = [
    "FAMILIES",
    "Answer",
    "AnswerMetric",
    "Family",
    "InstanceMetric",
    "Metric",
    "TableMetric",
    "get_metric",
]

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
class Answer:
    """All that a metric of one row may look at.

    Parameters
    ----------
    instance : Instance
        As it was asked, perturbed or not.
    prediction : str or None
        The parsed answer; None when there is none.
    completions : tuple of Completion
        What the model wrote, the most likely first.
    ranking : tuple of int
        Positions of the references from the most to the least relevant, where the method ranks them.
    """

    instance: Instance
    prediction: str | None = None
    completions: tuple[Completion, ...] = ()
    ranking: tuple[int, ...] = ()

    @property
    def right(self) -> list[str]:
        """Texts of the right references."""
        return [reference.text for reference in self.instance.references if reference.is_correct]

    @property
    def outputs(self) -> list[str]:
        """Texts of all completions, stripped, the most likely first."""
        return [completion.text.strip() for completion in self.completions]


@dataclass(frozen=True, kw_only=True)
class AnswerMetric(Metric):
    """A metric of one row that needs more than a prediction and a reference.

    Parameters
    ----------
    function : callable
        ``(Answer) -> value``, None where it says nothing about this row.
    """

    function: Callable[[Answer], float | None]

    def measure(self, answer: Answer) -> float | None:
        """Measure one row."""
        return self.function(answer)

    def is_full_marks(self, score: float) -> bool | None:
        """Tell whether a score is the best there is; None where it does not say that an answer is right."""
        if self.high is None or not self.higher_is_better or self.family != "accuracy":
            return None
        return score >= self.high


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

    def measure(self, answer: Answer) -> float:
        """Compare the prediction of a row with its right references."""
        return self.score(answer.prediction, answer.right)

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


def get_metric(name: str) -> InstanceMetric | AnswerMetric | TableMetric:
    """Return a registered metric.

    Parameters
    ----------
    name : str
        A registered name. ``NAME@K`` of a metric of single predictions is its best value over the ``K`` most
        likely outputs.

    Raises
    ------
    UnknownName
        If nothing has this name; the message lists the nearest ones.
    ConfigError
        If the entry of an installed package is no metric, or ``K`` is no number of outputs.

    Examples
    --------
    >>> get_metric("quasi_exact_match").score("The Thames.", ["Seine", "Thames"])
    1.0
    """
    base, at, outputs = name.partition("@")
    found = registry.load("metrics", base if at else name)
    if not isinstance(found, InstanceMetric | AnswerMetric | TableMetric):
        raise ConfigError(
            f'The metrics entry "{name}" is {type(found).__name__}; accepted are InstanceMetric, '
            f"AnswerMetric and TableMetric. Mend the package that registers it."
        )
    return _best_of(found, name, outputs) if at else found


def _best_of(metric: Metric, name: str, outputs: str) -> AnswerMetric:
    if not isinstance(metric, InstanceMetric) or not outputs.isdecimal() or int(outputs) < 1:
        raise ConfigError(
            f'"{name}" is no metric; accepted before "@" are metrics of single predictions such as '
            f"exact_match, and after it the number of outputs to look at, 1 or more."
        )
    count = int(outputs)

    def best(answer: Answer) -> float:
        values = [metric.score(text or None, answer.right) for text in answer.outputs[:count]]
        choose, worst = (max, metric.low) if metric.higher_is_better else (min, metric.high)
        return choose(values, default=worst)

    return AnswerMetric(
        name=name,
        family=metric.family,
        higher_is_better=metric.higher_is_better,
        low=metric.low,
        high=metric.high,
        function=best,
    )
