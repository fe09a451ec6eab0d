"""Embeddings with a planted failure: an attribute that taints the text and outweighs the class.

Shapes: n points, d width, C = 2 classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from longwave.adapters.dataset import EmbeddingDataset
from longwave.errors import ConfigError

__all__ = ["WATERBIRDS_COUNTS", "make_groups"]

WATERBIRDS_COUNTS: Mapping[str, tuple[int, int, int, int]] = {
    "train": (3498, 184, 56, 1057),
    "val": (467, 466, 133, 133),
    "test": (2255, 2255, 642, 642),
}
_CLASS, _ATTRIBUTE, _GROUP, _SPREAD = 0.35, 0.8, 0.20, 0.25


def make_groups(
    seed: int, *, width: int = 256, counts: Mapping[str, Sequence[int]] = WATERBIRDS_COUNTS
) -> EmbeddingDataset:
    """Draw embeddings of two classes in two places, with the counts of Waterbirds.

    Parameters
    ----------
    seed : int
        Of ``numpy.random.default_rng``; one seed always draws the same points.
    width : int
        ``d``, at least 8.
    counts : mapping from str to 4 ints
        Points of the groups (class, attribute) = (0,0), (0,1), (1,0), (1,1) in each split, in drawing order.

    Returns
    -------
    EmbeddingDataset
        float32; group ``2y + a``.

    Raises
    ------
    ConfigError
        If the width is below 8, or a split has other than four counts, each at least 1.

    Notes
    -----
    With ``m, u, v, t, w_0..w_3`` the orthonormal rows of ``B`` (8, d), from the QR decomposition of a normal
    matrix, and ``s_y = 2y - 1``, ``s_a = 2a - 1``, a point of group k = 2y + a is

        x = unit(m + 0.35 s_y u + 0.8 s_a v + 0.20 w_k + ε/√d + 0.25 η B),   ε ~ N(0, I_d), η ~ N(0, I_8)

    and the text of a class ``q_y = unit(t + s_y (u + v))``. The attribute ``v`` is in the text and stronger
    in the points than the class ``u``: zero-shot prediction and plain training follow it.

    Examples
    --------
    >>> data = make_groups(0)
    >>> data.part("train").embeddings.shape, data.class_embeddings.shape
    ((4795, 256), (2, 256))
    """
    if width < 8:
        raise ConfigError(f"width is {width}; 8 orthonormal directions need at least 8. Raise it.")
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.standard_normal((width, 8)))[0].T
    m, u, v, t = basis[:4]
    points, labels, groups, splits = [], [], [], []
    for split, sizes in counts.items():
        if len(sizes) != 4 or min(sizes) < 1:
            raise ConfigError(f'counts of "{split}" are {tuple(sizes)}; accepted are 4 whole numbers >= 1.')
        for k, n in enumerate(sizes):
            y, a = divmod(k, 2)
            mean = m + _CLASS * (2 * y - 1) * u + _ATTRIBUTE * (2 * a - 1) * v + _GROUP * basis[4 + k]
            noise = rng.standard_normal((n, width)) / np.sqrt(width)
            noise += _SPREAD * rng.standard_normal((n, 8)) @ basis
            points.append(mean + noise)
            labels += [y] * n
            groups += [k] * n
            splits += [split] * n
    x = np.concatenate(points)
    text = np.stack([t - u - v, t + u + v])
    return EmbeddingDataset(
        embeddings=(x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32),
        labels=np.array(labels),
        groups=np.array(groups),
        splits=np.array(splits),
        class_names=("class 0", "class 1"),
        class_embeddings=(text / np.linalg.norm(text, axis=1, keepdims=True)).astype(np.float32),
        group_names=tuple(f"class {k // 2}, attribute {k % 2}" for k in range(4)),
    )
