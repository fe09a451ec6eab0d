"""In-context linear functions: real vectors and their images under a map that changes with every sequence."""

# Shapes: n sequences, P pairs, O size of a vector

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longwave.data.synthetic.settings import require
from longwave.errors import ShapeError

__all__ = ["LinearFunctions", "LinearPrompts", "linear_floors", "regression_scores"]


@dataclass(frozen=True, kw_only=True)
class LinearPrompts:
    """Sequences of vectors ``x_1, w * x_1, x_2, w * x_2, ...`` and where to predict the next one.

    Parameters
    ----------
    sequence : ndarray, shape (n, 2 P, O), float32
    weights : ndarray, shape (n, O), float32
        The map of each sequence.
    """

    sequence: np.ndarray
    weights: np.ndarray

    @property
    def inputs(self) -> np.ndarray:
        """All vectors but the last, shape (n, 2 P - 1, O)."""
        return self.sequence[:, :-1]

    @property
    def targets(self) -> np.ndarray:
        """The vector after each one read, shape (n, 2 P - 1, O)."""
        return self.sequence[:, 1:]

    @property
    def scored(self) -> np.ndarray:
        """True where an image follows, shape (1, 2 P - 1); at the first there is nothing to go by."""
        mask: np.ndarray = np.arange(self.sequence.shape[1] - 1)[None] % 2 == 0
        return mask


@dataclass(frozen=True, kw_only=True)
class LinearFunctions:
    """Draw prompts of elementwise linear functions.

    Parameters
    ----------
    n_dims : int
        Size of a vector.
    n_pairs : int
        Pairs of a vector and its image.

    Raises
    ------
    ConfigError
        If a size is below 1.

    Notes
    -----
    Vectors and maps are standard normal, and the map is elementwise, ``y_i = w_i x_i``; one pair determines
    it, so that the best error from the second pair on is 0. Predicting 0 has a mean squared error of 1. The
    values are real, so this is no task for a language model: predict ``targets`` from ``inputs`` with a model
    of your own over ``longwave.mixers``, score it with ``regression_scores``, and hold it against
    ``linear_floors``. ``benchmarks/recall/linear.py`` does so with every mixer.

    References
    ----------
    Section 4.1 and appendix A.1 of arXiv 2302.10866.
    """

    n_dims: int = 4
    n_pairs: int = 16

    def __post_init__(self) -> None:
        require("n_dims", self.n_dims, self.n_dims >= 1, "1 or more")
        require("n_pairs", self.n_pairs, self.n_pairs >= 1, "1 or more")

    def draw(self, n: int, rng: np.random.Generator) -> LinearPrompts:
        """Draw n sequences."""
        weights = rng.standard_normal((n, 1, self.n_dims), dtype=np.float32)
        x = rng.standard_normal((n, self.n_pairs, self.n_dims), dtype=np.float32)
        sequence = np.stack([x, weights * x], axis=2).reshape(n, 2 * self.n_pairs, self.n_dims)
        return LinearPrompts(sequence=sequence, weights=weights[:, 0])


def regression_scores(predicted: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Score real predictions.

    Parameters
    ----------
    predicted, targets : ndarray, equal shapes

    Returns
    -------
    dict
        ``mse``, the mean squared error, and ``r2``, its reduction against always predicting the mean of the
        targets: ``1 - mse / variance`` (0 where the targets do not vary).

    Raises
    ------
    ShapeError
        If the shapes differ or there is nothing to score.
    """
    if predicted.shape != targets.shape or not targets.size:
        raise ShapeError(
            f"Predictions have shape {predicted.shape}, targets {targets.shape}; accepted are equal shapes "
            "with at least one number. Score the same places of both."
        )
    truth = targets.astype(np.float64)
    mse = float(np.mean((predicted.astype(np.float64) - truth) ** 2))
    variance = float(truth.var())
    return {"mse": mse, "r2": 1 - mse / variance if variance > 0 else 0.0}


def linear_floors(prompts: LinearPrompts) -> dict[str, float]:
    """Return the mean squared error of rules on the images of given prompts, from the second pair on.

    Parameters
    ----------
    prompts : LinearPrompts
        Of two pairs or more.

    Returns
    -------
    dict
        ``zero``: always 0. ``mean_product``: the map is taken for the mean of ``x_i y_i`` over the pairs so
        far, which needs products and sums but no division. ``least_squares``: for
        ``sum x_i y_i / sum x_i²``, exact but for rounding.

    Raises
    ------
    ShapeError
        If there is a single pair, or no sequence.
    """
    x, y = (prompts.sequence[:, start::2].astype(np.float64) for start in (0, 1))  # (n, P, O)
    if x.shape[1] < 2 or not len(x):
        raise ShapeError(
            f"The prompts have shape {prompts.sequence.shape}; accepted are sequences of 2 pairs or more, at "
            "least one. Draw some with n_pairs=2 or more."
        )
    products, squares = (np.cumsum(part, axis=1)[:, :-1] for part in (x * y, x * x))  # (n, P - 1, O)
    counts = np.arange(1, x.shape[1])[:, None]
    maps = {
        "zero": np.zeros_like(products),
        "mean_product": products / counts,
        "least_squares": np.divide(products, squares, out=np.zeros_like(products), where=squares > 0),
    }
    return {name: float(np.mean((w * x[:, 1:] - y[:, 1:]) ** 2)) for name, w in maps.items()}
