from __future__ import annotations

import json
import shutil

import polars as pl
import pytest

from longwave.errors import DataError, MissingFile
from longwave.interchange import read_lm_eval
from longwave.interchange.lm_eval import find_lm_eval

CHOICE = {
    "doc_id": 0,
    "doc": {"q": "x"},
    "target": "1",
    "arguments": [["x", " a"], ["x", " b"]],
    "resps": [[[-2.0, False]], [[-1.0, True]]],
    "filtered_resps": [[-2.0, False], [-1.0, True]],
    "acc": 1.0,
}


def results_of(folder):
    return next(folder.rglob("results_*.json"))


def test_tasks_become_rows(lm_eval):
    found = read_lm_eval(lm_eval)
    assert (found.summary.rows, len(found.summary.runs), found.summary.skipped) == (14, 3, {})


def test_task_version_model_day_and_split_are_told(lm_eval):
    rows = read_lm_eval(lm_eval).predictions
    found = rows.select("scenario", "model", "version", "date", "split").unique().sort("scenario").rows()
    assert found == [
        ("lm-eval:planets_mc@1", "org/rule-7b", "unknown", "2023-11-17", "test"),
        ("lm-eval:prose_lm@0", "org/rule-7b", "unknown", "2023-11-17", "test"),
        ("lm-eval:sums_gen@2", "org/rule-7b", "unknown", "2023-11-17", "valid"),
    ]


def test_filters_are_prompts_of_their_own(lm_eval):
    rows = read_lm_eval(lm_eval).predictions.filter(pl.col("scenario") == "lm-eval:sums_gen@2")
    found = {name: part["prediction"].to_list() for (name,), part in rows.group_by("prompt")}
    assert found == {
        "generate_until-1-shot+strict-match": ["5", None, None, "4"],
        "generate_until-1-shot+flexible-extract": ["5", "3", None, "4"],
    }


def test_filters_share_their_requests(lm_eval):
    found = read_lm_eval(lm_eval)
    rows = found.predictions.filter(pl.col("scenario") == "lm-eval:sums_gen@2")
    assert rows["request_hash"].n_unique() == 4
    request = found.requests.filter(pl.col("request_hash") == rows["request_hash"][0]).row(0, named=True)
    assert request["completions"] == [" 5"]
    assert json.loads(request["settings"])["until"] == ["\n"]


def test_options_are_scored_and_the_likeliest_is_chosen(lm_eval):
    found = read_lm_eval(lm_eval)
    row = found.predictions.row(0, named=True)
    assert (row["prediction"], row["label"], row["correct"], row["logprob"]) == (
        "Mercury",
        "Mercury",
        True,
        -0.5,
    )
    assert row["confidence"] == pytest.approx(0.678906, abs=1e-6)  # softmax of -0.5, -2.4, -2, -2.8
    chosen = found.requests.filter(pl.col("request_hash") == row["request_hash"])
    assert chosen.row(0, named=True)["continuation"] == " Mercury"


def test_examples_are_cut_off_the_input(lm_eval):
    found = read_lm_eval(lm_eval).instances.filter(pl.col("scenario") == "lm-eval:sums_gen@2")
    assert found["input"][0] == "Q: What is 2 + 3?\nA:"
    assert json.loads(found["extra"][0]) == {"question": "What is 2 + 3?", "answer": "5"}


def test_texts_are_scored_in_bits_per_byte(lm_eval):
    rows = read_lm_eval(lm_eval).predictions.filter(pl.col("scenario") == "lm-eval:prose_lm@0")
    assert rows["score"].to_list() == pytest.approx([0.253351, 0.224419], abs=1e-6)
    assert rows["correct"].to_list() == [None, None]


def test_means_are_those_of_the_harness(lm_eval):
    parts = {source.name.split("_")[3]: source.part("r") for source in find_lm_eval(lm_eval)}
    planets, sums = (parts[name].frames()["predictions"] for name in ("planets", "sums"))
    assert parts["planets"].reported["acc,none"] == planets["score"].mean()
    for name in ("strict-match", "flexible-extract"):
        own = sums.filter(pl.col("prompt").str.ends_with(name))
        assert parts["sums"].reported[f"exact_match,{name}"] == own["score"].mean()


def test_another_metric_can_be_the_score(lm_eval):
    found = read_lm_eval(lm_eval, metric="acc_norm")
    planets = found.predictions.filter(pl.col("scenario") == "lm-eval:planets_mc@1")
    assert planets["score"].to_list() == [1.0, 1.0, 0.0, 0.0]
    assert found.summary.skipped == {'rows without a score (they have no metric "acc_norm")': 10}


