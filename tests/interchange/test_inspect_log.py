from __future__ import annotations

import json
import shutil

import polars as pl
import pytest

from longwave.config import config_hash
from longwave.errors import DataError, MissingFile
from longwave.interchange import read_inspect
from longwave.interchange.inspect_log import find_inspect

LONG = {"text": "long " * 30}
HEADER = {
    "version": 2,
    "status": "success",
    "eval": {"task": "t", "task_version": 1, "model": "maker/m", "created": "2024-01-02T03:04:05+00:00"},
    "plan": {"steps": [{"solver": "generate", "params": {}}]},
}
SAMPLE = {
    "id": "a",
    "epoch": 1,
    "input": "q",
    "target": "x",
    "scores": {"match": {"value": "C", "answer": "x"}},
}


def log(**more):
    return {"header.json": {**HEADER, **more}, "samples/a_epoch_1.json": SAMPLE}


def test_logs_become_rows(inspect_logs):
    found = read_inspect(inspect_logs)
    assert (found.summary.rows, len(found.summary.runs), found.summary.skipped) == (9, 2, {})


def test_json_log_is_the_same(inspect_logs, inspect_json):
    archive = read_inspect(next(inspect_logs.glob("*capitals*"))).predictions
    document = read_inspect(inspect_json).predictions
    key = ["trial", "instance"]
    assert document.drop("run", "latency_s").sort(key).equals(archive.drop("run", "latency_s").sort(key))


def test_task_model_day_and_prompt_are_told(inspect_logs):
    found = read_inspect(inspect_logs).predictions.sort("scenario", descending=True).row(0, named=True)
    assert (found["scenario"], found["model"], found["version"], found["date"]) == (
        "inspect:planets@2",
        "mockllm/model",
        "unknown",
        "2023-11-17",
    )
    assert found["prompt"].rpartition("-")[0] == "multiple_choice"


def test_letters_become_options(inspect_logs):
    rows = read_inspect(next(inspect_logs.glob("*planets*"))).predictions
    assert rows.select("prediction", "label", "correct", "score").rows() == [
        ("Mercury", "Mercury", True, 1.0),
        ("Saturn", "Saturn", True, 1.0),
        ("Venus", "Mars", False, 0.0),
    ]


def test_epochs_are_trials(inspect_logs):
    rows = read_inspect(next(inspect_logs.glob("*capitals*"))).predictions
    assert rows.group_by("trial").len().sort("trial").rows() == [(0, 3), (1, 3)]


def test_error_of_a_sample_is_told(inspect_logs):
    rows = read_inspect(next(inspect_logs.glob("*capitals*"))).predictions.filter(pl.col("instance") == "3")
    assert set(rows["error"]) == {"ValueError('this sample cannot be read')"}
    assert rows.select("prediction", "score", "correct", "request_hash").unique().rows() == [(None,) * 4]


def test_several_scorers_go_to_the_scores(inspect_logs):
    found = read_inspect(next(inspect_logs.glob("*capitals*")))
    values = found.scores.filter((pl.col("instance") == "2") & (pl.col("trial") == 0))
    assert dict(values.select("metric", "value").rows()) == {
        "match": 0.0,
        "shape.length": 33.0,
        "shape.is_short": 0.0,
    }


@pytest.mark.parametrize(
    ("metric", "scores", "correct"),
    [("shape.length", [12.0, 33.0], [None, None]), ("shape.is_short", [1.0, 0.0], [True, False])],
)
def test_another_score_can_be_the_main_one(inspect_logs, metric, scores, correct):
    found = read_inspect(next(inspect_logs.glob("*capitals*")), metric=metric)
    rows = found.predictions.filter(pl.col("error").is_null() & (pl.col("trial") == 0))
    assert (rows["score"].to_list(), rows["correct"].to_list()) == (scores, correct)


def test_means_are_those_of_inspect(inspect_logs):
    for source in find_inspect(inspect_logs):
        part = source.part("r")
        main = "choice" if "planets" in source.name else "includes"
        assert part.reported[f"{main},accuracy"] == part.frames()["predictions"]["score"].mean()


