from __future__ import annotations

import pytest

from longwave.errors import ConfigError, UnknownName
from longwave.evaluation import EvaluateConfig, get_suite, list_suites
from longwave.evaluation.runner import resolve
from longwave.scenarios import get_scenario


@pytest.mark.parametrize("suite", list_suites(), ids=lambda suite: suite.name)
def test_every_suite_names_scenarios_that_exist(suite):
    assert all(get_scenario(name).key == name for name in suite.scenarios)


def test_zero_means_all_instances():
    assert set(get_suite("bundled").scenarios.values()) == {None}


def test_an_unknown_suite_lists_the_nearest():
    with pytest.raises(UnknownName, match="quickstart"):
        get_suite("quikstart")


def test_the_suites_of_the_paper_have_its_numbers_of_scenarios():
    assert len(get_suite("core").scenarios) == 16
    assert len(get_suite("targeted").scenarios) == 26
    categories = {name: get_scenario(name).category for name in get_suite("core").scenarios}
    assert set(categories.values()) == {"core"}
    targeted = {get_scenario(name).category for name in get_suite("targeted").scenarios}
    assert not targeted & {"core", "own"}


def test_the_smoke_suite_needs_no_network():
    assert all(get_scenario(name).is_offline for name in get_suite("smoke").scenarios)


def test_a_suite_file_may_name_scenarios_and_files_beside_it(tmp_path):
    (tmp_path / "mine.yaml").write_text("scenarios: {blimp: 3, own/parity.yaml: 0}\nperturbations: [typos]\n")
    suite = get_suite(str(tmp_path / "mine.yaml"))
    assert suite.scenarios == {"blimp": 3, str(tmp_path / "own/parity.yaml"): None}
    assert (suite.name, suite.perturbations, suite.trials) == ("mine.yaml", ("typos",), 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scenarios: {}", '"scenarios" in .* is empty'),
        ("scenarios: {blimp: -1}", "asks for -1 instances"),
        ("scenarios: {blimp: 1}\nshots: 2", 'Unknown key "shots"'),
    ],
    ids=["empty", "negative", "unknown"],
)
def test_a_wrong_suite_file_is_told(tmp_path, text, message):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        get_suite(str(tmp_path / "mine.yaml"))


def test_a_suite_sets_edits_and_trials_unless_the_evaluation_does():
    asked = EvaluateConfig(models=("fake:first",), suite="core")
    assert (resolve(asked).perturbations, resolve(asked).trials) == (("canonical",), 3)
    own = EvaluateConfig(models=("fake:first",), suite="core", perturbations=("typos",), trials=1)
    assert (resolve(own).perturbations, resolve(own).trials) == (("typos",), 1)
