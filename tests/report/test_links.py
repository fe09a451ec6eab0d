"""Addresses: safe file names, no collisions, filters that survive encoding."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.report.links import anchor, instances_page, rows_link, slugs

NAMES = st.lists(st.text(max_size=80), unique=True, max_size=8)


@given(NAMES)
def test_slugs_are_distinct_and_safe_file_names(names: list[str]) -> None:
    found = slugs(names)
    assert len(set(found.values())) == len(names)
    assert all(re.fullmatch(r"[a-z0-9_][a-z0-9_.-]*", slug) and len(slug) < 80 for slug in found.values())


@given(st.text(max_size=100))
def test_anchor_is_a_plain_id(instance: str) -> None:
    assert re.fullmatch(r"i-[A-Za-z0-9_.-]*", anchor(instance))


@pytest.mark.parametrize(
    ("first", "second"),
    [("a b", "a-b"), ("a/b", "a b"), ("x" * 100, "x" * 101)],
    ids=["space", "slash", "long"],
)
def test_instances_that_look_alike_have_different_anchors(first: str, second: str) -> None:
    assert anchor(first) != anchor(second)


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_filters_come_back_as_they_were(model: str, group: str) -> None:
    address = urlsplit(rows_link("s", model=model, group=group))
    assert address.path == "instances/s.html"
    assert parse_qs(address.query) == {"model": [model], "group": [group]}


def test_bounds_of_the_confidence_are_rounded_outwards() -> None:
    query = parse_qs(urlsplit(rows_link("s", low=0.12345678, high=0.12345678)).query)
    assert float(query["low"][0]) <= 0.12345678 <= float(query["high"][0])


@pytest.mark.parametrize("name", ["", "index"])
def test_no_scenario_takes_the_place_of_another_page(name: str) -> None:
    assert slugs([name])[name] not in ("", "index")


def test_a_second_page_cannot_meet_another_scenario() -> None:
    first, second = slugs(["boolq@1", "boolq@1~2"]).values()
    assert instances_page(first, 2) != instances_page(second)
