"""Images and clips as training data: gone through in epochs, at one resolution or several.

What is unusual about it

* the samples live on the device, at the resolution that is trained at; batches are gathered there by number,
  and nothing in an update waits for the device;
* a stage changes resolution and bandlimit of a run between two updates, and touches no weight; which stage it
  is follows from the step, so that a run resumes in the middle of any;
* the model is told the rate as full points over points, for each axis.
"""

# Shapes: B batch, n samples, C channels, T frames (clips only), H height, W width, K classes

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.data import ExampleSampler
from longwave.data.images import (
    Draw,
    ImageDataSet,
    ImageSplit,
    Normalization,
    augment,
    mix,
    resize,
    sizes_at_rate,
    to_float,
)
from longwave.errors import ConfigError
from longwave.models.images import Classifier
from longwave.training.classifiers import AtAnyResolution, ClassifierRecord, model_at, with_bandlimit
from longwave.training.config import TrainConfig
from longwave.training.data import Batch, Setting
from longwave.training.distributed import Workers
from longwave.training.image_sources import load_images, split_validation
from longwave.training.models import ClassifierModelConfig, Model
from longwave.training.operators import ChannelScale
from longwave.training.tasks import wilson_bounds
from longwave.training.writers import Row

__all__ = ["ImageTraining", "open_images", "resized"]

logger = logging.getLogger(__name__)

ON_DEVICE_BYTES = 16 << 30  # training samples up to this size live on the device
CHUNK = 1024  # samples that are resized at a time
MORE = 4  # samples that are judged at a time, to those of an update, whose gradients take memory


def open_images(config: TrainConfig, out: Path, workers: Workers) -> ImageTraining:
    """Read the data, in every process the same. Check that the model fits them.

    Raises
    ------
    ConfigError
        If it does not, or the model is to be sharded.
    MissingFile, DataError, MissingExtra, UnknownName
        If the data cannot be used.
    """
    if config.distributed == "fsdp":
        raise ConfigError(
            'distributed is "fsdp"; accepted with classifiers of images are "none" and "ddp", for they fit '
            'every device whole. Set it to "ddp".'
        )
    data = load_images(config.images)
    _check_model(config.image_model, data)
    training = ImageTraining(config, data, workers.device)
    if workers.is_first:
        training.save(out)
    return training


