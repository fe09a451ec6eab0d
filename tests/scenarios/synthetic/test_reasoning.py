from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.scenarios.synthetic import MODES, make_reasoning, matches
from longwave.scenarios.synthetic.splits import SIZES

SMALL = {"train": 3, "valid": 5, "test": 12}
RULES = "XYZ"


def solve_substitution(text):
    """Read pattern and substitutions back from the text, and put one into the other."""
    rules, given_words = re.fullmatch(r"Rules: (.+) \| Substitutions: (.+)", text).groups()
    words = dict(re.findall(r'([XYZ]) by " ([a-z ]+) "', given_words))
    return " ".join(words.get(symbol, symbol) for symbol in rules.split())


def as_regex(pattern):
    """Write a pattern as a regular expression, in which a symbol that occurs again must read the same."""
    parts, seen = [], set()
    for symbol in pattern.split():
        if symbol not in RULES:
            parts.append(re.escape(symbol))
        else:
            parts.append(rf"(?P={symbol})" if symbol in seen else rf"(?P<{symbol}>[a-z]+(?: [a-z]+)?)")
            seen.add(symbol)
    return re.compile(" ".join(parts))


def solve_match(text):
    """List those of the patterns that can give the result."""
    rules, result = re.fullmatch(r"Rules: (.+) \| Result: (.+)", text).groups()
    return [pattern for pattern in rules.split(" | ") if as_regex(pattern).fullmatch(result)]


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_substitution_gives_the_answer(seed):
    for row in make_reasoning("variable_substitution", sizes=SMALL, seed=seed):
        assert solve_substitution(row.input) == row.label


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_only_the_answer_of_four_patterns_can_give_the_result(seed):
    for row in make_reasoning("pattern_match", sizes=SMALL, seed=seed):
        assert solve_match(row.input) == [row.label]
        assert row.input.count(" | ") == 4


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_induced_rule_can_give_both_results(seed):
    for row in make_reasoning("induction", sizes=SMALL, seed=seed):
        results = re.fullmatch(r"Two results: (.+) \| (.+)", row.input).groups()
        rule = as_regex(row.label.removeprefix("Rule: "))
        assert all(rule.fullmatch(result) for result in results)


@given(
    st.lists(st.sampled_from("XY+-"), max_size=5), st.lists(st.sampled_from(["fig", "fox", "+"]), max_size=7)
)
def test_matching_agrees_with_a_regular_expression(pattern, result):
    found = as_regex(" ".join(pattern)).fullmatch(" ".join(result)) if pattern else None
    assert matches(pattern, result) == (found is not None or (not pattern and not result))


@pytest.mark.parametrize("mode", MODES)
def test_rows_fill_the_splits_of_the_paper_without_repeats(mode):
    rows = make_reasoning(mode)
    assert Counter(row.split for row in rows) == SIZES
    assert len({row.input for row in rows}) == len(rows)


@pytest.mark.parametrize("mode", MODES)
def test_rows_follow_from_the_seed(mode):
    first, again, other = (make_reasoning(mode, sizes=SMALL, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_patterns_have_two_or_three_symbols_of_each_kind():
    for row in make_reasoning("induction", sizes={"test": 200}):
        symbols = row.label.removeprefix("Rule: ").split()
        assert sum(symbol in RULES for symbol in symbols) in (2, 3)
        assert sum(symbol in "+-*=" for symbol in symbols) in (2, 3)


def test_unknown_mode_is_refused_with_the_accepted_ones():
    with pytest.raises(ConfigError, match='"deduction" is unknown; accepted are pattern_match'):
        make_reasoning("deduction")
