"""What every edit promises of any text: the same again, letters kept, hostile characters survived."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from longwave.perturbations import (
    Contraction,
    Dialect,
    Expansion,
    ExtraSpace,
    FillerWords,
    GenderPronouns,
    GenderTerms,
    Lowercase,
    MildMix,
    Misspellings,
    PersonName,
    Space,
    Suffix,
    Synonym,
    Typos,
    match_case,
)
from longwave.perturbations._words import read_lines, read_pairs
from longwave.perturbations.robustness import _neighbours

EDITS = {
    "lowercase": Lowercase(),
    "space": Space(),
    "extra-space": ExtraSpace(),
    "contraction": Contraction(),
    "expansion": Expansion(),
    "typos": Typos(rate=1.0),
    "filler-words": FillerWords(rate=1.0),
    "misspellings": Misspellings(rate=1.0),
    "mild-mix": MildMix(rate=1.0),
    "synonym": Synonym(rate=1.0),
    "dialect": Dialect(),
    "gender-pronouns": GenderPronouns(both_ways=True),
    "gender-terms": GenderTerms(both_ways=True),
    "person-name": PersonName(),
    "suffix": Suffix(),
}
edits = pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
texts = st.text(max_size=40) | st.lists(
    st.sampled_from(
        [
            "it is",
            "It's",
            "don’t",
            "DO NOT",
            " ",
            "  ",
            "\n",
            "K",
            "ſ",
            "it is.",
            "x",
            "Emily",
            "her",
            "an uncle",
        ]
    ),
    max_size=12,
).map(" ".join)
HOSTILE = {
    "surrogate": "\ud800 it is a",
    "nul": "it is\0 not",
    "bidi": "\u202eit is a",
    "joined": "👩‍👩‍👧 it is a",
    "combining": "e\u0301 it is a",
    "long": "it is a " * 5000,
}


@edits
@given(text=texts, seed=st.integers(0, 9))
def test_same_generator_gives_the_same_text(edit, text, seed):
    assert edit.rewrite(text, random.Random(seed)) == edit.rewrite(text, random.Random(seed))


@edits
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_edited(edit, make_instance, text):
    copy = edit.perturb(make_instance(text))
    assert copy is None or (copy.input != text and copy.perturbation == edit.name)


@pytest.mark.parametrize(
    "edit", [EDITS[n] for n in ("lowercase", "contraction", "expansion")], ids=lambda e: e.name
)
@given(text=texts)
def test_edit_of_an_edited_text_changes_nothing(edit, text):
    once = edit.rewrite(text, random.Random(0))
    assert edit.rewrite(once, random.Random(0)) == once


@pytest.mark.parametrize("edit", [Space(), ExtraSpace(n_spaces=3)], ids=lambda e: e.name)
@given(text=texts, seed=st.integers(0, 9))
def test_blanks_apart_the_text_is_the_same(edit, text, seed):
    found = edit.rewrite(text, random.Random(seed))
    assert re.sub(" +", " ", found) == re.sub(" +", " ", text)


@given(texts)
@example("\u212a")
@example("\u017f\u0130")
def test_typos_touch_letters_a_to_z_alone(text):
    found = Typos(rate=1.0).rewrite(text, random.Random(0))
    is_letter = [letter.isascii() and letter.isalpha() for letter in text]
    assert [a != b for a, b in zip(text, found, strict=True)] == is_letter


@given(texts, st.floats(0, 1), st.integers(0, 9))
def test_every_typo_is_a_neighbouring_key_in_the_same_case(text, rate, seed):
    found = Typos(rate=rate).rewrite(text, random.Random(seed))
    slips = [(a, b) for a, b in zip(text, found, strict=True) if a != b]
    assert all(b.lower() in _neighbours()[a.lower()] and a.isupper() == b.isupper() for a, b in slips)


@pytest.mark.parametrize("letter", "abcdefghijklmnopqrstuvwxyz")
def test_neighbours_are_mutual(letter):
    assert _neighbours()[letter]
    assert all(letter in _neighbours()[near] for near in _neighbours()[letter])


@given(texts, st.floats(0, 1), st.integers(0, 9))
def test_text_without_its_fillers_is_the_text(text, rate, seed):
    found = FillerWords(rate=rate).rewrite(text, random.Random(seed))
    pieces = iter(re.findall(r"\S+|\s+", found))
    missing = [piece for piece in re.findall(r"\S+|\s+", text) if piece not in pieces]
    assert missing == []


@pytest.mark.parametrize("pair", read_pairs("contractions.tsv"), ids=lambda pair: pair[1])
def test_listed_pair_is_expanded_back(pair):
    long, short = pair
    contracted = Contraction().rewrite(f"so {long} here", random.Random(0))
    assert contracted == f"so {short} here"
    assert (
        Contraction().rewrite(Expansion().rewrite(contracted, random.Random(0)), random.Random(0))
        == contracted
    )


@given(
    st.sampled_from(read_pairs("contractions.tsv")), st.sampled_from([str.upper, str.capitalize, str.lower])
)
def test_case_of_the_first_letter_survives_expansion(pair, case):
    short = case(pair[1])
    found = Expansion().rewrite(short, random.Random(0))
    assert found[0].isupper() == short[0].isupper()


@given(st.text(min_size=1, max_size=8), st.text(max_size=8))
def test_match_case_never_changes_more_than_case(word, like):
    assert match_case(word, like) in {word, word.upper(), word[:1].upper() + word[1:]}


@pytest.mark.parametrize("filler", read_lines("fillers.txt"))
def test_filler_is_plain_words(filler):
    assert re.fullmatch(r"[A-Za-z' ]+", filler)
