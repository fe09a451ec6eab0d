from __future__ import annotations

import polars as pl
import pytest

from longwave.errors import MissingFile, TableError
from longwave.monitoring import pair_runs, read_runs, runs_from_predictions
from longwave.predictions import write_predictions


def row(instance="a", **more):
    return {
        "scenario": "boolq@1", "instance": instance, "model": "m", "version": "v1", "date": "2024-05-01",
        "prompt": "default", "perturbation": None, "trial": 0,
        "prediction": "yes", "label": "yes", "correct": True, "score": 1.0, "confidence": 0.75,
        "group": None, "error": None, "latency_s": 0.5, "cost_usd": 0.001,
    } | more  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    def write(*rows):
        write_predictions(tmp_path / "out", pl.DataFrame(list(rows), infer_schema_length=None))
        return tmp_path / "out"

    return write


def test_scenario_model_and_date_become_a_run(folder):
    store = runs_from_predictions(
        folder(row("a", group="g"), row("b", correct=False, score=0.0, prediction="no"))
    )
    run = store.runs().row(0, named=True)
    assert [str(run[name]) for name in ("task", "dataset", "api", "date", "kind")] == [
        "own", "boolq@1", "m", "2024-05-01", "text",
    ]  # fmt: skip
    assert (run["version"], run["n_rows"], run["n_examples"], run["has_labels"]) == ("v1", 2, 2, True)
    assert (run["date_status"], run["confidence_kind"]) == ("confirmed", "probability")
    assert run["cost_per_10k"] == pytest.approx(10.0)
    columns = [
        "row",
        "example_id",
        "predicted_label",
        "true_label",
        "score",
        "confidence",
        "group",
        "latency_s",
    ]
    assert store.table(columns=columns).collect().rows() == [
        (0, "a", "yes", "yes", 1.0, 0.75, "g", 0.5), (1, "b", "no", "yes", 0.0, 0.75, None, 0.5),
    ]  # fmt: skip


def test_score_is_that_of_the_table(folder):
    store = runs_from_predictions(folder(row("a", correct=None, score=0.4), row("b", prediction="YES")))
    assert store.table().collect()["score"].to_list() == [0.4, 1.0]


def test_rows_of_two_dates_meet_by_instance(folder):
    later = {"date": "2024-06-01", "prediction": "no", "correct": False, "score": 0.0}
    store = runs_from_predictions(
        folder(row("a"), row("b"), row("b", **later), row("a", **later), row("c", **later))
    )
    pair = pair_runs(store, task="own", dataset="boolq@1", api="m", before="2024-05-01", after="2024-06-01")
    assert pair.frame.select("example_id", "score_before", "score_after").rows() == [("a", 1, 0), ("b", 1, 0)]
    assert pair.only_after == 1
    assert store.notes == ("m on 2024-05-01 has 2 of 3 instances of boolq@1: a partial round.",)


def test_versions_of_one_day_are_runs_of_their_own(folder):
    store = runs_from_predictions(
        folder(row("a"), row("a", version="v2"), row("a", version="v3", date="2024-07-01"))
    )
    assert store.series()["dates"].to_list() == [["2024-05-01@v1", "2024-05-01@v2", "2024-07-01"]]
    assert store.runs()["version"].to_list() == ["v1", "v2", "v3"]


def test_perturbed_rows_are_taken_only_by_their_name(folder):
    out = folder(row("a"), row("a", perturbation="typos", correct=False))
    assert runs_from_predictions(out).table().collect()["score"].to_list() == [1.0]
    assert runs_from_predictions(out, perturbation="typos").table().collect()["score"].to_list() == [0.0]


def test_trials_are_examples_of_their_own(folder):
    out = folder(row("a"), row("a", trial=1, correct=False))
    assert runs_from_predictions(out).table().collect().select("row", "example_id", "score").rows() == [
        (0, "a", 1.0), (1, "a", 0.0),
    ]  # fmt: skip
    assert runs_from_predictions(out, trial=1).table().collect()["score"].to_list() == [0.0]


def test_split_can_be_chosen(folder):
    out = folder(row("a", split="valid"), row("b", split="test", correct=False))
    assert runs_from_predictions(out, split="test").table().collect()["score"].to_list() == [0.0]


def test_failed_requests_and_floors_are_left_out_and_failures_are_told(folder):
    store = runs_from_predictions(
        folder(
            row("a"), row("b", error="timed out", correct=None, score=None), row("a", model="floor:majority")
        )
    )
    assert store.runs().select("api", "n_rows").rows() == [("m", 1)]
    assert store.notes == ("1 of 2 requests failed; their rows are left out.",)


def test_several_prompts_need_a_choice(folder):
    out = folder(row("a"), row("a", prompt="other", correct=False))
    with pytest.raises(
        TableError, match=r"several prompts for one scenario and model: default, other. Choose one"
    ):
        runs_from_predictions(out)
    assert runs_from_predictions(out, prompt="other").table().collect()["score"].to_list() == [0.0]
    assert read_runs(out, prompt="default").table().collect()["score"].to_list() == [1.0]
    with pytest.raises(TableError, match=r'has no prompt "third". It has default, other'):
        runs_from_predictions(out, prompt="third")


def test_instance_with_several_labels_is_told(folder):
    store = runs_from_predictions(folder(row("a"), row("a", date="2024-06-01", label="no")))
    assert store.notes == ("1 instances of boolq@1 have several labels; the first is shown.",)


def test_instance_that_was_answered_twice_is_refused():
    frame = pl.DataFrame(
        [row("a"), row("a", prompt="other", model="n"), row("a", version="v1")], infer_schema_length=None
    )
    with pytest.raises(TableError, match='m answered instance "a" of boolq@1 twice on 2024-05-01'):
        runs_from_predictions(frame.with_columns(pl.lit("test").alias("split")))


def test_rows_without_confidence_or_cost_have_none(folder):
    run = runs_from_predictions(folder(row("a", confidence=None, cost_usd=None))).runs().row(0, named=True)
    assert (run["confidence_kind"], run["cost_per_10k"]) == ("none", None)


def test_rows_without_a_score_have_no_labels_to_be_scored_by(folder):
    store = runs_from_predictions(folder(row("a", correct=None, score=None)))
    assert store.runs()["has_labels"].to_list() == [False]


def test_nothing_left_is_told(folder):
    with pytest.raises(TableError, match="has no row of a model with these settings"):
        runs_from_predictions(folder(row("a", model="floor:majority")))


def test_missing_folder_is_told(tmp_path):
    with pytest.raises(MissingFile, match="No folder or file"):
        runs_from_predictions(tmp_path / "absent")
