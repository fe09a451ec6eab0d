from __future__ import annotations

import datetime
import math

import polars as pl
import pytest

from longwave.errors import DataError, UnknownName
from longwave.monitoring import HapiStore, Run

FACES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")  # as a vendor may number them
TO_COMMON = {0: 0, 1: 2, 2: 1, 3: 3, 4: 6, 5: 4, 6: 5}


@pytest.fixture
def store():
    made = HapiStore.empty("own rounds", licence="CC0-1.0")
    made.add_labels(
        "fer",
        "ferplus",
        [{"example_id": name, "true_label": code} for name, code in zip("abc", (0, 6, 1), strict=True)],
    )
    made.add_labels(
        "scr", "command", [{"example_id": "a", "true_label": 0}, {"example_id": "a", "true_label": 1}]
    )
    return made


def run(task="fer", dataset="ferplus", api="acme_fer", date="24-05-01", **more):
    return Run(task=task, dataset=dataset, api=api, date=date, **more)


def rows(*labels, confidence=0.5, ids="abc"):
    return [
        {"example_id": name, "predicted_label": label, "confidence": confidence}
        for name, label in zip(ids, labels, strict=False)
    ]


def test_round_is_kept_and_scored(store):
    store.add_run(run(cost_per_10k=4.0), rows(0, 6, 3))
    table = store.table().collect()
    assert table["score"].to_list() == [1.0, 1.0, 0.0]
    assert store.runs()["cost_per_10k"].to_list() == [4.0]


@pytest.mark.parametrize("date", ["24-05-01", "2024-05-01", datetime.date(2024, 5, 1)], ids=str)
def test_day_is_kept_as_hapi_writes_it(store, date):
    assert store.add_run(run(date=date), rows(0, 0, 0)).date == "24-05-01"


def test_frame_is_taken_like_dicts(store):
    store.add_run(run(), pl.DataFrame(rows(0, 6, 3)))
    assert store.table().collect()["score"].sum() == 2


def test_labels_of_a_vendor_are_translated(store):
    codes = [FACES.index(name) for name in ("angry", "neutral", "fear")]
    store.add_run(run(), rows(*codes), labelmap=TO_COMMON)
    assert store.table().collect()["score"].to_list() == [1.0, 1.0, 1.0]


def test_names_of_a_vendor_are_translated(store):
    store.add_run(run(), rows("ANGRY", "CALM", "CALM"), labelmap={"ANGRY": 0, "CALM": 6})
    assert store.table().collect()["predicted_label"].to_list() == [0, 6, 6]


def test_untranslated_codes_would_be_other_classes(store):
    codes = [FACES.index(name) for name in ("angry", "neutral", "fear")]
    store.add_run(run(), rows(*codes))
    assert store.table().collect()["score"].to_list() == [1.0, 0.0, 0.0]


def test_single_tags_are_translated():
    store = HapiStore.empty("own")
    store.add_labels(
        "mic", "tiny", [{"example_id": "a", "true_label": ["dog"]}, {"example_id": "b", "true_label": []}]
    )
    store.add_run(
        run("mic", "tiny", "acme_mic"), rows(["hound", "cat"], []), labelmap={"hound": "dog", "cat": "cat"}
    )
    assert store.table().collect()["predicted_label"].to_list() == [["dog", "cat"], []]


@pytest.mark.parametrize("label", ["GLAD", ["GLAD"]], ids=["class", "tag"])
def test_label_outside_the_labelmap_is_told(store, label):
    with pytest.raises(
        DataError, match=r"row 1: the vendor's label 'GLAD' is not in the labelmap, which knows 'ANGRY'"
    ):
        store.add_run(run(), rows("ANGRY", label, "ANGRY"), labelmap={"ANGRY": 0})


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (rows(0, 0), "has 2 rows, the dataset 3 examples. Give all of them, or say allow_partial=True"),
        ([], "rows have no example_id, predicted_label"),
        (rows(0, 0, 7), "row 2: the label 7 is none of the classes 0 to 6"),
        (rows(0, 0, -1), "row 2: the label -1 is none of the classes"),
        (rows(0, None, 0), "row 1: there is no label. Leave it out"),
        (rows(0, 0, 0, confidence=math.nan), "row 0: the confidence is nan"),
        (rows(0, 0, 0, confidence=math.inf), "row 0: the confidence is inf"),
        (rows(0, 0, 0, confidence=87.5), "is 87.5; .* A vendor's 0 to 100 is divided by 100 once"),
        (rows(0, 0, 0, ids="aab"), 'the example_id "a" more than once'),
        (rows(0, 0, 0, ids="abz"), 'whose example_id the dataset does not have, "z" first'),
        (rows(0, 0, 0, ids="bac"), "another order than the labels, b first"),
        (rows("happy", 0, 0), "do not have the types example_id String, predicted_label Int16"),
        ([{"example_id": "a", "confidence": 0.5}], "rows have no predicted_label"),
        ([{**row, "colour": 1} for row in rows(0, 0, 0)], "unknown column colour. Known: example_id"),
    ],
    ids=[
        "half", "none", "code", "negative", "null", "nan", "inf", "percent", "twice", "strange", "shuffled",
        "text", "no-label", "column",
    ],
)  # fmt: skip
def test_faulty_round_is_refused_and_nothing_is_kept(store, records, message):
    with pytest.raises(DataError, match=message):
        store.add_run(run(), records)
    with pytest.raises(DataError, match="has no run"):
        store.runs()


