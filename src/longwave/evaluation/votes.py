"""Aggregate votes: one more row an instance, whose ``prompt`` names the method."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
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
from longwave.evaluation.vote_rows import VOTER, ScenarioVotes, read_described, read_inputs, read_votes
from longwave.metrics import Answer, AnswerMetric, InstanceMetric, TableMetric, get_metric
from longwave.predictions import SCHEMA, drop_rows, write_predictions
from longwave.prompting.label_model import Aggregator, DawidSkene, LabelModel, MajorityVote, TripletModel
from longwave.prompting.votes import AGGREGATES, VoteMatrix
from longwave.scenarios import Scenario
from longwave.scenarios.base import CORRECT, Instance, Reference

__all__ = ["aggregate_votes"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
AnyMetric = InstanceMetric | AnswerMetric | TableMetric
# what an aggregate takes over from its votes
DESCRIBED = ("split", "input_hash", "label", "group")
ASKED = ("references", "correct_references")


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
    Labels are not looked at but for the score. A model is fitted on the original inputs of a scenario, votes
    on unlabelled rows of the train split too (``evaluate(train_votes=...)``), and decides on the inputs that
    are scored and on their perturbed copies. Free answers are always counted, since a label model needs
    classes: equal ones are those that `longwave.metrics.quasi_exact_match` takes for equal, and among those
    named equally often the one of the first prompt wins (section 3.1 of the paper's appendix counts them
    too). The rows of one model and scenario are in memory at a time, and the new ones.

    References
    ----------
    arXiv 2210.02441, sections 4 and 5.
    """
    if method not in AGGREGATES:
        raise UnknownName("method of aggregation", method, AGGREGATES)
    folder = Path(folder)
    frames = [
        _aggregate(folder, group, method, _find(group.voter["scenario"], scenarios), seed)
        for group in read_votes(folder, prompts)
    ]
    run = config_hash({"method": method, "prompts": list(prompts or ()), "seed": seed})
    frame = pl.concat(frames).with_columns(pl.lit(run).alias("run")).select(list(SCHEMA))
    with lock_folder(folder, WHOLE):
        done = [pl.col(name).is_in(frame[name].unique().to_list()) for name in VOTER]
        drop_rows(folder, pl.all_horizontal(pl.col("prompt") == method, *done))
        write_predictions(folder, frame, is_known_new=True)  # the rows that had these keys are gone
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


def _find(name: str, scenarios: Sequence[Scenario]) -> Scenario:
    found = find_scenario(name, scenarios)
    if found is None:
        raise DataError(
            f'The scenario "{name}" is not registered here, so that its metric is unknown. '
            "Pass it in scenarios."
        )
    return found


def _aggregate(
    folder: Path, group: ScenarioVotes, method: str, scenario: Scenario, seed: int
) -> pl.DataFrame:
    """Make the new rows of one model and scenario."""
    model = open_aggregator(method, group.originals, seed=seed).fit(group.originals.votes)
    known = read_described(folder, group, DESCRIBED)
    metric = get_metric(scenario.main_metric)
    more = () if isinstance(metric, InstanceMetric) else ("input", "tags", "extra")
    inputs = read_inputs(folder, group.voter["scenario"], (*ASKED, *more))
    frames = []
    for name in (None, *group.perturbations):
        votes = group.scored if name is None else group.copies(name)
        answers, sure = decide(model, votes)
        new = pl.DataFrame(
            {"instance": votes.instances, "prediction": answers, "confidence": np.clip(sure, 0.0, 1.0)},
            schema={column: SCHEMA[column] for column in ("instance", "prediction", "confidence")},
        )
        same = pl.col("perturbation").eq_missing(pl.lit(name, pl.String()))
        for side in (known.filter(same), inputs.filter(same).drop("perturbation")):
            new = new.join(side, on="instance", how="left", maintain_order="left")
        frames.append(_scored(new.with_columns(pl.lit(name, pl.String()).alias("perturbation")), metric))
    constants = {**group.voter, "prompt": method, "trial": 0}
    rows = pl.concat(frames).with_columns(pl.col("confidence").fill_nan(None), **_literals(constants))
    return rows.with_columns(**_literals(dict.fromkeys(name for name in SCHEMA if name not in rows.columns)))


def _literals(values: Mapping[str, object]) -> dict[str, pl.Expr]:
    return {name: pl.lit(value, SCHEMA[name]) for name, value in values.items()}


def _scored(rows: pl.DataFrame, metric: AnyMetric) -> pl.DataFrame:
    """Add ``score`` and ``correct`` to answers with their instances, and leave the instances out."""
    scores: list[float | None] = [None] * len(rows)
    if isinstance(metric, InstanceMetric):
        scores = _compare(rows, metric)
    elif isinstance(metric, AnswerMetric):
        scores = [metric.measure(_answer(row)) for row in rows.iter_rows(named=True)]
    is_right = [
        None if score is None or isinstance(metric, TableMetric) else metric.is_full_marks(score)
        for score in scores
    ]
    return rows.select(
        *("instance", "perturbation", "prediction", "confidence", *DESCRIBED),
        pl.Series("score", scores, SCHEMA["score"]),
        pl.Series("correct", is_right, SCHEMA["correct"]),
    )


def _compare(rows: pl.DataFrame, metric: InstanceMetric) -> list[float | None]:
    """Compare each answer with its right references; equal questions are asked once."""

    @lru_cache(maxsize=1 << 16)
    def score(answer: str | None, right: tuple[str, ...]) -> float:
        return metric.score(answer, right)

    asked = rows.select("prediction", *ASKED).iter_rows()
    return [
        score(answer, tuple(texts[place] for place in places)) if texts is not None else score(answer, ())
        for answer, texts, places in asked
    ]


def _answer(row: Mapping[str, object]) -> Answer:
    text = row["prediction"]
    answer = None if text is None else str(text)
    written = (Completion(text=answer),) if answer is not None else ()
    return Answer(instance=_instance(row), prediction=answer, completions=written)


def _instance(row: Mapping[str, object]) -> Instance:
    """Make an instance again from its row of the side table."""
    texts, right, tags = (_list(row[column]) for column in ("references", "correct_references", "tags"))
    more = tags or [()] * len(texts)
    return Instance(
        id=str(row["instance"]),
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
