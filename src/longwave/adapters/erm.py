"""Plain training of an adapter on the average loss, and on cells of equal weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from longwave.adapters.base import Problem
from longwave.adapters.descent import DescentConfig, Step
from longwave.adapters.embeddings import nearest_rows
from longwave.adapters.network import AdapterConfig
from longwave.adapters.network_method import NetworkMethod
from longwave.adapters.sampling import Cells, Resampling, resample
from longwave.errors import ConfigError

__all__ = ["ERMAdapter"]


class ERMAdapter(NetworkMethod):
    """Train an adapter by cross-entropy with the class embeddings.

    Parameters
    ----------
    resampling : {"none", "cells", "classes"}
        "none" is plain training (ERM). Otherwise cells of class and zero-shot prediction are balanced, as
        `ContrastiveAdapter` does in every other epoch: "cells" draws ``group_size`` points of each, "classes"
        raises classes and then cells to equal size.
    group_size : int
    network : AdapterConfig, optional
        ``AdapterConfig(mix=0.2)`` makes the residual adapter.
    descent : DescentConfig, optional
    device : str
        "auto" (a GPU if there is one), "cpu", "cuda", ...
    seed : int
        Of the initial weights and of all draws.

    Attributes
    ----------
    net_, history_, best_epoch_, classes_, class_embeddings_, n_features_in_

    Notes
    -----
    Groups of training points are never seen: ``fit`` does not take them. With ``validation`` the epoch with
    the best worst group is kept, ties by the average, see `GroupScore`; groups that are not given are cells
    of class and zero-shot prediction. Without ``validation`` the last epoch is kept.
    """

    def __init__(
        self,
        *,
        resampling: Resampling = "none",
        group_size: int = 500,
        network: AdapterConfig | None = None,
        descent: DescentConfig | None = None,
        device: str = "auto",
        seed: int = 0,
    ) -> None:
        self.resampling = resampling
        self.group_size = group_size
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
        """Learn from embeddings (n, d) and labels (n,).

        Parameters
        ----------
        embeddings : array_like, shape (n, d)
        labels : array_like, shape (n,)
            Whole numbers or text.
        class_embeddings : array_like, shape (C, d), optional
            Row ``c`` belongs to label ``c`` where labels are whole numbers from 0 to C - 1, else to the c-th
            of the sorted labels. Only directions count. Default: the directions of the training classes'
            means.
        validation : (embeddings, labels) or (embeddings, labels, groups), optional
            To choose the epoch by.

        Raises
        ------
        ConfigError
            If an argument of the constructor is none of the accepted.
        ShapeError, DataError
            If data cannot be used; the message says which rows.
        """
        if self.resampling not in ("none", "cells", "classes"):
            raise ConfigError(f'Unknown resampling "{self.resampling}". Known: none, cells, classes.')
        problem = self._check(embeddings, labels, class_embeddings, validation)
        self._train(problem)
        return self

    def _train(self, problem: Problem) -> None:
        descent, x, y = self._start(problem)
        is_plain = self.resampling == "none"
        predicted = problem.y if is_plain else nearest_rows(problem.x, problem.q)
        cells = Cells(y=problem.y, predicted=predicted, n_classes=len(problem.classes))

        def run_epoch(epoch: int, step: Step) -> tuple[str, Tensor]:
            points = resample(
                cells, self.resampling, self.group_size, np.random.default_rng((self.seed, epoch))
            )
            return "classes", self._class_epoch(x, y, points, step)

        descent.run(run_epoch)
        self._finish(descent)
