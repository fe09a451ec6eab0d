from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from longwave.errors import BudgetExceeded, ConfigError, DataError, TableError
from longwave.monitoring.probing import FAILED, ProbeConfig, StopRule, probe

N = 400
BASELINE = pl.DataFrame(
    {
        "instance": [f"i{row}" for row in range(N)],
        "label": ["yes", "no"] * (N // 2),
        "prediction": ["yes", "no", "no", "no"] * (N // 4),
    }
)


class Model:
    """Says yes to everything, and counts."""

    def __init__(self, dies_after: int | None = None, error: type[Exception] = RuntimeError) -> None:
        self.asked: list[str] = []
        self.dies_after = dies_after
        self.error = error

    def __call__(self, rows: pl.DataFrame) -> list[str]:
        if self.dies_after is not None and len(self.asked) >= self.dies_after:
            raise self.error("no more")
        self.asked += rows["instance"].to_list()
        return ["yes"] * len(rows)


def test_a_model_is_asked_about_chosen_rows():
    model = Model()
    told = []
    found = probe(model, BASELINE, budget=80, on_progress=lambda *words: told.append(words))
    assert len(set(model.asked)) == len(model.asked) == found.n_calls == 80
    assert found.answers["instance"].to_list() == model.asked
    assert found.answers["new_prediction"].unique().to_list() == ["yes"]
    assert found.stopped == "all 80 calls are spent"
    assert found.estimate.delta.low <= -0.25 <= found.estimate.delta.high
    assert told[-1][:2] == (80, 80)
    assert "points" in told[-1][2]


def test_a_probe_of_everything_knows_everything():
    found = probe(Model(), BASELINE, budget=10_000)
    assert found.stopped == "every row was asked"
    assert found.estimate.delta.estimate == pytest.approx(-0.25)
    assert found.estimate.delta.low == pytest.approx(found.estimate.delta.high)


def test_codes_of_an_archive_will_do():
    archive = BASELINE.select(
        (pl.col("label") == "yes").cast(pl.Int16).alias("true_label"),
        (pl.col("prediction") == "yes").cast(pl.Int16).alias("predicted_label"),
    )
    found = probe(lambda rows: [1] * len(rows), archive, budget=40)
    assert found.answers.schema["new_prediction"] == pl.Int16


def test_a_rule_ends_a_probe_early():
    found = probe(Model(), BASELINE, budget=300, stop=StopRule(drop_pp=5))
    assert found.stopped == "accuracy fell by more than 5 points"
    assert found.n_calls < 200


def test_a_killed_probe_pays_for_no_answer_twice(tmp_path):
    state = tmp_path / "probe.json"
    first = Model(dies_after=50)
    with pytest.raises(RuntimeError, match="no more"):
        probe(first, BASELINE, budget=100, state=state)
    second = Model()
    found = probe(second, BASELINE, budget=100, state=state)
    assert len({*first.asked, *second.asked}) == 100
    assert not set(first.asked) & set(second.asked)
    assert found.n_calls == 100
    whole = probe(Model(), BASELINE, budget=100)
    np.testing.assert_allclose(found.estimate.shift, whole.estimate.shift)


def test_a_finished_probe_goes_on_with_a_larger_budget(tmp_path):
    state = tmp_path / "probe.json"
    probe(Model(), BASELINE, budget=50, state=state)
    more = Model()
    assert probe(more, BASELINE, budget=75, state=state).n_calls == 75
    assert len(more.asked) == 25
    none = Model()
    assert probe(none, BASELINE, budget=60, state=state).n_calls == 75
    assert none.asked == []


def test_a_spent_purse_ends_a_probe_with_what_is_known(tmp_path):
    state = tmp_path / "probe.json"
    found = probe(Model(dies_after=50, error=BudgetExceeded), BASELINE, budget=100, state=state)
    assert found.stopped == "no more"
    assert len(found.answers) == 50
    assert len(json.loads(state.read_text("utf-8"))["pending"]) == 25


def test_a_purse_that_was_empty_from_the_start_is_an_error():
    with pytest.raises(BudgetExceeded):
        probe(Model(dies_after=0, error=BudgetExceeded), BASELINE, budget=100)


def test_failed_calls_are_counted():
    found = probe(lambda rows: [FAILED, *["no"] * (len(rows) - 1)], BASELINE, budget=50)
    assert (found.n_calls, found.n_failed, len(found.answers)) == (50, 2, 48)


def test_nothing_but_failures_is_an_error():
    with pytest.raises(DataError, match="All 50 calls of the probe failed"):
        probe(lambda rows: [FAILED] * len(rows), BASELINE, budget=50)


def test_a_state_of_other_settings_is_refused(tmp_path):
    state = tmp_path / "probe.json"
    probe(Model(), BASELINE, budget=50, state=state)
    with pytest.raises(ConfigError, match="begun with other settings"):
        probe(Model(), BASELINE, budget=50, state=state, config=ProbeConfig(seed=1))


def test_a_baseline_without_its_columns_is_refused():
    with pytest.raises(TableError, match="label and prediction"):
        probe(Model(), BASELINE.drop("label"), budget=50)


def test_a_batch_has_a_row_at_least():
    with pytest.raises(ConfigError, match='"batch_size" is 0'):
        probe(Model(), BASELINE, batch_size=0)
