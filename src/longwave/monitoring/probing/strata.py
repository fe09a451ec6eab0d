"""Strata of a probe: rows that share a true label and an earlier prediction, the rare ones put together."""

# Shapes: N rows, C classes, K strata

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from longwave.errors import DataError
from longwave.monitoring.classes import Codes, Label, plain_label, sort_classes

__all__ = ["Bools", "Strata", "make_strata"]

Bools = NDArray[np.bool_]

SMALLEST = 10  # rows a stratum of its own has at least


@dataclass(frozen=True, kw_only=True, eq=False)
class Strata:
    """Rows with what is known of them before any call, and the order in which they would be asked.

    Parameters
    ----------
    classes : tuple
        Labels and earlier predictions, sorted, no answer (None) last; codes are places in it.
    labels, before : ndarray of int, shape (N,)
        True label and earlier prediction.
    stratum : ndarray of int, shape (N,)
    is_right, is_pure : ndarray of bool, shape (K,)
        Whether the earlier predictions of a stratum were right (a stratum has one kind only), and whether its
        rows share both label and prediction.
    order : ndarray of int, shape (N,)
        All rows in random order: within a stratum, rows are asked in this order.
    """

    classes: tuple[Label, ...]
    labels: Codes
    before: Codes
    stratum: Codes
    is_right: Bools
    is_pure: Bools
    order: Codes

    @property
    def n_rows(self) -> int:
        """The number N of rows."""
        return len(self.labels)

    @property
    def n_strata(self) -> int:
        """The number K of strata."""
        return len(self.is_right)

    @cached_property
    def sizes(self) -> Codes:
        """Rows of each stratum, shape (K,)."""
        return np.bincount(self.stratum, minlength=self.n_strata).astype(np.int64)

    @cached_property
    def queues(self) -> tuple[Codes, ...]:
        """Rows of each stratum in the order in which they are asked."""
        by_stratum = self.order[np.argsort(self.stratum[self.order], kind="stable")]
        return tuple(np.split(by_stratum, np.cumsum(self.sizes)[:-1]))

    @cached_property
    def fingerprint(self) -> str:
        """Hash of labels and earlier predictions: a state belongs to one baseline."""
        digest = hashlib.sha256(json.dumps(self.classes).encode())
        digest.update(self.labels.tobytes())
        digest.update(self.before.tobytes())
        return digest.hexdigest()[:16]


def make_strata(
    labels: Iterable[Label], before: Iterable[Label], *, max_strata: int, seed: int = 0
) -> Strata:
    """Sort rows into strata (true label, earlier prediction).

    Parameters
    ----------
    labels, before : iterable of str, int or None, length N
        True labels, and earlier predictions; None is no answer.
    max_strata : int
        Beyond so many, and below ten rows, strata are put together into two: rows that were right and rows
        that were wrong. So every row can be asked, and every stratum is large enough to be looked at.
    seed : int
        Seeds the random order of the rows.

    Raises
    ------
    DataError
        If there are no rows, the two differ in length, or a label is missing.
    """
    truth, known = _as_array(labels), _as_array(before)
    if not len(truth) or len(truth) != len(known):
        raise DataError(
            f"{len(truth)} labels and {len(known)} earlier predictions; at least one row is needed, and as "
            "many predictions as labels. Give both for the same rows."
        )
    kinds, (y, o) = _encode_both(truth, known)
    if kinds[-1] is None and (y == len(kinds) - 1).any():
        raise DataError(
            f"Row {int((y == len(kinds) - 1).argmax())} has no label; without it nobody can tell whether a "
            "new answer is right. Leave such rows out."
        )
    classes = kinds if len(kinds) > 1 else (*kinds, None)  # a lone class has no answer for company
    stratum, is_right, is_pure = _group(y, o, len(classes), max_strata)
    order = np.random.default_rng(seed).permutation(len(y)).astype(np.int64)
    return Strata(
        classes=classes, labels=y, before=o, stratum=stratum, is_right=is_right, is_pure=is_pure, order=order
    )


def _as_array(values: Iterable[Label]) -> NDArray[np.generic] | list[Label]:
    """Keep arrays of whole numbers, which are encoded at once; check everything else label by label."""
    if isinstance(values, np.ndarray) and np.issubdtype(values.dtype, np.integer):
        return values
    return [plain_label(value) for value in values]


def _encode_both(
    truth: NDArray[np.generic] | list[Label], known: NDArray[np.generic] | list[Label]
) -> tuple[tuple[Label, ...], tuple[Codes, Codes]]:
    """Return the classes of two columns, and both as places in them."""
    if isinstance(truth, np.ndarray) and isinstance(known, np.ndarray):
        found, codes = np.unique(np.concatenate([truth, known]), return_inverse=True)
        first, last = np.split(codes.astype(np.int64), [len(truth)])
        return tuple(found.tolist()), (first, last)
    columns = [list(map(plain_label, column)) for column in (truth, known)]
    classes = sort_classes({*columns[0], *columns[1]})
    place = {label: code for code, label in enumerate(classes)}
    y, o = (np.array([place[label] for label in column], dtype=np.int64) for column in columns)
    return classes, (y, o)


def _group(y: Codes, o: Codes, n_classes: int, max_strata: int) -> tuple[Codes, Bools, Bools]:
    """Return the stratum of each row, and of each stratum whether it is right and whether it is pure."""
    pairs, inverse, counts = np.unique(y * n_classes + o, return_inverse=True, return_counts=True)
    is_right = pairs // n_classes == pairs % n_classes
    rank = np.empty(len(pairs), dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(pairs))
    alone = (counts >= SMALLEST) & (rank < max(max_strata - 2, 0))
    group = np.where(alone, np.cumsum(alone) - 1, -1)
    kinds = [*is_right[alone]]
    for kind in (True, False):
        rest = ~alone & (is_right == kind)
        if rest.any():
            group[rest] = len(kinds)
            kinds.append(kind)
    sizes = np.bincount(group, minlength=len(kinds))  # pairs in each
    return group[inverse].astype(np.int64), np.array(kinds, dtype=bool), sizes == 1
