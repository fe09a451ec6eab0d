"""Chains for instances that no file is for."""

from __future__ import annotations

import pytest

from longwave.prompting.ama import generic_chains, kind_of, vary_chains, write_transcript
from longwave.scenarios.base import Instance, PromptFormat, Reference

PROMPT = PromptFormat(method="generation", max_tokens=7, stop=("\n",))


def make(n, options, *, right=0, input="Is it {n}?"):
    return Instance(
        id=str(n),
        input=input.format(n=n),
        references=tuple(
            Reference(text=text.format(n=n), tags=("correct",) if right in (place, "all") else ())
            for place, text in enumerate(options)
        ),
        split="test",
    )


def many(*options, **more):
    return [make(n, options, **more) for n in range(3)]


@pytest.mark.parametrize(
    ("instances", "kind"),
    [
        (many("Yes", "No"), "claim"),
        (many("False", "True"), "claim"),
        (many("not_entailment", "entailment"), "claim"),
        (many("good", "bad"), "classes"),
        (many("entailment", "neutral", "contradiction"), "classes"),
        (many("{n}", "more"), "options"),
        (many("a{n}", "b{n}", input=""), "bare"),
        (many("{n}"), "answer"),
        (many("{n}", "n{n}", right="all"), "answer"),
        ([], "answer"),
        ([*many("Yes", "No"), make(9, ("free",))], "answer"),
    ],
)
def test_instances_tell_their_kind(instances, kind):
    assert kind_of(instances) == kind


@pytest.mark.parametrize(
    "instances",
    [many("Yes", "No"), many("good", "bad"), many("{n}", "more"), many("a", "b", input=""), many("{n}")],
    ids=["claim", "classes", "options", "bare", "answer"],
)
def test_general_chains_lead_to_the_label(instances):
    for chain in generic_chains(PROMPT, instances):
        assert write_transcript(chain, instances[0]).endswith(f"vote: {instances[0].label}\n")


def test_free_answers_may_be_as_long_as_the_scenario_says():
    chains = generic_chains(PROMPT, many("{n}"))
    assert {
        step.max_tokens for chain in chains for step in chain.steps if step.name in chain.decisions[-1].of
    } == {7}
    long = generic_chains(PromptFormat(method="generation", stop=("END",)), many("{n}"))
    assert long[0].steps[0].parse == "all"


def test_more_votes_show_other_demonstrations():
    chains = generic_chains(PROMPT, many("{n}", "more"))
    more = vary_chains(chains, 12)
    assert more[:5] == chains
    shown = {write_transcript(chain, many("{n}", "more")[0]) for chain in more}
    assert len(shown) == len(more)
    assert vary_chains(chains, 12) == more
    assert len(vary_chains(chains, 2)) == 2
