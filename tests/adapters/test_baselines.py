"""Group DRO, JTT, DFR, WiSE, the probe and resampling, each against its formula or a second library."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from longwave.adapters import (
    DFR,
    JTT,
    METHODS,
    AdapterConfig,
    ContrastiveConfig,
    DescentConfig,
    EmbeddingDataset,
    ERMAdapter,
    GroupDRO,
    LinearProbe,
    WiSE,
    make_method,
)
from longwave.adapters.group_dro import mean_by_group
from longwave.adapters.logistic import fit_logistic
from longwave.errors import ConfigError, DataError, UnknownName

SHORT = DescentConfig(epochs=3, batch_size=32)


def _given(data: EmbeddingDataset) -> dict[str, object]:
    train = data.part("train")
    return {
        "embeddings": train.embeddings,
        "labels": train.labels,
        "class_embeddings": data.class_embeddings,
        "validation": data.part("val").for_validation(),
    }


@pytest.mark.parametrize("strength", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_logistic_regression_is_that_of_scikit_learn(
    n_classes: int, strength: float, rng: np.random.Generator
) -> None:
    y = np.arange(90) % n_classes
    x = rng.standard_normal((90, 5)) + y[:, None] * [1, 0, -1, 0.5, 0]
    coef, intercept = fit_logistic(x, y, n_classes, strength=strength)
    theirs = LogisticRegression(C=strength, tol=1e-10, max_iter=5000).fit(x, y)
    margins = x @ coef.T + intercept
    expected = theirs.decision_function(x)
    if n_classes == 2:
        # one vector of weights there, two opposite ones here: half as long each, so half as dear
        theirs = LogisticRegression(C=2 * strength, tol=1e-10, max_iter=5000).fit(x, y)
        np.testing.assert_allclose(margins[:, 1] - margins[:, 0], theirs.decision_function(x), atol=2e-3)
    else:
        centred = margins - margins.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(centred, expected - expected.mean(axis=1, keepdims=True), atol=2e-3)


def test_means_by_group_are_those_of_a_loop(generator: torch.Generator) -> None:
    losses, groups = torch.rand(9, generator=generator), torch.tensor([0, 2, 2, 0, 2, 0, 0, 2, 2])
    found, is_present = mean_by_group(losses, groups, 4)
    for g in range(4):
        own = losses[groups == g]
        assert bool(is_present[g]) is (len(own) > 0)
        assert found[g].item() == pytest.approx(own.mean().item() if len(own) else 0.0)


def test_weights_of_groups_move_to_the_one_with_the_greatest_loss(small: EmbeddingDataset) -> None:
    method = GroupDRO(eta=1.0, descent=SHORT, device="cpu")
    method.fit(**_given(small), groups=small.part("train").groups)  # type: ignore[arg-type]
    assert method.weights_.sum() == pytest.approx(1)
    assert method.weights_.max() > 0.3
    level = GroupDRO(eta=1e-9, descent=SHORT, device="cpu")
    level.fit(**_given(small), groups=small.part("train").groups)  # type: ignore[arg-type]
    np.testing.assert_allclose(level.weights_, 0.25, atol=1e-3)
    assert level.group_names_ == ["0", "1", "2", "3"]


def test_group_dro_needs_groups(small: EmbeddingDataset) -> None:
    with pytest.raises(ConfigError, match="GroupDRO needs the groups of the training points"):
        GroupDRO().fit(**_given(small))  # type: ignore[arg-type]


def test_group_dro_needs_a_step(small: EmbeddingDataset) -> None:
    with pytest.raises(ConfigError, match=r"eta is 0\.0"):
        GroupDRO(eta=0.0).fit(**_given(small), groups=small.part("train").groups)  # type: ignore[arg-type]


def test_jtt_keeps_the_best_of_its_pairs(small: EmbeddingDataset) -> None:
    method = JTT(first_epochs=(1, 2), upweights=(2, 9), descent=SHORT, device="cpu")
    method.fit(**_given(small))  # type: ignore[arg-type]
    assert set(method.scores_) == {(1, 2), (1, 9), (2, 2), (2, 9)}
    chosen = method.first_epochs_, method.upweight_
    assert method.scores_[chosen] == max(method.scores_.values())
    val = small.part("val")
    assert method.score(val.embeddings, val.labels) == pytest.approx(method.scores_[chosen].average)


def test_jtt_without_validation_takes_the_first_pair(small: EmbeddingDataset) -> None:
    method = JTT(first_epochs=(2, 1), upweights=(7, 2), descent=SHORT, device="cpu")
    method.fit(**{**_given(small), "validation": None})  # type: ignore[arg-type]
    assert (method.first_epochs_, method.upweight_, method.scores_) == (2, 7, {})


def test_jtt_without_upweighting_is_no_different_for_errors(small: EmbeddingDataset) -> None:
    """With weight 1 every point is visited once an epoch: that is plain training."""
    method = JTT(first_epochs=(1,), upweights=(1,), descent=SHORT, device="cpu")
    method.fit(**_given(small))  # type: ignore[arg-type]
    plain = ERMAdapter(descent=SHORT, device="cpu").fit(**_given(small))  # type: ignore[arg-type]
    test = small.part("test").embeddings
    assert np.array_equal(method.predict_proba(test), plain.predict_proba(test))


@pytest.mark.parametrize("settings", [{"first_epochs": ()}, {"upweights": (0.5,)}], ids=["none", "below-1"])
def test_jtt_refuses_what_it_cannot_try(settings: dict[str, object], small: EmbeddingDataset) -> None:
    with pytest.raises(ConfigError, match="accepted are one number >= 1 at least of each"):
        JTT(**settings).fit(**_given(small))  # type: ignore[arg-type]


def test_dfr_is_the_mean_of_balanced_fits(small: EmbeddingDataset) -> None:
    train = small.part("train")
    method = DFR(strengths=(1.0,), draws=2, seed=4)
    method.fit(**{**_given(small), "validation": None}, groups=train.groups)  # type: ignore[arg-type]
    rng = np.random.default_rng(4)
    unit = train.embeddings.astype(np.float64)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    margins = []
    for _ in range(2):
        rows = np.concatenate(
            [rng.choice(np.flatnonzero(train.groups == g), 8, replace=False) for g in range(4)]
        )
        mean, deviation = unit[rows].mean(axis=0), unit[rows].std(axis=0)
        theirs = LogisticRegression(C=2.0, tol=1e-10, max_iter=5000)
        theirs.fit((unit[rows] - mean) / deviation, train.labels[rows])
        margins.append(theirs.decision_function((unit - mean) / deviation))
    found = method.decision_function(train.embeddings)
    np.testing.assert_allclose(found, np.mean(margins, axis=0), atol=5e-3)


@pytest.mark.parametrize("data", ["train", "validation"])
def test_dfr_chooses_the_best_strength(data: str, small: EmbeddingDataset) -> None:
    method = DFR(data=data, draws=2)  # type: ignore[arg-type]
    method.fit(**_given(small), groups=small.part("train").groups)  # type: ignore[arg-type]
    assert set(method.scores_) == set(method.strengths)
    assert method.scores_[method.strength_] == max(method.scores_.values())


def test_dfr_on_validation_points_looks_at_no_training_group(small: EmbeddingDataset) -> None:
    test = small.part("test").embeddings
    without = DFR(data="validation", draws=2).fit(**_given(small))  # type: ignore[arg-type]
    given = DFR(data="validation", draws=2)
    given.fit(**_given(small), groups=small.part("train").groups)  # type: ignore[arg-type]
    assert np.array_equal(without.predict_proba(test), given.predict_proba(test))


@pytest.mark.parametrize(
    ("settings", "given", "message"),
    [
        ({}, {}, r'DFR\(data="train"\) needs the groups'),
        ({"data": "validation"}, {"validation": None}, r'DFR\(data="validation"\) needs validation'),
        ({"data": "test"}, {}, 'Unknown data "test"'),
        ({"strengths": ()}, {}, r"strengths are \(\)"),
        ({"draws": 0}, {}, "draws 0"),
    ],
    ids=["groups", "validation", "data", "strengths", "draws"],
)
def test_dfr_refuses_what_it_cannot_fit(
    settings: dict[str, object], given: dict[str, object], message: str, small: EmbeddingDataset
) -> None:
    with pytest.raises(ConfigError, match=message):
        DFR(**settings).fit(**{**_given(small), **given})  # type: ignore[arg-type]


def test_dfr_refuses_groups_of_one_class(small: EmbeddingDataset) -> None:
    val = small.part("val")
    rows = val.labels == 0
    validation = (val.embeddings[rows], val.labels[rows], val.groups[rows])
    with pytest.raises(DataError, match="The groups hold one class only"):
        DFR(data="validation").fit(**{**_given(small), "validation": validation})  # type: ignore[arg-type]


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_wise_mixes_the_two_heads(alpha: float, small: EmbeddingDataset) -> None:
    method = WiSE(alpha=alpha, descent=SHORT, device="cpu").fit(**_given(small))  # type: ignore[arg-type]
    probe = LinearProbe(descent=SHORT, device="cpu").fit(**_given(small))  # type: ignore[arg-type]
    expected = alpha * probe.coef_ + (1 - alpha) * 100 * method.class_embeddings_
    np.testing.assert_allclose(method.coef_, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(method.intercept_, alpha * probe.intercept_, atol=1e-6)


def test_wise_chooses_its_share_by_the_worst_group(small: EmbeddingDataset) -> None:
    method = WiSE(descent=SHORT, device="cpu").fit(**_given(small))  # type: ignore[arg-type]
    assert list(method.scores_) == [tenth / 10 for tenth in range(11)]
    assert method.scores_[method.alpha_] == max(method.scores_.values())


def test_wise_without_validation_takes_half(small: EmbeddingDataset) -> None:
    method = WiSE(descent=SHORT, device="cpu")
    assert method.fit(**{**_given(small), "validation": None}).alpha_ == 0.5  # type: ignore[arg-type]


def test_wise_refuses_a_share_above_one(small: EmbeddingDataset) -> None:
    with pytest.raises(ConfigError, match=r"alpha is 1\.5"):
        WiSE(alpha=1.5).fit(**_given(small))  # type: ignore[arg-type]


def test_the_probe_comes_near_logistic_regression(small: EmbeddingDataset) -> None:
    train = small.part("train")
    descent = DescentConfig(epochs=400, lr=3.0, weight_decay=1e-3, momentum=0.9)
    probe = LinearProbe(descent=descent, device="cpu").fit(train.embeddings, train.labels)
    strength = 1 / (1e-3 * 200)  # SGD decays biases too, and two opposite heads halve the penalty
    theirs = LogisticRegression(C=2 * strength, tol=1e-8).fit(train.embeddings, train.labels)
    found = probe.decision_function(train.embeddings)
    correlation = np.corrcoef(found, theirs.decision_function(train.embeddings))[0, 1]
    assert correlation > 0.999


def test_resampling_changes_what_is_learned(small: EmbeddingDataset) -> None:
    test = small.part("test").embeddings
    learned = [
        ERMAdapter(resampling=how, group_size=50, descent=SHORT, device="cpu")  # type: ignore[arg-type]
        .fit(**_given(small))  # type: ignore[arg-type]
        .predict_proba(test)
        for how in ("none", "cells", "classes")
    ]
    assert not np.array_equal(learned[0], learned[1])
    assert not np.array_equal(learned[1], learned[2])


def test_an_unknown_resampling_is_refused(small: EmbeddingDataset) -> None:
    with pytest.raises(ConfigError, match='Unknown resampling "groups"'):
        ERMAdapter(resampling="groups").fit(**_given(small))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_name(name: str) -> None:
    method = make_method(name, seed=7, device="cpu", descent=SHORT)
    assert method.get_params()["seed"] == 7
    descent = method.get_params().get("descent")
    assert descent is None or descent.epochs == 3  # type: ignore[attr-defined]


def test_names_stand_for_the_settings_they_say() -> None:
    contrast = ContrastiveConfig(tau=0.5)
    joint = make_method("contrastive-joint", contrast=contrast).get_params()["contrast"]
    assert joint == ContrastiveConfig(tau=0.5, schedule="joint")
    assert make_method("residual").get_params()["network"] == AdapterConfig(mix=0.2)
    assert make_method("correct-n-contrast").get_params()["predicted_by"] == "erm"
    assert make_method("dfr-validation").get_params()["data"] == "validation"


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(UnknownName, match='Unknown adapter method "contrastve"'):
        make_method("contrastve")
