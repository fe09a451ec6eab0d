"""A tiny run of benchmarks/harness_overhead without other harnesses, its questions and its comparison."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "harness_overhead"


@pytest.fixture(scope="module")
def load(monkeypatch_module: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Return a function that imports a file of the benchmark; they import one another by bare names."""
    monkeypatch_module.syspath_prepend(str(FOLDER))

    def load_file(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        monkeypatch_module.setitem(sys.modules, name, module)  # dataclasses look their module up
        spec.loader.exec_module(module)
        return module

    for name in ("questions", "harnesses", "installs", "processes"):
        load_file(name)
    return load_file


@pytest.fixture(scope="module")
def monkeypatch_module() -> pytest.MonkeyPatch:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def test_questions_are_the_same_for_a_seed_and_differ_between_seeds(load: Callable) -> None:
    questions = load("questions")
    assert questions.make_questions(5, seed=3) == questions.make_questions(5, seed=3)
    assert questions.make_questions(5, seed=3) != questions.make_questions(5, seed=4)


def test_questions_have_four_different_words_of_which_the_right_one_is_hidden(load: Callable) -> None:
    made = load("questions").make_questions(200)
    assert {len(set(question.choices)) for question in made} == {4}
    assert {question.answer for question in made} == {0, 1, 2, 3}
    assert all("____" in question.text.split() for question in made)


def test_each_harness_gets_the_same_questions(load: Callable, tmp_path: Path) -> None:
    questions = load("questions")
    questions.write_questions(tmp_path, questions.make_questions(3))
    own = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text("utf-8").splitlines()]
    others = [json.loads(line) for line in (tmp_path / "questions.jsonl").read_text("utf-8").splitlines()]
    assert [row["input"] for row in own] == [row["question"] for row in others]
    assert [[item["text"] for item in row["references"]] for row in own] == [row["choices"] for row in others]
    right = [next(i for i, item in enumerate(row["references"]) if "tags" in item) for row in own]
    assert right == [row["answer"] for row in others]
    assert str(tmp_path / "questions.jsonl") in (tmp_path / "tasks" / "gaps.yaml").read_text("utf-8")


def test_a_failed_harness_is_told_with_its_last_words(load: Callable, tmp_path: Path) -> None:
    processes = load("processes")
    command = [sys.executable, "-c", "import sys; sys.exit('no such model')"]
    with pytest.raises(RuntimeError, match="ended with 1: no such model"):
        processes.run(command, tmp_path, env={}, log=tmp_path / "log.txt")


def test_a_run_that_answers_too_little_is_refused(load: Callable, tmp_path: Path) -> None:
    harness = load("harnesses").Harness(
        name="idle",
        package="idle",
        python=Path(sys.executable),
        script="idle",
        words=(Path(sys.executable).name, "-c", "print('answered 3')"),
        results=(),
        cache=(),
        count_answers=load("harnesses").count_told,
    )
    start = load("run").start
    assert start(harness, tmp_path, 3).seconds > 0
    with pytest.raises(RuntimeError, match="idle answered 3 of 4 questions"):
        start(harness, tmp_path, 4)


def test_choices_are_compared_by_three_scores(load: Callable) -> None:
    load("run")
    parity, questions = load("parity"), load("questions")
    asked = [questions.Question(text="?", choices=("ab", "abcd"), answer=1)]
    ours, tokens = np.array([[-2.0, -3.0]]), np.array([[1, 2]])
    found = parity.compare(ours, ours - 0.25, tokens, ["abcd"], asked)
    assert {name: row["accuracy_ours"] for name, row in found["choices"].items()} == {
        "sum": 0.0,
        "over characters": 1.0,
        "over tokens": 1.0,
    }
    assert [row["same_choice"] for row in found["choices"].values()] == [1, 1, 1]
    assert found["largest_difference"] == 0.25


@pytest.mark.slow
def test_record_holds_every_case_and_where_it_was_made(tmp_path: Path) -> None:
    words = ("--sizes", "4", "--repeats", "1", "--out", str(tmp_path / "cpu.json"), "--json")
    ran = subprocess.run(
        [sys.executable, str(FOLDER / "run.py"), *words], capture_output=True, text=True, check=True
    )
    found = json.loads(ran.stdout)
    assert found == json.loads((tmp_path / "cpu.json").read_text("utf-8"))
    own = found["harnesses"]["longwave"]
    assert set(own["cases"]) == {"fresh", "cached", "again", "help"}
    assert {"numpy", "polars", "pip"} & set(own["install"]["mb_of"]) == set()
    assert own["install"]["packages"] == len(own["install"]["mb_of"]) > 9
    assert {"machine", "commit", "date", "repeats"} < set(found)
    assert min(own["result_bytes"], own["cache_bytes"], own["second_model_bytes"], own["per_s"]) > 0


def test_an_unknown_peer_is_refused(tmp_path: Path) -> None:
    words = ("--peers", "other=/nowhere", "--out", str(tmp_path))
    ran = subprocess.run([sys.executable, str(FOLDER / "run.py"), *words], capture_output=True, text=True)
    assert ran.returncode == 2
    assert "NAME of inspect, lm-eval, crfm-helm" in ran.stderr
