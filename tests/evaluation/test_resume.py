"""Evaluations that were interrupted, lost part of their folder, or share it."""

from __future__ import annotations

import sqlite3

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from longwave.clients import Completion, FakeClient
from longwave.clients.cache_file import CacheFile
from longwave.clients.replay import CACHE_NAME
from longwave.errors import ClientError, ConfigError, DataError, StorageError
from longwave.evaluation import EvaluateConfig, Own, evaluate, run_evaluation, runner, writer
from longwave.predictions import KEY, read_predictions, read_side

SIDES = ("requests", "instances", "scores")


def yes(**more):
    return FakeClient(lambda _: Completion(text="yes", logprob=-0.5), **more)


def run(scenario, out, client, **more):
    config = EvaluateConfig(
        **{
            "models": (client.name,),
            "scenarios": (scenario.key,),
            "date": "2025-01-01",
            "batch_size": 2,
            **more,
        }
    )
    return run_evaluation(
        config, out, own=Own(clients={client.name: client}, scenarios={scenario.key: scenario})
    )


def by_key(frame):
    return frame.drop("run", "latency_s").sort(KEY, nulls_last=True)


@pytest.fixture
def shards(monkeypatch):
    """Write a shard after every batch, and leave them so."""
    monkeypatch.setattr(writer, "FLUSH_ROWS", 1)
    monkeypatch.setattr(runner, "finish_run", lambda *_: None)


@pytest.mark.usefixtures("shards")
@pytest.mark.parametrize("lost", [0, 1, 2, -1])
def test_rows_of_a_lost_shard_are_written_again_and_not_asked_again(make_scenario, tmp_path, lost):
    client = yes()
    whole = run(make_scenario(), tmp_path, client)
    parts = sorted((tmp_path / "predictions").iterdir())
    assert len(parts) > 3
    parts[lost].unlink()
    assert len(read_predictions(tmp_path)) < len(whole)
    asked = client.n_requests
    assert_frame_equal(by_key(run(make_scenario(), tmp_path, client)), by_key(whole))
    assert client.n_requests == asked


@pytest.mark.usefixtures("shards")
@pytest.mark.parametrize("side", SIDES)
def test_a_half_written_shard_of_a_killed_run_is_no_shard(make_scenario, tmp_path, side):
    whole = run(make_scenario(), tmp_path, yes())
    for table in (side, "predictions"):
        first = next((tmp_path / table).glob("*.parquet"))
        (tmp_path / table / f".{first.name}.tmp").write_bytes(first.read_bytes()[:40])
    before = read_side(tmp_path, side)
    assert_frame_equal(run(make_scenario(), tmp_path, yes()), whole)
    assert_frame_equal(read_side(tmp_path, side), before)


@pytest.mark.parametrize("table", ["requests", "scores", "predictions"])
def test_an_interrupt_between_two_tables_leaves_no_row_twice(make_scenario, tmp_path, monkeypatch, table):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    append, write = writer.append_side, writer.write_predictions
    with monkeypatch.context() as patch:
        patch.setattr(writer, "write_predictions", interrupt if table == "predictions" else write)
        patch.setattr(
            writer,
            "append_side",
            lambda folder, side, frame, **more: (
                interrupt() if side == table else append(folder, side, frame, **more)
            ),
        )
        with pytest.raises(KeyboardInterrupt):
            run(make_scenario(), tmp_path / "cut", yes())
    rows = run(make_scenario(), tmp_path / "cut", yes())
    whole = run(make_scenario(), tmp_path / "whole", yes())
    assert_frame_equal(by_key(rows), by_key(whole))
    for side in SIDES:
        order = [name for name in whole.columns if name in read_side(tmp_path / "cut", side).columns]
        found, expected = (
            read_side(tmp_path / name, side).drop("settings", strict=False) for name in ("cut", "whole")
        )
        order = (
            ["request_hash"] if side == "requests" else [*order, *(["metric"] if side == "scores" else [])]
        )
        assert_frame_equal(found.sort(order, nulls_last=True), expected.sort(order, nulls_last=True))


@pytest.mark.parametrize("stop_at", range(1, 8))
def test_any_point_of_interruption_ends_in_the_same_rows(make_scenario, tmp_path, stop_at):
    asked = []

    def rule(request):
        if len(asked) == stop_at and not rule.resumed:
            raise KeyboardInterrupt
        asked.append(request)
        return Completion(text="yes", logprob=-0.5)

    rule.resumed = False
    with pytest.raises(KeyboardInterrupt):
        run(make_scenario(), tmp_path / "cut", FakeClient(rule))
    rule.resumed = True
    rows = run(make_scenario(), tmp_path / "cut", FakeClient(rule))
    assert_frame_equal(by_key(rows), by_key(run(make_scenario(), tmp_path / "whole", yes())))
    assert len(asked) - len(set(asked)) <= 1  # what was under way in the batch of two


