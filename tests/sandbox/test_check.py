"""Tests of code that may cheat: what counts as passed, and what does not."""

from __future__ import annotations

import pytest

from longwave.sandbox import check_python

pytestmark = pytest.mark.usefixtures("walls")

TESTS = "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(-1.5) == -3"


def _check(code, tests=TESTS, **options):
    return check_python(code, tests, function="double", **options)


@pytest.mark.parametrize(
    "code",
    [
        "def double(x): return 2 * x",
        "double = lambda x: x + x",
        "class Solution:\n    def double(self, x): return 2 * x",
        "print('noise')\nimport sys\ndef double(x):\n    print('more', file=sys.stderr)\n    return 2 * x",
        "if __name__ == '__main__':\n    def double(x): return 2 * x",
        "class Own(float): pass\ndef double(x): return Own(2 * x)",
        "import sys\nsys.stdout.close()\ndef double(x): return 2 * x",
    ],
    ids=["function", "lambda", "method", "noise", "main", "subclass", "closed-output"],
)
def test_right_code_passes(code):
    result = _check(code)
    assert result.is_passed, result
    assert result.reason == ""


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def double(x): return 3 * x", "AssertionError"),
        ("def double(x): raise KeyError('no')", "KeyError"),
        ("def double(x): return object()", "TypeError: A object cannot be handed over."),
        ("def double(x): return double", "TypeError: A function cannot be handed over."),
        ("def double(x)", "SyntaxError: expected ':'"),
        ("def triple(x): return 3 * x", "AttributeError"),
        ("def double(x):\n    class Odd(Exception): pass\n    raise Odd('no')", "RuntimeError: no"),
        ("def double(x):\n    y = []\n    y.append(y)\n    return y", "RecursionError"),
        ("", "AttributeError"),
    ],
    ids=["wrong", "raises", "object", "function", "syntax", "missing", "own-error", "endless-value", "empty"],
)
def test_wrong_code_fails_and_the_reason_is_told(code, reason):
    result = _check(code)
    assert (result.is_passed, result.status) == (False, "failed")
    assert reason in result.reason