def test_of_a_log_and_its_repetition_the_repetition_counts(eval_log, tmp_path):
    again = {**SAMPLE, "scores": {"match": {"value": "I"}}}
    eval_log(log(), "2024-01-02T01-00-00_t.eval")
    eval_log({**log(), "samples/a_epoch_1.json": again}, "2024-01-02T02-00-00_t.eval")
    found = read_inspect(tmp_path)
    assert found.predictions["score"].to_list() == [0.0]
    assert found.summary.skipped == {"rows whose key another run has (the first is kept)": 1}


def test_killed_run_is_read_from_its_journal(eval_log):
    members = {"_journal/start.json": HEADER, "samples/a_epoch_1.json": SAMPLE}
    found = read_inspect(eval_log(members))
    assert (found.summary.rows, found.summary.skipped) == (1, {"logs of runs that did not end": 1})
    assert found.predictions["score"].to_list() == [1.0]


def test_log_without_samples_is_read_from_its_summaries(eval_log):
    found = read_inspect(eval_log({"header.json": HEADER, "summaries.json": [SAMPLE]}))
    reason = "logs without samples (rows are made from their summaries)"
    assert (found.predictions["prediction"].to_list(), found.summary.skipped) == (["x"], {reason: 1})


def test_sample_in_pieces_is_put_together(eval_log):
    prefix = "samples/Human/0_epoch_2"
    user, said = {"role": "user", "content": "attachment://1"}, {"role": "assistant", "content": "x"}
    members = {
        "header.json": HEADER,
        f"{prefix}/sample.json": {
            **SAMPLE,
            "id": "Human/0",
            "epoch": 2,
            "output": {"choices": [{"message": said}]},
        },
        f"{prefix}/metadata.json": {"k": 1},
        f"{prefix}/messages/0.json": [user],
        f"{prefix}/messages/1.json": [said],
        f"{prefix}/attachments/0.json": ["zero"],
        f"{prefix}/attachments/1.json": ["the question"],
        f"{prefix}/events/0.json": "not read",
        f"{prefix}/events/stats.json": "not read",
    }
    found = read_inspect(eval_log(members))
    assert found.predictions.select("instance", "trial").rows() == [("Human/0", 1)]
    assert found.requests["prompt"].to_list() == ["the question"]
    assert found.instances["extra"].to_list() == ['{"k": 1}']


def test_ids_with_slashes_are_samples_of_one_member(eval_log):
    members = {"header.json": HEADER, "samples/Human/0_epoch_1.json": {**SAMPLE, "id": "Human/0"}}
    assert read_inspect(eval_log(members)).predictions["instance"].to_list() == ["Human/0"]


def test_provider_s_own_name_is_the_version(eval_log):
    sample = {**SAMPLE, "output": {"model": "m-2024-05-13"}}
    members = {**log(), "samples/a_epoch_1.json": sample, "samples/b_epoch_1.json": {**SAMPLE, "id": "b"}}
    assert read_inspect(eval_log(members)).predictions["version"].to_list() == ["m-2024-05-13"] * 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "inspect:t@1"),
        ({"subject": "law", "n": 3}, "inspect:t:n=3,subject=law@1"),
        (LONG, f"inspect:t:{config_hash(LONG)[:8]}@1"),
    ],
    ids=["none", "short", "long"],
)
def test_arguments_of_a_task_are_part_of_its_name(eval_log, arguments, expected):
    spec = {**HEADER["eval"], "task_args_passed": arguments}
    assert read_inspect(eval_log(log(eval=spec))).predictions["scenario"].to_list() == [expected]


def test_settings_of_the_generation_are_another_prompt(eval_log):
    spec = {**HEADER["eval"], "model_generate_config": {"temperature": 1.0}}
    paths = [eval_log(log(), "a.eval"), eval_log(log(eval=spec), "b.eval")]
    assert len({read_inspect(path).predictions["prompt"][0] for path in paths}) == 2


