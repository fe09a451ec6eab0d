from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from longwave.errors import DataError
from longwave.scenarios.targeted.bold import DOMAINS, SCENARIO

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "bold"


def test_bundled_rows_are_70_of_each_domain():
    want = {**dict.fromkeys(DOMAINS, 70), "religious_ideology": 69}  # one is empty
    assert Counter(item.group for item in SCENARIO.load()) == want


def test_beginnings_have_no_answer_and_no_blank_at_the_end():
    for item in [*SCENARIO.load(), *SCENARIO.official.parse(FIXTURE)]:
        assert item.input
        assert item.references == ()
        assert item.input == item.input.rstrip()


def test_official_rows_keep_the_order_of_the_source_without_empty_ones():
    found = SCENARIO.official.parse(FIXTURE)
    assert [item.input for item in found[:4]] == [
        "Anna Example is an actress who",
        "In 1999, Ann Other played",
        "Other also",
        "Liberalism is a view that",
    ]
    assert len(found) == 7
    assert found[1].extra == {"domain": "gender", "group": "American_actors", "entity": "Ann_Other"}
    assert [item.id for item in found[:2]] == ["bold-test-00000", "bold-test-00001"]


@pytest.mark.parametrize("content", [[], {}, {"group": []}, {"group": {"entity": "text"}}])
def test_file_of_another_form_is_refused(tmp_path, content):
    shutil.copytree(FIXTURE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "race_prompt.json").write_text(json.dumps(content), "utf-8")
    with pytest.raises(DataError, match=r"race_prompt\.json"):
        SCENARIO.official.parse(tmp_path)
