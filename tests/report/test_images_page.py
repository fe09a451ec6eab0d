"""The page of images tells accuracy by grid, shows kernels, confusions and mistakes, and survives damage."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import polars as pl
import pytest

from longwave.evaluation.image_cases import IMAGE_CASES, write_image_cases
from longwave.predictions import SCHEMA, append_side, write_predictions
from longwave.report import build_report
from longwave.report.analysis import analyse
from longwave.report.images_page import has_images, images_content
from longwave.report.reading import read_results

N = 30


@dataclass(frozen=True)
class Sample:
    """Two kernels on a grid."""

    values: np.ndarray
    rate: tuple[float, ...]
    layer: str = "mixers.0"
    bandlimit: tuple[float | None, ...] = (0.25, 0.25)


def answers(
    model: str,
    n_right: int,
    *,
    perturbation: str | None = None,
    trial: int = 0,
    classes: tuple[str, ...] = ("cat", "dog", "<b>bird</b>"),
    scenario: str = "pets@1",
) -> pl.DataFrame:
    """Return rows: the first images are right, others are taken for the next class."""
    labels = [classes[place % len(classes)] for place in range(N)]
    said = [
        label if place < n_right else classes[(place + 1) % len(classes)]
        for place, label in enumerate(labels)
    ]
    rows = [
        dict.fromkeys(SCHEMA)
        | {
            "scenario": scenario, "instance": f"test-{place:04d}", "model": model, "version": "1",
            "date": "2026-07-01", "prompt": "images", "perturbation": perturbation, "trial": trial,
            "split": "test", "label": label, "group": label, "prediction": prediction,
            "correct": label == prediction, "score": float(label == prediction), "confidence": 0.625,
        }
        for place, (label, prediction) in enumerate(zip(labels, said, strict=True))
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA)


def record(
    folder: Path, rows: pl.DataFrame, points: int, *, has_kernels: bool = True, is_shrunk: bool = False
) -> None:
    write_predictions(folder, rows)
    sizes = f"{points} x {points + 1} pixels"
    append_side(
        folder,
        "instances",
        rows.select("scenario", "instance", "perturbation", "split", "group").with_columns(
            input=pl.format("image of pets, {}", pl.lit(sizes)),
            references=pl.lit([], pl.List(pl.String)),
            correct_references=pl.lit([], pl.List(pl.Int32)),
        ),
    )
    if not is_shrunk:
        images = np.full((N, 3, points, points + 1), 100, np.uint8)
        kernels = np.ones((2, 2 * points, 2 * points), np.float32)
        filters = [Sample(kernels, (16 / points, 16 / points))] if has_kernels else []
        write_image_cases(folder, rows, images, filters=filters)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return two models trained at 8 points, and one trained at 16; one with two seeds."""
    tmp_path = tmp_path_factory.mktemp("kept")
    for trial in (0, 1):
        record(tmp_path, answers("s4nd", 27, trial=trial), 8)
        record(tmp_path, answers("s4nd", 24, perturbation="resolution-16", trial=trial), 16)
        shrunk = answers("s4nd", 27, perturbation="shrunk-16", trial=trial)
        record(tmp_path, shrunk, 8, is_shrunk=True)
    record(tmp_path, answers("conv", 27), 8, has_kernels=False)
    record(tmp_path, answers("conv", 3, perturbation="resolution-16"), 16, has_kernels=False)
    record(tmp_path, answers("full", 30), 16)
    write_predictions(tmp_path, answers("floor:majority", 10))
    return tmp_path


@pytest.fixture(scope="module")
def report(kept: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_report(kept, tmp_path_factory.mktemp("built")).parent


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(kept, tmp_path / "folder"))


def section_of(folder: Path) -> dict[str, object]:
    (section,) = images_content(analyse(read_results(folder)), folder)["scenarios"]
    return section


def query(href: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(href).query).items()}


def test_accuracy_stands_by_model_and_grid_with_the_shrunk_image_beside_it(folder: Path) -> None:
    table = section_of(folder)["table"]
    assert [(one.text, one.below) for one in table.columns] == [
        ("8 × 9", "as it is"),
        ("16 × 17", "as it is"),
        ("16 × 17", "shrunk"),
    ]
    rows = {row.head.text: [cell.text for cell in row.cells] for row in table.rows}
    assert rows["s4nd"] == ["90.0 %", "80.0 %", "90.0 %"]
    assert rows["conv"] == ["90.0 %", "10.0 %", "–"]
    assert rows["majority"] == ["33.3 %"] * 3


def test_a_model_stands_on_the_grid_it_was_trained_on(folder: Path) -> None:
    table = section_of(folder)["table"]
    heads = {row.head.text: row.head.below for row in table.rows}
    cells = {row.head.text: row.cells for row in table.rows}
    assert heads["s4nd"] == "trained at 8 × 9, bandlimit 0.25"
    assert heads["conv"] == "trained at 8 × 9"
    assert heads["full"] == "trained at 16 × 17, bandlimit 0.25"
    assert [cell.text for cell in cells["full"]] == ["–", "100.0 %", "–"]
    assert query(cells["full"][1].href) == {"model": "full", "input": "original"}
    assert query(cells["s4nd"][1].href) == {"model": "s4nd", "input": "resolution-16"}
    assert cells["s4nd"][1].below.count("–") == 1


