from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.prompting import fit_prompt

EXAMPLES = ("one ", "two ", "three ")


def build(n, text):
    return "".join(EXAMPLES[:n]) + text + " A:"


def fit(reader, text, reserve=2):
    return fit_prompt(build, text, n_examples=3, reserve=reserve, reader=reader)


def test_everything_is_kept_without_a_limit(reader):
    fitted = fit(reader(), "text" * 100)
    assert (fitted.n_examples, fitted.is_truncated) == (3, False)


@pytest.mark.parametrize(("max_length", "n"), [(23, 3), (22, 2), (17, 2), (16, 1), (13, 1), (12, 0), (9, 0)])
def test_the_last_examples_are_dropped_first(reader, max_length, n):
    fitted = fit(reader(max_length), "text")
    assert (fitted.prompt, fitted.n_examples, fitted.is_truncated) == (build(n, "text"), n, False)


def test_a_long_input_is_cut_from_the_right_and_the_cue_stays(reader):
    fitted = fit(reader(10), "0123456789")
    assert (fitted.prompt, fitted.n_examples, fitted.is_truncated) == ("01234 A:", 0, True)


def test_a_window_smaller_than_the_cue_gets_what_fits(reader):
    assert fit(reader(4), "0123456789").prompt == " A"


def test_a_window_smaller_than_the_completion_gets_nothing(reader):
    assert fit(reader(1), "0123456789", reserve=5).prompt == ""


@given(st.text(max_size=60), st.integers(0, 80), st.integers(0, 10))
def test_prompt_and_completion_always_fit(text, max_length, reserve):
    class Reader:
        def __init__(self):
            self.max_length = max_length

        def count_tokens(self, text):
            return len(text.encode("utf-8", "surrogatepass"))  # several tokens a character

        def split_text(self, text, max_tokens):
            pieces, size = [""], 0
            for character in text:
                size += self.count_tokens(character)
                if size > max_tokens and pieces[-1]:
                    pieces.append("")
                    size = self.count_tokens(character)
                pieces[-1] += character
            return pieces

    fitted = fit(Reader(), text, reserve=reserve)
    assert Reader().count_tokens(fitted.prompt) <= max(max_length - reserve, 0)
