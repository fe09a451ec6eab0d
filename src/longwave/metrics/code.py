"""Programs as answers: do they pass their tests? They run locked in, see `longwave.sandbox`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from longwave.errors import ConfigError, DataError
from longwave.metrics.base import Answer, AnswerMetric
from longwave.sandbox import check_python, run_python
from longwave.scenarios.base import Instance

__all__ = ["pass_at_k", "run_function_tests", "run_input_tests"]

TIMEOUT_S = 3.0
_KEPT = 256  # programs whose results are kept: two metrics of one answer run its tests once
_INTEGER = re.compile(r"[+-]?\d+")


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Estimate the chance that at least one of k programs passes, from n that were tried.

    Parameters
    ----------
    n : int
        Programs tried, at least 1.
    correct : int
        Those that passed, ``0..n``.
    k : int
        ``1..n``.

    Raises
    ------
    ConfigError
        If the numbers do not fit together.

    Notes
    -----
    ``1 - C(n - c, k) / C(n, k)``, in whole numbers until the last division; without bias, unlike
    ``1 - (1 - c/n)^k``.

    References
    ----------
    Eq. 1 of arXiv 2107.03374.

    Examples
    --------
    >>> pass_at_k(5, 2, 1), pass_at_k(5, 2, 4)
    (0.4, 1.0)
    """
    if not (0 <= correct <= n and 1 <= k <= n):
        raise ConfigError(
            f"pass@{k} of {n} programs, {correct} of them right, means nothing; accepted are 1 <= k <= n and "
            "0 <= correct <= n. Sample more programs or ask for a smaller k."
        )
    return (math.comb(n, k) - math.comb(n - correct, k)) / math.comb(n, k)


def run_function_tests(
    program: str, tests: str, *, function: str, setup: str = "", timeout_s: float = TIMEOUT_S
) -> bool:
    """Tell whether a function of a program passes tests that define ``check(candidate)``.

    Parameters
    ----------
    program : str
        Not trusted; defines the function.
    tests, setup : str
        Trusted; the setup runs before the tests, in their process.
    function : str
    timeout_s : float
        Of all tests together.

    Raises
    ------
    BackendUnavailable
        If code cannot be locked in on this machine.

    Notes
    -----
    The program does not see its tests, see `longwave.sandbox.check_python`. Results of the last 256 calls are
    kept.
    """
    return _passes(program, tests, function, setup, timeout_s)


def run_input_tests(
    program: str,
    inputs: Sequence[object],
    outputs: Sequence[object],
    *,
    function: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> list[bool]:
    """Tell which pairs of input and output a program gets right, each run alone.

    Parameters
    ----------
    program : str
        Not trusted.
    inputs, outputs : sequence
        Without ``function``, texts (or lists of lines) of standard input and output; with it, lists of
        arguments, and results.
    function : str, optional
        Name of the function, or of a method of the program's class ``Solution``.
    timeout_s : float
        Of each test.

    Raises
    ------
    DataError
        If inputs and outputs differ in number, or are no values of JSON.
    BackendUnavailable
        If code cannot be locked in on this machine.

    Notes
    -----
    Output is compared line by line, blanks at line ends and empty lines at the end apart, and word by word:
    equal texts, or numbers of which one is written with a point or an exponent and which differ by at most
    ``1e-8 + 1e-5 |wanted|``. Results are compared with ``==``, tuples as lists; as in APPS, a list of one
    result stands for that result.

    The reference code of APPS takes whole numbers of many digits for equal that are only close, and lines in
    any order; both is left out. Results of the last 256 calls are kept.

    References
    ----------
    arXiv 2105.09938.
    """
    if len(inputs) != len(outputs):
        raise DataError(f"{len(inputs)} inputs but {len(outputs)} outputs; tests need one output an input.")
    try:
        tests = json.dumps([list(inputs), list(outputs)])
    except TypeError as error:
        raise DataError(f"A test is no value of JSON: {error}. Give texts, numbers and lists.") from error
    return list(_passed(program, tests, function, timeout_s))


@lru_cache(maxsize=_KEPT)
def _passes(program: str, tests: str, function: str, setup: str, timeout_s: float) -> bool:
    found = check_python(program, tests, function=function, setup=setup, timeout_s=timeout_s)
    return found.is_passed


@lru_cache(maxsize=_KEPT)
def _passed(program: str, tests: str, function: str | None, timeout_s: float) -> tuple[bool, ...]:
    pairs = zip(*json.loads(tests), strict=True)
    if function is None:
        return tuple(_prints(program, given, wanted, timeout_s) for given, wanted in pairs)
    return tuple(_returns(program, function, given, wanted, timeout_s) for given, wanted in pairs)


def _prints(program: str, given: object, wanted: object, timeout_s: float) -> bool:
    result = run_python(program, stdin=_text(given), timeout_s=timeout_s)
    return result.status == "ok" and is_same_output(result.stdout, _text(wanted))


def _text(value: object) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)


