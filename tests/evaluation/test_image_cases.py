"""What is kept for pictures: the first mistakes as they were seen, and kernels, without pickles."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longwave.errors import DataError, ShapeError, StorageError
from longwave.evaluation.image_cases import IMAGE_CASES, write_image_cases


@dataclass(frozen=True)
class Sample:
    """Two kernels of 4 x 6 taps."""

    layer: str = "mixers.0"
    values: np.ndarray = field(default_factory=lambda: np.arange(48, dtype=np.float32).reshape(2, 4, 6))
    rate: tuple[float, ...] = (2.0, 2.0)
    bandlimit: tuple[float | None, ...] = (0.25, None)


def make_rows(correct: list[bool | None], **change: object) -> pl.DataFrame:
    where = {"scenario": "mnist@1", "model": "s4nd", "version": "1", "date": "2026-07-01", "trial": 0}
    names = [f"test-{place:04d}" for place in range(len(correct))]
    frame = pl.DataFrame({"instance": names, "correct": correct}, schema_overrides={"correct": pl.Boolean})
    told = {"perturbation": None, **where, **change}
    return frame.with_columns(
        **{name: pl.lit(value, pl.String if value is None else None) for name, value in told.items()}
    )


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 1, 7, 9), dtype=np.uint8)


CORRECT = [True, False, None, False, False]


def read(path: Path) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    with np.load(path, allow_pickle=False) as file:
        return json.loads(str(file["about"])), {name: file[name] for name in file.files if name != "about"}


def test_the_first_mistakes_are_kept_as_they_were_seen(images: np.ndarray, tmp_path: Path) -> None:
    path = write_image_cases(tmp_path, make_rows(CORRECT), images, n_cases=2)
    about, arrays = read(path)
    assert path.parent == tmp_path / IMAGE_CASES
    assert about["instances"] == ["test-0001", "test-0003"]
    assert (about["schema"], about["resolution"], about["perturbation"]) == (1, [7, 9], None)
    np.testing.assert_array_equal(arrays["images"], images[[1, 3]])


def test_a_row_without_an_answer_is_no_mistake(images: np.ndarray, tmp_path: Path) -> None:
    about, _ = read(write_image_cases(tmp_path, make_rows(CORRECT), images))
    assert "test-0002" not in about["instances"]


def test_shares_of_white_become_bytes(images: np.ndarray, tmp_path: Path) -> None:
    shares = (images / 255).astype(np.float32)
    shares[1, 0, 0, 0] = 1.0005  # what resizing may leave
    _, arrays = read(write_image_cases(tmp_path, make_rows(CORRECT), shares, n_cases=1))
    expected = images[[1]].copy()
    expected[0, 0, 0, 0] = 255
    np.testing.assert_array_equal(arrays["images"], expected)


def test_kernels_stand_beside_with_their_rates(images: np.ndarray, tmp_path: Path) -> None:
    path = write_image_cases(tmp_path, make_rows(CORRECT), images, filters=[Sample(), Sample(layer="last")])
    about, arrays = read(path)
    np.testing.assert_array_equal(arrays["filter_0"], Sample().values)
    assert about["filters"][1] == {"layer": "last", "rate": [2.0, 2.0], "bandlimit": [0.25, None]}


def test_without_images_the_kernels_are_kept(images: np.ndarray, tmp_path: Path) -> None:
    about, arrays = read(
        write_image_cases(tmp_path, make_rows(CORRECT), images, filters=[Sample()], n_cases=0)
    )
    assert (about["instances"], arrays["images"].shape) == ([], (0, 1, 7, 9))
    assert "filter_0" in arrays


def test_a_model_on_a_grid_has_one_file_and_another_seed_another(images: np.ndarray, tmp_path: Path) -> None:
    first = write_image_cases(tmp_path, make_rows(CORRECT), images)
    again = write_image_cases(tmp_path, make_rows([False] * 5), images)
    other = write_image_cases(tmp_path, make_rows(CORRECT, trial=1), images)
    finer = write_image_cases(tmp_path, make_rows(CORRECT, perturbation="resolution-9"), images)
    assert first == again
    assert len(read(first)[0]["instances"]) == 5
    assert len({first, other, finer}) == 3
    assert len(list((tmp_path / IMAGE_CASES).iterdir())) == 3


@pytest.mark.parametrize("sizes", [(300, 200), (129, 3), (256, 1)], ids=str)
def test_a_large_image_is_kept_as_means(sizes: tuple[int, int], tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (1, 3, *sizes), dtype=np.uint8)
    about, arrays = read(write_image_cases(tmp_path, make_rows([False]), images))
    step = -(-max(sizes) // 128)
    rows, columns = max(1, sizes[0] // step), max(1, sizes[1] // step)
    square = images[0, :, :step, : min(step, sizes[1])].astype(np.float64).mean(axis=(1, 2))
    assert arrays["images"].shape == (1, 3, rows, columns)
    np.testing.assert_allclose(arrays["images"][0, :, 0, 0], square, atol=0.51)
    assert about["resolution"] == list(sizes)


def test_of_a_clip_four_frames_stand_side_by_side(tmp_path: Path) -> None:
    clips = np.random.default_rng(2).integers(0, 256, (1, 1, 10, 5, 4), dtype=np.uint8)
    about, arrays = read(write_image_cases(tmp_path, make_rows([False]), clips))
    np.testing.assert_array_equal(arrays["images"][0, 0, :, 4:8], clips[0, 0, 3])
    np.testing.assert_array_equal(arrays["images"][0, 0, :, 12:], clips[0, 0, 9])
    assert about["resolution"] == [5, 4]


@pytest.mark.parametrize("shape", [(4, 1, 7, 9), (5, 2, 7, 9), (5, 7, 9), (5, 1, 0, 9)], ids=str)
def test_images_that_do_not_fit_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="5 rows"):
        write_image_cases(tmp_path, make_rows(CORRECT), np.zeros(shape, np.uint8))


@pytest.mark.parametrize("value", [-0.4, 2.8, np.nan], ids=str)
def test_normalised_pixels_are_refused(value: float, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="before normalisation"):
        write_image_cases(tmp_path, make_rows(CORRECT), np.full((5, 1, 2, 2), value, np.float32))


def test_rows_of_several_grids_are_refused(images: np.ndarray, tmp_path: Path) -> None:
    rows = pl.concat([make_rows([True, False]), make_rows([False] * 3, perturbation="resolution-9")])
    with pytest.raises(DataError, match="2 models"):
        write_image_cases(tmp_path, rows, images)


@pytest.mark.parametrize(
    "change", [{"rate": (1.0,)}, {"bandlimit": ()}, {"values": np.zeros(3, np.float32)}], ids=str
)
def test_kernels_without_rates_are_refused(
    change: dict[str, object], images: np.ndarray, tmp_path: Path
) -> None:
    with pytest.raises(ShapeError, match="Kernels of"):
        write_image_cases(tmp_path, make_rows(CORRECT), images, filters=[replace(Sample(), **change)])


def test_a_folder_that_cannot_be_written_is_told(images: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / IMAGE_CASES).write_text("in the way")
    with pytest.raises(StorageError, match="Cannot write"):
        write_image_cases(tmp_path, make_rows(CORRECT), images)
