from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.scenarios.synthetic import make_natural_reasoning
from longwave.scenarios.synthetic.natural import DIFFICULTIES
from longwave.scenarios.synthetic.splits import SIZES
from longwave.scenarios.synthetic.vocabulary import read_vocabulary

SMALL = {"train": 2, "valid": 3, "test": 10}
WORDS = read_vocabulary()
WIDER = {word: wide for wide, narrow in WORDS.narrower.items() for word in (wide, *narrow)}
KIND = {name: kind for kind, names in WORDS.kinds.items() for name in names}
RULE = re.compile(r"If (?:an? )?(\w+) is (.+), then (?:the )?(\w+) is (\w+)\.")


def solve(text):
    """Chain the rules of a problem forward until nothing new follows; return the new attributes."""
    rules, _, rest = text.partition("\nFact:\n")
    fact, subject = re.fullmatch(
        r"(.+)\nThe following can be determined about (?:the )?(\w+):", rest
    ).groups()
    stated = re.fullmatch(r"(?:The )?(\w+) is (.+)\.", fact)
    assert stated[1] == subject
    known = {WIDER[word] for word in stated[2].split(" and ")}
    start = set(known)
    while True:
        new = {result for rule in rules.split("\n") if (result := apply(rule, subject, known))} - known
        if not new:
            return known - start
        known |= new


def apply(rule, subject, known):
    about, condition, again, result = RULE.fullmatch(rule).groups()
    assert about == again
    if about not in (subject, KIND[subject]):
        return None
    every = " and " in condition
    hits = [attribute in known for attribute in re.split(" and | or ", condition)]
    return result if (all(hits) if every else any(hits)) else None


def read_answer(text):
    return set() if text == "Nothing." else set(re.fullmatch(r".+ is (.+)\.", text)[1].split(" and "))


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_answer_is_what_forward_chaining_finds(difficulty, seed):
    for row in make_natural_reasoning(difficulty, sizes=SMALL, seed=seed):
        assert read_answer(row.label) == solve(row.input)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_problems_fill_the_splits_of_the_paper_without_repeats(difficulty):
    rows = make_natural_reasoning(difficulty)
    assert Counter(row.split for row in rows) == SIZES
    assert len({row.input for row in rows}) == len(rows)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_problems_follow_from_the_seed(difficulty):
    first, again, other = (make_natural_reasoning(difficulty, sizes=SMALL, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_easy_problems_name_the_subject_and_its_attributes_themselves():
    for row in make_natural_reasoning("easy", sizes={"test": 300}):
        words = set(re.findall(r"\w+", row.input))
        assert not words & set(WORDS.kinds)
        assert not words & (set(WIDER) - set(WORDS.narrower))


def test_hard_problems_name_kinds_and_narrower_words():
    words = [
        set(re.findall(r"\w+", row.input)) for row in make_natural_reasoning("hard", sizes={"test": 300})
    ]
    assert sum(bool(found & set(WORDS.kinds)) for found in words) > 200
    assert sum(bool(found & (set(WIDER) - set(WORDS.narrower))) for found in words) > 100


def test_nothing_follows_now_and_then():
    rows = make_natural_reasoning("easy", sizes={"test": 1000})
    assert 0.1 < sum(row.label == "Nothing." for row in rows) / len(rows) < 0.25


def test_articles_and_capitals_are_those_of_english():
    text = "\n".join(row.input for row in make_natural_reasoning("hard", sizes={"test": 500}))
    assert re.search(r"If an (animal|otter|owl|ant|eel|ivy|oak) ", text)
    assert not re.search(r"\ba [aeiou]|\ban [^aeiou]|the [A-Z]", text)
    assert "a Ada" not in text


def test_unknown_difficulty_is_refused_with_the_accepted_ones():
    with pytest.raises(ConfigError, match='"medium" is unknown; accepted are easy, hard'):
        make_natural_reasoning("medium")
