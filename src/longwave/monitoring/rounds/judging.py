"""Compare the newest round of a folder with an earlier one, and judge its alarms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from longwave.config import write_json
from longwave.errors import DataError
from longwave.monitoring.comparison import Comparison, compare
from longwave.monitoring.own_tables import OWN_TASK, runs_from_predictions
from longwave.monitoring.paired import judge_all, pair_rows
from longwave.monitoring.rounds.alarm_verdicts import AlarmVerdict, judge_alarm
from longwave.monitoring.rounds.alarms import Alarm
from longwave.monitoring.rounds.free_answers import fold_free_answers
from longwave.monitoring.store import RunStore
from longwave.predictions import read_predictions

__all__ = ["Round", "RoundRules", "judge_round"]

ROUNDS = "rounds"  # folder of the reports, beside the tables
DAY = 10  # characters of YYYY-MM-DD; a version may follow

_COLUMNS = (
    *("task", "dataset", "api", "date", "row", "example_id", "predicted_label", "true_label", "score"),
    *("confidence", "group", "latency_s", "cost_usd"),
)
CHANGES = pl.Schema(
    {
        **dict.fromkeys(("scenario", "model", "before", "after"), pl.String()),
        **dict.fromkeys(("n", "only_before", "only_after"), pl.Int64()),
        **dict.fromkeys(
            ("accuracy_before", "accuracy_after", "change", "low", "high", "p_value"), pl.Float64()
        ),
        **dict.fromkeys(("overlap", "negative_flips", "positive_flips"), pl.Float64()),
    }
)


@dataclass(frozen=True, kw_only=True)
class RoundRules:
    """What a round is compared with and judged by; see ``CollectConfig``."""

    baseline: str = "previous"
    alarms: tuple[Alarm, ...] = ()
    min_share: float = 0.5
    prompt: str | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Round:
    """What a round brought.

    Parameters
    ----------
    out : Path
    date : str
    n_rows, n_failed : int
        Rows of the round, and those of them whose request failed.
    changes : DataFrame
        A row for each model and scenario with an earlier round: the figures of a comparison, ``p_adjusted``
        (Holm over all rows) and ``verdict``.
    details : tuple of Comparison
        In the order of the rows.
    verdicts : tuple of AlarmVerdict
    notes : tuple of str
        What is partial, new or missing.
    is_refused : bool
        Whether a series has too few rows to be judged.
    """

    out: Path
    date: str
    n_rows: int
    n_failed: int
    changes: pl.DataFrame
    details: tuple[Comparison, ...]
    verdicts: tuple[AlarmVerdict, ...]
    notes: tuple[str, ...]
    is_refused: bool = False

    @property
    def state(self) -> Literal["alarm", "failed", "fine"]:
        """The worst that happened: an alarm, else a round too small to judge or without an answer."""
        if any(verdict.state == "raised" for verdict in self.verdicts):
            return "alarm"
        return "failed" if self.is_refused or self.n_rows == self.n_failed else "fine"

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "date": self.date,
            "state": self.state,
            "rows": self.n_rows,
            "failed": self.n_failed,
            "notes": list(self.notes),
            "changes": self.changes.to_dicts(),
            "alarms": [verdict.to_dict() for verdict in self.verdicts],
        }


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """Two rounds of a model on a scenario, and whether they share enough rows."""

    scenario: str
    model: str
    before: str
    after: str
    frames: tuple[pl.DataFrame, pl.DataFrame]
    share: float


def judge_round(out: Path | str, day: str, rules: RoundRules | None = None) -> Round:
    """Compare the round of a day with its baseline, and write what was found to ``out/rounds/DAY.json``.

    Parameters
    ----------
    out : Path or str
        Folder of all rounds.
    day : str
        YYYY-MM-DD.
    rules : RoundRules, optional

    Raises
    ------
    DataError
        If the day, or the day named as baseline, has no round.
    MissingFile, TableError
        As `runs_from_predictions`.
    """
    rules, folder = rules or RoundRules(), Path(out)
    rows = read_predictions(folder)
    newest = rows.filter(pl.col("date") == day)
    if not len(newest):
        days = ", ".join(rows["date"].drop_nulls().unique().sort()) or "none"
        raise DataError(f'"{folder}" has no round of {day}; it has {days}.')
    answered = newest.filter(pl.col("error").is_null())
    notes: list[str] = []
    pairs: list[_Pair] = []
    if len(answered):
        asked = _same_prompts(rows, answered, rules.prompt)
        store = runs_from_predictions(asked, prompt=rules.prompt)
        notes += store.notes
        pairs = list(_pairs(store, day, rules.baseline, notes))
    refused = [pair for pair in pairs if pair.share < rules.min_share]
    notes += [_refusal(pair, rules.min_share) for pair in refused]
    judged = [pair for pair in pairs if pair.share >= rules.min_share]
    compared = [pair for pair in pairs if pair.share > 0]
    details = tuple(_compare(pair, rules.seed) for pair in compared)
    found = Round(
        out=folder,
        date=day,
        n_rows=len(newest),
        n_failed=len(newest) - len(answered),
        changes=_table(compared, details),
        details=details,
        verdicts=tuple(_judge(rules, judged, refused)),
        notes=tuple(notes),
        is_refused=bool(refused),
    )
    write_json(folder / ROUNDS / f"{day}.json", found.to_dict())
    return found


def _same_prompts(rows: pl.DataFrame, newest: pl.DataFrame, prompt: str | None) -> pl.DataFrame:
    """Leave rows of other prompts out, which an earlier configuration may have asked with."""
    if prompt is not None:
        return rows
    asked = newest.select("scenario", "model", "prompt").unique()
    return rows.join(asked, on=["scenario", "model", "prompt"], how="semi", nulls_equal=True)


def _pairs(store: RunStore, day: str, baseline: str, notes: list[str]) -> Iterator[_Pair]:
    """Yield the runs of a day with those they are compared with."""
    days = {run[:DAY] for run in store.runs()["date"].cast(pl.String)}
    if baseline not in ("previous", "first", *days):
        raise DataError(
            f"There is no round of {baseline} to compare with; there are {', '.join(sorted(days))}."
        )
    for scenario, model, dates in store.series().select("dataset", "api", "dates").iter_rows():
        earlier = [date for date in dates if date[:DAY] < day]
        chosen = {"previous": earlier[-1:], "first": earlier[:1]}.get(
            baseline, [date for date in dates if date[:DAY] == baseline and baseline != day][-1:]
        )
        for date in (date for date in dates if date[:DAY] == day):
            if not chosen:
                notes.append(f"{model} on {scenario} has no earlier round to be compared with.")
                continue
            frames = _frame(store, scenario, model, chosen[0]), _frame(store, scenario, model, date)
            n_shared = len(frames[0].join(frames[1], on="row", how="semi"))
            yield _Pair(
                scenario=scenario,
                model=model,
                before=chosen[0],
                after=date,
                frames=fold_free_answers(*frames),
                share=n_shared / len(frames[0]),
            )


def _frame(store: RunStore, scenario: str, model: str, date: str) -> pl.DataFrame:
    return store.table(task=OWN_TASK, dataset=scenario, api=model, date=date, columns=_COLUMNS).collect()


def _refusal(pair: _Pair, least: float) -> str:
    return (
        f"{pair.model} on {pair.scenario}: the round of {pair.after} has {pair.share:.0%} of the rows of "
        f"{pair.before}; alarms need {least:.0%} and are not judged. Collect it again with "
        f"--date {pair.after[:DAY]}."
    )


def _compare(pair: _Pair, seed: int) -> Comparison:
    has_groups = pair.frames[0]["group"].is_not_null().any()
    return compare(*pair.frames, by=("group",) if has_groups else (), seed=seed)


def _table(pairs: Sequence[_Pair], details: Sequence[Comparison]) -> pl.DataFrame:
    rows = []
    for pair, found in zip(pairs, details, strict=True):
        names = {"scenario": pair.scenario, "model": pair.model}
        figures = {name: value for name, value in found.summary().items() if name in CHANGES}
        left_out = {"only_before": found.only_before, "only_after": found.only_after}
        rows.append({**figures, **names, **left_out, "before": pair.before, "after": pair.after})
    return judge_all(pl.DataFrame(rows, schema=CHANGES))


def _judge(rules: RoundRules, judged: Sequence[_Pair], refused: Sequence[_Pair]) -> Iterator[AlarmVerdict]:
    """Yield a verdict for every alarm and series."""
    paired = [pair_rows(*pair.frames, by=("group", "example_id")) for pair in judged]
    for alarm in rules.alarms:
        for pair, rows in zip(judged, paired, strict=True):
            names = (pair.scenario, pair.model, pair.before, pair.after)
            yield judge_alarm(alarm, rows, names=names, n_series=len(judged), seed=rules.seed)
        for pair in refused:
            yield AlarmVerdict(
                alarm=alarm.text,
                scenario=pair.scenario,
                model=pair.model,
                before=pair.before,
                after=pair.after,
                state="not judged",
                limit=alarm.limit,
                reason=f"the round has {pair.share:.0%} of the rows, fewer than {rules.min_share:.0%}",
            )