@dataclass(frozen=True, kw_only=True)
class _Held:
    """Samples at one resolution, where they are taken from."""

    images: Tensor
    labels: Tensor

    def take(self, rows: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return samples by their numbers, from 0 to 1, on a device."""
        if device.type == "cuda":  # from pinned memory the host need not wait
            rows = rows.pin_memory()
        near = rows.to(self.images.device, non_blocking=True)
        images = self.images[near]
        if images.device != device:
            images = images.pin_memory() if device.type == "cuda" else images
        labels = self.labels[rows.to(self.labels.device, non_blocking=True)]
        return to_float(images.to(device, non_blocking=True)), labels


class ImageTraining:
    """Training data from images or clips.

    Parameters
    ----------
    config : TrainConfig
    data : ImageDataSet
        At full resolution.
    device : torch.device
    """

    unit = "samples"

    def __init__(self, config: TrainConfig, data: ImageDataSet, device: torch.device) -> None:
        self.config, self.data, self.device = config, data, device
        self.images = config.images
        self.hash = data.hash
        self.model = model_at(config, config.steps - 1)
        self.units_per_step = config.batch_size
        train, held_out = split_validation(self.images, data)
        self.splits = {"train": train, "test": data.test}
        if held_out is not None:
            self.splits["validation"] = held_out
        self.stages = self.images.stages_of(config.steps)
        self.limits = [
            with_bandlimit(config.image_model, stage.bandlimit).trunk.s4nd.bandlimit for stage in self.stages
        ]
        self.sampler = ExampleSampler(len(train), config.seed)
        self.majority = float((data.test.labels == train.labels.mode().values).double().mean())
        self.stage = -1
        self.held: dict[str, _Held] = {}
        self._go_to(len(self.stages) - 1)  # where the channels are measured
        self.scale = self._measure_channels()

    def learner(self, model: Model) -> nn.Module:
        """Return the model, told the rate by the shape of its input."""
        return AtAnyResolution(cast(Classifier, model), self.data.sizes)

    def start_step(self, step: int, model: Model) -> None:
        """Change resolution and bandlimit where a stage begins."""
        number = self.images.place(step, self.config.steps).number
        cast(Classifier, model).set_bandlimit(self.limits[number])
        if number != self.stage:
            self._go_to(number)

    def batch(self, step: int, batch_size: int, workers: Workers) -> Batch:
        """Return this process's samples of a step, at the resolution of its stage.

        Raises
        ------
        RuntimeError
            If ``start_step`` was not called for a step of this stage.
        """
        if self.images.place(step, self.config.steps).number != self.stage:
            raise RuntimeError(f"Step {step} is not in stage {self.stage}; call start_step first.")
        rows = torch.from_numpy(self.sampler.rows(step, batch_size, workers.rank, workers.world))
        images, labels = self.held["train"].take(rows, workers.device)
        change = self.images.augment
        draw = Draw(seed=self.config.seed, step=step, rank=workers.rank, world=workers.world)
        images = augment(self.scale.apply_to(images), change, draw)
        if change.mixup or change.cutmix:
            images, targets = mix(images, labels, self.data.n_classes, change, draw)
            return Batch(inputs=images, targets=targets)
        return Batch(inputs=images, targets=labels)

    def loss(self, learner: nn.Module, batch: Batch) -> Tensor:
        """Return the mean cross-entropy in nats, with smoothed labels if the data ask for them."""
        logits = learner(batch.inputs).float()
        return F.cross_entropy(logits, batch.targets, label_smoothing=self.images.label_smoothing)

    def measure(self, loss: float, batch: Batch, workers: Workers) -> Row:
        """Return ``loss``, the mean cross-entropy of the update's samples."""
        total, rows = workers.sum(loss * len(batch.inputs), len(batch.inputs))
        return {"loss": total / rows}

    def evaluate(self, model: Model, setting: Setting) -> Row:
        """Return accuracies at the resolution of the stage on unseen and on as many seen samples.

        ``resolution`` is the number of points from top to bottom, the interval the 95 % one of Wilson, and
        ``floor_majority`` what the most frequent class of the training samples scores.
        """
        test, seen = self.held["test"], self.held["train"]
        found = self._score(model, test, setting)
        n_test = len(test.labels)
        low, high = wilson_bounds(found["accuracy"], n_test)
        few = _Held(images=seen.images[:n_test], labels=seen.labels[:n_test])
        row = {
            "resolution": float(test.images.shape[-2]),
            "test_accuracy": found["accuracy"],
            "test_accuracy_low": low,
            "test_accuracy_high": high,
            "test_loss": found["loss"],
            "train_accuracy": self._score(model, few, setting)["accuracy"],
            "floor_majority": self.majority,
        }
        if "validation" in self.held:
            scored = self._score(model, self.held["validation"], setting)
            row |= {f"validation_{name}": value for name, value in scored.items()}
        return row

    def save(self, folder: Path) -> None:
        """Write the scale, the classes, the resolutions and the settled model."""
        record = ClassifierRecord(
            data=self.data.name,
            data_hash=self.hash,
            classes=self.data.classes,
            sizes=self.data.sizes,
            training_sizes=sizes_at_rate(self.data.sizes, self.stages[-1].rate),
            model=self.model,
            scale=self.scale,
        )
        record.write(folder)

    def _go_to(self, number: int) -> None:
        """Bring all samples to the resolution of a stage, on the device if they have room there."""
        sizes = sizes_at_rate(self.data.sizes, self.stages[number].rate)
        self.stage, self.held = number, {}
        for name, split in self.splits.items():
            images = resized(split.images, sizes, self.device)
            self.held[name] = _Held(images=images, labels=split.labels.to(self.device))
        logger.info("Stage %d of %d: %s pixels.", number + 1, len(self.stages), " x ".join(map(str, sizes)))

    def _measure_channels(self) -> ChannelScale:
        train = self.held["train"]
        if self.images.normalize == "none":
            return ChannelScale.none(self.data.n_channels)
        split = ImageSplit(images=train.images, labels=train.labels)
        measured = Normalization.measure(split)
        return ChannelScale(measured.mean, measured.deviation).to(self.device)

    def _score(self, model: Model, held: _Held, setting: Setting) -> dict[str, float]:
        """Return accuracy and mean cross-entropy over samples of all processes."""
        workers = setting.workers
        learner = self.learner(model)
        rows = torch.arange(workers.rank, len(held.labels), workers.world)
        total = torch.zeros(2, dtype=torch.float64, device=workers.device)
        model.eval()
        with torch.no_grad(), setting.autocast:
            for part in torch.split(rows, MORE * setting.batch_size):
                images, labels = held.take(part, workers.device)
                logits = learner(self.scale.apply_to(images)).float()
                nats = F.cross_entropy(logits, labels, reduction="sum")
                total += torch.stack([(logits.argmax(1) == labels).sum().double(), nats.double()])
        model.train()
        right, nats_of_all = workers.sum(*total.tolist())
        return {"accuracy": right / len(held.labels), "loss": nats_of_all / len(held.labels)}


def resized(images: Tensor, sizes: tuple[int, ...], device: torch.device) -> Tensor:
    """Return images (n, ...) at a resolution, on the device unless they are too many for it.

    Those of the full resolution keep their type, bytes mostly; others are float32.
    """
    is_full = tuple(images.shape[-2:]) == sizes
    width = images.element_size() if is_full else torch.float32.itemsize
    n_bytes = images[..., 0, 0].numel() * sizes[0] * sizes[1] * width
    place = device if n_bytes <= ON_DEVICE_BYTES else torch.device("cpu")
    if is_full:
        return images.to(place)
    parts = (resize(part.to(device), sizes).to(place) for part in torch.split(images, CHUNK))
    return torch.cat(list(parts))


def _check_model(model: ClassifierModelConfig, data: ImageDataSet) -> None:
    kind = "video" if data.train.images.ndim == 5 else "image"
    found = {"kind": kind, "in_channels": data.n_channels, "n_classes": data.n_classes}
    for key, value in found.items():
        if getattr(model, key) != value:
            raise ConfigError(
                f'model.{key} is {getattr(model, key)}, but "{data.name}" takes {value}. Set it to {value}.'
            )
