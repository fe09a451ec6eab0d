"""Instances as chains see them."""

from __future__ import annotations

import pytest

from longwave.errors import ConfigError, DataError, UnknownName
from longwave.prompting.ama.rows import Row, RowFormat, has_options
from longwave.scenarios.base import Instance, Reference


def make(input="", *, options=(), right=(), perturbation=None, **extra):
    return Instance(
        id="x",
        input=input,
        references=tuple(
            Reference(text=text, tags=("correct",) if text in right else ()) for text in options
        ),
        split="test",
        extra=extra,
        perturbation=perturbation,
    )


TWO = RowFormat(
    fields=("passage", "question"), pattern=r"(?P<passage>.*)\n(?:question: )?(?P<question>[^\n]*)"
)


def test_fields_come_from_the_input_by_a_pattern():
    row = TWO.read(make("One.\nTwo.\nQUESTION: Is it?"))
    assert (row.fields["passage"], row.fields["question"]) == ("One.\nTwo.", "Is it?")


def test_fields_come_from_extra_where_the_input_has_none():
    row = TWO.read(make(passage="p", question="q", n=3, articles=["a", "b"], other={"x": 1}, none=None))
    assert row.fields["question"] == "q"
    assert (row.fields["n"], row.fields["articles"]) == ("3", ("a", "b"))
    assert "other" not in row.fields


def test_the_edited_input_goes_before_extra():
    row = TWO.read(make("P\nQ?", perturbation="typos", passage="p", question="q?"))
    assert (row.fields["passage"], row.fields["question"]) == ("P", "Q?")


def test_a_copy_whose_texts_no_perturbation_edits_is_refused():
    with pytest.raises(DataError, match='copy of "x" by "typos" has "passage" in "extra" alone'):
        TWO.read(make("one line", perturbation="typos", passage="p", question="q"))


def test_a_missing_field_is_named():
    with pytest.raises(DataError, match='Instance "x" has no "question"; the chain needs passage, question'):
        TWO.read(make(passage="p"))


def test_free_answers_are_no_options():
    assert not has_options(make(options=("a", "b"), right=("a", "b")))
    assert not has_options(make(options=("a",), right=("a",)))
    assert RowFormat().read(make(options=("a", "b"), right=("a",))).options == ("a", "b")


@pytest.mark.parametrize(
    ("options", "places"),
    [
        (("True", "False"), (0, 1, None)),
        (("No", "Yes"), (1, 0, None)),
        (("entailment", "neutral", "contradiction"), (0, 2, 1)),
        (("not_entailment", "entailment"), (1, 0, None)),
        (("red", "blue"), (None, None, None)),
    ],
)
def test_votes_stand_for_options(options, places):
    row = Row(fields={}, options=options)
    assert tuple(row.place(vote) for vote in ("yes", "no", "unknown")) == places
    assert all(row.said(place) is not None for place in places if place is not None)
    assert row.said(None) is None


def test_a_chain_says_what_votes_stand_for():
    row = Row(fields={}, options=("ja", "nein"), answers={"yes": ("ja",), "unknown": ("nein",)})
    assert (row.place("yes"), row.place("no"), row.place("unknown")) == (0, None, 1)


@pytest.mark.parametrize(
    ("maker", "given", "made"),
    [
        ("tail", {"hypothesis": "The cat sat on the mat."}, {"stem": "The cat sat", "tail": "on the mat"}),
        ("tail", {"hypothesis": "Stop"}, {"stem": "", "tail": "Stop"}),
        ("marked", {"passage": "It fell on it.", "pronoun": "it"}, {"marked": '"It" fell on it.'}),
        (
            "marked",
            {"passage": "It fell on it.", "pronoun": "it", "pronoun_place": 3},
            {"marked": 'It fell on "it".'},
        ),
        ("marked", {"passage": "Nobody.", "pronoun": "he"}, {"marked": "Nobody."}),
        ("linked", {"premise": "It rained.", "question": "effect"}, {"linked": "It rained so"}),
        ("linked", {"premise": "It rained.", "question": "Cause "}, {"linked": "It rained because"}),
        (
            "articles",
            {"articles": ["a " * 150, "b"]},
            {"first_article": "a " * 99 + "a", "all_articles": "a " * 150 + "\nb"},
        ),
        ("articles", {"articles": "one"}, {"first_article": "one", "all_articles": "one"}),
        ("articles", {"articles": []}, {"first_article": "", "all_articles": ""}),
    ],
)
def test_fields_are_made(maker, given, made):
    fields = RowFormat(fields=tuple(given), make=(maker,)).read(make(**given)).fields
    assert {name: fields[name] for name in made} == made


def test_fields_of_options_are_made():
    asked = make(options=("The dog ran.", "Ann left."), right=("Ann left.",), query="@placeholder, he said.")
    fields = RowFormat(make=("completed", "going_on")).read(asked).fields
    assert fields["completed"] == ("The dog ran., he said.", "Ann left., he said.")
    assert fields["going_on"] == ("the dog ran.", "Ann left.")
    assert fields["options"] == "- The dog ran.\n- Ann left."


def test_the_last_line_is_the_claim():
    fields = RowFormat(make=("claim",)).read(make("One.\nTwo.\nIs it?")).fields
    assert (fields["about"], fields["claim"]) == ("Passage: One.\nTwo.\n", "Is it?")
    assert RowFormat(make=("claim",)).read(make("Is it?")).fields["about"] == ""


def test_a_question_that_is_neither_effect_nor_cause_is_refused():
    with pytest.raises(DataError, match='"question" is "why"; accepted are effect and cause'):
        RowFormat(make=("linked",)).read(make(premise="p", question="why"))


def test_an_unknown_maker_and_a_broken_pattern_are_refused():
    with pytest.raises(UnknownName, match='Unknown maker of fields "tial"'):
        RowFormat(make=("tial",))
    with pytest.raises(ConfigError, match="is no regular expression"):
        RowFormat(pattern="(")
