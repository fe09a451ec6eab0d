"""What the votes of a folder are like: how good, how much alike, and what aggregating them gains.

The figures of sections 4 to 6 of arXiv 2210.02441, for any model and scenario.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.evaluation.vote_rows import VOTER, ScenarioVotes, read_votes
from longwave.predictions import bootstrap_interval, holm, paired_bootstrap
from longwave.prompting.label_model import information_flow
from longwave.prompting.votes import AGGREGATES, VoteMatrix

__all__ = ["MEAN", "VoteFigures", "summarize_votes"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MEAN = "mean of votes"
KEY = {name: pl.String() for name in VOTER}
ACCURACY = pl.Schema(
    {
        **KEY,
        "prompt": pl.String(),
        "kind": pl.String(),
        "value": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "n": pl.Int64(),
        "abstained": pl.Float64(),
        "entropy": pl.Float64(),
        "n_unlabelled": pl.Int64(),
    }
)
DIFFERENCES = pl.Schema(
    {
        **KEY,
        "prompt": pl.String(),
        "baseline": pl.String(),
        "difference_pp": pl.Float64(),
        "low_pp": pl.Float64(),
        "high_pp": pl.Float64(),
        "p_value": pl.Float64(),
        "p_holm": pl.Float64(),
        "n": pl.Int64(),
    }
)
PAIRS = pl.Schema(
    {
        **KEY,
        "first": pl.String(),
        "second": pl.String(),
        "both": pl.Float64(),
        "agreement": pl.Float64(),
        "error_overlap": pl.Float64(),
        "n": pl.Int64(),
    }
)


@dataclass(frozen=True, kw_only=True)
class VoteFigures:
    """Tidy frames about the votes on original inputs; each has ``scenario, model, version, date``.

    Parameters
    ----------
    accuracy : DataFrame
        One row a ``prompt``: its ``kind`` (``vote``, ``mean``, ``aggregate``, or ``own`` for the scenario's
        own prompt where that was asked, too), ``value`` (mean of the main metric) with a 95 % interval ``low,
        high``, ``n`` instances, the share ``abstained`` without a prediction, and ``entropy``: what remains
        unknown of the label in nats once the prompt's answer is known, null where the answer is free. Votes
        on ``n_unlabelled`` rows of the train split, which the label model saw too, count in nothing else.
    differences : DataFrame
        Each aggregate against the mean of the votes, the majority vote, and the scenario's own prompt:
        ``difference_pp`` in points on the same instances, interval, and p-value, also corrected within the
        scenario and model (Holm).
    pairs : DataFrame
        Each two votes: the share of instances on which ``both`` vote, their ``agreement`` there, and of the
        instances that one gets wrong the share that both do (``error_overlap``, the Jaccard index).
    """

    accuracy: pl.DataFrame
    differences: pl.DataFrame
    pairs: pl.DataFrame


def summarize_votes(folder: Path | str, *, prompts: Sequence[str] | None = None) -> VoteFigures:
    """Summarise the votes of a folder and what was made of them.

    Parameters
    ----------
    folder : Path or str
        Of an evaluation with ``prompting="ama"``; aggregates count once ``aggregate_votes`` has written them.
    prompts : sequence of str, optional
        Those that vote; default: the chains ``ama-1``, ``ama-2``, ...

    Raises
    ------
    DataError
        If the folder holds no votes.

    Notes
    -----
    An abstention scores as no answer does, so that the mean of the votes may lie below every aggregate.
    Intervals and p-values are bootstraps over instances. ``H(y | ŷ) = -Σ_ŷ P(ŷ) Σ_y P(y | ŷ) log P(y | ŷ)``
    from the counts, abstention a value of ŷ like others; small samples make it too small. The rows of one
    model and scenario are in memory at a time, and of them only the columns that votes need.

    References
    ----------
    arXiv 2210.02441, sections 5 and 6.
    """
    frames: dict[str, list[dict[str, object]]] = {"accuracy": [], "differences": [], "pairs": []}
    for group in read_votes(folder, prompts):
        rows = _rows(group)
        scores = _scores(rows, group)
        frames["accuracy"] += [{**group.voter, **row} for row in _accuracy(rows, group, scores)]
        frames["differences"] += [{**group.voter, **row} for row in _differences(scores, group)]
        frames["pairs"] += [{**group.voter, **row} for row in _pairs(group.scored, scores)]
    return VoteFigures(
        accuracy=pl.DataFrame(frames["accuracy"], schema=ACCURACY),
        differences=pl.DataFrame(frames["differences"], schema=DIFFERENCES),
        pairs=pl.DataFrame(frames["pairs"], schema=PAIRS),
    )


def _rows(group: ScenarioVotes) -> pl.DataFrame:
    """Return the rows of all prompts on the originals that are scored, with their ``place`` in the matrix."""
    places = pl.DataFrame({"instance": group.scored.instances}).with_row_index("place")
    return group.rows.filter(pl.col("perturbation").is_null()).join(places, on="instance")


def _scores(rows: pl.DataFrame, group: ScenarioVotes) -> dict[str, Floats]:
    """Return the score of each prompt on each instance, NaN where there is none; first the votes."""
    votes = group.scored
    found: dict[str, Floats] = {}
    for (name,), own in rows.select("prompt", "place", "score").group_by("prompt"):
        scores = found[str(name)] = np.full(len(votes.instances), np.nan)
        scores[own["place"].to_numpy()] = own["score"].fill_null(np.nan).to_numpy()
    nothing = np.full(len(votes.instances), np.nan)
    ordered = {name: found.get(name, nothing) for name in votes.prompts}
    ordered[MEAN] = np.mean([np.nan_to_num(scores) for scores in ordered.values()], axis=0)
    others = sorted(set(found) - set(ordered), key=_place)
    return {**ordered, **{name: found[name] for name in others}}


def _place(name: str) -> tuple[int, str]:
    return (AGGREGATES.index(name), "") if name in AGGREGATES else (-1, name)


def _accuracy(
    rows: pl.DataFrame, group: ScenarioVotes, scores: Mapping[str, Floats]
) -> Iterator[dict[str, object]]:
    n_unlabelled = len(group.originals.instances) - len(group.scored.instances)
    silent = dict(rows.group_by("prompt").agg(pl.col("prediction").is_null().mean()).iter_rows())
    for name, values in scores.items():
        known = values[~np.isnan(values)]
        interval = bootstrap_interval(known) if len(known) else None
        yield {
            "prompt": name,
            "kind": _kind(name, group),
            "value": float(known.mean()) if len(known) else None,
            "low": interval.low if interval else None,
            "high": interval.high if interval else None,
            "n": len(known),
            "abstained": silent.get(name),
            "entropy": None if name == MEAN else _entropy(rows, name, group.scored),
            "n_unlabelled": n_unlabelled if name in group.prompts else 0,
        }


def _kind(name: str, group: ScenarioVotes) -> str:
    if name in group.prompts:
        return "vote"
    return "mean" if name == MEAN else "aggregate" if name in AGGREGATES else "own"


def _entropy(rows: pl.DataFrame, prompt: str, votes: VoteMatrix) -> float | None:
    """Estimate in nats what a prompt's answer leaves unknown of the label, among fixed classes."""
    if votes.kind != "classes":
        return None
    code = {text: place for place, text in enumerate(votes.classes)}
    own = rows.filter(pl.col("prompt") == prompt, pl.col("label").is_in(votes.classes))
    if not len(own):
        return None
    told, labels = (
        own[name].replace_strict(code, default=-1, return_dtype=pl.Int64).to_numpy()
        for name in ("prediction", "label")
    )
    return information_flow(told, labels, n_classes=votes.n_classes)


