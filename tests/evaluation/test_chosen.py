from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from longwave.clients import Completion, FakeClient
from longwave.clients.budget import Budget, Price
from longwave.errors import ConfigError, DataError, FolderTaken
from longwave.evaluation import EvaluateConfig, Own, evaluate
from longwave.evaluation.chosen import earlier_settings, open_chosen
from longwave.monitoring import pick_baseline, probe_instances
from longwave.predictions import read_predictions, read_side

SAME = ("instance", "prompt", "input_hash", "request_hash", "prediction", "label", "correct", "score")


def _client(answer: str = " yes", name: str = "new") -> FakeClient:
    return FakeClient(lambda _: Completion(text=answer, logprob=-0.5, n_tokens=1), name=name)


def _config(scenario, **more) -> EvaluateConfig:
    return EvaluateConfig(models=("new",), scenarios=(scenario.key,), date="2026-02-01", **more)


@pytest.fixture
def scenario(make_scenario):
    return make_scenario(n=30)


@pytest.fixture
def own(scenario):
    return Own(clients={"new": _client()}, scenarios={scenario.key: scenario})


def test_chosen_rows_are_those_of_a_whole_evaluation(scenario, own, tmp_path):
    whole = evaluate(model=_client(), scenarios=[scenario], date="2026-02-01", out=tmp_path / "whole")
    prompt = whole["prompt"][0]
    ids = ["test-7", "test-2", "test-19"]
    with open_chosen(_config(scenario), tmp_path / "part", prompt=prompt, own=own) as asker:
        rows = asker.ask(ids)
    assert rows["instance"].to_list() == ids
    expected = pl.DataFrame({"instance": ids}).join(
        whole.filter(pl.col("model") == "new"), on="instance", how="left", maintain_order="left"
    )
    assert rows.select(SAME).equals(expected.select(SAME))
    assert own.clients["new"].n_requests == 3
    assert len(read_predictions(tmp_path / "part")) == 3
    assert len(read_side(tmp_path / "part", "instances")) == 3
    assert len(read_side(tmp_path / "part", "requests")) == 3


def test_what_the_folder_holds_is_not_asked_again(scenario, own, tmp_path):
    for ids in (["test-1", "test-2"], ["test-2", "test-3"]):
        with open_chosen(_config(scenario), tmp_path, prompt="generation-5-shot", own=own) as asker:
            assert asker.ask(ids)["instance"].to_list() == ids
    assert own.clients["new"].n_requests == 3


def test_answers_whose_rows_were_lost_come_from_the_cache(scenario, own, tmp_path):
    with open_chosen(_config(scenario), tmp_path, prompt="generation-5-shot", own=own) as asker:
        asker.ask(["test-1"])
    for shard in (tmp_path / "predictions").iterdir():
        shard.unlink()
    with open_chosen(_config(scenario), tmp_path, prompt="generation-5-shot", own=own) as asker:
        assert asker.ask(["test-1"])["prediction"].to_list() == ["yes"]
    assert own.clients["new"].n_requests == 1


def test_a_probe_of_a_model_costs_its_budget_once(scenario, own, tmp_path):
    old = evaluate(model=_client(" no", "old"), scenarios=[scenario], date="2026-01-01", out=tmp_path / "old")
    baseline = pick_baseline(old)
    for _ in range(2):
        with open_chosen(_config(scenario), tmp_path / "new", prompt=baseline["prompt"][0], own=own) as asker:
            found = probe_instances(asker, baseline, budget=20, batch_size=5, out=tmp_path / "new")
    assert own.clients["new"].n_requests == found.n_calls == 20
    assert set(found.answers["new_prediction"]) == {"yes"}
    assert found.estimate.delta.low <= 0 <= found.estimate.delta.high
    assert found.estimate.churn.estimate > 0.8


def test_failed_requests_have_their_error(scenario, own, tmp_path, broken):
    own.clients["new"] = broken(_client(), "number 4 ")
    own.clients["new"].name = "new"
    with open_chosen(_config(scenario), tmp_path, prompt="generation-5-shot", own=own) as asker:
        rows = asker.ask(["test-3", "test-4"])
    assert rows["error"].is_null().to_list() == [True, False]


