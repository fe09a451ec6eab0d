"""Settings that a user changes, and what follows from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from longwave.config import apply_overrides
from longwave.data import TaskDataConfig
from longwave.recipes.field_settings import apply_to_fields
from longwave.recipes.image_settings import apply_to_images
from longwave.training import FieldDataConfig, ImageDataConfig, TrainConfig

__all__ = ["apply_settings", "fit_to_task"]

_OWN = {field.name for field in dataclasses.fields(TaskDataConfig)}


def apply_settings(config: TrainConfig, settings: Sequence[str]) -> TrainConfig:
    """Return a copy of a configuration with ``dotted.key=value`` settings applied.

    A run on fields takes ``data=darcy`` and ``data=flow.mat`` for another equation or a file,
    ``data.viscosity=1e-4`` for ``data.options.viscosity=1e-4`` and so on, and ``epochs=100`` for as many
    updates. Where its data change, channels and grid of the model follow, and where samples or batch size
    change, the number of epochs stays.

    A run on images or clips takes ``data=FOLDER``, ``data=FILE.npz`` or ``data=hf:NAME`` for images of one's
    own, and ``epochs=10``; channels and classes of the model follow, stages keep their shares of the steps.

    For a run on a task, ``data.vocab_size=20`` stands for ``data.options.vocab_size=20`` and so on, another
    ``data.task`` starts from its own defaults, and where ``data`` changes, vocabulary and length of the model
    follow unless they are set as well.

    Parameters
    ----------
    config : TrainConfig
    settings : sequence of str

    Raises
    ------
    ConfigError
        If an entry is no setting, or a key or value is wrong.
    """
    if isinstance(config.data, FieldDataConfig):
        return apply_to_fields(config, settings)
    if isinstance(config.data, ImageDataConfig):
        return apply_to_images(config, settings)
    if not isinstance(config.data, TaskDataConfig):
        return apply_overrides(config, settings)
    spelled = [_spell_option(entry) for entry in settings]
    of_data = [entry for entry in spelled if entry.startswith("data.")]
    if not of_data:
        return apply_overrides(config, spelled)
    if any(entry.startswith("data.task=") for entry in of_data):
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, options={}))
    return apply_overrides(fit_to_task(apply_overrides(config, of_data)), spelled)


def fit_to_task(config: TrainConfig) -> TrainConfig:
    """Give the model the vocabulary and the length of its task.

    Raises
    ------
    ConfigError
        If the configuration has no task, or the task's options are wrong.
    """
    task = config.task.build()
    model = dataclasses.replace(config.language_model, vocab_size=task.vocab_size, max_length=task.seq_len)
    return dataclasses.replace(config, model=model)


def _spell_option(entry: str) -> str:
    """Write the options of a task in full."""
    part, _, rest = entry.partition(".")
    name = rest.partition("=")[0].partition(".")[0].strip()
    return f"data.options.{rest}" if part == "data" and name and name not in _OWN else entry
