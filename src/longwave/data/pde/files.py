"""Read published fields into the type of our own: the files of FNO (.mat) and of PDEBench (.h5)."""

# Shapes: n samples, T frames, V quantities, C channels; grid of 1 to 3 axes

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from longwave.config import config_hash, naming
from longwave.data.pde.array_files import ArrayFile, open_arrays
from longwave.data.pde.fields import Channel, FieldPairs, PDEDataSet
from longwave.errors import ConfigError, DataError

__all__ = ["read_pde_file"]

TIMES = ("t", "t-coordinate")
FLUID = ("density", "pressure", "Vx", "Vy", "Vz")
PAIRS = (("coeff", "sol"), ("a", "u"), ("nu", "tensor"))  # what goes in, what comes out
BOUNDED = {"coeff", "nu"}  # goes in where the domain is no torus


@dataclass(frozen=True)
class _Layout:
    """Which arrays of a file are meant: frames of all ``targets``, and a field before them, if any."""

    first: str | None
    targets: tuple[str, ...]


def read_pde_file(
    path: Path | str,
    *,
    n_train: int,
    n_test: int,
    inputs: str | None = None,
    targets: str | Sequence[str] | None = None,
    n_context: int | None = None,
    target_frames: Sequence[int] | None = None,
    every: int = 1,
    is_periodic: bool | None = None,
) -> PDEDataSet:
    """Read inputs and targets from a file of arrays.

    Parameters
    ----------
    path : Path or str
        A MATLAB file of version 5 or 7.3, or an HDF5 file.
    n_train, n_test : int
        The first samples of the file are for training and the last ones for testing.
    inputs, targets : str and str or sequence of str, optional
        Names of arrays. Default: what the file holds of ``coeff`` and ``sol``, ``a`` and ``u`` (FNO), ``nu``
        and ``tensor``, ``tensor`` alone, or ``density``, ``pressure``, ``Vx``, ``Vy``, ``Vz`` (PDEBench).
        With targets alone, their first frames are the input.
    n_context : int, optional
        Frames of the targets that are the input. Default: 1, or 0 where there is another input.
    target_frames : sequence of int, optional
        Numbers of the frames to be told, from 0; ``[-1]`` is the last alone. Default: all that are no input.
    every : int
        Keep every so many-th point of each axis, from the first.
    is_periodic : bool, optional
        Whether fields live on a torus. Default: yes, unless the input is ``coeff`` or ``nu``.

    Returns
    -------
    PDEDataSet
        float32. Channels are frames, each with all its quantities; time and names as far as the file tells.

    Raises
    ------
    MissingFile, MissingExtra
        If there is no such file, or the library that reads it (extra ``pde``) is not installed.
    DataError
        If the file is of another kind or damaged, lacks the arrays, has too few samples or frames, or arrays
        that do not fit together or are not finite.
    ConfigError
        If a number is out of range.

    Notes
    -----
    MATLAB files have ``(n, *grid)`` and ``(n, *grid, T)``, HDF5 files ``(n, *grid)`` and ``(n, T, *grid)``.
    Published grids of Darcy flow have points on the walls, at ``i / (N - 1)``: shrink them with ``every``,
    which keeps both walls where it divides ``N - 1``.

    References
    ----------
    Files of arXiv 2010.08895 and of arXiv 2210.07182.
    """
    for name, value in (("n_train", n_train), ("n_test", n_test), ("every", every)):
        if value < 1:
            raise ConfigError(f'"{name}" is {value}; accepted is 1 or more. Change it.')
    with open_arrays(path) as file:
        layout = _find(file, inputs, targets, path)
        n = _count(file, layout, n_train + n_test, path)
        parts = [_read(file, layout, rows, every, path) for rows in (slice(0, n_train), slice(n - n_test, n))]
        times, constants = _times(file), file.constants
    n_context = n_context if n_context is not None else int(layout.first is None)
    chosen = _choose(parts[0][1].shape[1], layout, n_context, target_frames)
    with naming(path):
        train, test = (_pair(first, frames, n_context, chosen) for first, frames in parts)
    return PDEDataSet(
        name=Path(path).stem,
        train=train,
        test=test,
        input_channels=_names(layout, range(n_context), times),
        target_channels=_names(layout, chosen, times),
        is_periodic=layout.first not in BOUNDED if is_periodic is None else is_periodic,
        hash=config_hash(*map(_digest, (train, test))),
        constants=constants,
    )


def _find(
    file: ArrayFile, inputs: str | None, targets: str | Sequence[str] | None, path: Path | str
) -> _Layout:
    """Choose arrays by their names."""
    there = file.shapes
    if targets is not None:
        layout = _Layout(inputs, (targets,) if isinstance(targets, str) else tuple(targets))
    elif inputs is not None:
        raise ConfigError(f'inputs is "{inputs}" and targets are not named. Name both, or neither.')
    else:
        pairs = [_Layout(one, (other,)) for one, other in PAIRS if one in there and other in there]
        alone = ("tensor",) if "tensor" in there else tuple(name for name in FLUID if name in there)
        layout = pairs[0] if pairs else _Layout(None, alone)
    wanted = [name for name in (layout.first, *layout.targets) if name is not None]
    missing = [name for name in wanted if name not in there]
    if missing or not layout.targets:
        listing = ", ".join(f"{name} {shape}" for name, shape in sorted(there.items())) or "none"
        lack = f'no array "{missing[0]}"' if missing else "no arrays with names that are known"
        raise DataError(f'"{path}" has {lack}; there are: {listing}. Name inputs and targets.')
    return layout


