"""Just train twice: weigh up what a first, short training gets wrong.

Shapes: n points, d width of the embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from longwave.adapters.base import Problem
from longwave.adapters.descent import DescentConfig, EpochRecord, Step
from longwave.adapters.network import AdapterConfig, AdapterNet
from longwave.adapters.network_method import NetworkMethod
from longwave.adapters.selection import GroupScore
from longwave.errors import ConfigError

__all__ = ["JTT"]


class JTT(NetworkMethod):
    """Train an adapter for a few epochs, then another with the first one's errors weighed up.

    Parameters
    ----------
    first_epochs : tuple of int
        Epochs of the first training.
    upweights : tuple of float
        How many times a point counts that the first one gets wrong.
    network : AdapterConfig, optional
    descent : DescentConfig, optional
    device : str
        "auto" (a GPU if there is one), "cpu", "cuda", ...
    seed : int

    Attributes
    ----------
    first_epochs_, upweight_
        The pair that was chosen by the worst validation group, ties by the average, then in the order given.
    scores_ : dict from (int, float) to GroupScore
    net_, history_, best_epoch_, classes_, class_embeddings_, n_features_in_

    Notes
    -----
    An epoch of the second training draws n points with replacement, errors ``upweight`` times as likely as
    others; the paper repeats them, which takes longer and comes to the same mean gradient. Within each
    training the epoch is chosen as `ERMAdapter` does, but the first one's last epoch is its model. Without
    ``validation`` the first pair is taken.

    References
    ----------
    arXiv 2107.09044.
    """

    _facts = ("best_epoch_", "first_epochs_", "upweight_")

    def __init__(
        self,
        *,
        first_epochs: tuple[int, ...] = (1, 5),
        upweights: tuple[float, ...] = (5, 20, 50, 100),
        network: AdapterConfig | None = None,
        descent: DescentConfig | None = None,
        device: str = "auto",
        seed: int = 0,
    ) -> None:
        self.first_epochs = first_epochs
        self.upweights = upweights
        self.network = network
        self.descent = descent
        self.device = device
        self.seed = seed

    def fit(
        self,
        embeddings: ArrayLike,
        labels: ArrayLike,
        *,
        class_embeddings: ArrayLike | None = None,
        validation: Sequence[ArrayLike] | None = None,
    ) -> Self:
        """Learn from embeddings (n, d) and labels (n,); parameters and errors as `ERMAdapter.fit`."""
        if (
            not self.first_epochs
            or not self.upweights
            or min(self.first_epochs) < 1
            or min(self.upweights) < 1
        ):
            raise ConfigError(
                f"first_epochs are {self.first_epochs} and upweights {self.upweights}; accepted are one "
                f"number >= 1 at least of each."
            )
        problem = self._check(embeddings, labels, class_embeddings, validation)
        pairs = [(first, weight) for first in self.first_epochs for weight in self.upweights]
        if problem.validation is None:
            pairs = pairs[:1]
        errors = {first: self._find_errors(problem, first) for first in {first for first, _ in pairs}}
        self.scores_: dict[tuple[int, float], GroupScore] = {}
        best: tuple[AdapterNet, list[EpochRecord], int] | None = None
        for first, weight in pairs:
            self._train(problem, np.where(errors[first], weight, 1.0))
            score = self.history_[self.best_epoch_ - 1].score
            is_better = best is None or (score is not None and score > max(self.scores_.values()))
            if score is not None:
                self.scores_[first, weight] = score
            if is_better:
                best = self.net_, self.history_, self.best_epoch_
                self.first_epochs_, self.upweight_ = first, weight
        if best is not None:
            self.net_, self.history_, self.best_epoch_ = best
        return self

    def _find_errors(self, problem: Problem, epochs: int) -> NDArray[np.bool_]:
        """Return which points a plain training of so many epochs gets wrong, (n,)."""
        short = DescentConfig(**{**vars(self._descent()), "epochs": epochs})
        unseen = Problem(x=problem.x, y=problem.y, q=problem.q, classes=problem.classes, validation=None)
        self._train(unseen, np.ones(len(problem.x)), short)
        return np.asarray(self._predicted(problem.x) != problem.y)

    def _train(
        self, problem: Problem, weights: NDArray[np.float64], config: DescentConfig | None = None
    ) -> None:
        """Train one network; all weights 1 visit every point once an epoch."""
        descent, x, y = self._start(problem, config)
        chances = weights / weights.sum()
        is_plain = bool((weights == 1).all())

        def run_epoch(epoch: int, step: Step) -> tuple[str, Tensor]:
            rng = np.random.default_rng((self.seed, epoch))
            points = rng.permutation(len(x)) if is_plain else rng.choice(len(x), len(x), p=chances)
            return "classes", self._class_epoch(x, y, points, step)

        descent.run(run_epoch)
        self._finish(descent)
