"""What the pages do in a real browser, opened from disk: charts, filters, dark mode, keyboard."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from longwave.report.style import DARK, LIGHT, PALETTE_DARK, PALETTE_LIGHT

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

Open = Callable[..., "Page"]
Wait = Callable[["Page", str], None]


def shown(page: Page, selector: str) -> int:
    return page.locator(selector).locator("visible=true").count()


def wait_until_hidden(page: Page, selector: str) -> None:
    """Wait for a filter, which works after the key was pressed; a timeout is a failure."""
    from playwright.sync_api import expect

    expect(page.locator(selector).locator("visible=true")).to_have_count(0)


@pytest.mark.parametrize(
    ("scheme", "tone", "palette"),
    [("light", LIGHT, PALETTE_LIGHT), ("dark", DARK, PALETTE_DARK)],
    ids=["light", "dark"],
)
def test_page_and_charts_follow_the_colour_scheme(
    visit: Open, scheme: str, tone: dict[str, str], palette: tuple[str, ...]
) -> None:
    page = visit("scenarios/boolq-1.html", color_scheme=scheme)
    red, green, blue = (int(tone["page"][place : place + 2], 16) for place in (1, 3, 5))
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == f"rgb({red}, {green}, {blue})"
    chart = page.locator("#score svg.marks").inner_html()
    assert palette[0] in chart
    assert palette[1] in chart


def test_charts_follow_a_change_of_the_scheme(visit: Open) -> None:
    page = visit("scenarios/boolq-1.html", color_scheme="light")
    page.emulate_media(color_scheme="dark")
    page.wait_for_selector('#score [data-drawn="dark"]')
    assert PALETTE_DARK[0] in page.locator("#score svg.marks").inner_html()


def test_hovering_a_mark_shows_its_value_without_markup(visit: Open) -> None:
    page = visit("scenarios/boolq-1.html")
    page.locator("#score .mark-symbol path").first.hover()
    tip = page.locator("#vg-tooltip-element.visible")
    assert "attention" in tip.inner_text()
    assert "%" in tip.inner_text()


def test_clicking_a_mark_leads_to_its_rows(visit: Open) -> None:
    page = visit("scenarios/boolq-1.html")
    page.locator("#score .mark-symbol path").first.click()
    page.wait_for_url("**/instances/boolq-1.html?*")
    assert page.locator("select[name=model]").input_value() == "attention"
    assert page.locator("select[name=input]").input_value() == "original"


def test_a_number_leads_to_exactly_its_rows(visit: Open) -> None:
    page = visit("scenarios/blimp-1.html")
    cell = page.locator("#differences ~ .scroll td a").nth(2)
    expected = int(cell.inner_text())
    cell.click()
    page.wait_for_url("**/instances/blimp-1*.html?*")
    found = page.locator("#found").inner_text()
    assert found.startswith(f"{2 * expected} rows of {expected} instance")
    assert page.locator(".answer.right").locator("visible=true").count() == shown(page, ".answer.wrong")


def test_the_filter_works_by_keyboard(visit: Open, wait_until: Wait) -> None:
    page = visit("instances/boolq-1.html")
    page.locator("select[name=model]").focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.value") == "attention"
    wait_until_hidden(page, "thead th[data-model='1']")
    while page.evaluate("document.activeElement.name") != "outcome":
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    wait_until_hidden(page, ".answer.wrong")
    assert shown(page, ".answer.right") > 0
    assert "model=attention" in page.url
    while page.evaluate("document.activeElement.type") != "reset":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_until(page, "!location.search")
    assert shown(page, ".answer.wrong") > 0


def test_the_filter_counts_rows_on_every_page(visit: Open) -> None:
    page = visit("instances/boolq-1.html?model=hyena&input=original")
    links = page.locator("nav.pages").first.locator("a")
    assert links.all_inner_texts() == ["1 (50)", "2 (10)"]
    links.nth(1).click()
    page.wait_for_url("**/boolq-1~2.html?model=hyena&input=original")
    assert shown(page, ".answer") == 10


def test_a_filter_without_rows_on_the_first_page_opens_the_first_that_has_some(
    visit: Open, hostile_report: Path
) -> None:
    text = (hostile_report / "instances" / "boolq-1.confidence.js").read_text("utf-8")
    packed = json.loads(text.removeprefix("window.longwaveConfidence=").removesuffix(";\n"))
    sure = struct.unpack("<360d", base64.b64decode(packed))  # 60 instances, six rows each
    only = next(one for one in sure[300:] if one == one and one not in sure[:300])
    page = visit("instances/index.html")
    page.goto(f"{hostile_report.as_uri()}/instances/boolq-1.html?low={only}&high={only}")
    page.wait_for_url("**/boolq-1~2.html?*")
    assert shown(page, ".answer") > 0


def test_a_page_without_a_filter_does_not_read_the_index(visit: Open) -> None:
    page = visit("instances/boolq-1.html")
    assert page.locator("#found").inner_text() == "360 rows of 60 instances; 50 on this page."
    assert page.evaluate("window.longwaveRows") is None


def test_the_back_button_returns_to_the_filter_before(visit: Open, wait_until: Wait) -> None:
    page = visit("instances/boolq-1.html?model=hyena")
    wait_until(page, "document.getElementById('found').textContent.includes('match')")
    page.locator("select[name=outcome]").select_option("wrong")
    page.locator("select[name=input]").select_option("typos")
    wait_until(page, "location.search === '?model=hyena&input=typos&outcome=wrong'")
    page.go_back()
    wait_until(page, "location.search === '?model=hyena&outcome=wrong'")
    assert page.locator("select[name=input]").input_value() == ""
    page.go_back()
    wait_until(page, "location.search === '?model=hyena'")
    assert page.locator("select[name=outcome]").input_value() == ""
    wait_until(page, "document.getElementById('found').textContent.startsWith('180 rows')")
    page.go_forward()
    wait_until(page, "document.querySelector('select[name=outcome]').value === 'wrong'")


def test_a_filter_shows_what_perturbation_turned_wrong(visit: Open, wait_until: Wait) -> None:
    page = visit("instances/boolq-1.html?model=hyena&flip=lost")
    wait_until(page, "document.getElementById('found').textContent.includes('match')")
    cases = page.locator("article.case").locator("visible=true").all()
    assert cases
    for case in cases:
        parts = case.locator("tbody").locator("visible=true").all()
        outcomes = [part.locator(".answer").locator("visible=true").get_attribute("class") for part in parts]
        assert outcomes[0] == "answer right"
        assert set(outcomes[1:]) == {"answer wrong"}


def test_a_filter_keeps_one_kind_of_error(visit: Open, wait_until: Wait) -> None:
    page = visit("models/hyena.html")
    page.locator("#errors ~ .scroll td a").first.click()
    page.wait_for_url("**/instances/boolq-1.html?*error=*")
    wait_until(page, "document.getElementById('found').textContent.startsWith('1 row of 1 instance ')")
    assert shown(page, ".answer.failed") == 1


def test_a_filter_by_what_is_not_there_matches_nothing(visit: Open, wait_until: Wait) -> None:
    page = visit("instances/boolq-1.html?model=nobody")
    wait_until(page, "document.getElementById('found').textContent.startsWith('0 rows')")
    assert shown(page, "article.case") == 0


def test_inputs_of_a_kind_of_edit_come_with_the_originals(visit: Open, wait_until: Wait) -> None:
    page = visit("instances/boolq-1.html?model=hyena&edits=robustness")
    wait_until(page, "document.getElementById('found').textContent.startsWith('180 rows')")


def test_a_filter_keeps_the_rows_of_one_prompt_or_two(
    visit: Open, wait_until: Wait, mixed_report: Path
) -> None:
    rows = f"{mixed_report.as_uri()}/instances/local-1.html?model=m+a"
    page = visit("index.html")
    page.goto(f"{rows}&prompt=q")
    wait_until(page, "document.getElementById('found').textContent.startsWith('36 rows of 18 ')")
    shown_prompts = set(page.locator(".variant").locator("visible=true").all_inner_texts())
    assert shown_prompts == {"q · trial 0", "q · trial 1"}
    page.locator("select[name=beside]").select_option("p")
    wait_until(page, "document.getElementById('found').textContent.startsWith('72 rows of 18 ')")
    page.goto(f"{rows}&prompt=gone")
    wait_until(page, "document.getElementById('found').textContent.startsWith('0 rows')")


def test_a_flip_of_a_comparison_leads_to_its_instance(visit: Open) -> None:
    page = visit("comparisons/attention~hyena.html")
    name = page.locator(".flips a").first.inner_text()
    page.locator(".flips a").first.click()
    page.wait_for_url("**/instances/*.html#*")
    assert page.locator("article:target h2").inner_text() == name


def test_text_is_searched_on_the_page(visit: Open) -> None:
    page = visit("instances/boolq-1.html")
    page.locator("input[name=text]").fill("passage 42 ")
    assert shown(page, "article.case") == 1
    assert "this page only" in page.locator("#found").inner_text()


def test_a_deep_link_marks_its_instance(visit: Open) -> None:
    page = visit("instances/boolq-1.html#i-id20")
    assert page.locator("article:target h2").inner_text() == "id20"


def test_the_first_tab_stop_skips_to_the_content(visit: Open) -> None:
    page = visit("scenarios/boolq-1.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_focus_is_visible(visit: Open) -> None:
    page = visit("scenarios/boolq-1.html")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_without_scripts_everything_is_shown(visit: Open) -> None:
    page = visit("instances/boolq-1.html", java_script_enabled=False)
    assert shown(page, "form.filter") == 0
    assert shown(page, "article.case") == 50
    page = visit("index.html", java_script_enabled=False)
    assert shown(page, "table") >= 4
    assert "Charts need JavaScript" in page.locator("noscript").first.inner_text()
    assert shown(page, "[data-chart]") == 0
