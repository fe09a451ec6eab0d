"""Descent by epochs: which one is kept, settings, devices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from longwave.adapters import DescentConfig, GroupScore
from longwave.adapters.descent import Descent, Step, resolve_device
from longwave.errors import ConfigError, DataError


def _counting(model: nn.Linear, scores: list[float] | None, **settings: float) -> Descent:
    """Add 1 to the weight every epoch, by a loss of gradient -1."""
    validate = None
    if scores is not None:
        worst: Iterator[float] = iter(scores)
        validate = lambda: GroupScore(worst=next(worst), average=0.5)  # noqa: E731
    config = DescentConfig(
        epochs=len(scores or [0, 0, 0]), lr=1.0, momentum=0.0, weight_decay=0.0, **settings
    )  # type: ignore[arg-type]
    return Descent(model, config, validate)


def _epoch(model: nn.Linear) -> object:
    def run(epoch: int, step: Step) -> tuple[str, Tensor]:
        return "classes", torch.stack([step(-model.weight.sum())])

    return run


def _model() -> nn.Linear:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    return model


@pytest.mark.parametrize(
    ("scores", "kept"),
    [([0.1, 0.9, 0.3], 2), ([0.5, 0.5, 0.5], 1), ([0.0, 0.1, 0.2], 3), (None, 3)],
    ids=["middle", "equal", "last", "no-validation"],
)
def test_the_best_epoch_is_put_back(scores: list[float] | None, kept: int) -> None:
    model = _model()
    descent = _counting(model, scores)
    descent.run(_epoch(model))  # type: ignore[arg-type]
    assert descent.best_epoch == kept
    assert model.weight.item() == kept


def test_history_records_every_epoch() -> None:
    model = _model()
    descent = _counting(model, [0.1, 0.2])
    descent.run(_epoch(model))  # type: ignore[arg-type]
    assert [(record.epoch, record.loss) for record in descent.history] == [(1, 0.0), (2, -1.0)]


def test_a_loss_that_is_not_finite_ends_the_training() -> None:
    model = _model()
    descent = _counting(model, None)
    with pytest.raises(DataError, match=r"The loss of epoch 1 is nan. Lower lr \(now 1.0\)"):
        descent.run(lambda *_: ("classes", torch.tensor([torch.nan])))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"lr": 0.0}, r"lr is 0\.0"),
        ({"momentum": 1.0}, r"momentum is 1\.0"),
        ({"weight_decay": -1.0}, r"weight_decay -1\.0"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DescentConfig(**settings)  # type: ignore[arg-type]


def test_a_device_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match='device is "gpu"; accepted are "auto", "cpu"'):
        resolve_device("gpu")


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto").type == "cpu"
    with pytest.raises(ConfigError, match='device is "cuda:0" but there is no GPU'):
        resolve_device("cuda:0")
