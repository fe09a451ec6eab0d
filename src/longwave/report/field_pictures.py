"""The pictures of predicted fields: truth, predictions and errors side by side, on scales they share."""

# Shapes: C channels, grid 1 to 3 axes, W, H points of a picture

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from longwave.report.field_cases import Array, FieldCases
from longwave.report.formats import significant
from longwave.report.pictures import DIVERGING, SEQUENTIAL, Stops, picture, round_out, scale_bar

__all__ = ["Range", "Scale", "Strip", "Tile", "draw_strip", "plane_of", "range_of"]

THICKNESS = 8  # a line of N points is drawn N / 8 points high


@dataclass(frozen=True, kw_only=True)
class Range:
    """The ends of a scale and its colours."""

    low: float
    high: float
    stops: Stops

    @property
    def text(self) -> str:
        """The ends in words."""
        return f"{significant(self.low)} to {significant(self.high)}"


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One picture: its address and size, what stands below it, and what it shows in words."""

    src: str
    width: int
    height: int
    title: str
    note: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A bar of colours, the values at its ends, and of what."""

    src: str
    low: str
    high: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Strip:
    """The pictures of one channel of a sample.

    Parameters
    ----------
    title : str
        Name of the channel.
    given : tuple of Tile
        What goes in, and the truth.
    operators : tuple of (str, tuple of Tile)
        Name, prediction and error of each operator.
    scales : tuple of Scale
    """

    title: str
    given: tuple[Tile, ...]
    operators: tuple[tuple[str, tuple[Tile, ...]], ...]
    scales: tuple[Scale, ...]


def draw_strip(cases: Mapping[str, FieldCases], place: int, channel: int) -> Strip:
    """Draw one channel of one sample.

    Parameters
    ----------
    cases : mapping of str to FieldCases
        By the name of the operator; all of the same samples.
    place, channel : int
        Which sample, and which channel of the targets.
    """
    one = next(iter(cases.values()))
    name, unit = one.target_channels[channel]
    truth = plane_of(one.targets[place, channel])
    said = {operator: plane_of(case.predictions[place, channel]) for operator, case in cases.items()}
    values = range_of(truth)
    wrong = {operator: np.abs(field - truth) for operator, field in said.items()}
    worst = max((float(w[np.isfinite(w)].max()) for w in wrong.values() if np.isfinite(w).any()), default=0.0)
    errors = Range(low=0.0, high=round_out(worst), stops=SEQUENTIAL)
    first = plane_of(one.inputs[place, 0])
    given = range_of(first)
    operators = []
    for operator, field in said.items():
        off = _share(wrong[operator], truth)
        tiles = (
            _tile(field, values, "prediction", f"{name}, predicted by {operator}"),
            _tile(wrong[operator], errors, "error", f"error of {operator}", off),
        )
        operators.append((operator, tiles))
    return Strip(
        title=name,
        given=(
            _tile(first, given, "input", f"input: {one.input_channels[0][0]}", given.text),
            _tile(truth, values, "truth", f"{name}, the truth"),
        ),
        operators=tuple(operators),
        scales=(_scale(values, f"{name}, {unit}"), _scale(errors, "error, absolute")),
    )


def plane_of(field: Array) -> Array:
    """Return a field of two axes: a line gets height, a volume is cut in the middle of its last axis."""
    if field.ndim == 1:
        return np.repeat(field[:, None], max(1, len(field) // THICKNESS), axis=1)
    return field if field.ndim == 2 else field[:, :, field.shape[2] // 2]


def range_of(field: Array) -> Range:
    """Choose the ends of a scale and its colours: even around zero where a field has both signs."""
    low, high = float(field.min()), float(field.max())
    if low < 0 < high:
        most = round_out(max(-low, high))
        return Range(low=-most, high=most, stops=DIVERGING)
    return Range(low=low, high=high, stops=SEQUENTIAL)


def _share(error: Array, truth: Array) -> str:
    size = float(np.linalg.norm(truth))
    return f"{significant(float(np.linalg.norm(error)) / size)} of the truth" if size > 0 else ""


def _tile(field: Array, over: Range, title: str, label: str, note: str = "") -> Tile:
    width, height = field.shape
    src = picture(field, over.low, over.high, over.stops)
    return Tile(src=src, width=width, height=height, title=title, note=note, label=label)


def _scale(over: Range, text: str) -> Scale:
    return Scale(src=scale_bar(over.stops), low=significant(over.low), high=significant(over.high), text=text)
