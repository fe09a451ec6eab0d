"""A trained model of fields with the scales of its channels: fields in, fields out, in their units."""

# Shapes: B batch, C channels, grid 1 to 3 axes

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from longwave.config import load_config, to_dict, write_json
from longwave.data.pde import Channel, PDEDataSet
from longwave.errors import CheckpointError, MissingFile
from longwave.models.pde import FieldModel
from longwave.training.models import FIELD_MODELS, FieldModelConfig

__all__ = ["OPERATOR", "ChannelScale", "Operator", "OperatorRecord", "read_operator_record"]

OPERATOR = "operator.json"


class ChannelScale(nn.Module):
    """A mean and a deviation for each channel.

    Parameters
    ----------
    mean, std : sequence of float
        One a channel.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32), persistent=False)
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32), persistent=False)

    @classmethod
    def of(cls, fields: Tensor) -> Self:
        """Measure fields (n, C, *grid); a channel that does not vary is only centred."""
        channels = fields.transpose(0, 1).flatten(1).double()
        std = channels.std(dim=1, correction=0)
        return cls(channels.mean(dim=1).tolist(), torch.where(std > 0, std, 1.0).tolist())

    @classmethod
    def none(cls, channels: int) -> Self:
        """Return the scale that changes nothing."""
        return cls([0.0] * channels, [1.0] * channels)

    def lists(self) -> tuple[list[float], list[float]]:
        """Return means and deviations."""
        return self.mean.tolist(), self.std.tolist()

    def apply_to(self, x: Tensor) -> Tensor:
        """Take the scale away from fields (B, C, *grid)."""
        return (x - self._spread(self.mean, x)) / self._spread(self.std, x)

    def undo(self, y: Tensor) -> Tensor:
        """Give fields (B, C, *grid) the scale."""
        return y * self._spread(self.std, y) + self._spread(self.mean, y)

    def undo_coefficients(self, z: Tensor, sizes: Sequence[int]) -> Tensor:
        """Give the scale to orthonormal coefficients (B, C, *modes) of fields on a grid.

        Notes
        -----
        A constant has one coefficient, the first, of ``sqrt(N)`` times its value, in every basis there is.
        """
        scaled = z * self._spread(self.std, z)
        constant = torch.zeros(z.shape[1:], dtype=z.dtype, device=z.device)
        constant.flatten(1)[:, 0] = self.mean.to(z.dtype) * math.sqrt(math.prod(sizes))
        return scaled + constant

    @staticmethod
    def _spread(values: Tensor, like: Tensor) -> Tensor:
        return values.to(like.dtype).reshape(-1, *(1,) * (like.dim() - 2))


class Operator(nn.Module):
    """A model of fields between the units of its data.

    Parameters
    ----------
    model : FieldModel
    inputs, targets : ChannelScale
        Of the training data.
    """

    def __init__(self, model: FieldModel, inputs: ChannelScale, targets: ChannelScale) -> None:
        super().__init__()
        self.model, self.inputs, self.targets = model, inputs, targets

    def forward(self, x: Tensor) -> Tensor:
        """Map fields (B, C_in, *grid) to fields (B, C_out, *grid), on the training grid or any other."""
        y: Tensor = self.targets.undo(self.model(self.inputs.apply_to(x)))
        return y


@dataclass(frozen=True, kw_only=True)
class OperatorRecord:
    """What ``operator.json`` says about a run on fields.

    Parameters
    ----------
    data : str
        Name of the data set.
    data_hash : str
    is_periodic : bool
    resolution : tuple of int
        The grid of the training data.
    model : FieldModelConfig
        With everything settled that the run left open to the data.
    inputs, targets : ChannelScale
    input_channels, target_channels : tuple of Channel
    irreducible_loss : float, optional
        What the modes of the model lose of the test targets; None for a model that is not confined to modes.
    """

    data: str
    data_hash: str
    is_periodic: bool
    resolution: tuple[int, ...]
    model: FieldModelConfig
    inputs: ChannelScale
    targets: ChannelScale
    input_channels: tuple[Channel, ...]
    target_channels: tuple[Channel, ...]
    irreducible_loss: float | None = None

    @classmethod
    def of(
        cls,
        data: PDEDataSet,
        model: FieldModelConfig,
        inputs: ChannelScale,
        targets: ChannelScale,
        irreducible_loss: float | None,
    ) -> Self:
        """Describe a run on a data set."""
        return cls(
            data=data.name,
            data_hash=data.hash,
            is_periodic=data.is_periodic,
            resolution=data.sizes,
            model=model,
            inputs=inputs,
            targets=targets,
            input_channels=data.input_channels,
            target_channels=data.target_channels,
            irreducible_loss=irreducible_loss,
        )

    def write(self, folder: Path) -> None:
        """Write ``operator.json`` into a folder."""
        values = {
            "data": self.data,
            "data_hash": self.data_hash,
            "is_periodic": self.is_periodic,
            "resolution": list(self.resolution),
            "irreducible_loss": self.irreducible_loss,
            "inputs": _channel_values(self.input_channels, self.inputs),
            "targets": _channel_values(self.target_channels, self.targets),
            "model": to_dict(self.model),
        }
        write_json(folder / OPERATOR, values)


def read_operator_record(folder: Path) -> OperatorRecord:
    """Read ``operator.json`` of the folder of a run, or of its ``model`` folder.

    Raises
    ------
    MissingFile
        If there is none.
    CheckpointError
        If it is damaged.
    """
    path = folder / OPERATOR
    if not path.is_file():
        raise MissingFile(
            f'No "{OPERATOR}" in "{folder}", so no model was trained on fields there. Name the folder of '
            "such a run."
        )
    try:
        values = json.loads(path.read_text("utf-8"))
        kinds = {str(cls.__dataclass_fields__["kind"].default): cls for cls in FIELD_MODELS}
        return OperatorRecord(
            data=values["data"],
            data_hash=values["data_hash"],
            is_periodic=values["is_periodic"],
            resolution=tuple(values["resolution"]),
            model=load_config(kinds[values["model"]["kind"]], values["model"]),
            inputs=_scale(values["inputs"]),
            targets=_scale(values["targets"]),
            input_channels=_channels(values["inputs"]),
            target_channels=_channels(values["targets"]),
            irreducible_loss=values["irreducible_loss"],
        )
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f'"{path}" is damaged: {error}. Restore a copy, or train again.') from error


def _channel_values(channels: Sequence[Channel], scale: ChannelScale) -> list[dict[str, object]]:
    return [
        {"name": c.name, "unit": c.unit, "is_smooth": c.is_smooth, "mean": float(mean), "std": float(std)}
        for c, mean, std in zip(channels, scale.mean, scale.std, strict=True)
    ]


def _channels(values: list[dict[str, object]]) -> tuple[Channel, ...]:
    return tuple(
        Channel(name=str(v["name"]), unit=str(v["unit"]), is_smooth=bool(v["is_smooth"])) for v in values
    )


def _scale(values: list[dict[str, float]]) -> ChannelScale:
    return ChannelScale([v["mean"] for v in values], [v["std"] for v in values])
