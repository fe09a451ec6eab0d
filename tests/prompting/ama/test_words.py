"""Free replies are read without guessing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.prompting.ama.words import content_words, is_unknown, match_said, pick_option, same_thing


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes", "yes"),
        (" yes, it is.", "yes"),
        ("TRUE", "yes"),
        ("No.", "no"),
        ("That is false", "no"),
        ("yes and no", None),
        ("Yesterday", None),
        ("nothing", None),
        ("The cat", None),
        ("", None),
        ("Unknown", "unknown"),
        ("I don’t know", "unknown"),
        ("It is not mentioned.", "unknown"),
        ("No, it is not known", "no"),
    ],
)
def test_yes_and_no_are_words_of_a_reply(text, said):
    assert match_said(text) == said


@given(st.text())
def test_no_reply_means_yes_by_holding_itself(text):
    # the published code for RTE takes any reply without a "no" for a yes
    assert (
        match_said(text) != "yes"
        or {"yes", "true"} & set(text.lower().replace("’", "'").split())
        or ("yes" in text.lower() or "true" in text.lower())
    )


def test_other_words_can_be_asked_for():
    said = {"yes": ("same",), "no": ("different", "not the same")}
    assert [match_said(text, said) for text in ("Same.", "different", "not the same", "similar")] == [
        "yes",
        "no",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("text", "options", "place"),
    [
        ("Business", ["World", "Business"], 1),
        ("the answer is Paris.", ["London", "Paris"], 1),
        ("an apple", ["the apple", "a pear"], 0),
        ("world politics", ["politics", "world politics"], 1),
        ("tech", ["Sci/Tech", "Sports"], 0),
        ("red or blue", ["red", "blue"], None),
        ("green", ["red", "blue"], None),
        ("", ["red", "blue"], None),
        ("C++", ["C", "C++"], 1),
        ("C.", ["C", "C++"], 0),
        ("?", ["!", "?"], 1),
        ("...", ["red"], None),
        ("same", ["same", "same"], None),
        ("a", ["a", "the"], 0),
        ("日本", ["日本", "中国"], 0),
    ],
)
def test_a_reply_means_one_option_or_none(text, options, place):
    assert pick_option(text, options) == place


@given(
    st.lists(st.text(min_size=1).map(str.strip).filter(bool), min_size=1, max_size=5, unique_by=str.casefold)
)
def test_every_option_means_itself_or_nothing(options):
    for place, option in enumerate(options):
        assert pick_option(option, options) in (place, None)


def test_options_apart_in_punctuation_alone_are_found_exactly():
    assert [pick_option(text, ["[ ]", "[ ] ]"]) for text in ("[ ]", "[ ] ]")] == [0, 1]


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("the mirrors", "Mirror", True),
        ("a glass", "the glass", True),
        ("the boy's dog", "boy dog", True),
        ("dog", "cat", False),
        ("the", "a", False),
        ("", "", False),
    ],
)
def test_things_are_the_same_but_for_stop_words_and_plurals(first, second, is_same):
    assert same_thing(first, second) is is_same


def test_content_words_leave_short_words_whole():
    assert content_words("the bus is gas") == ("bus", "gas")


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("Unknown", True),
        ("", True),
        ("  ", True),
        ("I don't know.", True),
        ("not stated in the text", True),
        ("The Unknown Soldier by the sea of green", False),
        ("Paris", False),
    ],
)
def test_what_is_not_known_is_no_answer(text, unknown):
    assert is_unknown(text) is unknown
