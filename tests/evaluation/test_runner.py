from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from longwave.clients import Completion, FakeClient
from longwave.clients.budget import Budget, Price, Usage
from longwave.config import read_run_record
from longwave.errors import BudgetExceeded, ConfigError, StorageError, UnknownName
from longwave.evaluation import EvaluateConfig, Own, evaluate, launch, run_evaluation
from longwave.predictions import KEY, read_predictions, read_side

METHODS = (
    "generation",
    "multiple_choice_joint",
    "multiple_choice_separate",
    "multiple_choice_separate_calibrated",
    "language_modeling",
)
CHOICES = METHODS[:4]


def of(rows, model):
    return rows.filter(pl.col("model") == model)


@pytest.mark.parametrize("method", CHOICES)
def test_the_oracle_is_always_right(make_scenario, tmp_path, method):
    rows = evaluate(model="fake:oracle", scenarios=[make_scenario(method)], out=tmp_path)
    assert of(rows, "fake:oracle")["score"].to_list() == [1.0] * 8


@pytest.mark.parametrize("method", CHOICES)
def test_a_random_model_scores_near_the_random_floor(make_scenario, tmp_path, method):
    rows = evaluate(model="fake:random", scenarios=[make_scenario(method, n=300)], out=tmp_path)
    assert of(rows, "fake:random")["score"].mean() == pytest.approx(
        of(rows, "floor:random")["score"].mean(), abs=0.12
    )


@pytest.mark.parametrize("method", CHOICES)
def test_confidences_are_filled_for_calibration(make_scenario, tmp_path, method):
    rows = of(evaluate(model="fake:random", scenarios=[make_scenario(method)], out=tmp_path), "fake:random")
    assert rows["confidence"].is_between(0, 1).all()
    assert rows["logprob"].is_not_null().all()


def test_language_modelling_keeps_what_weighting_by_bytes_needs(make_scenario, tmp_path):
    rows = evaluate(model="fake:uniform", scenarios=[make_scenario("language_modeling")], out=tmp_path)
    scores = of(read_side(tmp_path, "scores"), "fake:uniform")
    assert of(rows, "fake:uniform")["score"].to_list() == pytest.approx([8.0] * 8)
    assert set(scores["metric"]) == {"logprob", "bytes", "tokens"}


@pytest.mark.parametrize("method", METHODS)
def test_every_row_leads_to_its_request_and_its_instance(make_scenario, tmp_path, method):
    rows = evaluate(
        model="fake:random", scenarios=[make_scenario(method)], perturbations=["lowercase"], out=tmp_path
    )
    rows = of(rows, "fake:random")
    assert rows.join(read_side(tmp_path, "requests"), on="request_hash", how="anti").is_empty()
    key = ["scenario", "instance", "perturbation"]
    assert rows.join(read_side(tmp_path, "instances"), on=key, how="anti", nulls_equal=True).is_empty()


def test_a_second_start_asks_nothing_and_changes_nothing(make_scenario, tmp_path):
    client = FakeClient(lambda _: Completion(text="yes"))
    first = evaluate(model=client, scenarios=[make_scenario()], out=tmp_path)
    asked = client.n_requests
    assert_frame_equal(evaluate(model=client, scenarios=[make_scenario()], out=tmp_path), first)
    assert client.n_requests == asked


def test_models_scenarios_and_instances_can_be_added_later(make_scenario, tmp_path):
    one, other = make_scenario(name="one"), make_scenario(name="other")
    evaluate(model="fake:first", scenarios=[one], max_instances=3, out=tmp_path)
    rows = evaluate(models=["fake:first", "fake:echo"], scenarios=[one, other], out=tmp_path)
    counts = rows.group_by("model", "scenario").len()
    assert set(counts["len"]) == {8}
    assert len(counts) == 2 * 4  # two models and two floors


def test_keys_are_unique(make_scenario, tmp_path):
    rows = evaluate(
        models=["fake:first", "fake:echo"],
        scenarios=[make_scenario()],
        perturbations=["lowercase", "typos"],
        trials=2,
        out=tmp_path,
    )
    assert rows.select(KEY).is_unique().all()


def test_trials_show_other_examples_and_zero_shot_has_one(make_scenario, tmp_path):
    shown, bare = make_scenario(), make_scenario("multiple_choice_separate", name="bare")
    rows = of(evaluate(model="fake:first", scenarios=[shown, bare], trials=3, out=tmp_path), "fake:first")
    counts = dict(rows.group_by("scenario").agg(pl.col("trial").n_unique()).iter_rows())
    assert counts == {"parity@1": 3, "bare@1": 1}


