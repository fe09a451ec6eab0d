"""The state of a probe, as an object that is asked which rows come next and told the answers."""

# Shapes: N rows

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from enum import Enum

import numpy as np

from longwave.config import load_config
from longwave.errors import ConfigError, DataError, UnknownName
from longwave.monitoring.classes import Codes, Label, plain_label
from longwave.monitoring.probing.design import DESIGNS, Design, choose_rows
from longwave.monitoring.probing.estimate import Method, ShiftEstimate, estimate_shift
from longwave.monitoring.probing.stop import StopRule
from longwave.monitoring.probing.strata import make_strata

__all__ = ["FAILED", "Failed", "ProbeConfig", "Sampler"]

STATE_VERSION = 1
CALLS_PER_STRATUM = 8


class Failed(Enum):
    """What stands for an answer that did not come, unlike None, which is an answer without a label."""

    FAILED = "failed"


FAILED = Failed.FAILED


@dataclass(frozen=True, kw_only=True)
class ProbeConfig:
    """Settings of a probe.

    Parameters
    ----------
    budget : int
        Calls at most.
    design : {"adaptive", "masa", "proportional", "uniform"}
        ``adaptive``: where the expected error falls most, by what strata like it showed; ``masa``: the same
        by the upper confidence bound of the stratum alone; ``proportional``: to the rows of each stratum;
        ``uniform``: any row alike.
    n_first : int
        Draws of every stratum before adaptive designs compare.
    alpha : float
        How much ``masa`` hopes.
    max_strata : int, optional
        Strata at most; default: one for every eight calls.
    seed : int
        Seeds the random order of rows.

    Raises
    ------
    ConfigError, UnknownName
        If a number is too small, or there is no such design.

    References
    ----------
    ``masa``: Chen, Cai, Zaharia, Zou, "Did the Model Change?" (arXiv 2107.14203), algorithm 1.
    """

    budget: int = 500
    design: Design = "adaptive"
    n_first: int = 2
    alpha: float = 0.1
    max_strata: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name, smallest in (("budget", 1), ("n_first", 0), ("alpha", 0), ("max_strata", 2), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise ConfigError(f'"{name}" is {value}; it must be at least {smallest}.')
        if self.design not in DESIGNS:
            raise UnknownName("design of a probe", self.design, DESIGNS)

    def resolved(self) -> ProbeConfig:
        """Fill in what depends on the budget, so that a larger one later changes no strata."""
        return replace(self, max_strata=self.max_strata or max(2, self.budget // CALLS_PER_STRATUM))


class Sampler:
    """Says which rows to ask, and estimates from the answers what all rows would show.

    Parameters
    ----------
    labels, predictions : iterable of str, int or None, length N
        True labels and earlier predictions; None is no answer.
    config : ProbeConfig

    Attributes
    ----------
    classes : list
        Labels and predictions, those that only new answers have at the end.
    after : ndarray of int, shape (N,)
        New predictions as places in ``classes``; -1 where there is none.

    Raises
    ------
    DataError
        If there are no rows, the two differ in length, or a label is missing.

    Examples
    --------
    >>> sampler = Sampler(["cat", "dog"] * 50, ["cat"] * 100, config=ProbeConfig(budget=20))
    >>> rows = sampler.next(20)
    >>> sampler.tell(rows, ["cat"] * 20)
    >>> sampler.estimate().delta.estimate > -0.05
    True
    """

    def __init__(
        self, labels: Iterable[Label], predictions: Iterable[Label], *, config: ProbeConfig | None = None
    ) -> None:
        self.config = (config or ProbeConfig()).resolved()
        self.strata = make_strata(
            labels, predictions, max_strata=self.config.max_strata or 2, seed=self.config.seed
        )
        self.classes: list[Label] = list(self.strata.classes)
        self.after: Codes = np.full(self.strata.n_rows, -1, dtype=np.int64)
        self._is_out: Codes = np.zeros(self.strata.n_rows, dtype=np.int64)
        self._told: list[int] = []  # in the order of the answers
        self._failed: list[int] = []
        self._again: list[int] = []  # handed out by a process that died

    @property
    def n_asked(self) -> int:
        """Rows handed out so far, those that failed included."""
        return int(self._is_out.sum()) - len(self._again)

    @property
    def n_told(self) -> int:
        """Answers so far."""
        return len(self._told)

    @property
    def n_failed(self) -> int:
        """Rows that were given up."""
        return len(self._failed)

    @property
    def told(self) -> Codes:
        """Rows with an answer, in the order in which they were told."""
        return np.array(self._told, dtype=np.int64)

    @property
    def pending(self) -> list[int]:
        """Rows handed out of which nothing was told yet."""
        closed = {*self._told, *self._failed, *self._again}
        return [int(row) for row in np.flatnonzero(self._is_out) if int(row) not in closed]

    def next(self, n: int) -> Codes:
        """Choose rows to ask; each is handed out once.

        Parameters
        ----------
        n : int
            At most so many; fewer where the budget or the rows run out.

        Returns
        -------
        ndarray of int, shape (<= n,)
            Places of the rows, from 0. Rows that a killed process had handed out come first.
        """
        if n < 0:
            raise ConfigError(f"next was asked for {n} rows; accepted are 0 and more.")
        again, self._again = self._again[:n], self._again[n:]
        left = min(n - len(again), self.config.budget - int(self._is_out.sum()))
        fresh = choose_rows(
            self.strata,
            self.after,
            self._is_out,
            max(left, 0),
            design=self.config.design,
            budget=self.config.budget,
            n_first=self.config.n_first,
            alpha=self.config.alpha,
        )
        self._is_out[fresh] = 1
        return np.concatenate([np.array(again, dtype=np.int64), fresh])

    def tell(self, rows: Iterable[int], predictions: Iterable[Label | Failed]) -> None:
        """Take the answers to rows that were handed out.

        Parameters
        ----------
        rows : iterable of int
        predictions : iterable of str, int, None or FAILED
            None is an answer in which no label was found. A failed row is given up: its stratum is estimated
            from the others, as if failures had nothing to do with answers.

        Raises
        ------
        DataError
            If there are not as many answers as rows, or a row was not handed out, or told before. Nothing is
            taken then.
        """
        places, answers = [int(row) for row in rows], list(predictions)
        if len(places) != len(answers):
            raise DataError(f"{len(answers)} answers to {len(places)} rows; one a row is accepted, in order.")
        open_rows = set(self.pending)
        for row in places:
            if row not in open_rows:
                raise DataError(
                    f"Row {row} is not waiting for an answer: it was not handed out, or told before. Tell "
                    "only rows that next returned, once each."
                )
            open_rows.remove(row)
        labels = [None if isinstance(answer, Failed) else plain_label(answer) for answer in answers]
        self._check_kind(labels)
        for row, label, answer in zip(places, labels, answers, strict=True):
            if isinstance(answer, Failed):
                self._failed.append(row)
                continue
            if label not in self.classes:
                self.classes.append(label)
            self.after[row] = self.classes.index(label)
            self._told.append(row)

    def _check_kind(self, labels: list[Label]) -> None:
        """Refuse texts where labels are numbers, and the other way round: "3" would never equal 3."""
        for label in labels:
            if label is not None and not isinstance(label, type(self.classes[0])):
                raise DataError(
                    f"An answer is {label!r}, but labels are of another kind, such as {self.classes[0]!r}. "
                    "Turn answers into labels first."
                )

    def estimate(
        self, *, method: Method = "shrunk", confidence: float = 0.95, with_cells: bool = True
    ) -> ShiftEstimate:
        """Estimate the confusion shift over all rows; see `estimate_shift`.

        Raises
        ------
        DataError
            If nothing was told yet.
        """
        return estimate_shift(
            self.strata,
            self.after,
            self.classes,
            method=method,
            confidence=confidence,
            with_cells=with_cells,
            seed=self.config.seed,
        )

    def should_stop(self, rule: StopRule) -> str | None:
        """Say why to stop by a rule; None to go on."""
        if self.n_told < rule.min_calls or (rule.width_pp is None and rule.drop_pp is None):
            return None
        wide = self.estimate(confidence=rule.certainty, with_cells=False)
        narrow = wide if rule.width_pp is None else self.estimate(with_cells=False)
        return rule.reason(narrow, wide)

    def to_json(self) -> str:
        """Write the state; labels and earlier predictions are not in it."""
        state = {
            "version": STATE_VERSION,
            "config": asdict(self.config),
            "baseline": self.strata.fingerprint,
            "rows": self._told,
            "answers": [self.classes[self.after[row]] for row in self._told],
            "failed": self._failed,
            "pending": [*self._again, *self.pending],
        }
        return json.dumps(state)

    @classmethod
    def from_json(cls, text: str, labels: Iterable[Label], predictions: Iterable[Label]) -> Sampler:
        """Continue from a state.

        Parameters
        ----------
        text : str
            What `to_json` wrote.
        labels, predictions : iterable
            The same as before.

        Raises
        ------
        DataError
            If the text is no state, or one of another baseline.
        """
        try:
            state = json.loads(text)
            config = load_config(ProbeConfig, state["config"])
            lists = [[int(row) for row in state[key]] for key in ("rows", "failed", "pending")]
            answers, version, baseline = list(state["answers"]), state["version"], state["baseline"]
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise DataError(f"The state of the probe cannot be read: {error}. Start a new one.") from error
        if version != STATE_VERSION:
            raise DataError(
                f"The state of the probe has version {version}, and this Longwave reads {STATE_VERSION}. "
                "Continue with the Longwave that wrote it, or start a new one."
            )
        sampler = cls(labels, predictions, config=config)
        if baseline != sampler.strata.fingerprint:
            raise DataError(
                "The state belongs to a probe of another baseline: labels or earlier predictions differ. "
                "Give the baseline that it began with, or start a new probe."
            )
        rows, failed, pending = lists
        wrong = [row for row in (*rows, *failed, *pending) if not 0 <= row < sampler.strata.n_rows]
        if wrong:
            raise DataError(
                f"The state of the probe names row {wrong[0]}; the baseline has rows 0 to "
                f"{sampler.strata.n_rows - 1}. Start a new one."
            )
        sampler._is_out[np.array([*rows, *failed, *pending], dtype=np.int64)] = 1
        sampler.tell(rows, answers)
        sampler._failed, sampler._again = failed, pending
        return sampler
