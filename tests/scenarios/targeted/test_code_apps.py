from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from longwave.errors import DataError
from longwave.scenarios import get_scenario

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "code_apps"
APPS = get_scenario("code_apps")
TESTS = json.dumps({"inputs": ["1\n"], "outputs": ["1\n"]})


def by_id(rows):
    return {row.id.removeprefix("code_apps-"): row for row in rows}


@pytest.fixture
def parse(tmp_path):
    """Return a function that reads an archive with one problem of the test split."""

    def write(**files):
        with tarfile.open(tmp_path / "APPS.tar.gz", "w:gz") as archive:
            for name, content in files.items():
                data = content if isinstance(content, bytes) else content.encode()
                info = tarfile.TarInfo(f"APPS/test/0000/{name.replace('__', '.')}")
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return APPS.official.parse(tmp_path)

    return write


def test_problems_come_by_split_and_name_whatever_the_order_of_the_archive():
    ids = list(by_id(APPS.official.parse(FIXTURE)))
    assert ids == ["train-0000", "train-0001", "test-0000", "test-0001", "test-0002"]


def test_examples_without_solution_and_problems_without_tests_are_left_out():
    assert not {"train-0002", "test-0003"} & set(by_id(APPS.official.parse(FIXTURE)))


def test_prompt_tells_how_the_program_is_called():
    found = by_id(APPS.official.parse(FIXTURE))
    assert "\nUse Standard Input format\n" in found["test-0000"].input
    assert "def add(a, b):\n\t\n\nUse Call-Based format\n" in found["test-0002"].input
    assert all(row.input.endswith("\nANSWER in Python code:\n") for row in found.values())


def test_tests_are_kept_with_the_name_of_the_function():
    found = by_id(APPS.official.parse(FIXTURE))
    assert found["test-0000"].extra == {
        "inputs": ["3\n", "5\n"],
        "outputs": ["9\n", "25\n"],
        "fn_name": None,
    }
    assert found["test-0002"].extra["fn_name"] == "add"
    assert found["test-0002"].group == "interview"


def test_first_solution_is_the_reference():
    assert by_id(APPS.official.parse(FIXTURE))["test-0000"].label == "n = int(input())\nprint(n * n)\n"


def test_tests_with_numbers_too_long_for_python_are_left_out():
    extra = by_id(APPS.official.parse(FIXTURE))["test-0001"].extra
    assert (extra["inputs"], extra["outputs"]) == ([[7]], [[1]])


@pytest.mark.parametrize("solutions", [{}, {"solutions__json": "[]"}], ids=["no-file", "empty"])
def test_problem_without_solution_is_still_asked(parse, solutions):
    row = parse(question__txt="Print 1.", input_output__json=TESTS, **solutions)[0]
    assert row.label == ""
    assert row.group is None


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"input_output__json": "{"}, "is not JSON"),
        ({"input_output__json": "[]"}, 'the field "inputs" is missing'),
        ({"input_output__json": '{"inputs": [1], "outputs": []}'}, "1 inputs and 0 outputs"),
        ({"solutions__json": '{"a": 1}'}, "is no list of texts"),
        ({"question__txt": b"\xff"}, "is not UTF-8 text"),
    ],
    ids=["json", "field", "lengths", "solutions", "utf-8"],
)
def test_damaged_file_is_told_with_its_place(parse, files, message):
    with pytest.raises(DataError, match=message) as error:
        parse(**files)
    assert "APPS/test/0000/" in str(error.value)


def test_metadata_of_another_form_gives_no_group(parse):
    assert parse(question__txt="?", input_output__json=TESTS, metadata__json="[]")[0].group is None


def test_huge_number_deep_in_a_test_is_found(parse):
    tests = '{"inputs": [[{"a": [1]}], [{"a": [%s]}]], "outputs": [[1], [2]]}' % ("9" * 4301)
    extra = parse(question__txt="?", input_output__json=tests)[0].extra
    assert extra["outputs"] == [[1]]