def test_shots_change_the_prompt_column(make_scenario, tmp_path):
    rows = evaluate(model="fake:first", scenarios=[make_scenario()], shots=2, out=tmp_path)
    assert set(rows["prompt"]) == {"generation-2-shot"}


def test_a_failing_model_ends_up_in_the_error_column(make_scenario, tmp_path):
    rows = evaluate(model="fake:fail-every=3", scenarios=[make_scenario(n=60)], out=tmp_path)
    failed = of(rows, "fake:fail-every=3").filter(pl.col("error").is_not_null())
    assert 5 < len(failed) < 40
    assert failed["request_hash"].is_not_null().all()
    assert failed["score"].is_null().all()


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "\x00\x1b[31m", "\u202e'\"; DROP TABLE"])
def test_hostile_text_passes_through_unchanged(make_scenario, own_rows, tmp_path, text):
    (instance,) = own_rows(1, "test", (text, "no"))
    client = FakeClient(lambda _: Completion(text=text.replace(" ", "_")))
    rows = evaluate(model=client, scenarios=[make_scenario(rows=[instance])], out=tmp_path)
    assert of(rows, "fake")["prediction"].item() == text.replace(" ", "_")
    assert read_side(tmp_path, "instances")["references"].to_list() == [[text, "no"]]


def test_a_replay_gives_identical_rows(make_scenario, tmp_path):
    asked = {
        "scenarios": [make_scenario(m, name=m) for m in METHODS],
        "perturbations": ["typos"],
        "date": "2025-03-01",
    }
    first = evaluate(model="fake:random", out=tmp_path / "first", **asked)
    again = evaluate(model=f"replay:{tmp_path / 'first'}", out=tmp_path / "again", **asked)
    assert_frame_equal(again.drop("run"), first.drop("run"))


def test_the_record_repeats_the_run(make_scenario, tmp_path):
    rows = evaluate(model="fake:first", scenarios=["blimp"], max_instances=2, seed=7, out=tmp_path)
    record = read_run_record(tmp_path)
    assert (record.kind, record.seed, record.config["max_instances"]) == ("evaluate", 7, 2)
    assert set(rows["run"]) == {record.hash}


def test_the_date_stays_that_of_the_first_start(make_scenario, tmp_path):
    evaluate(model="fake:first", scenarios=[make_scenario()], date="2020-02-02", out=tmp_path)
    rows = evaluate(models=["fake:first", "fake:echo"], scenarios=[make_scenario()], out=tmp_path)
    assert set(rows["date"]) == {"2020-02-02"}


def test_another_date_asks_anew(make_scenario, tmp_path):
    client = FakeClient(lambda _: Completion(text="yes"))
    for date in ("2020-02-02", "2020-02-03"):
        evaluate(model=client, scenarios=[make_scenario()], date=date, out=tmp_path)
    assert client.n_requests == 16


def test_the_record_of_something_else_is_left_alone(make_scenario, tmp_path):
    other = {"kind": "quickstart", "version": "0", "seed": 0, "config": {}, "data_hash": "", "hash": "x"}
    (tmp_path / "run.json").write_text(json.dumps(other))
    evaluate(model="fake:first", scenarios=[make_scenario()], out=tmp_path)
    assert json.loads((tmp_path / "run.json").read_text()) == other


def test_progress_ends_at_the_total(make_scenario, tmp_path):
    seen = []
    evaluate(
        models=["fake:first", "fake:echo"], scenarios=[make_scenario()], out=tmp_path, on_progress=seen.append
    )
    assert [(p.done, p.total) for p in seen] == [(0, 16), (8, 16), (16, 16)]
    assert seen[-1].text == "fake:echo on parity@1"
    assert seen[-1].remaining_s == 0


