from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from longwave.errors import ConfigError, DataError, MissingFile, UnknownName
from longwave.scenarios import get_scenario


def test_a_yaml_file_and_its_rows_are_a_scenario(scenario_folder):
    scenario = get_scenario(str(scenario_folder()))
    first, second = scenario.load()
    assert (scenario.key, first.label, first.group, second.group) == (
        "colours@1",
        "blue",
        "colours",
        "plants",
    )


def test_rows_are_read_late(scenario_folder):
    scenario = get_scenario(str(scenario_folder(rows="{")))
    with pytest.raises(DataError, match="not JSON"):
        scenario.load()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (("rows:", "row:"), ConfigError, 'Unknown key "row"'),
        (("method: multiple_choice_separate", "method: guess"), ConfigError, "prompt.method"),
        (("main_metric: exact_match", "main_metric: exact_mach"), UnknownName, "exact_match"),
        (("name: colours", "name: a@b"), ConfigError, '"name" in'),
        (("group_by: topic", "eval_splits: [dev]"), ConfigError, '"eval_splits" in'),
        (("group_by: topic", "eval_splits: []"), ConfigError, '"eval_splits" in'),
    ],
    ids=["key", "method", "metric", "name", "split", "no-split"],
)
def test_a_wrong_description_is_refused(scenario_folder, change, error, message):
    path = scenario_folder()
    path.write_text(path.read_text("utf-8").replace(*change), "utf-8")
    with pytest.raises(error, match=re.escape(message)):
        get_scenario(str(path))


def test_a_missing_description_is_named(tmp_path):
    with pytest.raises(MissingFile, match=r"none\.yaml"):
        get_scenario(str(tmp_path / "none.yaml"))


def test_json_describes_a_scenario_as_yaml_does(scenario_folder):
    path = scenario_folder()
    same = {
        "name": "colours",
        "rows": "rows.jsonl",
        "main_metric": "exact_match",
        "group_by": "topic",
        "prompt": {"method": "multiple_choice_separate", "output_prefix": " "},
    }
    other = path.with_suffix(".json")
    other.write_text(json.dumps(same), "utf-8")
    one, two = get_scenario(str(path)), get_scenario(str(other))
    assert one.load() == two.load()
    assert replace(one, load=list, description="") == replace(two, load=list, description="")


def test_rows_lie_beside_the_description_wherever_one_works(scenario_folder, tmp_path_factory, monkeypatch):
    path = scenario_folder()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert len(get_scenario(str(path)).load()) == 2


def test_the_version_is_part_of_the_key(scenario_folder):
    path = scenario_folder()
    path.write_text(path.read_text("utf-8") + "version: 3\n", "utf-8")
    assert get_scenario(str(path)).key == "colours@3"


@pytest.mark.parametrize("ending", [".yaml", ".yml", ".YAML", ".json"])
def test_every_ending_of_a_file_is_a_path_and_no_name(ending):
    with pytest.raises(MissingFile, match="nowhere"):
        get_scenario(f"nowhere{ending}")


def test_missing_rows_are_named_when_they_are_read(scenario_folder):
    path = scenario_folder()
    (path.parent / "rows.jsonl").unlink()
    with pytest.raises(MissingFile, match=r"rows\.jsonl"):
        get_scenario(str(path)).load()
