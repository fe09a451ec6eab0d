from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import DataError, MissingFile, StorageError
from longwave.monitoring import HapiStore, Run, read_hapi
from longwave.monitoring.hapi.columnar import FORMAT


@pytest.fixture
def saved(release, tmp_path):
    read_hapi(release.folder).save(tmp_path / "columns")
    return tmp_path / "columns"


def test_everything_of_a_run_comes_back(release, saved):
    before, after = read_hapi(release.folder), read_hapi(saved)
    assert after.runs().equals(before.runs())
    for task in ("scr", "mic", "llm"):
        assert after.table(task=task).collect().equals(before.table(task=task).collect()), task
        assert after.labels(task=task).collect().equals(before.labels(task=task).collect()), task
    assert (after.source, after.notes) == (before.source, before.notes)


def test_row_is_kept_only_where_it_is_not_the_order_of_the_labels(saved):
    rows = pl.read_parquet(saved / "predictions_scr.parquet")["row"]
    assert rows.null_count() == 8
    assert pl.read_parquet(saved / "predictions_mic.parquet")["row"].to_list() == [2, 0, 1]


def test_columns_that_nothing_fills_are_left_out(saved):
    names = pl.read_parquet(saved / "predictions_scr.parquet").columns
    assert names == ["dataset", "api", "date", "row", "predicted_label", "confidence"]


def test_further_columns_come_back(tmp_path):
    store = HapiStore.empty("own")
    store.add_labels("mic", "tiny", [{"example_id": "a", "true_label": ["x"], "group": "g", "input": "text"}])
    row = {
        "example_id": "a", "predicted_label": ["x", "y"], "confidence": 0.3, "label_confidence": [0.1, 0.5],
        "latency_s": 1.5, "cost_usd": 0.25, "answer_chars": 7,
    }  # fmt: skip
    store.add_run(Run(task="mic", dataset="tiny", api="me_mic", date="24-01-02", version="v1"), [row])
    store.save(tmp_path)
    again = read_hapi(tmp_path)
    columns = ["group", "version", "latency_s", "cost_usd", "answer_chars", "label_confidence"]
    assert again.table(columns=columns).collect().row(0) == ("g", "v1", 1.5, 0.25, 7, [0.1, 0.5])
    assert again.labels(columns=["input"]).collect().item() == "text"


@settings(max_examples=8)
@given(
    confidences=st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=7),
    price=st.none() | st.floats(0, 1e4),
)
def test_confidences_keep_every_bit(tmp_path_factory, confidences, price):
    folder = tmp_path_factory.mktemp("columns")
    ids = [f"x{place}" for place in range(len(confidences))]
    store = HapiStore.empty("own")
    store.add_labels("sa", "tiny", pl.DataFrame({"example_id": ids, "true_label": [0] * len(ids)}))
    rows = pl.DataFrame(
        {"example_id": ids, "predicted_label": [1] * len(ids), "confidence": confidences},
        schema_overrides={"confidence": pl.Float64},
    )
    store.add_run(Run(task="sa", dataset="tiny", api="me_sa", date="24-01-02", cost_per_10k=price), rows)
    store.save(folder)
    again = read_hapi(folder)
    assert again.table(columns=["confidence"]).collect()["confidence"].to_list() == confidences
    assert again.runs()["cost_per_10k"].to_list() == [price]


def test_verify_counts_files_and_finds_a_changed_one(saved):
    store = read_hapi(saved)
    assert store.verify() == 6
    path = saved / "labels_mic.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"labels_mic.parquet.*is not what was written: its SHA-256"):
        store.verify()
    path.unlink()
    with pytest.raises(MissingFile, match="which the manifest beside it names"):
        store.verify()


def test_missing_file_is_told_when_the_folder_is_opened(saved):
    (saved / "predictions_scr.parquet").unlink()
    with pytest.raises(MissingFile, match=r"predictions_scr.parquet"):
        read_hapi(saved)


def test_file_that_is_cut_short_is_told(saved):
    path = saved / "predictions_scr.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="may be cut short"):
        read_hapi(saved)


def test_file_of_another_copy_is_told(saved):
    frame = pl.read_parquet(saved / "predictions_scr.parquet")
    frame.head(7).write_parquet(saved / "predictions_scr.parquet")
    with pytest.raises(DataError, match="has 7 rows, the manifest says 8"):
        read_hapi(saved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": FORMAT + 1}, f"reads up to {FORMAT}. Install a newer"),
        ({"format": "x"}, "is no manifest of runs"),
        ({"runs": [{"run": {}}]}, "is no manifest of runs"),
    ],
    ids=["newer", "no-number", "no-run"],
)
def test_faulty_manifest_is_told(saved, change, message):
    path = saved / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(DataError, match=message):
        read_hapi(saved)


def test_manifest_that_is_no_json_is_told(saved):
    (saved / "manifest.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match="is no manifest of runs"):
        read_hapi(saved)


def test_folder_that_cannot_be_made_is_told(release, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="Cannot write"):
        read_hapi(release.folder).save(tmp_path / "file" / "columns")


def test_damaged_runs_can_be_left_out(release, tmp_path):
    release.run("mic/pascal/bad_mic/22-08-01", [("1", ["car"], 7), ("2", [], 0), ("3", [], 0)])
    store = read_hapi(release.folder)
    with pytest.raises(DataError, match="the confidence is 7"):
        store.save(tmp_path / "all")
    left = store.save(tmp_path / "rest", leave_out_damaged=True)
    assert left["path"].to_list() == ["mic/pascal/bad_mic/22-08-01.json"]
    again = read_hapi(tmp_path / "rest")
    assert again.runs(api="bad_mic")["n_rows"].to_list() == [0]
    assert again.notes[-1] == "1 damaged runs were left out, mic/pascal/bad_mic/22-08-01.json first."


def test_store_that_was_saved_takes_further_rounds(saved, tmp_path):
    store = read_hapi(saved)
    rows = store.table(task="scr", date="22-05-23", columns=["example_id", "predicted_label", "confidence"])
    run = Run(task="scr", dataset="command", api="google_scr", date="2024-01-02", date_status="confirmed")
    store.add_run(run, rows.collect())
    scores = store.table(task="scr", columns=["date", "row", "score"])
    before = scores.collect()
    store.save(saved)
    after = store.table(task="scr", columns=["date", "row", "score"]).collect()
    assert after.equals(before)
    assert read_hapi(saved).series(task="scr")["dates"].to_list() == [["20-03-29", "22-05-23", "24-01-02"]]
    assert read_hapi(saved).verify() == 6