def test_a_suite_caps_its_scenarios(tmp_path):
    rows = evaluate(model="fake:first", suite="quickstart", max_instances=4, out=tmp_path)
    assert set(of(rows, "fake:first").group_by("scenario").len()["len"]) == {4}


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"models": ["fake:first", "fake:first"]}, ConfigError, "Two models are named"),
        ({"models": []}, ConfigError, '"models" is empty'),
        ({"model": "fake:frist"}, UnknownName, "first"),
        ({"model": "fake:first", "perturbations": ["tpyos"]}, UnknownName, "typos"),
        ({"model": "fake:first", "scenarios": ["bolq"]}, UnknownName, "boolq"),
    ],
    ids=["twice", "none", "model", "perturbation", "scenario"],
)
def test_wrong_settings_are_refused_before_anything_is_written(tmp_path, asked, error, message):
    with pytest.raises(error, match=message):
        evaluate(**{"scenarios": ["blimp"], **asked}, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_ctrl_c_keeps_what_was_answered(make_scenario, tmp_path):
    def rule(request):
        if "number 5" in request.prompt.rpartition("Q:")[2]:
            raise KeyboardInterrupt
        return Completion(text="yes")

    config = EvaluateConfig(models=("fake",), scenarios=("parity@1",), batch_size=1)
    scenarios = {"parity@1": make_scenario()}
    with pytest.raises(KeyboardInterrupt):
        run_evaluation(config, tmp_path, own=Own(clients={"fake": FakeClient(rule)}, scenarios=scenarios))
    assert len(of(read_predictions(tmp_path), "fake")) == 5
    steady = FakeClient(lambda _: Completion(text="yes"))
    rows = run_evaluation(config, tmp_path, own=Own(clients={"fake": steady}, scenarios=scenarios))
    assert len(of(rows, "fake")) == 8
    assert steady.n_requests == 3


def test_a_folder_that_cannot_be_written_is_told(make_scenario, tmp_path):
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(StorageError, match="Cannot make the folder"):
        evaluate(model="fake:first", scenarios=[make_scenario()], out=tmp_path / "out")


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from longwave.clients import Completion, FakeClient
    from longwave.evaluation import EvaluateConfig, Own, run_evaluation

    log, limit = Path(sys.argv[1]), int(sys.argv[2])

    def rule(request):
        if request.prompt.count("Answer") and rule.asked == limit:
            os.kill(os.getpid(), signal.SIGKILL)  # nothing can be tidied up
        rule.asked += 1
        with log.open("a") as file:
            print(request.hash("fake", "1"), file=file)
        return Completion(text=" Yes", logprob=-0.5)

    rule.asked = 0
    config = EvaluateConfig(models=("fake",), scenarios=("boolq",), max_instances=20, batch_size=4)
    run_evaluation(config, Path(sys.argv[3]), own=Own(clients={"fake": FakeClient(rule)}))
"""


@pytest.mark.slow
def test_a_killed_run_continues_without_asking_anything_twice(tmp_path):
    def start(limit):
        command = [
            sys.executable,
            "-c",
            textwrap.dedent(KILLED),
            tmp_path / "log",
            str(limit),
            tmp_path / "out",
        ]
        return subprocess.run(command, check=False, env={**os.environ, "PYTHONWARNINGS": "error"}).returncode

    assert [start(8), start(4), start(1000)] == [-signal.SIGKILL, -signal.SIGKILL, 0]
    asked = (tmp_path / "log").read_text().split()
    assert len(asked) == len(set(asked)) == 20
    rows = of(read_predictions(tmp_path / "out"), "fake")
    assert len(rows) == 20
    assert rows["prediction"].to_list() == ["Yes"] * 20


def test_a_limit_of_money_ends_the_run_and_keeps_what_was_answered(make_scenario, tmp_path):
    budget = Budget(Price(usd_in=0.0, usd_out=1_000_000.0))

    class Paid(FakeClient):
        def complete(self, requests):
            for _ in requests:
                budget.reserve(Usage(tokens_in=0, tokens_out=1))
                budget.settle(Usage(tokens_in=0, tokens_out=1), Usage(tokens_in=0, tokens_out=1))
            return super().complete(requests)

    client = Paid(lambda _: Completion(text="yes"))
    client.budget = budget
    own = Own(clients={"fake": client}, scenarios={"parity@1": make_scenario()})
    config = EvaluateConfig(models=("fake",), scenarios=("parity@1",), batch_size=1)
    with pytest.raises(BudgetExceeded, match="The limit of 3 US dollars"):
        run_evaluation(config, tmp_path, own=own, max_usd=3.0)
    assert len(of(read_predictions(tmp_path), "fake")) == 3
    rows = run_evaluation(config, tmp_path, own=own, max_usd=100.0)
    assert of(rows, "fake")["error"].null_count() == 8


def test_a_limit_that_limits_nothing_is_refused(make_scenario, tmp_path):
    with pytest.raises(ConfigError, match="no model has a price"):
        launch(EvaluateConfig(models=("fake:first",), scenarios=("blimp",)), tmp_path / "out", max_usd=1.0)
    assert not (tmp_path / "out").exists()


def test_folders_of_several_machines_are_merged_by_copying(make_scenario, tmp_path):
    asked = {"model": "fake:first", "scenarios": [make_scenario()], "date": "2025-01-01"}
    for part in ("1/2", "2/2"):
        evaluate(**asked, out=tmp_path / part[0], shard=part)
        shutil.copytree(tmp_path / part[0], tmp_path / "both", dirs_exist_ok=True)
    whole = evaluate(**asked, out=tmp_path / "whole")
    assert_frame_equal(evaluate(**asked, out=tmp_path / "both"), whole)
    assert len(list((tmp_path / "both" / "predictions").glob("*.parquet"))) == 1
