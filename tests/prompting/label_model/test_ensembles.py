"""Votes of several models side by side."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.errors import ConfigError, ShapeError
from longwave.prompting.label_model import LabelModel, VoteSource, join_votes
from longwave.prompting.label_model.sources import clique, confusion


def test_columns_remember_their_model_and_prompt():
    joined = join_votes({"a": [[0, 1], [1, 1]], "b": [[0], [-1]]})
    assert joined.votes.tolist() == [[0, 1, 0], [1, 1, -1]]
    assert joined.models == ("a", "a", "b")
    assert joined.prompts == (0, 1, 0)
    assert joined.columns_of("a") == [0, 1]


def test_edges_join_the_prompts_of_one_model():
    joined = join_votes({"a": [[0, 1, 1]], "b": [[0, 1]]})
    assert joined.edges_of_models() == ((0, 1), (0, 2), (1, 2), (3, 4))


def test_models_that_err_as_one_are_given_one_voice():
    groups = tuple(clique(confusion(a, 2), [confusion(a, 2)] * 3, [0.9] * 3) for a in (0.8, 0.75, 0.7, 0.65))
    drawn = VoteSource(class_balance=np.array([0.5, 0.5]), groups=groups).sample(1500, 0)
    joined = join_votes({f"model{i}": drawn.votes[:, 3 * i : 3 * i + 3] for i in range(4)})
    learned = LabelModel().fit(joined.votes)
    told = LabelModel(dependencies=joined.edges_of_models()).fit(joined.votes)
    assert learned.edges_ == joined.edges_of_models()
    assert told.predict_proba(joined.votes) == pytest.approx(learned.predict_proba(joined.votes))


def test_an_unknown_model_is_named():
    with pytest.raises(ConfigError, match='No votes of "c" were joined'):
        join_votes({"a": [[0]], "b": [[1]]}).columns_of("c")


def test_one_model_at_least():
    with pytest.raises(ConfigError, match="no votes to join"):
        join_votes({})


def test_models_must_have_the_same_instances():
    with pytest.raises(ShapeError, match=r"\{'a': 1, 'b': 2\}"):
        join_votes({"a": [[0]], "b": [[1], [0]]})
