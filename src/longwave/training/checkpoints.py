"""Checkpoints: all that an exact resume needs, written whole or not at all, and never unpickled.

A checkpoint is a folder ``step-00000200`` with ``model.safetensors``, ``optimizer.safetensors`` and
``state.json``. It is written under another name, flushed to the disk, and renamed. ``state.json`` holds the
size and CRC-32 of both other files, so that a damaged checkpoint is recognised and the one before it is used.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shutil
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from longwave.errors import CheckpointError, DataError, StorageError
from longwave.training.distributed import copy_into, gather

__all__ = ["Checkpoint", "Progress", "collect", "read_newest", "restore", "write_checkpoint"]

SCHEMA = 1
MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
STATE = "state.json"
PREFIX = "step-"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run stands.

    Parameters
    ----------
    step : int
        Updates done.
    windows : int
        Training windows drawn so far; the next batch starts there.
    elapsed_s : float
        Seconds of training, over all sessions.
    seed : int
        Dropout of a step is seeded by ``(seed, step, rank)``, so this is the whole random state.
    run_hash : str
        Of configuration and data; a checkpoint of another run is refused.
    """

    step: int
    windows: int
    elapsed_s: float
    seed: int
    run_hash: str


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint that was read and found whole."""

    progress: Progress
    model: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]


def collect(
    model: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the tensors of model and optimiser by name, on the CPU.

    Every process of a sharded model must call it. A tensor that is on the CPU already is not copied.
    """
    weights = {name: _to_cpu(tensor) for name, tensor in model.state_dict().items()}
    moments = {
        f"{key}.{name}": _to_cpu(value)
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }
    return weights, moments


def restore(model: nn.Module, optimizer: torch.optim.Optimizer, checkpoint: Checkpoint) -> None:
    """Copy a checkpoint into model and optimiser, sharded or not.

    Raises
    ------
    CheckpointError
        If names or shapes are not those of the model.
    """
    expected = model.state_dict()
    shapes = {name: tuple(t.shape) for name, t in expected.items()}
    found = {name: tuple(t.shape) for name, t in checkpoint.model.items()}
    if shapes != found:
        wrong = sorted(name for name, _ in shapes.items() ^ found.items())
        raise CheckpointError(
            f"The checkpoint does not fit the model at {', '.join(dict.fromkeys(wrong))}. Use the version of "
            f"Longwave that wrote it, or a new folder."
        )
    for name, tensor in expected.items():
        copy_into(tensor, checkpoint.model[name])
    for name, parameter in model.named_parameters():
        for key in ("step", "exp_avg", "exp_avg_sq"):
            value = checkpoint.optimizer.get(f"{key}.{name}")
            if value is None:
                continue
            like = torch.zeros((), device=parameter.device) if key == "step" else torch.zeros_like(parameter)
            like.requires_grad_(False)
            copy_into(like, value)
            optimizer.state[parameter][key] = like


def write_checkpoint(
    root: Path, progress: Progress, weights: Mapping[str, Tensor], moments: Mapping[str, Tensor], *, keep: int
) -> Path:
    """Write a checkpoint into ``root``, then delete all but the newest ``keep``.

    Raises
    ------
    StorageError
        If the disk is full or cannot be written; the checkpoints that were there stay.
    """
    folder = root / f"{PREFIX}{progress.step:08d}"
    temporary = root / f".tmp-{folder.name}"
    try:
        _remove(temporary)
        temporary.mkdir(parents=True)
        files = {
            name: _write_tensors(temporary / name, tensors)
            for name, tensors in ((MODEL, weights), (OPTIMIZER, moments))
        }
        state = {"schema": SCHEMA, **dataclasses.asdict(progress), "files": files}
        (temporary / STATE).write_text(json.dumps(state, indent=2) + "\n", "utf-8")
        _flush(temporary / STATE)
        _flush(temporary)
        _remove(folder)
        temporary.rename(folder)
        _flush(root)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise StorageError(
            f'Cannot write the checkpoint "{folder}": {error}. Free some space and start again; the run goes '
            f"on from its previous checkpoint."
        ) from error
    for old in list_checkpoints(root)[keep:]:
        _remove(old)
    return folder


def read_newest(root: Path, run_hash: str | None = None) -> Checkpoint | None:
    """Read the newest checkpoint that is whole; None if there is none at all.

    A damaged one is set aside under the name ``damaged-step-...`` with a warning, and the one before it is
    read.

    Raises
    ------
    CheckpointError
        If there are checkpoints but none can be used, or they belong to another run.
    """
    faults = []
    for folder in list_checkpoints(root):
        try:
            checkpoint = read_checkpoint(folder)
        except CheckpointError as error:
            logger.warning("%s Going back to the checkpoint before it.", error)
            faults.append(folder)
            continue
        if run_hash is not None and checkpoint.progress.run_hash != run_hash:
            raise CheckpointError(
                f'"{folder}" belongs to another run (hash {checkpoint.progress.run_hash}, not {run_hash}). '
                f"Choose another folder."
            )
        for damaged in faults:
            _remove(damaged.with_name(f"damaged-{damaged.name}"))
            damaged.rename(damaged.with_name(f"damaged-{damaged.name}"))
        return checkpoint
    if faults:
        raise CheckpointError(
            f'None of the {len(faults)} checkpoints in "{root}" can be used. Delete the folder '
            f'"{root.parent}" to start anew, or restore a copy.'
        )
    return None


def list_checkpoints(root: Path) -> list[Path]:
    """List the checkpoint folders, newest first."""
    return sorted((p for p in root.glob(f"{PREFIX}*") if p.is_dir()), reverse=True)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read one checkpoint and check that it is whole.

    Raises
    ------
    CheckpointError
        If a file is missing, damaged, or of a newer format.
    """
    for name in (STATE, MODEL, OPTIMIZER):
        if not (folder / name).is_file():
            raise CheckpointError(f'The checkpoint "{folder}" is damaged: it has no file {name}.')
    try:
        state = json.loads((folder / STATE).read_text("utf-8"))
        schema, files = state.pop("schema"), state.pop("files")
        if schema != SCHEMA:
            raise CheckpointError(
                f'"{folder}" has format {schema}; this version reads {SCHEMA}. Use the version that wrote it.'
            )
        progress = Progress(**state)
        for name in (MODEL, OPTIMIZER):
            if _fingerprint(folder / name) != files[name]:
                raise CheckpointError(f'"{folder / name}" is damaged: size or CRC-32 differ from {STATE}.')
        return Checkpoint(
            progress=progress, model=load_file(folder / MODEL), optimizer=load_file(folder / OPTIMIZER)
        )
    except DataError:
        raise
    except (
        *(OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, SafetensorError),
    ) as error:
        raise CheckpointError(f'The checkpoint "{folder}" is damaged: {error}.') from error


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, int]:
    save_file(dict(tensors), path)
    _flush(path)
    return _fingerprint(path)


def _fingerprint(path: Path) -> dict[str, int]:
    crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            crc = zlib.crc32(block, crc)
    return {"bytes": path.stat().st_size, "crc32": crc}


def _flush(path: Path) -> None:
    """Make a file or folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _to_cpu(tensor: Tensor) -> Tensor:
    return gather(tensor).detach().to("cpu").contiguous()
