"""What a trained classifier says to the test images of its data, at the training resolution and at others."""

# Shapes: n samples, C channels, T frames (clips only), H height, W width, K classes

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from longwave.config import config_hash, load_config, read_run_record
from longwave.data.images import ImageDataSet, resize, to_float
from longwave.errors import ConfigError, DataError, MissingFile, ShapeError
from longwave.models.images import Classifier, SampledFilter, sample_filters
from longwave.training.classifiers import ClassifierRecord, TrainedClassifier, with_bandlimit
from longwave.training.config import TrainConfig
from longwave.training.image_data import Bandlimit, ImageDataConfig
from longwave.training.image_sources import load_images
from longwave.training.models import ClassifierModelConfig
from longwave.training.run_folder import lasting_settings, load_classifier

__all__ = ["ImageAnswers", "answer_images", "classifier_name", "parse_bandlimit"]


@dataclass(frozen=True, kw_only=True)
class ImageAnswers:
    """The answers of one classifier to images of one resolution, as arrays.

    Parameters
    ----------
    data, model, version, run : str
        Names of data set and model, and hashes: of the configuration without its seed, and of the run.
    seed : int
        Of the run.
    parameters : int
        Weights of the model.
    classes : tuple of str
    resolution : tuple of int
        Height and width of the test images.
    training_resolution : tuple of int
        Of the last images that were trained on.
    is_training_grid : bool
        Whether the two are equal.
    is_shrunk : bool
        Whether the images were shrunk to the training resolution before the model saw them.
    images : ndarray, shape (n, C, [T,] H, W), float32
        As the model saw them, from 0 to 1.
    labels : ndarray of int64, shape (n,)
    probabilities : ndarray of float32, shape (n, K)
        NaN where the model cannot read the resolution.
    filters : tuple of SampledFilter
        Kernels of its first and last S4ND layer there.
    error : str, optional
        Why there are no probabilities.
    """

    data: str
    model: str
    version: str
    run: str
    seed: int
    parameters: int
    classes: tuple[str, ...]
    resolution: tuple[int, ...]
    training_resolution: tuple[int, ...]
    is_training_grid: bool
    is_shrunk: bool
    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    filters: tuple[SampledFilter, ...] = ()
    error: str | None = None

    @property
    def accuracy(self) -> float:
        """Share of images whose likeliest class is the right one; NaN without probabilities."""
        if self.error is not None:
            return float("nan")
        return float((self.probabilities.argmax(axis=1) == self.labels).mean())


def classifier_name(model: ClassifierModelConfig) -> str:
    """Return what reports call a model: its mixer and its network, such as ``"s4nd-isotropic"``."""
    sequence = "-sequence" if getattr(model.trunk, "sequence", False) else ""
    return f"{model.trunk.mixer}-{model.trunk.kind}{sequence}"


def parse_bandlimit(text: str) -> Bandlimit:
    """Read a bandlimit as the command line has it.

    Raises
    ------
    ConfigError
        If it is neither "model" nor "none" nor a number.
    """
    if text == "model" or text == "none":
        return "model" if text == "model" else "none"
    try:
        return float(text)
    except ValueError:
        raise ConfigError(
            f'The bandlimit is "{text}"; accepted are "model", "none" and a share such as 0.25.'
        ) from None


