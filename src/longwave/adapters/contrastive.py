"""The contrastive adapter: pull wrongly predicted points to rightly predicted ones of their class.

Shapes: n points, d width of the embeddings, C classes, A anchors, U points of one step, K neighbours.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from longwave.adapters.base import Problem
from longwave.adapters.blocks import BlockSampler
from longwave.adapters.contrastive_loss import contrastive_loss
from longwave.adapters.descent import DescentConfig, Step
from longwave.adapters.embeddings import Ints, check_labels
from longwave.adapters.erm import ERMAdapter
from longwave.adapters.network import AdapterConfig
from longwave.adapters.network_method import NetworkMethod
from longwave.adapters.sampling import Cells, draw_anchors, even_batches, resample
from longwave.adapters.zero_shot import ZeroShot
from longwave.errors import ConfigError, DataError

__all__ = ["ContrastiveAdapter", "ContrastiveConfig"]

log = logging.getLogger(__name__)

PredictedBy = Literal["zero-shot", "prototypes", "kmeans", "erm"]
_ERM_EPOCHS = 5


@dataclass(frozen=True, kw_only=True)
class ContrastiveConfig:
    """Settings of contrastive adapting; the defaults are those published for Waterbirds.

    Parameters
    ----------
    positives, negatives : int
        Most points an anchor is compared with in either role.
    neighbours : int
        Nearest points that negatives are drawn from; cut to n - 1.
    tau : float
        Temperature of the contrastive loss.
    schedule : {"alternate", "joint"}
        Odd epochs contrastive and even epochs cross-entropy, as in the released code; or every step the sum
        of both, as in the paper's text.
    weight : float
        Factor of an anchor's mean loss in the joint schedule.
    resampling : {"cells", "classes"}
        How cells are balanced for cross-entropy, see `ERMAdapter`.
    group_size : int
        Draws of a cell an epoch, with "cells".
    anchor_ratio : float
        Below 1, this share of the anchors' number is drawn with replacement, every cell equally likely.
    balance_anchors : bool
        Whether every class has equally many anchors.

    Raises
    ------
    ConfigError
        If a value is out of its range.
    """

    positives: int = 2048
    negatives: int = 2048
    neighbours: int = 4096
    tau: float = 0.1
    schedule: Literal["alternate", "joint"] = "alternate"
    weight: float = 1.0
    resampling: Literal["cells", "classes"] = "cells"
    group_size: int = 500
    anchor_ratio: float = 1.0
    balance_anchors: bool = False

    def __post_init__(self) -> None:
        for name in ("positives", "negatives", "neighbours", "group_size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; accepted are whole numbers >= 1.")
        if not self.tau > 0 or not self.weight > 0:
            raise ConfigError(f"tau is {self.tau} and weight {self.weight}; accepted are numbers above 0.")
        if not 0 < self.anchor_ratio <= 1:
            raise ConfigError(f"anchor_ratio is {self.anchor_ratio}; accepted is above 0 and up to 1.")
        if self.schedule not in ("alternate", "joint"):
            raise ConfigError(f'Unknown schedule "{self.schedule}". Known: alternate, joint.')
        if self.resampling not in ("cells", "classes"):
            raise ConfigError(f'Unknown resampling "{self.resampling}". Known: cells, classes.')


class ContrastiveAdapter(NetworkMethod):
    """Train an adapter so that groups of one class come together, without group labels.

    Parameters
    ----------
    contrast : ContrastiveConfig, optional
    predicted_by : {"zero-shot", "prototypes", "kmeans", "erm"}
        Whose predictions tell anchors from positives: "zero-shot", the class embeddings; "prototypes" and
        "kmeans", see `ZeroShot`; "erm", an adapter that was plainly trained for five epochs, which makes
        the two-stage method called Correct-n-Contrast. ``fit`` also takes predictions of your own.
    network : AdapterConfig, optional
    descent : DescentConfig, optional
    device : str
        "auto" (a GPU if there is one), "cpu", "cuda", ...
    seed : int
        Of the initial weights and of all draws.

    Attributes
    ----------
    predictions_ : ndarray, shape (n,)
        Of the training points, as they made the cells; numbers of classes.
    cell_counts_ : ndarray, shape (C, C)
        Training points by class and prediction.
    net_, history_, best_epoch_, classes_, class_embeddings_, n_features_in_

    Notes
    -----
    Anchors are points that are predicted wrongly. Positives of an anchor are points of its class that are
    predicted rightly; negatives, points of other classes among those drawn from its nearest neighbours in the
    frozen space. `contrastive_loss` is summed over the anchors of a step. Cross-entropy on balanced cells
    alternates with it.

    One step encodes every point that plays a role in it once, and compares points by products of width H + 1
    (`AdapterNet.cosines`). Draws are ordered by one random permutation a step, so that anchors share what
    they can: each anchor's draw is uniform without replacement, as if it were drawn alone. Batch norm takes
    its statistics from the distinct points of the step; the published code takes them from each anchor's own
    block of 1 + P + N rows, so that trained networks differ while the loss of given outputs does not.

    Groups of training points are never seen: ``fit`` does not take them. With ``validation`` the epoch with
    the best worst group is kept, ties by the average; groups that are not given are cells of class and
    zero-shot prediction. Without ``validation`` the last epoch is kept.

    A class without a rightly predicted point has no positives, and its points are no anchors; a class without
    a wrongly predicted one has no anchors. Both are told by a warning, and cross-entropy still sees these
    points. Where no class has anchors, all epochs are cross-entropy.

    The method takes errors to be systematic: that they follow something the frozen model prefers to the
    class. Where classes merely overlap, cells of equal weight take away what was predicted rightly. Batch
    norm's statistics are those that training left: taken anew over the training set as it is, unbalanced,
    they cost the worst group of the generator about 10 points.

    References
    ----------
    arXiv 2207.07180 and the code of its NeurIPS 2022 submission.

    Examples
    --------
    >>> from longwave.adapters import make_groups
    >>> data = make_groups(7, width=32)
    >>> train, val, test = (data.part(name) for name in ("train", "val", "test"))
    >>> adapter = ContrastiveAdapter(descent=DescentConfig(epochs=4), device="cpu").fit(
    ...     train.embeddings,
    ...     train.labels,
    ...     class_embeddings=data.class_embeddings,
    ...     validation=val.for_validation(),
    ... )
    >>> adapter.predict(test.embeddings).shape
    (5794,)
    """

    def __init__(
        self,
        *,
        contrast: ContrastiveConfig | None = None,
        predicted_by: PredictedBy = "zero-shot",
        network: AdapterConfig | None = None,
        descent: DescentConfig | None = None,
        device: str = "auto",
        seed: int = 0,
    ) -> None:
        self.contrast = contrast
        self.predicted_by = predicted_by
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
        predictions: ArrayLike | None = None,
    ) -> Self:
        """Learn from embeddings (n, d) and labels (n,).

        Parameters
        ----------
        embeddings, labels, class_embeddings, validation
            As `ERMAdapter.fit`.
        predictions : array_like, shape (n,), optional
            Labels that another model predicts for the training points, in place of ``predicted_by``.

        Raises
        ------
        ConfigError
            If an argument of the constructor is none of the accepted.
        ShapeError, DataError
            If data cannot be used; the message says which rows.
        """
        if self.predicted_by not in ("zero-shot", "prototypes", "kmeans", "erm"):
            raise ConfigError(
                f'Unknown predicted_by "{self.predicted_by}". Known: zero-shot, prototypes, kmeans, erm.'
            )
        problem = self._check(embeddings, labels, class_embeddings, validation)
        self.predictions_ = self._predict_training(problem, predictions)
        cells = Cells(y=problem.y, predicted=self.predictions_, n_classes=len(problem.classes))
        self.cell_counts_ = cells.counts
        self._tell_of_empty_cells()
        self._train(problem, cells)
        return self

    def _predict_training(self, problem: Problem, given: ArrayLike | None) -> Ints:
        """Return the number of the class that is predicted for each training point."""
        if given is not None:
            found = check_labels(given, len(problem.x), name="predictions")
            unknown = sorted(set(found.tolist()) - set(problem.classes.tolist()))
            if unknown:
                raise DataError(f"predictions hold {unknown[0]!r}, which is no class of the labels.")
            return np.searchsorted(problem.classes, found).astype(np.int64)
        labels = problem.classes[problem.y]
        if self.predicted_by == "erm":
            settings = self._descent()
            first = ERMAdapter(
                network=self.network,
                descent=DescentConfig(**{**vars(settings), "epochs": _ERM_EPOCHS}),
                device=self.device,
                seed=self.seed,
            ).fit(problem.x, labels, class_embeddings=problem.q)
            return first._predicted(problem.x)
        source = "text" if self.predicted_by == "zero-shot" else self.predicted_by
        model = ZeroShot(source, seed=self.seed).fit(problem.x, labels, class_embeddings=problem.q)
        return model._predicted(problem.x)

    def _tell_of_empty_cells(self) -> None:
        counts = self.cell_counts_
        right, total = np.diag(counts), counts.sum(axis=1)
        without_right = self.classes_[(right == 0) & (total > 0)]
        without_wrong = self.classes_[(right == total) & (total > 0)]
        if len(without_right):
            log.warning(
                "No training point of class %s is predicted rightly: without positives, its points are no "
                "anchors.",
                ", ".join(str(one) for one in without_right),
            )
        if len(without_wrong):
            log.warning(
                "All training points of class %s are predicted rightly: it has no anchors.",
                ", ".join(str(one) for one in without_wrong),
            )

    def _train(self, problem: Problem, cells: Cells) -> None:
        config = self.contrast or ContrastiveConfig()
        descent, x, y = self._start(problem)
        blocks = BlockSampler(x, cells, config.positives, config.negatives, config.neighbours)

        def run_epoch(epoch: int, step: Step) -> tuple[str, Tensor]:
            rng = np.random.default_rng((self.seed, epoch))
            anchors = draw_anchors(cells, rng, ratio=config.anchor_ratio, balance=config.balance_anchors)
            points = resample(cells, config.resampling, config.group_size, rng)
            batches = even_batches(anchors, self._descent().batch_size) if len(anchors) else []
            if config.schedule == "joint" and batches:
                return "joint", self._joint_epoch(x, y, blocks, batches, points, rng, step)
            if epoch % 2 and batches:
                losses = [step(self._contrastive_losses(x, blocks, b, rng).sum()) / len(b) for b in batches]
                return "contrastive", torch.stack(losses)
            return "classes", self._class_epoch(x, y, points, step)

        descent.run(run_epoch)
        self._finish(descent)

    def _joint_epoch(
        self,
        x: Tensor,
        y: Tensor,
        blocks: BlockSampler,
        batches: list[Ints],
        points: Ints,
        rng: np.random.Generator,
        step: Step,
    ) -> Tensor:
        """Step down both losses at once, as often as the larger of the two epochs takes."""
        config = self.contrast or ContrastiveConfig()
        class_batches = even_batches(points, self._descent().batch_size)
        losses = []
        for i in range(max(len(batches), len(class_batches))):
            chosen = torch.from_numpy(class_batches[i % len(class_batches)]).to(x.device)
            anchors = batches[i % len(batches)]
            contrastive = self._contrastive_losses(x, blocks, anchors, rng).mean()
            losses.append(step(self._class_loss(x[chosen], y[chosen]) + config.weight * contrastive))
        return torch.stack(losses)

    def _contrastive_losses(
        self, x: Tensor, blocks: BlockSampler, anchors: Ints, rng: np.random.Generator
    ) -> Tensor:
        """Return the contrastive loss of every anchor of a batch, (A,)."""
        tau = (self.contrast or ContrastiveConfig()).tau
        block = blocks.draw(anchors, rng)
        cosines = self.net_.cosines(x[block.points], block.anchors)  # (A, U)
        return contrastive_loss(cosines / tau, block.positives, block.negatives)
