from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import DataError, UnknownName
from longwave.scenarios.legal import (
    fill_template,
    fill_templates,
    list_legal_tasks,
    list_templates,
    load_legal_rows,
    read_template,
)
from longwave.scenarios.legal.templates import (
    build_seed_template,
    read_explanations,
    slots_of,
    split_template,
)

EVERY = [(task.name, name) for task in list_legal_tasks() for name in list_templates(task.name)]
plain = st.text(st.characters(exclude_characters="{}"))


def test_every_task_that_may_travel_has_its_base_prompt_and_claudes():
    own = [task.name for task in list_legal_tasks() if task.is_redistributable]
    assert [name for name in own if not {"base_prompt", "claude_prompt"} <= set(list_templates(name))] == []
    assert len(EVERY) == 379


def test_templates_taken_apart_and_joined_are_the_same_bytes():
    for name, variant in EVERY:
        text = read_template(name, variant)
        parts = split_template(text)
        assert parts.before + parts.prefix + parts.query + parts.suffix + parts.cue == text
        assert parts.cue == parts.cue.rstrip()
        assert not parts.before or parts.before.endswith("\n")


@given(before=plain, after=plain, values=st.lists(st.text(), min_size=1, max_size=3))
def test_filling_replaces_slots_and_nothing_else(before, after, values):
    slots = "".join(f"{{{{c{n}}}}}" for n in range(len(values)))
    filled = fill_template(before + slots + after, {f"c{n}": value for n, value in enumerate(values)})
    assert filled == before + "".join(values) + after


def test_a_value_that_holds_a_slot_is_not_filled_again():
    assert fill_template("{{a}} {{b}}", {"a": "{{b}}", "b": "x"}) == "{{b}} x"


def test_slots_are_listed_once_in_order():
    assert slots_of(read_template("scalr")) == ["question", *(f"choice_{n}" for n in range(5))]


@pytest.mark.parametrize(
    "take", [split_template, lambda text: fill_template(text, {"text": "x"})], ids=["split", "fill"]
)
def test_a_template_without_a_slot_is_refused(take):
    with pytest.raises(DataError, match=r"has no slot.*Write for example \{\{text\}\}"):
        take("Is it hearsay?")


def test_a_column_that_the_row_lacks_is_named():
    with pytest.raises(DataError, match=r'shows the column "claim", but the row has: text\. Rename the slot'):
        fill_template("{{claim}}", {"text": "x"})


def test_two_rows_may_not_give_the_same_prompt():
    rows = [{"text": "a"}, {"text": "b"}, {"text": "a"}]
    assert fill_templates("{{text}}?", rows[:2]) == ["a?", "b?"]
    with pytest.raises(DataError, match=r"The rows 0 and 2 give the same prompt"):
        fill_templates("{{text}}?", rows)


def test_blanks_at_the_end_of_a_template_stay():
    parts = split_template("{{text}}\nA: ")
    assert (parts.suffix, parts.cue) == ("\nA: ", "")


def test_a_template_whose_file_shows_no_column_is_not_listed():
    assert "rule_reference_prompt" not in list_templates("telemarketing_sales_rule")


def test_an_unknown_template_lists_those_of_the_task():
    with pytest.raises(UnknownName, match=r'Unknown template of "hearsay" "base"\. .*base_prompt'):
        read_template("hearsay", "base")


def test_a_noncommercial_task_has_no_template():
    assert list_templates("learned_hands_benefits") == []


@pytest.mark.parametrize("task", ["abercrombie", "hearsay", "proa"])
def test_the_seed_prompt_is_that_of_2023_where_the_demonstrations_are_the_same(task):
    train = load_legal_rows(task, release="2022-seed", split="train")
    assert build_seed_template(task, train) == read_template(task)


def test_a_guided_prompt_shows_explanations_for_labels():
    train = load_legal_rows("abercrombie", release="2022-seed", split="train")
    text = build_seed_template("abercrombie", train, "guided")
    assert "What is the type of mark?\nA: The product is elephant tusks." in text
    assert text.endswith("Q: {{text}} What is the type of mark?\nA:")


def test_diversity_6_explains_at_three_levels():
    train = load_legal_rows("diversity_6", release="2022-seed", split="train")
    levels = [
        build_seed_template("diversity_6", train, f"guided-{level}") for level in ("low", "medium", "high")
    ]
    assert len(set(levels)) == 3
    assert build_seed_template("diversity_6", train, "guided") == levels[0]


def test_a_prompt_without_introduction_begins_with_the_question():
    assert build_seed_template("rule_qa", []) == "Q: {{text}}\nA:"


def test_explanations_that_are_fewer_than_the_train_rows_are_refused():
    train = load_legal_rows("diversity_5", release="2022-seed", split="train")
    with pytest.raises(DataError, match=r'"diversity_5" of 2022 has 3 explanations for 4 train rows'):
        build_seed_template("diversity_5", train, "guided")


def test_explanations_that_do_not_exist_are_refused():
    with pytest.raises(DataError, match=r'"rule_qa" of 2022 has no explanations "x\.txt"'):
        read_explanations("rule_qa", "x.txt")
