from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients import Completion, FakeClient
from longwave.errors import DataError
from longwave.prompting import Case, LanguageModeling, TextWindow, cut_windows
from longwave.scenarios import PromptFormat

TEXTS = PromptFormat(method="language_modeling")


@given(st.text(max_size=80), st.integers(2, 30))
def test_every_token_is_predicted_once_with_as_much_context_as_fits(text, max_length):
    class Reader:
        count_tokens = staticmethod(len)

        def __init__(self):
            self.max_length = max_length

        def split_text(self, text, max_tokens):
            return [text[i : i + max_tokens] for i in range(0, len(text), max_tokens)]

    windows = cut_windows(text, Reader())
    assert "".join(window.target for window in windows) == text
    start = 0
    for window in windows:
        # all that precedes, as far as the window has room
        room = max_length - len(window.target) if start else 0
        assert window.context == text[max(0, start - room) : start]
        start += len(window.target)


def test_first_window_predicts_all_it_holds_and_the_last_is_filled_from_the_left(reader):
    assert cut_windows("0123456789", reader(4)) == [
        TextWindow(context="", target="0123"),
        TextWindow(context="3", target="456"),
        TextWindow(context="6", target="789"),
    ]


def test_a_short_text_is_one_window(reader):
    assert cut_windows("abc", reader(3)) == [TextWindow(context="", target="abc")]


def test_an_empty_text_has_no_window(reader):
    assert cut_windows("", reader()) == []


def test_windows_add_up_to_bits_per_byte_of_the_whole(make_instance, reader):
    prepared = LanguageModeling().prepare(Case(prompt=TEXTS, instance=make_instance("né" * 4)), reader(3))
    answers = [(Completion(text="", logprob=-2.0, n_tokens=3),) for _ in prepared.requests]
    outcome = LanguageModeling().interpret(prepared, answers)
    n_bytes = 12
    assert outcome.logprob == -2.0 * len(answers)
    assert outcome.values["bytes"] == n_bytes
    assert outcome.values["bits_per_byte"] == pytest.approx(2.0 * len(answers) / (n_bytes * math.log(2)))


def test_an_instance_without_text_is_refused(make_instance, reader):
    with pytest.raises(DataError, match="no text to predict"):
        LanguageModeling().prepare(Case(prompt=TEXTS, instance=make_instance("")), reader())


def test_a_model_without_logprobs_is_told_so(make_instance, reader):
    prepared = LanguageModeling().prepare(Case(prompt=TEXTS, instance=make_instance()), reader())
    with pytest.raises(DataError, match="no log-probability"):
        LanguageModeling().interpret(prepared, [(Completion(text=""),)])


def test_the_context_is_as_long_where_tokens_are_many_characters():
    reader = FakeClient(lambda _: None, max_length=4)
    windows = cut_windows("wonderful weather everywhere throughout summertime", reader)
    # the last window predicts one word and is filled up with three
    assert windows[-1] == TextWindow(context=" weather everywhere throughout", target=" summertime")
