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


@given(st.floats(0, 1), st.floats(0, 1))
def test_bounds_of_the_confidence_keep_every_digit(low: float, high: float) -> None:
    query = parse_qs(urlsplit(rows_link("s", low=low, high=high)).query)
    assert (float(query["low"][0]), float(query["high"][0])) == (low, high)


@pytest.mark.parametrize(("low", "text"), [(0.0, "0"), (1, "1"), (0.25, "0.25")], ids=str)
def test_round_bounds_are_written_short(low: float, text: str) -> None:
    assert rows_link("s", low=low) == f"instances/s.html?low={text}"


def test_a_link_without_a_filter_has_no_query() -> None:
    assert rows_link("s") == "instances/s.html"


def test_an_empty_name_is_a_filter_and_not_none() -> None:
    assert rows_link("s", group="") == "instances/s.html?group="


@given(st.text(max_size=70))
def test_no_instance_can_take_the_anchor_of_another(instance: str) -> None:
    taken = anchor(instance)
    assert anchor(taken.removeprefix("i-")) != taken or instance == taken.removeprefix("i-")


@pytest.mark.parametrize("is_first", [True, False], ids=["before", "after"])
@given(name=st.text(max_size=70))
def test_no_scenario_can_take_the_file_of_another(name: str, is_first: bool) -> None:
    impostor = slugs([name])[name]
    names = dict.fromkeys([impostor, name] if is_first else [name, impostor])
    assert len(set(slugs(names).values())) == len(names)


@pytest.mark.parametrize(
    "model", ["a&outcome=wrong", "a#b", "a?b", "a/../b", "ü 100 %", "a+b", "\r\n"], ids=ascii
)
def test_a_name_cannot_add_a_filter_or_a_path(model: str) -> None:
    address = urlsplit("https://host/" + rows_link("s", model=model, input_="original"))
    assert (address.path, address.fragment) == ("/instances/s.html", "")
    assert parse_qs(address.query) == {"model": [model], "input": ["original"]}


@pytest.mark.parametrize("name", ["", "index"])
def test_no_scenario_takes_the_place_of_another_page(name: str) -> None:
    assert slugs([name])[name] not in ("", "index")


def test_a_second_page_cannot_meet_another_scenario() -> None:
    first, second = slugs(["boolq@1", "boolq@1~2"]).values()
    assert instances_page(first, 2) != instances_page(second)
