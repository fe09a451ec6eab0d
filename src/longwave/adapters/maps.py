"""A picture of the groups: two coordinates of every point, before and after an adapter.

Shapes: n points, d width of the embeddings, G groups, m points that are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.adapters.embeddings import Floats, check_embeddings, code_groups, unit_rows
from longwave.adapters.group_report import GroupSpread, spread_groups
from longwave.errors import ConfigError

__all__ = ["GroupMap", "map_groups"]

_ROUNDING = 1e-6  # distance of groups' means that is none


@dataclass(frozen=True, kw_only=True)
class GroupMap:
    """Coordinates of some points of every group.

    Parameters
    ----------
    points : ndarray, shape (m,)
        Which points are kept, in order.
    before, after : ndarray, shape (m, 2)
    before_share, after_share : float
        Share of the group means' variance that the two coordinates hold.
    before_spread, after_spread : GroupSpread
        Of all points.
    """

    points: NDArray[np.int64]
    before: Floats
    after: Floats
    before_share: float
    after_share: float
    before_spread: GroupSpread
    after_spread: GroupSpread


def map_groups(
    before: ArrayLike, after: ArrayLike, labels: ArrayLike, groups: ArrayLike, *, n_points: int = 600
) -> GroupMap:
    """Project the points of all groups onto the plane in which the groups' means lie widest apart.

    Parameters
    ----------
    before, after : array_like, shape (n, d)
        Frozen embeddings, and as `Adapter.transform` returns them; scaled to unit rows.
    labels, groups : array_like, shape (n,)
    n_points : int
        Points that are kept at most, about equally many of every group, at equal distances in the data.

    Raises
    ------
    ConfigError
        If ``n_points`` is below 1.
    ShapeError, DataError
        If the parts do not fit together.

    Notes
    -----
    The plane is spanned by the first two principal components of the groups' means, so that small groups
    count as much as large ones; of one or two groups, whose means have no plane, the points' own components
    fill it. Signs are fixed by the largest coordinate of a component, so that one seed draws one picture.
    Before and after have a plane each; their axes have nothing to do with each other.
    """
    if n_points < 1:
        raise ConfigError(f"n_points is {n_points}; accepted are whole numbers >= 1.")
    first, second = unit_rows(check_embeddings(before)), unit_rows(check_embeddings(after))
    codes, names = code_groups(groups, len(first))
    most = max(1, n_points // len(names))
    points = np.sort(np.concatenate([_spaced(np.flatnonzero(codes == g), most) for g in range(len(names))]))
    points = points[:: -(-len(points) // n_points)]
    planes = [_plane(x, codes, len(names)) for x in (first, second)]
    return GroupMap(
        points=points,
        before=(first[points] - planes[0][1]) @ planes[0][0],
        after=(second[points] - planes[1][1]) @ planes[1][0],
        before_share=planes[0][2],
        after_share=planes[1][2],
        before_spread=spread_groups(before, labels, groups),
        after_spread=spread_groups(after, labels, groups),
    )


def _spaced(places: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    kept = np.linspace(0, len(places) - 1, min(most, len(places))).round().astype(np.int64)
    return places[kept]


def _plane(unit: Floats, codes: NDArray[np.int64], n_groups: int) -> tuple[Floats, Floats, float]:
    """Return two directions (d, 2), the middle of the groups (d,), and the share of variance along them."""
    means = np.zeros((n_groups, unit.shape[1]))
    np.add.at(means, codes, unit)
    means /= np.bincount(codes)[:, None]
    middle = means.mean(axis=0)
    _, sizes, rows = np.linalg.svd(means - middle, full_matrices=False)
    n_apart = min(2, int((sizes > _ROUNDING).sum()))
    found = np.zeros((2, unit.shape[1]))
    found[:n_apart] = rows[:n_apart]
    if n_apart < 2:
        rest = (unit - middle) - (unit - middle) @ found.T @ found
        values, vectors = np.linalg.eigh(rest.T @ rest)
        missing = vectors.T[values > _ROUNDING][::-1][: 2 - n_apart]
        found[n_apart : n_apart + len(missing)] = missing
    signs = np.sign(found[np.arange(2), np.abs(found).argmax(axis=1)])
    total = float((sizes**2).sum())
    share = float((sizes[:2] ** 2).sum() / total) if n_apart else 1.0
    return (found * signs[:, None]).T.astype(np.float32), middle.astype(np.float32), share