def test_without_the_cache_only_missing_rows_are_asked(make_scenario, tmp_path):
    run(make_scenario(), tmp_path, yes(), max_instances=5)
    (tmp_path / CACHE_NAME).unlink()
    client = yes()
    assert len(run(make_scenario(), tmp_path, client).filter(pl.col("model") == "fake")) == 8
    assert client.n_requests == 3


def test_a_larger_draw_need_not_hold_the_smaller_one_but_no_row_is_lost(make_scenario, tmp_path):
    scenario = make_scenario(n=30)
    first = run(scenario, tmp_path, yes(), max_instances=4)
    both = run(scenario, tmp_path, yes(), max_instances=6)
    assert set(first["instance"]) <= set(both["instance"])
    assert both.select(KEY).is_unique().all()


def test_a_failed_row_counts_as_done(make_scenario, tmp_path):
    evaluate(model="fake:fail-every=2", scenarios=[make_scenario(n=20)], out=tmp_path)
    before = read_predictions(tmp_path)
    rows = evaluate(model="fake:fail-every=2", scenarios=[make_scenario(n=20)], out=tmp_path)
    assert before["error"].is_not_null().any()
    assert_frame_equal(rows, before)


def test_failed_rows_are_asked_again_when_that_is_wanted(make_scenario, tmp_path):
    client = FakeClient(lambda _: (_ for _ in ()).throw(ClientError("down")), name="m")
    assert evaluate(model=client, scenarios=[make_scenario()], out=tmp_path)["error"].null_count() == 16
    client.rule = lambda _: Completion(text="yes")
    kept = evaluate(model=client, scenarios=[make_scenario()], out=tmp_path)
    assert kept["error"].null_count() == 16
    again = evaluate(model=client, scenarios=[make_scenario()], out=tmp_path, retry_failed=True)
    assert again["error"].null_count() == len(again) == 24


def test_several_workers_do_not_retry(tmp_path):
    with pytest.raises(ConfigError, match="asked again by one process"):
        evaluate(model="fake:first", scenarios=["boolq"], out=tmp_path, retry_failed=True, workers=2)


def test_a_full_disk_ends_the_run_and_no_row_takes_the_blame(make_scenario, tmp_path, monkeypatch):
    put = CacheFile.put

    def full(self, results, texts):
        if results:
            with self._guard():
                raise sqlite3.OperationalError("database or disk is full")
        put(self, results, texts)

    with monkeypatch.context() as patch:
        patch.setattr(CacheFile, "put", full)
        with pytest.raises(StorageError, match="Free some space"):
            run(make_scenario(), tmp_path, yes())
    assert read_predictions(tmp_path)["error"].is_null().all()
    rows = run(make_scenario(), tmp_path, yes()).filter(pl.col("model") == "fake")
    assert (len(rows), rows["error"].null_count()) == (8, 8)


@pytest.mark.parametrize(
    ("statement", "max_length"),
    [("UPDATE results SET value = '{'", None), ("UPDATE texts SET value = 'x'", 500)],
    ids=["answers", "counts"],
)
def test_a_damaged_cache_ends_the_run_and_deleting_it_helps(make_scenario, tmp_path, statement, max_length):
    client = yes(max_length=max_length)
    run(make_scenario(), tmp_path, client, max_instances=5)
    for part in (tmp_path / "predictions").iterdir():
        part.unlink()
    with sqlite3.connect(tmp_path / CACHE_NAME) as connection:
        connection.execute(statement)
    connection.close()
    with pytest.raises(DataError, match="Delete the file and run again"):
        run(make_scenario(), tmp_path, client)
    (tmp_path / CACHE_NAME).unlink()
    rows = run(make_scenario(), tmp_path, client).filter(pl.col("model") == "fake")
    assert (len(rows), rows["error"].null_count()) == (8, 8)


def test_a_client_of_ones_own_may_raise_anything(make_scenario, tmp_path, broken):
    class Odd(broken):
        def complete(self, _):
            raise DataError("its own file is damaged")

    rows = run(make_scenario(n=2), tmp_path, Odd(yes(), word=""))
    assert rows.filter(pl.col("model") == "broken")["error"].to_list() == ["its own file is damaged"] * 2


@pytest.mark.parametrize("method", ["generation", "multiple_choice_separate", "language_modeling"])
def test_the_order_of_models_and_scenarios_changes_no_row(make_scenario, tmp_path, method):
    scenarios = [make_scenario(method, name=name) for name in ("one", "other")]
    models = ["fake:first", "fake:random"]
    asked = {"date": "2025-01-01", "trials": 2, "perturbations": ["lowercase"]}
    there = evaluate(models=models, scenarios=scenarios, out=tmp_path / "there", **asked)
    back = evaluate(models=models[::-1], scenarios=scenarios[::-1], out=tmp_path / "back", **asked)
    assert_frame_equal(by_key(there), by_key(back))


def test_a_dead_shard_of_another_program_is_named(make_scenario, tmp_path):
    run(make_scenario(), tmp_path, yes())
    next((tmp_path / "predictions").iterdir()).write_bytes(b"PAR1 nothing else")
    with pytest.raises(ValueError, match="part-"):
        run(make_scenario(), tmp_path, yes())
