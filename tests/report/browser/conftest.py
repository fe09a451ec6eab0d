"""One browser for the tests of a file, pages from disk, and a folder in which every page has something."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import polars as pl
import pytest

from longwave.evaluation import aggregate_votes
from longwave.evaluation.adapted_maps import GROUP_MAPS
from longwave.evaluation.fields import record_fields
from longwave.evaluation.image_cases import write_image_cases
from longwave.predictions import INSTANCES, SCHEMA, append_side, write_predictions
from longwave.report import build_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

Open = Callable[..., "Page"]
Wait = Callable[["Page", str], None]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DRAWN = "[...document.querySelectorAll('[data-chart]')].every((box) => box.dataset.drawn)"


def cannot(message: str) -> NoReturn:
    """Skip, and say why; under CI a missing browser is a failure."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(
    scope="module"
)  # while it lives, its event loop runs, and no other test of the process can run one
def browser() -> Iterator[Browser]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        cannot(
            "Playwright is not installed; install it: pip install playwright (no browser download needed)."
        )
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        cannot("No Chromium on this machine; install one: apt-get install chromium (or put it on PATH).")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the script of axe-core, which finds what bars readers; it travels in no package of ours."""
    try:
        return files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8") + ";\n"
    except ModuleNotFoundError:
        cannot("axe-core is not installed; install it: pip install axe-playwright-python.")


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a context for all pages that need no other; its cache keeps the script that draws."""
    shared = browser.new_context()
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def wait_until() -> Wait:
    """Return a function that waits for a claim about a page; the one of Playwright needs eval."""

    def wait(page: Page, expression: str) -> None:
        for _ in range(1000):
            if page.evaluate(expression):
                return
            page.wait_for_timeout(10)
        pytest.fail(f"Not true within 10 s: {expression}")

    return wait


@pytest.fixture
def visit(
    browser: Browser, context: BrowserContext, hostile_report: Path, wait_until: Wait
) -> Iterator[Open]:
    """Open a page from disk; complaints of the page fail the test."""
    opened: list[Page | BrowserContext] = []
    complaints: list[str] = []

    def go(
        name: str, *, width: int = 1200, color_scheme: str = "light", java_script_enabled: bool = True
    ) -> Page:
        place = context if java_script_enabled else browser.new_context(java_script_enabled=False)
        page = place.new_page()
        opened.append(page if java_script_enabled else place)
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=color_scheme)  # type: ignore[arg-type]
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{hostile_report.as_uri()}/{name}")
        if java_script_enabled:
            wait_until(page, DRAWN)
        return page

    yield go
    for one in opened:
        one.close()
    assert complaints == []


@dataclass(frozen=True)
class FieldAnswers:
    """What an operator said of two flows."""

    inputs: np.ndarray
    targets: np.ndarray
    predictions: np.ndarray
    resolution: tuple[int, ...]
    is_training_grid: bool
    floors: dict[str, np.ndarray]
    model: str = "t1"
    seed: int = 0
    data: str = "flow"
    version: str = "1"
    run: str = "run"
    is_periodic: bool = True
    input_channels: tuple[tuple[str, str], ...] = (("before", "1"),)
    target_channels: tuple[tuple[str, str], ...] = (("after", "1/s"),)
    error: str | None = None


@dataclass(frozen=True)
class Filter:
    """Two kernels on a grid."""

    values: np.ndarray
    rate: tuple[float, ...]
    layer: str = "mixers.0"
    bandlimit: tuple[float | None, ...] = (0.25, 0.25)


