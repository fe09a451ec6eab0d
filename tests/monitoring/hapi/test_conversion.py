from __future__ import annotations

import json

import polars as pl
import pytest

from longwave.errors import TableError
from longwave.monitoring import HapiStore, Run, load_sample, read_hapi, runs_from_predictions, to_predictions
from longwave.monitoring.hapi import scenario_name
from longwave.predictions import read_predictions, read_side


@pytest.fixture
def written(release, tmp_path):
    assert to_predictions(read_hapi(release.folder), tmp_path / "out") == 14
    return read_predictions(tmp_path / "out")


def scenario(rows, name):
    return rows.filter(pl.col("scenario") == name)


def test_run_becomes_rows_of_the_table(written):
    rows = scenario(written, "hapi-scr-command@1").filter(pl.col("date") == "2020-03-29")
    assert rows["model"].unique().to_list() == ["google_scr"]
    assert rows["version"].unique().to_list() == ["2020-03-29"]
    assert rows["prompt"].unique().to_list() == ["as-collected"]
    assert rows["score"].to_list() == [1.0, 0.0, 0.0, 1.0]
    assert rows["correct"].to_list() == [True, False, False, True]
    assert rows["label"].to_list() == ["0", "0", "1", "none"]
    assert rows["cost_usd"].to_list() == [2.5e-4] * 4


def test_repeated_ids_become_instances_of_their_own(written):
    rows = scenario(written, "hapi-scr-command@1").filter(pl.col("date") == "2020-03-29")
    assert rows["instance"].to_list() == ["a.wav#0", "b.wav#0", "a.wav#1", "c.wav#0"]
    assert scenario(written, "hapi-mic-pascal@1")["instance"].to_list() == ["1", "2", "3"]


def test_tags_become_json_and_an_empty_list_is_no_answer(written):
    rows = scenario(written, "hapi-mic-pascal@1")
    assert rows["prediction"].to_list() == ['["bird"]', None, '["dog"]']
    assert json.loads(rows["label"][0]) == ["bird", "bird"]
    assert rows["score"].to_list() == [1.0, 0.0, 0.5]
    assert rows["correct"].to_list() == [True, False, False]


def test_answers_without_labels_have_no_score(written):
    rows = scenario(written, "hapi-llm-opinionqa@1")
    assert rows["prediction"].to_list() == ["A", None, "B"]
    assert rows["label"].null_count() == rows["correct"].null_count() == rows["score"].null_count() == 3


def test_confidences_that_are_no_probabilities_go_beside(written, tmp_path):
    assert written["confidence"].null_count() == 14
    beside = read_side(tmp_path / "out", "scores").filter(pl.col("scenario") == "hapi-mic-pascal@1")
    assert dict(beside.select("instance", "value").rows()) == {"1": 0.5, "2": 0.0, "3": 0.9798267782}
    assert set(beside["metric"]) == {"api_confidence"}


def test_all_confidences_can_be_put_into_the_column(release, tmp_path):
    to_predictions(read_hapi(release.folder), tmp_path, task="mic", confidences="all")
    assert read_predictions(tmp_path)["confidence"].to_list() == [0.5, 0.0, 0.9798267782]
    assert len(read_side(tmp_path, "scores")) == 0


def test_probabilities_are_confidences(tmp_path):
    store = HapiStore.empty("own")
    store.add_labels("sa", "imdb", [{"example_id": "a", "true_label": 0, "group": "short"}])
    run = Run(task="sa", dataset="imdb", api="baidu_sa", date="20-10-21")
    store.add_run(run, [{"example_id": "a", "predicted_label": 1, "confidence": 0.75, "latency_s": 2.0}])
    to_predictions(store, tmp_path)
    row = read_predictions(tmp_path).row(0, named=True)
    assert (row["prediction"], row["label"], row["confidence"]) == ("negative", "positive", 0.75)
    assert (row["group"], row["latency_s"], row["cost_usd"]) == ("short", 2.0, None)


def test_no_answer_is_null_unless_it_is_a_class_too(tmp_path):
    store = HapiStore.empty("own")
    for dataset, none in (("digit", 10), ("command", 30)):
        store.add_labels("scr", dataset, [{"example_id": "a", "true_label": 0}])
        run = Run(task="scr", dataset=dataset, api="x_scr", date="20-10-21")
        store.add_run(run, [{"example_id": "a", "predicted_label": none, "confidence": 0.0}])
    to_predictions(store, tmp_path)
    found = dict(read_predictions(tmp_path).select("scenario", "prediction").rows())
    assert found == {"hapi-scr-digit@1": None, "hapi-scr-command@1": "none"}


def test_open_space_keeps_its_codes(tmp_path):
    store = HapiStore.empty("own")
    store.add_labels("sa", "tickets", [{"example_id": "a", "true_label": 4}])
    run = Run(task="sa", dataset="tickets", api="x_sa", date="24-10-21")
    store.add_run(run, [{"example_id": "a", "predicted_label": 7, "confidence": 0.5}])
    to_predictions(store, tmp_path)
    assert read_predictions(tmp_path).select("prediction", "label").row(0) == ("7", "4")


def test_writing_a_run_twice_is_refused(release, tmp_path):
    store = read_hapi(release.folder)
    to_predictions(store, tmp_path, task="mic")
    with pytest.raises(TableError, match="have a key that is in"):
        to_predictions(store, tmp_path, task="mic")
    assert to_predictions(store, tmp_path, task="scr") == 8


def test_snapshots_keep_their_version_price_latency_and_question(tmp_path):
    to_predictions(load_sample(), tmp_path, task="llm", dataset="prime", api="openai_gpt-4")
    rows = read_predictions(tmp_path)
    assert sorted(set(rows.select("version", "date").rows())) == [
        ("gpt-4-0314", "2023-03-14"), ("gpt-4-0613", "2023-06-13"),
    ]  # fmt: skip
    assert rows.group_by("date").agg(pl.col("score").mean()).sort("date")["score"].to_list() == [0.84, 0.502]
    assert rows["latency_s"].null_count() == rows["cost_usd"].null_count() == 0
    asked = read_side(tmp_path, "instances").row(0, named=True)
    assert asked["input"].startswith("Is 17077 a prime number?")
    assert asked["references"] == ["yes"]


def test_accuracy_survives_the_way_there_and_back(tmp_path):
    store = load_sample()
    to_predictions(store, tmp_path, task="scr", dataset="digit")
    back = runs_from_predictions(tmp_path)
    scores = [
        each.table(columns=["api", "row", "score"]).collect().sort("api", "row")
        if each is back
        else each.table(task="scr", dataset="digit", columns=["api", "row", "score"])
        .collect()
        .sort("api", "row")
        for each in (store, back)
    ]
    assert scores[0].equals(scores[1])
    prices = store.runs(task="scr", dataset="digit")["cost_per_10k"].to_list()
    assert back.runs()["cost_per_10k"].to_list() == pytest.approx(prices)


def test_scenario_tells_task_and_dataset():
    assert scenario_name("fer", "rafdb") == "hapi-fer-rafdb@1"
