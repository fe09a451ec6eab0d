"""Misspelled words, and the mix that contains them."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.perturbations import Contraction, Lowercase, MildMix, Misspellings, Space
from longwave.perturbations._words import read_forms

LISTED = dict(read_forms("misspellings.tsv"))
words = st.sampled_from([*list(LISTED)[::23], "The", "BELIEVE", "river", "don't", "’", "  ", "\n", "42", "ſ"])
texts = st.one_of(st.text(max_size=40), st.lists(words, max_size=12).map(" ".join))
PAIRS = (("river", ("rivver",)), ("big sea", ("bigsea", "big see")))


def rewrite(perturbation, text, seed=0):
    return perturbation.rewrite(text, random.Random(seed))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("receive", "recieve"),
        ("Receive.", "Recieve."),
        ("RECEIVE it", "RECIEVE it"),
        ("government's", "goverment's"),
        ("receive receive", "recieve recieve"),
        ("don't", "dont"),
        ("Don’t", "Dont"),
        ("well-receive", "well-recieve"),
        ("receiver", "receiver"),
        ("_receive_", "_receive_"),
        ("", ""),
    ],
)
def test_listed_words_are_misspelled_at_both_ends_and_side_by_side(text, want):
    assert rewrite(Misspellings(rate=1.0), text) == want


@given(texts, st.integers())
def test_only_listed_words_change_and_into_listed_forms(text, seed):
    found = rewrite(Misspellings(rate=1.0), text, seed)
    pattern = Misspellings()._listed[0]
    anything = r"(\w+)"
    shape = anything.join(re.escape(kept) for kept in pattern.split(text))
    written = re.fullmatch(shape, found).groups()
    for word, form in zip(pattern.findall(text), written, strict=True):
        assert form.lower() in LISTED[word.lower().replace("’", "'")]
        assert (form[0].isupper(), form.isupper()) == (word[0].isupper(), word.isupper())


@given(texts)
def test_rate_zero_changes_nothing(text):
    assert rewrite(Misspellings(rate=0.0), text) == text


@given(texts, st.integers())
def test_lower_rate_hits_a_part_of_what_a_higher_one_hits(text, seed):
    pieces = [rewrite(Misspellings(rate=rate), text, seed) for rate in (0.0, 0.3, 1.0)]
    assert (pieces[0] == pieces[1]) or (pieces[1] != text and pieces[2] != text)


def test_rate_is_met():
    text = "receive " * 5000
    assert rewrite(Misspellings(), text).count("recieve") / 5000 == pytest.approx(0.1, abs=0.015)


def test_every_form_is_drawn():
    found = set(rewrite(Misspellings(rate=1.0), "the " * 200).split())
    assert found == set(LISTED["the"])


def test_own_list_replaces_ours():
    own = Misspellings(rate=1.0, words=PAIRS)
    assert {rewrite(own, "River, Big sea, receive", seed) for seed in range(20)} == {
        "Rivver, Bigsea, receive",
        "Rivver, Big see, receive",
    }


def test_own_list_is_in_the_name():
    first, second = Misspellings(words=PAIRS).name, Misspellings(words=PAIRS[:1]).name
    assert re.fullmatch(r"misspellings-own-[0-9a-f]{8}", first)
    assert first != second
    assert Misspellings(words=PAIRS).name == first


@pytest.mark.parametrize("make", [Misspellings, MildMix])
@pytest.mark.parametrize("rate", [-0.1, 2])
def test_rate_that_is_no_probability_is_refused(make, rate):
    with pytest.raises(ConfigError, match=f"rate is {rate}; accepted are probabilities"):
        make(rate=rate)


@pytest.mark.parametrize("entry", [("", ("a",)), ("a", ()), ("a", (" ",))], ids=["word", "forms", "blank"])
def test_list_with_an_empty_entry_is_refused(entry):
    with pytest.raises(
        ConfigError, match=r"words has the entry .*; accepted are a word and at least one form"
    ):
        Misspellings(words=(entry,))


def test_list_with_a_word_twice_is_refused():
    with pytest.raises(ConfigError, match='words has "A" twice, case aside'):
        Misspellings(words=(("a", ("b",)), ("A", ("c",))))


@given(texts, st.integers())
def test_mix_is_its_four_steps_with_one_generator(text, seed):
    rng, want = random.Random(seed), text
    for step in (Lowercase(), Contraction(), Misspellings(), Space()):
        want = step.rewrite(want, rng)
    assert rewrite(MildMix(), text, seed) == want


@given(texts, st.integers())
def test_mix_has_no_capitals(text, seed):
    found = rewrite(MildMix(), text, seed)
    assert found == found.lower()


def test_mix_leaves_references_alone(make_instance):
    copy = MildMix().perturb(make_instance("It is Said that I Receive."))
    assert copy.references == make_instance("").references


def test_mix_names_its_parameters():
    assert [MildMix().name, MildMix(rate=0.2).name, MildMix(max_spaces=2).name] == [
        "mild-mix",
        "mild-mix-0.2",
        "mild-mix-2",
    ]


def test_mix_refuses_no_blanks():
    with pytest.raises(ConfigError, match="max_spaces is 0"):
        MildMix(max_spaces=0)


TEXT = "It is likely that the Committee will receive an argument from a business."


@pytest.mark.parametrize(
    ("edit", "want"),
    [
        (Misspellings(rate=0.5), "It is likely taht the Comittee will receive an argument fomr a bussiness."),
        (MildMix(), "it's likely that  the committee will receive   an argument   from  a business."),
        (MildMix(rate=0.5), "it's likely taht  teh comittee will recieve   an argument   fomr  a business."),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_edit_is_pinned(make_instance, edit, want):
    """A change of these texts changes every published robustness: it needs another name."""
    assert edit.perturb(make_instance(TEXT)).input == want
