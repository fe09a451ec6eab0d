"""Scores of LegalBench tasks and classes, from tables written by hand and from an evaluation."""

from __future__ import annotations

import polars as pl
import pytest

from longwave.errors import DataError, UnknownName
from longwave.evaluation import evaluate, get_suite, summarize_irac, summarize_legal_tasks
from longwave.predictions import SCHEMA
from longwave.scenarios import get_family, get_scenario


def table_of(*answers, model="m", **columns):
    """Make rows from (scenario, prediction, label)."""
    names = ("scenario", "prediction", "label")
    filled = {name: [row[place] for row in answers] for place, name in enumerate(names)}
    filled |= {"instance": [str(place) for place in range(len(answers))], "model": [model] * len(answers)}
    filled |= {"version": ["1"] * len(answers), "trial": [0] * len(answers), **columns}
    full = {name: filled.get(name, [None] * len(answers)) for name in SCHEMA}
    return pl.DataFrame(full, schema_overrides=SCHEMA)


HEARSAY = [
    ("legalbench/hearsay@1", text, label)
    for text, label in [("Yes", "Yes"), ("No", "Yes"), ("no.", "No"), ("Yes", "Yes")]
]
DIVERSITY = [("legalbench/diversity_1@1", "Yes, so", "Yes"), ("legalbench/diversity_1@1", "No", "No")]


def test_a_class_is_the_mean_of_its_tasks():
    found = summarize_irac(table_of(*HEARSAY, *DIVERSITY)).row(0, named=True)
    assert found["value"] == pytest.approx(((2 / 3 + 1) / 2 + 1 / 2) / 2)
    assert (found["irac"], found["n_tasks"], found["n"], found["majority"]) == ("conclusion", 2, 6, 0.5)
    assert found["low"] <= found["value"] <= found["high"]
    assert found["outside"] == 0.25


def test_lenient_mode_reads_the_first_label():
    found = summarize_legal_tasks(table_of(*HEARSAY, *DIVERSITY), mode="lenient")
    assert dict(zip(found["task"], found["value"], strict=True)) == {
        "diversity_1": 1,
        "hearsay": pytest.approx((2 / 3 + 1) / 2),
    }


@pytest.mark.parametrize(
    ("task", "rows", "value", "majority"),
    [
        pytest.param("ssla_plaintiff", [("Ann,Eve", "Ann"), ("", "Bob")], 2 / 4, 2 / 4, id="list-f1"),
        pytest.param("successor_liability", [("de facto merger", "de facto merger")] * 2, 1, 1, id="set-f1"),
        pytest.param("sara_numeric", [("$10.20", "$10"), ("none", "$500")], 1 / 2, 1 / 2, id="amounts"),
        pytest.param("definition_extraction", [("lands", "land"), ("x", "banking")], 1 / 2, 1 / 2, id="stem"),
        pytest.param("citation_prediction_open", [("See Roe v. Wade.", "Roe v. Wade")], 1, 1, id="contains"),
        pytest.param("scalr", [("1", "1"), ("2", "1"), ("0", "0")], 3 / 4, 1 / 2, id="choice"),
    ],
)
def test_every_measure_has_a_value_and_a_majority(task, rows, value, majority):
    found = summarize_legal_tasks(table_of(*[(f"legalbench/{task}@1", *row) for row in rows])).row(
        0, named=True
    )
    assert (found["value"], found["majority"]) == (pytest.approx(value), pytest.approx(majority))
    assert (found["task"], found["n"]) == (task, len(rows))


def test_suites_variants_and_models_stand_apart():
    rows = [("legalbench/hearsay@1", "Yes", "Yes"), ("legalbench/hearsay:claude_prompt@1", "No", "Yes")]
    rows += [("legalbench-seed/hearsay@1", "No", "No")]
    found = summarize_irac(pl.concat([table_of(*rows), table_of(*rows, model="n")]))
    keys = [("legalbench", "base_prompt"), ("legalbench", "claude_prompt"), ("legalbench-seed", "base")]
    assert found.select("suite", "variant", "model").rows() == [
        (*key, model) for key in keys for model in "mn"
    ]


def test_guided_answers_are_always_read_to_their_label():
    rows = [("legalbench-seed/hearsay:guided@1", "He spoke in court. So the answer is no.", "No")]
    assert summarize_irac(table_of(*rows))["value"].item() == 1


def test_classes_stand_in_the_order_of_the_scheme():
    names = ("scalr", "proa", "hearsay", "corporate_lobbying")
    found = summarize_irac(table_of(*[(f"legalbench/{name}@1", "x", "y") for name in names]))
    assert found["irac"].to_list() == ["issue", "conclusion", "interpretation", "rhetorical"]


def test_floors_failures_edits_and_other_scenarios_are_left_out():
    rows = [("legalbench/hearsay@1", "Yes", "Yes")] * 3 + [("boolq@1", "No", "Yes")]
    frame = table_of(*rows, error=[None, "down", None, None], perturbation=[None, None, "typos", None])
    found = summarize_irac(pl.concat([frame, table_of(*rows, model="floor:majority")]))
    assert (found["n"].to_list(), found["model"].to_list()) == ([1], ["m"])
    assert found["stderr"].item() is None


def asked_by(prompt, *answers, perturbation=None, scenario="legalbench/hearsay@1"):
    """Make rows of one prompt from pairs of prediction and label."""
    n = len(answers)
    named = {"prompt": [prompt] * n, "perturbation": [perturbation] * n, "date": ["2026-01-01"] * n}
    return table_of(*[(scenario, *answer) for answer in answers], **named)


