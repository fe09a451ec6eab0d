"""Save and load a model as ``config.json`` + ``model.safetensors``; nothing is ever unpickled.

Both files are written under another name and then renamed. The weights carry the hash of their configuration,
so that a crash between the two renames, or a file copied from elsewhere, is noticed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from longwave import __version__
from longwave.config import config_hash, load_config, replacing, to_dict, write_json
from longwave.errors import CheckpointError, ConfigError, MissingFile

__all__ = ["SavedModel", "Weights", "build_pretrained", "load_pretrained", "save_pretrained"]

T = TypeVar("T")
M = TypeVar("M", bound=nn.Module)
FORMAT = 1  # raise it when older versions can no longer read what is written; older numbers keep loading
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
NAMED = 3  # differences a message names


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Tensors by name, as read from one file."""

    tensors: Mapping[str, Tensor]
    path: Path

    @property
    def dtype(self) -> torch.dtype:
        """Floating type the model was saved in."""
        return next((t.dtype for t in self.tensors.values() if t.is_floating_point()), torch.float32)

    def copy_into(self, model: nn.Module) -> None:
        """Copy into a model of the same names and shapes.

        Raises
        ------
        CheckpointError
            If names or shapes differ.
        """
        expected = model.state_dict()
        missing = [name for name in expected if name not in self.tensors]
        extra = [name for name in self.tensors if name not in expected]
        reshaped = [
            f"{name} {tuple(self.tensors[name].shape)} instead of {tuple(value.shape)}"
            for name, value in expected.items()
            if name in self.tensors and value.shape != self.tensors[name].shape
        ]
        faults = [("missing", missing), ("unknown", extra), ("of another shape", reshaped)]
        if any(names for _, names in faults):
            told = "; ".join(f"{what}: {_first(names)}" for what, names in faults if names)
            raise CheckpointError(
                f'The weights in "{self.path}" do not fit their {CONFIG_FILE} ({told}). '
                "Both files must come from one save; save the model again or copy both."
            )
        model.load_state_dict(dict(self.tensors))


class SavedModel(nn.Module):
    """A model with a form on disk, built from nothing but its configuration of type ``config_class``."""

    config_class: ClassVar[type]

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``config.json`` and ``model.safetensors`` into a folder, each of them whole or not at all.

        Raises
        ------
        StorageError
            If the folder cannot be written.
        """
        save_pretrained(self.state_dict(), self.config, Path(folder))

    @classmethod
    def from_pretrained(cls, folder: str | Path, device: str | torch.device = "cpu") -> Self:
        """Load what ``save_pretrained`` wrote; the model comes in evaluation mode.

        Raises
        ------
        MissingFile
            If there is no such folder.
        CheckpointError
            If a file is missing, truncated, from a newer format or from another model.
        """
        return build_pretrained(Path(folder), cls.config_class, cls, device)


def build_pretrained(
    folder: Path, config_class: type[T], build: Callable[[T], M], device: str | torch.device
) -> M:
    """Read a folder, build the model of its configuration in its type, and copy the weights in."""
    config, weights = load_pretrained(folder, config_class)
    model = build(config).to(weights.dtype)
    weights.copy_into(model)
    return model.to(device).eval()


def save_pretrained(tensors: Mapping[str, Tensor], config: object, folder: Path) -> None:
    """Write weights and configuration into a folder; the old files stay until the new ones are whole.

    Raises
    ------
    StorageError
        If the folder cannot be written.
    """
    path = folder / WEIGHTS_FILE
    metadata = {"format": "pt", "longwave_format": str(FORMAT), "longwave_config": config_hash(config)}
    with replacing(path, SafetensorError) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata)
    record = {
        "model_type": "longwave",  # by which transformers' Auto classes find longwave.hf
        "format": FORMAT,
        "version": __version__,
        "kind": type(config).__name__,
        "config": to_dict(config),
    }
    write_json(folder / CONFIG_FILE, record)


def load_pretrained(folder: Path, cls: type[T]) -> tuple[T, Weights]:
    """Read a configuration of type ``cls`` and the weights beside it.

    Raises
    ------
    MissingFile
        If there is no such folder.
    CheckpointError
        If a file is missing, damaged, from a newer format or from another kind of model.
    """
    if not folder.is_dir():
        raise MissingFile(f'No folder "{folder}". Give the folder that save_pretrained wrote.')
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise CheckpointError(
                f'"{folder}" holds no {name}; a saved model is {CONFIG_FILE} and {WEIGHTS_FILE}. '
                "Give the folder that save_pretrained wrote, or save the model again."
            )
    config, written_hash = _read_config(folder / CONFIG_FILE, cls)
    return config, _read_weights(folder / WEIGHTS_FILE, written_hash)


def _read_config(path: Path, cls: type[T]) -> tuple[T, str]:
    """Return the configuration and the hash of what the file says, which later defaults cannot change."""
    try:
        record = json.loads(path.read_text("utf-8"))
        number, kind, config = record["format"], record["kind"], dict(record["config"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f'"{path}" is not the configuration of a model ({type(error).__name__}: {error}). '
            "Save the model again."
        ) from error
    if not isinstance(number, int) or number > FORMAT:
        raise CheckpointError(
            f'"{path}" has format {number}; Longwave {__version__} reads formats up to {FORMAT}. '
            "Upgrade longwave."
        )
    if kind != cls.__name__:
        raise CheckpointError(
            f'"{path}" describes a model of kind "{kind}", not "{cls.__name__}". '
            "Load it with the class that saved it."
        )
    try:
        return load_config(cls, config), config_hash(config)
    except ConfigError as error:
        raise CheckpointError(f'"{path}" cannot be used: {error} Save the model again.') from error


def _read_weights(path: Path, expected_hash: str) -> Weights:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f'"{path}" is damaged or incomplete: {error}. Copy it again or load an earlier checkpoint.'
        ) from error
    found = metadata.get("longwave_config", expected_hash)
    if found != expected_hash:
        raise CheckpointError(
            f'The weights in "{path}" were saved with another configuration (hash {found}) than the '
            f"{CONFIG_FILE} beside them ({expected_hash}). Both files must come from one save; save the "
            "model again or copy both."
        )
    return Weights(tensors=tensors, path=path)


def _first(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
