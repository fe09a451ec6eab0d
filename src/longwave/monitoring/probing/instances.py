"""Probe a model of an evaluation: the earlier rows of the predictions table are the baseline.

Who asks is not our business: ``longwave.evaluation.open_chosen`` gives an object that asks about chosen
instances by the same prompts, and through the request cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import polars as pl

from longwave.errors import DataError, TableError
from longwave.monitoring.classes import Label
from longwave.monitoring.probing.loop import Listener, ProbeResult, probe
from longwave.monitoring.probing.sampler import FAILED, Failed, ProbeConfig
from longwave.monitoring.probing.stop import StopRule

__all__ = ["Asker", "pick_baseline", "probe_instances"]

STATE_NAME = "probe.json"
MOST_CLASSES = 64  # beyond, answers are free texts, and only right and wrong are told apart
CHOICES = ("scenario", "model", "version", "date", "prompt")


class Asker(Protocol):
    """Asks a model about instances of a scenario."""

    def ask(self, instances: Sequence[str]) -> pl.DataFrame:
        """Return a row of the predictions table for each instance, in order."""
        ...


def pick_baseline(
    rows: pl.DataFrame,
    *,
    scenario: str | None = None,
    model: str | None = None,
    date: str | None = None,
    prompt: str | None = None,
) -> pl.DataFrame:
    """Choose the rows of one scenario, model, date and prompt that a probe starts from.

    Parameters
    ----------
    rows : DataFrame
        Of the predictions table.
    scenario, model, date, prompt : str, optional
        Needed where there are several, but for the date, of which the latest is taken.

    Returns
    -------
    DataFrame
        Original inputs, first trial, without floors, failed requests and rows that no accuracy is known of.

    Raises
    ------
    DataError
        If nothing is left, or there are several to choose from.
    """
    wanted = {"scenario": scenario, "model": model, "date": date, "prompt": prompt}
    kept = rows.filter(
        pl.col("perturbation").is_null(),
        pl.col("trial") == 0,
        pl.col("error").is_null(),
        pl.col("label").is_not_null(),
        pl.col("correct").is_not_null(),
        ~pl.col("model").str.starts_with("floor:"),
        *(pl.col(name) == value for name, value in wanted.items() if value is not None),
    )
    if not len(kept):
        asked = ", ".join(f"{name} {value}" for name, value in wanted.items() if value is not None)
        raise DataError(
            f"The baseline has no answered rows that are right or wrong{f' for {asked}' if asked else ''}. "
            "It needs original inputs with labels, of a scenario that is scored by accuracy."
        )
    for name in CHOICES:
        found = kept[name].unique().sort().to_list()
        if name == "date":
            kept = kept.filter(pl.col("date") == found[-1])
        elif len(found) > 1:
            raise DataError(f"The baseline has several {name}s: {', '.join(found)}. Name one of them.")
    return kept


def probe_instances(
    asker: Asker,
    baseline: pl.DataFrame,
    *,
    budget: int = 500,
    config: ProbeConfig | None = None,
    stop: StopRule | None = None,
    batch_size: int = 25,
    out: Path | None = None,
    on_progress: Listener | None = None,
) -> ProbeResult:
    """Ask about chosen instances of a baseline until the budget is spent or enough is known.

    Parameters
    ----------
    asker : Asker
    baseline : DataFrame
        As `pick_baseline` returns it.
    budget, config, stop, batch_size, on_progress
        As `probe`.
    out : Path, optional
        Folder that keeps the state in ``probe.json``.

    Returns
    -------
    ProbeResult
        Its ``answers`` are rows of the baseline; ``label``, ``prediction`` and ``new_prediction`` are what
        was compared: an answer that was marked right counts as the label, however it is spelled. With more
        than 64 labels and answers only right, wrong and no answer are told apart.

    Raises
    ------
    DataError
        If an instance has another text than before, or every call failed.
    """
    folded = len({*baseline["label"], *_outcomes(baseline, is_folded=False)}) > MOST_CLASSES
    known = baseline.with_columns(
        pl.Series("label", ["right"] * len(baseline) if folded else baseline["label"], dtype=pl.String),
        pl.Series("prediction", _outcomes(baseline, is_folded=folded), dtype=pl.String),
    )

    def ask(rows: pl.DataFrame) -> list[Label | Failed]:
        answered = asker.ask(rows["instance"].to_list())
        _check_inputs(rows, answered)
        new = _outcomes(answered, is_folded=folded)
        return [
            FAILED if error is not None or score is None else outcome
            for error, score, outcome in zip(answered["error"], answered["correct"], new, strict=True)
        ]

    return probe(
        ask,
        known,
        budget=budget,
        config=config,
        stop=stop,
        batch_size=batch_size,
        state=None if out is None else out / STATE_NAME,
        on_progress=on_progress,
    )


def _outcomes(rows: pl.DataFrame, *, is_folded: bool) -> list[str | None]:
    """Return what each answer counts as: its label where it was marked right, else what it says."""
    found: list[str | None] = []
    for label, prediction, correct in rows.select("label", "prediction", "correct").iter_rows():
        if correct:
            found.append("right" if is_folded else label)
        elif prediction is None:
            found.append(None)
        else:
            found.append(
                "wrong" if is_folded else f"{prediction} (wrong)" if prediction == label else prediction
            )
    return found


def _check_inputs(before: pl.DataFrame, after: pl.DataFrame) -> None:
    """Refuse to compare answers to other texts."""
    if len(before) != len(after):
        raise TableError(f"{len(after)} rows came back for {len(before)} instances; one each is needed.")
    differ = (before["input_hash"] != after["input_hash"]).fill_null(False)
    if differ.any():
        name = before["instance"].filter(differ)[0]
        raise DataError(
            f'The instance "{name}" has another text than in the baseline, so that answers cannot be '
            "compared. Use the scenario's version and rows of the baseline."
        )
