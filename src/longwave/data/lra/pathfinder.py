"""Pathfinder: tell whether a dashed line joins two dots, from pixels; with Path-X and Path256.

What is unusual about it

* geometry and resolution are apart: the same curves are drawn at any size, so longer sequences ask the same
  question of pixels that lie further apart;
* the two dots are about as far from each other in either class, so their distance tells little.
"""

# Shapes: n pictures, S pixels a side, P points of a curve

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longwave.data.lra.curves import CANVAS, SPACING, draw_curves
from longwave.data.synthetic.settings import last_places, require, token_type
from longwave.data.tasks import Examples, answer_floors

__all__ = ["Pathfinder"]

STROKE, DOT = 1.1, 3.4  # diameters in units, of which the canvas has 32
DASH, GAP = 2.2, 1.4  # units
BATCH_PIXELS = 1 << 25  # of the fine grid, drawn at a time
FINE = 128  # cells a side of the grid that pictures of up to 32 pixels are averaged from


@dataclass(frozen=True, kw_only=True)
class Pathfinder:
    """Dashed curves on a picture, two dots at ends: answer whether the dots end the same curve.

    A picture has two long curves and shorter ones that distract. In half of the pictures both dots are at the
    ends of one long curve; in the others they are at ends of the two. Curves do not cross. The pixels, row by
    row, are grey values as tokens; the answer follows the last pixel and is the only place that is trained
    and scored.

    Parameters
    ----------
    size : int
        Pixels a side: 32 for Pathfinder (1024 steps), 128 for Path-X (16,384), 256 for Path256 (65,536).
    path_length : float
        Of the long curves, in 32nds of the side.
    n_distractors : int
        Shorter curves, a third as long, as far as there is room.
    n_levels : int
        Grey values; black is 0.

    Raises
    ------
    ConfigError
        If a setting is out of range.

    Notes
    -----
    Question and sizes are those of the Long Range Arena, which has 256 grey values; the pictures are our own
    draws and not its files, so accuracies are comparable in kind only. Tokens are the grey values, then
    "not joined" and "joined". Classes are equally frequent, to within one picture.

    References
    ----------
    arXiv 1805.08315 (the task); section 3.2 of arXiv 2011.04006 (as a sequence); arXiv 2302.06646 (Path256).
    """

    size: int = 32
    path_length: float = 26.0
    n_distractors: int = 6
    n_levels: int = 16

    def __post_init__(self) -> None:
        require("size", self.size, 16 <= self.size <= 512, "16 to 512")
        require("path_length", self.path_length, 6 <= self.path_length <= 30, "6 to 30 (32nds of the side)")
        require("n_distractors", self.n_distractors, 0 <= self.n_distractors <= 20, "0 to 20")
        require("n_levels", self.n_levels, 2 <= self.n_levels <= 256, "2 to 256")

    @property
    def vocab_size(self) -> int:
        """Grey values and the two answers."""
        return self.n_levels + 2

    @property
    def seq_len(self) -> int:
        """Pixels of a picture."""
        return self.size**2

    def draw(self, n: int, rng: np.random.Generator) -> Examples:
        """Draw n sequences."""
        pictures, joined = self.draw_pictures(n, rng)
        tokens = np.empty((n, self.seq_len + 1), dtype=token_type(self.vocab_size))
        tokens[:, :-1] = pictures.reshape(n, -1)
        tokens[:, -1] = self.n_levels + joined
        mask = last_places(self.seq_len, 1)
        return Examples(tokens=tokens, trained=mask, scored=mask)

    def draw_pictures(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw n pictures.

        Returns
        -------
        pictures : ndarray, shape (n, size, size), uint8
            Grey values from 0 to ``n_levels - 1``; index them by row and column.
        joined : ndarray of bool, shape (n,)
        """
        joined = rng.permutation(np.arange(n) % 2).astype(bool)
        pictures = np.empty((n, self.size, self.size), dtype=np.uint8)
        factor = max(2, -(-FINE // self.size))  # cells of the fine grid a pixel and side
        rows = max(1, BATCH_PIXELS // (factor * self.size) ** 2)
        for start in range(0, n, rows):
            part = slice(start, start + rows)
            fine = self._draw_fine(joined[part], factor * self.size, rng)
            blocks = fine.reshape(-1, self.size, factor, self.size, factor)
            share = blocks.sum(axis=(2, 4), dtype=np.float32) / factor**2
            pictures[part] = np.rint(share * (self.n_levels - 1))
        return pictures, joined

    def floors(self, examples: Examples) -> dict[str, float]:
        """Return ``uniform`` and ``majority_answer``."""
        return answer_floors(examples, 2)

    def _draw_fine(self, joined: np.ndarray, cells: int, rng: np.random.Generator) -> np.ndarray:
        """Draw black and white pictures on a fine grid, shape (n, cells, cells)."""
        n = len(joined)
        lengths = [self.path_length] * 2 + [self.path_length / 3] * self.n_distractors
        curves = draw_curves(n, lengths, 2, rng)
        fine = np.zeros((n, cells, cells), dtype=bool)
        for points in curves.points:
            dashes = _cut_dashes(points, STROKE / 4, rng)
            _stamp(fine, dashes, STROKE)
        first, second = curves.points[:2]
        _stamp(fine, _choose_dots(first, second, joined), DOT)
        return fine


def _choose_dots(first: np.ndarray, second: np.ndarray, joined: np.ndarray) -> np.ndarray:
    """Return where the two dots are, shape (n, 2, 2): ends of the first curve, or one of each.

    Of the four pairs of ends of two curves the one is taken whose distance is nearest to that of the first
    curve's own ends.
    """
    own = first[:, [0, -1]]  # (n, 2, 2)
    ends = np.stack([first[:, [0, 0, -1, -1]], second[:, [0, -1, 0, -1]]], axis=2)  # (n, 4, 2, 2)
    apart = np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=2)
    wanted = np.linalg.norm(own[:, 0] - own[:, 1], axis=1)
    nearest = np.abs(apart - wanted[:, None]).argmin(axis=1)
    return np.where(joined[:, None, None], own, ends[np.arange(len(ends)), nearest])


def _cut_dashes(points: np.ndarray, spacing: float, rng: np.random.Generator) -> np.ndarray:
    """Put points along curves that lie on their dashes, NaN in the gaps, shape (n, more points, 2)."""
    n, count, _ = points.shape
    place = np.arange(0, count - 1, spacing / SPACING)
    before = place.astype(np.int64)
    share = (place - before)[None, :, None].astype(np.float32)
    along = points[:, before] * (1 - share) + points[:, before + 1] * share
    phase = rng.random((n, 1)) * (DASH + GAP)
    is_gap = (place * SPACING + phase) % (DASH + GAP) > DASH
    along[is_gap] = np.nan
    return along


def _stamp(fine: np.ndarray, points: np.ndarray, diameter: float) -> None:
    """Draw a disc at every point that is no NaN."""
    cells = fine.shape[1]
    picture, place = np.nonzero(~np.isnan(points[..., 0]))
    centre = points[picture, place] * (cells / CANVAS)  # (points, 2)
    column, row = np.floor(centre).astype(np.int64).T
    radius = diameter / 2 * cells / CANVAS
    reach = np.arange(-int(radius), int(radius) + 1)
    for down in reach:
        for across in reach[np.abs(reach) <= np.sqrt(radius**2 - down**2)]:
            fine[picture, row + down, column + across] = True
