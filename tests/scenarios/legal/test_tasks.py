from __future__ import annotations

from collections import Counter

import pytest

from longwave.errors import UnknownName
from longwave.scenarios.legal import IRAC, get_legal_task, list_legal_tasks

TASKS = list_legal_tasks()
SEED = list_legal_tasks(seed=True)


def test_there_are_162_tasks_of_2023_and_44_of_the_seed():
    assert (len(TASKS), len(SEED)) == (162, 44)


def test_classes_of_2023_are_those_of_the_paper():
    counts = {"issue": 17, "rule": 5, "conclusion": 12, "interpretation": 118, "rhetorical": 10}
    assert Counter(task.irac for task in TASKS) == counts


def test_tasks_of_application_are_those_of_conclusion():
    assert list_legal_tasks(irac="application") == list_legal_tasks(irac="conclusion")
    assert set(IRAC) == {task.irac for task in TASKS} | {"application"}


def test_licences_are_those_of_the_readmes():
    assert Counter(task.licence for task in TASKS) == {
        "CC-BY-4.0": 126,
        "CC-BY-NC-SA-4.0": 16,
        "CC-BY-NC": 9,
        "CC-BY-NC-4.0": 4,
        "MIT": 4,
        "CC-BY-SA-4.0": 2,
        "CC-BY-NC-3.0": 1,
    }


def test_thirty_tasks_may_not_travel():
    assert sum(not task.is_redistributable for task in TASKS) == 30


def test_measures_are_those_of_the_released_evaluator():
    assert Counter(task.measure for task in TASKS) == {
        "balanced_accuracy": 154,
        "list_f1": 3,
        "contains": 1,
        "stem": 1,
        "manual": 1,
        "within_10_percent": 1,
        "set_f1": 1,
    }


@pytest.mark.parametrize(
    "task", [task for task in TASKS if task.measure == "balanced_accuracy"], ids=lambda t: t.name
)
def test_a_choice_has_labels(task):
    assert len(task.labels) > 1
    assert not task.options or set(task.options) == set(task.labels)


def test_families_have_their_sizes():
    sizes = Counter(task.name.partition("_")[0] for task in TASKS)
    families = {"cuad": 38, "maud": 34, "opp115": 9, "diversity": 6, "ssla": 3, "sara": 2, "textualism": 2}
    assert {name: sizes[name] for name in families} == families


def test_the_seed_has_four_categories_and_4121_test_rows():
    assert Counter(task.category for task in SEED) == {
        "classification": 33,
        "application + conclusion": 9,
        "issue": 1,
        "rule": 1,
    }
    assert sum(task.n_test for task in SEED) == 4121


def test_folders_of_2022_outside_the_44_are_found_and_not_listed():
    assert get_legal_task("governing_law", release="2022-seed").is_seed is False
    assert "governing_law" not in {task.name for task in SEED}


def test_a_task_that_was_dropped_is_in_the_seed_only():
    assert get_legal_task("intra_rule_distinguishing", release="2022-seed").irac == "issue"
    with pytest.raises(UnknownName, match=r'Unknown task of LegalBench "intra_rule_distinguishing"'):
        get_legal_task("intra_rule_distinguishing")


def test_an_unknown_class_lists_those_there_are():
    with pytest.raises(UnknownName, match=r'Unknown class of reasoning "rules"\. Did you mean "rule"'):
        list_legal_tasks(irac="rules")


def test_tasks_can_be_keys():
    assert len({*TASKS, *SEED}) == 206
