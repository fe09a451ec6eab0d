"""Smooth random curves that keep clear of each other, for many pictures at once.

The canvas is a square of 32 by 32 units whatever the pictures' resolution.
"""

# Shapes: n pictures, m candidates, P points of a curve, C curves of a picture

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["CANVAS", "SPACING", "Curves", "draw_curves"]

CANVAS = 32.0  # units
SPACING = 0.5  # units between the points of a curve
MARGIN = 2.0  # units from the points to the edge
CLEARANCE = 2.6  # units between curves, and between distant parts of one
BEND, STEADINESS = 0.09, 0.9  # radians a unit, how fast the bend changes
CELLS = 64  # of the map of what is taken, a side, without its border
REACH = int(CLEARANCE * CELLS / CANVAS)  # cells; also the border's width
PATIENCE = 40  # candidates refused in a row


@dataclass(frozen=True, kw_only=True)
class Curves:
    """The curves of n pictures.

    Parameters
    ----------
    points : list of ndarray, shape (n, P, 2)
        For each curve of a picture its points, x and y in units; all points are NaN where a picture had no
        room for it.
    """

    points: list[np.ndarray]


def draw_curves(n: int, lengths: list[float], n_needed: int, rng: np.random.Generator) -> Curves:
    """Draw curves of the given lengths into n pictures.

    Parameters
    ----------
    n : int
    lengths : list of float
        Of the curves of a picture, in units, in the order in which they find their places.
    n_needed : int
        So many, from the first, are in every picture: one without room for them is begun anew. Of the
        others, those without room are left out.
    rng : Generator

    Notes
    -----
    A curve turns by an autoregressive random angle at each point. It is refused when it comes within 2.6
    units of another one, or of a part of itself more than twice that way off, and drawn again.
    """
    steps = [round(length / SPACING) for length in lengths]
    points = [np.full((n, count + 1, 2), np.nan, dtype=np.float32) for count in steps]
    taken = np.zeros((n, CELLS + 2 * REACH, CELLS + 2 * REACH), dtype=bool)
    stage = np.zeros(n, dtype=np.int64)  # the curve that a picture is waiting for
    refused = np.zeros(n, dtype=np.int64)
    while len(waiting := np.flatnonzero(stage < len(lengths))):
        for curve in np.unique(stage[waiting]):
            pictures = waiting[stage[waiting] == curve]
            drawn = _propose(len(pictures), steps[curve], rng)  # (m, P, 2)
            fits = _is_clear_of_itself(drawn) & _is_free(taken, pictures, drawn)
            placed = pictures[fits]
            points[curve][placed] = drawn[fits]
            _take(taken, placed, drawn[fits])
            stage[placed] += 1
            refused[placed] = 0
            refused[pictures[~fits]] += 1
        impatient = refused > PATIENCE
        refused[impatient] = 0
        begun_anew = impatient & (stage < n_needed)
        stage[impatient] += 1  # without this one
        stage[begun_anew] = 0
        taken[begun_anew] = False
    return Curves(points=points)


def _propose(m: int, steps: int, rng: np.random.Generator) -> np.ndarray:
    """Draw m curves anywhere on the canvas, shape (m, steps + 1, 2); NaN for those too wide for it."""
    noise = rng.standard_normal((m, steps), dtype=np.float32) * np.float32(BEND)
    bend = np.empty_like(noise)
    now = rng.standard_normal(m, dtype=np.float32) * np.float32(BEND / np.sqrt(1 - STEADINESS**2))
    for step in range(steps):
        now = now * np.float32(STEADINESS) + noise[:, step]
        bend[:, step] = now
    heading = rng.random((m, 1), dtype=np.float32) * np.float32(2 * np.pi)
    angle = heading + np.cumsum(bend, axis=1) * np.float32(SPACING)
    walk = np.zeros((m, steps + 1, 2), dtype=np.float32)
    walk[:, 1:, 0] = np.cumsum(np.cos(angle), axis=1) * np.float32(SPACING)
    walk[:, 1:, 1] = np.cumsum(np.sin(angle), axis=1) * np.float32(SPACING)
    low, high = walk.min(axis=1), walk.max(axis=1)
    room = np.float32(CANVAS - 2 * MARGIN) - (high - low)  # (m, 2)
    corner = rng.random((m, 2), dtype=np.float32) * room + np.float32(MARGIN)
    walk += (corner - low)[:, None]
    walk[(room < 0).any(axis=1)] = np.nan
    return walk


def _is_clear_of_itself(drawn: np.ndarray) -> np.ndarray:
    apart = round(2 * CLEARANCE / SPACING)
    x, y = drawn[..., 0], drawn[..., 1]
    clear: np.ndarray = ~np.isnan(x[:, 0])
    for lag in range(apart, drawn.shape[1]):
        distance = (x[:, lag:] - x[:, :-lag]) ** 2 + (y[:, lag:] - y[:, :-lag]) ** 2
        clear &= (distance > CLEARANCE**2).all(axis=1)
    return clear


def _is_free(taken: np.ndarray, pictures: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    column, row = _cells(drawn)
    free: np.ndarray = ~taken[pictures[:, None], row, column].any(axis=1)
    return free


def _take(taken: np.ndarray, pictures: np.ndarray, drawn: np.ndarray) -> None:
    """Mark what lies within the clearance of new curves."""
    column, row = _cells(drawn)  # (m, P)
    reach = np.arange(-REACH, REACH + 1)
    down, across = (axis.ravel() for axis in np.meshgrid(reach, reach, indexing="ij"))
    near = down**2 + across**2 <= (CLEARANCE * CELLS / CANVAS) ** 2
    down, across = down[near], across[near]
    taken[pictures[:, None, None], row[..., None] + down, column[..., None] + across] = True


def _cells(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the column and row of every point on the map; a curve that is NaN gets the first cell."""
    cells = (np.nan_to_num(drawn) * np.float32(CELLS / CANVAS)).astype(np.int64) + REACH
    return cells[..., 0], cells[..., 1]
