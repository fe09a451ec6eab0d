"""The order of instances, and the page on which each stands."""

from __future__ import annotations

import polars as pl
import pytest

from longwave.report.links import per_page
from longwave.report.ordering import error_kind, place_instances


def test_instances_stand_in_the_order_people_count() -> None:
    found = place_instances(pl.DataFrame({"instance": ["i10", "i2", "i1", "i2"]}))
    assert found.rows() == [("i1", 0, 1), ("i2", 1, 1), ("i10", 2, 1)]


def test_many_rows_of_an_instance_make_small_pages() -> None:
    rows = pl.DataFrame({"instance": [f"i{n}" for n in range(10) for _ in range(120)]})
    assert place_instances(rows)["page"].to_list() == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("rows", "instances", "size"),
    [(0, 0, 1), (1, 1, 50), (60, 60, 50), (4000, 500, 50), (8000, 500, 25), (10**6, 10, 1)],
)
def test_a_page_holds_fifty_instances_and_about_four_hundred_rows(
    rows: int, instances: int, size: int
) -> None:
    assert per_page(rows, instances) == size


def test_errors_are_told_apart_by_their_first_characters_on_one_line() -> None:
    frame = pl.DataFrame({"error": [" a\r\n b ", "x" * 300, None]})
    assert frame.select(error_kind(pl.col("error")))["error"].to_list() == ["a b", "x" * 200, None]
