"""Forms of words by rule and by list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.perturbations._inflection import PARTS, inflect


@pytest.mark.parametrize(
    ("lemma", "plural"),
    [
        ("cat", "cats"), ("box", "boxes"), ("boss", "bosses"), ("church", "churches"), ("dish", "dishes"),
        ("city", "cities"), ("boy", "boys"), ("thief", "thieves"), ("child", "children"), ("hero", "heroes"),
        ("photo", "photos"), ("clothing", "clothing"), ("life story", "life stories"), ("y", "ys"),
    ],
)  # fmt: skip
def test_plural(lemma, plural):
    assert inflect(lemma, "noun") == {"base": lemma, "plural": plural}


@pytest.mark.parametrize(
    ("lemma", "forms"),
    [
        ("walk", "walks walked walked walking"),
        ("carry", "carries carried carried carrying"),
        ("play", "plays played played playing"),
        ("stop", "stops stopped stopped stopping"),
        ("quit", "quits quit quit quitting"),
        ("look", "looks looked looked looking"),
        ("show", "shows showed shown showing"),
        ("fix", "fixes fixed fixed fixing"),
        ("omit", "omits omitted omitted omitting"),
        ("visit", "visits visited visited visiting"),
        ("move", "moves moved moved moving"),
        ("agree", "agrees agreed agreed agreeing"),
        ("flee", "flees fled fled fleeing"),
        ("die", "dies died died dying"),
        ("mimic", "mimics mimicked mimicked mimicking"),
        ("catch", "catches caught caught catching"),
        ("have", "has had had having"),
        ("be", "is was been being"),
        ("go", "goes went gone going"),
        ("undergo", "undergoes underwent undergone undergoing"),
        ("set up", "sets set set setting"),
        ("leave out", "leaves left left leaving"),
    ],
)
def test_verb(lemma, forms):
    _, blank, rest = lemma.partition(" ")
    found = inflect(lemma, "verb")
    assert [found[slot] for slot in ("third", "past", "participle", "gerund")] == [
        form + blank + rest for form in forms.split()
    ]


@pytest.mark.parametrize(
    ("lemma", "higher", "highest"),
    [
        ("big", "bigger", "biggest"),
        ("wide", "wider", "widest"),
        ("cheap", "cheaper", "cheapest"),
        ("happy", "happier", "happiest"),
        ("shy", "shyer", "shyest"),
        ("modern", "more modern", "most modern"),
        ("beautiful", "more beautiful", "most beautiful"),
        ("good", "better", "best"),
        ("real", "more real", "most real"),
        ("unhappy", "unhappier", "unhappiest"),
        ("good-looking", "more good-looking", "most good-looking"),
    ],
)
def test_adjective(lemma, higher, highest):
    assert inflect(lemma, "adjective") == {"base": lemma, "comparative": higher, "superlative": highest}


def test_several_words_are_not_compared():
    assert inflect("very funny", "adjective") == {"base": "very funny"}


def test_adverb_stays():
    assert inflect("soon", "adverb") == {"base": "soon"}


@given(st.from_regex(r"[a-z]{1,12}( [a-z]{1,5})?", fullmatch=True), st.sampled_from(PARTS))
def test_any_word_has_forms(word, part):
    found = inflect(word, part)
    assert found["base"] == word
    assert all(form and form == form.lower() for form in found.values())