def _differences(scores: Mapping[str, Floats], group: ScenarioVotes) -> list[dict[str, object]]:
    """Compare each aggregate with what stands below it, on the instances that both have."""
    own = [name for name in scores if _kind(name, group) == "own"]
    found: list[dict[str, object]] = []
    p_values: list[float] = []
    for name in (name for name in scores if name in AGGREGATES):
        for baseline in (MEAN, *own, *(["majority"] if name != "majority" and "majority" in scores else [])):
            first, second = scores[name], scores[baseline]
            is_both = ~np.isnan(first) & ~np.isnan(second)
            if not is_both.any():
                continue
            test = paired_bootstrap(first[is_both], second[is_both])
            p_values.append(test.p_value)
            found.append(
                {
                    "prompt": name,
                    "baseline": baseline,
                    "difference_pp": 100 * test.estimate,
                    "low_pp": 100 * test.low,
                    "high_pp": 100 * test.high,
                    "p_value": test.p_value,
                    "n": test.n,
                }
            )
    return [{**row, "p_holm": float(p)} for row, p in zip(found, holm(p_values), strict=True)]


def _pairs(votes: VoteMatrix, scores: Mapping[str, Floats]) -> Iterator[dict[str, object]]:
    for (i, first), (j, second) in combinations(enumerate(votes.prompts), 2):
        a, b = votes.votes[:, i], votes.votes[:, j]
        both = (a >= 0) & (b >= 0)
        wrong = [np.nan_to_num(scores[name]) < 1 for name in (first, second)]
        either = (wrong[0] | wrong[1]).sum()
        yield {
            "first": first,
            "second": second,
            "both": float(both.mean()),
            "agreement": float((a == b)[both].mean()) if both.any() else None,
            "error_overlap": float((wrong[0] & wrong[1]).sum() / either) if either else None,
            "n": len(a),
        }
