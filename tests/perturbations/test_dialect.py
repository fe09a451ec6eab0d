"""Words and phrases become forms of the dialect."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.perturbations import Dialect, get_perturbation
from longwave.perturbations._words import read_forms

ENTRIES = read_forms("dialect.tsv")
LISTED = dict(ENTRIES)
words = st.sampled_from([*list(LISTED)[::9], "The", "ASK", "river", "isn’t", ".", "\n"])
texts = st.one_of(st.text(max_size=40), st.lists(words, max_size=12).map(" ".join))


def rewrite(text, seed=0, **fields):
    return Dialect(**fields).rewrite(text, random.Random(seed))


def every(text):
    return {rewrite(text, seed) for seed in range(40)}


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("ask", {"aks"}),
        ("Ask him", {"Aks him"}),
        ("DOING IT", {"DOIN IT"}),
        ("nothing.", {"nothin.", "nuttin."}),
        ("These these", {"Dese dese"}),
        ("It isn't so", {"It ain't so"}),
        ("It isn’t so", {"It ain't so"}),
        ("we were there", {"we was dere"}),
        ("is going to be", {"gon be"}),
        ("they've", {"dey've"}),
        ("my brother's", {"ma brotha's"}),
        ("he's late", {"he late"}),
        ("asking", {"aksin"}),
        ("task", {"task"}),
        ("the  ", {"da  ", "tha  "}),
        ("", {""}),
    ],
)
def test_listed_words_are_exchanged_at_both_ends_and_side_by_side(text, want):
    assert every(text) == want


def test_longest_phrase_wins_whatever_the_order_of_the_list():
    words = (("a", ("1",)), ("a b", ("2",)), ("a b c", ("3",)))
    assert rewrite("a b c a b a", words=words) == rewrite("a b c a b a", words=words[::-1]) == "3 2 1"


@given(st.sampled_from(sorted(LISTED)), st.integers(0, 99))
def test_a_word_has_one_form_in_an_instance(word, seed):
    found = rewrite(f"{word} | {word} | {word.upper()}", seed).split(" | ")
    assert found[0] == found[1]
    assert found[0].upper() == found[2]


@given(texts, st.integers(0, 99))
def test_only_listed_words_change_and_their_case_stays(text, seed):
    pattern = Dialect()._listed[0]
    shape = "(.+?)".join(re.escape(kept) for kept in pattern.split(text))
    found = re.fullmatch(shape, rewrite(text, seed), re.DOTALL)
    for word, form in zip(pattern.findall(text), found.groups(), strict=True):
        assert form[0].isupper() == word[0].isupper()


@given(texts)
def test_rate_zero_changes_nothing(text):
    assert rewrite(text, rate=0.0) == text


def test_rate_is_met_over_words():
    text = " | ".join(LISTED)
    counts = [
        sum(
            a != b for a, b in zip(text.split(" | "), rewrite(text, seed, rate=0.3).split(" | "), strict=True)
        )
        for seed in range(30)
    ]
    assert sum(counts) / 30 / len(LISTED) == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize(
    "label", ["yes", "no", "true", "false", "positive", "negative", "Yes", "None", "A", "B"]
)
def test_labels_of_scenarios_stay(label):
    assert every(label) == {label}


def test_more_than_one_hundred_and_fifty_forms_are_listed():
    assert len(ENTRIES) > 250
    assert [word for word, _ in ENTRIES] == sorted(word for word, _ in ENTRIES)


@pytest.mark.parametrize(("word", "forms"), ENTRIES, ids=list(LISTED))
def test_entry_is_plain_and_no_form_is_the_word(word, forms):
    assert re.fullmatch(r"[a-z' ]+", word)
    assert all(re.fullmatch(r"[a-z' ]+", form) for form in forms)
    assert word not in forms


def test_own_list_is_used_and_named():
    own = Dialect(words=(("flat", ("apartment",)),))
    assert own.rewrite("Flat, the", random.Random(0)) == "Apartment, the"
    assert re.fullmatch(r"dialect-own-[0-9a-f]{8}", own.name)


def test_own_list_with_an_empty_entry_is_refused():
    with pytest.raises(ConfigError, match="accepted are a word and at least one form"):
        Dialect(words=(("flat", ()),))


def test_edit_is_pinned(make_instance):
    """A change of this text changes every published fairness: it needs another name."""
    text = "Nothing that they were asking about the other brother is going to be different."
    assert (
        get_perturbation("dialect").perturb(make_instance(text)).input
        == "Nuttin dat dey was aksin bout da otha brotha gon be diffrent."
    )
