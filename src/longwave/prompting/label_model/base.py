"""What every aggregator of votes has: scikit-learn's manners, checks, and a rule for ties.

The constructor only stores, `fit` learns and returns the model, what is learned ends in an underscore.

Shapes: n instances, m prompts, k classes.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave._parameters import HasParameters
from longwave.errors import ConfigError, DataError
from longwave.prompting.label_model.votes import check_votes

__all__ = ["Aggregator", "pick_classes"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_TIE = 1e-9


class Aggregator(HasParameters):
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