@pytest.mark.parametrize(
    ("results", "spec", "expected"),
    [
        ({"headline": {"scorer": "b", "score": "b"}, "scores": [{"name": "a", "scorer": "a"}]}, {}, "b"),
        ({"scores": [{"name": "k", "scorer": "c"}, {"name": "b", "scorer": "b"}]}, {}, "c.k"),
        (None, {"scorers": [{"name": "b"}]}, "b"),
        ({"scorer": {"name": "a"}}, {}, "a"),
        (None, {}, "a"),
    ],
    ids=["headline", "first-score", "declared", "first-releases", "first-of-the-sample"],
)
def test_main_score_is_the_headline_or_the_first(eval_log, results, spec, expected):
    values = {"a": 0.25, "b": 0.5, "c": {"k": 0.75}}
    sample = {**SAMPLE, "scores": {name: {"value": value} for name, value in values.items()}}
    members = log(results=results, eval={**HEADER["eval"], **spec})
    found = read_inspect(eval_log({**members, "samples/a_epoch_1.json": sample}))
    assert found.predictions["score"].to_list() == [{"a": 0.25, "b": 0.5, "c.k": 0.75}[expected]]


def test_planned_and_not_run_samples_are_counted(eval_log):
    found = read_inspect(eval_log(log(results={"total_samples": 5, "logged_samples": 3})))
    assert found.summary.skipped == {"samples that were planned and not run": 2}


def test_other_json_files_of_a_folder_are_passed_over(eval_log, tmp_path):
    eval_log(log())
    (tmp_path / "logs.json").write_text('{"a.eval": {"version": 2}}', "utf-8")
    (tmp_path / "notes.json").write_text("[1]", "utf-8")
    assert read_inspect(tmp_path).summary.rows == 1


@pytest.mark.parametrize("make", [False, True], ids=["missing", "empty"])
def test_nothing_to_read_is_told(tmp_path, make):
    if make:
        (tmp_path / "x").mkdir()
    with pytest.raises(MissingFile, match="log"):
        read_inspect(tmp_path / "x")


def test_archive_of_something_else_is_refused(eval_log):
    with pytest.raises(DataError, match=r'holds neither "header\.json" nor'):
        read_inspect(eval_log({"other.json": 1}))


def test_document_of_something_else_is_refused(tmp_path):
    (tmp_path / "a.json").write_text('{"samples": []}', "utf-8")
    with pytest.raises(DataError, match='has no "eval"'):
        read_inspect(tmp_path / "a.json")


def test_damaged_member_is_named(eval_log):
    with pytest.raises(DataError, match=r'member "samples/a_epoch_1\.json" is no JSON'):
        read_inspect(eval_log({**log(), "samples/a_epoch_1.json": '{"id": '}))


def test_cut_archive_is_named(inspect_logs, tmp_path):
    source = next(inspect_logs.glob("*planets*"))
    (tmp_path / "a.eval").write_bytes(source.read_bytes()[:-30])
    with pytest.raises(DataError, match=r'a\.eval" is no ZIP archive'):
        read_inspect(tmp_path / "a.eval")


def test_sample_without_an_id_is_told(eval_log):
    with pytest.raises(DataError, match=r'epoch_1\.json" has no "id"'):
        read_inspect(eval_log({**log(), "samples/a_epoch_1.json": {}}))


def test_day_can_be_given_where_a_log_does_not_say(eval_log):
    spec = {"task": "t", "model": "m"}
    path = eval_log(log(eval=spec))
    assert read_inspect(path, date="2022-02-03").predictions["date"].to_list() == ["2022-02-03"]
    assert read_inspect(path).predictions["date"].to_list() == ["unknown"]


def test_copy_of_a_log_is_the_same_run(inspect_json, tmp_path):
    copy = shutil.copy(inspect_json, tmp_path / "copy.json")
    assert json.loads(inspect_json.read_text("utf-8"))["version"] == 2
    assert read_inspect(copy).summary.runs == read_inspect(inspect_json).summary.runs