@pytest.mark.parametrize("kind", ["results", "samples"])
def test_one_file_is_enough_to_name(lm_eval, kind):
    path = results_of(lm_eval) if kind == "results" else next(lm_eval.rglob("samples_planets*"))
    assert read_lm_eval(path).summary.rows == (14 if kind == "results" else 4)


def test_samples_of_another_start_are_no_part_of_a_result(lm_eval, tmp_path):
    folder = shutil.copytree(lm_eval / "org__rule-7b", tmp_path / "org__rule-7b")
    other = "samples_planets_mc_2020-01-01T00-00-00.000000.jsonl"
    shutil.copy(next(folder.glob("samples_planets*")), folder / other)
    assert read_lm_eval(results_of(folder)).summary.rows == 14


def test_samples_without_results_are_named_after_their_folder(samples_file):
    found = read_lm_eval(samples_file([CHOICE]))
    row = found.predictions.row(0, named=True)
    assert (row["model"], row["date"], row["scenario"]) == ("maker/m", "2024-05-06", "lm-eval:task@0")
    assert (row["prompt"], row["score"], row["correct"]) == ("multiple_choice-0-shot", 1.0, True)
    reason = "tasks without results_*.json (model and date are guessed from names)"
    assert found.summary.skipped == {reason: 1}


def test_list_of_the_first_releases_is_read(samples_file):
    path = samples_file([])
    path.write_text(json.dumps([CHOICE, {**CHOICE, "doc_id": 1}], indent=2), "utf-8")
    assert read_lm_eval(path).predictions["instance"].to_list() == ["0", "1"]


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({"model_name": "a/b"}, ("a/b", "unknown")),
        ({"config": {"model": "hf", "model_args": "pretrained=a/c,dtype=float"}}, ("a/c", "unknown")),
        (
            {"config": {"model_args": {"model": "gpt"}, "model_sha": "0123", "model_revision": "main"}},
            ("gpt", "0123"),
        ),
        ({"config": {"model": "dummy", "model_args": "", "model_revision": "v2"}}, ("dummy", "v2")),
    ],
    ids=["name", "arguments", "mapping", "kind"],
)
def test_model_is_found_where_a_release_keeps_it(samples_file, results, expected):
    found = read_lm_eval(samples_file([CHOICE], results)).predictions
    assert found.select("model", "version").row(0) == expected


@pytest.mark.parametrize(("version", "expected"), [(2.0, "2"), ("1.5", "1.5"), ("Yaml", "0"), (None, "0")])
def test_version_of_a_task_is_written_plainly(samples_file, version, expected):
    found = read_lm_eval(samples_file([CHOICE], {"versions": {"task": version}})).predictions
    assert found["scenario"].to_list() == [f"lm-eval:task@{expected}"]


def test_chat_template_is_another_prompt(samples_file):
    found = read_lm_eval(samples_file([CHOICE], {"chat_template_sha": "1" * 64})).predictions
    assert found["prompt"][0].startswith("multiple_choice-0-shot-")


def test_lower_is_better_is_no_accuracy(samples_file):
    results = {"higher_is_better": {"task": {"acc": False}}}
    assert read_lm_eval(samples_file([CHOICE], results)).predictions["correct"].to_list() == [None]


@pytest.mark.parametrize("kind", ["missing", "empty", "means-only"])
def test_nothing_to_read_is_told(tmp_path, kind):
    path = tmp_path / "out"
    if kind != "missing":
        path.mkdir()
    if kind == "means-only":
        path = path / "results_2024-05-06T07-08-09.000001.json"
        path.write_text("{}", "utf-8")
    with pytest.raises(MissingFile, match=r"--log_samples|--output_path"):
        read_lm_eval(path)


def test_damaged_line_is_told_with_its_number(samples_file):
    path = samples_file([CHOICE, {**CHOICE, "doc_id": 1}])
    path.write_text(path.read_text("utf-8")[:-20], "utf-8")
    with pytest.raises(DataError, match=r'samples_task.*\.jsonl", line 2 is no JSON'):
        read_lm_eval(path)


@pytest.mark.parametrize("missing", ["doc_id", "arguments"])
def test_sample_without_what_it_needs_is_told(samples_file, missing):
    path = samples_file([{name: value for name, value in CHOICE.items() if name != missing}])
    with pytest.raises(DataError, match=f"line 1 has no {missing}"):
        read_lm_eval(path)


def test_line_that_is_no_sample_is_told(samples_file):
    with pytest.raises(DataError, match="line 1 is a text"):
        read_lm_eval(samples_file(["text"]))


def test_empty_file_is_no_row(samples_file):
    assert read_lm_eval(samples_file([])).summary.rows == 0
