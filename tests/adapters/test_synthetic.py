"""The generator: its counts, its directions, its draws, and the failure it plants."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.adapters import WATERBIRDS_COUNTS, make_groups
from longwave.errors import ConfigError

ONE_EACH = {"train": (1, 1, 1, 1)}


def naive_group_means(width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Write out m + 0.35 s_y u + 0.8 s_a v + 0.20 w_k for the four groups, and the texts."""
    m, u, v, t, *w = np.linalg.qr(np.random.default_rng(seed).normal(size=(width, 8)))[0].T
    means = [m - 0.35 * u - 0.8 * v + 0.2 * w[0], m - 0.35 * u + 0.8 * v + 0.2 * w[1]]
    means += [m + 0.35 * u - 0.8 * v + 0.2 * w[2], m + 0.35 * u + 0.8 * v + 0.2 * w[3]]
    texts = np.array([t - u - v, t + u + v])
    return np.array(means), texts / np.sqrt(3)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_groups_have_the_counts_of_waterbirds(split: str) -> None:
    part = make_groups(3, width=8).part(split)
    assert tuple(np.bincount(part.groups)) == WATERBIRDS_COUNTS[split]
    np.testing.assert_array_equal(part.groups // 2, part.labels)


def test_means_of_groups_point_where_the_formula_says() -> None:
    data = make_groups(5, width=12, counts={"train": (4000, 4000, 4000, 4000)})
    means, texts = naive_group_means(12, 5)
    found = np.array([data.embeddings[data.groups == k].mean(axis=0) for k in range(4)])
    cosines = (found * means).sum(axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(means, axis=1)
    assert cosines.min() > 0.999
    np.testing.assert_allclose(data.class_embeddings, texts, atol=1e-6)


def test_the_first_point_is_drawn_as_described() -> None:
    rng = np.random.default_rng(11)
    basis = np.linalg.qr(rng.normal(size=(9, 8)))[0].T
    means, _ = naive_group_means(9, 11)
    x = means[0] + rng.normal(size=(1, 9))[0] / 3 + 0.25 * rng.normal(size=(1, 8))[0] @ basis
    data = make_groups(11, width=9, counts=ONE_EACH)
    np.testing.assert_allclose(data.embeddings[0], x / np.linalg.norm(x), atol=1e-6)


def test_a_seed_always_draws_the_same() -> None:
    first, second = make_groups(4, width=8), make_groups(4, width=8)
    assert np.array_equal(first.embeddings, second.embeddings)
    assert not np.array_equal(first.embeddings, make_groups(5, width=8).embeddings)


def test_zero_shot_prediction_fails_the_small_groups() -> None:
    data = make_groups(0)
    assert data.class_embeddings is not None
    test = data.part("test")
    is_right = (test.embeddings @ data.class_embeddings.T).argmax(axis=1) == test.labels
    by_group = [is_right[test.groups == k].mean() for k in range(4)]
    assert max(by_group[1:3]) < 0.2
    assert min(by_group[0], by_group[3]) > 0.9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 7}, "width is 7"),
        ({"counts": {"train": (1, 2, 3)}}, r'counts of "train" are \(1, 2, 3\)'),
        ({"counts": {"val": (1, 2, 3, 0)}}, r'counts of "val" are \(1, 2, 3, 0\)'),
    ],
    ids=["width", "three-groups", "empty-group"],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_groups(0, **settings)  # type: ignore[arg-type]
