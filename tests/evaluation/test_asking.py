from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from polars.testing import assert_frame_equal

from longwave.clients import Completion, FakeClient, Result
from longwave.errors import ClientError
from longwave.evaluation import EvaluateConfig, Own, evaluate, run_evaluation
from longwave.scenarios import PromptFormat


def test_a_batch_that_crashes_is_asked_again_one_by_one(make_scenario, broken, tmp_path):
    client = broken(FakeClient(lambda _: Completion(text=" yes", logprob=-0.1)), word="number 3")
    rows = evaluate(model=client, scenarios=[make_scenario()], out=tmp_path)
    rows = rows.filter(rows["model"] == "broken")
    assert dict(rows.filter(rows["error"].is_not_null()).select("instance", "error").iter_rows()) == {
        "test-3": "RuntimeError: <b>crashed</b>"
    }
    assert rows["score"].null_count() == 1


def test_a_prompt_that_cannot_be_written_is_an_error_of_its_row(make_scenario, own_rows, tmp_path):
    rows = [*own_rows(1, "test"), *own_rows(1, "valid", tuple(map(str, range(30))))]
    scenario = make_scenario("multiple_choice_joint", rows=rows, eval_splits=("test", "valid"))
    found = evaluate(model="fake:first", scenarios=[scenario], out=tmp_path)
    errors = dict(found.filter(found["model"] == "fake:first").select("instance", "error").iter_rows())
    assert errors["test-0"] is None
    assert "30 options" in errors["valid-0"]


@pytest.mark.parametrize("batch_size", [1, 3, 1000])
def test_batches_do_not_change_the_rows(make_scenario, tmp_path, batch_size):
    scenario = make_scenario("multiple_choice_separate_calibrated")
    config = EvaluateConfig(models=("fake:random",), scenarios=(scenario.key,), batch_size=batch_size)
    rows = run_evaluation(config, tmp_path / "some", own=Own(scenarios={scenario.key: scenario}))
    default = evaluate(model="fake:random", scenarios=[scenario], out=tmp_path / "default")
    assert_frame_equal(rows.drop("run"), default.drop("run"))


def test_sampled_requests_carry_the_seed_of_their_trial(make_scenario, tmp_path):
    seeds = set()

    def rule(request):
        seeds.add(request.seed)
        return Completion(text="yes")

    sampled = PromptFormat(method="generation", temperature=1.0)
    evaluate(
        model=FakeClient(rule), scenarios=[make_scenario(prompt=sampled)], trials=2, seed=5, out=tmp_path
    )
    assert seeds == {5, 6}


class Strange(FakeClient):
    """Gives the results that it is told to."""

    def __init__(self, *results):
        super().__init__(lambda _: None)
        self.results = list(results)

    def complete(self, requests):
        del requests
        return self.results


@pytest.mark.parametrize(
    ("results", "error"),
    [
        ((), "gave 0 results to 1 requests"),
        ((Result(),), "neither a completion nor an error"),
        ((Result(completions=(Completion(text="yes", logprob=float("nan")),)),), "is not a number"),
    ],
    ids=["too-few", "empty", "nan"],
)
def test_answers_that_no_table_can_hold_are_errors(make_scenario, tmp_path, results, error):
    rows = evaluate(model=Strange(*results), scenarios=[make_scenario(n=1)], out=tmp_path)
    assert error in rows.filter(rows["model"] == "fake")["error"].item()


def test_half_characters_of_a_model_are_replaced(make_scenario, tmp_path):
    half = Result(completions=(Completion(text="a\ud800b"),))
    rows = evaluate(model=Strange(half), scenarios=[make_scenario(n=1)], out=tmp_path)
    assert rows.filter(rows["model"] == "fake")["prediction"].item() == "a?b"


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_no_batch_is_smaller_than_asked_but_the_last(make_scenario, tmp_path, batch_size):
    sizes = []

    class Counting(FakeClient):
        def complete(self, requests):
            sizes.append(len(requests))
            return super().complete(requests)

    scenario = make_scenario("multiple_choice_separate", n=10)  # two requests a row
    client = Counting(lambda _: Completion(text="", logprob=-1.0))
    config = EvaluateConfig(models=("fake",), scenarios=(scenario.key,), batch_size=batch_size)
    own = Own(clients={"fake": client}, scenarios={scenario.key: scenario})
    run_evaluation(config, tmp_path, own=own)
    assert sum(sizes) == 20
    assert all(batch_size <= size <= batch_size + 1 for size in sizes[:-1])


def test_a_crashed_batch_asks_each_request_once_more(make_scenario, broken, tmp_path):
    inner = FakeClient(lambda _: Completion(text="yes"))
    rows = evaluate(model=broken(inner, word="number 3"), scenarios=[make_scenario()], out=tmp_path)
    assert inner.n_requests == 7
    assert rows.filter(rows["model"] == "broken")["error"].null_count() == 7


@pytest.mark.parametrize("cost", [None, 0.25])
def test_costs_of_answers_from_the_cache_are_not_paid_again(make_scenario, tmp_path, cost):
    class Paid(FakeClient):
        def complete(self, requests):
            return [replace(result, cost_usd=cost) for result in super().complete(requests)]

    seen = []
    client = Paid(lambda _: Completion(text="yes"))
    for folder in ("predictions", None):
        evaluate(
            model=client,
            scenarios=[make_scenario()],
            date="2025-01-01",
            out=tmp_path,
            on_progress=seen.append,
        )
        if folder:
            shutil.rmtree(tmp_path / folder)
    reports = [(report.cost_usd, report.n_cached) for report in seen if report.done == report.total]
    assert reports == [(8 * (cost or 0.0), 0), (0.0, 8)]


@pytest.mark.parametrize("error", [ClientError("offline"), ValueError("odd"), MemoryError("much")], ids=repr)
def test_what_a_client_raises_is_told_in_every_row(make_scenario, tmp_path, error):
    class Down(FakeClient):
        def complete(self, _):
            raise error

    rows = evaluate(model=Down(None), scenarios=[make_scenario(n=3)], out=tmp_path)
    told = str(error) if isinstance(error, ClientError) else f"{type(error).__name__}: {error}"
    assert rows.filter(rows["model"] == "fake")["error"].to_list() == [told] * 3
