from __future__ import annotations

import json

import polars as pl
import pytest

from longwave.errors import DataError, MissingFile, UnknownName
from longwave.monitoring import HapiStore, read_hapi

COMMAND = "scr/command/google_scr/20-03-29"


def test_repeated_ids_are_matched_by_position(release):
    table = read_hapi(release.folder).table(task="scr", date="20-03-29").collect()
    assert table["row"].to_list() == [0, 1, 2, 3]
    assert table["example_id"].to_list() == ["a.wav", "b.wav", "a.wav", "c.wav"]
    assert table["true_label"].to_list() == [0, 0, 1, 30]
    assert table["score"].to_list() == [1.0, 0.0, 0.0, 1.0]


def test_unique_ids_in_another_order_are_matched_by_id(release):
    table = read_hapi(release.folder).table(task="mic").collect()
    assert table["example_id"].to_list() == ["1", "2", "3"]
    assert table["predicted_label"].to_list() == [["bird"], [], ["dog"]]
    assert table["score"].to_list() == [1.0, 0.0, 0.5]


def test_doubled_tags_of_a_truth_count_once(release):
    table = read_hapi(release.folder).table(task="mic", columns=["true_label", "score"]).collect()
    assert table.row(0) == (["bird", "bird"], 1.0)


def test_missing_labels_leave_scores_null_and_are_told(release):
    store = read_hapi(release.folder)
    assert store.notes == ("llm/opinionqa has no labels.json: its runs have no scores.",)
    assert store.runs(task="llm")["has_labels"].to_list() == [False]
    table = store.table(task="llm").collect()
    assert table["example_id"].to_list() == ["q", "q", "r"]
    assert table["score"].null_count() == table["true_label"].null_count() == 3


def test_folder_may_be_tasks_itself(release):
    assert len(read_hapi(release.tasks).runs()) == 4


def test_keys_of_a_row_may_stand_in_any_order(release):
    rows = [dict(reversed(row.items())) | {"further": 1} for row in release.load(f"{COMMAND}.json")]
    release.write(f"{COMMAND}.json", rows)
    assert read_hapi(release.folder).table(task="scr", date="20-03-29").collect()["score"].sum() == 2


def test_released_layout_comes_back_value_for_value(release, tmp_path):
    store = read_hapi(release.folder)
    store.export_json(tmp_path / "again")
    for path in release.tasks.rglob("*.json"):
        again = tmp_path / "again" / "tasks" / path.relative_to(release.tasks)
        assert json.loads(again.read_text("utf-8")) == json.loads(path.read_text("utf-8")), path
    lines = [
        (tmp_path / "again/tasks/meta.csv").read_text("utf-8"),
        (release.tasks / "meta.csv").read_text("utf-8"),
    ]
    assert sorted(lines[0].splitlines()) == sorted(lines[1].splitlines())


def test_columns_keep_order_and_digits_of_the_released_layout(release, tmp_path):
    read_hapi(release.folder).save(tmp_path / "columns")
    read_hapi(release.folder).export_json(tmp_path / "direct")
    read_hapi(tmp_path / "columns").export_json(tmp_path / "through")
    files = [path.relative_to(tmp_path / "direct") for path in (tmp_path / "direct").rglob("*.json")]
    assert len(files) == 7
    for name in files:
        assert (tmp_path / "through" / name).read_bytes() == (tmp_path / "direct" / name).read_bytes(), name


def test_status_of_dates_travels_beside_the_layout(release, tmp_path):
    read_hapi(release.folder, date_status="unknown").export_json(tmp_path / "again")
    assert set(read_hapi(tmp_path / "again").runs()["date_status"]) == {"unknown"}


def test_status_of_dates_can_be_given(release):
    assert set(read_hapi(release.folder, date_status="not_later_than").runs()["date_status"]) == {
        "not_later_than"
    }


def test_dates_of_a_release_are_days_of_collection_where_nothing_else_is_known(release):
    assert read_hapi(release.folder).runs()["date_status"].to_list() == [
        "model_snapshot", "confirmed", "confirmed", "confirmed",
    ]  # fmt: skip