def test_no_instances_are_no_rows(scenario, own, tmp_path):
    with open_chosen(_config(scenario), tmp_path, prompt="generation-5-shot", own=own) as asker:
        assert len(asker.ask([])) == 0


def test_the_folder_is_locked_while_it_is_open(scenario, own, tmp_path):
    with (
        open_chosen(_config(scenario), tmp_path, prompt="generation-5-shot", own=own),
        pytest.raises(FolderTaken),
        open_chosen(_config(scenario), tmp_path, prompt="generation-5-shot", own=own),
    ):
        pass


def test_a_limit_of_money_reaches_the_model(scenario, own, tmp_path):
    own.clients["new"].budget = Budget(Price(usd_in=1, usd_out=1))
    with open_chosen(_config(scenario), tmp_path, prompt="generation-5-shot", own=own, max_usd=2.5):
        assert own.clients["new"].budget.max_usd == 2.5


def test_a_limit_without_a_price_is_refused(scenario, own, tmp_path):
    with (
        pytest.raises(ConfigError, match="limits nothing"),
        open_chosen(_config(scenario), tmp_path, prompt="generation-5-shot", own=own, max_usd=1),
    ):
        pass


def test_unknown_instances_are_refused(scenario, own, tmp_path):
    with (
        open_chosen(_config(scenario), tmp_path, prompt="generation-5-shot", own=own) as asker,
        pytest.raises(DataError, match='no instance "moon" now, and 0 more'),
    ):
        asker.ask(["test-1", "moon"])


def test_another_prompt_is_refused(scenario, own, tmp_path):
    with (
        pytest.raises(ConfigError, match=r'by the prompt "ama-1" .* but by generation-5-shot'),
        open_chosen(_config(scenario), tmp_path, prompt="ama-1", own=own),
    ):
        pass


@pytest.mark.parametrize("change", [{"models": ("a", "b")}, {"scenarios": ("a", "b")}, {"suite": "smoke"}])
def test_one_model_and_one_scenario_are_needed(scenario, own, tmp_path, change):
    with (
        pytest.raises(ConfigError, match="one scenario, for one model"),
        open_chosen(replace(_config(scenario), **change), tmp_path, prompt="own", own=own),
    ):
        pass


def test_settings_are_those_of_the_earlier_evaluation(tmp_path):
    old = evaluate(
        model="fake:first", scenarios=["boolq"], shots=2, seed=3, max_instances=4, out=tmp_path / "old"
    )
    found = earlier_settings(tmp_path / "old", old["run"][0], model="fake:random", scenario="boolq@1")
    assert (found.models, found.scenarios, found.shots, found.seed) == (("fake:random",), ("boolq",), 2, 3)
    baseline = pick_baseline(old)
    with open_chosen(found, tmp_path / "new", prompt=baseline["prompt"][0]) as asker:
        rows = asker.ask(baseline["instance"].to_list())
    requests = [
        read_side(tmp_path / name, "requests").select("prompt").sort("prompt").unique(maintain_order=True)
        for name in ("old", "new")
    ]
    assert requests[0].equals(requests[1])
    assert rows["input_hash"].equals(baseline["input_hash"])


def test_a_scenario_of_a_suite_is_known_by_its_name(tmp_path):
    (tmp_path / "mine.yaml").write_text("scenarios: {blimp: 2}")
    rows = evaluate(model="fake:first", suite=str(tmp_path / "mine.yaml"), out=tmp_path)
    found = earlier_settings(tmp_path, rows["run"][0], model="fake:random", scenario="blimp@1")
    assert (found.scenarios, found.suite) == (("blimp@1",), None)


def test_rows_of_another_program_were_asked_by_the_defaults(tmp_path):
    found = earlier_settings(tmp_path, "unknown", model="fake:first", scenario="boolq@1")
    assert found == EvaluateConfig(models=("fake:first",), scenarios=("boolq@1",))
