from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.clients.budget import Usage
from longwave.clients.http_failures import FailedTry
from longwave.clients.openai_answers import read_completions, read_scored, read_usage


def listed(*pairs):
    """Write log-probabilities as /completions does."""
    offsets, place = [], 0
    for text, _ in pairs:
        offsets.append(place)
        place += len(text)
    return {
        "tokens": [text for text, _ in pairs],
        "token_logprobs": [value for _, value in pairs],
        "text_offset": offsets,
    }


def text_answer(*texts, **more):
    return {"choices": [{"index": i, "text": text, **more} for i, text in enumerate(texts)]}


def chat_answer(content, *pairs, **more):
    logprobs = {"content": [{"token": text, "logprob": value} for text, value in pairs]} if pairs else None
    message = {"role": "assistant", "content": content, **more.pop("message", {})}
    return {"choices": [{"index": 0, "message": message, "logprobs": logprobs, **more}]}


def read(payload, *, stop=(), tokens_out=10):
    usage = None if tokens_out is None else Usage(tokens_in=1, tokens_out=tokens_out)
    return read_completions(payload, stop=stop, usage=usage, count=lambda text: len(text.split()))


@pytest.mark.parametrize(
    ("payload", "usage"),
    [
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 4}}, Usage(tokens_in=3, tokens_out=4)),
        ({"usage": {"prompt_tokens": 3}}, Usage(tokens_in=3, tokens_out=0)),
        ({}, None),
        ({"usage": None}, None),
        ({"usage": {"prompt_tokens": "3", "completion_tokens": 4}}, None),
        ({"usage": {"prompt_tokens": True, "completion_tokens": 4}}, None),
        ({"usage": {"prompt_tokens": -1, "completion_tokens": 4}}, None),
        ({"usage": {"completion_tokens": 4}}, None),
    ],
)
def test_usage_is_what_the_server_counted(payload, usage):
    assert read_usage(payload) == usage


def test_log_probabilities_are_summed():
    pairs = listed((" a", -1.0), (" b", -0.5))
    (found,) = read(text_answer(" a b", logprobs=pairs, finish_reason="length"))
    assert (found.text, found.logprob, found.n_tokens, found.finish_reason) == (" a b", -1.5, 2, "length")


def test_chats_tell_the_same():
    (found,) = read(chat_answer("a b", ("a", -1.0), (" b", -0.5), finish_reason="stop"))
    assert (found.text, found.logprob, found.n_tokens, found.finish_reason) == ("a b", -1.5, 2, "stop")


def test_completions_come_in_the_order_of_their_index():
    payload = text_answer("a", "b")
    payload["choices"].reverse()
    assert [item.text for item in read(payload)] == ["a", "b"]


def test_without_log_probabilities_tokens_are_shared_by_length():
    found = read(text_answer("abc", "abcdef", ""), tokens_out=9)
    assert [item.n_tokens for item in found] == [3, 6, 0]
    assert {item.logprob for item in found} == {None}


def test_without_any_count_tokens_are_estimated():
    assert [item.n_tokens for item in read(text_answer("a b", "c"), tokens_out=None)] == [2, 1]


def test_a_missing_log_probability_makes_the_sum_unknown():
    (found,) = read(text_answer(" a b", logprobs=listed((" a", None), (" b", -0.5))))
    assert (found.logprob, found.n_tokens) == (None, 2)


def test_text_ends_before_the_first_stop_string_with_its_tokens():
    pairs = listed(("a", -1.0), ("b", -0.25), ("\nc", -4.0), ("x", -8.0))
    (found,) = read(text_answer("ab\ncx", logprobs=pairs, finish_reason="length"), stop=("x", "\n"))
    assert (found.text, found.logprob, found.n_tokens, found.finish_reason) == ("ab", -1.25, 2, "stop")


def test_tokens_listed_after_the_end_do_not_count():
    (found,) = read(chat_answer("yes", ("yes", -1.0), ("<|im_end|>", -0.1), finish_reason="stop"))
    assert (found.logprob, found.n_tokens) == (-1.0, 1)


def test_tokens_of_half_characters_still_sum():
    (found,) = read(text_answer("é", logprobs=listed(("bytes:\\xc3", -1.0), ("bytes:\\xa9", -2.0))))
    assert (found.logprob, found.n_tokens) == (-3.0, 2)


def test_tokens_that_do_not_join_say_nothing_of_a_cut_text():
    pairs = listed(("bytes:\\xc3", -1.0), ("bytes:\\xa9", -2.0), ("\n", -1.0))
    (found,) = read(text_answer("é\n", logprobs=pairs), stop=("\n",), tokens_out=3)
    assert (found.text, found.logprob, found.n_tokens) == ("é", None, 2)