def test_half_a_round_is_read_and_told(release):
    release.run("mic/pascal/microsoft_mic/22-08-01", [("3", ["cat"], 0.5), ("1", ["bird"], 0.5)])
    store = read_hapi(release.folder)
    assert "mic/pascal/microsoft_mic/22-08-01.json has 2 of 3 rows: a partial round." in store.notes
    table = store.table(task="mic", api="microsoft_mic").collect()
    assert table["row"].to_list() == [0, 2]
    assert table["true_label"].to_list() == [["bird", "bird"], ["cat", "dog"]]
    assert store.runs(api="microsoft_mic").select("n_rows", "n_examples").row(0) == (2, 3)


def test_half_a_round_of_repeated_ids_is_refused(release):
    release.run("scr/command/ibm_scr/20-03-29", [("a.wav", 0, 0.5), ("b.wav", 0, 0.5)])
    with pytest.raises(DataError, match=r"4 examples of 3 ids.*only position tells examples apart"):
        read_hapi(release.folder).table(api="ibm_scr")


def test_shuffled_rows_of_repeated_ids_are_refused(release):
    rows = [("b.wav", 0, 0.5), ("a.wav", 0, 0.5), ("a.wav", 0, 0.5), ("c.wav", 0, 0.5)]
    release.run("scr/command/ibm_scr/20-03-29", rows)
    with pytest.raises(DataError, match="the two do not list the same ids in the same order"):
        read_hapi(release.folder).table(api="ibm_scr")


def test_listed_run_without_a_file_is_told(release):
    release.list("mic/coco/google_mic/20-11-20")
    store = read_hapi(release.folder)
    assert "1 of 5 runs are listed without a file, mic/coco/google_mic/20-11-20.json first." in store.notes
    assert store.runs(dataset="coco")["n_rows"].to_list() == [0]
    with pytest.raises(DataError, match="holds no predictions of them"):
        store.table(dataset="coco")


def test_file_that_is_not_listed_is_read_without_a_price(release):
    release.run("mic/pascal/new_mic/22-08-01", [(name, ["car"], 0.5) for name in "123"], listed=False)
    store = read_hapi(release.folder)
    assert store.runs(api="new_mic").select("cost_per_10k", "n_rows").row(0) == (None, 3)
    assert "1 runs have a file and no line in meta.csv; their prices are unknown." in store.notes


def test_layout_without_a_table_of_runs_is_read(release):
    (release.tasks / "meta.csv").unlink()
    store = read_hapi(release.folder)
    assert len(store.runs()) == 4
    assert "no table of runs" in store.notes[0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [("1", ["car"], 1.5), ("2", [], 0.0), ("3", [], 0.0)],
            r"row 0: the confidence is 1.5.*divided by 100 once",
        ),
        ([("1", ["car"], 0.5), ("2", [], -0.1), ("3", [], 0.0)], "row 1: the confidence is -0.1; accepted"),
        ([("1", ["car"], 0.5), ("1", [], 0.0), ("3", [], 0.0)], 'the example_id "1" more than once'),
        ([("1", ["car"], 0.5), ("9", [], 0.0), ("3", [], 0.0)], 'does not have, "9" first'),
        (
            [("1", ["car"], 0.5), ("2", None, 0.0), ("3", [], 0.0)],
            "row 1: there is no label. No answer is an empty",
        ),
        ([("1", ["car"], 0.5), ("2", [None], 0.0), ("3", [], 0.0)], "a list of tags holds null"),
        ([("1", ["car"], 0.5), (None, [], 0.0), ("3", [], 0.0)], "has no example_id"),
        ([("1", 5, 0.5), ("2", "x", 0.0), ("3", {"a": 1}, 0.0)], "cannot be read as rows"),
    ],
    ids=["above-one", "negative", "id-twice", "strange-id", "no-label", "null-tag", "no-id", "other-type"],
)
def test_faulty_run_is_refused_and_the_others_stay(release, rows, message):
    release.run("mic/pascal/microsoft_mic/22-08-01", rows)
    store = read_hapi(release.folder)
    with pytest.raises(DataError, match=message):
        store.table(api="microsoft_mic").collect()
    assert store.table(task="mic", api="google_mic").collect().height == 3
    assert store.problems()["path"].to_list() == ["mic/pascal/microsoft_mic/22-08-01.json"]
    with pytest.raises(DataError, match=message):
        store.verify()


