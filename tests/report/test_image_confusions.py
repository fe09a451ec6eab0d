"""Confusions are counted as a slow count does, and their numbers lead to the rows."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.report.image_confusions import Confusion, confusion_matrix, confusion_table

WHERE = {"slug": "mnist-1", "system": "s4nd", "input_": "original"}
Pair = tuple[str | None, str | None]


def rows_of(pairs: list[Pair], groups: list[str | None] | None = None) -> pl.DataFrame:
    """Return rows of label and prediction; without a prediction the request failed."""
    return pl.DataFrame(
        {
            "label": [label for label, _ in pairs],
            "prediction": [said for _, said in pairs],
            "error": [None if said else "failed" for _, said in pairs],
            "group": groups or [None] * len(pairs),
        },
        schema=dict.fromkeys(("label", "prediction", "error", "group"), pl.String()),
    )


def matrix_of(pairs: list[Pair], groups: list[str | None] | None = None) -> Confusion:
    return confusion_matrix(rows_of(pairs, groups), "7 × 7", **WHERE)


def query(href: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(href).query).items()}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), max_size=40))
def test_every_answer_is_counted_in_its_cell(pairs: list[Pair]) -> None:
    found = matrix_of(pairs)
    for label, cells in found.rows:
        for answer, cell in zip(found.classes, cells, strict=True):
            assert int(cell.text or 0) == pairs.count((label, answer))
            assert cell.is_right == (label == answer)
    n = sum(int(cell.text or 0) for _, cells in found.rows for cell in cells)
    assert n == len(pairs)


def test_numbers_are_ordered_by_size_words_after_them_and_no_answer_last() -> None:
    found = matrix_of([("10", "b"), ("9", "10"), ("b", "9"), ("9", None)])
    assert found.classes == ("9", "10", "b", "no answer")
    assert [label for label, _ in found.rows] == ["9", "10", "b"]


def test_an_answer_that_is_no_label_has_a_column() -> None:
    found = matrix_of([("a", "z"), ("a", "a")])
    assert found.classes == ("a", "z")
    assert found.note == "1 of 2 right"


def test_shades_are_tenths_of_the_label_and_never_nothing() -> None:
    pairs: list[Pair] = [("a", "a")] * 60 + [("a", "b")] * 39 + [("a", "c")] + [("b", "b"), ("c", "c")]
    (_, cells), *_ = matrix_of(pairs).rows
    assert [cell.level for cell in cells] == [6, 4, 1]
    assert cells[1].title == "a taken for b: 39 of 100, 39.0 %"


def test_cells_lead_to_right_or_wrong_rows_of_the_label() -> None:
    (_, cells), _ = matrix_of([("a", "a"), ("a", "b"), ("b", "b"), ("a", None)], ["a", "a", "b", "a"]).rows
    base = {"model": "s4nd", "input": "original", "group": "a"}
    assert [query(cell.href) for cell in cells] == [
        base | {"outcome": "right"},
        base | {"outcome": "wrong"},
        base,
    ]


def test_where_groups_are_not_labels_links_name_none() -> None:
    ((_, cells),) = matrix_of([("a", "a"), ("a", "a")], ["a", "north"]).rows
    assert "group" not in query(cells[0].href)


def test_rows_without_a_label_do_not_count() -> None:
    assert matrix_of([(None, "a")]).note == "no labels"
    assert matrix_of([]).rows == ()


def test_the_list_has_the_most_frequent_confusions_first() -> None:
    pairs: list[Pair] = [("a", "b")] * 3 + [("a", "a")] + [("b", "a")] * 2 + [("b", "c")] * 5
    table = confusion_table(rows_of(pairs), "7 × 7", **WHERE)
    told = [(row.head.text, *(cell.text for cell in row.cells)) for row in table.rows]
    assert told == [("b", "c", "5", "71.4 %"), ("a", "b", "3", "75.0 %"), ("b", "a", "2", "28.6 %")]
    assert query(table.rows[0].cells[1].href)["outcome"] == "wrong"


@pytest.mark.parametrize("n", [11, 12, 13])
def test_the_list_is_short(n: int) -> None:
    pairs: list[Pair] = [(f"label {place}", "other") for place in range(n)]
    assert len(confusion_table(rows_of(pairs), "7 × 7", **WHERE).rows) == min(n, 12)
