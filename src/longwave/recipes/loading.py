"""From what a user types to a configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from longwave import registry
from longwave.config import load_config
from longwave.training import TrainConfig

__all__ = ["load_recipe"]


def load_recipe(name: str) -> TrainConfig:
    """Return the training configuration behind a recipe's name or a file.

    Parameters
    ----------
    name : str
        A name from ``longwave list recipes``, the path of a YAML or JSON file, or of the ``run.json`` of a
        run.

    Raises
    ------
    UnknownName
        If it is neither; the message lists the nearest recipes.
    MissingFile, ConfigError
        If the file does not exist or holds something else.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml", ".json"):
        return load_config(TrainConfig, path)
    recipe = cast(Callable[[], TrainConfig], registry.load("recipes", name))
    return recipe()
