from __future__ import annotations

import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import DataError, UnknownName
from longwave.monitoring.hapi.labels import (
    canonical_dataset,
    check_name,
    confidence_kind,
    hapi_date,
    iso_date,
    label_space,
    list_tasks,
    status_of_release,
)


@pytest.mark.parametrize(
    ("task", "dataset", "code", "name"),
    [
        ("fer", "expw", 0, "anger"),
        ("fer", "rafdb", 6, "natural"),
        ("sa", "shop", 1, "negative"),
        ("scr", "digit", 9, "9"),
        ("scr", "command", 10, "bed"),
        ("scr", "command", 29, "yes"),
        ("scr", "fluent", 12, "12"),
    ],
)
def test_codes_have_the_names_of_the_release(task, dataset, code, name):
    assert label_space(task, dataset).name(code) == name


@pytest.mark.parametrize(
    ("dataset", "code", "is_class_too"),
    [("amnist", 10, False), ("digit", 10, False), ("command", 30, True), ("fluent", 30, True)],
)
def test_no_answer_of_a_spoken_command_is_the_class_after_the_last(dataset, code, is_class_too):
    space = label_space("scr", dataset)
    assert (space.no_answer, space.n_classes, space.is_class_too) == (code, code + 1, is_class_too)


def test_no_answer_of_tags_is_no_label_and_of_language_models_is_none():
    assert label_space("mic", "pascal").no_answer is None
    assert label_space("llm", "prime").no_answer == "none"


def test_kinds_follow_the_task():
    kinds = {task: label_space(task, "any").kind for task in list_tasks()}
    assert kinds == {
        **dict.fromkeys(("fer", "sa", "scr"), "class"),
        **dict.fromkeys(("mic", "str", "ner"), "tags"),
        "llm": "text",
    }


def test_dataset_that_is_not_known_has_an_open_space():
    assert label_space("sa", "tickets").n_classes is None


def test_pascal_has_twenty_tags():
    assert len(label_space("mic", "pascal").names) == 20


def test_code_without_a_class_is_refused():
    with pytest.raises(DataError, match="no class 7; the codes are 0 to 6"):
        label_space("fer", "expw").name(7)


def test_unknown_task_is_told_with_the_known():
    with pytest.raises(UnknownName, match='Unknown task "srt"'):
        label_space("srt", "mtwi")


@pytest.mark.parametrize("name", ["cmd", "CMD", "Command", "command"])
def test_command_has_two_names(name):
    assert canonical_dataset(name) == "command"


@pytest.mark.parametrize(
    ("api", "kind"),
    [
        ("google_sa", "magnitude"),
        ("google_fer", "levels"),
        ("vader_lib_sa", "magnitude"),
        ("baidu_sa", "probability"),
        ("amazon_sa", "probability"),
        ("google_scr", "score"),
        ("openai_gpt-4", "none"),
    ],
)
def test_confidences_are_not_all_probabilities(api, kind):
    assert confidence_kind(api) == kind


@settings(max_examples=30)
@given(day=st.dates(datetime.date(2000, 1, 1), datetime.date(2099, 12, 31)))
def test_days_survive_both_ways(day):
    assert iso_date(hapi_date(day)) == day.isoformat()


@settings(max_examples=30)
@given(days=st.lists(st.dates(datetime.date(2000, 1, 1), datetime.date(2099, 12, 31))))
def test_days_sort_as_texts(days):
    assert [hapi_date(day) for day in sorted(days)] == sorted(hapi_date(day) for day in days)


@pytest.mark.parametrize("text", ["2020-3-29", "20-13-01", "20-02-30", "", "20/03/29", "1920-01-01"])
def test_what_is_no_day_is_refused(text):
    with pytest.raises(DataError, match="is no day; HAPI writes yy-mm-dd"):
        hapi_date(text)


@pytest.mark.parametrize(
    ("task", "date", "status"),
    [
        ("scr", "20-03-29", "confirmed"),
        ("scr", "20-10-21", "not_later_than"),
        ("mic", "21-02-17", "not_later_than"),
        ("llm", "23-06-13", "model_snapshot"),
    ],
)
def test_release_does_not_say_what_its_dates_are(task, date, status):
    assert status_of_release(task, date) == status


@pytest.mark.parametrize("name", ["..", ".hidden", "a/b", "a\\b", "", "-x", "a:b"])
def test_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(DataError, match="cannot be part of a path"):
        check_name("api", name)
