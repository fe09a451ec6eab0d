"""Programs as answers: the estimate of pass@k, the two kinds of tests, and the published solutions."""

from __future__ import annotations

import gzip
import json
from fractions import Fraction
from importlib.resources import files
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients.base import Completion
from longwave.errors import ConfigError, DataError
from longwave.metrics import Answer, get_metric, pass_at_k, run_function_tests, run_input_tests
from longwave.metrics import code as code_module
from longwave.metrics.code import is_same_output
from longwave.sandbox import missing_walls
from longwave.scenarios.base import CORRECT, Instance, Reference


@pytest.fixture(autouse=True)
def forgotten():
    """Let no test live on the results of another."""
    code_module._passes.cache_clear()
    code_module._passed.cache_clear()


@pytest.fixture
def walls():
    if missing_walls():
        pytest.skip(missing_walls())


@pytest.mark.parametrize("n", [1, 2, 5, 7])
def test_pass_at_k_is_the_share_of_draws_with_a_right_one(n):
    for correct in range(n + 1):
        for k in range(1, n + 1):
            draws = list(combinations([True] * correct + [False] * (n - correct), k))
            want = Fraction(sum(map(any, draws)), len(draws))
            assert pass_at_k(n, correct, k) == pytest.approx(float(want), abs=1e-15)


@given(st.integers(1, 300), st.data())
def test_pass_at_k_grows_with_k_and_with_right_programs(n, data):
    correct, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    value = pass_at_k(n, correct, k)
    assert 0 <= value <= 1
    assert k == n or value <= pass_at_k(n, correct, k + 1)
    assert correct == n or value <= pass_at_k(n, correct + 1, k)
    assert pass_at_k(n, correct, 1) == pytest.approx(correct / n)


def test_pass_at_k_of_many_programs_does_not_overflow():
    assert pass_at_k(10_000, 1, 5_000) == pytest.approx(0.5)


@pytest.mark.parametrize(("n", "correct", "k"), [(0, 0, 1), (3, 4, 1), (3, -1, 1), (3, 1, 0), (3, 1, 4)])
def test_numbers_that_mean_nothing_are_refused(n, correct, k):
    with pytest.raises(ConfigError, match="accepted are 1 <= k <= n and 0 <= correct <= n"):
        pass_at_k(n, correct, k)


@pytest.mark.parametrize(
    ("got", "wanted", "same"),
    [
        ("1 2\n", "1 2", True),
        ("1  2 \n\n", "1 2\n", True),
        ("1\n2", "1 2", False),
        ("2\n1", "1\n2", False),
        ("0.333333", "0.3333333333", True),
        ("1e0", "1.0", True),
        ("1", "1.0", True),
        ("1.1", "1.0", False),
        ("1000000007", "1000000008", False),
        ("yes", "YES", False),
        ("nan", "1.0", False),
        ("inf", "1.0", False),
        ("", "", True),
        ("", "0", False),
        ("  1", "1", True),
    ],
)
def test_is_same_output(got, wanted, same):
    assert is_same_output(got, wanted) is same


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize(
    ("program", "want"),
    [
        ("print(int(input()) * 2)", [True, True]),
        ("print(2)", [True, False]),
        ("print(2); raise SystemExit(1)", [False, False]),
        ("def f(:", [False, False]),
    ],
    ids=["right", "half", "failed", "syntax"],
)
def test_programs_are_tested_by_what_they_print(program, want):
    assert run_input_tests(program, ["1\n", ["3"]], ["2\n", ["6"]]) == want


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize(
    ("program", "want"),
    [
        ("def pair(a, b): return (a, [b])", [True, True]),
        ("class Solution:\n    def pair(self, a, b): return [a, (b,)]", [True, True]),
        ("def pair(a, b): return [1, [2]]", [True, False]),
        ("def other(a, b): return [a, [b]]", [False, False]),
    ],
    ids=["function", "method", "half", "missing"],
)
def test_functions_are_tested_by_what_they_return(program, want):
    found = run_input_tests(program, [[1, 2], [3, 4]], [[1, [2]], [[3, [4]]]], function="pair")
    assert found == want


@pytest.mark.usefixtures("walls")
def test_a_single_argument_and_a_dict_are_values_too():
    program = "def f(x): return {1: x}"
    assert run_input_tests(program, [7], [{"1": 7}], function="f") == [True]


