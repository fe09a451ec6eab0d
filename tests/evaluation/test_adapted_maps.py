"""Maps of groups are kept beside the predictions, one file a method and seed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longwave.errors import DataError, ShapeError
from longwave.evaluation.adapted_maps import GROUP_MAPS, write_group_map


@dataclass(frozen=True)
class Spread:
    """Some numbers."""

    within: float | None = 0.3
    between: float | None = None
    neighbours: float = 0.9


@dataclass(frozen=True)
class Map:
    """Two points of four."""

    points: np.ndarray = field(default_factory=lambda: np.array([1, 3]))
    before: np.ndarray = field(default_factory=lambda: np.array([[0.0, 1.0], [2.0, 3.0]]))
    after: np.ndarray = field(default_factory=lambda: np.array([[4.0, 5.0], [6.0, 7.0]]))
    before_share: float = 0.75
    after_share: float = 1.0
    before_spread: Spread = Spread()
    after_spread: Spread = Spread(within=0.6)


ROWS = pl.DataFrame(
    {
        "scenario": ["groups:x"] * 4,
        "instance": list("pqrs"),
        "model": ["erm"] * 4,
        "version": ["1"] * 4,
        "date": ["2026-07-01"] * 4,
        "trial": [0] * 4,
        "label": ["l", "w", "l", "w"],
        "group": ["a", "b", "c", "d"],
    }
)


def test_a_file_holds_coordinates_and_names(tmp_path: Path) -> None:
    path = write_group_map(tmp_path, ROWS, Map())
    assert path.parent == tmp_path / GROUP_MAPS
    with np.load(path, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        assert file["after"].tolist() == [[4, 5], [6, 7]]
    assert (about["instances"], about["labels"], about["groups"]) == (["q", "s"], ["w", "w"], ["b", "d"])
    assert about["before"] == {"within": 0.3, "between": None, "neighbours": 0.9, "share": 0.75}
    assert about["after"]["within"] == 0.6


def test_a_seed_has_one_file(tmp_path: Path) -> None:
    first = write_group_map(tmp_path, ROWS, Map())
    assert write_group_map(tmp_path, ROWS, Map(before_share=0.5)) == first
    assert write_group_map(tmp_path, ROWS.with_columns(trial=1), Map()) != first


def test_rows_of_two_seeds_are_refused(tmp_path: Path) -> None:
    rows = pl.concat([ROWS, ROWS.with_columns(pl.col("trial") + 1)])
    with pytest.raises(DataError, match="rows are of 2 methods or seeds"):
        write_group_map(tmp_path, rows, Map())


@pytest.mark.parametrize(
    "change", [{"points": np.array([1, 4])}, {"before": np.zeros((3, 2))}, {"after": np.zeros((2, 3))}]
)
def test_a_map_of_other_rows_is_refused(change: dict[str, np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="There are 4 rows, 2 points"):
        write_group_map(tmp_path, ROWS, replace(Map(), **change))