def test_content_in_parts_is_joined():
    (found,) = read(chat_answer([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]))
    assert found.text == "ab"


def test_thoughts_that_took_all_tokens_leave_an_empty_text():
    (found,) = read(chat_answer(None, finish_reason="length"))
    assert (found.text, found.finish_reason) == ("", "length")


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({}, "no choices"),
        ({"choices": []}, "no choices"),
        ({"choices": {"0": 1}}, "no choices"),
        ({"choices": [None]}, "no choices"),
        (text_answer(None), "holds no text"),
        (text_answer("", finish_reason="content_filter"), "filter withheld"),
        (chat_answer("half", finish_reason="content_filter"), "filter withheld"),
        (chat_answer(None, message={"refusal": "I'm sorry,\nI can't."}), "The model refused: \"I'm sorry, I"),
        (chat_answer(None, finish_reason="tool_calls"), "holds no text"),
    ],
)
def test_answers_without_a_completion_are_failures(payload, message):
    with pytest.raises(FailedTry, match=message):
        read(payload)


KEYS = (
    *("choices", "text", "message", "content", "logprobs", "tokens", "token_logprobs", "text_offset"),
    *("index", "finish_reason", "refusal", "token", "logprob", "usage", "prompt_tokens"),
    "completion_tokens",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def raises_nothing_else(function):
    """Whether a call succeeds, or fails as a failed try with words."""
    try:
        function()
    except FailedTry as failed:
        return bool(str(failed.error))
    return True


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(["choices", "usage"]), JSON, max_size=2), JSON)
def test_any_json_is_an_answer_or_a_failure(payload, choice):
    for each in (payload, {"choices": [choice]}, {"choices": [{"text": "ab", "logprobs": choice}]}):
        assert raises_nothing_else(lambda each=each: read(each, stop=("a",), tokens_out=None))
        assert raises_nothing_else(lambda each=each: score(each, "ab", "b"))
        assert read_usage(each) is None or read_usage(each).tokens_in >= 0


def score(payload, text, continuation, n_generated=0):
    return read_scored(payload, text=text, continuation=continuation, n_generated=n_generated)


def test_a_continuation_is_the_end_of_the_echoed_text():
    pairs = listed(("One", None), (" two", -3.0), (" th", -1.0), ("ree", -0.5))
    found = score(text_answer("One two three", logprobs=pairs), "One two three", " three")
    assert (found.text, found.logprob, found.n_tokens, found.finish_reason) == (" three", -1.5, 2, "scored")


def test_a_token_over_the_border_counts_with_the_continuation():
    pairs = listed(("One", None), (" two ", -3.0), ("three", -1.0))
    assert score(text_answer("One two three", logprobs=pairs), "One two three", " three").logprob == -4.0


def test_tokens_before_the_text_do_no_harm():
    pairs = listed(("<s>", None), ("Three", -2.0))
    assert score(text_answer("Three", logprobs=pairs), "Three", "Three").logprob == -2.0


def test_tokens_after_the_text_do_not_count():
    pairs = listed(("One", None), (" two", -3.0), (" x", -9.0))
    assert score(text_answer("One two x", logprobs=pairs), "One two", " two", 1).logprob == -3.0


def test_tokens_of_half_characters_are_found_by_their_offsets():
    logprobs = {
        "tokens": ["a", "bytes:\\xc3", "bytes:\\xa9", "b"],
        "token_logprobs": [None, -1.0, -2.0, -4.0],
        "text_offset": [0, 1, 1, 2],
    }
    assert score(text_answer("aéb", logprobs=logprobs), "aéb", "éb").logprob == -7.0
    assert score(text_answer("aéb", logprobs=logprobs), "aéb", "b").logprob == -4.0


def test_an_empty_continuation_is_certain():
    found = score(text_answer("One", logprobs=listed(("One", None))), "One", "")
    assert (found.logprob, found.n_tokens) == (0.0, 0)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (text_answer("x", logprobs=listed(("x", -1.0))), "does not echo"),
        (text_answer("One two"), "does not echo"),
        (text_answer("One two", logprobs={"tokens": ["One"], "token_logprobs": []}), "does not echo"),
        (
            text_answer("One two", logprobs=listed(("One two", None))),
            "no probability of a text's first token",
        ),
        (text_answer("One two", logprobs=listed(("One", -1.0), (" t", None), ("wo", -1.0))), "leaves out"),
        (
            text_answer("One two", logprobs={"tokens": ["?", "?"], "token_logprobs": [None, -1.0]}),
            "do not join",
        ),
    ],
)
def test_servers_that_cannot_score_are_told_apart(payload, message):
    with pytest.raises(FailedTry, match=message):
        score(payload, "One two", " two")