def test_values_in_zero_to_one_are_not_divided_again(release):
    release.labels("fer/ferplus", [("x", 0)])
    release.run("fer/ferplus/facepp_fer/20-10-21", [("x", 0, 0.99)])
    assert read_hapi(release.folder).table(task="fer").collect()["confidence"].to_list() == [0.99]


def test_code_outside_the_label_space_is_refused(release):
    release.labels("fer/ferplus", [("x", 0)])
    release.run("fer/ferplus/facepp_fer/20-10-21", [("x", 7, 0.99)])
    with pytest.raises(
        DataError, match=r"the label 7 is none of the classes 0 to 6. Labels of a vendor need"
    ):
        read_hapi(release.folder).table(task="fer")


@pytest.mark.parametrize(
    "text", ['[{"confidence": 0.5, "predi', "{}", "", '"text"'], ids=["cut", "object", "empty", "string"]
)
def test_file_that_is_no_list_of_rows_is_refused(release, text):
    release.write(f"{COMMAND}.json", text)
    store = read_hapi(release.folder)
    assert f"{COMMAND}.json is damaged or cut short." in store.notes
    with pytest.raises(DataError, match="is no whole list of rows"):
        store.table(task="scr", date="20-03-29")


def test_damage_within_a_file_is_told(release):
    text = (release.tasks / f"{COMMAND}.json").read_text("utf-8")
    release.write(f"{COMMAND}.json", text.replace(":", "", 1))
    with pytest.raises(DataError, match="cannot be read as rows of confidence"):
        read_hapi(release.folder).table(task="scr", date="20-03-29")


def test_unknown_task_is_told(release):
    release.run("ocr/mtwi/google_ocr/22-05-23", [("1", 0, 0.5)])
    with pytest.raises(UnknownName, match='Unknown task "ocr"'):
        read_hapi(release.folder)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (("mic", "pascal", "../../etc", "20-10-28", "x", 1), "cannot be part of a path"),
        (("mic", "pascal", "a_mic", "2020", "x", 1), "is no day"),
        (("mic", "pascal", "a_mic", "20-10-28", "x", "dear"), 'cost_per_10k of .* is "dear"'),
        (("mic", "pascal"), "has no api, date, cost_per_10k"),
        (
            ("mic", "pascal", "google_mic", "20-10-28", "x", 1),
            "lists mic/pascal/google_mic/20-10-28.json twice",
        ),
    ],
    ids=["escape", "date", "price", "short", "twice"],
)
def test_faulty_table_of_runs_is_refused(release, line, message):
    release.lines.append(line)
    release.list("mic/pascal/b_mic/20-10-28")
    with pytest.raises(DataError, match=message):
        read_hapi(release.folder)


def test_table_of_runs_that_is_no_text_is_refused(release):
    (release.tasks / "meta.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is no table of runs"):
        read_hapi(release.folder)


def test_statuses_that_are_no_json_are_refused(release):
    (release.folder / "date_status.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match="is no JSON"):
        read_hapi(release.folder)


def test_empty_folder_is_told(tmp_path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(MissingFile, match=r"holds no runs.*longwave monitor import --download"):
            HapiStore.open(folder)
    (tmp_path / "tasks").mkdir()
    with pytest.raises(MissingFile, match="holds no runs"):
        read_hapi(tmp_path)


def test_empty_list_is_a_run_without_rows(release):
    release.write(f"{COMMAND}.json", [])
    store = read_hapi(release.folder)
    assert store.runs(task="scr")["n_rows"].to_list() == [0, 4]
    assert f"{COMMAND}.json has 0 of 4 rows: a partial round." in store.notes


def test_command_is_found_by_its_other_name(release):
    assert (
        read_hapi(release.folder).table(dataset="cmd", columns=["row"]).select(pl.len()).collect().item() == 8
    )


def test_folder_in_capitals_is_read(release):
    release.labels("sa/IMDB", [("x", 0)])
    release.run("sa/IMDB/google_sa/21-02-21", [("x", 0, 0.9)])
    assert read_hapi(release.folder).table(dataset="imdb").collect()["score"].to_list() == [1.0]
