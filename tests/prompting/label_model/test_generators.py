"""Kinds of vote sources: every one can be made, is reproducible and has a reachable ceiling."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.errors import UnknownName
from longwave.prompting.label_model import GENERATORS, make_source, make_votes

NAMES = sorted(GENERATORS)


@pytest.mark.parametrize("name", NAMES)
def test_distributions_add_up_to_one(name):
    source = make_source(name, 0)
    assert source.class_balance.sum() == pytest.approx(1)
    for group in source.groups:
        assert group.hidden.sum(axis=1) == pytest.approx(np.ones(source.n_classes))
        assert group.emission.sum(axis=-1) == pytest.approx(np.ones(group.emission.shape[:-1]))


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_fixes_source_and_votes(name):
    first, again = make_votes(name, 60, 5), make_votes(name, 60, 5)
    assert (first.votes == again.votes).all()
    assert (first.labels == again.labels).all()


@pytest.mark.parametrize("name", NAMES)
def test_knowing_the_truth_beats_every_single_prompt(name):
    drawn = make_votes(name, 2000, 1)
    said = drawn.votes >= 0
    single = ((drawn.votes == drawn.labels[:, None]) + (~said) / drawn.source.n_classes).mean(axis=0).max()
    assert drawn.oracle_accuracy() > single - 0.02


def test_another_seed_has_other_parameters():
    assert make_source("cliques", 0).n_prompts != make_source("cliques", 1).n_prompts


def test_an_unknown_kind_names_the_nearest():
    with pytest.raises(UnknownName, match='Did you mean "cliques"'):
        make_source("clique", 0)
