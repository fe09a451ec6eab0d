"""Names are exchanged one for one, the same in all texts of an instance."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.perturbations import PersonName
from longwave.perturbations._words import read_forms, read_lines
from longwave.scenarios.base import Reference

FIRST, LAST = dict(read_forms("first_names.tsv")), dict(read_forms("last_names.tsv"))
WHITE = [name for name, marks in FIRST.items() if marks[0] == "white"]
names = st.lists(st.sampled_from(WHITE), min_size=1, max_size=8, unique=True)


def rewrite(text, seed=0, **fields):
    return PersonName(**fields).rewrite(text, random.Random(seed))


@pytest.mark.parametrize("name", WHITE)
def test_name_becomes_one_of_the_other_race_and_the_same_gender(name):
    found = rewrite(f"It was {name}.").removeprefix("It was ").removesuffix(".")
    assert FIRST[found] == ("black", FIRST[name][1])


@given(names, st.integers(0, 99))
def test_different_people_keep_different_names(people, seed):
    found = rewrite(" and ".join(people), seed).split(" and ")
    assert len(set(found)) == len(people)


@given(names, st.integers(0, 99))
def test_a_person_keeps_one_name_in_every_case(people, seed):
    text = " and ".join([*people, *(name.upper() for name in people), *(name.lower() for name in people)])
    found = rewrite(text, seed).split(" and ")
    n = len(people)
    assert [name.upper() for name in found[:n]] == found[n : 2 * n]
    assert [name.lower() for name in found[:n]] == found[2 * n :]


@given(st.integers(0, 99))
def test_a_new_name_did_not_stand_there_before(seed):
    taken = [name for name, marks in FIRST.items() if marks == ("black", "male")][:-1]
    free = next(name for name, marks in reversed(FIRST.items()) if marks == ("black", "male"))
    assert rewrite(" ".join(["Josh", *taken]), seed).split()[0] == free


def test_more_people_than_names_share_them():
    words = (("Al", ("white", "male")), ("Bo", ("white", "male")), ("Cy", ("black", "male")))
    assert rewrite("Al and Bo", words=words) == "Cy and Cy"


def test_name_is_the_same_in_input_and_references(make_instance):
    references = (
        Reference(text="Emily", tags=("correct",)),
        Reference(text="Josh"),
        Reference(text="EMILY'S"),
    )
    copy = PersonName().perturb(make_instance("Did Emily call? emily did.", references=references))
    new = re.fullmatch("Did (.+) call[?] (.+) did[.]", copy.input)
    assert new[1].lower() == new[2]
    assert [r.text for r in copy.references][::2] == [new[1], new[1].upper() + "'S"]
    assert copy.references[1].text not in ("Josh", new[1])


@pytest.mark.parametrize(
    "text",
    [
        "frank words",
        "a chip",
        "Emilys",
        "Anna-Emily",
        "Emily-like",
        "_Emily_",
        "Latisha",
        "",
        "the amber light",
    ],
)
def test_what_is_no_listed_name_stays(text):
    assert rewrite(text) == text


@pytest.mark.parametrize(
    "text", ["Emily", "emily", "EMILY", "Emily's", "(Emily)", "Emily.", "'Emily'", "Sue-Ellen"]
)
def test_a_name_is_found_at_both_ends_and_in_any_case(text):
    assert rewrite(text) != text


def test_ordinary_word_is_a_name_where_the_name_stands_too():
    assert "frank" not in rewrite("Frank Sinatra. Question: where was frank sinatra born").lower()


def test_inner_capitals_of_a_new_name_stay():
    words = (("Josh", ("white", "male")), ("DeShawn", ("black", "male")))
    assert rewrite("Josh JOSH josh", words=words) == "DeShawn DESHAWN deshawn"


def test_any_gender_crosses_over():
    found = {FIRST[rewrite("Emily", seed, any_gender=True)][1] for seed in range(40)}
    assert found == {"female", "male"}


@pytest.mark.parametrize("target", ["black", "asian", "hispanic"])
def test_last_names(target):
    assert LAST[rewrite("Smith", part="last", target=target)] == (target,)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "person-name"),
        ({"rate": 0.5}, "person-name-0.5"),
        ({"source": "black", "target": "white"}, "person-name-black-white"),
        ({"part": "last"}, "person-name-last-white-black"),
        ({"part": "last", "target": "asian"}, "person-name-last-white-asian"),
        ({"any_gender": True}, "person-name-any-gender"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_parameters_are_in_the_name(fields, name):
    assert PersonName(**fields).name == name


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"part": "middle"}, 'part is "middle"; accepted are first and last'),
        ({"target": "asian"}, 'target is "asian"; the list of first names has black, white'),
        ({"part": "last", "source": "green"}, 'source is "green"; the list of last names has asian, black'),
        ({"target": "white"}, 'source and target are both "white"'),
        ({"words": (("Al", ()),)}, "accepted are a word and at least one form"),
    ],
    ids=["part", "target", "source", "same", "words"],
)
def test_wrong_parameters_are_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        PersonName(**fields)


@pytest.mark.parametrize("race", ["white", "black"])
@pytest.mark.parametrize("gender", ["female", "male"])
def test_at_least_twenty_first_names_are_listed(race, gender):
    assert sum(marks == (race, gender) for marks in FIRST.values()) >= 20


@pytest.mark.parametrize("race", ["white", "black", "asian", "hispanic"])
def test_at_least_twenty_last_names_are_listed(race):
    assert sum(marks == (race,) for marks in LAST.values()) >= 20


def test_words_that_hide_names_are_listed_names():
    listed = {name.lower() for name in (*FIRST, *LAST)}
    assert set(read_lines("name_words.txt")) <= listed


def test_edit_is_pinned(make_instance):
    """A change of this text changes every published fairness: it needs another name."""
    text = "Emily and Matthew met Emily's friend Heather."
    assert PersonName().perturb(make_instance(text)).input == "Yvette and Jamel met Yvette's friend Aiesha."
