"""One tiny run of benchmarks/serving, and what it makes of its figures."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

RUN = Path(__file__).parents[2] / "benchmarks" / "serving" / "run.py"


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_serving", RUN)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded  # dataclasses look their module up
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.slow
def test_record_holds_every_contender_and_where_it_was_made(tmp_path: Path) -> None:
    words = (
        "--quick",
        "--repeats",
        "1",
        "--batches",
        "1",
        "4",
        "--out",
        str(tmp_path / "cpu.json"),
        "--json",
    )
    ran = subprocess.run([sys.executable, str(RUN), *words], capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    assert ran.stdout == (tmp_path / "cpu.json").read_text("utf-8")
    names = [entry["contender"] for entry in found["entries"]]
    assert names == ["one after the other", "engine, batch 1", "engine, batch 4"]
    assert {entry["texts_that_differ"] for entry in found["entries"]} == {0}
    assert {"machine", "commit", "date"} < set(found)


def test_requests_are_the_same_in_every_run_and_within_their_ranges(module: ModuleType) -> None:
    requests = module.make_requests(module.QUICK, 30)
    assert requests == module.make_requests(module.QUICK, 30)
    assert {len(request.ids) for request in requests} <= set(range(4, 33))
    assert {request.max_new_tokens for request in requests} <= set(range(4, 17))


def test_summary_is_a_median_and_counts_texts_that_differ(module: ModuleType) -> None:
    runs = [
        module.Measured(seconds, 1.0, [0.5], [seconds], [0.25], [[1, 2], [3, own]])
        for seconds, own in ((1.0, 4), (4.0, 4), (2.0, 5))
    ]
    found = module.summary(runs, [[1, 2], [3, 4]])
    assert (found["tokens_per_s"], found["tokens_per_s_range"]) == (2.0, [1.0, 4.0])
    assert (found["last_token_s"], found["longest_gap_s"], found["texts_that_differ"]) == (2.0, 0.25, 1)


def test_claims_are_ratios_to_one_after_the_other(module: ModuleType) -> None:
    entries = [
        {"model": "hyena", "contender": module.IN_TURN, "tokens_per_s": 10.0, "tokens_per_cpu_s": 20.0},
        {"model": "hyena", "contender": "engine, batch 8", "tokens_per_s": 30.0, "tokens_per_cpu_s": 50.0},
    ]
    assert module.claims(entries) == {
        "hyena: engine, batch 8, tokens_per_s": 3.0,
        "hyena: engine, batch 8, tokens_per_cpu_s": 2.5,
    }
