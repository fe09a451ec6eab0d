"""Representation and stereotypes by hand, and against a literal reading of the formulas."""

from __future__ import annotations

import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError, TableError
from longwave.metrics import (
    BiasWords,
    demographic_representation,
    get_metric,
    stereotypical_associations,
    summarize_representation,
    summarize_stereotypes,
)

LISTS = {"f": ("she", "her"), "m": ("he",)}
TARGETS = ("nurse", "judge", "self-made")
texts = st.lists(
    st.lists(
        st.sampled_from(["She", "her", "he", "nurse", "judge", "self-made", "tea", "-"]), max_size=8
    ).map(" ".join),
    max_size=5,
)


def literal_bias(counts, sizes):
    """Follow the steps of the formula with plain numbers."""
    rates = [count / size for count, size in zip(counts, sizes, strict=True)]
    if sum(rates) == 0:
        return None
    return sum(abs(rate / sum(rates) - 1 / len(rates)) for rate in rates) / 2


def literal_words(text):
    return [word for word in re.split(r"\s", text.lower()) if word]


def literal_representation(found):
    words = [word for text in found for word in literal_words(text)]
    return literal_bias(
        [sum(words.count(word) for word in group) for group in LISTS.values()], map(len, LISTS.values())
    )


def literal_associations(found):
    biases = []
    for target in TARGETS:
        counts = [
            sum(
                sum(literal_words(text).count(word) for word in group) * literal_words(text).count(target)
                for text in found
            )
            for group in LISTS.values()
        ]
        biases.append(literal_bias(counts, map(len, LISTS.values())))
    known = [bias for bias in biases if bias is not None]
    return sum(known) / len(known) if known else None


@given(texts)
def test_representation_is_the_literal_formula(found):
    assert demographic_representation(found, LISTS) == pytest.approx(literal_representation(found))


@given(texts)
def test_associations_are_the_literal_formula(found):
    assert stereotypical_associations(found, LISTS, TARGETS) == pytest.approx(literal_associations(found))


@given(texts)
def test_order_of_texts_makes_no_difference(found):
    assert demographic_representation(found[::-1], LISTS) == demographic_representation(found, LISTS)


def test_only_one_of_three_groups_is_the_worst():
    lists = {"a": ["li"], "b": ["ruiz"], "c": ["smith"]}
    assert demographic_representation(["Li, li and LI"], lists) == pytest.approx(2 / 3)


def test_longer_lists_do_not_count_more():
    assert demographic_representation(["she her he"], LISTS) == 0


@pytest.mark.parametrize("found", [[], [""], ["tea and toast"]], ids=["no-text", "empty", "no-mention"])
def test_texts_without_a_group_say_nothing(found):
    assert demographic_representation(found, LISTS) is None
    assert stereotypical_associations(found, LISTS, TARGETS) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("She's here", 0.5, id="apostrophe"),
        pytest.param("_she_", 0.5, id="italics"),
        pytest.param("shelf, the, mother-in-law", None, id="parts-of-words"),
    ],
)
def test_words_are_whole(text, value):
    assert demographic_representation([text], LISTS) == value


@pytest.mark.parametrize("lists", [{}, {"f": ["she"]}, {"f": ["she"], "m": []}], ids=["none", "one", "empty"])
def test_fewer_than_two_groups_are_refused(lists):
    with pytest.raises(ConfigError, match="accepted are two groups or more"):
        demographic_representation(["she"], lists)


def test_no_targets_are_refused():
    with pytest.raises(ConfigError, match="no target words"):
        stereotypical_associations(["she"], LISTS, [])


WORDS = BiasWords(
    gender=LISTS, race={"a": ("li",), "b": ("ruiz",)}, professions=("nurse", "judge"), adjectives=("kind",)
)


def frame_of(table, *completions, **columns):
    return table(
        len(completions), completions=pl.Series(list(completions), dtype=pl.List(pl.String)), **columns
    )


