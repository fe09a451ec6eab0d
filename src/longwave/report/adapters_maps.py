"""Maps of groups, as an evaluation of adapters left them in ``group_maps/``."""

# Shapes: m points

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from longwave.evaluation.adapted_maps import GROUP_MAPS, GROUP_MAPS_SCHEMA

__all__ = ["GroupMapFile", "Lie", "read_group_maps"]

# what a file of another kind or a damaged one can raise
_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError, OverflowError)


@dataclass(frozen=True, kw_only=True)
class Lie:
    """Where points lie in one space, and how their groups do.

    Parameters
    ----------
    at : ndarray, shape (m, 2)
    within, between : float or None
        Mean cosine between groups of one class, and of different ones.
    neighbours, share : float
        Share of neighbours with the same label; share of the groups' variance that the coordinates hold.
    """

    at: NDArray[np.float64]
    within: float | None
    between: float | None
    neighbours: float
    share: float


@dataclass(frozen=True, kw_only=True)
class GroupMapFile:
    """What was kept of one method and seed.

    Parameters
    ----------
    scenario, model : str
    version, date : str or None
    trial : int
    instances, labels, groups : tuple of str, length m
    before, after : Lie
    """

    scenario: str
    model: str
    version: str | None
    date: str | None
    trial: int
    instances: tuple[str, ...]
    labels: tuple[str, ...]
    groups: tuple[str, ...]
    before: Lie
    after: Lie


def read_group_maps(folder: Path) -> tuple[list[GroupMapFile], list[str]]:
    """Read the maps of a folder of results, and say which files cannot be read.

    Returns
    -------
    maps : list of GroupMapFile
        By scenario, model, version and date; of several seeds the first.
    notes : list of str
    """
    found: dict[tuple[str, ...], GroupMapFile] = {}
    notes = []
    for path in sorted((folder / GROUP_MAPS).glob("*.npz")):
        try:
            one = _read(path)
        except (*_DAMAGE, zipfile.BadZipFile) as error:
            notes.append(f'The map of groups "{path.name}" cannot be read ({type(error).__name__}).')
            continue
        if one is None:
            notes.append(f'"{path.name}" was written by a newer Longwave; its map of groups is left out.')
            continue
        key = (one.scenario, one.model, one.version or "", one.date or "")
        if key not in found or one.trial < found[key].trial:
            found[key] = one
    return [found[key] for key in sorted(found)], notes


def _read(path: Path) -> GroupMapFile | None:
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        if int(about["schema"]) > GROUP_MAPS_SCHEMA:
            return None
        lies = [_lie(about[name], file[name]) for name in ("before", "after")]
    names = [tuple(map(str, about[name])) for name in ("instances", "labels", "groups")]
    if {len(one) for one in (*names, lies[0].at, lies[1].at)} != {len(names[0])}:
        raise ValueError("points, names and coordinates differ in number")
    return GroupMapFile(
        scenario=str(about["scenario"]),
        model=str(about["model"]),
        version=_text(about["version"]),
        date=_text(about["date"]),
        trial=int(about["trial"]),
        instances=names[0],
        labels=names[1],
        groups=names[2],
        before=lies[0],
        after=lies[1],
    )


def _lie(told: Mapping[str, float | None], at: NDArray[np.float64]) -> Lie:
    if at.ndim != 2 or at.shape[1] != 2 or not np.isfinite(at).all():
        raise ValueError(f"coordinates of shape {at.shape}")
    within, between = (None if told[name] is None else float(told[name]) for name in ("within", "between"))  # type: ignore[arg-type]
    neighbours, share = (float(told[name]) for name in ("neighbours", "share"))  # type: ignore[arg-type]
    return Lie(at=at.astype(np.float64), within=within, between=between, neighbours=neighbours, share=share)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
