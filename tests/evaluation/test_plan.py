"""The plan: every row once, in order, and parts that make up the whole."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients import FakeClient
from longwave.errors import ConfigError
from longwave.evaluation import EvaluateConfig, Shard, select_instances
from longwave.evaluation.plan import WHOLE, Done, count_tasks, plan_tasks
from longwave.perturbations import get_perturbation
from longwave.predictions import KEY, SCHEMA, write_predictions

CLIENT = FakeClient(lambda _: None)


@pytest.fixture
def config():
    return EvaluateConfig(models=("fake",), scenarios=("parity",), trials=2, date="2025-01-01")


@pytest.fixture
def selections(make_scenario):
    lower = [get_perturbation("lowercase")]
    return {
        scenario.key: select_instances(scenario, perturbations=lower)
        for scenario in (make_scenario(), make_scenario("multiple_choice_separate", name="other", n=3))
    }


@given(total=st.integers(0, 400), count=st.integers(1, 50))
def test_parts_make_up_the_whole_in_order(total, count):
    parts = [Shard(index=index, count=count).bounds(total) for index in range(1, count + 1)]
    assert [place for part in parts for place in part] == list(range(total))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b", "1/0", "-1/2", "1.5/2", ""])
def test_a_shard_that_is_none_is_refused(text):
    with pytest.raises(ConfigError, match=r"The shard is .*; write i/n"):
        Shard.parse(text)


def test_a_shard_is_written_as_it_is_read():
    assert str(Shard.parse(" 2/8 ")) == "2/8"
    assert [Shard.parse("1/8").is_first, Shard.parse("2/8").is_first] == [True, False]
    assert Shard.parse("3/4").start == 0.5


def test_every_row_is_planned_once_with_all_of_its_key(config, selections):
    tasks = list(plan_tasks(CLIENT, config, selections))
    assert len(tasks) == count_tasks(config, selections) == 2 * 16 + 6
    assert all(tuple(task.key) == KEY for task in tasks)
    assert len({tuple(task.key.values()) for task in tasks}) == len(tasks)
    assert {task.key["trial"] for task in tasks if task.scenario.name == "other"} == {0}


@pytest.mark.parametrize("count", [1, 2, 5, 100])
def test_shards_plan_what_the_whole_plans_in_its_order(config, selections, count):
    parts = [Shard(index=index, count=count) for index in range(1, count + 1)]
    keys = [task.key for part in parts for task in plan_tasks(CLIENT, config, selections, shard=part)]
    assert keys == [task.key for task in plan_tasks(CLIENT, config, selections, shard=WHOLE)]
    assert sum(count_tasks(config, selections, shard=part) for part in parts) == len(keys)


def test_done_rows_are_found_by_the_rest_of_their_key(config, selections, tmp_path):
    task = next(plan_tasks(CLIENT, config, selections))
    assert Done(tmp_path).of(task.key) == set()
    write_predictions(tmp_path, _frame([task.key]))
    assert Done(tmp_path).of(task.key) == {("test-0", None, 0)}
    assert Done(tmp_path).of({**task.key, "date": "2025-01-02"}) == set()


def _frame(keys):
    return pl.DataFrame(keys, schema_overrides={name: SCHEMA[name] for name in KEY})
