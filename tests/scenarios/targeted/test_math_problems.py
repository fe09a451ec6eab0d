from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import DataError
from longwave.scenarios import get_scenario
from longwave.scenarios.targeted.math_problems import last_boxed

FIXTURES = Path(__file__).parents[2] / "fixtures" / "scenarios"
NAMES = ("math_regular", "math_chain_of_thought")
balanced = st.recursive(
    st.text("a1+ \\", max_size=4),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: "{" + "x".join(parts) + "}"),
)


def parse(name):
    return get_scenario(name).official.parse(FIXTURES / name)


def write_archive(folder, files):
    with tarfile.open(folder / "MATH.tar", "w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return folder


@given(balanced, st.text("ab $", max_size=9))
def test_content_of_the_last_box_is_found_whatever_braces_it_holds(content, before):
    assert last_boxed(rf"{before}\boxed{{1}} and \boxed{{{content}}}.") == content


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        (r"It is \fbox{7}.", "7"),
        (r"It is \boxed {7}.", "7"),
        (r"It is \boxed{}.", ""),
        (r"First \boxed{1}, then \fbox{2}", "2"),
        ("It is 7.", None),
        (r"It is \boxed 7.", None),
        (r"It is \boxed{7", None),
    ],
    ids=["fbox", "blank", "empty", "last", "none", "no-braces", "open"],
)
def test_box_of_a_solution(solution, answer):
    assert last_boxed(solution) == answer


@pytest.mark.parametrize("name", NAMES)
def test_official_rows_follow_split_subject_and_number(name):
    ids = [row.id for row in parse(name)]
    assert ids[:2] == [f"{name}-train-algebra-1", f"{name}-train-algebra-2"]
    assert ids[-4:] == [
        f"{name}-test-algebra-2",
        f"{name}-test-algebra-10",
        f"{name}-test-counting_and_probability-5",
        f"{name}-test-geometry-1",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_rows_without_a_level_or_a_box_are_left_out(name):
    ids = {row.id.removeprefix(f"{name}-") for row in parse(name)}
    assert not ids & {"train-geometry-7", "test-algebra-11"}


def test_regular_answer_is_the_content_of_the_box():
    row = next(row for row in parse("math_regular") if row.id.endswith("test-algebra-10"))
    assert row.label == r"\frac{3}{4}"
    assert row.group == row.extra["slice"] == "Algebra, level 1"


def test_answer_with_reasoning_is_the_whole_solution():
    row = next(row for row in parse("math_chain_of_thought") if row.id.endswith("test-algebra-10"))
    assert row.label == row.extra["solution"]
    assert row.label.startswith("First $")


@pytest.mark.parametrize("name", NAMES)
def test_bundled_rows_are_fourteen_of_each_level_of_each_subject(name):
    rows = get_scenario(name).load()
    assert len({row.id for row in rows}) == len(rows) == 490
    counts = Counter((row.group, row.split) for row in rows)
    assert len(counts) == 70
    assert set(counts.values()) == {2, 12}


def test_bundled_answers_are_those_of_the_solutions():
    assert all(row.label == last_boxed(row.extra["solution"]) for row in get_scenario("math_regular").load())


def test_archive_without_problems_is_told(tmp_path):
    folder = write_archive(tmp_path, {"MATH/README.txt": "none"})
    with pytest.raises(DataError, match="holds no problems; accepted are files such as"):
        get_scenario("math_regular").official.parse(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "holds list; it must be an object"),
        (json.dumps({"problem": "?", "level": "Level 1", "type": "Algebra"}), '"solution" is missing'),
        ("{", "is not JSON"),
    ],
    ids=["list", "field", "json"],
)
def test_damaged_problem_is_told_with_its_place(tmp_path, text, message):
    folder = write_archive(tmp_path, {"MATH/test/algebra/1.json": text})
    with pytest.raises(DataError, match=message) as error:
        get_scenario("math_regular").official.parse(folder)
    assert "MATH/test/algebra/1.json" in str(error.value)
