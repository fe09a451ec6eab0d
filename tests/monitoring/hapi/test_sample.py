from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longwave.errors import DataError, UnknownName
from longwave.monitoring import amnist_groups, load_sample
from longwave.samples import sample_path

GOLDEN = Path(__file__).parents[2] / "golden" / "hapi" / "released_rewards.json"

# section 8 of the specification: accuracies of the first snapshot; shop and afnet are not bundled
PUBLISHED = {
    "expw": {"microsoft": 0.7279, "google": 0.6634, "facepp": 0.6219, "vgg19_lib": 0.5638},
    "ferplus": {"microsoft": 0.8139, "facepp": 0.6843, "google": 0.6766, "vgg19_lib": 0.6507},
    "rafdb": {"microsoft": 0.7169, "google": 0.6564, "facepp": 0.6117, "vgg19_lib": 0.6000},
    "imdb": {"google": 0.8645, "amazon": 0.7911, "vader_lib": 0.6931, "baidu": 0.5156},
    "yelp": {"google": 0.9570, "amazon": 0.8693, "vader_lib": 0.7452, "baidu": 0.5138},
    "waimai": {"baidu": 0.8895, "amazon": 0.8236, "google": 0.8192, "bixin_lib": 0.6433},
    "amnist": {"microsoft": 0.9863, "ibm": 0.9828, "deepspeech_lib": 0.9223, "google": 0.8848},
    "command": {"microsoft": 0.9457, "google": 0.8736, "ibm": 0.8056, "deepspeech_lib": 0.8014},
    "digit": {"microsoft": 0.8265, "ibm": 0.7465, "deepspeech_lib": 0.5970, "google": 0.3010},
    "fluent": {"microsoft": 0.9753, "google": 0.9689, "ibm": 0.8882, "deepspeech_lib": 0.8737},
}
FIGURES = [(dataset, api, value) for dataset, row in PUBLISHED.items() for api, value in row.items()]
HALF_A_STEP = 0.5e-4 + 1e-9  # figures have four decimals


@pytest.fixture(scope="module")
def store():
    return load_sample()


@pytest.fixture(scope="module")
def accuracies(store):
    table = store.table(task=["fer", "sa", "scr"], columns=["dataset", "api", "score"])
    means = table.group_by("dataset", "api").agg(pl.col("score").mean()).collect()
    return {(dataset, api.rpartition("_")[0]): score for dataset, api, score in means.rows()}


@pytest.mark.parametrize(("dataset", "api", "value"), FIGURES, ids=lambda value: str(value))
def test_accuracy_is_the_published_one(accuracies, dataset, api, value):
    assert abs(accuracies[dataset, api] - value) <= HALF_A_STEP


def test_listed_accuracies_are_means_of_released_scores(store):
    runs = store.runs().filter(pl.col("accuracy").is_not_null(), pl.col("n_rows") > 0)
    assert len(runs) == 52
    for tasks in (["fer", "sa", "scr"], ["mic", "ner"], ["llm"]):
        table = store.table(task=tasks, columns=["run", "released_score"])
        means = table.group_by("run").agg(pl.col("released_score").mean()).collect()
        both = means.join(runs, on="run")
        assert (both["released_score"] - both["accuracy"]).abs().max() <= HALF_A_STEP


@pytest.mark.parametrize(
    ("dataset", "api", "before", "after"),
    [
        ("prime", "openai_gpt-4", 0.840, 0.502),
        ("prime", "openai_gpt-3.5", 0.518, 0.680),
        ("counthappy", "openai_gpt-4", 0.836, 0.352),
        ("counthappy", "openai_gpt-3.5", 0.306, 0.482),
    ],
)
def test_language_models_moved_as_published(store, dataset, api, before, after):
    table = store.table(task="llm", dataset=dataset, api=api, columns=["date", "score"])
    scores = table.group_by("date", maintain_order=True).agg(pl.col("score").mean()).collect()["score"]
    assert scores.round(3).to_list() == [before, after]


@pytest.mark.parametrize(
    ("api", "truth", "before", "after"),
    [
        ("openai_gpt-3.5", "no", 0.984, 0.518),
        ("openai_gpt-3.5", "yes", 0.052, 0.842),
        ("openai_gpt-4", "no", 0.704, 0.980),
        ("openai_gpt-4", "yes", 0.976, 0.024),
    ],
)
def test_aggregate_of_primes_hides_two_opposite_moves(store, api, truth, before, after):
    table = store.table(
        task="llm", dataset="prime", api=api, columns=["date", "true_label", "score"]
    ).collect()
    means = table.filter(pl.col("true_label") == truth).group_by("date", maintain_order=True)
    assert means.agg(pl.col("score").mean())["score"].round(3).to_list() == [before, after]


