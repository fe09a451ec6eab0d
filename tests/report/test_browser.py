"""The instance browser's data: every row in its place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from longwave.report.analysis import Analysis, analyse
from longwave.report.browser import Case, open_browser
from longwave.report.links import PER_PAGE
from longwave.report.reading import read_results


@pytest.fixture(scope="module")
def analysis(plain_folder: Path) -> Analysis:
    return analyse(read_results(plain_folder))


def pages(analysis: Analysis, scenario: str) -> Iterator[list[Case]]:
    return open_browser(analysis, scenario).pages()


def test_pages_hold_fifty_instances(analysis: Analysis) -> None:
    assert [len(page) for page in pages(analysis, "boolq@1")] == [PER_PAGE, 10]


def test_instances_stand_in_the_order_people_count(analysis: Analysis) -> None:
    page = next(pages(analysis, "boolq@1"))
    assert [case.instance for case in page[:12]] == [f"id{place}" for place in range(12)]


def test_every_row_is_shown_once_with_its_own_number(analysis: Analysis) -> None:
    numbers = [
        answer.number
        for page in pages(analysis, "boolq@1")
        for case in page
        for input_ in case.inputs
        for answers in input_.answers
        for answer in answers
    ]
    assert sorted(numbers) == list(range(60 * 3 * 2))


def test_the_original_comes_before_the_perturbed(analysis: Analysis) -> None:
    case = next(pages(analysis, "boolq@1"))[0]
    assert [input_.name for input_ in case.inputs] == ["original", "misspellings", "typos"]
    assert case.inputs[0].text is None
    assert case.inputs[2].text == "Passage 0 typos "


def test_a_prompt_that_all_models_share_is_shown_once(analysis: Analysis) -> None:
    input_ = next(pages(analysis, "blimp@1"))[0].inputs[0]
    assert input_.prompt is not None
    assert all(answer.prompt is None for answers in input_.answers for answer in answers)


def test_right_options_are_marked(analysis: Analysis) -> None:
    case = next(pages(analysis, "openbookqa@1"))[0]
    assert [option.is_right for option in case.options].count(True) == 1
