"""What all methods share: manners, classes, checks of what goes in, groups that nobody looks at."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable

import numpy as np
import pytest

from longwave.adapters import (
    DFR,
    JTT,
    Adapter,
    ContrastiveAdapter,
    DescentConfig,
    EmbeddingDataset,
    ERMAdapter,
    GroupDRO,
    LinearProbe,
    WiSE,
    ZeroShot,
)
from longwave.adapters.base import class_prototypes
from longwave.errors import ConfigError, DataError, ShapeError

SHORT = DescentConfig(epochs=3, batch_size=32)
METHODS: dict[str, Callable[[], Adapter]] = {
    "zero-shot": ZeroShot,
    "probe": lambda: LinearProbe(descent=SHORT, device="cpu"),
    "wise": lambda: WiSE(descent=SHORT, device="cpu"),
    "erm": lambda: ERMAdapter(descent=SHORT, device="cpu"),
    "contrastive": lambda: ContrastiveAdapter(descent=SHORT, device="cpu"),
    "jtt": lambda: JTT(first_epochs=(1,), upweights=(5,), descent=SHORT, device="cpu"),
    "group-dro": lambda: GroupDRO(descent=SHORT, device="cpu"),
    "dfr": lambda: DFR(draws=2, strengths=(1.0,)),
}
WITHOUT_GROUPS = [name for name in METHODS if name not in ("group-dro", "dfr")]


def fit(method: Adapter, data: EmbeddingDataset, **changes: object) -> Adapter:
    """Fit a method to the training split, with validation and whatever groups it asks for."""
    train = data.part("train")
    given: dict[str, object] = {
        "embeddings": train.embeddings,
        "labels": train.labels,
        "class_embeddings": data.class_embeddings,
        "validation": data.part("val").for_validation(),
    }
    if "groups" in inspect.signature(method.fit).parameters:
        given["groups"] = train.groups
    return method.fit(**{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", METHODS)
def test_fit_returns_the_method_and_learns_the_classes(name: str, small: EmbeddingDataset) -> None:
    method = METHODS[name]()
    assert fit(method, small) is method
    assert method.classes_.tolist() == [0, 1]
    assert method.n_features_in_ == 16


@pytest.mark.parametrize("name", METHODS)
def test_probabilities_logits_and_classes_agree(name: str, small: EmbeddingDataset) -> None:
    test = small.part("test")
    method = fit(METHODS[name](), small)
    p, margin = method.predict_proba(test.embeddings), method.decision_function(test.embeddings)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-margin.astype(np.float64))), atol=1e-5)
    np.testing.assert_array_equal(method.predict(test.embeddings), (margin > 0).astype(int))
    assert method.score(test.embeddings, test.labels) == np.mean((margin > 0) == test.labels)


@pytest.mark.parametrize("name", METHODS)
def test_two_fits_with_one_seed_are_equal_bit_for_bit(name: str, small: EmbeddingDataset) -> None:
    test = small.part("test").embeddings
    first, second = (fit(METHODS[name](), small).predict_proba(test) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", ["erm", "contrastive", "jtt", "group-dro", "dfr"])
def test_another_seed_learns_something_else(name: str, small: EmbeddingDataset) -> None:
    test = small.part("test").embeddings
    first = fit(METHODS[name](), small).predict_proba(test)
    assert not np.array_equal(first, fit(METHODS[name]().set_params(seed=1), small).predict_proba(test))


@pytest.mark.parametrize("name", WITHOUT_GROUPS)
def test_methods_without_groups_have_no_way_to_be_given_any(name: str) -> None:
    assert "groups" not in inspect.signature(METHODS[name]().fit).parameters


@pytest.mark.parametrize("name", WITHOUT_GROUPS)
def test_permuting_training_groups_changes_nothing(
    name: str, small: EmbeddingDataset, rng: np.random.Generator
) -> None:
    assert small.groups is not None
    mixed = small.groups.copy()
    is_train = small.splits == "train"
    mixed[is_train] = rng.permutation(mixed[is_train])
    changed = EmbeddingDataset(**{**vars(small), "groups": mixed})
    test = small.part("test").embeddings
    assert np.array_equal(
        fit(METHODS[name](), small).predict_proba(test), fit(METHODS[name](), changed).predict_proba(test)
    )


@pytest.mark.parametrize("name", ["group-dro", "dfr"])
def test_permuting_training_groups_changes_methods_with_groups(
    name: str, small: EmbeddingDataset, rng: np.random.Generator
) -> None:
    mixed = rng.permutation(small.part("train").groups)
    test = small.part("test").embeddings
    first = fit(METHODS[name](), small).predict_proba(test)
    assert not np.array_equal(first, fit(METHODS[name](), small, groups=mixed).predict_proba(test))


@pytest.mark.parametrize("name", METHODS)
def test_labels_may_be_text(name: str, small: EmbeddingDataset) -> None:
    names = np.array(["land", "water"])
    train, val, test = (small.part(split) for split in ("train", "val", "test"))
    numbered = fit(METHODS[name](), small).predict(test.embeddings)
    method = fit(
        METHODS[name](),
        small,
        labels=names[train.labels],
        validation=(val.embeddings, names[val.labels], val.groups),
    )
    assert np.array_equal(method.predict(test.embeddings), names[numbered])


@pytest.mark.parametrize("name", METHODS)
def test_predictions_before_fit_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"has learned nothing yet; call fit\(embeddings, labels\) first"):
        METHODS[name]().predict([[1.0, 0.0]])


@pytest.mark.parametrize("name", METHODS)
def test_another_width_is_refused(name: str, small: EmbeddingDataset) -> None:
    method = fit(METHODS[name](), small)
    with pytest.raises(ShapeError, match="width 3 but 16 is expected"):
        method.predict(np.ones((2, 3)))


@pytest.mark.parametrize("name", METHODS)
def test_transformed_points_are_unit_rows(name: str, small: EmbeddingDataset) -> None:
    z = fit(METHODS[name](), small).transform(small.part("test").embeddings)
    assert z.shape == (120, 16)
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), 1, atol=1e-5)


def test_points_near_a_class_after_adapting_are_predicted_as_it(small: EmbeddingDataset) -> None:
    method = fit(METHODS["contrastive"](), small)
    test = small.part("test").embeddings
    nearest = (method.transform(test) @ method.class_embeddings_.T).argmax(axis=1)
    assert np.array_equal(nearest, method.predict(test))


def test_fit_transform_is_fit_then_transform(small: EmbeddingDataset) -> None:
    train = small.part("train")
    found = METHODS["erm"]().fit_transform(train.embeddings, train.labels)
    method = METHODS["erm"]().fit(train.embeddings, train.labels)
    assert np.array_equal(found, method.transform(train.embeddings))


@pytest.mark.parametrize("name", METHODS)
def test_a_clone_has_the_arguments_and_nothing_learned(name: str, small: EmbeddingDataset) -> None:
    method = fit(METHODS[name](), small)
    copy = method.clone()
    assert copy.get_params() == method.get_params()
    assert not hasattr(copy, "classes_")


def test_an_unknown_argument_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r'has no argument "sead"\. Did you mean "seed"'):
        ERMAdapter().set_params(sead=1)


def test_a_method_shows_what_was_changed() -> None:
    assert repr(GroupDRO(eta=0.5)) == "GroupDRO(eta=0.5)"


def test_without_class_embeddings_the_class_means_stand_in(small: EmbeddingDataset) -> None:
    train = small.part("train")
    method = ZeroShot().fit(train.embeddings, train.labels)
    means = np.array([train.embeddings[train.labels == c].mean(axis=0) for c in (0, 1)])
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(method.class_embeddings_, expected, rtol=1e-4, atol=1e-6)


def test_only_directions_of_class_embeddings_count(
    small: EmbeddingDataset, caplog: pytest.LogCaptureFixture
) -> None:
    assert small.class_embeddings is not None
    with caplog.at_level(logging.INFO):
        scaled = fit(METHODS["erm"](), small, class_embeddings=small.class_embeddings * [[4.0], [0.5]])
    assert "class_embeddings have lengths 0.5 to 4; only directions count." in caplog.text
    test = small.part("test").embeddings
    expected = fit(METHODS["erm"](), small).predict_proba(test)
    np.testing.assert_allclose(scaled.predict_proba(test), expected, atol=1e-4)


@pytest.mark.parametrize("name", METHODS)
def test_a_class_without_training_points_is_told_of_and_stays_a_class(
    name: str, small: EmbeddingDataset, rng: np.random.Generator, caplog: pytest.LogCaptureFixture
) -> None:
    q = np.vstack([small.class_embeddings, rng.standard_normal((1, 16))])  # type: ignore[list-item]
    method = fit(METHODS[name](), small, class_embeddings=q)
    assert method.classes_.tolist() == [0, 1, 2]
    assert method.predict_proba(small.part("test").embeddings).shape == (120, 3)
    assert "No training point has class [2]" in caplog.text


@pytest.mark.parametrize("name", METHODS)
def test_validation_without_groups_makes_groups_of_zero_shot_cells(
    name: str, small: EmbeddingDataset
) -> None:
    val = small.part("val")
    assert small.class_embeddings is not None
    cells = 2 * val.labels + (val.embeddings @ small.class_embeddings.T).argmax(axis=1)
    test = small.part("test").embeddings
    implied = fit(METHODS[name](), small, validation=(val.embeddings, val.labels))
    given = fit(METHODS[name](), small, validation=(val.embeddings, val.labels, cells))
    assert np.array_equal(implied.predict_proba(test), given.predict_proba(test))


@pytest.mark.parametrize("name", ["probe", "erm", "contrastive", "group-dro"])
def test_without_validation_the_last_epoch_is_kept(name: str, small: EmbeddingDataset) -> None:
    method = fit(METHODS[name](), small, validation=None)
    assert method.best_epoch_ == 3  # type: ignore[attr-defined]
    assert [record.score for record in method.history_] == [None] * 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["probe", "erm", "contrastive", "group-dro"])
def test_the_best_epoch_is_kept_and_put_back(name: str, small: EmbeddingDataset) -> None:
    method = fit(METHODS[name](), small)
    scores = [record.score for record in method.history_]  # type: ignore[attr-defined]
    assert method.best_epoch_ == 1 + scores.index(max(scores))  # type: ignore[attr-defined]
    val = small.part("val")
    is_right = method.predict(val.embeddings) == val.labels
    assert max(scores).average == pytest.approx(is_right.mean())
    assert max(scores).worst == min(is_right[val.groups == g].mean() for g in range(4))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"labels": np.zeros(200, int), "class_embeddings": None}, DataError, "labels hold one class only"),
        ({"class_embeddings": np.ones((1, 16))}, DataError, "labels hold one class only"),
        ({"class_embeddings": np.ones((2, 5))}, ShapeError, "class_embeddings have width 5 but 16"),
        ({"class_embeddings": np.zeros((2, 16))}, DataError, "2 of 2 rows of class_embeddings are zero"),
        ({"labels": np.arange(200) % 2 + 5, "class_embeddings": np.eye(3, 16)}, DataError, "3 class.* but 2"),
        ({"labels": np.zeros(3)}, ShapeError, r"labels have shape \(3,\) but there are 200"),
        ({"validation": ([[1.0] * 16],)}, ConfigError, "validation has 1 parts"),
        ({"validation": ([[1.0] * 16], [7])}, DataError, "validation labels hold 7, which is no class"),
        ({"validation": ([[1.0] * 3], [1])}, ShapeError, "validation embeddings have width 3"),
        ({"validation": ([[1.0] * 16], [1], [0, 1])}, ShapeError, r"validation groups have shape \(2,\)"),
    ],
    ids=["one-class", "one-row", "width", "zero", "sorted", "few", "parts", "no-class", "val-width", "val-g"],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(
    changes: dict[str, object], error: type[Exception], message: str, small: EmbeddingDataset
) -> None:
    with pytest.raises(error, match=message):
        fit(METHODS["erm"](), small, **changes)


def test_groups_that_only_validation_or_only_training_has_are_no_matter(small: EmbeddingDataset) -> None:
    val = small.part("val")
    method = fit(METHODS["group-dro"](), small, validation=(val.embeddings, val.labels, val.labels + 70))
    assert method.best_epoch_ >= 1  # type: ignore[attr-defined]


def test_one_group_makes_the_worst_the_average(small: EmbeddingDataset) -> None:
    val = small.part("val")
    method = fit(METHODS["erm"](), small, validation=(val.embeddings, val.labels, np.zeros(60, int)))
    scores = [record.score for record in method.history_]  # type: ignore[attr-defined]
    assert all(score.worst == pytest.approx(score.average) for score in scores)


def test_classes_whose_points_cancel_have_no_prototype() -> None:
    unit = np.array([[1, 0], [-1, 0], [0, 1]], dtype=np.float32)
    with pytest.raises(DataError, match=r"1 of 2 rows of class means are zero"):
        class_prototypes(unit, np.array([0, 0, 1]), 2)
