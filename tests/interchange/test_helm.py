from __future__ import annotations

import json
import shutil

import polars as pl
import pytest

from longwave.errors import DataError, MissingFile
from longwave.interchange import read_helm
from longwave.interchange.helm import find_helm
from longwave.predictions import SCHEMA


@pytest.fixture
def rows(helm):
    return read_helm(helm).predictions


def test_suite_becomes_rows(helm):
    found = read_helm(helm)
    assert found.predictions.schema == SCHEMA
    assert (found.summary.tool, found.summary.rows, len(found.summary.runs)) == ("helm", 16, 4)
    assert found.summary.skipped == {}


def test_scenario_model_and_day_are_told(rows):
    assert set(rows["scenario"]) == {"helm:capitals@0", "helm:planets@0"}
    assert set(rows["model"]) == {"tiny/rule"}
    assert set(rows["version"]) == {"unknown"}
    assert set(rows["date"]) == {"2023-11-17"}


def test_prompt_tells_method_and_examples(rows):
    names = {name.rpartition("-")[0] for name in rows["prompt"]}
    assert names == {
        "generation-1-shot",
        "multiple_choice_joint-1-shot",
        "multiple_choice_separate_calibrated-0-shot",
        "multiple_choice_separate_original-0-shot",
    }


def test_parameters_of_a_scenario_are_its_group_and_part_of_its_ids(rows):
    planets = rows.filter(pl.col("scenario") == "helm:planets@0")
    assert set(planets["group"]) == {"topic=all"}
    assert set(planets["instance"]) == {"topic=all/id2", "topic=all/id3"}


def test_trials_are_kept_apart(rows):
    joint = rows.filter(pl.col("prompt").str.contains("joint"))
    assert sorted(joint["trial"]) == [0, 0, 1, 1]


def test_perturbed_rows_have_the_name_of_the_edit(helm):
    found = read_helm(helm / "capitals")
    assert found.predictions["perturbation"].to_list() == [None, "typos"] * 4
    texts = dict(found.instances.filter(pl.col("instance") == "id1").select("perturbation", "input").rows())
    assert texts == {None: "What is the capital of France?", "typos": "What is the capitsl of Drance?"}


def test_letter_of_a_joint_choice_becomes_its_option(helm):
    found = read_helm(helm / "planets-joint").predictions
    assert set(found["prediction"]) == {"Mars"}
    assert found["confidence"].round(4).unique().to_list() == [0.6065]  # exp(-0.5)


@pytest.mark.parametrize("name", ["planets-separate", "planets-calibrated"])
def test_option_of_a_separate_choice_is_that_of_helm(helm, name):
    found = read_helm(helm / name)
    assert found.predictions["prediction"].to_list() == ["Mars", "Mars"]
    assert found.predictions["logprob"].to_list() == [-0.5, -0.5]
    assert found.predictions["correct"].to_list() == [True, False]
    chosen = found.requests.filter(pl.col("request_hash").is_in(found.predictions["request_hash"].implode()))
    assert chosen["continuation"].to_list() == [" Mars", " Mars"]


def test_options_of_a_separate_choice_are_requests(helm):
    found = read_helm(helm / "planets-separate").requests
    first = found.row(0, named=True)
    assert (len(found), first["prompt"], first["continuation"]) == (
        8,
        "Which planet is called the red one?",
        " Mercury",
    )
    assert (first["completions"], first["logprobs"]) == ([" Mercury"], [-2.625])


def test_all_outputs_are_kept_and_the_likeliest_is_the_prediction(helm):
    found = read_helm(helm / "capitals")
    request = found.requests.row(0, named=True)
    assert (request["completions"], request["logprobs"]) == ([" Paris", " perhaps Paris"], [-0.25, -2.0])
    assert json.loads(request["settings"])["n"] == 2
    assert found.predictions["prediction"][0] == "Paris"


def test_unanswered_request_keeps_the_score_that_helm_gave_it(helm):
    found = read_helm(helm / "capitals").predictions.filter(pl.col("instance") == "id2").row(0, named=True)
    assert (found["error"], found["score"], found["correct"]) == ("the server is busy", 0.0, False)
    assert (found["prediction"], found["confidence"], found["logprob"]) == (None, None, None)


def test_times_and_tokens_are_those_of_all_requests(helm):
    found = read_helm(helm / "planets-separate").predictions.row(0, named=True)
    assert (found["latency_s"], found["tokens_in"], found["tokens_out"]) == (2.0, 166, 0)


@pytest.mark.parametrize("name", ["capitals", "planets-joint", "planets-separate", "planets-calibrated"])
def test_means_are_those_of_helm(helm, name):
    part = find_helm(helm / name)[0].part("r")
    rows = part.frames()["predictions"].filter(pl.col("perturbation").is_null())
    metric = "quasi_exact_match" if name == "capitals" else "exact_match"
    assert part.reported[f"{metric},{rows['split'][0]}"] == rows["score"].mean()


