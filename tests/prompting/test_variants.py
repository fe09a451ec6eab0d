"""How many ways a scenario is asked in."""

from __future__ import annotations

import logging

import pytest

from longwave.prompting import AskMeAnything, Generation, ama_variants, own_variant
from longwave.scenarios import get_scenario


def variants(name, **more):
    scenario = get_scenario(name)
    return ama_variants(scenario, scenario.load(), **{"votes": 5, **more})


def test_the_own_variant_is_what_the_scenario_says():
    scenario = get_scenario("boolq")
    found = own_variant(scenario, scenario.load())
    assert (found.name, found.n_examples, found.has_trials) == ("generation-5-shot", 5, True)
    evaluated = [instance for instance in scenario.load() if instance.split == "valid"]
    assert not own_variant(scenario, evaluated).has_trials
    assert not own_variant(get_scenario("blimp"), get_scenario("blimp").load()).has_trials


def test_votes_are_numbered_from_one():
    found = variants("boolq", votes=3)
    assert [variant.name for variant in found] == ["ama-1", "ama-2", "ama-3"]
    assert all(isinstance(variant.method, AskMeAnything) and not variant.has_trials for variant in found)


def test_chains_that_draw_examples_have_a_seed_each():
    assert [(variant.n_examples, variant.seed) for variant in variants("imdb", votes=4)] == [
        (6, 1),
        (6, 2),
        (6, 3),
        (6, 3),
    ]


def test_long_answers_are_asked_for_by_the_own_prompt_with_other_examples():
    found = variants("gsm", votes=3)
    assert [(variant.name, variant.seed) for variant in found] == [("ama-1", 0), ("ama-2", 1), ("ama-3", 2)]
    assert all(isinstance(variant.method, Generation) and variant.n_examples == 5 for variant in found)


@pytest.mark.parametrize("name", ["books", "bold", "code_humaneval", "synthetic_efficiency"])
def test_what_has_no_answer_to_vote_on_keeps_its_own_prompt(name, caplog):
    with caplog.at_level(logging.WARNING):
        found = variants(name)
    assert [variant.name.startswith("ama-") for variant in found] == [False]
    assert f'"{name}@1" has no answers to vote on' in caplog.text


def test_a_file_that_is_named_is_used_for_any_scenario():
    assert variants("boolq", file="drop", votes=1)[0].method.chain.decisions[0].rule == "text"
