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


def test_a_scored_request_needs_room_for_its_continuation_only():
    client = FakeClient(lambda _: Completion(text="", logprob=-1.0), max_length=3)
    fits, long = client.complete([Request(prompt="one two", continuation=text) for text in (" x", " x y")])
    assert (fits.error, fits.completions[0].n_tokens) == (None, 1)
    assert "needs 4 tokens" in long.error


def test_random_writes_nothing_where_the_prompt_shows_no_answer():
    assert write("fake:random", "Q: one?\nA:") == " "


def test_random_scores_lie_within_their_bounds_and_differ():
    scores = {logprob("fake:random", f" word{number}") for number in range(50)}
    assert len(scores) == 50
    assert all(-1.5 <= score <= -0.5 for score in scores)


def test_random_draws_all_letters_about_equally():
    drawn = [write(f"fake:random={seed}", OPTIONS) for seed in range(400)]
    assert 150 < drawn.count(" A") < 250


@given(st.text(max_size=30), st.text(min_size=1, max_size=3), st.integers(0, 5))
def test_no_fake_writes_a_stop_string_or_too_much(text, stop, max_tokens):
    client = FakeClient(lambda _: Completion(text=text))
    (result,) = client.complete([Request(prompt="", stop=(stop,), max_tokens=max_tokens)])
    found = result.completions[0]
    assert stop not in found.text
    assert text.startswith(found.text)
    assert found.n_tokens == client.count_tokens(found.text) <= max_tokens


@given(st.text(max_size=30), st.text(max_size=30))
def test_uniform_is_additive_over_text(one, other):
    whole = logprob("fake:uniform", one + other)
    assert whole == pytest.approx(logprob("fake:uniform", one) + logprob("fake:uniform", other))
    assert whole == pytest.approx(-len((one + other).encode()) * math.log(256))


@pytest.mark.parametrize(
    "spec", ["fake:first", "fake:random=7", "fake:oracle", "fake:constant=a b", "fake:echo"]
)
def test_a_fake_is_named_as_it_was_opened(spec):
    assert open_client(spec).name == spec
