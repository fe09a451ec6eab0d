from __future__ import annotations

from collections import Counter

import pytest

from longwave.scenarios import get_scenario

SIZES = {
    "boolq": {"train": 10, "valid": 59},
    "imdb": {"train": 60, "valid": 200},
    "mmlu": {"train": 25, "test": 400},
    "natural_qa_closedbook": {"train": 100, "valid": 400},
    "openbookqa": {"train": 100, "test": 500},
    "truthful_qa": {"train": 80, "valid": 320},
}


@pytest.mark.parametrize("name", SIZES)
def test_splits_have_the_documented_sizes(name):
    assert Counter(instance.split for instance in get_scenario(name).load()) == SIZES[name]


def test_mmlu_groups_are_its_five_subjects():
    assert len({instance.group for instance in get_scenario("mmlu").load()}) == 5


def test_imdb_keeps_its_contrast_reviews():
    assert all(instance.extra["contrast_inputs"] for instance in get_scenario("imdb").load())
