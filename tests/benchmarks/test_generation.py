"""One tiny run of benchmarks/generation, and the list of what a GPU would measure."""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

RUN = Path(__file__).parents[2] / "benchmarks" / "generation" / "run.py"


@pytest.fixture(scope="module")
def module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_generation", RUN)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded  # dataclasses look their module up
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.slow
def test_record_holds_every_mode_and_where_it_was_made(tmp_path: Path) -> None:
    words = ("--lengths", "9", "17", "--repeats", "1", "--out", str(tmp_path / "cpu.json"), "--json")
    ran = subprocess.run([sys.executable, str(RUN), *words], capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    assert ran.stdout == (tmp_path / "cpu.json").read_text("utf-8")
    modes = {(entry["mode"], entry["length"]) for entry in found["entries"]}
    assert modes == {(mode, length) for mode in ("lazy", "epoched", "relaxed", "auto") for length in (9, 17)}
    assert {"machine", "commit", "date"} < set(found)


def test_claims_are_ratios_of_what_was_measured(module: ModuleType) -> None:
    entries = [
        {"model": "hyena", "mode": "relaxed", "length": 8192, "seconds": 2.0, "cpu_s": 1.0},
        {"model": "hyena", "mode": "relaxed", "length": 32768, "seconds": 9.0, "cpu_s": 5.0},
        {"model": "hyena", "mode": "lazy", "length": 32768, "error": "over budget"},
    ]
    assert module.claims(entries) == {
        "relaxed: seconds at 32768 over 8192": 4.5,
        "relaxed: cpu_s at 32768 over 8192": 5.0,
    }


def test_rates_are_compared_at_equal_prompts(module: ModuleType) -> None:
    case = {"mode": "auto", "prompt": 512, "batch": 4, "graphs": True}
    slow = {"model": "transformer", "tokens_per_s": 100.0, "decode_tokens_per_s": 200.0, "step_ms": 6.0}
    fast = {"model": "hybrid-h3", "tokens_per_s": 150.0, "decode_tokens_per_s": 400.0, "step_ms": 2.0}
    eager = slow | {"graphs": False, "tokens_per_s": 1.0}
    assert module.claims([case | slow, case | fast, case | eager]) == {
        "hybrid-h3 over transformer at 512, in all": 1.5,
        "hybrid-h3 over transformer at 512, decoding": 2.0,
        "hybrid-h3 over transformer at 512, a step": 3.0,
    }


def test_the_gpu_measures_every_prompt_with_both_models_and_hyena_in_two_modes(module: ModuleType) -> None:
    names = ["hybrid-h3", "transformer", "hyena"]
    options = argparse.Namespace(quick=False, prompts=(512, 32768), models=names, batch=64, hyena_new=1024)
    found = [(case.name, case.mode, case.prompt, case.new) for case in module.gpu_cases(options)]
    assert found == [
        ("transformer", "auto", 512, 128),
        ("hybrid-h3", "auto", 512, 128),
        ("hyena", "relaxed", 31744, 1024),
        ("hyena", "lazy", 31744, 1024),
        ("transformer", "auto", 32768, 128),
        ("hybrid-h3", "auto", 32768, 128),
    ]
