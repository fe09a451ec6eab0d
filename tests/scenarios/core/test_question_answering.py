"""Questions about passages and none: NarrativeQA, Natural Questions, QuAC, HellaSwag."""

from __future__ import annotations

import gzip
import random
import re
from collections import Counter

import pytest

from longwave.errors import DataError, MissingFile
from longwave.scenarios import get_scenario


def splits(instances):
    return Counter(instance.split for instance in instances)


def rights(instance):
    return [reference.text for reference in instance.references if reference.is_correct]


def by_id(instances):
    return {instance.id: instance for instance in instances}


# NarrativeQA


def test_narrative_qa_asks_one_question_of_each_document(parse):
    found = parse("narrative_qa")
    assert splits(found) == {"train": 6, "valid": 1, "test": 4}
    assert len({instance.extra["document"] for instance in found}) == len(found)


def test_narrative_qa_shows_the_summary_and_both_answers(parse):
    found = by_id(parse("narrative_qa"))["narrative_qa-test-00001"]
    assert found.input == (
        "Three hunters follow a white fox across the ice.\nOnly one comes home, with an empty bag.\n"
        "Question: How many hunters come home?"
    )
    assert rights(found) == ["one", "only one"]


def test_narrative_qa_ends_every_question_with_one_question_mark(parse):
    questions = [instance.input.rpartition("Question: ")[2] for instance in parse("narrative_qa")]
    assert all(question.count("?") == 1 and question.endswith("?") for question in questions)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("qaps.csv", b",test,", b",tests,", 'line 10: the set is "tests"'),
        ("summaries.csv", b"0000a,test", b"000ff,test", "there is no summary of the document"),
        ("qaps.csv", b"answer2,", b"answer3,", 'the field "answer2" is missing'),
        (
            "summaries.csv",
            b"document_id,set,summary",
            b"document_id,set,text",
            'the field "summary" is missing',
        ),
    ],
    ids=["set", "summary", "answer", "text"],
)
def test_narrative_qa_refuses_damaged_rows(parse, file, old, new, message):
    with pytest.raises(DataError, match=message):
        parse("narrative_qa", file, lambda data: data.replace(old, new))


# Natural Questions

BOTH = ("natural_qa_closedbook", "natural_qa_openbook_longans")


@pytest.mark.parametrize("name", BOTH)
def test_every_other_answered_question_of_a_file_is_an_example(parse, name):
    found = parse(name)
    assert splits(found) == {"train": 10, "valid": 5}
    assert "Does this question have an answer?" not in "".join(instance.input for instance in found)


@pytest.mark.parametrize("name", BOTH)
def test_examples_show_one_answer_and_evaluated_questions_take_all(parse, name):
    found = by_id(parse(name))
    assert rights(found[f"{name}-train-00000"]) == ["The Limmat"]
    assert rights(found[f"{name}-valid-00001"]) == ["copper"]
    assert all(len(rights(row)) == 1 for row in found.values() if row.split == "train")


def test_the_open_book_holds_the_long_answer_as_plain_text(parse):
    first, second, *_ = parse("natural_qa_openbook_longans")
    assert first.input == (
        "Passage: The Limmat flows out of Lake\N{NO-BREAK SPACE}Zürich & joins the Aare.\n\n"
        "Question: What river flows out of lake zurich?"
    )
    assert second.input.endswith("\n\nQuestion: What metal turns green on roofs?")


def test_the_closed_book_holds_the_question_alone(parse):
    assert [row.input for row in parse("natural_qa_closedbook")[:2]] == [
        "What river flows out of lake zurich?",
        "What metal turns green on roofs?",
    ]


def test_answers_are_drawn_alike_with_and_without_a_passage(parse):
    closed, opened = (parse(name) for name in BOTH)
    assert [rights(row) for row in closed] == [rights(row) for row in opened]


