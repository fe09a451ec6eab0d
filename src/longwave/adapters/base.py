"""What every method has: scikit-learn's manners, checks of what goes in, and classes that come out.

The constructor only stores, `fit` learns and returns the model, what is learned ends in an underscore.
scikit-learn itself is not needed, but its tools (`clone`, `GridSearchCV`, pipelines) accept these models.

Shapes: n points, d width of the embeddings, C classes.
"""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave._parameters import HasParameters
from longwave.adapters.embeddings import (
    Floats,
    Ints,
    check_embeddings,
    check_labels,
    code_groups,
    nearest_rows,
    row_blocks,
    unit_rows,
)
from longwave.adapters.saved_files import write_files
from longwave.adapters.selection import Validation
from longwave.errors import ConfigError, DataError

if TYPE_CHECKING:
    from sklearn.utils import Tags

__all__ = ["Adapter", "Problem", "class_prototypes"]

log = logging.getLogger(__name__)

_NOT_UNIT = 1e-3


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What `fit` was given, checked.

    Parameters
    ----------
    x : ndarray, shape (n, d)
        As it came, float32.
    y : ndarray, shape (n,)
        Number of each point's class.
    q : ndarray, shape (C, d)
        Class embeddings, unit rows.
    classes : ndarray, shape (C,)
    validation : Validation or None
    """

    x: Floats
    y: Ints
    q: Floats
    classes: NDArray[np.generic]
    validation: Validation | None


class Adapter(HasParameters):
    """Base of all methods that classify frozen embeddings."""

    classes_: NDArray[np.generic]
    class_embeddings_: Floats
    n_features_in_: int

    def fit(
        self,
        embeddings: ArrayLike,
        labels: ArrayLike,
        *,
        class_embeddings: ArrayLike | None = None,
        validation: Sequence[ArrayLike] | None = None,
    ) -> Self:
        """Learn from embeddings (n, d) and labels (n,)."""
        raise NotImplementedError

    def predict(self, embeddings: ArrayLike) -> NDArray[np.generic]:
        """Return the most probable class of each row, the first among equals, shape (n,)."""
        found = self._predicted(self._embeddings_to_predict(embeddings))
        return np.asarray(self.classes_[found])

    def predict_proba(self, embeddings: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each class, shape (n, C): the softmax of the logits."""
        logits = self._logits(self._embeddings_to_predict(embeddings)).astype(np.float64)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    def decision_function(self, embeddings: ArrayLike) -> Floats:
        """Return the logits, shape (n, C); of two classes second minus first, shape (n,)."""
        logits = self._logits(self._embeddings_to_predict(embeddings))
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def transform(self, embeddings: ArrayLike) -> Floats:
        """Return the adapted embeddings (n, d) as unit rows; methods without an adapter only scale them."""
        return self._adapted(self._embeddings_to_predict(embeddings))

    def fit_transform(
        self,
        embeddings: ArrayLike,
        labels: ArrayLike,
        *,
        class_embeddings: ArrayLike | None = None,
        validation: Sequence[ArrayLike] | None = None,
    ) -> Floats:
        """Learn as `fit` does, and return the adapted embeddings of the same points (n, d)."""
        self.fit(embeddings, labels, class_embeddings=class_embeddings, validation=validation)
        return self.transform(embeddings)

    def score(self, embeddings: ArrayLike, labels: ArrayLike) -> float:
        """Return the accuracy over all rows."""
        found = self.predict(embeddings)
        return float(np.mean(found == check_labels(labels, len(found))))

    def save(self, folder: Path | str) -> None:
        """Write ``adapter.json`` and ``adapter.safetensors``, which `load_adapter` reads; nothing is pickled.

        Raises
        ------
        ConfigError
            If nothing was learned yet.
        StorageError
            If the folder cannot be written.
        """
        if not hasattr(self, "classes_"):
            raise ConfigError(f"This {type(self).__name__} has learned nothing yet; call fit before save.")
        params = {
            name: asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
            for name, value in self.get_params().items()
        }
        facts = {name: getattr(self, name) for name in self._facts if hasattr(self, name)}
        learned = {"n_features_in_": self.n_features_in_, **facts}
        arrays = {"class_embeddings_": self.class_embeddings_, **self._arrays()}
        if self.classes_.dtype.kind in "iu":
            arrays["classes_"] = self.classes_
        else:
            learned["classes_"] = self.classes_.tolist()
        write_files(folder, {"method": type(self).__name__, "params": params, "learned": learned}, arrays)

    def clone(self) -> Self:
        """Return a model with the same arguments that has learned nothing."""
        return type(self)(**{name: copy.deepcopy(value) for name, value in self.get_params().items()})

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        shown = (f"{k}={v!r}" for k, v in self.get_params().items() if v != defaults[k].default)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __sklearn_tags__(self) -> Tags:
        """Describe the model to scikit-learn, which alone calls this."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            transformer_tags=TransformerTags(preserves_dtype=["float32"]),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(),
        )

    _facts: tuple[str, ...] = ()  # numbers besides the arrays that are learned

    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the learned arrays that predictions need."""
        raise NotImplementedError

    def _restore(self, learned: Mapping[str, object], arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Put back what `save` wrote."""
        for name, value in learned.items():
            setattr(self, name, tuple(value) if isinstance(value, list) else value)
        names = arrays.get("classes_")
        self.classes_ = np.array(learned["classes_"]) if names is None else names
        self.class_embeddings_ = np.asarray(arrays["class_embeddings_"], dtype=np.float32)

    def _logits(self, x: Floats) -> Floats:
        """Return logits (n, C) of checked embeddings (n, d)."""
        raise NotImplementedError

    def _adapted(self, x: Floats) -> Floats:
        """Return adapted embeddings, unit rows, of checked embeddings (n, d)."""
        return unit_rows(x)

    def _predicted(self, x: Floats) -> Ints:
        """Return the number of the most probable class of checked embeddings."""
        blocks = row_blocks(len(x), max(x.shape[1], len(self.classes_)))
        return np.concatenate([self._logits(x[rows]).argmax(axis=1) for rows in blocks]).astype(np.int64)

    def _embeddings_to_predict(self, embeddings: ArrayLike) -> Floats:
        if not hasattr(self, "classes_"):
            raise ConfigError(
                f"This {type(self).__name__} has learned nothing yet; call fit(embeddings, labels) first."
            )
        return check_embeddings(embeddings, width=self.n_features_in_)

    def _check(
        self,
        embeddings: ArrayLike,
        labels: ArrayLike,
        class_embeddings: ArrayLike | None,
        validation: Sequence[ArrayLike] | None,
    ) -> Problem:
        """Check what `fit` was given; set what does not depend on learning."""
        x = check_embeddings(embeddings)
        y, classes = _code_labels(labels, len(x), class_embeddings)
        q = class_prototypes(x, y, len(classes)) if class_embeddings is None else None
        if class_embeddings is not None:
            q = _check_class_embeddings(class_embeddings, x.shape[1])
        problem = Problem(x=x, y=y, q=q, classes=classes, validation=None)  # type: ignore[arg-type]
        checked = None if validation is None else _check_validation(validation, problem)
        self.classes_, self.class_embeddings_, self.n_features_in_ = classes, problem.q, x.shape[1]
        return Problem(x=x, y=y, q=problem.q, classes=classes, validation=checked)


def class_prototypes(x: Floats, y: Ints, n_classes: int) -> Floats:
    """Return the direction of the mean of each class's directions (C, d), from embeddings (n, d).

    Raises
    ------
    DataError
        If the points of a class cancel each other, so that their mean has no direction.
    """
    sums = np.zeros((n_classes, x.shape[1]))
    for rows in row_blocks(*x.shape):
        np.add.at(sums, y[rows], unit_rows(x[rows]))
    return unit_rows(check_embeddings(sums, name="class means"))


def _code_labels(
    labels: ArrayLike, n: int, class_embeddings: ArrayLike | None
) -> tuple[Ints, NDArray[np.generic]]:
    """Return the number of each point's class, and the classes.

    With class embeddings (C, d), row ``c`` belongs to label ``c`` where all labels are whole numbers from 0
    to C - 1, and to the c-th of the sorted labels otherwise.
    """
    found = check_labels(labels, n)
    distinct, y = np.unique(found, return_inverse=True)
    n_classes = (
        len(distinct) if class_embeddings is None else len(np.atleast_1d(np.asarray(class_embeddings)))
    )
    if n_classes < 2:
        raise DataError(
            "labels hold one class only; telling classes apart takes two. Pass class_embeddings of two "
            "classes at least, or points of another class."
        )
    is_numbered = np.issubdtype(found.dtype, np.integer) and distinct[0] >= 0 and distinct[-1] < n_classes
    if is_numbered and class_embeddings is not None:
        missing = sorted(set(range(n_classes)) - set(distinct.tolist()))
        if missing:
            log.warning("No training point has class %s; only its embedding tells of it.", missing)
        return found.astype(np.int64), np.arange(n_classes, dtype=found.dtype)
    if len(distinct) != n_classes:
        raise DataError(
            f"There are {n_classes} class_embeddings but {len(distinct)} different labels, from "
            f"{distinct[0]!s} to {distinct[-1]!s}. Number the classes from 0 in the order of "
            "class_embeddings."
        )
    return y.astype(np.int64), distinct


def _check_class_embeddings(class_embeddings: ArrayLike, width: int) -> Floats:
    """Return class embeddings as unit rows; say so where that changes them."""
    q = check_embeddings(class_embeddings, name="class_embeddings", width=width)
    lengths = np.linalg.norm(q.astype(np.float64), axis=1)
    if np.abs(lengths - 1).max() > _NOT_UNIT:
        log.info(
            "class_embeddings have lengths %.3g to %.3g; only directions count.", lengths.min(), lengths.max()
        )
    return unit_rows(q)


def _check_validation(validation: Sequence[ArrayLike], problem: Problem) -> Validation:
    """Return validation points with groups: the given ones, or cells of class and zero-shot prediction."""
    if len(validation) not in (2, 3):
        raise ConfigError(
            f"validation has {len(validation)} parts; accepted are (embeddings, labels) and (embeddings, "
            f"labels, groups)."
        )
    x = check_embeddings(validation[0], name="validation embeddings", width=problem.x.shape[1])
    found = check_labels(validation[1], len(x), name="validation labels")
    unknown = sorted(set(found.tolist()) - set(problem.classes.tolist()))
    if unknown:
        raise DataError(
            f"validation labels hold {unknown[0]!r}, which is no class; known are "
            f"{', '.join(str(one) for one in problem.classes)}."
        )
    y = np.searchsorted(problem.classes, found).astype(np.int64)
    if len(validation) == 3 and validation[2] is not None:
        groups, names = code_groups(validation[2], len(x), name="validation groups")
        return Validation(x=x, y=y, groups=groups, n_groups=len(names))
    cells = y * len(problem.classes) + nearest_rows(x, problem.q)
    distinct, groups = np.unique(cells, return_inverse=True)
    return Validation(x=x, y=y, groups=groups.astype(np.int64), n_groups=len(distinct))