def test_tests_come_in_pairs():
    with pytest.raises(DataError, match="2 inputs but 1 outputs"):
        run_input_tests("", ["1", "2"], ["1"])


def test_tests_are_values_of_json():
    with pytest.raises(DataError, match="A test is no value of JSON"):
        run_input_tests("", [object()], ["1"])


def test_no_tests_have_no_results():
    assert run_input_tests("print(1)", [], []) == []


def _answer(instance, *written, prediction=None):
    return Answer(
        instance=instance, prediction=prediction, completions=tuple(Completion(text=text) for text in written)
    )


def _instance(input="", **extra):
    return Instance(id="odd", input=input, references=(), split="test", extra=extra)


DOUBLE = _instance(
    "def double(x):\n", entry_point="double", test="def check(candidate):\n    assert candidate(2) == 4"
)
SUM = _instance(inputs=["1 2\n", "3 4\n"], outputs=["3\n", "7\n"])


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize(
    ("answer", "want"),
    [
        (_answer(DOUBLE, "    return 2 * x"), 1),
        (_answer(DOUBLE, "    return 3 * x"), 0),
        (_answer(DOUBLE, "return 2 * x"), 0),
        (_answer(DOUBLE, "    return 2 * x", "    return x"), 0.5),
        (_answer(DOUBLE, prediction="    return 2 * x"), 1),
        (_answer(DOUBLE), 0),
    ],
    ids=["right", "wrong", "indent", "two", "prediction", "none"],
)
def test_pass_at_1(answer, want):
    assert get_metric("pass_at_1").measure(answer) == want


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize(
    ("written", "average", "strict"),
    [
        (["print(sum(map(int, input().split())))"], 1, 1),
        (["print(3)"], 0.5, 0),
        (["print(3)", "print(sum(map(int, input().split())))"], 0.75, 0.5),
        ([""], 0, 0),
        ([], 0, 0),
    ],
    ids=["right", "half", "two", "empty", "none"],
)
def test_share_of_tests(written, average, strict):
    assert get_metric("test_avg").measure(_answer(SUM, *written)) == average
    assert get_metric("strict_acc").measure(_answer(SUM, *written)) == strict


def test_instance_with_empty_tests_has_no_value():
    assert get_metric("test_avg").measure(_answer(_instance(inputs=[], outputs=[]), "print(1)")) is None


@pytest.mark.parametrize("name", ["pass_at_1", "test_avg", "strict_acc"])
def test_instance_without_tests_is_named(name):
    with pytest.raises(DataError, match='Instance "odd" holds no'):
        get_metric(name).measure(_answer(_instance(), "print(1)"))


def test_two_metrics_of_one_answer_run_its_tests_once(monkeypatch):
    runs = []
    monkeypatch.setattr(code_module, "_prints", lambda *test: runs.append(test[1]) or True)
    answer = _answer(SUM, "print(7)")
    assert [get_metric(name).measure(answer) for name in ("test_avg", "strict_acc")] == [1, 1]
    assert runs == ["1 2\n", "3 4\n"]


@pytest.mark.usefixtures("walls")
def test_slow_program_fails_its_tests_and_no_more():
    tests = "def check(candidate):\n    candidate()"
    assert not run_function_tests("def f():\n    while True: pass", tests, function="f", timeout_s=0.3)


def _humaneval():
    path = files("longwave").joinpath("samples", "scenarios", "code_humaneval.jsonl.gz")
    if not path.is_file():
        pytest.skip("the sample of HumanEval is not bundled")
    with path.open("rb") as file, gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _solved(row, solution):
    references = tuple(Reference(text=r["text"], tags=(CORRECT,)) for r in row["references"])
    instance = Instance(
        id=row["id"], input=row["input"], references=references, split="test", extra=row["extra"]
    )
    return get_metric("pass_at_1").measure(_answer(instance, solution))


@pytest.mark.usefixtures("walls")
@pytest.mark.parametrize("index", [0, 32, 33, 38])
def test_published_solution_passes(index):
    row = _humaneval()[index]
    assert _solved(row, row["references"][0]["text"]) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("walls")
def test_all_published_solutions_pass():
    rows = _humaneval()
    assert len(rows) == 164
    failed = [row["id"] for row in rows if _solved(row, row["references"][0]["text"]) != 1]
    assert failed == []


@pytest.mark.slow
@pytest.mark.usefixtures("walls")
def test_no_empty_solution_passes():
    assert [row["id"] for row in _humaneval() if _solved(row, "    pass\n") != 0] == []
