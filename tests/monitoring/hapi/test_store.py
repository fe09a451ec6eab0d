from __future__ import annotations

import polars as pl
import pytest

from longwave.errors import DataError, UnknownName
from longwave.monitoring import HapiStore, read_hapi

COMMAND = "scr/command/google_scr/20-03-29"


@pytest.fixture
def store(release):
    return read_hapi(release.folder)


def test_predictions_have_the_shape_that_users_know(store, release):
    found = store.get_predictions(task="scr", date="20-03-29")
    assert list(found) == [COMMAND]
    assert found[COMMAND] == release.load(f"{COMMAND}.json")


def test_predictions_keep_the_order_of_their_file(store, release):
    key = "mic/pascal/google_mic/20-10-28"
    assert store.get_predictions(task="mic")[key] == release.load(f"{key}.json")


def test_filters_are_names_or_lists_and_all_hold(store):
    keys = store.get_predictions(["scr", "mic"], ["command", "pascal"], date=["22-05-23", "20-10-28"])
    assert list(keys) == ["mic/pascal/google_mic/20-10-28", "scr/command/google_scr/22-05-23"]


def test_labels_have_the_shape_that_users_know(store, release):
    found = store.get_labels(task="scr")
    assert found == {"scr/command": release.load("scr/command/labels.json")}


def test_labels_of_a_dataset_without_any_are_left_out(store):
    assert set(store.get_labels()) == {"scr/command", "mic/pascal"}


def test_runs_without_predictions_are_left_out(release):
    release.list("mic/coco/google_mic/20-11-20")
    assert read_hapi(release.folder).get_predictions(dataset="coco") == {}


def test_summary_is_the_released_table(store, release):
    summary = store.summary()
    assert summary.columns == ["task", "dataset", "api", "date", "path", "cost_per_10k"]
    listed = pl.read_csv(release.tasks / "meta.csv").sort("path")
    assert summary.sort("path").equals(listed)


def test_inputs_are_refused_with_the_way_to_them(store):
    with pytest.raises(DataError, match=r"inputs of every dataset .* join on example_id"):
        store.get_predictions(task="scr", include_dataset=True)
    with pytest.raises(DataError, match="inputs of command"):
        store.get_dataset("cmd")
    with pytest.raises(UnknownName, match=r'Unknown dataset "comand". Did you mean "command"'):
        store.get_dataset("comand")


def test_verify_counts_runs_of_the_released_layout(store):
    assert store.verify() == 4


def test_verify_counts_further_problems(release):
    for date in ("22-08-01", "22-08-02"):
        release.run(f"mic/pascal/bad_mic/{date}", [("1", ["car"], 7), ("2", [], 0), ("3", [], 0)])
    with pytest.raises(
        DataError, match=r"the confidence is 7.*\(1 further runs have problems, see problems\(\)\.\)"
    ):
        read_hapi(release.folder).verify()


def test_whole_store_has_no_problems(store):
    assert store.problems().rows() == []


def test_repr_tells_what_there_is(store):
    assert repr(store).endswith("4 runs of 3 datasets)")


def test_empty_store_has_no_run():
    store = HapiStore.empty("nothing")
    with pytest.raises(DataError, match="nothing has no run of anything"):
        store.runs()
    assert store.verify() == 0
