"""The leaderboard: win rates by brute force, bold only where it is earned, floors apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.predictions import SCHEMA, SCORES
from longwave.report.analysis import Analysis, Tally, analyse
from longwave.report.costs import efficiency_table
from longwave.report.differences import difference_table
from longwave.report.family_tables import calibration_table, robustness_table
from longwave.report.leaderboard import leaderboard_table, significant_best
from longwave.report.pages import index_page, rows_page
from longwave.report.reading import CURVES, Results
from longwave.report.scenario_pages import scenario_page
from longwave.report.source import FrameSource, describe_rows
from longwave.report.tables import Table

Rows = Callable[..., pl.DataFrame]
Answers = list[tuple[object, ...]]

# scenarios the registry knows: higher is better, higher is better, lower is better
KNOWN = ("boolq@1", "blimp@1", "books@1")
GRID = st.lists(
    st.lists(st.none() | st.sampled_from([0.25, 0.5, 0.75]), min_size=3, max_size=3), min_size=1, max_size=5
)


def analysis_of(frame: pl.DataFrame, *, scores: pl.DataFrame | None = None) -> Analysis:
    return analyse(
        Results(
            source=FrameSource(frame, scores=scores),
            curves=pl.DataFrame(schema=CURVES),
            samples={},
            record=None,
            notes=(),
        )
    )


def answers(scenario: str, share: dict[str, float], n: int = 60) -> Answers:
    return [
        (scenario, f"i{place}", model, None, float(place < round(n * part)))
        for model, part in share.items()
        for place in range(n)
    ]


def brute_force(grid: list[list[float | None]]) -> dict[str, float | None]:
    """Count pairs: a win is 1, a tie one half, averaged over rivals, then over scenarios."""
    rates: dict[str, float | None] = {}
    for model, own in enumerate(grid):
        found = []
        for place, scenario in enumerate(KNOWN):
            mine, sign = own[place], -1 if scenario == "books@1" else 1
            others = [row[place] for index, row in enumerate(grid) if index != model]
            rivals = [sign * value for value in others if value is not None]
            if mine is None or not rivals:
                continue
            beaten = [1.0 if sign * mine > one else 0.5 if sign * mine == one else 0.0 for one in rivals]
            found.append(sum(beaten) / len(beaten))
        rates[f"m{model}"] = sum(found) / len(found) if found else None
    return rates


@settings(max_examples=30)
@given(grid=GRID)
def test_win_rates_count_beaten_rivals(grid: list[list[float | None]]) -> None:
    lines = [
        {
            **dict.fromkeys(SCHEMA),
            "scenario": KNOWN[place],
            "instance": "i",
            "model": f"m{model}",
            "prompt": "p",
            "trial": 0,
            "score": value,
        }
        for model, row in enumerate(grid)
        for place, value in enumerate(row)
    ]
    analysis = analysis_of(describe_rows(pl.DataFrame(lines, schema=SCHEMA)))
    expected = brute_force(grid)
    assert dict(analysis.win_rates) == pytest.approx(expected)
    assert analysis.ranked == tuple(sorted(expected))  # one instance is no test


def test_models_stand_by_tests_won_less_tests_lost_not_by_means(rows: Rows) -> None:
    frame = rows(*answers("s", {"a": 0.2, "b": 0.25, "c": 0.9}), *answers("t", {"a": 0.9, "b": 0.95}))
    analysis = analysis_of(frame)
    assert analysis.ranked == ("c", "a", "b")  # b has the better mean than a, but no test says so
    assert analysis.tallies == {
        "a": Tally(better=0, worse=1, tests=3),
        "b": Tally(better=0, worse=1, tests=3),
        "c": Tally(better=2, worse=0, tests=2),
    }
    table = leaderboard_table(analysis)
    assert [column.text for column in table.columns] == ["better", "worse", "s", "t"]
    assert [(row.head.text, row.cells[0].text, row.cells[1].below) for row in table.rows] == [
        ("c", "2", "of 2"),
        ("a", "0", "of 3"),
        ("b", "0", "of 3"),
    ]


def test_lower_is_better_turns_who_won(rows: Rows) -> None:
    frame = rows(
        *[("books@1", f"i{n}", m, None, v + n / 100) for n in range(30) for m, v in (("a", 3.0), ("b", 2.0))]
    )
    assert analysis_of(frame).tallies["b"] == Tally(better=1, worse=0, tests=1)


def test_win_rates_leave_out_scores_without_a_direction(rows: Rows) -> None:
    analysis = analysis_of(
        rows(*answers("s", {"a": 0.9, "b": 0.1}), ("odd", "i", "a", None, 1.5), ("odd", "i", "b", None, 9.5))
    )
    assert analysis.win_rates == {"a": 1.0, "b": 0.0}


def test_one_model_has_no_win_rate_and_no_column_for_it(rows: Rows) -> None:
    table = leaderboard_table(analysis_of(rows(*answers("s", {"a": 0.9}))))
    assert [column.text for column in table.columns] == ["s"]


def test_the_table_is_a_full_grid(mixed: Analysis) -> None:
    table = leaderboard_table(mixed)
    assert {len(row.cells) for row in table.rows} == {len(table.columns)}


@pytest.mark.parametrize(
    "build",
    [
        calibration_table,
        robustness_table,
        efficiency_table,
        lambda found: difference_table(found, ["local@1"]),
    ],
    ids=["calibration", "robustness", "efficiency", "differences"],
)
def test_every_table_is_a_full_grid(mixed: Analysis, build: Callable[[Analysis], Table | None]) -> None:
    table = build(mixed)
    assert table is not None
    assert {len(row.cells) for row in table.rows} == {len(table.columns)}


@pytest.mark.parametrize("name", ["results", "prompts", "differences"])
def test_every_table_of_a_scenario_is_a_full_grid(mixed: Analysis, name: str) -> None:
    table = scenario_page(mixed, "local@1")[name]
    assert isinstance(table, Table)
    assert {len(row.cells) for row in table.rows} == {len(table.columns)}


@pytest.mark.parametrize(
    ("shares", "best"),
    [
        ({"a": 0.9, "b": 0.2, "c": 0.1}, "a"),
        ({"a": 0.9, "b": 0.9, "c": 0.1}, None),
        ({"a": 0.5, "b": 0.48, "c": 0.1}, None),
        ({"a": 0.9}, None),
    ],
    ids=["clear", "tied", "close", "alone"],
)
def test_bold_is_better_than_every_other(rows: Rows, shares: dict[str, float], best: str | None) -> None:
    analysis = analysis_of(rows(*answers("s", shares)))
    assert significant_best(analysis, "s") == best
    bold = [row.head.text for row in leaderboard_table(analysis).rows if any(c.is_best for c in row.cells)]
    assert bold == ([best] if best else [])


def test_bold_needs_a_rival_on_the_same_instances(rows: Rows) -> None:
    frame = rows(*answers("s", {"a": 0.9, "b": 0.1}), *[("s", f"x{n}", "c", None, 1.0) for n in range(9)])
    assert significant_best(analysis_of(frame), "s") is None


def test_no_model_is_best_without_a_direction(rows: Rows) -> None:
    frame = rows(*[("odd", f"i{n}", m, None, v + n) for n in range(40) for m, v in (("a", 5.5), ("b", 0.5))])
    assert significant_best(analysis_of(frame), "odd") is None


def test_the_results_of_a_scenario_stand_best_first(mixed: Analysis) -> None:
    table = scenario_page(mixed, "books@1")["results"]
    assert isinstance(table, Table)
    losses = [float(row.cells[0].text) for row in table.ranked]
    assert losses == sorted(losses)


def test_a_model_without_a_score_stands_last_with_a_dash(rows: Rows) -> None:
    frame = rows(*answers("s", {"z": 0.5}), ("s", "i0", "a", None, None))
    table = scenario_page(analysis_of(frame), "s")["results"]
    assert isinstance(table, Table)
    assert [(row.head.text, row.cells[0].text) for row in table.rows] == [("z", "50.0 %"), ("a", "–")]


def test_a_model_that_skipped_a_scenario_has_a_dash(rows: Rows) -> None:
    frame = rows(*answers("s", {"a": 0.5, "b": 0.5}), *answers("t", {"a": 0.5}))
    table = leaderboard_table(analysis_of(frame))
    assert {row.head.text: row.cells[-1].text for row in table.rows} == {"a": "50.0 %", "b": "–"}


def test_failures_stand_beside_the_score(rows: Rows) -> None:
    frame = rows(*answers("s", {"a": 0.5}), ("s", "x", "a", None, None), ("s", "y", "a", None, None))
    frame = frame.with_columns(error=pl.when(pl.col("score").is_null()).then(pl.lit("late")))
    cell = leaderboard_table(analysis_of(frame)).rows[0].cells[0]
    assert cell.below.endswith(" · 2 failed")


@pytest.mark.parametrize("versions", [("1", "2"), ("2", "1")], ids=["first", "second"])
def test_a_floor_that_ran_twice_leads_to_the_run_it_shows(rows: Rows, versions: tuple[str, str]) -> None:
    frame = rows(*answers("s", {"floor:random": 0.25, "a": 0.9})).drop(
        "system", "input_name", "outcome", "is_floor"
    )
    only = frame.filter(pl.col("model") == "floor:random")
    again = only.with_columns(version=pl.lit("2"), scenario=pl.lit("t"))
    both = describe_rows(pl.concat([frame, again]))
    cells = leaderboard_table(analysis_of(both)).floors
    hrefs = [cell.href for row in cells for cell in row.cells if cell.href]
    place = int(versions[0]) - 1
    assert hrefs[place] is not None
    assert f"model=floor%3Arandom+%C2%B7+{versions[0]}" in hrefs[place]


def test_floors_alone_make_a_table_without_ranks(rows: Rows) -> None:
    analysis = analysis_of(rows(*answers("s", {"floor:random": 0.5})))
    assert [row.is_floor for row in leaderboard_table(analysis).rows] == [True]
    assert efficiency_table(analysis) is None
    assert index_page(analysis)["charts"] == []


def test_a_thirteenth_pair_moves_the_tests_to_the_scenarios(rows: Rows) -> None:
    names = [f"s{place}" for place in range(5)]
    frame = rows(*[one for name in names for one in answers(name, {"a": 0.5, "b": 0.5, "c": 0.4}, 5)])
    content = index_page(analysis_of(frame))
    assert content["differences"] is None
    assert [name for name, _ in content["elsewhere"]] == names  # type: ignore[attr-defined]


def test_other_metrics_are_kept_apart_by_version_and_lead_to_their_rows(rows: Rows) -> None:
    frame = rows(*answers("s", {"m": 0.5}, 2)).drop("system", "input_name", "outcome", "is_floor")
    both = describe_rows(pl.concat([frame, frame.with_columns(version=pl.lit("2"))]))
    scores = both.select(*[name for name in SCORES if name not in ("metric", "value")]).with_columns(
        metric=pl.lit("token_f1"), value=pl.when(pl.col("version") == "2").then(0.75).otherwise(0.25)
    )
    table = scenario_page(analysis_of(both, scores=scores), "s")["metrics"]
    assert isinstance(table, Table)
    found = {row.head.text: (row.cells[0].text, row.cells[0].href) for row in table.rows}
    assert {name: text for name, (text, _) in found.items()} == {"m · 1": "0.250", "m · 2": "0.750"}
    assert found["m · 2"][1] == "instances/s.html?model=m+%C2%B7+2&input=original"


def test_metrics_of_rows_that_are_not_there_are_not_shown(rows: Rows) -> None:
    frame = rows(*answers("s", {"m": 0.5}, 2))
    scores = frame.select(*[name for name in SCORES if name not in ("metric", "value")]).with_columns(
        metric=pl.lit("token_f1"), value=pl.lit(0.5), model=pl.lit("gone")
    )
    assert scenario_page(analysis_of(frame, scores=scores), "s")["metrics"] is None


def test_the_hub_has_a_cell_for_every_model_and_scenario(mixed: Analysis) -> None:
    table = rows_page(mixed)["table"]
    assert isinstance(table, Table)
    empty = {
        (row.head.text, column.text)
        for row in table.rows
        for column, cell in zip(table.columns, row.cells, strict=True)
        if cell.href is None
    }
    floors = ("floor:random", "floor:majority")
    assert empty == set(product(floors, ("books@1", "guess@1", "local@1")))


def test_colours_return_after_the_eighth_model(rows: Rows) -> None:
    table = leaderboard_table(analysis_of(rows(*answers("s", {f"m{n:02}": 0.5 for n in range(10)}, 4))))
    assert [row.color for row in table.rows] == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]


def test_notes_come_through_to_the_page(mixed: Analysis) -> None:
    noted = replace(mixed, results=replace(mixed.results, notes=("half a line",)))
    assert index_page(noted)["notes"] == ("half a line",)
