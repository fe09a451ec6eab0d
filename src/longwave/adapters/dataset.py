"""Embeddings with labels, groups and splits; the bundled ones, and readers of files.

Shapes: n points, d width of the embeddings, C classes, G groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longwave._array_files import load_arrays
from longwave.adapters.embeddings import Floats, Ints, check_embeddings, check_labels, unit_rows
from longwave.config import naming
from longwave.errors import DataError, MissingFile, ShapeError, UnknownName
from longwave.samples import sample_path

__all__ = ["EmbeddingDataset", "EmbeddingPart", "list_groups", "load_groups", "read_groups"]

SPLITS = ("train", "val", "test")
Arrays = Mapping[str, NDArray[np.generic]]
_BUNDLED = ("captionbirds", "clinc-domains", "hatecheck")
_EMBEDDINGS = ("embeddings", "E", "x", "X")
_LABELS = ("labels", "y")
_GROUPS = ("groups", "group", "g")
_ATTRIBUTES = ("attributes", "attribute", "a")
_SPLIT = ("splits", "split")
_CLASS_EMBEDDINGS = ("class_embeddings", "Q", "q")
_WILDS_SPLITS = {"0": "train", "1": "val", "2": "test", "valid": "val", "validation": "val"}


@dataclass(frozen=True, kw_only=True)
class EmbeddingPart:
    """One split of a data set.

    Parameters
    ----------
    embeddings : ndarray, shape (n, d)
    labels : ndarray, shape (n,)
    groups : ndarray, shape (n,), or None
    """

    embeddings: Floats
    labels: Ints
    groups: Ints | None

    def for_validation(self) -> tuple[Floats, Ints] | tuple[Floats, Ints, Ints]:
        """Return what ``fit`` takes as ``validation``."""
        if self.groups is None:
            return self.embeddings, self.labels
        return self.embeddings, self.labels, self.groups


@dataclass(frozen=True, kw_only=True)
class EmbeddingDataset:
    """Frozen embeddings with labels, groups and splits.

    Parameters
    ----------
    embeddings : ndarray, shape (n, d)
        float32.
    labels : ndarray, shape (n,)
        Class of each point, from 0.
    groups : ndarray, shape (n,), optional
        Group of each point, from 0.
    splits : ndarray, shape (n,)
        "train", "val" or "test".
    class_names : tuple of str
    class_embeddings : ndarray, shape (C, d), optional
        Embedded texts of the classes, unit rows.
    group_names : tuple of str
        Names of the groups 0..G-1; empty if there are no groups.

    Raises
    ------
    ShapeError
        If sizes disagree.
    DataError
        If embeddings are not finite or zero, a label or group has no name, or a split another one.
    """

    embeddings: Floats
    labels: Ints
    groups: Ints | None = None
    splits: NDArray[np.str_]
    class_names: tuple[str, ...]
    class_embeddings: Floats | None = None
    group_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        x = check_embeddings(self.embeddings)
        _check_codes(self.labels, len(x), len(self.class_names), "labels")
        if self.groups is not None:
            _check_codes(self.groups, len(x), len(self.group_names), "groups")
        unknown = sorted(set(check_labels(self.splits, len(x), name="splits").tolist()) - set(SPLITS))
        if unknown:
            raise DataError(f'splits hold "{unknown[0]}"; accepted are {", ".join(SPLITS)}.')
        if self.class_embeddings is not None:
            q = check_embeddings(self.class_embeddings, name="class_embeddings", width=x.shape[1])
            if len(q) != len(self.class_names):
                raise ShapeError(
                    f"There are {len(q)} class_embeddings but {len(self.class_names)} class_names."
                )

    def part(self, split: str) -> EmbeddingPart:
        """Return the points of one split; without a copy where they lie in one piece.

        Raises
        ------
        UnknownName
            If no point is in it.
        """
        rows = np.flatnonzero(self.splits == split)
        if not len(rows):
            raise UnknownName("split", split, sorted(set(self.splits.tolist())))
        is_one_piece = rows[-1] - rows[0] + 1 == len(rows)
        chosen = slice(rows[0], rows[-1] + 1) if is_one_piece else rows
        groups = None if self.groups is None else self.groups[chosen]
        return EmbeddingPart(embeddings=self.embeddings[chosen], labels=self.labels[chosen], groups=groups)

    def save(self, path: Path | str) -> None:
        """Write an npz file that `read_groups` reads."""
        arrays: dict[str, NDArray[np.generic]] = {
            "embeddings": self.embeddings,
            "labels": self.labels,
            "splits": self.splits,
            "class_names": np.array(self.class_names),
        }
        if self.groups is not None:
            arrays |= {"groups": self.groups, "group_names": np.array(self.group_names)}
        if self.class_embeddings is not None:
            arrays["class_embeddings"] = self.class_embeddings
        with Path(path).open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)


def list_groups() -> list[str]:
    """List the bundled data sets."""
    return list(_BUNDLED)


def load_groups(name: str) -> EmbeddingDataset:
    """Return a bundled data set of embedded texts whose groups fare differently.

    Parameters
    ----------
    name : {"captionbirds", "clinc-domains", "hatecheck"}

    Raises
    ------
    UnknownName
        If there is no such set.

    Notes
    -----
    Embeddings are stored as whole numbers: ``unit(codes @ basis)``. Sources, licences and what the
    compression costs are in ``longwave/samples/groups/README.md``.
    """
    if name not in _BUNDLED:
        raise UnknownName("data set of groups", name, _BUNDLED)
    return read_groups(sample_path(f"groups/{name}.npz"))


def read_groups(path: Path | str) -> EmbeddingDataset:
    """Read embeddings with labels and splits from an npz file.

    Parameters
    ----------
    path : Path or str
        Holds ``embeddings`` (or ``E``, ``x``), ``labels`` (or ``y``), ``splits`` (or ``split``: names, or 0,
        1, 2 as in WILDS) and, where there are groups, ``groups`` (or ``group``, ``g``); with ``attributes``
        (or ``a``) in their place, groups are pairs of class and attribute, as in Waterbirds and CelebA.
        Optional: ``class_embeddings`` (or ``Q``), ``class_names``, ``group_names``.

    Returns
    -------
    EmbeddingDataset
        Class embeddings are scaled to unit rows. Labels and groups that are text or not counted from 0 are
        numbered in sorted order.

    Raises
    ------
    MissingFile
        If there is no such file.
    DataError
        If it is no npz file, is damaged, has pickled objects or lacks one of the arrays.
    ShapeError
        If sizes disagree.
    """
    arrays = _read_arrays(Path(path))
    with naming(path):
        return _dataset(arrays, path)


def _dataset(arrays: Arrays, path: Path | str) -> EmbeddingDataset:
    x = _stored_embeddings(arrays, path)
    n = len(x)
    labels, class_names = _coded(_first(arrays, _LABELS, path), n, arrays.get("class_names"), "labels")
    groups, group_names = _read_grouping(arrays, labels, class_names, n)
    q = next((arrays[key] for key in _CLASS_EMBEDDINGS if key in arrays), None)
    return EmbeddingDataset(
        embeddings=x,
        labels=labels,
        groups=groups,
        splits=_split_names(_first(arrays, _SPLIT, path), n),
        class_names=class_names,
        class_embeddings=None if q is None else unit_rows(check_embeddings(q, name="class_embeddings")),
        group_names=group_names,
    )


def _read_arrays(path: Path) -> Arrays:
    if not path.is_file():
        raise MissingFile(f"There is no file {path}. Name an npz file with embeddings, labels and splits.")
    found = load_arrays(path)
    if isinstance(found, np.ndarray):
        raise DataError(f"{path} is one array without a name. Write it by numpy.savez.")
    return found


def _first(arrays: Arrays, names: Sequence[str], path: Path | str) -> NDArray[np.generic]:
    for name in names:
        if name in arrays:
            return arrays[name]
    raise DataError(f"{path} has no array {' or '.join(names)}; it has {', '.join(arrays) or 'none'}.")


def _stored_embeddings(arrays: Arrays, path: Path | str) -> Floats:
    """Return the embeddings as they are, or from codes."""
    if "codes" in arrays and "basis" in arrays:
        codes = arrays["codes"].astype(np.float32)
        return unit_rows(np.asarray(codes @ arrays["basis"].astype(np.float32), dtype=np.float32))
    return check_embeddings(_first(arrays, _EMBEDDINGS, path))


def _read_grouping(
    arrays: Arrays, labels: Ints, class_names: Sequence[str], n: int
) -> tuple[Ints | None, tuple[str, ...]]:
    """Return the groups of a file, if it has any, and their names."""
    given = next((arrays[key] for key in _GROUPS if key in arrays), None)
    if given is not None:
        return _coded(given, n, arrays.get("group_names"), "groups")
    attributes = next((arrays[key] for key in _ATTRIBUTES if key in arrays), None)
    if attributes is None:
        return None, ()
    values, codes = np.unique(check_labels(attributes, n, name="attributes"), return_inverse=True)
    names = tuple(f"{one}, {value}" for one in class_names for value in values)
    return labels * len(values) + codes, names


def _coded(
    values: NDArray[np.generic], n: int, names: NDArray[np.generic] | None, what: str
) -> tuple[Ints, tuple[str, ...]]:
    """Return labels or groups as numbers from 0, and their names."""
    found = check_labels(values, n, name=what)
    given = None if names is None else tuple(str(one) for one in names)
    if given is not None and np.issubdtype(found.dtype, np.integer):
        return found.astype(np.int64), given
    distinct, codes = np.unique(found, return_inverse=True)
    own = tuple(str(one) for one in distinct)
    if given is not None:
        unknown = sorted(set(own) - set(given))
        if unknown:
            raise DataError(f'{what} hold "{unknown[0]}", which is not among their names {", ".join(given)}.')
        place = np.array([given.index(one) for one in own])
        return place[codes].astype(np.int64), given
    return codes.astype(np.int64), own


def _split_names(values: NDArray[np.generic], n: int) -> NDArray[np.str_]:
    found = check_labels(values, n, name="splits").astype(str)
    return np.array([_WILDS_SPLITS.get(one.lower(), one.lower()) for one in found])


def _check_codes(codes: Ints, n: int, n_names: int, what: str) -> None:
    found = check_labels(codes, n, name=what)
    if not np.issubdtype(found.dtype, np.integer) or found.min() < 0 or found.max() >= n_names:
        raise DataError(
            f"{what} hold {found.min()} to {found.max()}; accepted are 0 to {n_names - 1}, one a name."
        )
