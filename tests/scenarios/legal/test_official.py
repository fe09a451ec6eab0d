"""The official rows in their own files, beside templates that are bundled or fetched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from longwave.errors import DataError
from longwave.prompting.formats import build_generation_prompt
from longwave.scenarios import get_scenario, load_official
from longwave.scenarios.legal import fill_template, list_legal_tasks, read_template

FIXTURES = Path(__file__).parents[2] / "fixtures" / "scenarios" / "legalbench"


def test_official_rows_are_asked_by_the_bundled_template():
    scenario = get_scenario("legalbench/hearsay")
    found = scenario.official.parse(FIXTURES / "hearsay")
    prompt = build_generation_prompt(scenario.prompt, found[1], [])
    text = "To prove that Bob was ill, the fact that Bob told Eve that he was."
    assert prompt == fill_template(read_template("hearsay"), {"text": text})
    assert [instance.label for instance in found] == ["No", "Yes", "No", "No"]
    assert found[0].group == "Non-assertive conduct"


def test_a_fetched_template_is_filled_byte_for_byte():
    scenario = get_scenario("legalbench/learned_hands_benefits")
    found = scenario.official.parse(FIXTURES / "learned_hands_benefits")
    template = (FIXTURES / "learned_hands_benefits" / "base_prompt.txt").read_text("utf-8")
    asked = found[2]
    assert build_generation_prompt(scenario.prompt, asked, []) == fill_template(
        template, {"text": 'The form says "food stamps",\nbut nobody answers the phone.'}
    )
    assert [reference.text for reference in asked.references] == ["No", "Yes"]


@pytest.mark.parametrize("task", list_legal_tasks(), ids=lambda task: task.name)
def test_every_task_has_an_official_home_with_its_terms(task):
    official = get_scenario(f"legalbench/{task.name}").official
    assert all(file.url.startswith("https://") and " " not in file.url for file in official.files)
    assert [file.name for file in official.files] == [
        "test.tsv",
        *([] if task.is_redistributable else ["base_prompt.txt"]),
    ]
    assert task.licence in official.notice
    assert ("NonCommercial" in official.notice) is not task.is_redistributable


def test_a_scenario_without_bundled_rows_loads_its_official_ones(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "longwave" / "scenarios" / "legalbench" / "learned_hands_benefits@1"
    shutil.copytree(FIXTURES / "learned_hands_benefits", folder)
    assert len(get_scenario("legalbench/learned_hands_benefits").load()) == 4


def test_official_rows_can_stand_for_bundled_ones():
    scenario = get_scenario("legalbench/hearsay")
    assert scenario.is_offline
    assert len(load_official(scenario, folder=FIXTURES / "hearsay")) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("index\tanswer\ttext\n", "holds no rows", id="empty"),
        pytest.param(
            "index\tanswer\tbody\n0\tYes\tx\n", 'the column "text" is missing; there are: body', id="column"
        ),
        pytest.param("index\ttext\n0\tx\n", 'the field "answer" is missing', id="answer"),
    ],
)
def test_files_that_changed_are_refused(tmp_path, text, message):
    (tmp_path / "test.tsv").write_text(text, "utf-8")
    with pytest.raises(DataError, match=message):
        get_scenario("legalbench/hearsay").official.parse(tmp_path)
