"""Grids are read from pictures, texts or names, and every system has its own training grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from longwave.evaluation.image_cases import write_image_cases
from longwave.predictions import SCHEMA, append_side, write_predictions
from longwave.report.analysis import Analysis, analyse
from longwave.report.image_cases import read_image_cases
from longwave.report.image_grids import ImagePlace, image_scenarios, place_images
from longwave.report.reading import read_results


def rows_of(model: str, perturbation: str | None, scenario: str = "pets@1") -> pl.DataFrame:
    who = {"scenario": scenario, "instance": "a", "model": model, "version": "1", "date": "2026-07-01"}
    row = who | {"trial": 0, "prompt": "images", "perturbation": perturbation, "correct": False, "score": 0.0}
    return pl.DataFrame([dict.fromkeys(SCHEMA) | row], schema=SCHEMA)


def add(
    folder: Path, model: str, perturbation: str | None, sizes: tuple[int, int] | None = None, text: str = ""
) -> None:
    rows = rows_of(model, perturbation)
    write_predictions(folder, rows)
    if sizes:
        write_image_cases(folder, rows, np.zeros((1, 1, *sizes), np.uint8))
    if text:
        told = rows.select("scenario", "instance", "perturbation", "split", "group", input=pl.lit(text))
        none = {
            "references": pl.lit([], pl.List(pl.String)),
            "correct_references": pl.lit([], pl.List(pl.Int32)),
        }
        append_side(folder, "instances", told.with_columns(**none))


def placed(folder: Path) -> ImagePlace:
    analysis = analyse(read_results(folder))
    return place_images(analysis, "pets@1", read_image_cases(folder)[0])


def names(place: ImagePlace) -> dict[tuple[str, str, bool], str]:
    return {(system, grid.name, grid.is_shrunk): input_ for (system, grid), input_ in place.inputs.items()}


def test_pictures_tell_the_grid_of_each_system(tmp_path: Path) -> None:
    add(tmp_path, "coarse", None, (7, 5))
    add(tmp_path, "coarse", "resolution-14", (14, 10))
    add(tmp_path, "coarse", "shrunk-14")
    add(tmp_path, "fine", None, (14, 10))
    place = placed(tmp_path)
    assert names(place) == {
        ("coarse", "7 × 5", False): "original",
        ("coarse", "14 × 10", False): "resolution-14",
        ("coarse", "14 × 10", True): "shrunk-14",
        ("fine", "14 × 10", False): "original",
    }
    assert [(grid.sizes, grid.is_shrunk) for grid in place.grids] == [
        ((7, 5), False), ((14, 10), False), ((14, 10), True)
    ]  # fmt: skip
    assert [place.trained(system).name for system in ("coarse", "fine")] == ["7 × 5", "14 × 10"]
    assert [input_ for _, input_ in place.shown("coarse")] == ["original", "resolution-14"]


def test_texts_tell_the_grid_where_there_are_no_pictures(tmp_path: Path) -> None:
    add(tmp_path, "m", None, text="image 0 of pets, 7 x 5 pixels")
    add(tmp_path, "m", "resolution-14", text="image 0 of pets, 14 x 10 pixels")
    assert [grid.name for grid in placed(tmp_path).grids] == ["7 × 5", "14 × 10"]


def test_names_tell_the_grid_at_last_and_what_nothing_tells_keeps_its_name(tmp_path: Path) -> None:
    for perturbation in (None, "resolution-14", "shrunk-14", "blur"):
        add(tmp_path, "m", perturbation)
    grids = placed(tmp_path).grids
    assert [grid.name for grid in grids] == ["14 × 14", "14 × 14", "blur", "original"]
    assert [grid.sizes for grid in grids[2:]] == [(), ()]


def test_a_system_without_original_images_was_trained_nowhere(tmp_path: Path) -> None:
    add(tmp_path, "m", "resolution-14")
    assert placed(tmp_path).trained("m") is None


def analysed(folder: Path) -> tuple[Analysis, list[str]]:
    analysis = analyse(read_results(folder))
    return analysis, image_scenarios(analysis, read_image_cases(folder)[0])


def test_scenarios_of_images_have_pictures_or_resolutions(tmp_path: Path) -> None:
    write_predictions(tmp_path, rows_of("m", None, "boolq@1"))
    write_predictions(tmp_path, rows_of("m", "misspelling", "text@1"))
    write_predictions(tmp_path, rows_of("m", "resolution-28", "pde:flow"))
    write_predictions(tmp_path, rows_of("m", "resolution-28", "mnist@1"))
    add(tmp_path, "m", None, (7, 5))
    assert analysed(tmp_path)[1] == ["mnist@1", "pets@1"]
