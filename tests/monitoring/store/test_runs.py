from __future__ import annotations

import polars as pl
import pytest

from longwave.errors import ConfigError, DataError, UnknownName
from longwave.monitoring import EXTRA_COLUMNS, RUN_COLUMNS, TABLE_COLUMNS, HapiStore, Run


@pytest.fixture
def store():
    made = HapiStore.empty("small")
    made.add_labels(
        "sa", "imdb", [{"example_id": f"i{place}", "true_label": place % 2} for place in range(5)]
    )
    made.add_labels("sa", "yelp", [{"example_id": "y", "true_label": 1}])
    made.add_labels("mic", "pascal", [{"example_id": "p", "true_label": ["car"]}])
    for date in ("20-03-29", "22-05-23", "21-02-21"):
        ids = [f"i{place}" for place in range(5)]
        rows = pl.DataFrame({"example_id": ids, "predicted_label": [0] * 5, "confidence": [0.5] * 5})
        made.add_run(Run(task="sa", dataset="imdb", api="google_sa", date=date), rows)
    row = [{"example_id": "y", "predicted_label": 1, "confidence": 0.5}]
    made.add_run(Run(task="sa", dataset="yelp", api="amazon_sa", date="20-03-29"), row)
    tags = [
        {
            "example_id": "p",
            "predicted_label": ["car", "dog"],
            "confidence": 0.5,
            "label_confidence": [0.4, 0.6],
        }
    ]
    made.add_run(Run(task="mic", dataset="pascal", api="google_mic", date="20-03-29", version="v2"), tags)
    made.add_listed(Run(task="sa", dataset="shop", api="google_sa", date="20-03-29", accuracy=0.8))
    return made


def test_schemas_are_those_that_are_declared(store):
    assert store.runs().schema == RUN_COLUMNS
    assert store.table(task="sa").collect().schema == TABLE_COLUMNS
    assert set(TABLE_COLUMNS).isdisjoint(EXTRA_COLUMNS)


def test_labels_have_the_type_of_their_kind(store):
    schema = store.table(task="mic").collect_schema()
    assert schema["predicted_label"] == schema["true_label"] == pl.List(pl.String)


def test_runs_are_sorted_and_their_index_is_that_of_the_table(store):
    runs = store.runs()
    keys = runs.select(pl.col("task", "dataset", "api", "date").cast(pl.String)).rows()
    assert keys == sorted(keys)
    assert runs["run"].to_list() == list(range(6))
    table = store.table(task="sa").collect()
    named = table.select("run", "dataset", "date").unique().join(runs, on=["run", "dataset", "date"])
    assert len(named) == 4


def test_dates_of_a_series_ascend(store):
    series = store.series(task="sa", dataset="imdb")
    assert series["dates"].to_list() == [["20-03-29", "21-02-21", "22-05-23"]]
    assert series["n_dates"].to_list() == [3]


def test_listed_runs_are_no_series(store):
    assert "shop" not in store.series()["dataset"].cast(pl.String).to_list()


@pytest.mark.parametrize(
    ("filters", "runs"),
    [
        ({}, 6),
        ({"task": "sa"}, 5),
        ({"dataset": ["imdb", "yelp"]}, 4),
        ({"dataset": "IMDB"}, 3),
        ({"api": "google_sa", "date": "20-03-29"}, 2),
        ({"task": ["sa", "mic"], "date": ["22-05-23"]}, 1),
    ],
    ids=str,
)
def test_all_filters_hold_at_once(store, filters, runs):
    assert len(store.runs(**filters)) == runs


def test_runs_that_are_only_listed_are_left_out_of_a_table(store):
    assert store.table(api="google_sa").select(pl.len()).collect().item() == 15


def test_only_the_columns_that_are_asked_for_come_in_their_order(store):
    table = store.table(task="mic", columns=["score", "label_confidence", "version", "row"]).collect()
    assert table.rows() == [(0.5, [0.4, 0.6], "v2", 0)]


@pytest.mark.parametrize("columns", [["run"], ["task", "date"], ["group"], ["version", "latency_s"]], ids=str)
def test_columns_that_are_the_same_in_every_row_have_every_row(store, columns, tmp_path):
    store.save(tmp_path)
    for each in (store, HapiStore.open(tmp_path)):
        assert len(each.table(task="sa", columns=columns).collect()) == 16
        assert each.labels(task="sa", columns=["dataset"]).collect().height == 6


