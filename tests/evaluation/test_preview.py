"""What would be sent is told before anything is sent."""

from __future__ import annotations

import polars as pl
import pytest

from longwave.clients import Completion, FakeClient
from longwave.clients.budget import Budget, Price
from longwave.evaluation import EvaluateConfig, Own, Shard, evaluate, preview

METHODS = ("generation", "multiple_choice_joint", "multiple_choice_separate", "language_modeling")


def ask(scenario, out, *, client=None, **more):
    client = client or FakeClient(lambda _: Completion(text="yes", logprob=-0.5))
    config = EvaluateConfig(models=(client.name,), scenarios=(scenario.key,), date="2025-01-01")
    own = Own(clients={client.name: client}, scenarios={scenario.key: scenario})
    return preview(config, out, own=own, **more)


@pytest.mark.parametrize("method", METHODS)
def test_it_counts_what_a_run_then_asks_and_sends_nothing(make_scenario, tmp_path, method):
    scenario = make_scenario(method)
    client = FakeClient(lambda _: Completion(text="yes", logprob=-0.5))
    found = ask(scenario, tmp_path / "out", client=client).row(0, named=True)
    assert client.n_requests == 0
    assert not (tmp_path / "out").exists()
    rows = evaluate(model=client, scenarios=[scenario], out=tmp_path / "out", date="2025-01-01")
    assert found["requests"] == client.n_requests
    assert found["rows"] == found["rows_left"] == 8
    asked = rows.filter(pl.col("model") == "fake")
    if method != "multiple_choice_separate":  # a row counts the prompt of an option once each
        assert found["tokens_in"] >= asked["tokens_in"].sum()


def test_rows_that_are_there_are_not_asked_again(make_scenario, tmp_path):
    client = FakeClient(lambda _: Completion(text="yes"))
    evaluate(model=client, scenarios=[make_scenario()], out=tmp_path, date="2025-01-01", max_instances=5)
    found = ask(make_scenario(), tmp_path, client=client).row(0, named=True)
    assert (found["rows"], found["rows_left"], found["requests"]) == (8, 3, 3)


def test_a_price_gives_the_highest_cost(make_scenario, tmp_path):
    client = FakeClient(lambda _: Completion(text="yes"))
    client.budget = Budget(Price(usd_in=1.0, usd_out=10.0))
    found = ask(make_scenario(), tmp_path, client=client).row(0, named=True)
    expected = (found["tokens_in"] * 1.0 + found["tokens_out_max"] * 10.0) / 1e6
    assert found["cost_usd_max"] == pytest.approx(expected)
    assert found["tokens_out_max"] == 8 * 3


def test_without_a_price_the_cost_is_unknown(make_scenario, tmp_path):
    assert ask(make_scenario(), tmp_path)["cost_usd_max"].item() is None


def test_a_shard_counts_its_part(make_scenario, tmp_path):
    assert ask(make_scenario(), tmp_path, shard=Shard.parse("1/4"))["rows"].item() == 2


def test_rows_that_cannot_be_asked_are_counted(make_scenario, own_rows, tmp_path):
    rows = own_rows(2, "test", tuple(str(n) for n in range(27)))
    found = ask(make_scenario("multiple_choice_joint", rows=rows), tmp_path).row(0, named=True)
    assert (found["n_unwritten"], found["requests"], found["first_prompt"]) == (2, 0, None)
