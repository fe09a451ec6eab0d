"""Rules of accessible HTML that can be told by reading the pages."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

Attributes = dict[str, str | None]
VOID = {"meta", "link", "input", "br", "img", "hr"}
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
NAMES = (
    "index.html",
    "scenarios/local-1.html",
    "scenarios/books-1.html",
    "instances/index.html",
    "instances/local-1.html",
    "instances/boolq-1.html",
    "grid.html",
    "taxonomy.html",
    "models/index.html",
    "models/m-a-55804c61.html",
    "comparisons/index.html",
    "comparisons/m-a-55804c61~model-da3c9063.html",
    "families/calibration.html",
    "families/fairness.html",
)


class Element:
    """An element with its attributes, its place and all text inside it."""

    def __init__(self, tag: str, attributes: Attributes, parents: list[Element]) -> None:
        self.tag, self.attributes, self.parents, self.text = tag, attributes, parents, ""

    def inside(self, tag: str) -> bool:
        return any(parent.tag == tag for parent in self.parents)


class Reader(HTMLParser):
    """Reads a page into a flat list of elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self.open: list[Element] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs), list(self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 (named so by the base class)
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]

    @property
    def ids(self) -> list[str]:
        return [str(one.attributes["id"]) for one in self.elements if "id" in one.attributes]


PAGES = [("mixed", name) for name in NAMES] + [
    ("hostile", name) for name in ("index.html", "instances/openbookqa-1.html", "scenarios/boolq-1.html")
]


@pytest.fixture(scope="module", params=PAGES, ids=lambda one: "-".join(one))
def page(request: pytest.FixtureRequest, mixed_report: Path, hostile_report: Path) -> Reader:
    """Read a page once for all rules."""
    folder, name = request.param
    return Reader(({"mixed": mixed_report, "hostile": hostile_report}[folder] / name).read_text("utf-8"))


def test_the_page_tells_its_language_title_and_width(page: Reader) -> None:
    (root,) = page.all("html")
    (title,) = [one for one in page.all("title") if not one.inside("svg")]
    assert root.attributes["lang"] == "en"
    assert title.text.strip()
    assert any(one.attributes.get("name") == "viewport" for one in page.all("meta"))


def test_headings_go_down_one_level_at_a_time(page: Reader) -> None:
    levels = [int(one.tag[1]) for one in page.all(*HEADINGS)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(deeper <= level + 1 for level, deeper in pairwise(levels))


def test_no_heading_is_empty(page: Reader) -> None:
    assert all(one.text.strip() for one in page.all(*HEADINGS))


def test_ids_are_unique_and_have_no_spaces(page: Reader) -> None:
    assert len(page.ids) == len(set(page.ids))
    assert all(name and not set(name) & set(" \t\n") for name in page.ids)


def test_references_between_elements_resolve(page: Reader) -> None:
    wanted = [
        str(one.attributes[name])
        for one in page.elements
        for name in ("aria-labelledby", "aria-describedby", "for")
        if name in one.attributes
    ]
    assert set(wanted) <= set(page.ids)


def test_every_field_has_a_label(page: Reader) -> None:
    fields = page.all("input", "select", "textarea")
    assert all(one.inside("label") or one.attributes.get("aria-label") for one in fields)


def test_fields_without_a_label_of_their_own_stand_under_a_legend(page: Reader) -> None:
    bare = [one for one in page.all("input", "select") if not one.inside("label")]
    assert all(one.inside("fieldset") for one in bare)
    assert len(page.all("fieldset")) == len(page.all("legend"))


def test_every_table_has_a_caption_that_says_something(page: Reader) -> None:
    captions = page.all("caption")
    assert len(captions) == len(page.all("table"))
    assert all(one.text.strip() for one in captions)


def test_every_head_of_a_table_has_a_scope_and_a_text(page: Reader) -> None:
    heads = page.all("th")
    assert all(one.attributes.get("scope") in ("col", "row", "rowgroup") for one in heads)
    assert all(one.text.strip() for one in heads)


def test_every_link_and_button_has_a_text(page: Reader) -> None:
    assert all(one.text.strip() for one in page.all("a", "button", "summary"))


def test_no_element_has_an_inline_handler_or_style(page: Reader) -> None:
    names = {name for one in page.elements for name in one.attributes}
    assert not {name for name in names if name.startswith("on") or name == "style"}
    assert not page.all("style")


def test_there_is_one_main_part_and_a_way_to_it(page: Reader) -> None:
    (main,) = page.all("main")
    first = page.all("a")[0]
    assert first.attributes["href"] == f"#{main.attributes['id']}"
    assert main.attributes["tabindex"] == "-1"


def test_parts_that_scroll_are_reached_by_keyboard_and_named(page: Reader) -> None:
    regions = [one for one in page.elements if one.attributes.get("role") == "region"]
    assert all(one.attributes.get("tabindex") == "0" for one in regions)
    assert all((one.attributes.get("aria-label") or "").strip() for one in regions)


def test_no_order_of_tabs_is_forced(page: Reader) -> None:
    orders = {one.attributes["tabindex"] for one in page.elements if "tabindex" in one.attributes}
    assert orders <= {"0", "-1"}


def test_signs_that_only_decorate_are_hidden_from_readers(page: Reader) -> None:
    signs = [one for one in page.all("span") if (one.attributes.get("class") or "").startswith("swatch")]
    assert all(one.attributes.get("aria-hidden") == "true" for one in signs)


def test_outcomes_are_told_in_words_beside_their_sign(page: Reader) -> None:
    told = [one for one in page.all("p") if one.attributes.get("class") == "outcome"]
    assert all(any(letter.isalnum() for letter in one.text) for one in told)


def test_navigations_have_names(page: Reader) -> None:
    assert all(one.attributes.get("aria-label") for one in page.all("nav"))


def test_charts_have_a_caption_and_their_numbers(page: Reader) -> None:
    figures = page.all("figure")
    captions = [one for one in page.all("figcaption") if one.text.strip()]
    tables = [one for one in page.all("table") if one.inside("figure") and one.inside("details")]
    assert len(figures) == len(captions) == len(tables)
