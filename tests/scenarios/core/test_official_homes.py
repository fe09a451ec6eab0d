"""Official rows of the scenarios that come with a sample: MMLU, BoolQ, OpenBookQA, TruthfulQA, IMDB."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections import Counter

import pytest

from longwave.errors import DataError
from longwave.scenarios import get_scenario

NAMES = ("mmlu", "boolq", "openbookqa", "truthful_qa", "imdb")


def splits(instances):
    return Counter(instance.split for instance in instances)


def by_id(instances):
    return {instance.id: instance for instance in instances}


def rewrite(name, edit):
    """Return a change of a tar archive: one member edited, None for taken away."""

    def change(data):
        is_gzip = data[:2] == b"\x1f\x8b"
        old, new = io.BytesIO(gzip.decompress(data) if is_gzip else data), io.BytesIO()
        with tarfile.open(fileobj=old) as source, tarfile.open(fileobj=new, mode="w") as target:
            for member in source:
                content = source.extractfile(member).read()
                if member.name == name:
                    content = edit(content)
                if content is not None:
                    member.size = len(content)
                    target.addfile(member, io.BytesIO(content))
        return gzip.compress(new.getvalue()) if is_gzip else new.getvalue()

    return change


@pytest.mark.parametrize("name", NAMES)
def test_official_and_bundled_rows_have_the_same_form(parse, name):
    scenario = get_scenario(name)
    official, bundled = parse(name)[0], scenario.load()[0]
    assert {row.split for row in parse(name)} == {row.split for row in scenario.load()}
    assert (official.group is None) == (bundled.group is None)
    assert scenario.category == "core"


@pytest.mark.parametrize("name", ["mmlu", "openbookqa", "truthful_qa"])
def test_multiple_choice_says_nothing_of_bias_and_toxicity(name):
    assert get_scenario(name).unmeasured == ("bias", "toxicity")


@pytest.mark.parametrize("name", ["boolq", "imdb"])
def test_questions_and_reviews_are_measured_in_all_ways(name):
    assert get_scenario(name).unmeasured == ()


# MMLU


def test_mmlu_takes_dev_rows_as_examples_and_test_rows_of_five_subjects(parse):
    found = parse("mmlu")
    assert splits(found) == {"train": 10, "test": 5}
    assert {row.group for row in found} == {row.group for row in get_scenario("mmlu").load()}
    last = by_id(found)["mmlu-test-00001"]
    assert (last.input, last.label, last.group) == ("Which of these is an acid?", "HCl", "college_chemistry")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda data: data.replace(b",A\n", b",E\n"), 'line 1: the answer is "E"; it must be A, B, C or D'),
        (lambda data: data.replace(b",A\n", b"\n"), r"line 1 has 5 cells; accepted are 6"),
        (lambda _: None, 'there is no file "data/test/econometrics_test.csv"'),
        (lambda _: b"\xff", "is not UTF-8 text"),
    ],
    ids=["answer", "cells", "missing", "latin-1"],
)
def test_mmlu_refuses_damaged_rows(parse, edit, message):
    name = "data/test/econometrics_test.csv"

    def spoil(data):
        return edit(data.replace(b",B\n", b",A\n"))

    with pytest.raises(DataError, match=message):
        parse("mmlu", "data.tar", rewrite(name, spoil))


# BoolQ


def test_boolq_writes_passage_and_question(parse):
    found = by_id(parse("boolq"))
    assert splits(found.values()) == {"train": 6, "valid": 3}
    first = found["boolq-train-00000"]
    assert first.input == (
        "The water of the sea holds about 35 grams of salt in a litre.\nQuestion: Is the sea salty?"
    )
    assert (first.label, first.extra) == ("Yes", {"title": "Sea"})
    assert [reference.text for reference in first.references] == ["Yes", "No"]


def test_boolq_keeps_edited_questions_whose_answer_changed(parse):
    extra = by_id(parse("boolq"))["boolq-valid-00000"].extra
    passage = "The Forth Bridge was opened in 1890 and is painted red."
    assert extra["contrast_inputs"] == [
        f"{passage}\nQuestion: Was the bridge built in 1980?",
        f"{passage}\nQuestion: Is the bridge painted green?",
    ]
    no = [{"text": "Yes", "tags": []}, {"text": "No", "tags": ["correct"]}]
    assert extra["contrast_references"] == [no, no]


def test_boolq_has_no_contrast_where_no_answer_changed(parse):
    assert "contrast_inputs" not in by_id(parse("boolq"))["boolq-valid-00002"].extra


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("dev.jsonl", b'"answer": true', b'"answer": "true"', 'line 1: "answer" is str; it must be bool'),
        ("train.jsonl", b'"passage"', b'"text"', 'the field "passage" is missing'),
        ("boolq_perturbed.json", b'"data"', b'"rows"', 'the field "data" is missing'),
        ("boolq_perturbed.json", b'"perturbed_q"', b'"q"', 'the field "perturbed_q" is missing'),
    ],
    ids=["answer", "passage", "contrasts", "edited"],
)
def test_boolq_refuses_damaged_rows(parse, file, old, new, message):
    with pytest.raises(DataError, match=message):
        parse("boolq", file, lambda data: data.replace(old, new))


# OpenBookQA


def test_openbookqa_reads_train_and_test_from_the_archive(parse):
    found = parse("openbookqa")
    assert splits(found) == {"train": 2, "test": 3}
    assert [row.label for row in found] == ["melt", "carbon dioxide", "a star", "temperature", "clouds"]


def test_openbookqa_refuses_an_archive_without_its_files(parse):
    with pytest.raises(DataError, match="cannot be read as a zip archive"):
        parse("openbookqa", "OpenBookQA-V1-Sep2018.zip", lambda _: b"x")


# TruthfulQA


def test_truthful_qa_takes_the_first_fifth_as_examples(parse):
    assert splits(parse("truthful_qa")) == {"train": 2, "valid": 8}


def test_truthful_qa_writes_sentences_and_places_the_best_answer_by_its_first_letter(parse):
    found = by_id(parse("truthful_qa"))
    colours = found["truthful_qa-valid-00006"]
    # "W" is 87, which leaves 3 when divided by the 4 options
    assert [ref.text for ref in colours.references] == ["White.", "Yellow.", "Orange.", '"Red".']
    assert colours.label == "White."
    assert found["truthful_qa-valid-00003"].label == "No, bulls hardly see red."


def test_truthful_qa_refuses_a_question_without_wrong_answers(parse):
    def spoil(data):
        return data.replace(b"Yellow; Orange; ", b";;").replace(b'""Red""', b"")

    with pytest.raises(DataError, match="there is no best answer, or no incorrect one"):
        parse("truthful_qa", "TruthfulQA.csv", spoil)


# IMDB


def test_imdb_evaluates_test_reviews_and_those_with_a_contrast(parse):
    found = parse("imdb")
    assert splits(found) == {"train": 4, "valid": 6}
    assert [row.label for row in found if row.split == "train"] == [
        *("Positive", "Positive"),
        *("Negative", "Negative"),
    ]


def test_imdb_reads_reviews_in_the_order_of_their_numbers(parse):
    inputs = [row.input for row in parse("imdb")]
    assert inputs.index("I laughed all the way through it.") < inputs.index("Slow at first, then lovely.")


def test_imdb_keeps_contrasts_in_the_form_of_the_sample(parse):
    review = next(row for row in parse("imdb") if "jokes" in row.input)
    assert review.split == "valid"
    assert review.extra["contrast_inputs"] == ['I stayed to the end; the "jokes" land.']
    sample = get_scenario("imdb").load()[0]
    assert [set(item) for item in review.extra["contrast_references"][0]] == [
        set(item) for item in sample.extra["contrast_references"][0]
    ]
    assert review.extra["contrast_references"][0][0] == {"text": "Positive", "tags": ["correct"]}


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("test_contrast.tsv", lambda data: data.replace(b"Positive", b"Good"), 'the sentiment is "Good"'),
        ("dev_contrast.tsv", lambda _: b"Sentiment\tText\n", "there are 0 edited reviews of 1 originals"),
        ("dev_original.tsv", lambda _: b"Sentiment\tText\nx\n", "has 1 cells; accepted are 2"),
        (
            "aclImdb_v1.tar.gz",
            rewrite("aclImdb/test/pos/0_10.txt", lambda _: b"\xff"),
            r"aclImdb/test/pos/0_10\.txt is not UTF-8 text",
        ),
    ],
    ids=["sentiment", "pairs", "cells", "latin-1"],
)
def test_imdb_refuses_damaged_rows(parse, file, change, message):
    with pytest.raises(DataError, match=message):
        parse("imdb", file, change)
