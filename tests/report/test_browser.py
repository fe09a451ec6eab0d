"""The instance browser's data: every row in its place, every number in the index."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from longwave.report.analysis import Analysis, analyse
from longwave.report.browser import browse, row_index
from longwave.report.links import PER_PAGE
from longwave.report.reading import read_results


@pytest.fixture(scope="module")
def analysis(plain_folder: Path) -> Analysis:
    return analyse(read_results(plain_folder))


def index_of(analysis: Analysis, scenario: str) -> dict[str, list[object]]:
    script = row_index(analysis, scenario)
    return json.loads(script.removeprefix("window.longwaveRows=").removesuffix(";\n"))


def test_pages_hold_fifty_instances(analysis: Analysis) -> None:
    assert [len(page) for page in browse(analysis, "boolq@1")] == [PER_PAGE, 10]


def test_instances_stand_in_the_order_people_count(analysis: Analysis) -> None:
    page = next(browse(analysis, "boolq@1"))
    assert [case.instance for case in page[:12]] == [f"id{place}" for place in range(12)]


def test_every_row_is_shown_once_with_its_own_number(analysis: Analysis) -> None:
    numbers = [
        answer.number
        for page in browse(analysis, "boolq@1")
        for case in page
        for input_ in case.inputs
        for answers in input_.answers
        for answer in answers
    ]
    assert sorted(numbers) == list(range(60 * 3 * 2))


def test_the_index_knows_each_rows_page_model_and_outcome(analysis: Analysis) -> None:
    index = index_of(analysis, "boolq@1")
    for page_number, page in enumerate(browse(analysis, "boolq@1"), 1):
        for case in page:
            for input_ in case.inputs:
                for model, answers in enumerate(input_.answers):
                    for answer in answers:
                        row = index["rows"][answer.number]
                        assert isinstance(row, list)
                        assert row[0] == page_number
                        assert row[2] == model
                        assert index["inputs"][row[3]] == input_.name
                        assert index["outcomes"][row[4]] == answer.outcome


def test_the_original_comes_before_the_perturbed(analysis: Analysis) -> None:
    case = next(browse(analysis, "boolq@1"))[0]
    assert [input_.name for input_ in case.inputs] == ["original", "misspellings", "typos"]
    assert case.inputs[0].text is None
    assert case.inputs[2].text == "Passage 0 typos "


def test_a_prompt_that_all_models_share_is_shown_once(analysis: Analysis) -> None:
    input_ = next(browse(analysis, "blimp@1"))[0].inputs[0]
    assert input_.prompt is not None
    assert all(answer.prompt is None for answers in input_.answers for answer in answers)


def test_right_options_are_marked(analysis: Analysis) -> None:
    case = next(browse(analysis, "openbookqa@1"))[0]
    assert [option.is_right for option in case.options].count(True) == 1


def test_groups_are_in_the_index(analysis: Analysis) -> None:
    assert index_of(analysis, "blimp@1")["groups"] == ["a", "b", "c"]
