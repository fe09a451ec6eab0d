"""scikit-learn's manners, for every aggregator."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.prompting.label_model import (
    Aggregator,
    DawidSkene,
    LabelModel,
    LatentClassModel,
    MajorityVote,
    TripletModel,
    WeightedVote,
    make_votes,
    pick_classes,
)

MODELS = (MajorityVote, WeightedVote, DawidSkene, TripletModel, LatentClassModel, LabelModel)
each_model = pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
VOTES = make_votes("independent", 200, 0).votes


@each_model
def test_fit_returns_the_model(make):
    model = make()
    assert model.fit(VOTES) is model
    assert model.n_prompts_ == VOTES.shape[1]


@each_model
def test_the_constructor_only_stores(make):
    model = make(n_classes=4)
    assert model.get_params()["n_classes"] == 4
    assert not [name for name in vars(model) if name.endswith("_")]


@each_model
def test_scikit_learn_can_clone_it(make):
    assert clone(make(n_classes=3)).get_params() == make(n_classes=3).get_params()


@each_model
def test_parameters_can_be_changed(make):
    assert make().set_params(n_classes=5).n_classes == 5


@each_model
def test_an_unknown_parameter_names_the_nearest(make):
    with pytest.raises(ConfigError, match='Did you mean "n_classes"'):
        make().set_params(n_class=3)


@each_model
def test_probabilities_add_up_to_one(make):
    p = make(n_classes=3).fit(VOTES).predict_proba(VOTES)
    assert p.shape == (len(VOTES), 3)
    assert p.sum(axis=1) == pytest.approx(np.ones(len(VOTES)))
    assert (p >= 0).all()


@each_model
def test_fit_predict_is_fit_then_predict(make):
    assert (make().fit_predict(VOTES) == make().fit(VOTES).predict(VOTES)).all()


@each_model
def test_fitting_twice_gives_the_same(make):
    assert (make().fit(VOTES).predict_proba(VOTES) == make().fit(VOTES).predict_proba(VOTES)).all()


@each_model
def test_no_rows_can_be_predicted(make):
    assert make().fit(VOTES).predict_proba(VOTES[:0]).shape == (0, 2)


@each_model
def test_nothing_can_be_predicted_before_fit(make):
    with pytest.raises(ConfigError, match="has learned nothing yet"):
        make().predict(VOTES)


@each_model
def test_nothing_can_be_learned_from_no_rows(make):
    with pytest.raises(DataError, match="no instances to learn from"):
        make().fit(VOTES[:0])


@each_model
def test_other_prompts_than_fitted_are_refused(make):
    with pytest.raises(ShapeError, match="the model was fitted on"):
        make().fit(VOTES).predict(VOTES[:, :2])


@each_model
def test_votes_outside_the_classes_are_refused(make):
    with pytest.raises(DataError, match="pass a larger n_classes"):
        make().fit(VOTES + 1)


@each_model
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (2, 2), (3, 5), (12, 3)], ids=str)
@pytest.mark.parametrize("k", [2, 3])
def test_tiny_votes_give_finite_probabilities(make, shape, k):
    rng = np.random.default_rng(0)
    for _ in range(3):
        votes = rng.integers(-1, k, shape)
        p = make(n_classes=k).fit(votes).predict_proba(votes)
        assert np.isfinite(p).all()


def test_the_representation_names_every_argument():
    assert repr(MajorityVote()) == "MajorityVote(n_classes=2, class_balance=None)"


def test_ties_go_to_the_lowest_class():
    assert pick_classes(np.array([[0.2, 0.4, 0.4 + 1e-12], [0.1, 0.2, 0.7]])).tolist() == [1, 2]


def test_the_base_has_nothing_to_say():
    with pytest.raises(NotImplementedError):
        Aggregator().fit(VOTES)
    with pytest.raises(NotImplementedError):
        Aggregator().predict_proba(VOTES)
