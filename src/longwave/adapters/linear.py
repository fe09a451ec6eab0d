"""Linear heads on the directions of the embeddings: the probe, and what heads share.

Shapes: n points, d width of the embeddings, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from longwave.adapters.base import Adapter, Problem
from longwave.adapters.descent import Descent, DescentConfig, EpochRecord, Step, resolve_device
from longwave.adapters.embeddings import Floats, unit_rows
from longwave.adapters.sampling import even_batches
from longwave.adapters.selection import GroupScore

__all__ = ["LinearMethod", "LinearProbe", "probe_descent"]


class LinearMethod(Adapter):
    """Base of the heads: logits ``W x/|x| + b``.

    Attributes
    ----------
    coef_ : ndarray, shape (C, d)
    intercept_ : ndarray, shape (C,)
    classes_, class_embeddings_, n_features_in_
    """

    coef_: Floats
    intercept_: Floats

    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        return {"coef_": self.coef_, "intercept_": self.intercept_}

    def _restore(self, learned: Mapping[str, object], arrays: Mapping[str, NDArray[np.generic]]) -> None:
        super()._restore(learned, arrays)
        self.coef_, self.intercept_ = (
            np.asarray(arrays[name], dtype=np.float32) for name in ("coef_", "intercept_")
        )

    def _logits(self, x: Floats) -> Floats:
        return unit_rows(x) @ self.coef_.T + self.intercept_


class LinearProbe(LinearMethod):
    """Train a linear head by cross-entropy on the average loss (ERM).

    Parameters
    ----------
    descent : DescentConfig, optional
        Default: as for adapters, but with ``lr`` 10, for a head on unit rows has small gradients.
    device : str
        "auto" (a GPU if there is one), "cpu", "cuda", ...
    seed : int
        Of the order of the points. The head starts at zero.

    Attributes
    ----------
    coef_, intercept_, history_, best_epoch_, classes_, class_embeddings_, n_features_in_

    Notes
    -----
    The epoch is chosen as `ERMAdapter` does. Class embeddings have no part but in the cells of a validation
    without groups.
    """

    _facts: tuple[str, ...] = ("best_epoch_",)
    history_: list[EpochRecord]
    best_epoch_: int

    def __init__(self, *, descent: DescentConfig | None = None, device: str = "auto", seed: int = 0) -> None:
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
        problem = self._check(embeddings, labels, class_embeddings, validation)
        self._train(problem)
        return self

    def _train(self, problem: Problem) -> None:
        device = resolve_device(self.device)
        config = self.descent or probe_descent()
        head = nn.Linear(problem.x.shape[1], len(problem.classes)).to(device)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        x = torch.from_numpy(unit_rows(problem.x)).to(device)
        y = torch.from_numpy(problem.y).to(device)

        def run_epoch(epoch: int, step: Step) -> tuple[str, Tensor]:
            points = np.random.default_rng((self.seed, epoch)).permutation(len(x))
            batches = (torch.from_numpy(b).to(device) for b in even_batches(points, config.batch_size))
            return "classes", torch.stack([step(F.cross_entropy(head(x[b]), y[b])) for b in batches])

        validation = problem.validation
        if validation is None:
            descent = Descent(head, config, None)
        else:
            unit = torch.from_numpy(unit_rows(validation.x)).to(device)
            checked = validation

            def validate() -> GroupScore:
                with torch.inference_mode():
                    return checked.score(head(unit).argmax(dim=1).cpu().numpy())

            descent = Descent(head, config, validate)
        descent.run(run_epoch)
        self.history_, self.best_epoch_ = descent.history, descent.best_epoch
        self.coef_ = head.weight.detach().cpu().numpy()
        self.intercept_ = head.bias.detach().cpu().numpy()


def probe_descent() -> DescentConfig:
    """Return the settings of a probe that is given none."""
    return DescentConfig(lr=10.0)
