"""What a method said to a split of a data set, ready for the predictions table.

Shapes: n points, d width of the embeddings, C classes.
"""

from __future__ import annotations

import hashlib
import inspect
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass

import numpy as np
from numpy.typing import NDArray

from longwave.adapters.base import Adapter
from longwave.adapters.dataset import EmbeddingDataset
from longwave.adapters.dfr import DFR
from longwave.adapters.embeddings import Floats, Ints
from longwave.config import config_hash
from longwave.errors import ConfigError

__all__ = ["GroupAnswers", "answer_groups", "fit_dataset", "needs_training_groups", "version_of"]

_NOT_SETTINGS = ("seed", "device")


@dataclass(frozen=True, kw_only=True)
class GroupAnswers:
    """Predictions of one method and seed for one split.

    Parameters
    ----------
    data, model, version, run, split : str
        As in the predictions table; the version is a hash of settings and data, without the seed.
    seed : int
    classes : tuple of str
    labels : ndarray, shape (n,)
        Numbers of the classes.
    probabilities : ndarray, shape (n, C)
    groups : ndarray of str, shape (n,)
        Name of each point's group; of data without groups that of its class.
    views : mapping from str to ndarray of str, shape (n,)
        Further groupings of the same points by name, "" where a point is in none of their groups.
    hashes : tuple of str
        Of each point's embedding.
    width : int
        ``d``.
    """

    data: str
    model: str
    version: str
    run: str
    seed: int
    split: str
    classes: tuple[str, ...]
    labels: Ints
    probabilities: NDArray[np.float64]
    groups: NDArray[np.str_]
    views: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    hashes: tuple[str, ...]
    width: int

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the likeliest class is the right one, shape (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1) == self.labels)


def needs_training_groups(method: Adapter) -> bool:
    """Tell whether a method learns from the groups of training points."""
    takes_groups = "groups" in inspect.signature(method.fit).parameters
    return takes_groups and not (isinstance(method, DFR) and method.data == "validation")


def fit_dataset(method: Adapter, data: EmbeddingDataset) -> float:
    """Fit a method to the training points of a data set, choose by its validation points, return seconds.

    Groups of training points are passed to those methods alone that take them.

    Raises
    ------
    ConfigError
        If the method needs groups and the data have none.
    UnknownName
        If there are no training points.
    """
    train = data.part("train")
    validation = data.part("val").for_validation() if (data.splits == "val").any() else None
    options: dict[str, object] = {"class_embeddings": data.class_embeddings, "validation": validation}
    if needs_training_groups(method):
        if train.groups is None:
            raise ConfigError(
                f"{type(method).__name__} learns from groups, but the data have none. Add groups to the "
                "file, or take a method that does without, such as contrastive."
            )
        options["groups"] = train.groups
    started = time.perf_counter()
    method.fit(train.embeddings, train.labels, **options)  # type: ignore[arg-type]
    return time.perf_counter() - started


def version_of(method: Adapter, data: EmbeddingDataset) -> str:
    """Return a hash of a method's settings, seed and device left out, and of what it learns from.

    One name of a data set may stand for other data tomorrow; their rows are told apart by it.
    """
    settings = {
        name: asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
        for name, value in method.get_params().items()
        if name not in _NOT_SETTINGS
    }
    arrays = (data.embeddings, data.labels, data.groups, data.class_embeddings)
    found = hashlib.sha256()
    for array in (*arrays, np.array(data.splits.tolist())):
        found.update(b"-" if array is None else np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return config_hash({"method": type(method).__name__, **settings}, found.hexdigest())


def answer_groups(
    method: Adapter,
    data: EmbeddingDataset,
    *,
    data_name: str,
    name: str,
    seed: int = 0,
    split: str = "test",
    views: Mapping[str, NDArray[np.str_]] | None = None,
) -> GroupAnswers:
    """Let a fitted method predict one split.

    Parameters
    ----------
    method : Adapter
        Fitted on these data, so that its classes are theirs.
    data : EmbeddingDataset
    data_name, name : str
        What the table calls data and method.
    seed : int
        Of the method.
    split : str
    views : mapping from str to ndarray of str, shape (number of all points,), optional
        Further groupings, "" where a point is in none of their groups.

    Raises
    ------
    ConfigError
        If the method has other classes than the data, or has learned nothing.
    ShapeError
        If its embeddings have another width.
    UnknownName
        If no point is in the split.
    """
    part = data.part(split)
    probabilities = method.predict_proba(part.embeddings)
    if method.classes_.tolist() != list(range(len(data.class_names))):
        raise ConfigError(
            f"The adapter knows the classes {', '.join(map(str, method.classes_))}, but the data number "
            f"theirs from 0 to {len(data.class_names) - 1}. Fit it to data of the same classes."
        )
    codes, names = (part.labels, data.class_names) if part.groups is None else (part.groups, data.group_names)
    version = version_of(method, data)
    is_mine = data.splits == split
    return GroupAnswers(
        data=data_name,
        model=name,
        version=version,
        run=config_hash({"version": version, "seed": seed}),
        seed=seed,
        split=split,
        classes=data.class_names,
        labels=part.labels,
        probabilities=probabilities,
        groups=np.array(names)[codes],
        views={view: values[is_mine] for view, values in (views or {}).items()},
        hashes=_hashes(part.embeddings),
        width=data.embeddings.shape[1],
    )


def _hashes(x: Floats) -> tuple[str, ...]:
    return tuple(hashlib.sha256(np.ascontiguousarray(row).tobytes()).hexdigest()[:16] for row in x)