def test_part_of_a_round_is_taken_when_it_is_said(store):
    store.add_run(run(), rows(1, 0, ids="ca"), allow_partial=True)
    table = store.table().collect()
    assert table.select("row", "example_id", "score").rows() == [(0, "a", 1.0), (2, "c", 1.0)]


def test_part_of_a_round_of_repeated_ids_is_refused(store):
    with pytest.raises(DataError, match="only position tells examples apart"):
        store.add_run(run("scr", "command", "acme_scr"), rows(0, ids="a"), allow_partial=True)


def test_repeated_ids_in_order_are_taken_by_position(store):
    store.add_run(run("scr", "cmd", "acme_scr"), rows(0, 30, ids="aa"))
    assert store.table(dataset="command").collect()["score"].to_list() == [1.0, 0.0]


def test_missing_confidence_is_null(store):
    store.add_run(run(), [{"example_id": name, "predicted_label": 0} for name in "abc"])
    assert store.table().collect()["confidence"].null_count() == 3


def test_round_that_is_there_is_refused(store):
    store.add_run(run(), rows(0, 0, 0))
    with pytest.raises(DataError, match=r"is there already. A round that was asked again has another date"):
        store.add_run(run(date="2024-05-01"), rows(0, 0, 0))


def test_listed_run_is_filled_by_its_rows(store):
    store.add_listed(run(cost_per_10k=4.0))
    assert store.runs()["n_rows"].to_list() == [0]
    store.add_run(run(cost_per_10k=5.0), rows(0, 0, 0))
    assert store.runs().select("n_rows", "cost_per_10k").rows() == [(3, 5.0)]
    store.add_listed(run())
    assert store.runs()["n_rows"].to_list() == [3]


def test_listed_run_of_a_new_dataset_needs_no_labels(store):
    store.add_listed(run(dataset="afnet"))
    assert store.runs(dataset="afnet").select("n_rows", "n_examples", "has_labels").rows() == [(0, 0, False)]


def test_round_of_a_dataset_that_is_not_there_is_refused(store):
    with pytest.raises(DataError, match=r"fer/expw is no dataset of this store. Add its labels first"):
        store.add_run(run(dataset="expw"), rows(0, 0, 0))


@pytest.mark.parametrize("api", ["../acme", "", "a b"])
def test_api_that_is_no_name_is_refused(store, api):
    with pytest.raises(DataError, match="cannot be part of a path"):
        store.add_run(run(api=api), rows(0, 0, 0))


def test_confidence_kind_follows_the_api_unless_it_is_said(store):
    assert store.add_run(run(api="google_fer"), rows(0, 0, 0)).confidence_kind == "levels"
    assert store.add_run(run(confidence_kind="probability"), rows(0, 0, 0)).confidence_kind == "probability"


def test_labels_cannot_be_changed(store):
    with pytest.raises(DataError, match="fer/ferplus is there already"):
        store.add_labels("fer", "FERPLUS", [{"example_id": "a", "true_label": 0}])


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "rows have no example_id"),
        ([{"example_id": None, "true_label": 0}], "each of them an example_id"),
        ([{"example_id": "a", "true_label": 9}], "the label 9 is none of"),
        (
            [{"example_id": "a", "true_label": 1}, {"example_id": "b", "true_label": None}],
            "row 1: there is no label",
        ),
    ],
    ids=["none", "no-id", "code", "some-missing"],
)
def test_faulty_labels_are_refused(store, records, message):
    with pytest.raises(DataError, match=message):
        store.add_labels("fer", "rafdb", records)


def test_dataset_without_labels_has_no_scores(store):
    store.add_labels("sa", "open", [{"example_id": "a"}])
    store.add_run(run("sa", "open", "acme_sa"), rows(1, ids="a"))
    assert store.runs(task="sa")["has_labels"].to_list() == [False]
    assert store.table(task="sa").collect()["score"].to_list() == [None]


def test_unknown_task_is_told(store):
    with pytest.raises(UnknownName, match='Unknown task "vision"'):
        store.add_labels("vision", "x", [{"example_id": "a"}])