def _count(file: ArrayFile, layout: _Layout, needed: int, path: Path | str) -> int:
    """Return how many samples there are."""
    shapes = {name: file.shapes[name] for name in (layout.first, *layout.targets) if name is not None}
    counts = {shape[0] for shape in shapes.values()}
    if len(counts) > 1:
        raise DataError(f'Arrays of "{path}" differ in samples, their first axis: {shapes}. Name others.')
    (n,) = counts
    if n < needed:
        raise DataError(f'"{path}" has {n} samples where {needed} are asked for. Ask for fewer.')
    return n


def _read(
    file: ArrayFile, layout: _Layout, rows: slice, every: int, path: Path | str
) -> tuple[np.ndarray | None, np.ndarray]:
    """Return the field before, (n, 1, *grid), and the frames, (n, T, V, *grid)."""
    first = None if layout.first is None else file.read(layout.first, rows)
    arrays = [file.read(name, rows) for name in layout.targets]
    if first is None or arrays[0].ndim > first.ndim:
        time = -1 if file.is_matlab else 1
        arrays = [np.moveaxis(array, time, 1) if array.ndim > 2 else array for array in arrays]
    else:
        arrays = [array[:, None] for array in arrays]
    grids = {array.shape[2:] for array in arrays} | ({first.shape[1:]} if first is not None else set())
    counts = {array.shape[1:2] for array in arrays}
    if len(grids) > 1 or len(counts) > 1 or not 1 <= len(grid := next(iter(grids))) <= 3 or 0 in grid:
        shapes = {name: file.shapes[name] for name in (layout.first, *layout.targets) if name is not None}
        raise DataError(
            f'Arrays of "{path}" make no fields on one grid of 1 to 3 axes: {shapes}. Accepted are (n, '
            f"*grid) and, with frames, {'(n, *grid, T)' if file.is_matlab else '(n, T, *grid)'}."
        )
    thin = (slice(None, None, every),) * len(grid)
    frames = np.stack([array[:, :, *thin] for array in arrays], axis=2)
    return None if first is None else first[:, None, *thin], frames


def _choose(n_frames: int, layout: _Layout, n_context: int, target_frames: Sequence[int] | None) -> list[int]:
    """Return the numbers of the frames that are told."""
    lowest = int(layout.first is None)
    if not lowest <= n_context <= n_frames:
        raise ConfigError(
            f'"n_context" is {n_context} where the file has {n_frames} frames; accepted is {lowest} to '
            f"{n_frames - 1}. Change it."
        )
    chosen = range(n_context, n_frames) if target_frames is None else target_frames
    wrong = [frame for frame in chosen if not -n_frames <= frame < n_frames]
    if wrong or not chosen:
        raise ConfigError(
            f'"target_frames" are {list(chosen)} where the file has {n_frames} frames, of which {n_context} '
            f"are input; accepted is at least one of {-n_frames} to {n_frames - 1}. Change them, or "
            "n_context."
        )
    return [frame % n_frames for frame in chosen]


def _pair(first: np.ndarray | None, frames: np.ndarray, n_context: int, chosen: list[int]) -> FieldPairs:
    seen = frames[:, :n_context] if n_context or first is None else first[:, :, None]
    return FieldPairs(inputs=_channels(seen), targets=_channels(frames[:, chosen]))


def _channels(frames: np.ndarray) -> Tensor:
    """Make channels of frames and quantities."""
    n, n_frames, quantities, *grid = frames.shape
    with np.errstate(over="ignore", invalid="ignore"):  # what becomes infinite is refused
        flat = np.ascontiguousarray(frames.reshape(n, n_frames * quantities, *grid), dtype=np.float32)
    return torch.from_numpy(flat)


def _times(file: ArrayFile) -> np.ndarray:
    name = next((name for name in TIMES if name in file.shapes), None)
    return np.zeros(0) if name is None else file.read(name).ravel()


def _names(layout: _Layout, frames: Sequence[int], times: np.ndarray) -> tuple[Channel, ...]:
    """Name the channels of frames; of none, the field before them."""
    if layout.first is not None and not frames:
        return (Channel(name=layout.first, unit="unknown"),)
    when = [f"at t={times[frame]:g}" if frame < len(times) else f"in frame {frame}" for frame in frames]
    return tuple(Channel(name=f"{key} {then}", unit="unknown") for then in when for key in layout.targets)


def _digest(pairs: FieldPairs) -> str:
    digest = hashlib.sha256()
    for tensor in (pairs.inputs, pairs.targets):
        digest.update(f"{tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()
