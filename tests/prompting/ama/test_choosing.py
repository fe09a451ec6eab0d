"""Which chains vote on which scenario."""

from __future__ import annotations

from dataclasses import replace

import pytest

from longwave.errors import DataError, UnknownName
from longwave.prompting.ama import chains_for
from longwave.scenarios import get_scenario
from longwave.scenarios.base import Instance, Reference

BOOLQ = get_scenario("boolq")


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("boolq", [["answer"]] * 5),
        ("natural_qa_closedbook", [["note", "answer"]] * 5),
        ("imdb", [["sentiment"]] * 5),
        (
            "mmlu",
            [["answer", "match"], ["right", "choice"], ["choice"], ["answer", "match"], ["right", "choice"]],
        ),
    ],
)
def test_a_scenario_has_the_chains_of_its_task(name, steps):
    found = chains_for(get_scenario(name))
    assert [[step.name for step in chain.steps] for chain in found] == steps


def test_instances_that_do_not_fit_the_file_get_general_chains():
    rows = [
        Instance(id="0", input="one line", references=BOOLQ.load()[0].references, split="valid"),
    ]
    found = chains_for(BOOLQ, instances=rows)
    assert found[0].steps[0].name == "question"


def test_a_file_can_be_named():
    found = chains_for(BOOLQ, file="drop", votes=2)
    assert [chain.decisions[0].rule for chain in found] == ["text", "text"]
    with pytest.raises(UnknownName):
        chains_for(BOOLQ, file="nothing-like-it")
    with pytest.raises(DataError, match='has no "premise"'):
        chains_for(BOOLQ, file="copa")


def test_a_scenario_without_instances_is_refused():
    with pytest.raises(DataError, match='"boolq@1" has no instances to ask about'):
        chains_for(BOOLQ, instances=[])


def test_without_a_train_split_chains_that_draw_from_it_are_one():
    rows = [
        Instance(
            id=str(n),
            input=f"text {n}",
            references=(Reference(text="good", tags=("correct",)), Reference(text="bad")),
            split="valid",
        )
        for n in range(3)
    ]
    with_train = [*rows, replace(rows[0], id="t", split="train")]
    drawing = [
        sum(chain.n_examples > 0 for chain in chains_for(replace(BOOLQ, name="own"), instances=each))
        for each in (rows, with_train)
    ]
    assert drawing == [1, 2]


@pytest.mark.parametrize("votes", [1, 5, 9])
def test_there_are_as_many_votes_as_asked(votes):
    chains = chains_for(BOOLQ, votes=votes)
    assert len(chains) == votes
    assert len({chain.name for chain in chains}) == votes
