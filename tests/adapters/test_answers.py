"""What a fitted method says to a split: names, hashes, versions, and which methods see training groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from longwave.adapters import METHODS, DescentConfig, EmbeddingDataset, ERMAdapter, ZeroShot, make_method
from longwave.adapters.answers import answer_groups, fit_dataset, needs_training_groups, version_of
from longwave.errors import ConfigError, ShapeError


@pytest.fixture
def fitted(small: EmbeddingDataset) -> ZeroShot:
    train = small.part("train")
    return ZeroShot().fit(train.embeddings, train.labels, class_embeddings=small.class_embeddings)


def test_answers_are_the_methods_own_predictions(small: EmbeddingDataset, fitted: ZeroShot) -> None:
    found = answer_groups(fitted, small, data_name="toy", name="zero-shot", seed=3)
    test = small.part("test")
    assert found.correct.tolist() == (fitted.predict(test.embeddings) == test.labels).tolist()
    assert found.groups.tolist() == [small.group_names[g] for g in test.groups]
    assert (found.data, found.model, found.seed, found.split, found.width) == (
        "toy",
        "zero-shot",
        3,
        "test",
        16,
    )
    assert len(set(found.hashes)) == len(np.unique(test.embeddings, axis=0))


def test_without_groups_every_class_is_one(small: EmbeddingDataset, fitted: ZeroShot) -> None:
    bare = replace(small, groups=None, group_names=())
    found = answer_groups(fitted, bare, data_name="toy", name="zero-shot")
    assert set(found.groups) == {"class 0", "class 1"}


def test_views_are_cut_to_the_split(small: EmbeddingDataset, fitted: ZeroShot) -> None:
    view = np.where(small.splits == "test", "seen", "")
    found = answer_groups(fitted, small, data_name="toy", name="z", views={"any": view})
    assert set(found.views["any"]) == {"seen"}
    assert len(found.views["any"]) == len(found.labels)


def test_the_version_knows_settings_and_data_but_not_the_seed(small: EmbeddingDataset) -> None:
    one = version_of(make_method("erm", seed=0, device="cpu"), small)
    assert version_of(make_method("erm", seed=1), small) == one
    assert version_of(make_method("erm", descent=DescentConfig(epochs=3)), small) != one
    assert version_of(make_method("residual"), small) != one
    assert version_of(make_method("erm"), replace(small, embeddings=2 * small.embeddings)) != one


def test_only_methods_that_learn_from_training_groups_are_said_to() -> None:
    found = [name for name in METHODS if needs_training_groups(make_method(name))]
    assert found == ["group-dro", "dfr-train"]


@pytest.mark.parametrize("name", sorted(set(METHODS) - {"group-dro", "dfr-train"}))
def test_training_groups_change_nothing_for_methods_without_them(
    name: str, small: EmbeddingDataset, short: DescentConfig
) -> None:
    moved = small.groups.copy()
    is_train = small.splits == "train"
    moved[is_train] = np.random.default_rng(0).permutation(moved[is_train])
    said = []
    for data in (small, replace(small, groups=moved)):
        method = make_method(name, device="cpu", descent=short)
        assert fit_dataset(method, data) > 0
        said.append(method.predict_proba(data.part("test").embeddings))
    np.testing.assert_array_equal(*said)


def test_a_method_that_needs_groups_says_so(small: EmbeddingDataset) -> None:
    with pytest.raises(ConfigError, match="GroupDRO learns from groups, but the data have none"):
        fit_dataset(make_method("group-dro"), replace(small, groups=None, group_names=()))


def test_data_without_validation_points_keep_the_last_epoch(
    small: EmbeddingDataset, short: DescentConfig
) -> None:
    splits = np.where(small.splits == "val", "train", small.splits)
    method = make_method("erm", device="cpu", descent=short)
    fit_dataset(method, replace(small, splits=splits))
    assert isinstance(method, ERMAdapter)
    assert method.best_epoch_ == short.epochs


def test_an_adapter_of_other_classes_or_width_is_refused(small: EmbeddingDataset) -> None:
    train = small.part("train")
    other = ZeroShot().fit(train.embeddings, np.where(train.labels == 0, "no", "yes"))
    with pytest.raises(ConfigError, match="The adapter knows the classes no, yes"):
        answer_groups(other, small, data_name="toy", name="z")
    narrow = ZeroShot().fit(train.embeddings[:, :8], train.labels)
    with pytest.raises(ShapeError, match="width 16 but 8"):
        answer_groups(narrow, small, data_name="toy", name="z")