@pytest.mark.parametrize("name", [name for name in json.loads(GOLDEN.read_text("utf-8")) if "/" in name])
def test_released_rewards_are_reproduced_bit_by_bit(store, name):
    task, dataset, api = name.split("/")
    golden = json.loads(GOLDEN.read_text("utf-8"))[name]
    table = store.table(task=task, dataset=dataset, api=api, columns=["released_score"]).collect()
    rewards = table["released_score"].to_numpy().astype(np.float32)
    assert (len(rewards), int((rewards == 1).sum()), int((rewards == 0).sum())) == (
        golden["rows"], golden["ones"], golden["zeros"],
    )  # fmt: skip
    assert hashlib.sha256(rewards.tobytes()).hexdigest() == golden["sha256"]


def test_jaccard_index_is_the_released_reward_on_pascal_and_not_on_entities(store):
    columns = ["score", "released_score"]
    pascal = store.table(dataset="pascal", columns=columns).collect()
    assert (pascal["score"] == pascal["released_score"]).all()
    conll = store.table(dataset="conll", columns=columns).collect()
    assert conll["score"].mean() == pytest.approx(0.7309, abs=HALF_A_STEP)
    assert conll["released_score"].mean() == pytest.approx(0.5455, abs=HALF_A_STEP)


def test_confidence_of_tags_is_the_mean_of_the_tags(store):
    table = store.table(task="mic", columns=["confidence", "label_confidence"]).collect()
    means = table["label_confidence"].list.mean().fill_null(0.0)
    assert (table["confidence"] - means).abs().max() <= 1e-6


def test_ids_of_command_stand_for_ten_recordings_each(store):
    ids = store.labels(dataset="command", columns=["example_id"]).collect()["example_id"]
    assert (len(ids), ids.n_unique()) == (64_727, 6_418)


def test_table_has_one_row_an_example_although_ids_repeat(store):
    rows = store.table(dataset="command", api="ibm_scr", columns=["row"]).collect()["row"]
    assert rows.to_list() == list(range(64_727))


def test_opinions_repeat_ids_and_have_no_labels(store):
    table = store.table(dataset="opinionqa", api="openai_gpt-4", date="23-06-13").collect()
    assert (len(table), table["example_id"].n_unique()) == (1_506, 1_494)
    assert table["score"].null_count() == 1_506


def test_confidences_are_as_the_vendors_gave_them(store):
    google = store.table(dataset="yelp", api="google_sa", columns=["confidence"]).collect()["confidence"]
    assert set(google.unique()) == {round(step / 10, 1) for step in range(10)}
    levels = store.table(dataset="expw", api="google_fer", columns=["confidence"]).collect()["confidence"]
    assert set(levels.unique()) == {0.2, 0.4, 0.6, 0.8, 1.0}
    assert (
        store.table(task="fer", api="facepp_fer", columns=["confidence"]).collect()["confidence"].max() == 1.0
    )


def test_only_language_models_were_asked_twice(store):
    several = store.series().filter(pl.col("n_dates") > 1)
    assert several["task"].unique().to_list() == ["llm"]
    assert len(several) == 8


def test_statuses_of_dates_are_those_of_the_source(store):
    counts = store.runs().filter(pl.col("n_rows") > 0)["date_status"].value_counts().rows()
    assert dict(counts) == {"confirmed": 5, "not_later_than": 39, "model_snapshot": 16}


def test_sample_is_whole(store):
    assert store.verify() == len(list(sample_path("hapi").glob("*.parquet")))
    assert store.runs()["n_rows"].sum() == 1_005_798
    assert store.notes == ()


def test_listed_dataset_is_told(store):
    with pytest.raises(DataError, match="lists 4 such runs, fer/afnet/facepp_fer/20-10-21 first"):
        store.table(dataset="afnet")


@pytest.mark.parametrize(
    ("by", "counts"),
    [("gender", {"male": 22_500, "female": 6_000}), ("native_english", {"no": 27_000, "yes": 1_500})],
)
def test_speakers_have_groups(store, by, counts):
    groups = amnist_groups(by)
    assert dict(groups["group"].value_counts().rows()) == counts
    table = store.with_groups(groups).table(dataset="amnist", api="ibm_scr", columns=["group"]).collect()
    assert table["group"].null_count() == 1_500  # three speakers of whom nothing is known


def test_field_that_is_not_known_is_told():
    with pytest.raises(UnknownName, match="age"):
        amnist_groups("age")


def test_sample_stays_small():
    total = sum(path.stat().st_size for path in sample_path("hapi").iterdir())
    assert total < 3.8e6
