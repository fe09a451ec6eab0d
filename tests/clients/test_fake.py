from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients import Completion, FakeClient, OracleClient, Request, Teachable, open_client
from longwave.errors import ClientError, ConfigError, UnknownName

SHOWN = "Q: one?\nA: Yes\n\nQ: two?\nA: No\n\nQ: three?\nA:"
OPTIONS = "Question: old?\nA. x\nB. y\nC. z\nAnswer: B\n\nQuestion: new?\nA. x\nB. y\nAnswer:"


def write(spec, prompt, **settings):
    (result,) = open_client(spec).complete([Request(prompt=prompt, **settings)])
    return result.completions[0].text


def logprob(spec, continuation):
    (result,) = open_client(spec).complete([Request(prompt="", continuation=continuation)])
    return result.completions[0].logprob


def test_first_writes_the_first_letter():
    assert write("fake:first", OPTIONS) == " A"


def test_constant_writes_its_text():
    assert write("fake:constant= Yes, it = so", "any") == " Yes, it = so"


def test_echo_writes_the_last_line():
    assert write("fake:echo", "one\ntwo three") == "two three"


def test_uniform_gives_eight_bits_per_byte():
    assert logprob("fake:uniform", "né") == pytest.approx(-3 * 8 * math.log(2))


@pytest.mark.parametrize(("prompt", "allowed"), [(SHOWN, {" Yes", " No"}), (OPTIONS, {" A", " B"})])
def test_random_writes_every_answer_the_prompt_shows(prompt, allowed):
    assert {write(f"fake:random={seed}", prompt) for seed in range(40)} == allowed


def test_random_is_the_same_every_time():
    assert write("fake:random=3", OPTIONS) == write("fake:random=3", OPTIONS)


def test_about_one_request_in_n_fails_and_always_the_same():
    requests = [Request(prompt=str(index)) for index in range(200)]
    failed, again = (
        [result.error is not None for result in open_client("fake:fail-every=4").complete(requests)]
        for _ in range(2)
    )
    assert failed == again
    assert 30 <= sum(failed) <= 70


def test_oracle_answers_what_it_was_taught():
    oracle = open_client("fake:oracle")
    assert isinstance(oracle, Teachable)
    oracle.teach(Request(prompt="Q"), Completion(text="42"))
    known, unknown = oracle.complete([Request(prompt="Q"), Request(prompt="R")])
    assert known.completions[0].text == "42"
    assert "was not told" in unknown.error


def test_text_is_cut_at_max_tokens_and_stop():
    assert write("fake:constant=one two\nthree", "", max_tokens=2, stop=("\n",)) == "one two"


def test_a_rule_that_raises_fails_its_request_only():
    def rule(request):
        if request.prompt == "bad":
            raise ClientError("no")
        return Completion(text="fine")

    good, bad = FakeClient(rule).complete([Request(prompt="good"), Request(prompt="bad")])
    assert (good.error, bad.error) == (None, "no")


def test_a_request_beyond_the_window_is_refused():
    client = FakeClient(lambda _: Completion(text=""), max_length=3)
    (result,) = client.complete([Request(prompt="one two", max_tokens=2)])
    assert "needs 4 tokens" in result.error


def test_requests_are_counted():
    client = FakeClient(lambda _: Completion(text=""))
    client.complete([Request(prompt="")] * 3)
    assert client.n_requests == 3


@given(st.text(max_size=50), st.integers(1, 5))
def test_pieces_joined_are_the_text(text, max_tokens):
    pieces = FakeClient(lambda _: Completion(text="")).split_text(text, max_tokens)
    assert "".join(pieces) == text
    assert all(OracleClient().count_tokens(piece) <= max_tokens for piece in pieces)


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("fake:frist", UnknownName, "first"),
        ("fake:constant", ConfigError, "needs a text"),
        ("fake:fail-every=0", ConfigError, "at least 1"),
        ("fake:fail-every", ConfigError, "at least 1"),
        ("fake:random=x", ConfigError, "at least 0"),
    ],
)
def test_wrong_rules_are_refused(spec, error, message):
    with pytest.raises(error, match=message):
        open_client(spec)