def test_other_metrics_go_to_the_scores(helm):
    found = read_helm(helm / "planets-joint").scores
    assert {"quasi_exact_match", "prompt_truncated", "n_examples"} <= set(found["metric"])
    assert not {"exact_match", "num_references", "max_prob", "num_prompt_tokens"} & set(found["metric"])


def test_another_metric_can_be_the_score(helm):
    found = read_helm(helm / "capitals", metric="exact_match")
    assert "quasi_exact_match" in set(found.scores["metric"])
    assert found.summary.runs != read_helm(helm / "capitals").summary.runs


def test_metric_that_is_not_there_leaves_rows_without_a_score(helm):
    found = read_helm(helm / "planets-joint", metric="exact_mach")
    assert found.predictions["score"].null_count() == 4
    assert found.summary.skipped == {'rows without a score (HELM wrote no "exact_mach" for them)': 4}


def test_release_of_the_paper_is_read(paper):
    found = read_helm(paper)
    rows = found.predictions
    assert rows.select("scenario", "model", "date").unique().row(0) == (
        "helm:boolq@0",
        "maker/model-1",
        "2022-11-17",
    )
    assert rows.select("instance", "perturbation", "prediction", "score").rows() == [
        ("id0", None, "Yes", 1.0),
        ("id0", "mild-mix", "No", 0.0),
        ("id0", "dialect", "Yes", 1.0),
        ("id1", None, "No", 1.0),
        ("id1", "mild-mix", "No", 1.0),
    ]
    assert found.instances["references"].to_list() == [["Yes", "No"]] * 5
    assert found.instances["correct_references"].to_list() == [[0], [0], [0], [1], [1]]


def test_folder_may_move_without_becoming_another_run(helm, tmp_path):
    shutil.copytree(helm / "capitals", tmp_path / "elsewhere")
    assert read_helm(tmp_path / "elsewhere").summary.runs == read_helm(helm / "capitals").summary.runs


def test_run_without_metrics_has_rows_without_scores(helm, tmp_path):
    folder = shutil.copytree(helm / "planets-joint", tmp_path / "run")
    (folder / "per_instance_stats.json").unlink()
    found = read_helm(folder)
    assert (found.summary.rows, found.predictions["score"].null_count()) == (4, 4)
    assert found.summary.skipped["runs without per_instance_stats.json (their rows have no score)"] == 1


def test_run_without_its_description_is_named_after_its_folder(helm, tmp_path):
    folder = shutil.copytree(helm / "planets-joint", tmp_path / "planets:model=x")
    (folder / "run_spec.json").unlink()
    found = read_helm(tmp_path)
    assert set(found.predictions["scenario"]) == {"helm:planets@0"}
    assert set(found.predictions["model"]) == {"tiny/rule"}
    assert found.summary.skipped == {"runs without run_spec.json": 1}


def test_day_can_be_given_where_the_files_do_not_say(helm_run):
    folder = helm_run([{"instance": {"id": "a", "input": "x"}, "request": {"prompt": "x"}, "result": {}}])
    assert read_helm(folder, date="2022-01-02").predictions["date"].to_list() == ["2022-01-02"]
    assert read_helm(folder).predictions["date"].to_list() == ["unknown"]


def test_deployment_of_a_model_is_its_version(helm_run):
    spec = {"adapter_spec": {"model": "maker/m", "model_deployment": "host/m-8k"}}
    folder = helm_run([{"instance": {"id": "a", "input": "x"}}], spec=spec)
    assert read_helm(folder).predictions.select("model", "version").row(0) == ("maker/m", "host/m-8k")


@pytest.mark.parametrize("make", [False, True], ids=["no-folder", "no-run"])
def test_nothing_to_read_is_told(tmp_path, make):
    if make:
        (tmp_path / "x").mkdir()
    with pytest.raises(MissingFile, match="helm-run"):
        read_helm(tmp_path / "x")


@pytest.mark.parametrize(
    "name", ["scenario_state.json", "per_instance_stats.json", "run_spec.json", "stats.json"]
)
def test_damaged_file_is_named(helm, tmp_path, name):
    folder = shutil.copytree(helm / "planets-joint", tmp_path / "run")
    (folder / name).write_bytes((folder / name).read_bytes()[:-9])
    with pytest.raises(DataError, match=f'"{folder / name}" is no JSON'):
        read_helm(folder)


@pytest.mark.parametrize(
    "name", ["scenario_state.json", "per_instance_stats.json", "run_spec.json", "stats.json"]
)
def test_file_of_another_form_is_named(helm, tmp_path, name):
    folder = shutil.copytree(helm / "planets-joint", tmp_path / "run")
    (folder / name).write_text('"text"', "utf-8")
    with pytest.raises(DataError, match=f"{name}.* is a text"):
        read_helm(folder)
