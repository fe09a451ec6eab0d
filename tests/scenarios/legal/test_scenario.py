from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from longwave.clients import FakeClient
from longwave.errors import UnknownName
from longwave.metrics import get_metric
from longwave.prompting import Case, get_method
from longwave.prompting.formats import build_generation_prompt
from longwave.scenarios import get_family, get_scenario
from longwave.scenarios.legal import (
    fill_template,
    find_legal_task,
    get_legal_task,
    has_bundled_test_rows,
    legal_template,
    list_legal_tasks,
    list_templates,
    load_legal_rows,
)
from longwave.scenarios.legal.instances import make_instance
from longwave.scenarios.legal.rows import LegalRow
from longwave.scenarios.legal.templates import split_template

_golden = Path(__file__).parents[2] / "golden" / "remake_legal_prompts.py"
_spec = importlib.util.spec_from_file_location("remake_legal_prompts", _golden)
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)

MEMBERS = [name for family in ("legalbench", "legalbench-seed") for name in get_family(family).members()]
OFFLINE = [name for name in MEMBERS if get_scenario(name).is_offline]
ROWS = {row.id: row for row in load_legal_rows()}


@pytest.mark.parametrize("name", golden.TASKS)
def test_prompt_is_the_golden_one_byte_for_byte(name):
    scenario = get_scenario(f"legalbench/{name}@1")
    task, variant = find_legal_task(scenario.key)
    values = golden.last_row(task.name, golden.TASKS[name][0])
    row = LegalRow(id="0", task=task.name, split="test", release="2023", inputs=values, answer="Yes")
    asked = make_instance(task, split_template(legal_template(task, variant)).query, row)
    prepared = get_method("generation").prepare(
        Case(prompt=scenario.prompt, instance=asked), FakeClient(lambda _: None)
    )
    wanted = (golden.FOLDER / golden.file_name(name)).read_bytes()
    assert prepared.requests[0].prompt.encode() == wanted
    assert golden.render(name).encode() == wanted


def test_every_task_has_an_offline_scenario_or_an_official_home():
    homes = [get_scenario(name) for name in MEMBERS]
    assert len(homes) == 206
    assert [each.key for each in homes] == MEMBERS
    assert all(each.is_offline or each.official for each in homes)
    assert len(OFFLINE) == 51 + 44


@pytest.mark.parametrize("name", OFFLINE)
def test_every_prompt_is_the_filled_template_and_no_question_is_asked_twice(name):
    scenario = get_scenario(name)
    task, _ = find_legal_task(name)
    template, asked = legal_template(task), scenario.load()
    prompts = [build_generation_prompt(scenario.prompt, instance, []) for instance in asked]
    assert prompts == [fill_template(template, ROWS[instance.id].inputs) for instance in asked]
    if name.startswith("legalbench/"):
        assert len(set(prompts)) == len(prompts)
        line = scenario.prompt.input_prefix
        assert not any(
            line + each.input + scenario.prompt.input_suffix in scenario.prompt.instructions for each in asked
        )


@pytest.mark.parametrize("name", OFFLINE)
def test_every_instance_has_a_right_answer_of_its_task(name):
    task, _ = find_legal_task(name)
    labels = set(task.labels)
    for instance in get_scenario(name).load():
        assert instance.split == "test"
        assert instance.label == ROWS[instance.id].answer
        if task.measure == "balanced_accuracy":
            assert [reference.text for reference in instance.references] == list(task.labels)
            assert instance.label in labels


def test_loading_twice_gives_the_same_instances():
    scenario = get_scenario("legalbench/cuad_price_restrictions")
    assert scenario.load() == scenario.load()
    assert len(scenario.load()) == 24  # of 46 rows 19 repeat another and 3 are demonstrations


def test_the_seed_is_asked_as_it_was_published():
    counts = [len(get_scenario(name).load()) for name in get_family("legalbench-seed").members()]
    assert sum(counts) == 4121


@pytest.mark.parametrize("task", list_legal_tasks(), ids=lambda task: task.name)
def test_every_variant_opens_under_its_own_name(task):
    for variant in list_templates(task.name):
        scenario = get_scenario(f"legalbench/{task.name}:{variant}")
        assert find_legal_task(scenario.key) == (task, variant)
        assert get_metric(scenario.main_metric).name == scenario.main_metric


def test_examples_of_a_template_are_counted_in_the_prompts_name():
    shown = {
        name: get_scenario(name).prompt.max_train_instances
        for name in ("legalbench/hearsay", "legalbench/rule_qa")
    }
    assert shown == {"legalbench/hearsay": 5, "legalbench/rule_qa": 0}
    assert get_scenario("legalbench/hearsay:rule_reference_prompt").prompt.max_train_instances == 0


def test_application_is_judged_by_hand():
    scenario = get_scenario("legalbench/hearsay:application_prompt")
    assert scenario.main_metric == "legal_manual"
    assert scenario.task == "legal reasoning: application"
    assert "accuracy" in scenario.unmeasured


def test_guided_answers_are_read_to_their_end():
    scenario = get_scenario("legalbench-seed/hearsay:guided")
    assert scenario.main_metric == "legal_lenient_match"
    assert scenario.metrics == ("legal_exact_match", "legal_outside_labels")
    assert scenario.prompt.max_tokens > 100


def test_slices_are_groups_and_truths_are_kept():
    seed = get_scenario("legalbench-seed/hearsay").load()[0]
    later = get_scenario("legalbench/diversity_1").load()[0]
    assert seed.group
    assert later.extra["aic_is_met"] in ("True", "False")


def test_the_five_tasks_of_helm_lite_are_there():
    names = (
        "abercrombie",
        "corporate_lobbying",
        "international_citizenship_questions",
        "function_of_decision_section",
        "proa",
    )
    assert [has_bundled_test_rows(get_legal_task(name)) for name in names] == [True, True, False, False, True]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("legalbench/hearsy", 'Unknown task of LegalBench "hearsy"', id="task"),
        pytest.param("legalbench/hearsay@2", r'Unknown version of "legalbench/hearsay" "2"', id="version"),
        pytest.param("legalbench/hearsay:best", 'Unknown template of "hearsay" "best"', id="variant"),
        pytest.param("legalbench/learned_hands_crime:icl_0", "Unknown template of", id="not-fetched"),
    ],
)
def test_what_is_not_there_is_refused(name, message):
    with pytest.raises(UnknownName, match=message):
        get_scenario(name)


@pytest.mark.parametrize("name", ["boolq@1", "legalbench/nothing@1", "other/hearsay@1"])
def test_what_is_no_scenario_of_legalbench_has_no_task(name):
    assert find_legal_task(name) is None
