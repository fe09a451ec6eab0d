"""Take the pictures of the report in docs/assets/ from a tour of the bundled data.

Run ``python docs/build_screenshots.py`` after a change of the pages; needs the extra "torch", Playwright,
Pillow and a Chromium on PATH. The tour takes about ten minutes on two cores; with ``--results FOLDER`` it is
kept, and what is there is not made again. Votes are those of the made-up model of ``examples/ama_votes.py``,
operators and classifiers are trained for seconds only: the pictures show pages, not results.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from longwave.report import build_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parent.parent
ASSETS = ROOT / "docs" / "assets"
WIDTH, HEIGHT = 1280, 800
LARGEST = 150_000  # bytes of a picture
LONGWAVE = (str(Path(sys.executable).with_name("longwave")),)
TOUR = {  # by the page that shows what a command finds
    "votes": (sys.executable, "examples/ama_votes.py"),
    "monitoring": (*LONGWAVE, "monitor", "import", "sample", "--as-predictions", "--task", "llm"),
    "groups": (
        *(*LONGWAVE, "adapt", "compare", "--data", "captionbirds", "--seeds", "1"),
        *("--method", "zero-shot,linear-probe,erm,contrastive,dfr-validation"),
    ),
    "fields": (sys.executable, "examples/navier_stokes.py", "--tiny"),
    "images": (sys.executable, "examples/zero_shot_resolution.py", "--tiny"),
}
# name, page, what stands at the top (None for the page's own top), colour scheme
PICTURES = (
    ("overview", "index.html", None, "light"),
    ("scores", "index.html", "#scores", "light"),
    ("monitoring", "monitoring.html", None, "light"),
    ("monitoring_dark", "monitoring.html", "h2", "dark"),
    ("votes", "votes.html", "h2", "light"),
    ("groups", "groups.html", "h2", "light"),
    ("rows", "instances/boolq-1.html?prompt=ama-1&outcome=wrong", None, "light"),
)
DRAWN = "[...document.querySelectorAll('[data-chart]')].every((box) => box.dataset.drawn)"


def main() -> None:
    """Make the tour where it is missing, build its report, take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ASSETS)
    parser.add_argument("--results", type=Path, help="folder of the tour; a temporary one when left out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        results = options.results or Path(temporary) / "tour"
        make_tour(results)
        take_pictures(build_report(results, title="Longwave tour").parent, options.out)


def make_tour(results: Path) -> None:
    """Run every command of the tour that has not left its mark yet."""
    results.mkdir(parents=True, exist_ok=True)
    for name, command in TOUR.items():
        mark = results / f".{name}-done"
        if not mark.exists():
            subprocess.run(
                [*command, "--out", str(results)], cwd=ROOT, check=True, env={**os.environ, "CI": "1"}
            )
            mark.touch()


def take_pictures(report: Path, out: Path) -> None:
    """Photograph the pages of a report in a window of 1280 x 800 points."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next((found for found in map(shutil.which, names) if found), None)
    if path is None:
        raise SystemExit("No Chromium on this machine; install one: apt-get install chromium.")
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--headless", "--no-sandbox"])
        for name, page, top, scheme in PICTURES:
            (out / f"report_{name}.png").write_bytes(take(browser, f"{report.as_uri()}/{page}", top, scheme))
        browser.close()


def take(browser: Browser, address: str, top: str | None, scheme: str) -> bytes:
    """Return a picture of what stands below ``top``, in as many colours as fit the size."""
    page = browser.new_page(
        viewport={"width": WIDTH, "height": HEIGHT},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page.goto(address)
    while not page.evaluate(DRAWN):
        page.wait_for_timeout(20)
    page.wait_for_timeout(300)  # the filter
    if top is not None:
        page.evaluate("(top) => window.scrollTo(0, document.querySelector(top).offsetTop - 24)", top)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.close()
    for colors in (256, 128, 64, 32):
        buffer = io.BytesIO()
        picture.quantize(colors, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= LARGEST:
            return buffer.getvalue()
    raise SystemExit(f"The picture of {address} is larger than {LARGEST:,} bytes.")


if __name__ == "__main__":
    main()
