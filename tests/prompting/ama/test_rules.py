"""Rules: replies become votes, and what says nothing becomes none."""

from __future__ import annotations

import pytest

from longwave.errors import ConfigError, DataError, UnknownName
from longwave.prompting.ama.rows import Row
from longwave.prompting.ama.rules import RULES, Decision, Heard, Scene

CLAIM = ("True", "False")


def scene(rule, replies, *, options=CLAIM, fields=None, answers=None, first=None, **how):
    steps = {"last": tuple(Heard(text=text) if isinstance(text, str) else text for text in replies)}
    if first is not None:
        steps = {"first": (first,), **steps}
    return Scene(
        row=Row(fields=fields or {}, options=options, answers=answers or {}),
        decision=Decision(rule=rule, of=tuple(steps), **how),
        heard=steps,
    )


def vote(rule, *replies, **how):
    return RULES[rule].decide(scene(rule, replies, **how))


def scored(*pairs):
    return [Heard(text="", logprob=logprob, n_tokens=n_tokens) for logprob, n_tokens in pairs]


@pytest.mark.parametrize(
    ("reply", "place"), [("Yes.", 0), ("no", 1), ("unknown", None), ("perhaps", None), ("", None)]
)
def test_said(reply, place):
    assert vote("said", reply) == place


def test_unknown_is_a_class_where_there_is_one_and_nothing_else_is():
    three = ("entailment", "contradiction", "neutral")
    assert [vote("said", text, options=three) for text in ("unknown", "banana", "yes no")] == [2, None, None]


def test_option_and_agree():
    options = ("red", "blue")
    assert vote("option", "It is red.", options=options) == 0
    assert vote("agree", "red", "Red.", options=options) == 0
    assert vote("agree", "red", "blue", options=options) is None
    assert vote("agree", "green", "green", options=options) is None


@pytest.mark.parametrize(
    ("replies", "place"),
    [(("no", "yes"), 1), (("yes", "yes"), None), (("no", "no"), None), (("?", "yes"), 1)],
)
def test_only_one_affirmed_option_counts(replies, place):
    assert vote("one-yes", *replies) == place


def test_the_likeliest_option_wins_per_token_or_in_all():
    replies = scored((-4.0, 4), (-3.0, 1))
    assert vote("likeliest", *replies) == 0
    assert vote("likeliest", *replies, by="sum") == 1
    assert vote("likeliest", *scored((-1.0, 1), (-1.0, 1))) is None
    assert vote("likeliest", *scored((float("-inf"), 1), (-1.0, 0))) == 1


def test_a_model_without_log_probabilities_is_told():
    with pytest.raises(DataError, match="gave no log-probability for an option"):
        vote("likeliest", *scored((None, 1), (-1.0, 1)))


def test_free_answers_are_what_was_said():
    assert [vote("text", text, options=()) for text in ("Paris", "I don't know", "")] == ["Paris", None, None]


@pytest.mark.parametrize(
    ("expected", "reply", "place"),
    [
        ("Warsaw", "in Warsaw, Poland", 0),
        ("Warsaw", "London", 1),
        ("", "London", None),
        ("Warsaw", "", None),
        ("Warsaw", "Unknown", 1),
        ("the", "the", None),
    ],
)
def test_overlap_compares_what_was_expected_with_what_was_answered(expected, reply, place):
    first = Heard(text="Where?", parts={"expected": expected})
    assert vote("overlap", reply, first=first, answers={"unknown": ("false",)}) == place


def test_the_candidate_is_the_same_or_not():
    fields = {"candidate": "The mirror"}
    assert [vote("same", text, fields=fields) for text in ("mirrors", "the lamp", "unknown", "the", "")] == [
        0,
        1,
        None,
        None,
        None,
    ]


def test_the_tail_is_picked_or_an_alternative():
    first = Heard(text="- in a tent\n- at home\n- in the barracks")
    fields = {"tail": "in the barracks"}
    found = [
        vote("tail", text, fields=fields, first=first) for text in ("in the barracks", "at home", "nowhere")
    ]
    assert found == [0, 1, None]


def test_the_only_option_of_the_mood_counts():
    first = Heard(text="Positive")
    assert vote("mood", "positive", "negative", first=first) == 0
    assert vote("mood", "positive", "positive", first=first) is None
    assert vote("mood", "", "", first=Heard(text="")) is None


# scores are given, not written, and the mood counts only where an ideal model has decided before
@pytest.mark.parametrize("rule", sorted(set(RULES) - {"likeliest", "mood"}))
@pytest.mark.parametrize("right", [0, 1])
def test_the_ideal_reply_gives_the_right_vote(rule, right):
    fields = {"candidate": "the mirror", "tail": "in the barracks"}
    first = Heard(text="- in a tent\n- at home", parts={"expected": "Warsaw"})
    at = scene(rule, (), fields=fields, first=first, options=() if rule == "text" else CLAIM)
    wanted = "Paris" if rule == "text" else right
    calls = 2 if rule in ("one-yes", "agree") else 1
    replies = [RULES[rule].ideal(at, wanted, call) for call in range(calls)]
    options = () if rule == "text" else CLAIM
    assert vote(rule, *replies, fields=fields, first=first, options=options) == wanted


def test_an_unknown_rule_and_a_decision_by_nothing_are_refused():
    with pytest.raises(UnknownName, match='Unknown rule "likelyest"'):
        Decision(rule="likelyest", of=("a",))
    with pytest.raises(ConfigError, match='by the rule "said" reads no step'):
        Decision(rule="said", of=())
