"""Aggregated rows: what is written, scored, replaced and left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from longwave.clients import Completion, FakeClient
from longwave.errors import DataError, MissingFile, UnknownName
from longwave.evaluation import aggregate_votes, evaluate, summarize_votes
from longwave.evaluation.votes import decide
from longwave.metrics import AnswerMetric, summarize_scores
from longwave.perturbations import get_perturbation
from longwave.predictions import read_predictions, read_side, write_predictions
from longwave.prompting import VoteMatrix
from longwave.prompting.label_model.majority import MajorityVote
from longwave.scenarios import Reference


class Voter(FakeClient):
    """Says yes or no by the demonstrations it sees: a different judge in every chain."""

    def __init__(self):
        super().__init__(self._reply, name="voter")

    def _reply(self, request):
        if request.prompt.startswith("Turn each statement"):
            return Completion(text=" " + request.prompt.rpartition("Statement: ")[2].partition("\n")[0])
        number = int("".join(filter(str.isdigit, request.prompt.rpartition("\n\n")[2])) or 0)
        errs = len(request.prompt) % 5 == number % 5
        return Completion(text=" Yes" if (number % 2 == 0) != errs else " No", logprob=-0.1)


def fill(scenario, out, client=None, **more):
    settings = {"prompting": "ama", "votes": 5, "date": "2025-01-01", **more}
    return evaluate(model=client or Voter(), scenarios=[scenario], out=out, **settings)


@pytest.fixture
def filled(make_scenario, tmp_path):
    scenario = make_scenario(n=20)
    fill(scenario, tmp_path)
    return scenario, tmp_path


@pytest.mark.parametrize(
    "method", ["majority", "label-model", "label-model-independent", "dawid-skene", "triplet"]
)
def test_an_aggregate_is_one_more_row_an_instance(filled, method):
    scenario, folder = filled
    rows = aggregate_votes(folder, method=method, scenarios=[scenario])
    there = read_predictions(folder).filter(pl.col("prompt") == method)
    assert len(rows) == len(there) == 20
    assert set(there["model"]) == {"voter"}
    assert there["confidence"].is_between(0, 1).all()
    assert there["error"].null_count() == there["request_hash"].null_count() == 20
    assert there["cost_usd"].null_count() == there["latency_s"].null_count() == 20
    assert (there["score"] == (there["prediction"] == there["label"]).cast(pl.Float64)).all()
    assert (there["correct"] == (there["score"] == 1)).all()


def test_majority_is_the_answer_of_most_votes(filled):
    scenario, folder = filled
    aggregate_votes(folder, method="majority", scenarios=[scenario])
    rows = read_predictions(folder).filter(pl.col("model") == "voter")
    votes = rows.filter(pl.col("prompt").str.starts_with("ama-"))
    counted = votes.group_by("instance").agg((pl.col("prediction") == "yes").mean().alias("yes"))
    both = rows.filter(pl.col("prompt") == "majority").join(counted, on="instance")
    assert (both["prediction"] == both["yes"].gt(0.5).replace_strict({True: "yes", False: "no"})).all()


def test_the_same_method_replaces_its_rows_and_no_others(filled):
    scenario, folder = filled
    aggregate_votes(folder, method="majority", prompts=["ama-1"], scenarios=[scenario])
    aggregate_votes(folder, method="label-model", scenarios=[scenario])
    aggregate_votes(folder, method="majority", scenarios=[scenario])
    prompts = read_predictions(folder).filter(pl.col("model") == "voter")["prompt"]
    assert prompts.value_counts().sort("prompt").rows() == [
        *((f"ama-{n}", 20) for n in range(1, 6)),
        ("label-model", 20),
        ("majority", 20),
    ]


def test_labels_are_not_looked_at(filled):
    scenario, folder = filled
    first = aggregate_votes(folder, scenarios=[scenario])
    blind = read_predictions(folder).filter(~pl.col("prompt").is_in(["label-model"]))
    other = folder / "blind"
    write_predictions(other, blind.with_columns(pl.lit("no").alias("label"), pl.lit(0.0).alias("score")))
    (folder / "instances").rename(other / "instances")
    assert aggregate_votes(other, scenarios=[scenario])["prediction"].equals(first["prediction"])


def test_copies_are_decided_by_the_model_of_the_originals(make_scenario, tmp_path):
    scenario = make_scenario(n=12)
    fill(scenario, tmp_path, perturbations=[get_perturbation("lowercase")])
    rows = aggregate_votes(tmp_path, scenarios=[scenario])
    assert rows["perturbation"].value_counts().sort("perturbation").rows() == [(None, 12), ("lowercase", 12)]
    originals, copies = (rows.filter(pl.col("perturbation").is_null() == own) for own in (True, False))
    assert originals["prediction"].equals(copies["prediction"])


@pytest.fixture
def more_votes(make_scenario, tmp_path):
    """Return a scenario and a folder in which six train rows were voted on as well."""
    scenario = make_scenario(n=12)
    fill(scenario, tmp_path, train_votes=6)
    return scenario, tmp_path


def test_votes_on_train_rows_have_no_label_and_no_score(more_votes):
    rows = read_predictions(more_votes[1]).filter(pl.col("split") == "train")
    assert len(rows) == 6 * 5
    assert rows["prediction"].null_count() < 30
    for name in ("label", "score", "correct", "error"):
        assert rows[name].null_count() == 30
    inputs = read_side(more_votes[1], "instances").filter(pl.col("split") == "train")
    assert inputs["references"].to_list() == [["yes", "no"]] * 6
    assert inputs["correct_references"].to_list() == [[]] * 6


def test_models_are_fitted_on_train_rows_too_and_decide_on_the_others(more_votes):
    scenario, folder = more_votes
    seen = []
    fit = MajorityVote.fit

    def look(model, votes):
        seen.append(len(votes))
        return fit(model, votes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MajorityVote, "fit", look)
        rows = aggregate_votes(folder, method="majority", scenarios=[scenario])
    assert seen == [18]
    assert (len(rows), set(rows["split"])) == (12, {"test"})


def test_figures_are_those_of_the_rows_that_are_scored(more_votes, make_scenario, tmp_path):
    scenario, folder = more_votes
    fill(scenario, tmp_path / "plain")
    for where in (folder, tmp_path / "plain"):
        aggregate_votes(where, method="majority", scenarios=[scenario])
    more, plain = summarize_votes(folder), summarize_votes(tmp_path / "plain")
    assert more.accuracy.drop("n_unlabelled").equals(plain.accuracy.drop("n_unlabelled"))
    assert more.accuracy["n_unlabelled"].to_list() == [6] * 5 + [0, 0]
    assert more.pairs.equals(plain.pairs)
    assert more.differences.equals(plain.differences)


def test_train_rows_change_no_score(more_votes, tmp_path):
    scenario, folder = more_votes
    fill(scenario, tmp_path / "plain")
    by = ["scenario", "model", "prompt"]
    scores = [summarize_scores(read_predictions(where), by) for where in (folder, tmp_path / "plain")]
    assert scores[0].equals(scores[1])


def test_scenarios_without_train_rows_are_told(make_scenario, own_rows, tmp_path, caplog):
    fill(make_scenario(rows=own_rows(4, "test")), tmp_path, train_votes=3)
    assert 'no train rows to vote on in "parity@1"' in caplog.text


def test_free_answers_are_counted(make_scenario, own_rows, tmp_path):
    asked = [*own_rows(4, "train", ("4",)), *own_rows(6, "test", ("4",))]
    scenario = make_scenario(rows=asked)
    client = FakeClient(lambda request: Completion(text=" 4." if "Answer each" in request.prompt else " 5"))
    fill(scenario, tmp_path, client, votes=3)
    rows = aggregate_votes(tmp_path, scenarios=[scenario])
    assert set(rows["prediction"]) == {"4."}
    assert rows["confidence"].to_list() == pytest.approx([2 / 3] * 6)


def test_metrics_that_need_the_options_have_them(make_scenario, tmp_path):
    scenario = make_scenario(n=6, main_metric="quasi_exact_match")
    fill(scenario, tmp_path)
    rows = aggregate_votes(tmp_path, scenarios=[scenario])
    assert rows["score"].null_count() == 0


def decided(votes, names, kind="options"):
    matrix = VoteMatrix(
        votes=np.array(votes),
        instances=tuple(map(str, range(len(votes)))),
        prompts=tuple(f"ama-{n}" for n in range(len(votes[0]))),
        names=names,
        labels=np.full(len(votes), -1),
        kind=kind,
    )
    return decide(MajorityVote(n_classes=matrix.n_classes).fit(matrix.votes), matrix)


def test_a_row_without_votes_has_no_majority():
    answers, sure = decided([[-1, -1], [1, 1]], (("a", "b"),) * 2)
    assert answers == [None, "b"]
    assert np.isnan(sure[0])
    assert sure[1] == 1


def test_an_answer_is_one_that_the_row_offers():
    answers, _ = decided([[2, 2], [0, -1]], (("a", "b", "c"), ("d",)))
    assert answers == ["c", "d"]


def test_an_unknown_scenario_must_be_passed(filled):
    with pytest.raises(DataError, match='"parity@1" is not registered here'):
        aggregate_votes(filled[1])


def test_a_folder_without_votes_is_told(make_scenario, tmp_path):
    scenario = make_scenario()
    evaluate(model="fake:first", scenarios=[scenario], out=tmp_path)
    with pytest.raises(DataError, match=r"holds no votes\. Fill it with: longwave evaluate --prompting ama"):
        aggregate_votes(tmp_path, scenarios=[scenario])
    with pytest.raises(MissingFile):
        aggregate_votes(tmp_path / "none")


def test_an_unknown_method_is_told(tmp_path):
    with pytest.raises(UnknownName, match=r'Unknown method of aggregation "mayority"\. .*"majority"'):
        aggregate_votes(tmp_path, method="mayority")


def test_tags_and_extra_of_instances_reach_the_metric(make_scenario, own_rows, tmp_path):
    seen = []

    def look(answer):
        seen.append(answer)
        return 1.0

    rows = [
        replace(
            row,
            references=(Reference(text="yes", tags=("correct", "odd")), Reference(text="no")),
            extra={"k": 1},
        )
        for row in own_rows(3, "test")
    ]
    scenario = make_scenario(rows=rows)
    fill(scenario, tmp_path)
    metric = AnswerMetric(name="look", family="accuracy", higher_is_better=True, function=look)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("longwave.evaluation.votes.get_metric", lambda _: metric)
        aggregate_votes(tmp_path, scenarios=[scenario])
    assert seen[0].instance.references[0].tags == ("correct", "odd")
    assert seen[0].instance.extra == {"k": 1}
