"""With every socket blocked, all that ships with the package runs: scenarios, edits, metrics, families."""

from __future__ import annotations

import socket

import polars as pl
import pytest

from longwave import registry
from longwave.evaluation import evaluate, get_suite, read_tables, summarize_families
from longwave.metrics import open_classifier, score_toxicity
from longwave.scenarios import get_scenario, list_scenarios


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network was used")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_the_bundled_suite_holds_every_scenario_that_needs_no_network():
    offline = {entry.name for entry in list_scenarios() if get_scenario(entry.name).is_offline}
    probes = {name for name in offline if name.startswith("synthetic_efficiency_")}
    assert set(get_suite("bundled").scenarios) == offline - probes


@pytest.mark.slow
def test_every_bundled_scenario_runs_under_every_edit_and_gives_all_families(tmp_path):
    edits = sorted(registry.entries("perturbations"))
    rows = evaluate(
        models=["fake:random", "fake:oracle"],
        suite="bundled",
        perturbations=edits,
        max_instances=3,
        out=tmp_path,
    )
    answered = rows.filter(~pl.col("model").str.starts_with("floor:"))
    assert answered["error"].is_null().all()
    assert set(answered["scenario"]) == set(get_suite("bundled").scenarios)
    assert score_toxicity(tmp_path, open_classifier("lexicon")) > 0
    families = summarize_families(read_tables(tmp_path))
    assert set(families["family"]) == {
        "accuracy", "calibration", "robustness", "fairness", "bias", "toxicity", "efficiency"
    }  # fmt: skip
    accuracy = families.filter(family="accuracy", model="fake:oracle")
    shares = accuracy.filter(pl.col("metric").str.contains("match|math|f1"))
    assert (shares["value"] >= 0.99).all()
