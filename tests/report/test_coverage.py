"""Grid, taxonomy and contamination: what was measured, what was not, and why."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from longwave.evaluation import Tables, build_grid
from longwave.predictions import INSTANCES, REQUESTS, SCHEMA, SCORES
from longwave.report.analysis import Analysis, analyse
from longwave.report.coverage import contamination_table, family_grid, grid_page, taxonomy_page
from longwave.report.reading import CURVES, Results
from longwave.report.source import FrameSource
from longwave.report.tables import Table
from longwave.scenarios import list_absent, list_scenarios

Rows = Callable[..., pl.DataFrame]


def analysis_of(frame: pl.DataFrame) -> Analysis:
    return analyse(
        Results(
            source=FrameSource(frame), curves=pl.DataFrame(schema=CURVES), samples={}, record=None, notes=()
        )
    )


def asked(rows: Rows, *models: str) -> pl.DataFrame:
    frame = rows(
        *[
            (scenario, f"i{n}", model, None, 1.0)
            for scenario in ("boolq@1", "mine@1")
            for n in range(3)
            for model in models
        ],
        ("blimp@1", "i0", models[0], "typos", 1.0),
        ("blimp@1", "i0", models[0], None, 1.0),
    )
    return frame.with_columns(latency_s=pl.lit(0.5))


def test_the_grid_is_that_of_the_evaluation(rows: Rows) -> None:
    frame = asked(rows, "a", "b")
    tables = Tables(
        predictions=frame.select(list(SCHEMA)),
        requests=pl.DataFrame(schema=REQUESTS),
        instances=pl.DataFrame(schema=INSTANCES),
        scores=pl.DataFrame(schema=SCORES),
    )
    expected, found = build_grid(tables), family_grid(analysis_of(frame))
    assert dict(found.scenarios) == dict(expected.scenarios)
    for one, other in zip(found.cells, expected.cells, strict=True):
        assert (one.scenario, one.family, one.state, one.filled, one.models) == (
            other.scenario, other.family, other.state, other.filled, other.models
        )  # fmt: skip
        assert set(one.reasons) == set(other.reasons)


def cells_of(content: dict[str, object], scenario: str) -> list[tuple[str, str]]:
    tables = content["tables"]
    assert isinstance(tables, list)
    rows = [row for one in tables for row in one["table"].rows if row.head.text == scenario]
    (row,) = rows
    return [(cell.text, cell.below) for cell in row.cells]


def test_every_empty_cell_says_why(rows: Rows) -> None:
    content = grid_page(analysis_of(asked(rows, "a", "b")))
    notes = content["notes"]
    assert isinstance(notes, list)
    cells = cells_of(content, "boolq@1")
    assert cells[0] == ("2/2", "")
    numbers = [int(below.strip("[]")) for text, below in cells if text == "0/2"]
    reasons = [notes[number - 1] for number in numbers]
    assert reasons == [
        "the model told no log-probabilities",
        "no robustness perturbation changed an input",
        "no fairness perturbation was asked for",
        "no completions were kept",
        "no classifier of toxicity was run",
    ]


def test_a_model_that_did_not_answer_is_said_to_be_not_run(rows: Rows) -> None:
    content = grid_page(analysis_of(asked(rows, "a", "b")))
    assert cells_of(content, "blimp@1")[0] == ("1/2", "[not run]")


def test_the_core_has_112_cells_of_which_98_can_be_measured(rows: Rows) -> None:
    sentences = grid_page(analysis_of(asked(rows, "a")))["sentences"]
    assert "Of the 112 core cells 98 can be measured and 2 are measured here." in sentences  # type: ignore[operator]


def test_what_a_scenario_cannot_tell_is_not_applicable(rows: Rows) -> None:
    cells = cells_of(grid_page(analysis_of(asked(rows, "a"))), "mmlu@1")
    assert [text for text, _ in cells] == ["–", "–", "–", "–", "n/a", "n/a", "–"]


def test_the_taxonomy_lists_every_scenario_and_every_gap(rows: Rows) -> None:
    tables = taxonomy_page(analysis_of(asked(rows, "a", "b")))["tables"]
    assert isinstance(tables, list)
    names = {row.head.text for one in tables[:-1] for row in one["table"].rows}
    bare = {entry.name.rpartition("@")[0] for entry in list_scenarios()}
    assert {name.rpartition("@")[0] for name in names} == bare | {"mine"}
    assert len(tables[-1]["table"].rows) == len(list_absent())
    assert all(len(row.cells) == len(one["table"].columns) for one in tables for row in one["table"].rows)


def test_the_taxonomy_tells_what_was_run_here(rows: Rows) -> None:
    tables = taxonomy_page(analysis_of(asked(rows, "a", "b")))["tables"]
    assert isinstance(tables, list)
    here = {row.head.text: row.cells[0].text for one in tables[:-1] for row in one["table"].rows}
    assert (here["boolq@1"], here["blimp@1"]) == ("2 of 2 models", "1 of 2 models")
    assert (here["mmlu@1"], here["mine@1"]) == ("not run", "2 of 2 models")


def test_contamination_is_listed_with_what_is_known(rows: Rows) -> None:
    found = contamination_table(analysis_of(asked(rows, "T0pp", "text-davinci-002", "other")))
    assert isinstance(found, Table)
    listed = [(row.head.text, row.cells[0].text, row.cells[0].mark) for row in found.rows]
    assert sorted(listed) == [
        ("T0pp", "boolq@1", "strong"),
        ("text-davinci-002", "boolq@1", "weak"),
    ]
    assert "training data" in next(row.cells[1].text for row in found.rows if row.cells[0].mark == "weak")


def test_nothing_known_is_no_table(rows: Rows) -> None:
    assert contamination_table(analysis_of(asked(rows, "a"))) is None