def test_further_columns_are_null_where_there_are_none(store):
    table = store.table(task="sa", dataset="yelp", columns=list(EXTRA_COLUMNS)).collect()
    assert table.schema == EXTRA_COLUMNS
    assert table.row(0) == (None, None, None, None, None, 1.0)  # released_score is computed


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"task": "scr"}, 'Unknown task "scr"'),
        ({"dataset": "imbd"}, 'Unknown dataset "imbd". Did you mean "imdb"'),
        ({"api": "gogle_sa"}, 'Unknown api "gogle_sa". Did you mean "google_sa"'),
        ({"date": "19-01-01"}, 'Unknown date "19-01-01"'),
    ],
    ids=lambda value: str(value)[:20],
)
def test_name_that_no_run_has_is_told(store, filters, message):
    with pytest.raises(UnknownName, match=message):
        store.table(**filters)


def test_names_that_do_not_meet_are_told(store):
    with pytest.raises(DataError, match="small has no run of dataset yelp, api google_sa"):
        store.runs(dataset="yelp", api="google_sa")


def test_kinds_do_not_mix(store):
    assert store.kinds() == ["class", "tags"]
    with pytest.raises(ConfigError, match=r"several kinds, class, tags \(tasks mic, sa\).*choose with task="):
        store.table()
    with pytest.raises(ConfigError, match="several kinds"):
        store.labels()


def test_unknown_columns_are_told(store):
    with pytest.raises(UnknownName, match=r'Unknown column "scores". Did you mean "score"'):
        store.table(task="sa", columns=["scores"])
    with pytest.raises(UnknownName, match='Unknown column "labels"'):
        store.labels(task="sa", columns=["labels"])


def test_labels_are_those_of_each_dataset_once(store):
    labels = store.labels(task="sa").collect()
    assert labels["row"].to_list() == [0, 1, 2, 3, 4, 0]
    assert labels["true_label"].to_list() == [0, 1, 0, 1, 0, 1]
    assert labels["group"].null_count() == 6


def test_groups_by_row_or_by_id_are_the_same(store):
    by_row = store.with_groups(pl.DataFrame({"dataset": ["imdb"] * 2, "row": [0, 3], "group": ["g", "h"]}))
    by_id = store.with_groups(
        pl.DataFrame({"dataset": ["imdb"] * 2, "example_id": ["i0", "i3"], "group": ["g", "h"]})
    )
    tables = [each.table(dataset="imdb", date="20-03-29").collect() for each in (by_row, by_id)]
    assert tables[0]["group"].to_list() == ["g", None, None, "h", None]
    assert tables[0].equals(tables[1])


def test_store_without_groups_stays_as_it_is(store):
    store.with_groups(pl.DataFrame({"dataset": ["imdb"], "row": [0], "group": ["g"]}))
    assert store.table(task="sa", columns=["group"]).collect()["group"].null_count() == 16


def test_newer_groups_take_the_place_of_older(store):
    once = store.with_groups(pl.DataFrame({"dataset": ["imdb"], "row": [0], "group": ["g"]}))
    twice = once.with_groups(pl.DataFrame({"dataset": ["imdb"], "row": [1], "group": ["h"]}))
    assert twice.labels(dataset="imdb").collect()["group"].to_list() == [None, "h", None, None, None]


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        (
            {"dataset": ["imdb"], "group": ["g"]},
            DataError,
            "need the columns dataset, group, and row or example_id",
        ),
        ({"row": [0], "group": ["g"]}, DataError, "got row, group"),
        ({"dataset": ["imbd"], "row": [0], "group": ["g"]}, UnknownName, "imbd"),
        (
            {"dataset": ["imdb"] * 2, "row": [0, 0], "group": ["g", "h"]},
            DataError,
            "Example 0 of sa/imdb has two groups",
        ),
    ],
    ids=["no-row", "no-dataset", "unknown", "two"],
)
def test_faulty_groups_are_refused(store, columns, error, message):
    with pytest.raises(error, match=message):
        store.with_groups(pl.DataFrame(columns))


def test_groups_by_an_id_that_repeats_are_refused():
    store = HapiStore.empty("own")
    store.add_labels("sa", "imdb", [{"example_id": "a", "true_label": 0}] * 2)
    rows = [{"example_id": "a", "predicted_label": 0, "confidence": 0.5}] * 2
    store.add_run(Run(task="sa", dataset="imdb", api="google_sa", date="20-03-29"), rows)
    with pytest.raises(
        DataError, match=r"stands for several examples \(1 ids, 2 examples\). Give groups by row"
    ):
        store.with_groups(pl.DataFrame({"dataset": ["imdb"], "example_id": ["a"], "group": ["g"]}))
    by_row = store.with_groups(pl.DataFrame({"dataset": ["imdb"], "row": [1], "group": ["g"]}))
    assert by_row.table(columns=["group"]).collect()["group"].to_list() == [None, "g"]


def test_table_is_lazy_and_reads_only_what_is_asked(store, tmp_path):
    store.save(tmp_path)
    opened = HapiStore.open(tmp_path)
    plan = opened.table(task="sa", dataset="imdb", columns=["row", "confidence"]).explain()
    assert "labels_sa" not in plan
    assert "predictions_sa.parquet" in plan
