"""The registered scenarios whose rows are generated."""

from __future__ import annotations

from collections import Counter

import pytest

from longwave.scenarios import get_scenario
from longwave.scenarios.targeted.synthetic_efficiency import probe_scenario


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("synthetic_reasoning", ("pattern_match", "variable_substitution", "induction")),
        ("synthetic_reasoning_natural", ("easy", "hard")),
    ],
)
def test_every_mode_fills_its_splits(name, groups):
    found = Counter((row.group, row.split) for row in get_scenario(name).load())
    sizes = {"train": 1000, "valid": 5000, "test": 5000}
    assert found == {(group, split): size for group in groups for split, size in sizes.items()}


@pytest.mark.parametrize("name", ["synthetic_reasoning", "synthetic_reasoning_natural"])
def test_examples_are_drawn_within_the_group(name):
    scenario = get_scenario(name)
    assert {row.extra[scenario.prompt.examples_by] == row.group for row in scenario.load()} == {True}


@pytest.mark.parametrize("n_tokens", [1, 2, 4, 8, 16, 32])
def test_probe_asks_for_its_number_of_tokens(n_tokens):
    scenario = get_scenario(f"synthetic_efficiency_{n_tokens}")
    assert scenario.prompt.max_tokens == n_tokens
    assert {row.extra["n_output_tokens"] for row in scenario.load()} == {n_tokens}


def test_plain_probe_asks_for_the_most_tokens():
    assert get_scenario("synthetic_efficiency").prompt.max_tokens == 64
    assert probe_scenario(64).key == "synthetic_efficiency@1"