def answer_images(
    run: Path | str,
    resolutions: Sequence[int] = (),
    *,
    bandlimit: Bandlimit = "model",
    shrink: bool = True,
    name: str | None = None,
    device: torch.device | str = "cpu",
    batch_size: int = 250,
) -> Iterator[ImageAnswers]:
    """Let the classifier of a run answer the test images of its data, resolution by resolution.

    Parameters
    ----------
    run : Path or str
        Folder of a run on images or clips.
    resolutions : sequence of int
        Points from top to bottom, besides those of the training. The weights are the same; the rate follows.
        The test images are made from those of the full resolution, or of a higher one where the source has
        it.
    bandlimit : float, "model" or "none"
        Another limit than the model was trained with, to see what it is worth. The model is then called
        ``NAME-bandlimit-0.5`` or ``NAME-no-bandlimit``.
    shrink : bool
        Answer images of higher resolutions a second time, shrunk to that of the training first: what needs no
        idea of resolution at all.
    name : str, optional
        What to call the model; default its mixer and its network.
    device : device
    batch_size : int
        Images at a time.

    Yields
    ------
    ImageAnswers
        The training resolution first, then the others in their order, each of the higher ones followed by the
        same images shrunk.

    Raises
    ------
    MissingFile, CheckpointError
        If there is no trained classifier.
    DataError
        If the data are not those of the training.
    ConfigError
        If the source has fewer points than asked for, or the bandlimit is out of range.
    """
    folder = Path(run)
    config, run_hash = _read_run(folder)
    classifier, about = load_classifier(folder, device)
    data = load_images(config.images)
    if data.hash != about.data_hash:
        raise DataError(
            f'The data of "{folder}" are no longer those it was trained on (hash {data.hash}, then '
            f"{about.data_hash}). Restore them, or train again."
        )
    _limit(classifier.model, about, bandlimit)
    blank = _blank(config, run_hash, about, data)
    called = (name or classifier_name(about.model)) + _limit_name(bandlimit)
    blank = replace(blank, model=called, parameters=sum(w.numel() for w in classifier.parameters()))
    asked = _Asked(classifier=classifier, batch_size=batch_size, device=torch.device(device))
    yield asked.answer(blank, resize(data.test.images, about.training_sizes))
    for points in dict.fromkeys(resolutions):
        if points == about.training_sizes[0]:
            continue
        images = _images_at(config.images, data, points)
        other = replace(blank, resolution=tuple(images.shape[-2:]), is_training_grid=False)
        yield asked.answer(other, images)
        if shrink and points > about.training_sizes[0]:
            yield asked.answer(replace(other, is_shrunk=True), resize(images, about.training_sizes))


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A classifier and how it is asked."""

    classifier: TrainedClassifier
    batch_size: int
    device: torch.device

    def answer(self, about: ImageAnswers, images: Tensor) -> ImageAnswers:
        """Fill in what the classifier says to images from 0 to 1."""
        n, n_classes = len(images), len(about.classes)
        probabilities, error = torch.full((n, n_classes), torch.nan, device=self.device), None
        filters: tuple[SampledFilter, ...] = ()
        try:
            with torch.no_grad():
                for start in range(0, n, self.batch_size):
                    rows = slice(start, start + self.batch_size)
                    logits = self.classifier(images[rows].to(self.device))
                    probabilities[rows] = logits.float().softmax(1)
            filters = self._filters(images)
        except ShapeError as caught:
            error = str(caught)
        return replace(
            about,
            images=images.cpu().numpy(),
            probabilities=probabilities.cpu().numpy(),
            filters=filters,
            error=error,
        )

    def _filters(self, images: Tensor) -> tuple[SampledFilter, ...]:
        network = self.classifier.network
        return sample_filters(network.model, tuple(images.shape[2:]), network.rates(images))


def _read_run(folder: Path) -> tuple[TrainConfig, str]:
    record = read_run_record(folder)
    if record is None:
        raise MissingFile(f'"{folder}" holds no run. Name the folder of a training run on images.')
    return load_config(TrainConfig, record.config), record.hash


def _blank(config: TrainConfig, run_hash: str, about: ClassifierRecord, data: ImageDataSet) -> ImageAnswers:
    """Return answers at the training resolution in which nothing is said yet."""
    nothing = np.zeros((0,), np.float32)
    return ImageAnswers(
        data=data.name,
        model="",
        version=config_hash(lasting_settings(config, "seed", "device", "steps"), config.steps)[:8],
        run=run_hash,
        seed=config.seed,
        parameters=0,
        classes=data.classes,
        resolution=about.training_sizes,
        training_resolution=about.training_sizes,
        is_training_grid=True,
        is_shrunk=False,
        images=nothing,
        labels=data.test.labels.numpy(),
        probabilities=nothing,
    )


def _images_at(config: ImageDataConfig, data: ImageDataSet, points: int) -> Tensor:
    """Return the test images at a resolution, from 0 to 1; above the full one they are read anew."""
    if points < 1:
        raise ConfigError(f'"resolution" is {points}; accepted is 1 or more. Change it.')
    height, width = data.sizes
    if points > height:
        return to_float(load_images(replace(config, size=points)).test.images)
    return resize(data.test.images, (points, max(1, round(width * points / height))))


def _limit(model: Classifier, about: ClassifierRecord, bandlimit: Bandlimit) -> None:
    """Give the kernels another bandlimit."""
    if bandlimit != "model":
        model.set_bandlimit(with_bandlimit(about.model, bandlimit).trunk.s4nd.bandlimit)


def _limit_name(bandlimit: Bandlimit) -> str:
    if isinstance(bandlimit, str):
        return "" if bandlimit == "model" else "-no-bandlimit"
    return f"-bandlimit-{bandlimit:g}"
