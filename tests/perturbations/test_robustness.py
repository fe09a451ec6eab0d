"""Each edit does what it says, to any text."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.perturbations import Contraction, Expansion, ExtraSpace, FillerWords, Lowercase, Space, Typos
from longwave.perturbations._words import read_lines, read_pairs

ALL = [Lowercase(), Space(), ExtraSpace(), Contraction(), Expansion(), Typos(), FillerWords()]
LONG, SHORT = zip(*read_pairs("contractions.tsv"), strict=True)
prose = st.lists(
    st.sampled_from(
        [*LONG, *SHORT, "It Is", "DO NOT", "dog", "Ünï", "42", ".", " ", "  ", "\n", "\t", "it’s"]
    ),
    max_size=12,
).map(" ".join)
texts = st.one_of(st.text(), prose)


def rewrite(perturbation, text, seed=0):
    return perturbation.rewrite(text, random.Random(seed))


@pytest.mark.parametrize("perturbation", ALL, ids=lambda p: p.name)
@pytest.mark.parametrize(
    "text", ["", "\n", "…", "42", "日本"], ids=["empty", "line-end", "sign", "number", "script"]
)
def test_text_without_letters_is_survived(perturbation, text):
    found = rewrite(perturbation, text)
    assert found == text or (isinstance(perturbation, FillerWords) and found.endswith(text))


@pytest.mark.parametrize("perturbation", ALL, ids=lambda p: p.name)
@given(texts, st.integers())
def test_length_is_bounded(perturbation, text, seed):
    longest = 2 + max(map(len, read_lines("fillers.txt")))
    assert len(rewrite(perturbation, text, seed)) <= longest * max(1, len(text))


@given(texts)
def test_lowercase_is_the_lower_text(text):
    assert rewrite(Lowercase(), text) == text.lower()


@given(texts, st.integers())
def test_space_changes_nothing_but_runs_of_blanks(text, seed):
    found = rewrite(Space(), text, seed)
    assert re.sub(" +", " ", found) == re.sub(" +", " ", text)
    assert "    " not in found


def test_space_draws_every_length():
    runs = {len(run) for run in re.findall(" +", rewrite(Space(), "a " * 200))}
    assert runs == {1, 2, 3}


@given(texts)
def test_extra_space_doubles_each_blank(text):
    found = rewrite(ExtraSpace(), text)
    assert (found.count(" "), found.replace(" ", "")) == (2 * text.count(" "), text.replace(" ", ""))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("it is late", "it's late"),
        ("Yes, it is.", "Yes, it is."),
        ("it is", "it is"),
        ("It is I", "It's I"),
        ("IT IS ON", "IT'S ON"),
        ("I am here and I AM there", "I'm here and I'M there"),
        ("bit is set", "bit is set"),
        ("it isn't so", "it isn't so"),
        ("do not do not do", "don't don't do"),
        ("it\nis so", "it\nis so"),
        ("you could have come", "you could've come"),
        ("let us go", "let's go"),
        ("you cannot have it", "you can't have it"),
    ],
)
def test_contraction(text, want):
    assert rewrite(Contraction(), text) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("it's late", "it is late"),
        ("It’s late", "It is late"),
        ("DON'T", "DO NOT"),
        ("I'd say I’ll go", "I would say I will go"),
        ("can't, won't.", "cannot, will not."),
        ("bit's", "bit's"),
        ("the dog's bone", "the dog's bone"),
        ("don't don't", "do not do not"),
        ("it's've", "it's've"),
    ],
)
def test_expansion(text, want):
    assert rewrite(Expansion(), text) == want


@pytest.mark.parametrize(("long", "short"), read_pairs("contractions.tsv"), ids=SHORT)
def test_pair_goes_both_ways(long, short):
    assert rewrite(Contraction(), f"{long} so") == f"{short} so"
    assert rewrite(Expansion(), short) == long


@given(prose)
def test_expansion_leaves_no_short_form(text):
    assert rewrite(Expansion(), rewrite(Expansion(), text)) == rewrite(Expansion(), text)


def test_list_has_no_form_twice():
    assert len(set(LONG)) == len(set(SHORT)) == len(LONG)


@given(texts, st.integers())
def test_typos_keep_length_and_case(text, seed):
    found = rewrite(Typos(rate=1.0), text, seed)
    assert [letter.isupper() for letter in found] == [letter.isupper() for letter in text]


@given(texts, st.integers())
def test_full_rate_hits_every_latin_letter_and_nothing_else(text, seed):
    found = rewrite(Typos(rate=1.0), text, seed)
    pairs = list(zip(text, found, strict=True))
    assert all((a != b) == (a.lower() in "abcdefghijklmnopqrstuvwxyz") for a, b in pairs)


@given(texts)
def test_rate_zero_changes_nothing(text):
    assert rewrite(Typos(rate=0.0), text) == text == rewrite(FillerWords(rate=0.0), text)


def test_rate_is_met():
    text = "n" * 20_000
    found = rewrite(Typos(), text)
    assert sum(a != b for a, b in zip(text, found, strict=True)) / 20_000 == pytest.approx(0.1, abs=0.01)


@given(prose, st.integers())
def test_letters_hit_at_a_lower_rate_are_hit_at_a_higher_one(text, seed):
    few, many = (rewrite(Typos(rate=rate), text, seed) for rate in (0.1, 0.5))
    assert all(b == c or a == b for a, b, c in zip(text, few, many, strict=True))


@pytest.mark.parametrize(
    ("letter", "near"),
    [("q", "wa"), ("g", "tyfhvb"), ("p", "ol"), ("z", "asx"), ("m", "jkn"), ("s", "weadzx")],
)
def test_neighbours_touch_on_the_keyboard(letter, near):
    drawn = {rewrite(Typos(rate=1.0), letter, seed) for seed in range(200)}
    assert drawn == set(near)


@given(texts, st.integers())
def test_fillers_leave_words_and_space_as_they_are(text, seed):
    found = rewrite(FillerWords(rate=1.0), text, seed)
    fillers = "|".join(map(re.escape, sorted(read_lines("fillers.txt"), key=len, reverse=True)))
    assert re.sub(rf"(?:{fillers}) (\S+)", r"\1", found) == text or re.search(fillers, text)


def test_filler_rate_is_met():
    found = rewrite(FillerWords(), "x " * 5000)
    plain = 1 + len(
        re.findall("(?<=x )x", found)
    )  # those that follow an x at once; the first follows nothing
    assert 1 - plain / 5000 == pytest.approx(0.3, abs=0.03)


def test_fillers_hold_no_negation():
    assert not any(re.search(r"\b(not|no|never|n't)\b", filler) for filler in read_lines("fillers.txt"))


@pytest.mark.parametrize("make", [Typos, FillerWords], ids=["typos", "fillers"])
@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan")])
def test_rate_that_is_no_probability_is_refused(make, rate):
    with pytest.raises(ConfigError, match=f"rate is {rate}; accepted are probabilities"):
        make(rate=rate)


@pytest.mark.parametrize(
    ("make", "text"),
    [(lambda: Space(max_spaces=0), "max_spaces is 0"), (lambda: ExtraSpace(n_spaces=0), "n_spaces is 0")],
    ids=["space", "extra-space"],
)
def test_no_blanks_are_refused(make, text):
    with pytest.raises(ConfigError, match=text):
        make()