CHEATS = {
    "exit-0": "import os; os._exit(0)",
    "sys-exit": "import sys; sys.exit(0)",
    "exit-in-call": "import os\ndef double(x): os._exit(0)",
    "system-exit-in-call": "def double(x): raise SystemExit(0)",
    "equal-to-all": "class Any(int):\n    def __eq__(self, o): return True\n    __hash__ = None\n"
    "def double(x): return Any(0)",
    "equal-object": "class Any:\n    def __eq__(self, o): return True\ndef double(x): return Any()",
    "no-assert": "import builtins, sys\nbuiltins.AssertionError = type('E', (BaseException,), {})\n"
    "sys.settrace(lambda *a: None)\ndef double(x): return 0",
    "own-check": "def check(candidate): pass\ndef double(x): return 0",
    "own-json": "import json\njson.dumps = lambda *a, **k: '[\"tuple\", null, 4]'\ndef double(x): return 0",
    "own-main": "import sys\nfor f in sys._current_frames().values():\n    while f:\n"
    "        f.f_globals['_answer'] = lambda *a: 'true'\n        f = f.f_back\ndef double(x): return 0",
    "forged-answers": "import os\nfor i in range(3, 64):\n    try: os.write(i, b'true\\n' * 9)\n"
    "    except OSError: pass\ndef double(x): return 0",
    "forged-numbers": "import os\nfor i in range(3, 64):\n"
    "    try: os.write(i, b'[\"tuple\", null, 4]\\n' * 2)\n    except OSError: pass\ndef double(x): return 0",
    "forged-code": "import os\nfor i in range(3, 64):\n"
    '    try: os.write(i, b\'["eval", "exit(0)"]\\n["bytes", 4]\\n\')\n    except OSError: pass\n'
    "def double(x): return 0",
    "claims": "print('ok'); print('passed'); print(0)\ndef double(x): return 0",
    "hidden-failure": "import sys\nsys.excepthook = lambda *a: None\nraise SystemExit",
    "closes-all": "import os\nos.closerange(0, 64)\ndef double(x): return 4",
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_cheating_does_not_pass(cheat):
    assert not _check(CHEATS[cheat], timeout_s=2).is_passed


def test_code_does_not_see_its_tests():
    spy = """
import gc, sys
def double(x):
    seen = [repr(o) for o in gc.get_objects() if isinstance(o, (dict, list, tuple))]
    frames = [f for top in sys._current_frames().values() for f in _up(top)]
    seen += [repr(f.f_locals) + repr(f.f_globals) for f in frames]
    secret = ''.join(reversed('sterces-neetneves'))
    return any(secret in text for text in seen) or 2 * x
def _up(frame):
    while frame:
        yield frame
        frame = frame.f_back
"""
    tests = "EXPECTED = 'seventeen-secrets'\n" + TESTS
    assert _check(spy, tests).is_passed


def test_answers_are_plain_whatever_the_code_does():
    tests = "def check(candidate):\n    assert type(candidate(1)) is int and type(candidate([1])) is list"
    code = "class L(list): pass\nclass I(int): pass\ndef double(x): return L(x) if x == [1] else I(x)"
    assert _check(code, tests).is_passed


@pytest.mark.parametrize(
    ("code", "options", "status"),
    [
        ("def double(x):\n    while True: pass", {"timeout_s": 0.3}, "timeout"),
        ("while True: pass", {"timeout_s": 0.3}, "timeout"),
        ("def double(x): return iter(int, 1)", {"timeout_s": 0.3, "memory_mb": 256}, "timeout"),
        ("def double(x):\n    while True: print('x' * 9999)", {}, "output"),
        ("def double(x): return bytearray(1 << 30)", {}, "failed"),
        ("def double(x): return range(10 ** 12)", {}, "failed"),
    ],
    ids=["call", "start", "endless", "output", "memory", "range"],
)
def test_greedy_code_is_ended(code, options, status):
    result = _check(code, **options)
    assert not result.is_passed
    assert result.status in (status, "failed")


def test_setup_is_seen_by_the_tests_and_cannot_be_changed_by_the_code():
    setup = "def right(x): return 2 * x"
    tests = "def check(candidate):\n    assert candidate(3) == right(3)"
    assert _check("def double(x): return 2 * x", tests, setup=setup).is_passed
    assert not _check("def double(x): return 9\ndef right(x): return 9", tests, setup=setup).is_passed


@pytest.mark.parametrize(
    "setup",
    ["def double(x):\n", "def double(x):\n    y = 1\n    if x:\n", "class A:\n    def double(self, x):\n\n"],
    ids=["function", "branch", "method"],
)
def test_setup_may_end_where_a_body_is_missing(setup):
    assert _check("def double(x): return 2 * x", setup=setup).is_passed


def test_setup_that_is_no_code_fails():
    result = _check("def double(x): return 2 * x", setup="Please double x.")
    assert (result.status, result.reason) == ("failed", "SyntaxError: invalid syntax")


def test_tests_may_call_the_function_by_its_name():
    tests = "def check(candidate):\n    assert double(3) == candidate(3) == 6"
    assert _check("def double(x): return 2 * x", tests, setup="def double(x): ...").is_passed


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("def double(x): return (i for i in x)", "list(candidate([1, 2])) == [1, 2]"),
        ("def double(x): return {1: 2}.keys()", "candidate(0) == {1}"),
        ("def double(x, *, y=0): return x + y", "candidate(1, y=2) == 3"),
        ("def double(*x): return x", "candidate(1, (2,), {3: [4]}) == (1, (2,), {3: [4]})"),
        ("def double(x): return x", "candidate(10**400) == 10**400"),
        ("def double(x): return x", "candidate('\\ud800 «日本»') == '\\ud800 «日本»'"),
        ("def double(x): return x", "str(candidate(float('nan'))) == 'nan'"),
        ("def double(x): return x", "candidate(b'\\xff') == b'\\xff'"),
        ("def double(x): return x", "len(candidate('x' * 3_000_000)) == 3_000_000"),
    ],
    ids=["iterator", "keys", "keyword", "positions", "big", "unicode", "nan", "bytes", "long"],
)
def test_values_travel_both_ways(code, call):
    result = _check(code, f"def check(candidate):\n    assert {call}")
    assert result.is_passed, result


def test_exceptions_arrive_under_their_names():
    tests = (
        "def check(candidate):\n    try: candidate(0)\n    except ZeroDivisionError: return\n    assert False"
    )
    assert _check("def double(x): return 1 / x", tests).is_passed


def test_broken_tests_do_not_pass():
    result = _check("def double(x): return 2 * x", "def check(candidate) assert")
    assert (result.status, result.reason) == ("failed", "SyntaxError: expected ':'")
