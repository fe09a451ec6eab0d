"""Evaluations whose prompts are chains: rounds, cache, resumption, shards, counting."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from longwave.clients import Completion, FakeClient
from longwave.errors import ClientError, ConfigError
from longwave.evaluation import EvaluateConfig, Own, evaluate, preview, run_evaluation
from longwave.predictions import KEY, read_side

QUESTIONS = "yes or no"  # in the instruction of the first step of a general chain for claims


class Model(FakeClient):
    """Asks back, then says yes; counts how many requests come at a time."""

    def __init__(self, answer=" Yes", fail=()):
        super().__init__(self._reply)
        self.answer, self.fail, self.sizes, self.seen = answer, fail, [], []

    def complete(self, requests):
        self.sizes.append(len(requests))
        return super().complete(requests)

    def _reply(self, request):
        self.seen.append(request.prompt)
        if any(word in request.prompt.rpartition("\n\n")[2] for word in self.fail):
            raise ClientError("down")
        is_question = request.prompt.startswith("Turn each statement")
        return Completion(text=f" {request.prompt[-40:-10]}?" if is_question else self.answer, logprob=-0.5)


def run(scenario, out, client=None, **more):
    client = client or Model()
    config = EvaluateConfig(
        **{
            "models": (client.name,),
            "scenarios": (scenario.key,),
            "date": "2025-01-01",
            "prompting": "ama",
            "votes": 3,
            **more,
        }
    )
    rows = run_evaluation(config, out, own=own(scenario, client))
    return rows.filter(pl.col("model") == client.name)


def own(scenario, client):
    return Own(clients={client.name: client}, scenarios={scenario.key: scenario})


def test_every_vote_is_a_row_of_its_own(make_scenario, tmp_path):
    rows = run(make_scenario(), tmp_path)
    assert rows["prompt"].value_counts().sort("prompt").rows() == [("ama-1", 8), ("ama-2", 8), ("ama-3", 8)]
    assert set(rows["prediction"]) == {"yes"}
    assert rows["score"].mean() == 0.5
    assert rows["error"].null_count() == 24


def test_the_row_points_to_its_last_step_and_all_steps_are_kept(make_scenario, tmp_path):
    rows = run(make_scenario(), tmp_path, votes=1)
    requests = read_side(tmp_path, "requests")
    last = rows.join(requests, on="request_hash", how="left", suffix="_sent")
    assert last["prompt_sent"].str.contains("Yes or No, or Unknown").all()
    assert len(requests) == 16
    assert rows["tokens_in"].min() > last["prompt_sent"].str.split(" ").list.len().min()


def test_steps_of_a_batch_are_asked_together_round_by_round(make_scenario, tmp_path):
    client = Model()
    run(make_scenario(), tmp_path, client, votes=1, batch_size=100)
    assert client.sizes == [8, 8]


def test_answers_of_all_steps_come_from_the_cache(make_scenario, tmp_path):
    client = Model()
    first = run(make_scenario(), tmp_path, client)
    asked = len(client.seen)
    for path in (tmp_path / "predictions").iterdir():
        path.unlink()
    again = run(make_scenario(), tmp_path, client)
    assert len(client.seen) == asked
    assert_frame_equal(first.drop("run", "latency_s").sort(KEY), again.drop("run", "latency_s").sort(KEY))


def test_more_votes_ask_only_what_is_new(make_scenario, tmp_path):
    client = Model()
    run(make_scenario(), tmp_path, client, votes=1)
    client.seen.clear()
    rows = run(make_scenario(), tmp_path, client, votes=2)
    assert len(rows) == 16
    assert not any("yes or no" in prompt for prompt in client.seen)  # the second chain asks directly


def test_a_failed_step_is_the_error_of_its_row_and_ends_its_chain(make_scenario, tmp_path):
    client = Model(fail=("number 3 of",))
    rows = run(make_scenario(), tmp_path, client, votes=1)
    assert dict(rows.filter(pl.col("error").is_not_null()).select("instance", "error").iter_rows()) == {
        "test-3": "down"
    }
    assert sum("Yes or No, or Unknown" in prompt for prompt in client.seen) == 7


def test_an_unparsable_reply_is_no_prediction_and_no_error(make_scenario, tmp_path):
    rows = run(make_scenario(), tmp_path, Model(answer="banana"), votes=1)
    assert rows["prediction"].null_count() == rows["error"].null_count() == 8
    assert rows["score"].to_list() == [0.0] * 8


@pytest.mark.parametrize("batch_size", [1, 5, 1000])
def test_batches_do_not_change_the_rows(make_scenario, tmp_path, batch_size):
    rows = run(make_scenario(), tmp_path / "a", batch_size=batch_size)
    default = run(make_scenario(), tmp_path / "b")
    assert_frame_equal(rows.drop("run"), default.drop("run"))


def test_shards_make_up_the_whole(make_scenario, tmp_path):
    scenario = make_scenario()
    for part in ("2/3", "1/3", "3/3"):
        evaluate(
            model=Model(),
            scenarios=[scenario],
            prompting="ama",
            votes=3,
            shard=part,
            out=tmp_path / "a",
            date="2025-01-01",
        )
    whole = evaluate(
        model=Model(), scenarios=[scenario], prompting="ama", votes=3, out=tmp_path / "b", date="2025-01-01"
    )
    parts = evaluate(
        model=Model(), scenarios=[scenario], prompting="ama", votes=3, out=tmp_path / "a", date="2025-01-01"
    )
    assert_frame_equal(parts.sort(KEY, nulls_last=True), whole.sort(KEY, nulls_last=True))


@pytest.mark.parametrize("stop_at", [1, 9, 17, 30])
def test_an_interrupt_between_rounds_loses_nothing(make_scenario, tmp_path, stop_at):
    class Stopping(Model):
        stopped = False

        def _reply(self, request):
            if len(self.seen) == stop_at and not self.stopped:
                self.stopped = True
                raise KeyboardInterrupt
            return super()._reply(request)

    client = Stopping()
    with pytest.raises(KeyboardInterrupt):
        run(make_scenario(), tmp_path / "cut", client, batch_size=4)
    rows = run(make_scenario(), tmp_path / "cut", client, batch_size=4)
    whole = run(make_scenario(), tmp_path / "whole")
    assert_frame_equal(rows.drop("run", "latency_s").sort(KEY), whole.drop("run", "latency_s").sort(KEY))


def test_own_prompts_and_votes_share_a_folder(make_scenario, tmp_path):
    scenario = make_scenario()
    run(scenario, tmp_path, votes=2)
    rows = run(scenario, tmp_path, prompting="own", votes=None)
    assert set(rows["prompt"]) == {"ama-1", "ama-2", "generation-5-shot"}


def test_trials_are_for_own_prompts_alone(make_scenario, tmp_path):
    assert set(run(make_scenario(), tmp_path, trials=3)["trial"]) == {0}


def test_a_file_of_chains_is_asked(make_scenario, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "task: mine\ndescription: Ask.\nexample: {label: x}\n"
        "steps: {answer: {input: 'Is it? {input}', output: 'A: {answer}'}}\n"
        "chains: [{steps: [answer], decide: [{rule: option, of: [answer]}]}]\n",
        "utf-8",
    )
    client = Model()
    rows = run(make_scenario(), tmp_path / "out", client, prompting=str(path), votes=1)
    assert client.seen[0] == "Is it? Is number 0 of test even?\nA:"
    assert set(rows["prediction"]) == {"yes"}


def test_the_oracle_knows_every_step(make_scenario, tmp_path):
    rows = evaluate(model="fake:oracle", scenarios=[make_scenario()], prompting="ama", out=tmp_path)
    assert rows.filter(pl.col("model") == "fake:oracle")["score"].to_list() == [1.0] * 40


def test_a_preview_counts_the_requests_of_all_steps(make_scenario, tmp_path):
    scenario, client = make_scenario(), Model()
    config = EvaluateConfig(
        models=("fake",), scenarios=(scenario.key,), date="2025-01-01", prompting="ama", votes=2
    )
    found = preview(config, tmp_path, own=own(scenario, client)).row(0, named=True)
    assert (found["rows"], found["rows_left"], found["requests"]) == (16, 16, 24)
    assert not client.seen
    run(scenario, tmp_path, client, votes=1)
    left = preview(config, tmp_path, own=own(scenario, client)).row(0, named=True)
    assert (left["rows"], left["rows_left"], left["requests"]) == (16, 8, 8)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"prompting": "amma"}, '"prompting" is "amma"; accepted are own, ama'),
        ({"votes": 3}, '"votes" is 3, but a scenario\'s own prompt is one'),
        ({"prompting": "ama", "votes": 0}, '"votes" is 0; it must be at least 1'),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        EvaluateConfig(models=("fake:first",), scenarios=("boolq",), **wrong)
