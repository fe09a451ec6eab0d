"""Settings of a run on images that a user changes: short spelling, and a model that follows its data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from longwave.config import apply_overrides
from longwave.errors import ConfigError, MissingFile
from longwave.recipes.images import epochs_in, fit_to_images, set_image_steps, steps_for
from longwave.training import ImageDataConfig, TrainConfig
from longwave.training.image_sources import ImageShape, describe_images

__all__ = ["apply_to_images"]

SOURCES = ("data", "data.source")
SHAPING = ("source", "size", "options")  # settings of data that channels and classes may depend on
COUNTING = (*SHAPING, "n_train", "validation_fraction")  # and the number of training samples
_OWN = {field.name for field in dataclasses.fields(ImageDataConfig)}


def apply_to_images(config: TrainConfig, settings: Sequence[str]) -> TrainConfig:
    """Apply settings to a run on images or clips; see ``apply_settings``."""
    named = [(entry.partition("=")[0].strip(), entry) for entry in map(_spell_option, settings)]
    sources = [_value(entry) for key, entry in named if key in SOURCES]
    epochs = [_number(_value(entry)) for key, entry in named if key == "epochs"]
    of_data = [entry.removeprefix("data.") for key, entry in named if key.startswith("data.")]
    others = [entry for key, entry in named if not key.startswith("data") and key != "epochs"]
    before = config.images
    data = apply_overrides(_from(before, sources[-1]) if sources else before, of_data)
    has_stages = any(key == "data.stages" for key, _ in named)
    sized = apply_overrides(
        dataclasses.replace(config, data=dataclasses.replace(data, stages=())),
        [entry for entry in others if entry.startswith(("steps=", "batch_size="))],
    )
    shape = describe_images(data) if _differ(before, data, SHAPING) else None
    if has_stages and data.stages:
        steps = sum(stage.steps for stage in data.stages)
    elif any(key == "steps" for key, _ in named):
        steps = sized.steps
    else:
        steps = _steps(config, sized, shape, epochs)
    stages = data.stages if has_stages or not data.stages else set_image_steps(config, steps).images.stages
    changed = dataclasses.replace(config, data=dataclasses.replace(data, stages=stages), steps=steps)
    if steps != config.steps:
        changed = set_image_steps(changed, steps)
    if shape is not None:
        changed = fit_to_images(changed, shape)
    return apply_overrides(changed, others)


def _steps(before: TrainConfig, now: TrainConfig, shape: ImageShape | None, epochs: Sequence[float]) -> int:
    """Return the steps of as many epochs as were asked for, or as there were before."""
    is_same = now.batch_size == before.batch_size and not _differ(before.images, now.images, COUNTING)
    if is_same and not epochs:
        return before.steps
    try:
        passes = epochs[-1] if epochs else epochs_in(before, describe_images(before.images))
    except MissingFile:  # a recipe for files that are elsewhere: its steps are all it says
        return before.steps
    return steps_for(passes, now.batch_size, shape or describe_images(now.images))


def _differ(one: ImageDataConfig, other: ImageDataConfig, names: Sequence[str]) -> bool:
    return any(getattr(one, name) != getattr(other, name) for name in names)


def _from(data: ImageDataConfig, source: str) -> ImageDataConfig:
    """Return the data of another source, without what was said about the one before."""
    return dataclasses.replace(data, source=source, size=None, n_train=None, n_test=None, options={})


def _value(entry: str) -> str:
    return entry.partition("=")[2].strip()


def _number(text: str) -> float:
    try:
        epochs = float(text)
    except ValueError:
        epochs = 0.0
    if not 0 < epochs < math.inf:
        raise ConfigError(f'"epochs" is "{text}"; accepted is a number above 0, such as epochs=100.')
    return epochs


def _spell_option(entry: str) -> str:
    """Write the options of a source in full."""
    part, _, rest = entry.partition(".")
    name = rest.partition("=")[0].partition(".")[0].strip()
    return f"data.options.{rest}" if part == "data" and name and name not in _OWN else entry