def test_the_chart_draws_every_point_and_lets_the_dashed_line_begin_at_the_training(folder: Path) -> None:
    chart = section_of(folder)["chart"]
    drawn = max(chart.spec["datasets"].values(), key=len)
    assert [(one["points"], one["way"]) for one in drawn if one["system"] == "s4nd"] == [
        (8, "as it is"),
        (16, "as it is"),
        (8, "shrunk to the training grid"),
        (16, "shrunk to the training grid"),
    ]
    assert len(chart.table.rows) == 3 + 2 + 1
    assert chart.caption.endswith("grey: the better floor.")


def test_kernels_are_shown_on_all_grids_and_only_of_models_that_have_some(folder: Path) -> None:
    section = section_of(folder)
    assert [one["system"] for one in section["kernels"]] == ["full", "s4nd"]
    (layer,) = section["kernels"][1]["layers"]
    assert [tile.title for tile in layer.strips[0].tiles] == ["8 × 9", "16 × 17"]
    assert (len(layer.strips), layer.bandlimit, section["seeds"]) == (2, "bandlimit 0.25", [0])


def test_confusions_count_all_seeds(folder: Path) -> None:
    by_system = {one["system"]: one["matrices"] for one in section_of(folder)["confusions"]}
    first, second = by_system["s4nd"]
    assert (first.grid, first.note) == ("8 × 9", "54 of 60 right")
    assert second.note == "48 of 60 right"
    assert sum(int(cell.text or 0) for _, cells in first.rows for cell in cells) == 60


def test_many_classes_are_a_list_of_the_most_frequent_confusions(tmp_path: Path) -> None:
    record(tmp_path, answers("s4nd", 20, classes=tuple(f"class {place}" for place in range(25))), 8)
    (told,) = section_of(tmp_path)["confusions"]
    assert told["matrices"] == []
    assert told["tables"][0].rows[0].cells[1].text == "1"


def test_mistakes_are_pictures_that_lead_to_their_rows(folder: Path) -> None:
    by_system = {one["system"]: one["grids"] for one in section_of(folder)["mistakes"]}
    coarse, _ = by_system["s4nd"]
    assert [tile.title for tile, _ in coarse["tiles"]] == [
        "cat → dog",
        "dog → <b>bird</b>",
        "<b>bird</b> → cat",
    ]
    tile, href = coarse["tiles"][0]
    assert (tile.note, tile.width, tile.height) == ("0.62", 9, 8)
    assert (urlsplit(href).path, urlsplit(href).fragment) == ("instances/pets-1.html", "i-test-0027")
    assert query(coarse["href"]) == {"model": "s4nd", "input": "original", "outcome": "wrong"}
    assert len(by_system["conv"][1]["tiles"]) == 12
    assert "full" not in by_system


def test_the_page_is_built_linked_and_escaped(report: Path) -> None:
    text = (report / "images.html").read_text("utf-8")
    assert 'href="images.html"' in (report / "index.html").read_text("utf-8")
    assert "<b>bird" not in text
    assert "&lt;b&gt;bird" in text
    n_mistakes = 3 + 6 + 3 + 12
    n_kernels = 2 * 2 + 2 * 1
    assert text.count('src="data:image/png;base64,') == n_mistakes + n_kernels + 1


def test_every_link_of_the_page_leads_to_a_file_and_place_of_the_report(report: Path) -> None:
    text = (report / "images.html").read_text("utf-8")
    links = set(re.findall(r'href="([^"#?:]+\.html)(?:\?[^"#]*)?(?:#([^"]+))?"', text))
    assert {path for path, _ in links} > {
        "instances/pets-1.html",
        "scenarios/pets-1.html",
        "models/s4nd.html",
    }
    pages = {path: (report / path).read_text("utf-8") for path, _ in links}
    assert [(path, place) for path, place in links if place and f'id="{place}"' not in pages[path]] == []


def test_the_same_results_give_the_same_page(kept: Path, report: Path, tmp_path: Path) -> None:
    again = build_report(kept, tmp_path / "again").parent
    assert (again / "images.html").read_bytes() == (report / "images.html").read_bytes()


def test_without_images_there_is_no_page(tmp_path: Path) -> None:
    rows = answers("m", 10, scenario="boolq@1")
    write_predictions(tmp_path, rows)
    assert not has_images(analyse(read_results(tmp_path)), tmp_path)
    index = build_report(tmp_path)
    assert not (index.parent / "images.html").exists()


def test_without_pictures_the_numbers_stay(folder: Path) -> None:
    for path in (folder / IMAGE_CASES).iterdir():
        path.unlink()
    section = section_of(folder)
    assert (section["kernels"], section["mistakes"], section["seeds"]) == ([], [], [])
    assert [row.head.text for row in section["table"].rows] == ["conv", "full", "s4nd", "majority"]
    assert len(section["confusions"]) == 3


def test_damaged_pictures_are_told(folder: Path) -> None:
    next((folder / IMAGE_CASES).iterdir()).write_bytes(b"no zip")
    content = images_content(analyse(read_results(folder)), folder)
    assert len(content["notes"]) == 1
    assert "cannot be read" in content["notes"][0]


def test_a_single_grid_has_no_chart(tmp_path: Path) -> None:
    record(tmp_path, answers("s4nd", 20), 8)
    section = section_of(tmp_path)
    assert section["chart"] is None
    assert len(section["table"].columns) == 1


def test_pictures_without_rows_are_left_out(folder: Path) -> None:
    rows = answers("gone", 0)
    write_image_cases(folder, rows, np.zeros((N, 1, 8, 9), np.uint8))
    assert "gone" not in {one["system"] for one in section_of(folder)["mistakes"]}
