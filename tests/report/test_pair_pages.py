"""Comparisons of two models: the tests, and the very instances on which they differ."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from longwave.report.analysis import Analysis, analyse
from longwave.report.browser import open_browser
from longwave.report.comparisons import find_flips
from longwave.report.links import anchor, instances_page
from longwave.report.pair_pages import Flips, pair_content, pairs_page
from longwave.report.reading import CURVES, Results
from longwave.report.source import FrameSource
from longwave.report.tables import Table

Rows = Callable[..., pl.DataFrame]
Follow = Callable[[Analysis, str], list[dict[str, object]]]


def analysis_of(frame: pl.DataFrame) -> Analysis:
    return analyse(
        Results(
            source=FrameSource(frame), curves=pl.DataFrame(schema=CURVES), samples={}, record=None, notes=()
        )
    )


def flips_of(content: dict[str, object]) -> list[Flips]:
    found = content["flips"]
    assert isinstance(found, list)
    return found


@pytest.fixture
def two(rows: Rows) -> pl.DataFrame:
    right = {"a": lambda n: n % 3 > 0, "b": lambda n: n % 5 == 0}
    return rows(
        *[
            ("boolq@1", f"i{n}", m, None, float(is_right(n)))
            for n in range(60)
            for m, is_right in right.items()
        ]
    )


def test_flips_are_the_instances_that_only_one_got_right(two: pl.DataFrame) -> None:
    first, second = flips_of(pair_content(analysis_of(two), "a", "b"))
    only = [n for n in range(60) if n % 3 > 0 and n % 5 != 0]
    assert (first.better, first.total) == ("a", str(len(only)))
    assert {flip.instance for flip in first.shown} <= {f"i{n}" for n in only}
    assert (second.better, second.total) == ("b", "4")
    assert [flip.instance for flip in second.shown] == ["i0", "i15", "i30", "i45"]


def test_all_flips_are_behind_their_number(two: pl.DataFrame, follow: Follow) -> None:
    analysis = analysis_of(two)
    for flips in flips_of(pair_content(analysis, "a", "b")):
        assert len(follow(analysis, flips.all_href)) == int(flips.total)


def test_a_flip_leads_to_the_page_and_place_of_its_instance(two: pl.DataFrame) -> None:
    analysis = analysis_of(two)
    pages = {
        case.instance: number
        for number, page in enumerate(open_browser(analysis, "boolq@1").pages(), 1)
        for case in page
    }
    for flips in flips_of(pair_content(analysis, "a", "b")):
        for flip in flips.shown:
            assert flip.href == f"{instances_page('boolq-1', pages[flip.instance])}#{anchor(flip.instance)}"


def test_other_scores_list_the_largest_differences_in_their_direction(rows: Rows) -> None:
    frame = rows(
        *[("books@1", f"i{n}", m, None, 2.0 + (n / 10 if m == "b" else 0)) for n in range(4) for m in "ab"]
    )
    (flips,) = flips_of(pair_content(analysis_of(frame), "a", "b"))
    assert (flips.better, flips.total, flips.all_href) == ("a", "", "")
    assert [(flip.instance, flip.scores) for flip in flips.shown] == [
        ("i3", "2.00 and 2.30 bits/byte"),
        ("i2", "2.00 and 2.20 bits/byte"),
        ("i1", "2.00 and 2.10 bits/byte"),
    ]


def test_scores_without_a_direction_flip_nothing(rows: Rows) -> None:
    frame = rows(*[("odd", f"i{n}", m, None, 1.5 + n) for n in range(4) for m in "ab"])
    assert flips_of(pair_content(analysis_of(frame), "a", "b")) == []


def test_ties_and_missing_scores_are_no_flips(rows: Rows) -> None:
    frame = rows(("s", "x", "a", None, 1.0), ("s", "x", "b", None, 1.0), ("s", "y", "a", None, 1.0))
    assert not len(find_flips(frame, lower_is_better=False))


def test_flips_of_one_direction_are_bounded(rows: Rows) -> None:
    frame = rows(*[("s", f"i{n}", m, None, float(m == "a")) for n in range(40) for m in "ab"])
    found = find_flips(frame, lower_is_better=False, most=5)
    assert found["better"].to_list() == ["a"] * 5


def test_the_sentence_counts_significant_scenarios(rows: Rows) -> None:
    frame = rows(
        *[("boolq@1", f"i{n}", m, None, float(m == "a")) for n in range(40) for m in "ab"],
        *[("imdb@1", f"i{n}", m, None, 1.0) for n in range(40) for m in "ab"],
    )
    assert pair_content(analysis_of(frame), "a", "b")["sentence"] == (
        "Of 2 scenarios that both answered, a is significantly better on 1, b on none."
    )


def test_every_two_of_few_models_have_a_page(mixed: Analysis) -> None:
    table = pairs_page(mixed)["table"]
    assert isinstance(table, Table)
    assert len(table.rows) == len(mixed.pairs) == 3
    assert all(first < second for first, second in mixed.pairs)
    assert all(row.head.href for row in table.rows)


def test_of_many_models_the_first_is_compared_with_the_others(rows: Rows) -> None:
    models = [f"m{n}" for n in range(9)]
    frame = rows(
        *[("s", f"i{k}", m, None, float(k <= 4 * n)) for k in range(40) for n, m in enumerate(models)]
    )
    analysis = analysis_of(frame)
    assert len(analysis.pairs) == 8
    assert all("m8" in pair for pair in analysis.pairs)
    table = pairs_page(analysis)["table"]
    assert isinstance(table, Table)
    assert "8 of 36 pairs" in table.caption


def test_models_that_share_no_instances_have_no_page(rows: Rows) -> None:
    frame = rows(("s", "x", "a", None, 1.0), ("t", "x", "b", None, 1.0))
    assert analysis_of(frame).pairs == ()