def test_prompts_stand_apart_in_their_order():
    prompts = ("label-model", "majority", "ama-10", "ama-2", "generation-5-shot")
    frame = pl.concat([asked_by(prompt, ("Yes", "Yes"), ("No", "No")) for prompt in prompts])
    order = ["own", "ama-2", "ama-10", "majority", "label-model"]
    assert summarize_irac(frame)["prompt"].to_list() == order
    assert summarize_legal_tasks(frame)["prompt"].to_list() == order
    assert set(summarize_irac(frame)["n"]) == {2}


def test_own_prompts_with_other_examples_are_one():
    frame = pl.concat(
        [
            asked_by("generation-5-shot", ("Yes", "Yes")),
            asked_by("generation-4-shot", ("No", "Yes"), scenario="legalbench/diversity_1@1"),
        ]
    )
    assert summarize_irac(frame).select("prompt", "n_tasks", "value").rows() == [("own", 2, 0.5)]


def test_the_worst_answer_to_an_instance_counts():
    original = asked_by("ama-1", ("Yes", "Yes"), ("Yes", "Yes"), ("No", "No"), ("Yes", "No"))
    typos = asked_by("ama-1", ("Yes", "Yes"), ("No", "Yes"), perturbation="typos")
    case = asked_by("ama-1", ("Yes", "Yes"), ("Yes", "Yes"), ("No", "No"), perturbation="lowercase")
    found = summarize_irac(pl.concat([original, typos, case])).row(0, named=True)
    assert found["value"] == (1 + 1 / 2) / 2
    assert found["worst"] == (1 / 2 + 1 / 2) / 2
    assert found["n"] == 4


def test_the_worst_case_of_lists_takes_the_worst_lists():
    task = "legalbench/ssla_plaintiff@1"
    original = asked_by("own", ("Ann,Bob", "Ann,Bob"), ("Eve", "Eve"), scenario=task)
    typos = asked_by("own", ("Ann", "Ann,Bob"), ("Eve", "Eve"), perturbation="typos", scenario=task)
    assert summarize_irac(pl.concat([original, typos]))["worst"].item() == pytest.approx(2 * 2 / (2 * 2 + 1))


def test_edits_that_change_the_answer_have_no_part_in_the_worst_case():
    original = asked_by("own", ("Yes", "Yes"), ("No", "No"))
    changed = asked_by("own", ("Yes", "No"), perturbation="contrast-sets")
    assert summarize_irac(pl.concat([original, changed]))["worst"].item() is None


def test_a_class_has_a_worst_case_if_each_task_has_one():
    pair = asked_by("own", ("Yes", "Yes")), asked_by("own", ("No", "Yes"), perturbation="typos")
    other = asked_by("own", ("Yes", "Yes"), scenario="legalbench/diversity_1@1")
    assert summarize_legal_tasks(pl.concat([*pair, other]))["worst"].to_list() == [None, 0]
    assert summarize_irac(pl.concat([*pair, other]))["worst"].item() is None


def test_tasks_are_chosen_by_their_labels():
    frame = table_of(*HEARSAY, ("legalbench/abercrombie@1", "generic", "generic"))
    assert summarize_legal_tasks(frame, labels=("No", "Yes"))["task"].to_list() == ["hearsay"]
    with pytest.raises(DataError, match="tasks of LegalBench with the labels A, B that can be scored"):
        summarize_irac(frame, labels=("B", "A"))


def test_equal_sizes_are_drawn_apart():
    rows = [(f"legalbench/diversity_{n}@1", "Yes", label) for n in (1, 2) for label in ("Yes", "No") * 20]
    tasks = summarize_legal_tasks(table_of(*rows))
    one, both = tasks["stderr"][0], summarize_irac(table_of(*rows))["stderr"].item()
    assert both < 0.9 * one or one == 0
    assert summarize_irac(table_of(*rows)).equals(summarize_irac(table_of(*rows)))


@pytest.mark.parametrize(
    "rows",
    [
        [("boolq@1", "Yes", "Yes")],
        [("legalbench/rule_qa@1", "x", "y")],
        [("legalbench/proa:application_prompt@1", "x", "y")],
    ],
    ids=["other", "manual", "application"],
)
def test_nothing_to_score_is_told(rows):
    with pytest.raises(DataError, match="no answers to tasks of LegalBench that can be scored"):
        summarize_irac(table_of(*rows))


def test_an_unknown_mode_is_refused():
    with pytest.raises(UnknownName, match='Unknown mode of scoring "compat"'):
        summarize_irac(table_of(*HEARSAY), mode="compat")


def test_suites_hold_every_task_whose_rows_are_bundled():
    members = get_family("legalbench").members()
    assert list(get_suite("legalbench").scenarios) == [
        name for name in members if get_scenario(name).is_offline
    ]
    assert list(get_suite("legalbench-seed").scenarios) == list(get_family("legalbench-seed").members())


def test_an_evaluation_of_the_rule_is_reported(tmp_path):
    evaluate(model="rule:diversity", scenarios=["legalbench/diversity_2"], max_instances=20, out=tmp_path)
    found = summarize_irac(tmp_path).row(0, named=True)
    assert (found["value"], found["outside"], found["n"]) == (1, 0, 20)
