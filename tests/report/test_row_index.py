"""The index of rows: unpacked, it tells of every row what the browser shows."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longwave.report.analysis import Analysis, analyse
from longwave.report.browser import open_browser
from longwave.report.reading import read_results
from longwave.report.row_index import OUTCOMES, confidence_index, filter_lists, row_index

TYPES = {"u1": "<u1", "u2": "<u2", "u4": "<u4"}


@pytest.fixture(scope="module")
def analysis(plain_folder: Path) -> Analysis:
    return analyse(read_results(plain_folder))


def value_of(script: str) -> object:
    return json.loads(script.partition("=")[2].removesuffix(";\n"))


def unpack(index: dict[str, object], name: str) -> list[int]:
    """Read a column as the page's script reads it."""
    columns = index["columns"]
    assert isinstance(columns, dict)
    column = columns[name]
    if "all" in column:
        return [column["all"]] * int(str(index["instances" if name == "count" else "rows"]))
    return np.frombuffer(base64.b64decode(column["data"]), TYPES[column["type"]]).tolist()


def index_of(analysis: Analysis, scenario: str) -> dict[str, object]:
    browser = open_browser(analysis, scenario)
    lists = filter_lists(analysis, browser.rows)
    found = value_of(row_index(browser.rows, lists, browser.page_size))
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("scenario", ["boolq@1", "blimp@1", "books@1"])
def test_the_index_knows_each_rows_page_model_input_and_outcome(analysis: Analysis, scenario: str) -> None:
    index = index_of(analysis, scenario)
    columns = {name: unpack(index, name) for name in ("count", "model", "input", "outcome", "group")}
    starts = np.cumsum([0, *columns["count"]])
    for number, page in enumerate(open_browser(analysis, scenario).pages(), 1):
        for case in page:
            shown = [
                (input_.name, model, answer)
                for input_ in case.inputs
                for model, answers in enumerate(input_.answers)
                for answer in answers
            ]
            for name, model, answer in shown:
                instance = int(np.searchsorted(starts, answer.number, "right")) - 1
                assert instance // int(str(index["pageSize"])) + 1 == number
                assert columns["model"][answer.number] == model
                assert index["input"][columns["input"][answer.number]] == name  # type: ignore[index]
                assert OUTCOMES[columns["outcome"][answer.number]] == answer.outcome
                group = columns["group"][answer.number]
                assert (index["group"][group - 1] if group else None) == case.group  # type: ignore[index]


def test_errors_are_told_apart_by_their_beginning(mixed: Analysis) -> None:
    index = index_of(mixed, "boolq@1")
    failed = [place for place, outcome in enumerate(unpack(index, "outcome")) if outcome == 2]
    assert index["error"] == ["timeout"]
    assert {unpack(index, "error")[place] for place in failed} == {1}
    assert unpack(index, "error").count(1) == len(failed)


def test_edits_list_the_inputs_that_count_for_each_kind(mixed: Analysis) -> None:
    index = index_of(mixed, "boolq@1")
    assert index["input"] == ["original", "a&b=c", "typos"]
    assert index["edits"] == {"robustness": [1, 2], "fairness": []}


def test_prompts_are_told_apart(mixed: Analysis) -> None:
    index, rows = index_of(mixed, "local@1"), open_browser(mixed, "local@1").rows
    names = index["prompt"]
    assert names == ["p", "q"]
    assert [names[place - 1] for place in unpack(index, "prompt")] == rows["prompt"].to_list()


def test_variants_tell_prompts_and_trials_apart(mixed: Analysis) -> None:
    assert set(unpack(index_of(mixed, "local@1"), "variant")) == {0, 1, 2, 3}


def test_confidences_are_whole(mixed: Analysis) -> None:
    rows = open_browser(mixed, "boolq@1").rows
    text = value_of(confidence_index(rows))
    values = np.frombuffer(base64.b64decode(str(text)), "<f8")
    expected = rows["confidence"].fill_null(float("nan")).to_numpy()
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("many", [3, 300, 70_000], ids=["u1", "u2", "u4"])
def test_columns_take_the_smallest_type_that_holds_them(many: int) -> None:
    rows = pl.DataFrame(
        {
            "instance": ["a"] * 1 + ["b"] * many,
            "system": "m",
            "input_name": "original",
            "outcome": "right",
            "group": None,
            "error": None,
            "prompt": "p",
            "trial": 0,
            "perturbation": None,
        },
        schema_overrides={"group": pl.String, "error": pl.String, "perturbation": pl.String},
    )
    lists = {"model": ["m"], "input": ["original"], "outcome": list(OUTCOMES), "group": [], "error": []}
    index = value_of(row_index(rows, {**lists, "prompt": ["p"], "edits": []}, 50))
    assert isinstance(index, dict)
    assert unpack(index, "count") == [1, many]
    assert unpack(index, "model") == [0] * (many + 1)
