"""Simulated samples on disk: small files, each written whole, so that a killed run goes on where it was."""

# Shapes: n samples, C channels

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from longwave.config import config_hash, to_dict
from longwave.data.pde.fields import Channel, FieldPairs
from longwave.data.pde.random_fields import Key
from longwave.data.pde.symmetries import Symmetries
from longwave.errors import ConfigError, StorageError

__all__ = ["CHUNK", "Simulation", "simulate", "simulation_hash"]

CHUNK = 20  # samples a file
GPU_POINTS = 1 << 25  # of the samples that a GPU simulates at once
STALE_S = 3600  # after which an unfinished file is a dead process's
ABOUT = "about.json"
COUNTS = ("n_train", "n_test")
SPLITS = ("train", "test")  # also their streams of random numbers

_log = logging.getLogger(__name__)
Progress = Callable[[int, int], None]


class Simulation(Protocol):
    """What the configuration of every equation offers: a frozen dataclass with these.

    Its ``version`` is raised whenever the same settings give other numbers than before.
    """

    version: ClassVar[int]
    is_periodic: ClassVar[bool]

    @property
    def n_train(self) -> int:
        """Samples to train on."""
        ...

    @property
    def n_test(self) -> int:
        """Samples to test on."""
        ...

    @property
    def seed(self) -> int:
        """Seed of all samples."""
        ...

    @property
    def points(self) -> int:
        """Points of a sample where it is solved."""
        ...

    def channels(self) -> tuple[tuple[Channel, ...], tuple[Channel, ...]]:
        """Name the channels of inputs and targets."""
        ...

    def symmetries(self) -> Symmetries:
        """Tell what takes solutions to solutions."""
        ...

    def draw(self, keys: Sequence[Key], device: torch.device) -> tuple[Tensor, Tensor]:
        """Simulate one sample a key; return inputs and targets, (n, C, *grid) each."""
        ...


@dataclass(frozen=True, kw_only=True)
class _Chunk:
    """One file: samples of a split from ``first`` on."""

    path: Path
    split: int
    first: int
    count: int

    def keys(self, seed: int) -> list[Key]:
        return [(seed, self.split, self.first + place) for place in range(self.count)]


def simulation_hash(simulation: Simulation) -> str:
    """Hash what a sample depends on: settings and the solver's version, not how many samples there are."""
    return config_hash(type(simulation).__name__, simulation.version, _settings(simulation))


def _settings(simulation: Simulation) -> dict[str, object]:
    return {key: value for key, value in to_dict(simulation).items() if key not in COUNTS}


def simulate(
    simulation: Simulation, folder: Path, *, device: torch.device, progress: Progress | None = None
) -> tuple[FieldPairs, FieldPairs]:
    """Make the samples that a folder does not hold yet, and return those of training and of testing.

    Parameters
    ----------
    simulation : Simulation
    folder : Path
        Of this simulation alone: files of another one are not told apart.
    device : device
    progress : callable, optional
        Called as ``progress(done, total)`` over the samples of both splits, at first with those there were.

    Returns
    -------
    train, test : FieldPairs
        float32, on the CPU.

    Raises
    ------
    ConfigError
        If a simulation blows up.
    StorageError
        If the disk is full or the folder cannot be written; finished files stay.
    """
    chunks = [
        _Chunk(
            path=folder / f"{name}-{first:06d}.safetensors",
            split=split,
            first=first,
            count=min(CHUNK, n - first),
        )
        for split, (name, n) in enumerate(zip(SPLITS, (simulation.n_train, simulation.n_test), strict=True))
        for first in range(0, n, CHUNK)
    ]
    found = {chunk.path: _read(chunk) for chunk in chunks}
    missing = [chunk for chunk in chunks if found[chunk.path] is None]
    total = simulation.n_train + simulation.n_test
    done = total - sum(chunk.count for chunk in missing)
    _tell(progress, done, total)
    if missing:
        _describe(simulation, folder)
    size = _at_once(simulation, device)
    for start in range(0, len(missing), size):
        group = missing[start : start + size]
        for chunk, made in _make(simulation, group, device):
            _place(chunk.path, partial(save_file, made))
            found[chunk.path] = made
            done += chunk.count
        _tell(progress, done, total)
    train, test = (
        [tensors for chunk in chunks if chunk.split == split and (tensors := found[chunk.path]) is not None]
        for split in range(len(SPLITS))
    )
    return _join(train), _join(test)


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def _at_once(simulation: Simulation, device: torch.device) -> int:
    """Return how many chunks are simulated together: a GPU is faster with many samples."""
    return max(1, GPU_POINTS // (simulation.points * CHUNK)) if device.type == "cuda" else 1


def _make(
    simulation: Simulation, group: list[_Chunk], device: torch.device
) -> Iterator[tuple[_Chunk, dict[str, Tensor]]]:
    keys = [key for chunk in group for key in chunk.keys(simulation.seed)]
    try:
        with torch.no_grad():
            pair = simulation.draw(keys, device)
    except ConfigError as error:
        first = group[0]
        raise ConfigError(
            f"In a batch from {SPLITS[first.split]} sample {first.first} on: {error}"
        ) from error
    counts = [chunk.count for chunk in group]
    inputs, targets = (torch.split(tensor.to("cpu", torch.float32), counts) for tensor in pair)
    for chunk, x, y in zip(group, inputs, targets, strict=True):
        yield chunk, {"inputs": x.contiguous(), "targets": y.contiguous()}


def _read(chunk: _Chunk) -> dict[str, Tensor] | None:
    """Return what a file holds; None where it is missing, too short, or damaged."""
    try:
        tensors = load_file(chunk.path)
        kept = {name: tensors[name][: chunk.count] for name in ("inputs", "targets")}
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, LookupError, TypeError) as error:
        _log.warning('"%s" is damaged and is made again: %s', chunk.path, error)
        return None
    is_whole = all(
        tensor.ndim > 2 and len(tensor) == chunk.count and bool(torch.isfinite(tensor).all())
        for tensor in kept.values()
    )
    return kept if is_whole else None


def _place(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file under another name, then rename it; several processes may do so at once."""
    temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except (OSError, SafetensorError) as error:
        with contextlib.suppress(OSError):  # the folder itself may be what is wrong
            temporary.unlink(missing_ok=True)
        raise StorageError(
            f'Cannot write "{path}": {error}. Free some space or choose another folder; finished samples are '
            "kept."
        ) from error


def _describe(simulation: Simulation, folder: Path) -> None:
    """Write what the files hold beside them, for people; and remove what killed processes left."""
    inputs, targets = simulation.channels()
    about = {
        "simulation": type(simulation).__name__,
        "solver_version": simulation.version,
        "config": _settings(simulation),
        "inputs": [dataclasses.asdict(channel) for channel in inputs],
        "targets": [dataclasses.asdict(channel) for channel in targets],
        "is_periodic": simulation.is_periodic,
    }
    _place(folder / ABOUT, lambda temporary: _write_text(temporary, json.dumps(about, indent=2) + "\n"))
    for left in folder.glob("*.tmp-*"):
        with contextlib.suppress(OSError):  # another process may be as tidy
            if time.time() - left.stat().st_mtime > STALE_S:
                left.unlink()


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")


def _join(parts: list[dict[str, Tensor]]) -> FieldPairs:
    inputs, targets = (torch.cat([part[name] for part in parts]) for name in ("inputs", "targets"))
    return FieldPairs(inputs=inputs, targets=targets)
