"""What was kept for pictures is read back, the first seed of several, and damage is told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longwave.evaluation.image_cases import IMAGE_CASES, write_image_cases
from longwave.report.image_cases import read_image_cases

ABOUT = {
    "schema": 1, "scenario": "mnist@1", "model": "s4nd", "version": "1", "date": "2026-07-01", "trial": 0,
    "perturbation": None, "resolution": [3, 4], "instances": ["a"],
    "filters": [{"layer": "first", "rate": [2.0], "bandlimit": [None]}],
}  # fmt: skip
IMAGES, KERNELS = np.zeros((1, 1, 3, 4), np.uint8), np.ones((2, 6), np.float32)


@dataclass(frozen=True)
class Sample:
    """Kernels of one axis."""

    layer: str
    values: np.ndarray
    rate: tuple[float, ...] = (2.0,)
    bandlimit: tuple[float | None, ...] = (None,)


def save(folder: Path, name: str = "one", **change: object) -> None:
    arrays = {"images": IMAGES, "filter_0": KERNELS} | {
        key: change.pop(key) for key in ("images", "filter_0") if key in change
    }
    (folder / IMAGE_CASES).mkdir(exist_ok=True)
    np.savez(folder / IMAGE_CASES / f"{name}.npz", about=np.array(json.dumps(ABOUT | change)), **arrays)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    where = {"scenario": "s@1", "model": "m", "version": "1", "date": "d", "trial": 4}
    rows = pl.DataFrame({"instance": ["x", "y"], "correct": [False, True]}).with_columns(
        **{name: pl.lit(value) for name, value in (where | {"perturbation": "resolution-4"}).items()}
    )
    images = np.arange(2 * 3 * 3 * 4, dtype=np.uint8).reshape(2, 3, 3, 4)
    write_image_cases(tmp_path, rows, images, filters=[Sample("first", KERNELS)])
    (one,), notes = read_image_cases(tmp_path)
    assert notes == []
    assert (one.scenario, one.model, one.version, one.date, one.trial) == ("s@1", "m", "1", "d", 4)
    assert (one.perturbation, one.resolution, one.instances) == ("resolution-4", (3, 4), ("x",))
    np.testing.assert_array_equal(one.images, images[:1])
    np.testing.assert_array_equal(one.kernels[0].values, KERNELS)
    assert (one.kernels[0].rate, one.kernels[0].bandlimit) == ((2.0,), (None,))


def test_of_several_seeds_the_first_is_read(tmp_path: Path) -> None:
    for trial in (2, 0, 1):
        save(tmp_path, f"file-{trial}", trial=trial, instances=[f"of {trial}"])
    (one,), _ = read_image_cases(tmp_path)
    assert one.instances == ("of 0",)


def test_grids_are_apart(tmp_path: Path) -> None:
    save(tmp_path, "b", perturbation="resolution-14")
    save(tmp_path, "a")
    cases, _ = read_image_cases(tmp_path)
    assert [one.perturbation for one in cases] == [None, "resolution-14"]


def test_a_folder_without_pictures_has_none(tmp_path: Path) -> None:
    assert read_image_cases(tmp_path) == ([], [])


def test_a_newer_schema_is_told(tmp_path: Path) -> None:
    save(tmp_path, schema=2)
    cases, (note,) = read_image_cases(tmp_path)
    assert cases == []
    assert "newer Longwave" in note


@pytest.mark.parametrize(
    "change",
    [
        {"images": IMAGES[0]},
        {"images": IMAGES.astype(np.float32)},
        {"images": np.zeros((1, 2, 3, 4), np.uint8)},
        {"images": np.zeros((1, 1, 0, 4), np.uint8)},
        {"instances": ["a", "b"]},
        {"instances": None},
        {"resolution": "x"},
        {"schema": "new"},
        {"filters": [{"layer": "first"}]},
        {"filters": [{"layer": "first", "rate": [2.0, 2.0], "bandlimit": [None]}]},
        {"filters": [{"layer": "first", "rate": [0.0], "bandlimit": [None]}]},
        {"filters": [{"layer": "first", "rate": [2.0], "bandlimit": ["x"]}]},
        {"filters": [ABOUT["filters"][0]] * 2},
        {"filter_0": np.zeros((2, 0), np.float32)},
        {"filter_0": np.array(["x"])},
        {"filter_0": np.array([[{}]], dtype=object)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_damaged_file_is_told_and_passed_over(change: dict[str, object], tmp_path: Path) -> None:
    save(tmp_path, "bad", **change)
    save(tmp_path, "good", model="other")
    cases, notes = read_image_cases(tmp_path)
    assert [one.model for one in cases] == ["other"]
    assert len(notes) == 1
    assert '"bad.npz" cannot be read' in notes[0]


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + b"\0" * 40], ids=repr)
def test_what_is_no_archive_is_told(content: bytes, tmp_path: Path) -> None:
    (tmp_path / IMAGE_CASES).mkdir()
    (tmp_path / IMAGE_CASES / "bad.npz").write_bytes(content)
    cases, notes = read_image_cases(tmp_path)
    assert (cases, len(notes)) == ([], 1)
