"""Every page in a real browser: no complaints, no harm, nothing from elsewhere, no overflow, no barrier.

A page is opened once; what is claimed of it is asked of what was seen then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

pytestmark = pytest.mark.browser
Wait = Callable[["Page", str], None]

HOSTILE = (
    "index.html",
    "scenarios/boolq-1.html",
    "scenarios/books-1.html",
    "instances/index.html",
    "instances/boolq-1.html",
    "instances/books-1.html",
    "families/accuracy.html",
    "families/calibration.html",
    "families/fairness.html",
    "models/index.html",
    "models/hyena.html",
    "comparisons/index.html",
    "comparisons/attention~hyena.html",
    "taxonomy.html",
    "grid.html",
)
TOUR = ("index.html", "votes.html", "images.html", "fields.html", "groups.html", "monitoring.html")
SLOW = set(HOSTILE) - {"index.html", "instances/boolq-1.html", "families/accuracy.html", "grid.html"}
PAGES = [
    *(pytest.param(("hostile", name), marks=[pytest.mark.slow] * (name in SLOW)) for name in HOSTILE),
    *(pytest.param(("tour", name)) for name in TOUR),
]
WIDTHS = (1280, 768, 390, 360)
BAD = ("serious", "critical")
DRAWN = "[...document.querySelectorAll('[data-chart]')].every((box) => box.dataset.drawn === '%s')"
# of many instances that look alike the first are enough; pages forbid that stylesheets are asked for again
AXE = """axe.run({exclude: [['article.case:nth-of-type(n + 4)']]},
  {resultTypes: ['violations'], preload: false, runOnly: %s})
  .then((found) => found.violations.map((one) => [one.id, one.impact, one.nodes[0].html]))"""
RULES = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen of a page."""

    name: str
    root: str
    complaints: list[str]
    requests: list[str]
    boxes: int
    charts: int
    hacked: object
    widths: dict[int, int]
    clipped: list[str]
    nav: list[tuple[str, str | None]]
    barriers: list[list[str]]


@pytest.fixture(scope="module", params=PAGES, ids=lambda one: "-".join(one))
def seen(
    request: pytest.FixtureRequest,
    context: BrowserContext,
    hostile_report: Path,
    tour: Path,
    wait_until: Wait,
    axe: str,
) -> Seen:
    """Open a page, look at it in both themes and several widths, close it."""
    kind, name = request.param
    root = {"hostile": hostile_report, "tour": tour}[kind].as_uri()
    complaints: list[str] = []
    requests: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda one: requests.append(one.url))
    page.set_viewport_size({"width": WIDTHS[0], "height": 800})
    page.goto(f"{root}/{name}")
    wait_until(page, DRAWN % "light")
    barriers = page.evaluate(axe + AXE % RULES)
    page.emulate_media(color_scheme="dark")
    wait_until(page, DRAWN % "dark")
    barriers += page.evaluate(AXE % "['color-contrast']")
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    facts = Seen(
        name=name,
        root=root,
        complaints=complaints,
        requests=requests,
        boxes=page.locator("[data-chart]").count(),
        charts=page.locator("[data-chart] svg.marks").locator("visible=true").count(),
        hacked=page.evaluate("window.hacked"),
        widths={width: _width(page, width) for width in WIDTHS},
        clipped=page.evaluate(CLIPPED),
        nav=[(one[0], one[1]) for one in page.evaluate(NAV)],
        barriers=[one for one in barriers if one[1] in BAD],
    )
    page.close()
    return facts


# text that its own box cuts off, on the narrowest screen; what scrolls is reached
CLIPPED = """[...document.querySelectorAll('main p, main li, main h1, main h2, main dd, main a, header a')]
  .filter((one) => one.checkVisibility() && !one.closest('.scroll, .text, .visually-hidden')
    && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.textContent.slice(0, 60))"""
NAV = """[...document.querySelectorAll('nav.site a')]
  .map((one) => [one.textContent, one.getAttribute('aria-current')])"""


def _width(page: Page, width: int) -> int:
    page.set_viewport_size({"width": width, "height": 800})
    return int(page.evaluate("document.documentElement.scrollWidth"))


def test_pages_have_no_complaints(seen: Seen) -> None:
    assert seen.complaints == []


def test_pages_draw_their_charts(seen: Seen) -> None:
    assert seen.charts == seen.boxes
    assert seen.boxes > 0 or not seen.name.startswith(("index", "scenarios", "images", "fields", "groups"))


def test_nothing_scrolls_sideways_on_any_screen(seen: Seen) -> None:
    assert seen.widths == {width: width for width in WIDTHS}
    assert seen.clipped == []


def test_hostile_text_is_not_run(seen: Seen) -> None:
    assert seen.hacked is None


def test_pages_ask_for_nothing_from_elsewhere(seen: Seen) -> None:
    assert seen.requests
    assert all(url.startswith((seen.root, "data:")) for url in seen.requests)


def test_one_place_of_the_navigation_is_marked(seen: Seen) -> None:
    texts = [text for text, _ in seen.nav]
    assert texts[:3] == ["Overview", "Scenarios", "Models"]
    assert texts[-2:] == ["Grid", "Rows"]
    assert [current for _, current in seen.nav if current in ("page", "true")] != []
    assert sum(current is not None for _, current in seen.nav) == 1


def test_axe_finds_nothing_serious_in_either_theme(seen: Seen) -> None:
    assert seen.barriers == []