@dataclass(kw_only=True)
class Asked:
    """Who was asked what; the first ``n_right`` of the answers are right."""

    scenario: str
    model: str
    n_right: int
    n: int = 24
    labels: tuple[str, ...] = ("yes", "no")
    columns: dict[str, object] = field(default_factory=dict)

    def frame(self) -> pl.DataFrame:
        rows = []
        for place in range(self.n):
            label = self.labels[place % len(self.labels)]
            said = label if place < self.n_right else self.labels[(place + 1) % len(self.labels)]
            row: dict[str, object] = dict.fromkeys(SCHEMA) | {
                **{"scenario": self.scenario, "instance": f"test-{place:04d}", "model": self.model},
                **{"version": "1", "date": "2026-07-01", "prompt": "own", "trial": 0, "split": "test"},
                **{"label": label, "prediction": said, "correct": label == said},
                **{"score": float(label == said), "confidence": 0.625, "group": label, "run": "a"},
            }
            rows.append(row | self.columns)
        return pl.DataFrame(rows, schema=SCHEMA)


def _write_votes(folder: Path) -> None:
    frames = [
        Asked(scenario="boolq@1", model="reader", n_right=n, columns={"prompt": f"ama-{k}"}).frame()
        for k, n in enumerate((20, 16, 16, 18), 1)
    ]
    write_predictions(folder, pl.concat(frames))
    known = [
        dict.fromkeys(INSTANCES)
        | {"scenario": "boolq@1", "instance": name, "input": "Is it?"}
        | {"references": ["yes", "no"], "correct_references": [["yes", "no"].index(label)]}
        for name, label in frames[0].select("instance", "label").iter_rows()
    ]
    append_side(folder, "instances", pl.DataFrame(known, schema=INSTANCES))
    for method in ("majority", "label-model"):
        aggregate_votes(folder, method=method)


def _write_images(folder: Path) -> None:
    for points, n_right in ((8, 20), (16, 6)):
        name = None if points == 8 else f"resolution-{points}"
        asked = Asked(scenario="pets@1", model="conv", n_right=n_right, columns={"perturbation": name})
        rows = asked.frame()
        write_predictions(folder, rows)
        kernels = Filter(np.ones((2, 2 * points, 2 * points), np.float32), (16 / points, 16 / points))
        write_image_cases(folder, rows, np.full((24, 3, points, points), 100, np.uint8), filters=[kernels])


def _write_fields(folder: Path) -> None:
    rng = np.random.default_rng(5)
    for points in (16, 32):
        targets = rng.normal(size=(6, 1, points, points))
        is_trained = points == 16
        answers = FieldAnswers(
            inputs=rng.normal(size=targets.shape),
            targets=targets,
            predictions=targets + 0.1 * rng.normal(size=targets.shape),
            resolution=(points, points),
            is_training_grid=is_trained,
            floors={"mean field": np.zeros_like(targets)} if is_trained else {},
        )
        record_fields(folder, answers, date="2026-07-01")


def _write_groups(folder: Path) -> None:
    for method, n_right in (("zero-shot", 15), ("erm", 22)):
        write_predictions(folder, Asked(scenario="groups:birds", model=method, n_right=n_right).frame())
    lie = {"within": 0.25, "between": None, "neighbours": 0.5, "share": 0.75}
    about = {
        **{"schema": 1, "scenario": "groups:birds", "model": "erm", "version": "1", "date": "2026-07-01"},
        **{"trial": 0, "instances": list("abcd"), "labels": ["bird"] * 4, "groups": ["yes", "no"] * 2},
        **{"before": lie, "after": {**lie, "within": 0.75}},
    }
    before = np.arange(8.0).reshape(4, 2)
    (folder / GROUP_MAPS).mkdir()
    np.savez(
        folder / GROUP_MAPS / "erm-0.npz", about=np.array(json.dumps(about)), before=before, after=before + 1
    )


@pytest.fixture(scope="session")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of pages on votes, images, fields, groups and days; tests only read it."""
    folder = tmp_path_factory.mktemp("tour") / "tour"
    _write_votes(folder)
    _write_images(folder)
    _write_fields(folder)
    _write_groups(folder)
    for day, n_right in (("2026-07-01", 40), ("2026-08-01", 20)):
        columns: dict[str, object] = {"date": day, "run": day}
        write_predictions(
            folder, Asked(scenario="news@1", model="acme", n_right=n_right, n=60, columns=columns).frame()
        )
    return build_report(folder).parent
