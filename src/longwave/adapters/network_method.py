"""What the methods that train an adapter share: the network, its descent, and blocks of bounded memory.

Shapes: n points, d width of the embeddings, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from longwave.adapters.base import Adapter, Problem
from longwave.adapters.descent import Descent, DescentConfig, EpochRecord, Step, as_tensor, resolve_device
from longwave.adapters.embeddings import Floats, Ints, row_blocks
from longwave.adapters.network import AdapterConfig, AdapterNet
from longwave.adapters.sampling import even_batches

__all__ = ["NetworkMethod"]


class NetworkMethod(Adapter):
    """Base of the methods that train an adapter.

    Attributes
    ----------
    net_ : AdapterNet
    history_ : list of EpochRecord
    best_epoch_ : int
        The one whose weights are kept.
    classes_, class_embeddings_, n_features_in_
    """

    _facts: tuple[str, ...] = ("best_epoch_",)
    network: AdapterConfig | None
    descent: DescentConfig | None
    device: str
    seed: int
    net_: AdapterNet
    history_: list[EpochRecord]
    best_epoch_: int

    def _start(self, problem: Problem, config: DescentConfig | None = None) -> tuple[Descent, Tensor, Tensor]:
        """Make the network and its descent; return them with points (n, d) and classes (n,) on the device."""
        device = resolve_device(self.device)
        generator = torch.Generator().manual_seed(self.seed)
        net = AdapterNet(problem.x.shape[1], self.network or AdapterConfig(), generator)
        self.net_ = net.to(device)
        self._q = torch.from_numpy(problem.q).to(device)
        validation = problem.validation
        check = None if validation is None else lambda: validation.score_by(self._predicted)
        descent = Descent(self.net_, config or self._descent(), check)
        return descent, as_tensor(problem.x).to(device), torch.from_numpy(problem.y).to(device)

    def _finish(self, descent: Descent) -> None:
        self.net_.eval()
        self.history_, self.best_epoch_ = descent.history, descent.best_epoch

    def _descent(self) -> DescentConfig:
        return self.descent or DescentConfig()

    def _class_epoch(self, x: Tensor, y: Tensor, points: Ints, step: Step) -> Tensor:
        """Train one epoch on the cross-entropy of chosen points; return the loss of each step."""
        batches = torch.from_numpy(points).to(x.device)
        sizes = [len(batch) for batch in even_batches(points, self._descent().batch_size)]
        losses = [step(self._class_loss(x[b], y[b])) for b in torch.split(batches, sizes)]
        return torch.stack(losses)

    def _class_loss(self, x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(self.net_.logits(x, self._q), y)

    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        return {f"net.{name}": value.cpu().numpy() for name, value in self.net_.state_dict().items()}

    def _restore(self, learned: Mapping[str, object], arrays: Mapping[str, NDArray[np.generic]]) -> None:
        super()._restore(learned, arrays)
        net = AdapterNet(self.n_features_in_, self.network or AdapterConfig(), torch.Generator())
        weights = {n.removeprefix("net."): torch.tensor(v) for n, v in arrays.items() if n.startswith("net.")}
        net.load_state_dict(weights)
        device = resolve_device(self.device)
        self.net_ = net.eval().to(device)
        self._q = torch.from_numpy(self.class_embeddings_).to(device)

    def _logits(self, x: Floats) -> Floats:
        return self._by_block(x, lambda block: self.net_.logits(block, self._q))

    def _adapted(self, x: Floats) -> Floats:
        return self._by_block(x, lambda block: F.normalize(self.net_(block), dim=1))

    def _by_block(self, x: Floats, compute: Callable[[Tensor], Tensor]) -> Floats:
        device = self._q.device
        with torch.inference_mode():
            parts = [
                compute(as_tensor(x[rows]).to(device)).cpu()
                for rows in row_blocks(len(x), max(x.shape[1], len(self._q)))
            ]
        return np.asarray(torch.cat(parts).numpy())
