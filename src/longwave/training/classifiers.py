"""A trained classifier with the scale of its channels: images or clips of any resolution in, logits out."""

# Shapes: B batch, C channels, T frames (clips only), H height, W width, K classes

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from torch import Tensor, nn

from longwave.config import load_config, to_dict, write_json
from longwave.data.images import to_float
from longwave.errors import CheckpointError, MissingFile
from longwave.models.images import Classifier, ImageClassifierConfig
from longwave.training.config import TrainConfig
from longwave.training.image_data import Bandlimit
from longwave.training.models import CLASSIFIERS, ClassifierModelConfig
from longwave.training.operators import ChannelScale

__all__ = [
    "CLASSIFIER",
    "AtAnyResolution",
    "ClassifierRecord",
    "TrainedClassifier",
    "model_at",
    "read_classifier_record",
    "with_bandlimit",
]

CLASSIFIER = "classifier.json"


class AtAnyResolution(nn.Module):
    """A classifier that is told the rate by the shape of its input.

    Parameters
    ----------
    model : Classifier
    sizes : tuple of int
        Height and width of the full resolution, at which the rate is 1.
    """

    def __init__(self, model: Classifier, sizes: Sequence[int]) -> None:
        super().__init__()
        self.model, self.sizes = model, tuple(sizes)

    def forward(self, x: Tensor) -> Tensor:
        """Map normalised (B, C, [T,] H, W) to logits (B, K)."""
        logits: Tensor = self.model(x, self.rates(x))
        return logits

    def rates(self, x: Tensor) -> tuple[float, ...]:
        """Return the rate of every axis of a grid; that of time is 1."""
        height, width = (full / points for full, points in zip(self.sizes, x.shape[-2:], strict=True))
        return (*[1.0] * (x.dim() - 4), height, width)


class TrainedClassifier(nn.Module):
    """A classifier and the scale of its channels.

    Parameters
    ----------
    model : Classifier
    scale : ChannelScale
        Of the training samples.
    sizes : tuple of int
        Height and width of the full resolution.
    """

    def __init__(self, model: Classifier, scale: ChannelScale, sizes: Sequence[int]) -> None:
        super().__init__()
        self.network, self.scale = AtAnyResolution(model, sizes), scale

    @property
    def model(self) -> Classifier:
        """The classifier itself, which takes normalised images and a rate."""
        return self.network.model

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, C, H, W) or clips (B, C, T, H, W) to logits (B, K).

        Parameters
        ----------
        images : Tensor
            uint8, or float from 0 to 1; at any resolution of the scenes that the model was trained on.
        """
        logits: Tensor = self.network(self.scale.apply_to(to_float(images)))
        return logits


@dataclass(frozen=True, kw_only=True)
class ClassifierRecord:
    """What ``classifier.json`` says about a run on images or clips.

    Parameters
    ----------
    data, data_hash : str
        Name of the data set, and hash.
    classes : tuple of str
    sizes, training_sizes : tuple of int
        Height and width of the full resolution, and of the last one of the training.
    model : ClassifierModelConfig
        As it is at the end of the training.
    scale : ChannelScale
    """

    data: str
    data_hash: str
    classes: tuple[str, ...]
    sizes: tuple[int, ...]
    training_sizes: tuple[int, ...]
    model: ClassifierModelConfig
    scale: ChannelScale

    def write(self, folder: Path) -> None:
        """Write ``classifier.json`` into a folder."""
        mean, deviation = self.scale.lists()
        values = {
            "data": self.data,
            "data_hash": self.data_hash,
            "classes": list(self.classes),
            "sizes": list(self.sizes),
            "training_sizes": list(self.training_sizes),
            "mean": mean,
            "deviation": deviation,
            "model": to_dict(self.model),
        }
        write_json(folder / CLASSIFIER, values)


def read_classifier_record(folder: Path) -> ClassifierRecord:
    """Read ``classifier.json`` of the folder of a run, or of its ``model`` folder.

    Raises
    ------
    MissingFile
        If there is none.
    CheckpointError
        If it is damaged.
    """
    path = folder / CLASSIFIER
    if not path.is_file():
        raise MissingFile(
            f'No "{CLASSIFIER}" in "{folder}", so no classifier was trained there. Name the folder of a run '
            "on images or clips."
        )
    try:
        values = json.loads(path.read_text("utf-8"))
        kinds = {str(cls.__dataclass_fields__["kind"].default): cls for cls in CLASSIFIERS}
        return ClassifierRecord(
            data=values["data"],
            data_hash=values["data_hash"],
            classes=tuple(values["classes"]),
            sizes=tuple(values["sizes"]),
            training_sizes=tuple(values["training_sizes"]),
            model=load_config(kinds[values["model"]["kind"]], values["model"]),
            scale=ChannelScale(values["mean"], values["deviation"]),
        )
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f'"{path}" is damaged: {error}. Restore a copy, or train again.') from error


def model_at(config: TrainConfig, step: int) -> ClassifierModelConfig:
    """Return the classifier of a run with the bandlimit it has at a step, from 0."""
    data = config.images
    stage = data.stages_of(config.steps)[data.place(step, config.steps).number]
    return with_bandlimit(config.image_model, stage.bandlimit)


def with_bandlimit(model: ClassifierModelConfig, bandlimit: Bandlimit) -> ClassifierModelConfig:
    """Return a classifier with a bandlimit in space, ``"none"``, or the one it has (``"model"``).

    Time of clips has no limit then.
    """
    if bandlimit == "model":
        return model
    value = None if isinstance(bandlimit, str) else bandlimit
    has_time = model.kind == "video" and not getattr(model.trunk, "sequence", False)
    axes = (None, value, value) if has_time else value
    trunk = dataclasses.replace(model.trunk, s4nd=dataclasses.replace(model.trunk.s4nd, bandlimit=axes))
    return dataclasses.replace(cast(ImageClassifierConfig, model), trunk=trunk)
