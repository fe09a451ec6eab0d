"""What a folder remembers of its evaluations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from longwave.clients import Completion, FakeClient
from longwave.config import read_run_record
from longwave.errors import ConfigError
from longwave.evaluation import EvaluateConfig, evaluate
from longwave.evaluation.records import with_date
from longwave.scenarios import Official, SourceFile


def test_official_rows_stand_in_for_the_sample(make_scenario, own_rows, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "cache/longwave/scenarios/parity@1").mkdir(parents=True)
    (tmp_path / "cache/longwave/scenarios/parity@1/rows.txt").write_text("3")
    official = Official(
        files=(SourceFile(url="https://example.org/rows.txt", name="rows.txt"),),
        parse=lambda folder: own_rows(int((folder / "rows.txt").read_text()), "test"),
    )
    scenario = make_scenario(official=official)
    client = FakeClient(lambda _: Completion(text="yes"))
    rows = evaluate(model=client, scenarios=[scenario], out=tmp_path / "full", official=True)
    assert len(rows.filter(rows["model"] == "fake")) == 3
    assert read_run_record(tmp_path / "full").config["official"] is True


@pytest.mark.parametrize("first", [True, False], ids=["official-first", "bundled-first"])
def test_official_and_bundled_rows_are_not_mixed(make_scenario, tmp_path, first):
    client = FakeClient(lambda _: Completion(text="yes"))
    scenario = make_scenario()
    evaluate(model=client, scenarios=[scenario], out=tmp_path, official=first)
    with pytest.raises(ConfigError, match="whose ids may be the same"):
        evaluate(model=client, scenarios=[scenario], out=tmp_path, official=not first)


def test_the_date_is_that_of_the_latest_evaluation(make_scenario, tmp_path):
    client = FakeClient(lambda _: Completion(text="yes"))
    for date in ("2025-03-01", "2025-01-01"):
        evaluate(model=client, scenarios=[make_scenario()], out=tmp_path, date=date)
    asked = EvaluateConfig(models=("fake",), scenarios=("parity",))
    assert with_date(asked, tmp_path).date == "2025-03-01"
    assert with_date(replace(asked, date="2024-01-01"), tmp_path).date == "2024-01-01"
