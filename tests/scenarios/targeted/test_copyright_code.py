from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from longwave.errors import DataError, MissingFile
from longwave.scenarios.targeted.copyright_code import FILES, SCENARIO, find_functions

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "copyright_code"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("int f(void)\n{\n\treturn 0;\n}", [(0, 3)], id="plain"),
        pytest.param("static int f(int a,\n\t     int b)\n{\n}", [(0, 3)], id="head-of-two-lines"),
        pytest.param("int x;\nint f(void)\n{\n}", [(1, 3)], id="after-a-declaration"),
        pytest.param("/* Say. */\nint f(void)\n{\n}", [(1, 3)], id="after-a-comment"),
        pytest.param("#ifdef A\nint f(void)\n{\n}", [(1, 3)], id="after-a-directive"),
        pytest.param("int f(void)\n{\n}\nint g(void)\n{\n}", [(0, 2), (3, 5)], id="two"),
        pytest.param("struct s {\n\tint x;\n};", [], id="struct"),
        pytest.param("int f(void)\n{\n", [], id="without-an-end"),
        pytest.param("{\n}", [], id="without-a-head"),
        pytest.param("", [], id="empty"),
    ],
)
def test_functions_are_found(text, found):
    assert find_functions(text.split("\n")) == found


def test_each_long_function_gives_two_prefixes():
    found = SCENARIO.official.parse(FIXTURE)
    assert len(found) == 2 * len(FILES)
    first, second = found[:2]
    assert first.input == "static long bio_sum(struct bio_box *box,\n"
    assert first.label.startswith("\t\t       int flags)\n{")
    assert (first.group, second.group) == ("1 line", "10 lines")
    assert second.input.count("\n") == 10
    assert first.input + first.label == second.input + second.label
    assert first.extra == {"file": "block/bio.c", "line": 19}


def test_file_without_a_long_function_is_refused(tmp_path):
    shutil.copytree(FIXTURE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "fs/open.c").write_text("int f(void)\n{\n}\n", "utf-8")
    with pytest.raises(DataError, match=r"open\.c\" holds no function of 20 lines"):
        SCENARIO.official.parse(tmp_path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFile, match=r"bio\.c"):
        SCENARIO.official.parse(tmp_path)
