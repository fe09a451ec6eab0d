from __future__ import annotations

import re

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
