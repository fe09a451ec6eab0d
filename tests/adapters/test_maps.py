"""Maps of groups: principal components of the groups' means, equally many points of every group."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.adapters import EmbeddingDataset
from longwave.adapters.group_report import spread_groups
from longwave.adapters.maps import map_groups
from longwave.errors import ConfigError, ShapeError


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_the_plane_is_that_of_the_groups_means(small: EmbeddingDataset) -> None:
    x, g = small.embeddings, small.groups
    found = map_groups(x, x, small.labels, g, n_points=10_000)
    unit = _unit(x.astype(np.float64))
    means = np.stack([unit[g == k].mean(axis=0) for k in range(4)])
    middle = means.mean(axis=0)
    values, vectors = np.linalg.eigh((means - middle).T @ (means - middle))
    want = (unit - middle) @ vectors[:, [-1, -2]]
    assert found.points.tolist() == list(range(len(x)))
    for axis in (0, 1):
        sign = np.sign((found.before[:, axis] * want[:, axis]).sum())
        np.testing.assert_allclose(found.before[:, axis], sign * want[:, axis], atol=1e-5)
    assert found.before_share == pytest.approx(values[-2:].sum() / values.sum(), abs=1e-6)
    np.testing.assert_array_equal(found.before, found.after)
    assert found.after_spread == spread_groups(x, small.labels, g)


def test_every_group_has_about_as_many_points(small: EmbeddingDataset) -> None:
    found = map_groups(small.embeddings, small.embeddings, small.labels, small.groups, n_points=40)
    assert np.bincount(small.groups[found.points]).tolist() == [10, 10, 10, 10]
    assert (np.diff(found.points) > 0).all()


def test_more_groups_than_points_are_thinned_out() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    found = map_groups(x, x, np.arange(50) % 2, np.arange(50), n_points=7)
    assert len(found.points) <= 7


@pytest.mark.parametrize("n_groups", [1, 2])
def test_points_fill_the_plane_that_few_groups_leave_open(n_groups: int) -> None:
    rng = np.random.default_rng(0)
    x = _unit(rng.normal(size=(41, 6)) * [1, 5, 1, 1, 1, 1])
    g = np.arange(41) % n_groups
    found = map_groups(x, x, np.arange(41) % 2, g, n_points=10_000).before
    middle = np.mean([x[g == k].mean(axis=0) for k in range(n_groups)], axis=0)
    rest = x - middle
    if n_groups == 2:
        apart = _unit((x[g == 0].mean(axis=0) - x[g == 1].mean(axis=0))[None])[0]
        np.testing.assert_allclose(np.abs(found[:, 0]), np.abs(rest @ apart), atol=1e-5)
        rest = rest - np.outer(rest @ apart, apart)
    values, vectors = np.linalg.eigh(rest.T @ rest)
    np.testing.assert_allclose(np.abs(found[:, n_groups - 1]), np.abs(rest @ vectors[:, -1]), atol=1e-5)
    assert values[-1] > 1.2 * values[-2]


def test_width_one_has_one_axis() -> None:
    found = map_groups([[1.0], [-1.0]], [[1.0], [-1.0]], [0, 1], ["a", "b"])
    assert found.before[:, 1].tolist() == [0, 0]
    assert abs(found.before[0, 0] - found.before[1, 0]) == 2


def test_what_cannot_be_mapped_is_refused(small: EmbeddingDataset) -> None:
    x = small.embeddings
    with pytest.raises(ConfigError, match="n_points is 0"):
        map_groups(x, x, small.labels, small.groups, n_points=0)
    with pytest.raises(ShapeError, match="groups have shape"):
        map_groups(x, x, small.labels, small.groups[:-1])