def is_same_output(got: str, wanted: str) -> bool:
    """Compare what a program printed with what it should print, as `run_input_tests` says."""
    ours, theirs = (text.rstrip().splitlines() for text in (got, wanted))
    return len(ours) == len(theirs) and all(map(_is_same_line, ours, theirs))


def _is_same_line(got: str, wanted: str) -> bool:
    ours, theirs = got.split(), wanted.split()
    return len(ours) == len(theirs) and all(map(_is_same_word, ours, theirs))


def _is_same_word(got: str, wanted: str) -> bool:
    if got == wanted:
        return True
    if _INTEGER.fullmatch(got) and _INTEGER.fullmatch(wanted):
        return False
    try:
        return math.isclose(float(got), float(wanted), rel_tol=0, abs_tol=1e-8 + 1e-5 * abs(float(wanted)))
    except ValueError:
        return False


_CALL_TEST = """
import json

def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return {str(key): plain(item) for key, item in value.items()} if isinstance(value, dict) else value

def check(candidate):
    given, wanted = json.loads(TEST)
    found = plain(candidate(*given))
    assert found == wanted or [found] == wanted
"""


def _returns(program: str, function: str, given: object, wanted: object, timeout_s: float) -> bool:
    test = json.dumps([given if isinstance(given, list) else [given], wanted])
    tests = f"TEST = {test!r}\n{_CALL_TEST}"
    return check_python(program, tests, function=function, timeout_s=timeout_s).is_passed


def _programs(answer: Answer) -> list[str]:
    """List what a model wrote, as it stands: blanks before a first line mean something here."""
    written = [completion.text for completion in answer.completions]
    return written or ([] if answer.prediction is None else [answer.prediction])


def _pass_at_1(answer: Answer) -> float:
    instance = answer.instance
    tests, function = _extra_text(instance, "test"), _extra_text(instance, "entry_point")
    programs = _programs(answer)
    passed = [
        run_function_tests(instance.input + program, tests, function=function, setup=instance.input)
        for program in programs
    ]
    return pass_at_k(len(passed), sum(passed), 1) if passed else 0.0


def _share_of_tests(answer: Answer, count: Callable[[list[bool]], float]) -> float | None:
    """Average over what a model wrote; None where there are no tests."""
    extra = answer.instance.extra
    inputs, outputs, name = extra.get("inputs"), extra.get("outputs"), extra.get("fn_name")
    if not isinstance(inputs, Sequence) or not isinstance(outputs, Sequence):
        raise _no_tests(answer.instance, "inputs and outputs")
    if not inputs:
        return None
    function = str(name) if name else None
    programs = _programs(answer)
    values = [count(run_input_tests(program, inputs, outputs, function=function)) for program in programs]
    return sum(values) / len(values) if values else 0.0


def _test_avg(answer: Answer) -> float | None:
    return _share_of_tests(answer, lambda passed: sum(passed) / len(passed))


def _strict_acc(answer: Answer) -> float | None:
    return _share_of_tests(answer, lambda passed: float(all(passed)))


def _extra_text(instance: Instance, key: str) -> str:
    value = instance.extra.get(key)
    if not isinstance(value, str):
        raise _no_tests(instance, key)
    return value


def _no_tests(instance: Instance, what: str) -> DataError:
    return DataError(
        f'Instance "{instance.id}" holds no {what} in "extra", so its programs cannot be tested. Use this '
        "metric with scenarios of code, such as code_humaneval."
    )


def _code_metric(name: str, function: Callable[[Answer], float | None]) -> AnswerMetric:
    return AnswerMetric(name=name, family="accuracy", higher_is_better=True, function=function)


PASS_AT_1 = _code_metric("pass_at_1", _pass_at_1)
TEST_AVG = _code_metric("test_avg", _test_avg)
STRICT_ACC = _code_metric("strict_acc", _strict_acc)