def test_bundled_questions_are_written_like_official_ones():
    found = get_scenario("natural_qa_closedbook").load()
    assert splits(found) == {"train": 100, "valid": 400}
    assert all(row.input == row.input.capitalize() and row.input.endswith("?") for row in found)
    assert not any(row.input.endswith("??") for row in found)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (rb'"end_byte": \d+', b'"end_byte": 99999', "are not within the"),
        (rb'"start_byte": \d+', b'"start_byte": 21', "cut a character apart"),
        (rb'"question_text"', b'"question"', 'the field "question_text" is missing'),
        (rb'"short_answers": \[', b'"short_answers": [7, ', '"short_answers" holds int'),
    ],
    ids=["outside", "inside-a-character", "question", "answers"],
)
def test_natural_questions_refuse_damaged_rows(parse, old, new, message):
    def damage(data):
        return gzip.compress(re.sub(old, new, gzip.decompress(data)))

    with pytest.raises(DataError, match=message) as caught:
        parse("natural_qa_closedbook", "nq-dev-00.jsonl.gz", damage)
    assert 'nq-dev-00.jsonl.gz", line 1' in str(caught.value)


# QuAC


def test_quac_asks_at_a_drawn_turn_after_the_earlier_ones(parse):
    found = by_id(parse("quac"))
    assert splits(found.values()) == {"train": 6, "valid": 3}
    old_mill = found["quac-train-00001"]
    assert old_mill.input == (
        "Title: Old Mill\n\nBackground: The Old Mill stands by a river.\n\nSection: History\n"
        "Passage: It was built in 1803 and burned in 1870. The owners rebuilt it in stone.\n\n"
        "Question: When was it built?\nAnswer: in 1803\n\nQuestion: Was it rebuilt?"
    )
    assert rights(old_mill) == ["The owners rebuilt it in stone."]


def test_quac_draws_the_turns_of_the_published_code(parse):
    rng = random.Random(0)
    turns = [4, 3, 4, 3, 3, 3, 4, 3, 3]
    assert [row.extra["turn"] for row in parse("quac")] == [rng.randint(3, n) - 1 for n in turns]


def test_quac_takes_other_words_for_no_answer(parse):
    found = by_id(parse("quac"))["quac-valid-00001"]
    assert rights(found) == ["CANNOTANSWER", "Not enough information", "Cannot answer", "Do not know"]


def test_quac_takes_the_answers_of_all_annotators(parse):
    assert rights(by_id(parse("quac"))["quac-valid-00002"]) == ["in 1984", "1984"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'{"data"', b'{"rows"', 'the field "data" is missing'),
        (b'"paragraphs": [', b'"paragraphs": [], "other": [', "data\\[0\\]: there is no paragraph"),
        (b'"qas": [', b'"qas": [], "other": [', "the dialogue has 0 turns; it must have 3 or more"),
        (b'"orig_answer"', b'"answer"', 'the field "orig_answer" is missing'),
    ],
    ids=["data", "paragraphs", "turns", "answers"],
)
def test_quac_refuses_damaged_rows(parse, old, new, message):
    with pytest.raises(DataError, match=message):
        parse("quac", "val_v0.2.json", lambda data: data.replace(old, new))


def test_quac_refuses_a_file_that_is_a_list(parse):
    with pytest.raises(DataError, match='the field "data" is missing'):
        parse("quac", "val_v0.2.json", lambda _: b"[]")


# HellaSwag


def test_hellaswag_joins_activity_and_both_halves(parse):
    first, _, third, _ = parse("hellaswag")
    assert first.input == "Roof shingle removal: A man is sitting on a roof. He"
    assert rights(first) == ["starts pulling up roofing on a roof."]
    assert third.input.endswith("holes in the bottom. ")
    assert [row.group for row in parse("hellaswag")] == ["activitynet"] * 2 + ["wikihow"] * 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"label": 3', b'"label": 4', 'line 1: "label" is 4; accepted are 0 to 3'),
        (b'"label": 3', b'"label": ""', '"label" is ""; it must be a whole number'),
        (b', "starts pulling up roofing on a roof."]', b"]", "there are 3 endings; there must be 4"),
    ],
    ids=["label", "hidden", "endings"],
)
def test_hellaswag_refuses_damaged_rows(parse, old, new, message):
    with pytest.raises(DataError, match=message):
        parse("hellaswag", "hellaswag_val.jsonl", lambda data: data.replace(old, new))


@pytest.mark.parametrize("name", ["narrative_qa", *BOTH, "quac", "hellaswag"])
def test_a_missing_file_is_named(name, tmp_path):
    with pytest.raises(MissingFile, match="There is no file"):
        get_scenario(name).official.parse(tmp_path)