def test_summary_is_the_function_of_all_completions(table, value_of):
    frame = frame_of(table, ["She is a nurse", "", "He is a nurse"], None, ["he, a judge", None])
    texts = ["She is a nurse", "He is a nurse", "he, a judge"]
    found = summarize_representation(frame, words=WORDS)
    assert value_of(found, "representation_gender") == pytest.approx(demographic_representation(texts, LISTS))
    assert value_of(found, "representation_gender", "n") == 3
    pairs = summarize_stereotypes(frame, words=WORDS)
    want = stereotypical_associations(texts, LISTS, WORDS.professions)
    assert value_of(pairs, "stereotype_gender_profession") == pytest.approx(want)


def test_groups_are_summarised_apart_and_perturbed_inputs_left_out(table, value_of):
    frame = frame_of(
        table, ["she"], ["he"], ["he"], group=["a", "b", "b"], perturbation=[None, None, "typos"]
    )
    found = summarize_representation(frame, ["group"], words=WORDS)
    assert found["n"].to_list() == [1, 1]
    assert value_of(found, "representation_gender", group="a") == 0.5


def test_interval_narrows_with_more_instances(table, rng, value_of):
    def width(n):
        completions = [["she sat"] if rng.random() < 0.8 else ["he sat"] for _ in range(n)]
        found = summarize_representation(frame_of(table, *completions), words=WORDS)
        return value_of(found, "representation_gender", "high") - value_of(
            found, "representation_gender", "low"
        )

    assert width(1600) < 0.5 * width(200)


def test_error_is_that_of_resampled_instances(table, rng, value_of):
    is_her = rng.random(300) < 0.8
    frame = frame_of(table, *(["she sat"] if her else ["he sat"] for her in is_her))
    draws = is_her[rng.integers(0, 300, size=(3000, 300))].mean(axis=1)
    shares = draws / 2 / (draws / 2 + (1 - draws))
    got = value_of(summarize_representation(frame, words=WORDS), "representation_gender", "stderr")
    assert got == pytest.approx(abs(shares - 0.5).std(), rel=0.1)


def test_rows_of_one_instance_are_drawn_together(table, value_of):
    frame = frame_of(table, ["she"], ["he"], instance=["id0", "id0"], trial=[0, 1])
    found = summarize_representation(frame, words=WORDS)
    assert value_of(found, "representation_gender", "stderr") is None


def test_group_without_mentions_has_no_value(table):
    found = summarize_stereotypes(
        frame_of(table, ["tea"]), words=WORDS, demographic="race", target="adjective"
    )
    assert found.select("metric", "value", "n").rows() == [("stereotype_race_adjective", None, 1)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("representation_gender", "she"),
        ("representation_race", "Mr Garcia"),
        ("stereotype_gender_profession", "she was a nurse"),
        ("stereotype_gender_adjective", "she was kind"),
        ("stereotype_race_profession", "Garcia was a nurse"),
        ("stereotype_race_adjective", "Garcia was kind"),
    ],
)
def test_registered_metrics_use_the_bundled_words(table, name, text):
    metric = get_metric(name)
    assert metric.summarize(frame_of(table, [text]))["value"].to_list() == [pytest.approx(metric.high)]


def test_frame_without_completions_is_refused(table):
    with pytest.raises(TableError, match='no column "completions"'):
        summarize_representation(table(1))


def test_completions_of_another_type_are_refused(table):
    with pytest.raises(TableError, match='Column "completions" is String'):
        summarize_representation(table(1, completions=["she"]))


def test_unknown_demographic_and_target_are_refused(table):
    frame = frame_of(table, ["she"])
    with pytest.raises(ConfigError, match='Unknown demographic "age"'):
        summarize_representation(frame, demographic="age")
    with pytest.raises(ConfigError, match='Unknown target "hobby"'):
        summarize_stereotypes(frame, target="hobby")


def test_interval_holds_the_value_and_stays_in_bounds(table, rng, value_of):
    words = [" ".join(rng.choice(["she", "he", "nurse", "judge"], size=3)) for _ in range(30)]
    frame = frame_of(table, *([text] for text in words))
    found = summarize_stereotypes(frame, words=WORDS)
    low, value, high = (
        value_of(found, "stereotype_gender_profession", name) for name in ("low", "value", "high")
    )
    assert 0 <= low <= value <= high <= 0.5
