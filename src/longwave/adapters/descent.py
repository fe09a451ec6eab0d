"""Stochastic gradient descent by epochs, and which epoch is kept."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from longwave.adapters.embeddings import Floats
from longwave.adapters.selection import GroupScore
from longwave.errors import ConfigError, DataError

__all__ = ["Descent", "DescentConfig", "EpochRecord", "as_tensor", "resolve_device"]

log = logging.getLogger(__name__)

Step = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class DescentConfig:
    """Settings of the descent; the defaults are those of the published commands.

    Parameters
    ----------
    epochs : int
    lr, momentum, weight_decay : float
    batch_size : int
        Points, or anchors, a step.

    Raises
    ------
    ConfigError
        If a value is out of its range.
    """

    epochs: int = 100
    lr: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 5e-5
    batch_size: int = 128

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; accepted are whole numbers >= 1.")
        if not self.lr > 0:
            raise ConfigError(f"lr is {self.lr}; accepted are numbers above 0.")
        if not 0 <= self.momentum < 1 or not self.weight_decay >= 0:
            raise ConfigError(
                f"momentum is {self.momentum} and weight_decay {self.weight_decay}; accepted are 0 <= "
                f"momentum < 1 and weight_decay >= 0."
            )


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """What one epoch came to; ``score`` is None without validation points."""

    epoch: int
    kind: str
    loss: float
    score: GroupScore | None


class Descent:
    """Train a module by epochs and keep the best of them.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    config : DescentConfig
    validate : callable, optional
        Returns the score of the model as it is; without it the last epoch is kept.
    """

    def __init__(
        self, model: nn.Module, config: DescentConfig, validate: Callable[[], GroupScore] | None
    ) -> None:
        self._model, self._config, self._validate = model, config, validate
        self._optimizer = torch.optim.SGD(
            model.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )
        self.history: list[EpochRecord] = []
        self.best_epoch = 0
        self._best: tuple[GroupScore, dict[str, Tensor]] | None = None

    def step(self, loss: Tensor) -> Tensor:
        """Go one step down a loss; return it, detached."""
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss.detach()

    def run(self, run_epoch: Callable[[int, Step], tuple[str, Tensor]]) -> None:
        """Run all epochs, then put the best one back.

        Parameters
        ----------
        run_epoch : callable
            Gets the epoch's number, from 1, and `step`; returns the epoch's kind and its losses.

        Raises
        ------
        DataError
            If a loss is not finite.
        """
        for epoch in range(1, self._config.epochs + 1):
            self._model.train()
            kind, losses = run_epoch(epoch, self.step)
            self._model.eval()
            loss = float(losses.mean())
            if not loss < float("inf"):
                raise DataError(f"The loss of epoch {epoch} is {loss}. Lower lr (now {self._config.lr}).")
            score = None if self._validate is None else self._validate()
            self.history.append(EpochRecord(epoch=epoch, kind=kind, loss=loss, score=score))
            if score is None:
                self.best_epoch = epoch
            elif self._best is None or score > self._best[0]:
                self._best = score, copy.deepcopy(self._model.state_dict())
                self.best_epoch = epoch
            log.debug("Epoch %d (%s): loss %.4g, %s", epoch, kind, loss, score)
        if self._best is not None:
            self._model.load_state_dict(self._best[1])


def as_tensor(x: Floats) -> Tensor:
    """Return a tensor of the same memory, to be read only: it may be a file that is mapped for reading."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(x)


def resolve_device(name: str) -> torch.device:
    """Turn "auto" (a GPU if there is one), "cpu", "cuda" or "cuda:1" into a device.

    Raises
    ------
    ConfigError
        If the name means no device, or a GPU where there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f'device is "{name}"; accepted are "auto", "cpu", "cuda", "cuda:0", ...') from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f'device is "{name}" but there is no GPU; use "cpu" or "auto".')
    return device
