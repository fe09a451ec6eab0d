"""What every aggregator of votes has: scikit-learn's manners, checks, and a rule for ties.

The constructor only stores, `fit` learns and returns the model, what is learned ends in an underscore.

Shapes: n instances, m prompts, k classes.
"""

from __future__ import annotations

import inspect
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError, DataError, nearest
from longwave.prompting.label_model.votes import check_votes

__all__ = ["Aggregator", "pick_classes"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_TIE = 1e-9


class Aggregator:
    """Base of the models that make one answer out of the votes of many prompts."""

    n_classes: int
    n_prompts_: int

    def fit(self, votes: ArrayLike) -> Self:
        """Learn from votes (n, m), without labels."""
        raise NotImplementedError

    def predict_proba(self, votes: ArrayLike) -> Array:
        """Return the probability of each class, shape (n, k)."""
        raise NotImplementedError

    def predict(self, votes: ArrayLike) -> Ints:
        """Return the most probable class of each row, the lowest among equals, shape (n,)."""
        return pick_classes(self.predict_proba(votes))

    def fit_predict(self, votes: ArrayLike) -> Ints:
        """Learn from votes and return their classes."""
        return self.fit(votes).predict(votes)

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """Return the constructor's arguments; ``deep`` is there for scikit-learn and changes nothing."""
        del deep
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: object) -> Self:
        """Change arguments of the constructor.

        Raises
        ------
        ConfigError
            If there is no such argument.
        """
        known = list(self.get_params())
        for name, value in params.items():
            if name not in known:
                close = nearest(name, known, 1)
                hint = f' Did you mean "{close[0]}"?' if close else ""
                raise ConfigError(
                    f'{type(self).__name__} has no argument "{name}".{hint} Known: {", ".join(known)}.'
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({shown})"

    def _votes_to_fit(self, votes: ArrayLike) -> Ints:
        """Check votes, of which there must be some."""
        v = check_votes(votes, self.n_classes)
        if not len(v):
            raise DataError("There are no instances to learn from (votes have 0 rows); pass one at least.")
        return v

    def _votes_to_predict(self, votes: ArrayLike) -> Ints:
        """Check votes against what was fitted."""
        if not hasattr(self, "n_prompts_"):
            raise ConfigError(f"This {type(self).__name__} has learned nothing yet; call fit(votes) first.")
        return check_votes(votes, self.n_classes, n_prompts=self.n_prompts_)


def pick_classes(proba: Array) -> Ints:
    """Return the most probable class of each row; among probabilities equal to 1e-9 the lowest class."""
    best = proba >= proba.max(axis=1, keepdims=True) - _TIE
    return np.asarray(best.argmax(axis=1), dtype=np.int64)
