"""Aggregate votes: one more row an instance, whose ``prompt`` names the method."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.clients.base import Completion
from longwave.config import config_hash
from longwave.errors import DataError, UnknownName
from longwave.evaluation.applicability import find_scenario
from longwave.evaluation.locking import lock_folder
from longwave.evaluation.plan import WHOLE
from longwave.metrics import Answer, AnswerMetric, InstanceMetric, get_metric
from longwave.predictions import KEY, SCHEMA, drop_rows, read_predictions, read_side, write_predictions
from longwave.prompting.label_model import Aggregator, DawidSkene, LabelModel, MajorityVote, TripletModel
from longwave.prompting.votes import AGGREGATES, VOTE_PREFIX, VoteMatrix, collect_votes
from longwave.scenarios import Scenario
from longwave.scenarios.base import CORRECT, Instance, Reference

__all__ = ["aggregate_votes", "vote_groups"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
GROUP = ("scenario", "model", "version", "date")


@dataclass(frozen=True, kw_only=True)
class ScenarioVotes:
    """The votes of one model on one scenario, originals and each perturbation apart.

    Parameters
    ----------
    key : mapping
        Values of ``scenario, model, version, date``.
    originals : VoteMatrix
    copies : mapping
        Votes on perturbed copies, by the perturbation's name.
    """

    key: Mapping[str, str]
    originals: VoteMatrix
    copies: Mapping[str, VoteMatrix]

    @property
    def parts(self) -> Iterator[tuple[str | None, VoteMatrix]]:
        """Walk over the originals and the copies."""
        yield None, self.originals
        yield from self.copies.items()


def vote_groups(
    predictions: pl.DataFrame, instances: pl.DataFrame, prompts: Sequence[str] | None = None
) -> Iterator[ScenarioVotes]:
    """Collect the votes of a folder, model by model and scenario by scenario.

    Parameters
    ----------
    predictions, instances : DataFrame
    prompts : sequence of str, optional
        Those that vote; default: the chains ``ama-1``, ``ama-2``, ...
    """
    is_vote = (
        pl.col("prompt").str.starts_with(VOTE_PREFIX) if prompts is None else pl.col("prompt").is_in(prompts)
    )
    votes = predictions.filter(is_vote, pl.col("trial") == 0)
    for values, rows in votes.group_by(*GROUP, maintain_order=True):
        key = dict(zip(GROUP, map(str, values), strict=True))
        names = [name for name in rows["perturbation"].unique(maintain_order=True) if name is not None]
        originals, *copies = [
            collect_votes(
                rows,
                key["scenario"],
                key["model"],
                instances=instances,
                version=key["version"],
                date=key["date"],
                perturbation=name,
                prompts=prompts,
            )
            for name in (None, *names)
        ]
        yield ScenarioVotes(key=key, originals=originals, copies=dict(zip(names, copies, strict=True)))


def aggregate_votes(
    folder: Path | str,
    *,
    method: str = "label-model",
    prompts: Sequence[str] | None = None,
    scenarios: Sequence[Scenario] = (),
    seed: int = 0,
) -> pl.DataFrame:
    """Make one answer of the votes on each instance, and add it to a folder's predictions table.

    Parameters
    ----------
    folder : Path or str
        Of an evaluation with ``prompting="ama"``. Rows that the same method wrote before are replaced.
    method : {"label-model", "majority", "label-model-independent", "dawid-skene", "triplet"}
        The column ``prompt`` of the new rows; ``label-model-independent`` leaves dependencies between prompts
        out of account. See `longwave.prompting.label_model`.
    prompts : sequence of str, optional
        Those that vote; default: the chains ``ama-1``, ``ama-2``, ...
    scenarios : sequence of Scenario
        Those that are not registered, for their metric.
    seed : int
        Of the label model.

    Returns
    -------
    DataFrame
        The new rows. ``confidence`` is the probability of the answer by the label model, or its share of the
        votes. Without any vote a row has no prediction by majority, and the most frequent class by the label
        model, as it was learned. Costs stay with the votes.

    Raises
    ------
    UnknownName
        If there is no such method.
    DataError
        If the folder holds no votes, or a scenario is not known.

    Notes
    -----
    Labels are not looked at but for the score. A model is fitted on the original inputs of a scenario and
    decides on their perturbed copies, too. Free answers are always counted, since a label model needs
    classes: equal ones are those that `longwave.metrics.quasi_exact_match` takes for equal, and among those
    named equally often the one of the first prompt wins (section 3.1 of the paper's appendix counts them
    too).

    References
    ----------
    arXiv 2210.02441, sections 4 and 5.
    """
    if method not in AGGREGATES:
        raise UnknownName("method of aggregation", method, AGGREGATES)
    folder = Path(folder)
    predictions, instances = read_predictions(folder), read_side(folder, "instances")
    rows: list[dict[str, object]] = []
    for group in vote_groups(predictions, instances, prompts):
        model = open_aggregator(method, group.originals, seed=seed).fit(group.originals.votes)
        scenario = find_scenario(group.key["scenario"], scenarios)
        if scenario is None:
            raise DataError(
                f'The scenario "{group.key["scenario"]}" is not registered here, so that its metric is '
                "unknown. "
                "Pass it in scenarios."
            )
        for perturbation, votes in group.parts:
            known = _known_rows(predictions, instances, group.key, perturbation)
            rows += _rows(method, model, votes, known, scenario)
    if not rows:
        raise DataError(
            f'"{folder}" holds no votes. Fill it with: longwave evaluate --prompting ama --out {folder}'
        )
    run = config_hash({"method": method, "prompts": list(prompts or ()), "seed": seed})
    frame = pl.DataFrame(rows, schema=SCHEMA).with_columns(pl.lit(run).alias("run"))
    with lock_folder(folder, WHOLE):
        done = [pl.col(name).is_in(frame[name].unique().to_list()) for name in GROUP]
        drop_rows(folder, pl.all_horizontal(pl.col("prompt") == method, *done))
        write_predictions(folder, frame)
    return frame


def open_aggregator(method: str, votes: VoteMatrix, *, seed: int = 0) -> Aggregator:
    """Make the model that aggregates some votes; free answers are always counted."""
    k = votes.n_classes
    if method == "majority" or votes.kind == "answers":
        return MajorityVote(n_classes=k)
    if method == "dawid-skene":
        return DawidSkene(n_classes=k)
    if method == "triplet":
        return TripletModel(n_classes=k)
    learned = "none" if method == "label-model-independent" else "learn"
    return LabelModel(n_classes=k, dependencies=learned, seed=seed)


def decide(model: Aggregator, votes: VoteMatrix) -> tuple[list[str | None], Floats]:
    """Return the answer to each row and its probability, NaN where there is none.

    An answer is one that the row offers; a counted row without votes has none.
    """
    codes, proba = model.predict(_fitting(votes, model)), model.predict_proba(_fitting(votes, model))
    is_silent = np.asarray((votes.votes < 0).all(axis=1) & isinstance(model, MajorityVote))
    answers: list[str | None] = []
    sure = np.full(len(codes), np.nan)
    for row, names in enumerate(votes.names):
        code = int(codes[row])
        if code >= len(names) and names:
            code = int(proba[row, : len(names)].argmax())
        answers.append(None if is_silent[row] else votes.text(row, code))
        if answers[-1] is not None:
            sure[row] = proba[row, code]
    return answers, sure


def _fitting(votes: VoteMatrix, model: Aggregator) -> Ints:
    """Take votes on perturbed copies that name more answers than a model knows for abstentions."""
    return np.where(votes.votes >= model.n_classes, -1, votes.votes)


def _known_rows(
    predictions: pl.DataFrame, instances: pl.DataFrame, key: Mapping[str, str], perturbation: str | None
) -> dict[str, dict[str, object]]:
    """Return what new rows take over from the votes and the instances, by the instance's id."""
    same = pl.col("perturbation").eq_missing(pl.lit(perturbation, pl.String()))
    votes = predictions.filter(*(pl.col(name) == value for name, value in key.items()), same)
    own = instances.filter(pl.col("scenario") == key["scenario"], same)
    first = votes.unique("instance", keep="first", maintain_order=True)
    columns = [*KEY, "split", "input_hash", "label", "group"]
    both = first.select(columns).join(
        own.select("instance", "input", "references", "correct_references", "tags", "extra"),
        on="instance",
        how="left",
    )
    return {row["instance"]: row for row in both.iter_rows(named=True)}


def _rows(
    method: str,
    model: Aggregator,
    votes: VoteMatrix,
    known: Mapping[str, Mapping[str, object]],
    scenario: Scenario,
) -> Iterator[dict[str, object]]:
    metric = get_metric(scenario.main_metric)
    answers, sure = decide(model, votes)
    for name, answer, confidence in zip(votes.instances, answers, sure, strict=True):
        row = known[name]
        score: float | None = None
        is_right: bool | None = None
        if isinstance(metric, InstanceMetric | AnswerMetric):
            score = metric.measure(_answer(name, row, answer))
            is_right = None if score is None else metric.is_full_marks(score)
        yield {
            **{column: row[column] for column in (*KEY, "split", "input_hash", "label", "group")},
            "prompt": method,
            "trial": 0,
            "prediction": answer,
            "score": score,
            "correct": is_right,
            "confidence": None if np.isnan(confidence) else float(min(max(confidence, 0.0), 1.0)),
        }


def _answer(name: str, row: Mapping[str, object], answer: str | None) -> Answer:
    written = (Completion(text=answer),) if answer is not None else ()
    return Answer(instance=_instance(name, row), prediction=answer, completions=written)


def _instance(name: str, row: Mapping[str, object]) -> Instance:
    """Make an instance again from its row of the side table."""
    texts, right, tags = (_list(row[column]) for column in ("references", "correct_references", "tags"))
    more = tags or [()] * len(texts)
    return Instance(
        id=name,
        input=str(row["input"] or ""),
        references=tuple(
            Reference(
                text=str(text), tags=((CORRECT,) if place in right else ()) + tuple(map(str, _list(own)))
            )
            for place, (text, own) in enumerate(zip(texts, more, strict=True))
        ),
        split="test",
        extra=json.loads(str(row["extra"])) if row["extra"] else {},
    )


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []
